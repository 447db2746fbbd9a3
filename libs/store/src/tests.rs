//! The store as its users see it: pieces in, files out.

use std::fs;
use std::path::Path;

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use self::core::Core;
use crate::pieces::Pieces;
use crate::room::lock;
use crate::*;

mod catalogue;
mod core;
mod foreign;
mod hostile;
mod moves;
mod resume;
mod sequence;
mod sync;
mod threads;
mod turns;
mod unknown;

const JOB: &str = "0123456789abcdef0123456789abcdef";
const FILE: &str = "fedcba9876543210fedcba9876543210";
const PART: &str = "a.bin.2f4eae3c4002.part";
const JOURNAL: &str = ".nzbpipe-0123456789ab.journal";

fn options(dir: &Path) -> Options {
    Options {
        dir: dir.join("out"),
        journal: Journaling::Remove,
        ..Options::default()
    }
}

fn open(dir: &Path) -> Core {
    Core::open(options(dir)).unwrap()
}

/// A verified piece of `a.bin`, which has three.
fn piece(number: u64, offset: u64, bytes: &[u8]) -> Piece<'_> {
    Piece {
        job: JOB,
        job_name: "job",
        file_id: FILE,
        name: "a.bin",
        number,
        of: 3,
        offset,
        verified: true,
        bytes,
        crc32: crc32fast::hash(bytes),
        id: "id@x",
        ..Piece::default()
    }
}

/// `abcdef` in three pieces.
fn three() -> [Piece<'static>; 3] {
    [piece(1, 0, b"ab"), piece(2, 2, b"cd"), piece(3, 4, b"ef")]
}

fn absent(number: u64, why: Why) -> Absent<'static> {
    let p = piece(number, 0, b"");
    Absent {
        job: p.job,
        job_name: p.job_name,
        file: p.file,
        file_id: p.file_id,
        name: p.name,
        number,
        of: p.of,
        id: "gone@x",
        why,
    }
}

fn put(store: &mut Core, pieces: &[Piece<'_>]) {
    for p in pieces {
        assert_eq!(store.piece(p).unwrap(), Placed::Written, "{}", p.number);
    }
}

fn finished(store: Core) -> Vec<FileOutcome> {
    let (outcomes, result) = store.finish();
    result.unwrap();
    outcomes
}

/// What lies in the job's folder, sorted.
fn listing(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir.join("out/job")) else {
        return Vec::new();
    };
    let name = |e: std::io::Result<fs::DirEntry>| e.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

fn read(dir: &Path, name: &str) -> Vec<u8> {
    fs::read(dir.join("out/job").join(name)).unwrap()
}

#[test]
fn pieces_in_any_order_make_a_file() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    let [one, two, three] = three();
    put(&mut store, &[three, one]);
    assert_eq!(listing(temp.path()), [JOURNAL, PART]);
    assert!(store.completed().is_empty());
    put(&mut store, &[two]);
    assert_eq!(store.piece(&two).unwrap(), Placed::Late);
    let done = store.completed().remove(0);
    assert_eq!(done.path.as_deref(), Some(Path::new("job/a.bin")));
    assert_eq!(
        (done.size, done.crc32),
        (Some(6), Some(crc32fast::hash(b"abcdef")))
    );
    assert_eq!((done.status, done.ok, done.of), (Status::Complete, 3, 3));
    assert!(!done.reported && store.completed().is_empty());
    assert!(finished(store)[0].reported);
    assert_eq!(listing(temp.path()), ["a.bin"]);
    assert_eq!(read(temp.path(), "a.bin"), b"abcdef");
}

#[test]
fn an_nzb_that_is_short_of_pieces_completes_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three().map(|p| Piece { size: Some(9), ..p }));
    let outcome = finished(store).remove(0);
    assert_eq!(
        (outcome.status, outcome.ok, outcome.missing_count),
        (Status::Incomplete, 3, 0)
    );
    assert_eq!(outcome.missing_ranges, [(6, 9)]);
    // The next run knows it too, though it sees no piece.
    let mut store = open(temp.path());
    store.absent(&absent(1, Why::Missing)).unwrap();
    assert_eq!(finished(store)[0].missing_ranges, [(6, 9)]);
}

#[test]
fn an_empty_file_is_complete_too() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(
        &mut store,
        &[Piece {
            of: 1,
            size: Some(0),
            ..piece(1, 0, b"")
        }],
    );
    let outcome = finished(store).remove(0);
    assert_eq!((outcome.size, outcome.crc32), (Some(0), Some(0)));
    assert_eq!(read(temp.path(), "a.bin"), b"");
}

/// One whole file of its own, in one piece.
fn single<'a>(id: &'a str, name: &'a str, bytes: &'a [u8]) -> Piece<'a> {
    Piece {
        file_id: id,
        name,
        of: 1,
        ..piece(1, 0, bytes)
    }
}

#[test]
fn files_with_the_same_name_do_not_share() {
    let temp = tempfile::tempdir().unwrap();
    let files = [
        single("one", "a.bin", b"1"),
        single("two", "A.BIN", b"2"),
        single("three", "a.bin", b"3"),
        single("four", "a.bin", b"1"),
    ];
    for _ in 0..2 {
        let mut store = open(temp.path());
        put(&mut store, &files);
        let names: Vec<String> = finished(store).into_iter().map(|o| o.name).collect();
        assert_eq!(names, ["a.bin", "A (2).BIN", "a (3).bin", "a (4).bin"]);
        assert_eq!(listing(temp.path()).len(), 4);
    }
    // Another job of the same name: what is there stays, the same bytes are not doubled.
    let mut store = open(temp.path());
    let other = |id, bytes| Piece {
        job: "other",
        ..single(id, "a.bin", bytes)
    };
    put(&mut store, &[other("x", b"1"), other("y", b"new")]);
    let names: Vec<String> = finished(store).into_iter().map(|o| o.name).collect();
    assert_eq!(names, ["a.bin", "a (2).bin"]);
    assert_eq!(read(temp.path(), "a (2).bin"), b"new");
    assert_eq!(listing(temp.path()).len(), 5);
}

#[test]
fn the_pieces_name_the_file_where_they_agree() {
    let rows = [
        ([Some("y.bin"), None, Some("y.bin")], "y.bin"),
        ([Some("y.bin"), Some("z.bin"), None], "a.bin"),
        ([Some(""), None, None], "a.bin"),
        ([Some("../../y"), Some("../../y"), Some("../../y")], "y"),
        ([Some(".."), Some(".."), Some("..")], "a.bin"),
    ];
    for (names, want) in rows {
        let temp = tempfile::tempdir().unwrap();
        let mut pieces = three();
        for (p, name) in pieces.iter_mut().zip(names) {
            p.yenc_name = name;
        }
        let mut store = open(temp.path());
        put(&mut store, &pieces[..2]);
        drop(store);
        // The names of the first run are not forgotten.
        let mut store = open(temp.path());
        put(&mut store, &pieces[2..]);
        assert_eq!(finished(store)[0].name, want);
        assert_eq!(listing(temp.path()), [want]);
    }
}

#[test]
fn unverified_pieces_count_only_if_told() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(
        &mut store,
        &three().map(|p| Piece {
            verified: p.number != 2,
            ..p
        }),
    );
    let outcome = finished(store).remove(0);
    assert_eq!(
        (outcome.status, outcome.ok, outcome.unverified),
        (Status::Unverified, 2, 1)
    );
    assert_eq!(outcome.missing_ranges, []);
    let accept = Options {
        accept_unverified: true,
        ..options(temp.path())
    };
    let mut store = Core::open(accept).unwrap();
    store.absent(&absent(2, Why::Missing)).unwrap();
    let outcome = finished(store).remove(0);
    assert_eq!(
        (outcome.status, outcome.ok, outcome.unverified),
        (Status::Complete, 2, 1)
    );
}

#[test]
fn a_verified_piece_replaces_an_unverified_one() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    let loose = Piece {
        verified: false,
        ..piece(2, 1, b"zzz")
    };
    put(&mut store, &[loose]);
    put(&mut store, &three());
    assert_eq!(finished(store)[0].status, Status::Complete);
    assert_eq!(read(temp.path(), "a.bin"), b"abcdef");
}

#[test]
fn damage_is_a_hole_unless_salvaged() {
    for salvage in [false, true] {
        let temp = tempfile::tempdir().unwrap();
        let mut store = Core::open(Options {
            salvage,
            ..options(temp.path())
        })
        .unwrap();
        let [one, two, three] = three();
        put(&mut store, &[one, three]);
        let damaged = Piece {
            damaged: true,
            ..two
        };
        assert_eq!(store.piece(&damaged).unwrap(), Placed::Damaged);
        let want: &[u8] = if salvage { b"abcdef" } else { b"ab\0\0ef" };
        assert_eq!(read(temp.path(), PART), want);
        let outcome = finished(store).remove(0);
        assert_eq!((outcome.status, outcome.damaged), (Status::Damaged, 1));
        assert_eq!(outcome.missing_ranges, [(2, 4)]);
        let mut store = open(temp.path());
        put(&mut store, &[two]);
        assert_eq!(finished(store)[0].status, Status::Complete);
    }
}

#[test]
fn nothing_at_all_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    for number in 1..=3 {
        store.absent(&absent(number, Why::Failed)).unwrap();
    }
    let outcome = finished(store).remove(0);
    assert_eq!((outcome.missing_count, outcome.part_path), (3, None));
    assert_eq!(fs::read_dir(temp.path().join("out")).unwrap().count(), 0);
}

#[test]
fn a_stream_made_by_hand_and_flat_need_no_folder() {
    let temp = tempfile::tempdir().unwrap();
    let by_hand = |p: Piece<'static>| Piece {
        job: "",
        job_name: "",
        file_id: "",
        of: 2,
        ..p
    };
    let mut store = open(temp.path());
    put(&mut store, &[by_hand(three()[0])]);
    drop(store);
    assert!(temp.path().join("out/.nzbpipe-nojob.journal").exists());
    let mut store = Core::open(Options {
        flat: true,
        ..options(temp.path())
    })
    .unwrap();
    put(
        &mut store,
        &[
            by_hand(three()[1]),
            Piece {
                name: "../b",
                ..single("b", "b", b"b")
            },
        ],
    );
    let paths: Vec<_> = finished(store)
        .into_iter()
        .map(|o| o.path.unwrap())
        .collect();
    assert_eq!(paths, [Path::new("a.bin"), Path::new("b")]);
    assert_eq!(fs::read_dir(temp.path().join("out")).unwrap().count(), 2);
}

// Whatever the order, and whoever wrote them: a later run, too.
#[test]
fn digests_are_those_of_the_bytes_on_the_disk() {
    use sha2::Digest;
    let data: Vec<u8> = (0..60_000u32).map(|n| (n * 31 % 251) as u8).collect();
    let of = |n: usize| Piece {
        offset: n as u64 * 20_000,
        ..piece(n as u64 + 1, 0, &data[n * 20_000..][..20_000])
    };
    let wrong = vec![9; 20_000];
    let loose = Piece {
        verified: false,
        bytes: &wrong[..],
        crc32: crc32fast::hash(&wrong),
        ..of(0)
    };
    let hashing = |dir: &Path| Options {
        hashes: Hashes {
            sha256: true,
            blake3: true,
        },
        journal: Journaling::Keep,
        ..options(dir)
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let temp = tempfile::tempdir().unwrap();
        let mut store = Core::open(hashing(temp.path())).unwrap();
        put(&mut store, &[loose, of(order[0])]);
        drop(store);
        for run in 0..2 {
            let mut store = Core::open(hashing(temp.path())).unwrap();
            for n in order {
                let _ = store.piece(&of(n)).unwrap();
            }
            let outcome = finished(store).remove(0);
            assert_eq!(outcome.status, Status::Complete, "{order:?} {run}");
            let sha256: [u8; 32] = sha2::Sha256::digest(&data).into();
            assert_eq!(outcome.sha256, Some(sha256), "{order:?} {run}");
            assert_eq!(outcome.blake3, Some(*blake3::hash(&data).as_bytes()));
            let head: [u8; 16] = md5::Md5::digest(&data[..16 << 10]).into();
            assert_eq!(outcome.md5_16k, Some(head));
        }
    }
}
