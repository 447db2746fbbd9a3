//! Input and surroundings that lie, and too much of everything.

use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

#[test]
fn links_are_refused_and_the_canary_lives() {
    for hard in [false, true] {
        let temp = tempfile::tempdir().unwrap();
        let canary = temp.path().join("canary");
        fs::write(&canary, "alive").unwrap();
        fs::create_dir_all(temp.path().join("out/job")).unwrap();
        let part = temp.path().join("out/job").join(PART);
        match hard {
            true => fs::hard_link(&canary, &part).unwrap(),
            false => symlink(&canary, &part).unwrap(),
        }
        let mut store = open(temp.path());
        let e = store.piece(&three()[0]).unwrap_err();
        assert!(e.is_cannot_create(), "{e}");
        assert_eq!(fs::read(&canary).unwrap(), b"alive");
    }
    // The final name: a link there is somebody's, and stays.
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir_all(temp.path().join("out/job")).unwrap();
    symlink("../../canary", temp.path().join("out/job/a.bin")).unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three());
    assert_eq!(finished(store)[0].name, "a (2).bin");
    assert!(!temp.path().join("canary").exists());
    // The folder.
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir_all(temp.path().join("out")).unwrap();
    symlink(temp.path(), temp.path().join("out/job")).unwrap();
    assert!(
        open(temp.path())
            .piece(&three()[0])
            .unwrap_err()
            .is_cannot_create()
    );
}

#[test]
fn a_part_file_exchanged_while_it_was_closed_is_refused() {
    for is_there in [false, true] {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        put(&mut store, &three()[..1]);
        store.store.shared.handles.close(0);
        let part = temp.path().join("out/job").join(PART);
        fs::rename(&part, part.with_extension("old")).unwrap();
        if is_there {
            fs::write(&part, "zz").unwrap();
        }
        let e = store.piece(&three()[1]).unwrap_err();
        assert_eq!(e.is_cannot_create(), is_there, "{e}");
        let there = fs::read(&part).ok();
        assert_eq!(there.as_deref(), is_there.then_some(&b"zz"[..]));
    }
}

#[test]
fn a_lie_of_a_tebibyte_grows_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    let lie = Piece {
        size: Some(1 << 40),
        ..piece(2, 1 << 40, b"cd")
    };
    put(
        &mut store,
        &[Piece {
            size: Some(1 << 40),
            ..three()[0]
        }],
    );
    assert_eq!(
        store.piece(&lie).unwrap(),
        Placed::Rejected(Reason::OutOfRange)
    );
    let tight = Piece {
        bound: Some(3),
        ..three()[1]
    };
    assert_eq!(
        store.piece(&tight).unwrap(),
        Placed::Rejected(Reason::OutOfRange)
    );
    let damaged = Piece {
        damaged: true,
        ..lie
    };
    assert_eq!(store.piece(&damaged).unwrap(), Placed::Damaged);
    let meta = fs::metadata(temp.path().join("out/job").join(PART)).unwrap();
    assert_eq!(meta.len(), 2);
    assert!(meta.blocks() < 64);
    let outcome = finished(store).remove(0);
    assert_eq!(outcome.missing_ranges, [(2, 1 << 40)]);
    assert_eq!((outcome.damaged, outcome.missing_count), (1, 1));
}

#[test]
fn pieces_that_do_not_fit_leave_a_hole() {
    let rows: [(&str, Piece<'static>, Option<Reason>); 4] = [
        ("overlap", piece(2, 1, b"cd"), Some(Reason::Overlap)),
        ("off by one", piece(2, 3, b"cd"), Some(Reason::Overlap)),
        (
            "another number's place",
            piece(2, 4, b"cd"),
            Some(Reason::Overlap),
        ),
        ("too short", piece(2, 2, b"c"), None),
    ];
    for (row, bad, reason) in rows {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        let [one, _, three] = three();
        put(&mut store, &[one, three]);
        let want = reason.map_or(Placed::Written, Placed::Rejected);
        assert_eq!(store.piece(&bad).unwrap(), want, "{row}");
        let outcome = finished(store).remove(0);
        assert_eq!(outcome.status, Status::Incomplete, "{row}");
        let hole = if reason.is_some() { (2, 4) } else { (3, 4) };
        assert_eq!(outcome.missing_ranges, [hole], "{row}");
        assert_eq!(outcome.missing.len() as u64, outcome.missing_count, "{row}");
    }
}

#[test]
fn identities_that_begin_alike_do_not_share_data() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    let twin = |p: Piece<'static>| Piece {
        file_id: "fedcba987654ffffffffffffffffffff",
        ..p
    };
    put(&mut store, &[three()[0], twin(three()[0])]);
    put(&mut store, &[three()[1], three()[2]]);
    assert_eq!(finished(store)[1].status, Status::Incomplete);
    assert_eq!(read(temp.path(), "a.bin"), b"abcdef");
}

#[test]
fn more_files_than_handles() {
    let temp = tempfile::tempdir().unwrap();
    let ids: Vec<String> = (0..200).map(|n| format!("{n:012}")).collect();
    let mut store = open(temp.path());
    for p in three() {
        for id in &ids {
            put(&mut store, &[Piece { file_id: id, ..p }]);
        }
    }
    let outcomes = finished(store);
    assert!(outcomes.iter().all(|o| o.status == Status::Complete));
    assert_eq!(listing(temp.path()).len(), 200);
}

#[test]
fn a_failure_to_resume_leaves_everything_for_the_next_try() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three()[..2]);
    drop(store);
    let part = temp.path().join("out/job").join(PART);
    let holder = fs::File::open(&part).unwrap();
    holder.lock().unwrap();
    let mut store = open(temp.path());
    assert!(store.piece(&three()[2]).unwrap_err().is_in_use());
    drop((holder, store));
    let mut store = open(temp.path());
    put(&mut store, &three()[2..]);
    assert_eq!(finished(store)[0].status, Status::Complete);
}

#[test]
fn a_disk_that_refuses_a_write_loses_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three()[..1]);
    // In place of a full or broken disk: a descriptor that cannot be written to.
    let part = fs::File::open(temp.path().join("out/job").join(PART)).unwrap();
    store.hand_over(part);
    let e = store.piece(&three()[1]).unwrap_err();
    assert!(matches!(e, Error::Io { .. }), "{e}");
    let outcome = finished(store).remove(0);
    assert_eq!((outcome.ok, outcome.missing_ranges), (1, vec![]));
    assert_eq!(read(temp.path(), PART), b"ab");
}

// What the number allows may be beyond what a disk takes: that ended the whole run.
#[test]
fn no_count_makes_a_file_larger_than_any_disk_takes() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    for (of, number) in [(u64::MAX, 2), (0, 1 << 40), (0, u64::MAX)] {
        for offset in [1 << 44, (1 << 62) - 2, i64::MAX as u64 - 2, u64::MAX - 2] {
            let huge = Piece {
                of,
                ..piece(number, offset, b"cd")
            };
            let placed = store.piece(&huge).unwrap();
            assert_eq!(placed, Placed::Rejected(Reason::OutOfRange), "{offset}");
        }
    }
    assert!(!temp.path().join("out/job").join(PART).exists());
}

// One file that fails must not hide what became of the others.
#[test]
fn outcomes_are_there_whatever_failed() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &[single("good", "good.bin", b"x")]);
    let pieces = three().map(|p| Piece { of: 0, ..p });
    put(&mut store, &pieces);
    fs::OpenOptions::new()
        .write(true)
        .open(temp.path().join("out/job").join(PART))
        .unwrap()
        .set_len(1)
        .unwrap();
    let (outcomes, result) = store.finish();
    assert!(matches!(result, Err(Error::Io { .. })));
    let states: Vec<Status> = outcomes.iter().map(|o| o.status).collect();
    assert_eq!(states, [Status::Complete, Status::Incomplete]);
}

// Cut to their first characters both ids were one, and with a common folder the second
// job found its journal locked by itself.
#[test]
fn jobs_whose_ids_begin_alike_share_a_folder() {
    let rows = [
        ["LinuxDistribution1", "LinuxDistribution2"],
        // Digests that begin alike still are two jobs.
        ["0123456789abcdef", "0123456789abcdee"],
    ];
    for jobs in rows {
        let temp = tempfile::tempdir().unwrap();
        let flat = || {
            Core::open(Options {
                flat: true,
                ..options(temp.path())
            })
            .unwrap()
        };
        let of = |job, p| Piece {
            job,
            file_id: if job == jobs[0] { "one" } else { "two" },
            ..p
        };
        let mut store = flat();
        for job in jobs {
            put(&mut store, &[of(job, three()[0]), of(job, three()[1])]);
        }
        drop(store);
        // Neither lost its journal to the other, whichever comes first now.
        for job in [jobs[1], jobs[0]] {
            let mut store = flat();
            put(&mut store, &[of(job, three()[2])]);
            let outcome = finished(store).remove(0);
            assert_eq!((outcome.status, outcome.ok), (Status::Complete, 3), "{job}");
        }
    }
}
