//! Runs that go on where another one stopped.

use super::*;

#[test]
fn a_second_run_needs_only_what_is_missing() {
    let temp = tempfile::tempdir().unwrap();
    let [one, two, three] = three();
    let mut store = open(temp.path());
    put(&mut store, &[one, three]);
    store.absent(&absent(2, Why::Missing)).unwrap();
    let outcome = finished(store).remove(0);
    assert_eq!((outcome.status, outcome.ok), (Status::Incomplete, 2));
    assert_eq!(outcome.missing, [(2, "gone@x".to_owned())]);
    assert_eq!(outcome.missing_ranges, [(2, 4)]);
    assert_eq!(outcome.part_path, Some(Path::new("job").join(PART)));
    assert_eq!(read(temp.path(), PART), b"ab\0\0ef");

    let mut store = open(temp.path());
    put(&mut store, &[two]);
    let outcome = finished(store).remove(0);
    assert_eq!((outcome.status, outcome.ok), (Status::Complete, 3));
    assert_eq!(listing(temp.path()), ["a.bin"]);
    assert_eq!(read(temp.path(), "a.bin"), b"abcdef");
}

#[test]
fn a_file_another_run_completed_stays_complete_for_its_job() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three());
    put(&mut store, &[other(1, 0, b"x")]);
    drop(store);
    let mut store = open(temp.path());
    assert_eq!(store.piece(&three()[0]).unwrap(), Placed::Late);
    assert_eq!(store.completed()[0].size, Some(6));
    put(&mut store, &[other(2, 1, b"y")]);
    drop(store);
    // This run hears nothing of the first file.
    let mut store = open(temp.path());
    put(&mut store, &[other(3, 2, b"z")]);
    assert_eq!(finished(store).len(), 1);
    assert_eq!(listing(temp.path()), ["a.bin", "b.bin"]);
    assert_eq!(read(temp.path(), "b.bin"), b"xyz");
}

#[test]
fn entries_are_not_believed_without_their_data() {
    type Harm = fn(&Path);
    let rows: [(&str, Harm, usize); 5] = [
        (
            "W24 edited",
            |part| fs::write(part, b"aX\0\0ef").unwrap(),
            1,
        ),
        (
            "W24 shorter",
            |part| fs::write(part, b"ab\0\0e").unwrap(),
            1,
        ),
        (
            "W24 longer",
            |part| fs::write(part, b"ab\0\0ef and more").unwrap(),
            2,
        ),
        ("W25 deleted", |part| fs::remove_file(part).unwrap(), 0),
        (
            "W22 no journal",
            |part| fs::remove_file(part.with_file_name(JOURNAL)).unwrap(),
            0,
        ),
    ];
    for (row, harm, kept) in rows {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        let [one, two, three] = three();
        put(&mut store, &[one, three]);
        drop(store);
        harm(&temp.path().join("out/job").join(PART));
        let mut store = open(temp.path());
        put(&mut store, &[two]);
        let again = [one, three].map(|p| store.piece(&p).unwrap());
        let late = again.iter().filter(|p| **p != Placed::Written).count();
        assert_eq!(late, kept, "{row}");
        assert_eq!(finished(store)[0].status, Status::Complete, "{row}");
        assert_eq!(read(temp.path(), "a.bin"), b"abcdef", "{row}");
    }
}

#[test]
fn a_torn_journal_costs_its_torn_line() {
    let temp = tempfile::tempdir().unwrap();
    let [one, two, three] = three();
    let mut store = open(temp.path());
    put(&mut store, &[one, two]);
    drop(store);
    let journal = temp.path().join("out/job").join(JOURNAL);
    let text = fs::read(&journal).unwrap();
    fs::write(&journal, &text[..text.len() - 5]).unwrap();
    let mut store = open(temp.path());
    put(&mut store, &[three]);
    assert_eq!(store.piece(&one).unwrap(), Placed::Duplicate);
    assert_eq!(store.piece(&two).unwrap(), Placed::Written);
    assert_eq!(finished(store)[0].status, Status::Complete);
}

#[test]
fn a_crash_around_the_rename_is_made_good() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("out/job");
    let mut store = open(temp.path());
    put(&mut store, &three());
    drop(store);
    // The rename is lost, the journal is not.
    fs::rename(folder.join("a.bin"), folder.join(PART)).unwrap();
    let mut store = open(temp.path());
    assert_eq!(store.piece(&three()[0]).unwrap(), Placed::Late);
    assert_eq!(
        store.completed()[0].path.as_deref(),
        Some(Path::new("job/a.bin"))
    );
    drop(store);
    // The journal's last line is lost, the rename is not.
    let journal = fs::read_to_string(folder.join(JOURNAL)).unwrap();
    let kept: Vec<&str> = journal.lines().filter(|l| !l.starts_with("done")).collect();
    fs::write(folder.join(JOURNAL), kept.join("\n")).unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three());
    finished(store);
    assert_eq!(listing(temp.path()), ["a.bin"]);
}

#[test]
fn a_second_process_is_kept_out() {
    let temp = tempfile::tempdir().unwrap();
    let mut first = open(temp.path());
    put(&mut first, &three()[..1]);
    let mut second = open(temp.path());
    assert!(second.piece(&three()[1]).unwrap_err().is_in_use());
    // There is no use in going on.
    assert!(second.piece(&three()[1]).unwrap_err().is_in_use());
    let mut second = open(temp.path());
    // Another job may use the directory.
    let other = Piece {
        job: "another",
        job_name: "two",
        ..three()[0]
    };
    put(&mut second, &[other]);
    drop(first);
    put(&mut second, &three()[1..]);
    assert_eq!(finished(second)[1].status, Status::Complete);
}

fn other(number: u64, offset: u64, bytes: &[u8]) -> Piece<'_> {
    let p = piece(number, offset, bytes);
    Piece {
        file: 1,
        file_id: "other-file-id",
        name: "b.bin",
        ..p
    }
}

#[test]
fn data_nothing_vouches_for_are_dropped() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("out/job");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(PART), "stale, and long").unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three()[1..2]);
    assert_eq!(read(temp.path(), PART), b"\0\0cd");
}

#[test]
fn a_complete_file_is_believed_only_by_its_checksum() {
    for edited in [false, true] {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("out/job");
        let mut store = open(temp.path());
        put(&mut store, &three());
        put(&mut store, &[other(1, 0, b"x")]);
        drop(store);
        // As after a crash between the choice of a file that was there and the removal.
        fs::write(folder.join(PART), "abcdef").unwrap();
        if edited {
            fs::write(folder.join("a.bin"), "abcdeX").unwrap();
        }
        let mut store = open(temp.path());
        store.absent(&absent(1, Why::Missing)).unwrap();
        let want = if edited { "a (2).bin" } else { "a.bin" };
        assert_eq!(store.completed()[0].name, want);
        assert!(!folder.join(PART).exists());
    }
}

#[test]
fn the_journal_outlives_a_run_that_speaks_of_one_file_only() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &[three()[0], other(1, 0, b"x")]);
    drop(store);
    let mut store = open(temp.path());
    put(&mut store, &three()[1..]);
    assert_eq!(finished(store)[0].status, Status::Complete);
    assert!(listing(temp.path()).contains(&JOURNAL.to_owned()));
    let mut store = open(temp.path());
    put(&mut store, &[other(2, 1, b"y"), other(3, 2, b"z")]);
    finished(store);
    assert_eq!(listing(temp.path()), ["a.bin", "b.bin"]);
}

// A read beyond what the system can address is an error, so that one line made every
// later run fail; and a piece without bytes has no checksum that could refute it.
#[test]
fn journal_lines_beyond_the_end_of_the_data_are_not_there() {
    let top = i64::MAX as u64;
    let rows = [
        (top + 1, 2),
        (top, 2),
        (u64::MAX, 2),
        (top - 1, 1),
        (u64::MAX, 0),
        (1 << 62, 0),
        (7, 0),
    ];
    for (offset, len) in rows {
        let temp = tempfile::tempdir().unwrap();
        let [one, two, three] = three();
        let mut store = open(temp.path());
        put(&mut store, &[one, three]);
        drop(store);
        let journal = temp.path().join("out/job").join(JOURNAL);
        let line = format!("part {FILE} 2 {offset} {len} 00000000 v -");
        let crc = crc32fast::hash(line.as_bytes());
        let text = fs::read_to_string(&journal).unwrap();
        fs::write(&journal, format!("{text}{line} {crc:08x}\n")).unwrap();
        let mut store = open(temp.path());
        assert_eq!(store.piece(&one).unwrap(), Placed::Duplicate, "{offset}");
        put(&mut store, &[two]);
        let outcome = finished(store).remove(0);
        assert_eq!(outcome.status, Status::Complete, "{offset} {len}");
    }
}

// Where renaming is two steps, a power cut between them leaves both names; refused as
// a hard link, the file could never be completed again.
#[test]
fn a_crash_between_the_two_steps_of_a_rename_is_made_good() {
    for (done, name) in [(true, None), (false, None), (false, Some("y.bin"))] {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("out/job");
        let pieces = three().map(|p| Piece {
            yenc_name: name,
            ..p
        });
        let name = name.unwrap_or("a.bin");
        let mut store = open(temp.path());
        put(&mut store, &pieces);
        drop(store);
        fs::hard_link(folder.join(name), folder.join(PART)).unwrap();
        if !done {
            let journal = fs::read_to_string(folder.join(JOURNAL)).unwrap();
            let kept: Vec<&str> = journal.lines().filter(|l| !l.starts_with("done")).collect();
            fs::write(folder.join(JOURNAL), kept.join("\n")).unwrap();
        }
        let mut store = open(temp.path());
        for p in pieces {
            let want = if done { Placed::Late } else { Placed::Written };
            assert_eq!(store.piece(&p).unwrap(), want, "{name}");
        }
        assert_eq!(finished(store)[0].status, Status::Complete);
        assert_eq!(listing(temp.path()), [name]);
        assert_eq!(read(temp.path(), name), b"abcdef");
    }
}

fn keeping(dir: &Path) -> Options {
    Options {
        journal: Journaling::Keep,
        ..options(dir)
    }
}

// The same job once more has to ask for nothing.
#[test]
fn a_journal_that_is_kept_knows_that_all_is_complete() {
    let temp = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let mut store = Core::open(keeping(temp.path())).unwrap();
        let kept = store.store.kept(&Ident::from(&three()[0])).unwrap();
        assert_eq!((kept.complete, kept.has(2)), (run > 0, run > 0));
        for p in three() {
            let want = if run > 0 {
                Placed::Late
            } else {
                Placed::Written
            };
            assert_eq!(store.piece(&p).unwrap(), want);
        }
        let outcome = finished(store).remove(0);
        assert_eq!((outcome.status, outcome.ok), (Status::Complete, 3));
        assert_eq!(outcome.resumed, if run > 0 { 3 } else { 0 });
        assert_eq!(listing(temp.path()), [JOURNAL, "a.bin"]);
        let journal = read(temp.path(), JOURNAL);
        assert_eq!(journal.iter().filter(|b| **b == b'\n').count(), 2);
    }
}

// Reading back a terabyte that nobody touched takes hours.
#[test]
fn what_was_synced_is_not_read_back_unless_asked_for() {
    use std::os::unix::fs::FileExt;
    let many: Vec<u8> = (0..200).collect();
    let of_many = |n: u64| Piece {
        of: 201,
        ..piece(n + 1, n, &many[n as usize..n as usize + 1])
    };
    let rows = [
        ("synced", Sync::File, false, true),
        ("each synced", Sync::Segment, false, true),
        ("asked for", Sync::File, true, false),
        ("never synced", Sync::Never, false, false),
    ];
    // The time of the last change is what tells; so it is put back to see who looks closer.
    for (row, sync, verify, trusts) in rows {
        for (shows, lost) in [(false, u64::from(!trusts)), (true, 1)] {
            let temp = tempfile::tempdir().unwrap();
            let options = Options {
                sync,
                verify,
                ..options(temp.path())
            };
            let mut store = Core::open(options.clone()).unwrap();
            let pieces: Vec<Piece<'_>> = (0..200).map(of_many).collect();
            put(&mut store, &pieces);
            finished(store);
            let part = temp.path().join("out/job").join(PART);
            let file = fs::File::options().write(true).open(part).unwrap();
            let before = file.metadata().unwrap().modified().unwrap();
            // No spot that is looked at.
            file.write_all_at(b"X", 101).unwrap();
            let after = before + std::time::Duration::from_secs(u64::from(shows));
            file.set_modified(after).unwrap();
            let store = Core::open(options.clone()).unwrap();
            let kept = store.store.kept(&Ident::from(&of_many(0))).unwrap();
            assert_eq!(200 - kept.count(), lost, "{row}, shows: {shows}");
        }
    }
}

// Else the next mark would speak for bytes that nobody has.
#[test]
fn what_is_not_found_is_said_to_be_gone() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three()[..2]);
    drop(store);
    let part = temp.path().join("out/job").join(PART);
    fs::write(&part, b"aX\0\0").unwrap();
    for p in [three()[2], three()[2]] {
        let mut store = open(temp.path());
        let _ = store.piece(&p).unwrap();
        let outcome = finished(store).remove(0);
        assert_eq!((outcome.ok, outcome.missing_ranges), (1, vec![(0, 4)]));
    }
    let mut store = open(temp.path());
    put(&mut store, &three()[..2]);
    assert_eq!(finished(store)[0].status, Status::Complete);
    assert_eq!(read(temp.path(), "a.bin"), b"abcdef");
}

#[test]
fn what_becomes_of_the_incomplete_is_as_was_asked_for() {
    let of = |dir: &Path, on_incomplete| Options {
        on_incomplete,
        ..options(dir)
    };
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir_all(temp.path().join("out/job")).unwrap();
    fs::write(temp.path().join("out/job/a.bin.incomplete"), "mine").unwrap();
    let rename = || Core::open(of(temp.path(), OnIncomplete::Rename)).unwrap();
    for p in &three()[..2] {
        let mut store = rename();
        put(&mut store, &[*p]);
        let outcome = finished(store).remove(0);
        let away = "a.bin (2).incomplete";
        assert_eq!(outcome.part_path, Some(Path::new("job").join(away)));
        assert_eq!(listing(temp.path()), [JOURNAL, away, "a.bin.incomplete"]);
    }
    // One that is stopped goes on soon.
    let mut store = rename();
    assert_eq!(store.piece(&three()[0]).unwrap(), Placed::Duplicate);
    store.stop().1.unwrap();
    assert_eq!(listing(temp.path()), [JOURNAL, PART, "a.bin.incomplete"]);
    let mut store = rename();
    put(&mut store, &three()[2..]);
    assert_eq!(finished(store)[0].status, Status::Complete);
    assert_eq!(listing(temp.path()), ["a.bin", "a.bin.incomplete"]);
    assert_eq!(read(temp.path(), "a.bin.incomplete"), b"mine");

    let temp = tempfile::tempdir().unwrap();
    let mut store = Core::open(of(temp.path(), OnIncomplete::Delete)).unwrap();
    put(&mut store, &three()[..2]);
    let outcome = finished(store).remove(0);
    assert_eq!(
        (outcome.status, outcome.part_path),
        (Status::Incomplete, None)
    );
    assert_eq!(fs::read_dir(temp.path().join("out")).unwrap().count(), 0);
}

#[test]
fn a_file_with_the_name_is_replaced_only_if_told_and_only_a_file() {
    for (overwrite, want) in [(false, "a (2).bin"), (true, "a.bin")] {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("out/job");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.bin"), "other").unwrap();
        fs::create_dir(folder.join("d.bin")).unwrap();
        std::os::unix::fs::symlink("a.bin", folder.join("l.bin")).unwrap();
        let mut store = Core::open(Options {
            overwrite,
            ..options(temp.path())
        })
        .unwrap();
        put(&mut store, &three());
        put(
            &mut store,
            &[single("d", "d.bin", b"d"), single("l", "l.bin", b"l")],
        );
        let names: Vec<String> = finished(store).into_iter().map(|o| o.name).collect();
        assert_eq!(names, [want, "d (2).bin", "l (2).bin"]);
        assert_eq!(read(temp.path(), want), b"abcdef");
    }
}

#[test]
fn without_a_journal_two_processes_still_exclude_each_other() {
    let temp = tempfile::tempdir().unwrap();
    let never = || {
        Core::open(Options {
            journal: Journaling::Never,
            ..options(temp.path())
        })
        .unwrap()
    };
    let mut store = never();
    put(&mut store, &three()[..1]);
    assert!(never().piece(&three()[1]).unwrap_err().is_in_use());
    assert!(
        open(temp.path())
            .piece(&three()[1])
            .unwrap_err()
            .is_in_use()
    );
    finished(store);
    assert_eq!(listing(temp.path()), [PART]);
    // Nothing is resumed.
    let mut store = never();
    put(&mut store, &three());
    assert_eq!(finished(store)[0].status, Status::Complete);
    assert_eq!(listing(temp.path()), ["a.bin"]);
}

// Two NZBs of one name, from two places, list the same articles: the data of one must not
// be taken for those of the other, whose journal knows nothing of its holes.
#[test]
fn jobs_that_share_a_folder_and_a_file_keep_their_data_apart() {
    let temp = tempfile::tempdir().unwrap();
    let other = "fedcba9876543210";
    let of_other = |p: Piece<'static>| Piece { job: other, ..p };
    let [one, two, three] = three();
    for pieces in [vec![one, three], vec![of_other(two)]] {
        let mut store = Core::open(keeping(temp.path())).unwrap();
        put(&mut store, &pieces);
        finished(store);
    }
    assert_eq!(read(temp.path(), PART), b"ab\0\0ef");
    let options = keeping(temp.path());
    for (job, numbers) in [(JOB, vec![(1, 2), (3, 4)]), (other, vec![(2, 3)])] {
        let ident = Ident {
            job,
            ..Ident::from(&one)
        };
        let peek = Peek::open(&options, job, "job").unwrap();
        assert_eq!(peek.kept(&ident).unwrap().numbers, numbers);
        let store = Core::open(options.clone()).unwrap();
        assert_eq!(store.store.kept(&ident).unwrap().numbers, numbers);
    }
}
