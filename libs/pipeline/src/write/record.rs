//! From records to pieces, and from fates to records.

use std::borrow::Cow;

use nzbpipe_record::{
    Bytes, Class, Crc, Encoding, Failed, FileReport, FileStatus, Header, Part, Segment, Tried,
};
use nzbpipe_store::{Absent, FileOutcome, Ident, Order, Piece, Placed, Status, Why};

use super::NAME;

/// Job, index and digest: files with the same segments have the same digest.
pub(super) type Identity = (String, u64, String);

/// What tells the file of a segment from all others.
pub(super) fn file_of(segment: &Segment) -> Identity {
    let id = identity(segment).into_owned();
    (segment.job.clone(), segment.file, id)
}

/// What tells files apart. A stream made by hand may lack the digest; then the
/// job, the index and the name must do.
pub(crate) fn identity(segment: &Segment) -> Cow<'_, str> {
    if !segment.file_id.is_empty() {
        return Cow::Borrowed(&segment.file_id);
    }
    let words = format!("{}\n{}\n{}", segment.job, segment.file, segment.name);
    Cow::Owned(format!("{:08x}", crc32fast::hash(words.as_bytes())))
}

/// The piece that a part is; `id` is its [`identity`], `crc32` that of its bytes if it is
/// what the part says.
pub(super) fn piece<'a>(
    part: &'a Part,
    bytes: Bytes,
    (file_id, crc32): (&'a str, Option<u32>),
) -> Piece<'a, Bytes> {
    let segment = &part.segment;
    Piece {
        job: &segment.job,
        job_name: &segment.job_name,
        file: segment.file,
        file_id,
        name: &segment.name,
        yenc_name: part.yenc_name.as_deref(),
        number: segment.number,
        of: segment.of,
        offset: part.offset.unwrap_or_default(),
        order: match part.encoding {
            Some(Encoding::Uu) => Some(Order::Uu { ends: part.ends }),
            Some(Encoding::Raw) => Some(Order::Raw),
            _ => None,
        },
        size: part.size,
        verified: part.crc == Crc::Ok && crc32.is_some(),
        damaged: matches!(part.crc, Crc::Mismatch | Crc::Truncated) || crc32.is_none(),
        bytes,
        crc32: crc32.unwrap_or_default(),
        file_crc32: part.file_crc32.as_deref().and_then(hex),
        bound: None,
        file_bytes: segment.file_bytes,
        part: part.yenc_part,
        total: part.total,
        id: &segment.id,
    }
}

/// What a segment's class of failure is to the store.
pub(super) fn why(class: &Class) -> Why {
    match class {
        Class::Missing => Why::Missing,
        Class::Damaged => Why::Damaged,
        _ => Why::Failed,
    }
}

/// The absence of a segment.
pub(super) fn absent<'a>(segment: &'a Segment, file_id: &'a str, why: Why) -> Absent<'a> {
    Absent {
        job: &segment.job,
        job_name: &segment.job_name,
        file: segment.file,
        file_id,
        name: &segment.name,
        number: segment.number,
        of: segment.of,
        id: &segment.id,
        why,
    }
}

/// The file that a segment belongs to.
pub(crate) fn ident<'a>(segment: &'a Segment, file_id: &'a str) -> Ident<'a> {
    Ident {
        job: &segment.job,
        job_name: &segment.job_name,
        file: segment.file,
        file_id,
        name: &segment.name,
        of: segment.of,
    }
}

pub(super) fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

/// Why a part does not count, in the words of a `failed` record.
pub(super) fn refusal(part: &Part, placed: &Placed) -> Option<&'static str> {
    match placed {
        Placed::Rejected(reason) => Some(reason.as_str()),
        Placed::Damaged if part.crc == Crc::Truncated => Some("truncated"),
        Placed::Damaged if part.encoding.is_some() => Some("damaged"),
        Placed::Damaged => Some("crc"),
        _ => None,
    }
}

/// The `failed` record of a segment whose copies from these servers are of no use.
pub(super) fn refused(segment: &Segment, reason: &str, servers: &[String]) -> Header {
    let tried = |server: &String| Tried {
        server: server.clone(),
        class: Class::Damaged,
        tries: 1,
        ..Tried::default()
    };
    Header::Failed(Box::new(Failed {
        segment: segment.clone(),
        stage: NAME.to_owned(),
        class: Class::Damaged,
        reason: reason.to_owned(),
        tried: servers
            .iter()
            .filter(|s| !s.is_empty())
            .map(tried)
            .collect(),
        ..Failed::default()
    }))
}

/// The most ranges a `file` record lists: its header has a limit.
const RANGES: usize = 1000;

/// The `file` record of an outcome.
pub fn report(file: &FileOutcome) -> FileReport {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    FileReport {
        job: file.job.clone(),
        job_name: file.job_name.clone(),
        file: file.file,
        file_id: file.file_id.clone(),
        name: file.name.clone(),
        path: file.path.as_ref().map(|p| p.to_string_lossy().into_owned()),
        status: match file.status {
            Status::Complete => FileStatus::Complete,
            Status::Damaged => FileStatus::Damaged,
            Status::Unverified => FileStatus::Unverified,
            _ => FileStatus::Incomplete,
        },
        size: file.size,
        segments: file.of,
        ok: file.ok,
        missing: file.missing_count,
        damaged: file.damaged,
        unverified: file.unverified,
        missing_ranges: ranges(&file.missing_ranges),
        damaged_ranges: ranges(&file.damaged_ranges),
        crc32: file.crc32.map(|crc| format!("{crc:08x}")),
        crc32_declared: file.crc32_declared.map(|crc| format!("{crc:08x}")),
        crc32_matches: file.crc32.zip(file.crc32_declared).map(|(a, b)| a == b),
        md5_16k: file.md5_16k.map(|digest| hex(&digest)),
        sha256: file.sha256.map(|digest| hex(&digest)),
        blake3: file.blake3.map(|digest| hex(&digest)),
        resumed: file.resumed,
        ..FileReport::default()
    }
}

fn ranges(all: &[(u64, u64)]) -> Vec<[u64; 2]> {
    let listed = all.iter().take(RANGES);
    listed.map(|&(start, end)| [start, end]).collect()
}
