//! What is to be said of a file.

use crate::lane::{Desk, Lane, State};
use crate::pieces::Pieces;
use crate::types::{FileOutcome, Options, Status};

/// What is to be said of a file now.
pub(crate) fn of<T>(options: &Options, lane: &Lane<T>, desk: &Desk<T>) -> FileOutcome {
    let relative = |name: &str| {
        let place = lane.job.place.as_ref();
        place.map(|place| place.folder.relative(name))
    };
    let mut outcome = unknown(options, lane, desk);
    match &desk.state {
        State::Unknown => {}
        State::Done(finished) => {
            let done = &finished.done;
            outcome.status = Status::Complete;
            outcome.name.clone_from(&done.name);
            outcome.path = relative(&done.name);
            outcome.size = Some(done.size);
            outcome.crc32 = Some(done.crc32);
            outcome.crc32_declared = finished.declared();
            outcome.of = finished.of();
            outcome.unverified = finished.unverified().min(outcome.of);
            outcome.ok = outcome.of - outcome.unverified;
            outcome.resumed = desk.resumed.min(outcome.of);
            outcome.md5_16k = desk.digests.md5_16k;
            outcome.sha256 = desk.digests.sha256;
            outcome.blake3 = desk.digests.blake3;
        }
        State::Open(pieces) => {
            let part = desk.away.as_deref().unwrap_or(&lane.part);
            outcome.part_path = desk.inode.and_then(|_| relative(part));
            describe(options, desk, pieces, &mut outcome);
        }
    }
    outcome
}

/// A file of which nothing is known.
fn unknown<T>(options: &Options, lane: &Lane<T>, desk: &Desk<T>) -> FileOutcome {
    FileOutcome {
        job: lane.job.id.clone(),
        job_name: lane.job.name.clone(),
        file: lane.index,
        file_id: lane.file_id.clone(),
        name: lane.base(options, desk),
        path: None,
        part_path: None,
        status: Status::Incomplete,
        size: None,
        of: 0,
        ok: 0,
        missing_count: 0,
        missing: Vec::new(),
        damaged: 0,
        damaged_ranges: Vec::new(),
        unverified: 0,
        missing_ranges: Vec::new(),
        crc32: None,
        crc32_declared: None,
        md5_16k: None,
        sha256: None,
        blake3: None,
        resumed: 0,
        reported: desk.reported,
    }
}

fn describe<T>(options: &Options, desk: &Desk<T>, pieces: &Pieces, outcome: &mut FileOutcome) {
    let counts = pieces.counts();
    outcome.status = pieces.status(options.accept_unverified);
    outcome.size = pieces.hints.size.get().copied();
    outcome.crc32_declared = pieces.hints.crc32.get().copied();
    outcome.of = pieces.of();
    outcome.ok = counts.ok;
    outcome.missing_count = counts.missing;
    outcome.damaged = counts.damaged;
    outcome.unverified = counts.unverified;
    outcome.missing_ranges = pieces.missing_ranges();
    outcome.resumed = desk.resumed;
    outcome.md5_16k = desk.hashing.as_ref().and_then(|h| h.md5_16k());
    let gone = desk
        .missing
        .iter()
        .filter(|(number, _)| !pieces.has(*number));
    outcome.missing = gone.cloned().collect();
    outcome.missing.sort_unstable();
    let damaged = desk.damaged.iter().filter(|(n, _)| !pieces.has(**n));
    outcome.damaged_ranges = damaged.map(|(_, range)| *range).collect();
    outcome.damaged_ranges.sort_unstable();
}
