//! The records of a job: what all segments of a file have in common, and what is to be said
//! of those that cannot be asked for.

use nzbpipe_nzb::Nzb;
use nzbpipe_record::{Class, Failed, FileReport, FileStatus, Header, Job, Segment};
use nzbpipe_store::Kept;

use super::NAME;

/// A file that is to be fetched.
pub(super) struct Left {
    /// Its index in the NZB.
    pub file: usize,
    /// What is there of it.
    pub kept: Kept,
}

/// The totals of what is still to be fetched: these files without what is kept of them.
pub(super) fn job(nzb: &Nzb, left: &[Left]) -> Job {
    let segments = |l: &Left| match l.kept.refused {
        true => 0,
        false => nzb.files()[l.file].segments.saturating_sub(l.kept.count()),
    };
    // Segments are of one size, but for the last.
    let bytes = |l: &Left| {
        let file = &nzb.files()[l.file];
        let share = u128::from(file.bytes?) * u128::from(segments(l));
        u64::try_from(share / u128::from(file.segments.max(1))).ok()
    };
    let text = |(key, value): &(String, String)| (cut(key), cut(value).into());
    Job {
        job: nzb.job().to_owned(),
        name: cut(nzb.name()),
        files: left.iter().filter(|l| segments(l) > 0).count() as u64,
        segments: left.iter().map(segments).fold(0, u64::saturating_add),
        bytes: left.iter().filter_map(bytes).fold(0, u64::saturating_add),
        // Whole or not at all: the beginning of a password opens nothing.
        password: nzb
            .password()
            .filter(|password| password.len() <= LONGEST)
            .map(str::to_owned),
        meta: nzb.meta().iter().take(META).map(text).collect(),
        ..Job::default()
    }
}

/// What all segments of one file have in common.
pub(super) fn template(nzb: &Nzb, file: usize) -> Segment {
    let entry = &nzb.files()[file];
    Segment {
        job: nzb.job().to_owned(),
        job_name: cut(nzb.name()),
        file: entry.index as u64,
        file_id: entry.file_id.clone(),
        name: cut(&entry.name),
        name_from: entry.name_from.as_str().to_owned(),
        of: entry.segments,
        file_bytes: entry.bytes,
        date: entry.date,
        poster: cut(&entry.poster),
        groups: entry.groups.iter().take(GROUPS).map(|g| cut(g)).collect(),
        subject: cut(&entry.subject),
        ..Segment::default()
    }
}

/// The longest text and the most groups and metadata that go into a header, so
/// that it stays under its limit though JSON writes a control character with six.
/// The longest subject in 270 real NZBs has 326 bytes, the longest metadata 260.
pub(super) const LONGEST: usize = 512;
const GROUPS: usize = 8;
const META: usize = 8;

/// The beginning of `text`, whole characters of it.
fn cut(text: &str) -> String {
    let end = (0..=LONGEST.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    text[..end.unwrap_or(0)].to_owned()
}

pub(super) fn record(template: &Segment, entry: nzbpipe_nzb::Segment) -> Header {
    let mut segment = Segment {
        number: entry.number,
        bytes: entry.bytes,
        alt: entry.alternates,
        ..template.clone()
    };
    match entry.id {
        Ok(id) => {
            segment.id = id;
            Header::Segment(Box::new(segment))
        }
        Err(bad) => {
            segment.id.clone_from(&bad.shown);
            failed(segment, bad.reason())
        }
    }
}

/// A segment whose message-id must never reach a server: it could carry commands.
pub(crate) fn bad_id(segment: Segment) -> Header {
    failed(segment, "bad-message-id")
}

pub(super) fn no_segments(file: Segment) -> Header {
    let segment = Segment {
        number: 1,
        of: 1,
        ..file
    };
    failed(segment, "no-segments")
}

/// The state of a file that segments are left out of.
pub(super) fn state(template: &Segment, kept: &Kept) -> Header {
    Header::File(Box::new(FileReport {
        job: template.job.clone(),
        job_name: template.job_name.clone(),
        file: template.file,
        file_id: template.file_id.clone(),
        name: template.name.clone(),
        status: match kept.complete {
            true => FileStatus::Complete,
            false => FileStatus::Incomplete,
        },
        segments: template.of,
        ok: kept.count().min(template.of),
        missing: template.of.saturating_sub(kept.count()),
        ..FileReport::default()
    }))
}

fn failed(segment: Segment, reason: &str) -> Header {
    Header::Failed(Box::new(Failed {
        segment,
        stage: NAME.to_owned(),
        class: Class::BadInput,
        reason: reason.to_owned(),
        ..Failed::default()
    }))
}
