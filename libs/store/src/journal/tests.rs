//! Journals written, harmed and read again.

use super::*;
use crate::entry::{Agreed, Entry, Hints};
use crate::prints::Print;
use crate::recorded::Done;
use std::collections::BTreeMap;
use std::fs;

const NAME: &str = ".nzbpipe-x.journal";

fn entry(offset: u64) -> Entry {
    Entry {
        offset,
        len: 10,
        crc32: 7,
        verified: true,
        order: None,
        print: 0,
    }
}

fn open(dir: &Dir, job: &str) -> Result<Journal, Error> {
    Journal::open(dir, &[NAME.to_owned()], job, Journaling::Keep)
}

fn written(temp: &std::path::Path) -> Dir {
    let dir = Dir::open(temp).unwrap();
    let journal = open(&dir, "job").unwrap();
    let done = Done {
        size: 20,
        crc32: 9,
        name: "a %\nb ü.bin".to_owned(),
        mtime: Some(-3),
        of: 2,
        unverified: 1,
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
            print: Print::default(),
        },
        Line::Part {
            file: "f",
            number: 2,
            entry: entry(10),
            print: Print::default(),
        },
        Line::Part {
            file: "g h",
            number: 1,
            entry: entry(0),
            print: Print::default(),
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
    assert!(reopened(&dir)["f"].is_nothing());
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
            print: Print::default(),
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
    let other = Journal::open(&dir, &names, "other", Journaling::Keep).unwrap();
    assert_eq!(other.name, names[1]);
    let line = Line::Part {
        file: "o",
        number: 1,
        entry: entry(0),
        print: Print::default(),
    };
    other.append(&dir, &Lines::of(line)).unwrap();
    drop(other);
    assert_eq!(fs::read(&path).unwrap(), before);
    // With the first name free again, the second still is the one to go on with.
    fs::remove_file(&path).unwrap();
    let other = Journal::open(&dir, &names, "other", Journaling::Keep).unwrap();
    assert!(lock(&other.recorded).contains_key("o"));
}

#[test]
fn garbage_and_other_versions_are_started_over() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Dir::open(temp.path()).unwrap();
    for content in [
        "",
        "garbage\n",
        "nzbpipe-journal 1 job 2d5e2bd9\npart f 1 0 2 1 v 00000000\n",
    ] {
        fs::write(temp.path().join(NAME), content).unwrap();
        assert!(reopened(&dir).is_empty());
        let text = fs::read_to_string(temp.path().join(NAME)).unwrap();
        assert!(text.starts_with("nzbpipe-journal 2 job ") && text.lines().count() == 1);
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

fn part(file: &str, number: u64) -> Line<'_> {
    Line::Part {
        file,
        number,
        entry: entry(number * 10),
        print: Print::default(),
    }
}

// A mark speaks for the lines before it, and for none of another file.
#[test]
fn what_comes_after_the_last_mark_is_not_known_to_be_on_the_disk() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Dir::open(temp.path()).unwrap();
    let journal = open(&dir, "job").unwrap();
    let sync = |lines| Line::Sync {
        file: "f",
        lines,
        mtime: Some(7),
    };
    let lines = [part("f", 1), part("g", 1), part("f", 2), part("f", 3)];
    // Written again it is not where it was.
    for line in lines.into_iter().chain([sync(2), part("f", 1)]) {
        journal.append(&dir, &Lines::of(line)).unwrap();
    }
    drop(journal);
    let files = reopened(&dir);
    assert_eq!(files["f"].tail, [3, 1]);
    assert_eq!((files["f"].lines, files["g"].lines), (4, 1));
    assert_eq!(files["g"].tail, [1]);
}

// What is lost in the middle may be that something is gone which a mark speaks for.
#[test]
fn no_mark_is_trusted_in_a_damaged_journal() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(NAME);
    let dir = Dir::open(temp.path()).unwrap();
    let journal = open(&dir, "job").unwrap();
    let sync = Line::Sync {
        file: "f",
        lines: 2,
        mtime: None,
    };
    for line in [part("f", 1), part("f", 2), sync] {
        journal.append(&dir, &Lines::of(line)).unwrap();
    }
    drop(journal);
    assert!(reopened(&dir)["f"].tail.is_empty());
    let mut text = fs::read(&path).unwrap();
    let at = text.windows(6).position(|w| w == b"part f").unwrap();
    text[at] ^= 1;
    fs::write(&path, &text).unwrap();
    for _ in 0..2 {
        let files = reopened(&dir);
        assert_eq!((files["f"].entries.len(), files["f"].tail.len()), (1, 1));
        // It was written anew.
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    }
}

#[test]
fn a_journal_full_of_what_is_no_longer_true_is_written_anew() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(NAME);
    let dir = Dir::open(temp.path()).unwrap();
    let journal = open(&dir, "job").unwrap();
    for number in (0..2_000).map(|n| n % 20) {
        let lines = Lines::of(part("f", number));
        journal.append(&dir, &lines).unwrap();
    }
    let sync = Line::Sync {
        file: "f",
        lines: 1_990,
        mtime: None,
    };
    journal.append(&dir, &Lines::of(sync)).unwrap();
    drop(journal);
    let before = fs::read(&path).unwrap();
    let first = open(&dir, "job").unwrap();
    let after = fs::read_to_string(&path).unwrap();
    assert!(
        before.len() > 64 << 10 && after.lines().count() == 22,
        "{after}"
    );
    // The lock went with it.
    assert!(open(&dir, "job").unwrap_err().is_in_use());
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    let lines = Lines::of(part("f", 30));
    first.append(&dir, &lines).unwrap();
    drop(first);
    let files = reopened(&dir);
    assert_eq!(files["f"].entries.len(), 21);
    assert_eq!(files["f"].tail.len(), 11);
}
