//! The last words: what was written and what is missing.

use std::path::Path;

use nzbpipe_pipeline::write::Written;
use nzbpipe_pipeline::{Code, Failure, Tally};
use nzbpipe_store::{FileOutcome, Status};

use crate::message::{count, size};
use crate::ui::Ui;

/// Incomplete files named in full; the others are counted (`--json` has all).
const NAMED: usize = 20;

/// Prints failures, then the summary: one line when all is well, the list of
/// what is missing when it is not, one line only if `-q` was given.
pub(crate) fn print(ui: &Ui, written: &Written, dir: &Path) {
    ui.finish();
    let ending = &written.ending;
    let mut told = failures(ui, &ending.failures);
    let incomplete: Vec<_> = incomplete(&written.files).collect();
    if written.files.is_empty() {
        if !told && ending.code != Code::OK && !is_signal(ending.code) {
            ui.error(&nothing(ending.code));
        }
        return;
    }
    for file in written.files.iter().filter(is_contradicted).take(NAMED) {
        ui.warn(&contradiction(file));
    }
    let line = headline(written, incomplete.len(), dir);
    if ending.code == Code::OK {
        ui.warn(&line);
        return;
    }
    if !(ui.is_quiet() && told) {
        ui.error(&line);
        told = true;
    }
    debug_assert!(told);
    for file in incomplete.iter().take(NAMED) {
        ui.warn(&describe(file, dir));
    }
    for (job, verdict) in written.verdicts.iter().take(NAMED) {
        for line in verdict.summary() {
            ui.warn(&match written.verdicts.len() {
                1 => line,
                _ => format!("{}: {line}", job.escape_debug()),
            });
        }
    }
    if incomplete.len() > NAMED {
        ui.warn(&format!(
            "… and {} (--json tells of all)",
            count((incomplete.len() - NAMED) as u64, "more file")
        ));
    }
}

/// Prints what went wrong; with `-q` only the first. Says whether there was any.
pub(crate) fn failures(ui: &Ui, failures: &[Failure]) -> bool {
    let mut loud = failures.iter().filter(|f| !f.error.is_quiet());
    let Some(first) = loud.next() else {
        return false;
    };
    ui.error(&first.error.to_string());
    for failure in loud {
        ui.warn(&failure.error.to_string());
    }
    true
}

fn incomplete(files: &[FileOutcome]) -> impl Iterator<Item = &FileOutcome> {
    files.iter().filter(|file| file.status != Status::Complete)
}

/// Whether the file is complete by its parts, but not what its articles say it is.
fn is_contradicted(file: &&FileOutcome) -> bool {
    matches!((file.crc32, file.crc32_declared), (Some(is), Some(said)) if is != said)
}

fn contradiction(file: &FileOutcome) -> String {
    format!(
        "{}: warning: each part is right by its own CRC, but the whole has {:08x} where its \
         articles declare {:08x}",
        file.name,
        file.crc32.unwrap_or_default(),
        file.crc32_declared.unwrap_or_default()
    )
}

fn is_signal(code: Code) -> bool {
    code.number() > 128
}

/// Nothing arrived at all; what upstream handed down is the only thing known.
fn nothing(code: Code) -> String {
    let why = match code {
        Code::DATA => "the NZB or the stream is malformed",
        Code::NO_INPUT => "there was no input",
        Code::CONFIG => "the configuration is bad or absent",
        _ => "an earlier stage failed",
    };
    format!("nothing to write: {why}; its message says more")
}

fn headline(written: &Written, incomplete: usize, dir: &Path) -> String {
    let files = &written.files;
    let complete = files.len() - incomplete;
    let unproven = files.iter().filter(is_unproven).count();
    let bytes: u64 = files
        .iter()
        .filter(|f| f.status == Status::Complete)
        .filter_map(|f| f.size)
        .sum();
    if incomplete == 0 {
        return format!(
            "{}, {}, complete{} in {}{}",
            count(complete as u64, "file"),
            size(bytes),
            if unproven == 0 { " and verified" } else { "" },
            dir.display(),
            doubt(unproven, complete)
        );
    }
    format!(
        "{complete} of {} complete: {}{}",
        count(files.len() as u64, "file"),
        fates(&written.ending.tally),
        advice(written.ending.code, &written.ending.tally)
    )
}

/// Whether the file is complete only because the user does without proof.
fn is_unproven(file: &&FileOutcome) -> bool {
    file.status == Status::Complete && file.unverified > 0
}

fn doubt(unproven: usize, complete: usize) -> String {
    match unproven {
        0 => String::new(),
        n if n == complete => "; nothing proves that right".to_owned(),
        n => format!("; nothing proves {n} of them right"),
    }
}

/// What became of segments: `2 segments missing, 1 segment damaged`.
pub(crate) fn fates(tally: &Tally) -> String {
    let lost = [
        (tally.missing, "missing"),
        (tally.unheard, "not received"),
        (tally.damaged, "damaged"),
        (tally.unverified, "without any CRC"),
        (tally.bad_input, "impossible to ask for"),
        (tally.login, "not asked for: no server let us in"),
        (
            tally.unreachable,
            "not asked for: no server could be reached",
        ),
        (tally.transient, "failed for now"),
    ];
    let lost: Vec<String> = lost
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", count(*n, "segment")))
        .collect();
    match lost.is_empty() {
        true => format!("{} well", count(tally.ok, "segment")),
        false => lost.join(", "),
    }
}

fn advice(code: Code, tally: &Tally) -> &'static str {
    match code {
        Code::TEMPORARY if tally.quota => {
            "; a quota is used up: run it again when it is renewed, or with another server"
        }
        Code::TEMPORARY | Code::UNREACHABLE => "; run it again to fetch them",
        code if is_signal(code) => "; interrupted, run it again",
        Code::LOGIN => "; see what was said of the servers above",
        _ => "",
    }
}

fn describe(file: &FileOutcome, dir: &Path) -> String {
    let mut text = format!("{}: ", file.name);
    match file.status {
        Status::Unverified => {
            text += "complete, but nothing proves it right (--accept-unverified takes it)";
        }
        _ => {
            let absent = file.of.saturating_sub(file.ok + file.unverified);
            text += &format!("{absent} of {} not there", count(file.of, "segment"));
            if let Some((number, id)) = file.missing.first() {
                text += &format!(", first number {number} <{id}>");
            }
            if absent == 0 && file.size.is_none() {
                text += "; its segments do not make a whole file";
            } else if absent == 0 && file.missing_ranges.is_empty() {
                text += "; what was to be done last failed: run it again";
            } else if absent == 0 {
                text += "; the NZB is short: the file goes on past its last segment";
            }
        }
    }
    if let Some((start, end)) = file.missing_ranges.first() {
        text += &format!("; hole at bytes {start}-{end}");
    }
    if let Some(part) = &file.part_path {
        text += &format!("; kept as {}", dir.join(part).display());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_quota_is_not_to_be_tried_at_once() {
        let mut tally = Tally::default();
        assert!(advice(Code::TEMPORARY, &tally).contains("run it again to fetch"));
        tally.quota = true;
        assert!(advice(Code::TEMPORARY, &tally).contains("quota"));
        assert_eq!(advice(Code::INCOMPLETE, &tally), "");
    }
}
