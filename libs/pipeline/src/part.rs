//! From a decoded article to the record that tells of it. Both arrangements come
//! through here, so they cannot judge differently.

use nzbpipe_nntp::Nth;
use nzbpipe_record::{
    Bytes, Class, Crc, Encoding, Failed, Header, Part, Provenance, Record, Segment, text,
};
use nzbpipe_yenc::{Encoding as Found, Report, Verdict};

/// The report on an article, held against which of its file's it is.
pub(crate) fn placed(mut report: Report, nth: Nth) -> Report {
    report.expect(nth.number == 1, nth.of > 0 && nth.number == nth.of);
    report
}

/// The `part` for decoded `bytes`; a `failed` where no offset can be had, and is
/// needed.
pub(crate) fn record(
    segment: Segment,
    provenance: Provenance,
    report: &Report,
    bytes: Bytes,
) -> Record {
    match crc(report) {
        Some(crc) if report.offset().is_some() || encoding(report).is_some() => Record {
            header: Header::Part(Box::new(part(segment, provenance, report, crc))),
            payload: Some(bytes),
        },
        crc => undecodable(segment, provenance, crc).into(),
    }
}

/// What the article is encoded with, if its pieces do not say where they belong. One
/// that holds nothing known has a verdict only if it is passed on as it is.
fn encoding(report: &Report) -> Option<Encoding> {
    match report.encoding {
        Found::Uu(_) => Some(Encoding::Uu),
        Found::None if report.verdict == Verdict::Absent => Some(Encoding::Raw),
        _ => None,
    }
}

/// The CRC verdict in the words of the record stream; `None` where nothing was
/// decoded.
pub(crate) fn crc(report: &Report) -> Option<Crc> {
    match report.verdict {
        Verdict::Ok => Some(Crc::Ok),
        Verdict::Mismatch => Some(Crc::Mismatch),
        Verdict::Absent => Some(Crc::Absent),
        Verdict::Truncated => Some(Crc::Truncated),
        _ => None,
    }
}

/// How much a copy is worth beside another one: whole but out of place, then
/// without proof, damaged, cut off, not encoded at all.
pub(crate) fn worth(crc: Option<Crc>) -> u8 {
    match crc {
        Some(Crc::Ok) => 4,
        Some(Crc::Absent) => 3,
        Some(Crc::Mismatch) => 2,
        Some(Crc::Truncated) => 1,
        None => 0,
    }
}

/// Why an article is worth asking another server for, if it is. An absent CRC is
/// no reason: every copy lacks it.
pub(crate) fn damage(report: &Report, nth: Nth) -> Option<String> {
    let reason = match report.verdict {
        Verdict::Mismatch if encoding(report).is_some() => "damaged",
        Verdict::Mismatch => "crc",
        Verdict::Truncated => "truncated",
        Verdict::Absent if encoding(report).is_some() => return None,
        Verdict::Ok | Verdict::Absent if report.offset().is_none() => "no-offset",
        Verdict::Ok | Verdict::Absent if wrong_part(report, nth.number) => "wrong-part",
        Verdict::Ok | Verdict::Absent => return None,
        _ => "no-yenc",
    };
    Some(reason.to_owned())
}

/// Whether the article says it is another part than the NZB's entry promised.
/// Posts exist whose NZB numbers otherwise, so this asks elsewhere but decides
/// nothing: the offset does, when the file is put together.
fn wrong_part(report: &Report, number: u64) -> bool {
    let declared = report.begin.as_ref().and_then(|begin| begin.part);
    declared.is_some_and(|part| part != 0 && part != number)
}

/// More of a name than any file system takes would only fill the header.
const LONGEST_NAME: usize = 1024;

fn part(segment: Segment, provenance: Provenance, report: &Report, crc: Crc) -> Part {
    let begin = report.begin.as_ref();
    let encoding = encoding(report);
    let alone = segment.of == 1 && encoding == Some(Encoding::Raw);
    let raw_name = report.name().unwrap_or_default();
    let raw_name = &raw_name[..raw_name.len().min(LONGEST_NAME)];
    let (yenc_name, yenc_name_b64) = text(raw_name);
    Part {
        segment,
        provenance,
        offset: report.offset().or(alone.then_some(0)),
        encoding,
        ends: matches!(&report.encoding, Found::Uu(uu) if uu.ends),
        size: report.size(),
        crc,
        crc32: report.crc32.map(|crc| format!("{crc:08x}")),
        file_crc32: report.file_crc32().map(|crc| format!("{crc:08x}")),
        yenc_name: (!raw_name.is_empty()).then_some(yenc_name),
        yenc_name_b64,
        yenc_part: begin.and_then(|b| b.part),
        total: begin.and_then(|b| b.total),
    }
}

fn undecodable(segment: Segment, provenance: Provenance, crc: Option<Crc>) -> Header {
    let reason = match crc {
        None => "no-yenc",
        Some(Crc::Truncated) => "truncated",
        Some(_) => "no-offset",
    };
    let mut failed = Failed {
        segment,
        stage: crate::decode::NAME.to_owned(),
        class: Class::Damaged,
        reason: reason.to_owned(),
        ..Failed::default()
    };
    failed.tried.push(nzbpipe_record::Tried {
        server: provenance.server,
        class: Class::Damaged,
        tries: provenance.tries,
        ..Default::default()
    });
    Header::Failed(Box::new(failed))
}
