//! What the parts of one file can be to each other, as posters and servers really send them. The
//! numbers are those of the catalogue whose other entries `yenc` tests.

use super::*;

/// Y16. The first proven one stays. That a part has the same bytes where it overlaps does not make
/// it fit: the parts have to tile the file, and one that reaches into its neighbour does not.
#[test]
fn y16_an_overlap_with_an_accepted_part() {
    use Placed::{Duplicate, Rejected};
    let rows = [
        ("the same part", piece(1, 0, b"ab"), Duplicate),
        (
            "the same bytes",
            piece(2, 1, b"bcd"),
            Rejected(Reason::Overlap),
        ),
        (
            "other bytes",
            piece(2, 1, b"Xcd"),
            Rejected(Reason::Overlap),
        ),
        ("all of it", piece(2, 0, b"ab"), Rejected(Reason::Overlap)),
        (
            "without a checksum",
            Piece {
                verified: false,
                ..piece(2, 1, b"Xcd")
            },
            Rejected(Reason::Overlap),
        ),
    ];
    for (row, second, want) in rows {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        put(&mut store, &three()[..1]);
        assert_eq!(store.piece(&second).unwrap(), want, "{row}");
        put(&mut store, &three()[1..]);
        assert_eq!(finished(store)[0].status, Status::Complete, "{row}");
        assert_eq!(read(temp.path(), "a.bin"), b"abcdef", "{row}");
    }
}

/// Y17. The file keeps its `.part` name, the gap its place, and the report tells where it is.
#[test]
fn y17_a_gap() {
    // What is missing; what is there may also not reach as far as the next part.
    let [one, two, three] = three();
    let short = piece(2, 2, b"c");
    for (pieces, gap) in [
        (vec![one, three], (2, 4)),
        (vec![two, three], (0, 2)),
        (vec![one, short, three], (3, 4)),
    ] {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        put(&mut store, &pieces);
        let outcome = finished(store).remove(0);
        assert_eq!(outcome.status, Status::Incomplete);
        assert_eq!((outcome.path, outcome.missing_ranges), (None, vec![gap]));
        let mut want = b"abcdef".to_vec();
        want[gap.0 as usize..gap.1 as usize].fill(0);
        assert_eq!(read(temp.path(), PART), want);
        assert_eq!(listing(temp.path()), [JOURNAL, PART]);
    }
}

/// Y18. The first stays, and the file can be complete with it; the second is refused under its own
/// id. Which of the two the poster meant nobody can tell.
#[test]
fn y18_a_part_twice_with_other_bytes_both_proven() {
    let rows = [
        ("other bytes", piece(2, 2, b"XY")),
        ("elsewhere", piece(2, 6, b"cd")),
        ("shorter", piece(2, 2, b"c")),
        ("longer", piece(2, 2, b"cde")),
    ];
    for (row, second) in rows {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        put(&mut store, &three()[..2]);
        let placed = store.piece(&second).unwrap();
        assert_eq!(placed, Placed::Rejected(Reason::Contradiction), "{row}");
        put(&mut store, &three()[2..]);
        assert_eq!(finished(store)[0].status, Status::Complete, "{row}");
        assert_eq!(read(temp.path(), "a.bin"), b"abcdef", "{row}");
    }
}

/// Y37. A name in an article is a hint, and never a way out of the folder.
#[test]
fn y37_a_name_that_is_a_path() {
    let names = [
        "../../../evil",
        "/etc/evil",
        "..",
        ".",
        "a/../../evil",
        "..\\evil",
        "C:\\evil",
        "e\0v\x1b[2Jil",
        "\u{202e}evil",
        "-rf",
        ".nzbpipe-evil.journal",
        "con",
    ];
    for name in names {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        put(
            &mut store,
            &three().map(|p| Piece {
                yenc_name: Some(name),
                ..p
            }),
        );
        let outcome = finished(store).remove(0);
        assert_eq!(outcome.status, Status::Complete, "{name:?}");
        let [made] = &listing(temp.path())[..] else {
            panic!("{name:?}: {:?}", listing(temp.path()))
        };
        assert_eq!(made, &outcome.name);
        assert_eq!(read(temp.path(), made), b"abcdef");
        let plain = |c: char| !c.is_control() && !matches!(c, '/' | '\\' | '\u{202e}');
        assert!(made.chars().all(plain), "{made:?}");
        assert!(!made.starts_with(['-', '.']), "{made:?}");
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "{name:?}");
    }
}
