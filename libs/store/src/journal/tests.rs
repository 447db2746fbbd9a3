//! Journals written, harmed and read again.

use super::*;
use crate::entry::Agreed;
use std::fs;

const NAME: &str = ".nzbpipe-x.journal";

fn entry(offset: u64) -> Entry {
    Entry {
        offset,
        len: 10,
        crc32: 7,
        verified: true,
        order: None,
    }
}

fn open(dir: &Dir, job: &str) -> Result<Journal, Error> {
    Journal::open(dir, &[NAME.to_owned()], job)
}

fn written(temp: &std::path::Path) -> Dir {
    let dir = Dir::open(temp).unwrap();
    let journal = open(&dir, "job").unwrap();
    let done = Done {
        size: 20,
        crc32: 9,
        name: "a %\nb ü.bin".to_owned(),
    };
    let hints = Hints {
        size: Agreed::On(20),
        name: Agreed::Split,
        crc32: Agreed::On(0xab),
    };
    let lines = [
        Line::Part {
            file: "f",
            number: 1,
            entry: entry(0),
        },
        Line::Part {
            file: "f",
            number: 2,
            entry: entry(10),
        },
        Line::Part {
            file: "g h",
            number: 1,
            entry: entry(0),
        },
        Line::Hint {
            file: "f",
            hints: &hints,
        },
        Line::Gone {
            file: "f",
            number: Some(1),
        },
        Line::Done {
            file: "g h",
            done: &done,
        },
    ];
    for line in lines {
        journal.append(&dir, &Lines::of(line)).unwrap();
    }
    dir
}

fn reopened(dir: &Dir) -> HashMap<String, Recorded> {
    open(dir, "job").unwrap().recorded.into_inner().unwrap()
}

#[test]
fn replays_what_was_written() {
    let temp = tempfile::tempdir().unwrap();
    let dir = written(temp.path());
    let files = reopened(&dir);
    assert_eq!(files["f"].entries, BTreeMap::from([(2, entry(10))]));
    assert_eq!(
        files["f"].hints,
        Hints {
            size: Agreed::On(20),
            name: Agreed::Split,
            crc32: Agreed::On(0xab),
        }
    );
    assert_eq!(files["g h"].done.as_ref().unwrap().name, "a %\nb ü.bin");
    let journal = open(&dir, "job").unwrap();
    journal
        .append(
            &dir,
            &Lines::of(Line::Gone {
                file: "f",
                number: None,
            }),
        )
        .unwrap();
    drop(journal);
    assert!(!reopened(&dir).contains_key("f"));
}

#[test]
fn every_torn_tail_is_ignored_and_healed() {
    let temp = tempfile::tempdir().unwrap();
    let dir = written(temp.path());
    let path = temp.path().join(NAME);
    let whole = fs::read(&path).unwrap();
    let head = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    for cut in head..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        // A line that lacks only its end is whole.
        let ends = whole[head..=cut].iter().filter(|b| **b == b'\n').count();
        let journal = open(&dir, "job").unwrap();
        let entries: usize = lock(&journal.recorded)
            .values()
            .map(|f| f.entries.len())
            .sum();
        assert_eq!(entries, [0, 1, 2, 3, 3, 2, 2][ends], "cut at {cut}");
        let line = Line::Part {
            file: "new",
            number: 1,
            entry: entry(0),
        };
        journal.append(&dir, &Lines::of(line)).unwrap();
        drop(journal);
        assert!(reopened(&dir).contains_key("new"), "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_costs_one_line() {
    let temp = tempfile::tempdir().unwrap();
    let dir = written(temp.path());
    let path = temp.path().join(NAME);
    let mut text = fs::read(&path).unwrap();
    let at = text.windows(8).position(|w| w == b"part f 2").unwrap() + 9;
    text[at] ^= 1;
    text.extend_from_slice(&[0xff; 1000]);
    fs::write(&path, &text).unwrap();
    let files = reopened(&dir);
    assert!(files["f"].entries.is_empty());
    assert!(files["g h"].done.is_some());
}

// Started over, it would cost the other job all that it fetched.
#[test]
fn the_journal_of_another_job_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let dir = written(temp.path());
    let path = temp.path().join(NAME);
    let before = fs::read(&path).unwrap();
    let e = open(&dir, "other").unwrap_err();
    assert!(e.is_cannot_create() && e.to_string().contains("another job"));
    let names = [NAME.to_owned(), ".nzbpipe-y.journal".to_owned()];
    // In use or not, it is not ours to wait for.
    let _held = open(&dir, "job").unwrap();
    let other = Journal::open(&dir, &names, "other").unwrap();
    assert_eq!(other.name, names[1]);
    let line = Line::Part {
        file: "o",
        number: 1,
        entry: entry(0),
    };
    other.append(&dir, &Lines::of(line)).unwrap();
    drop(other);
    assert_eq!(fs::read(&path).unwrap(), before);
    // With the first name free again, the second still is the one to go on with.
    fs::remove_file(&path).unwrap();
    let other = Journal::open(&dir, &names, "other").unwrap();
    assert!(lock(&other.recorded).contains_key("o"));
}

#[test]
fn garbage_and_other_versions_are_started_over() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Dir::open(temp.path()).unwrap();
    for content in ["", "garbage\n", "nzbpipe-journal 2 job 00000000\n"] {
        fs::write(temp.path().join(NAME), content).unwrap();
        assert!(reopened(&dir).is_empty());
        let text = fs::read_to_string(temp.path().join(NAME)).unwrap();
        assert!(text.starts_with("nzbpipe-journal 1 job ") && text.lines().count() == 1);
    }
}

#[test]
fn a_second_holder_is_refused_until_the_first_is_gone() {
    let temp = tempfile::tempdir().unwrap();
    let dir = written(temp.path());
    let first = open(&dir, "job").unwrap();
    let e = open(&dir, "job").unwrap_err();
    assert!(e.is_in_use());
    drop(first);
    let first = open(&dir, "job").unwrap();
    first.remove(&dir).unwrap();
    assert!(reopened(&dir).is_empty());
}
