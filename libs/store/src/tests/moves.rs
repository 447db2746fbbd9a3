//! Where pieces that do not know their places are kept, and what moving them can lose.

use super::sequence::{END, UU, accepting, four, next, orders};
use super::*;

/// A number is anybody's word. The file stays small, whatever else happens to it.
#[test]
fn a_far_number_does_not_make_a_large_file() {
    let far = [1 << 20, 1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63, u64::MAX];
    for (of, number) in [0, u64::MAX]
        .into_iter()
        .flat_map(|of| far.map(|n| (of, n)))
    {
        let temp = tempfile::tempdir().unwrap();
        let mut store = accepting(temp.path());
        let large = vec![7; MAX_PIECE as usize];
        let at = |number, bytes| Piece {
            of,
            ..next(number, UU, bytes)
        };
        put(
            &mut store,
            &[at(number, &large), at(1, b"abc"), at(2, b"d")],
        );
        put(&mut store, &[at(number - 1, b"efgh")]);
        let len = fs::metadata(temp.path().join("out/job").join(PART)).unwrap();
        assert!(len.len() <= MAX_PIECE + (257 << 20), "{}", len.len());
        let outcome = finished(store).remove(0);
        assert_eq!(outcome.status, Status::Incomplete, "{number} of {of}");
        // The next run finds them.
        let mut store = accepting(temp.path());
        for (number, bytes) in [(number, &large[..]), (number - 1, b"efgh")] {
            assert_eq!(store.piece(&at(number, bytes)).unwrap(), Placed::Duplicate);
        }
    }
}

/// 500 pieces of the usual size: nothing lies anywhere but at its place, in any order.
#[test]
fn pieces_of_one_size_lie_where_they_belong_at_once() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    let data: Vec<u8> = (0..100_000u32).map(|n| (n * 31 % 251) as u8).collect();
    let chunks: Vec<&[u8]> = data.chunks(201).collect();
    let (of, last) = (chunks.len(), chunks.len() - 1);
    for at in (0..of).rev().map(|at| (at * 7 + 3) % of) {
        let order = if at == last { END } else { UU };
        put(
            &mut store,
            &[Piece {
                of: of as u64,
                ..next(at as u64 + 1, order, chunks[at])
            }],
        );
    }
    assert_eq!(store.pieces(Pieces::moves), []);
    assert!(read(temp.path(), PART) == data);
}

/// Killed while the bytes of a piece are on their way, before the journal knows.
#[test]
fn a_move_that_was_cut_off_in_the_middle_loses_no_more_than_its_piece() {
    let orders = [[3, 2, 1, 0], [2, 3, 1, 0], [3, 1, 2, 0]];
    for (order, moved, bytes) in orders
        .into_iter()
        .flat_map(|o| (0..6).map(move |m| (o, m)))
        .flat_map(|(o, m)| (0..4).map(move |b| (o, m, b)))
    {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        put(&mut store, &order.map(|at| four()[at]));
        let moves = store.pieces(Pieces::moves);
        for step in &moves[..moved.min(moves.len())] {
            store.shift(step).unwrap();
        }
        if let Some(step) = moves.get(moved) {
            use std::os::unix::fs::FileExt;
            let part = temp.path().join("out/job").join(PART);
            let file = fs::File::options()
                .read(true)
                .write(true)
                .open(part)
                .unwrap();
            let mut some = vec![0; bytes.min(step.entry.len as usize)];
            file.read_exact_at(&mut some, step.entry.offset).unwrap();
            file.write_all_at(&some, step.to).unwrap();
        }
        drop(store);
        let mut store = accepting(temp.path());
        let mut lost = 0;
        for piece in four() {
            let placed = store.piece(&piece).unwrap();
            assert!(!matches!(placed, Placed::Rejected(_)), "{placed:?}");
            lost += u32::from(placed == Placed::Written);
        }
        assert!(lost <= 1, "{order:?} {moved} {bytes}");
        assert_eq!(finished(store)[0].status, Status::Complete);
        assert_eq!(read(temp.path(), "a.bin"), b"abcdefghi");
    }
}

/// A full disk while pieces move: none is lost whose bytes are still where they were.
#[test]
fn a_move_that_fails_can_be_done_again() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = accepting(temp.path());
    let [one, two, three, four] = four();
    put(&mut store, &[four, three, two]);
    let unwritable = |store: &mut Core| {
        let part = fs::File::open(temp.path().join("out/job").join(PART)).unwrap();
        store.hand_over(part);
    };
    // With the first piece in, all is there, and the moves begin.
    let data = store.piece(&Piece { of: 5, ..one });
    assert_eq!(data.unwrap(), Placed::Written);
    let moves = store.pieces(Pieces::moves);
    assert!(moves.len() > 2 && moves[0].spares());
    unwritable(&mut store);
    assert!(store.shift(&moves[0]).is_err());
    store.store.shared.handles.close(0);
    assert_eq!(
        store.piece(&four).unwrap(),
        Placed::Duplicate,
        "it is still there"
    );
    assert_eq!(finished(store)[0].status, Status::Incomplete, "of 5");
    assert_eq!(read(temp.path(), PART), b"abcdefghi");
}

/// Parts of one size with a hole among them: in the end it has the right length, and nothing
/// is left in it, in whatever order the others came. A second run changes nothing.
#[test]
fn a_hole_among_pieces_of_one_size_is_at_its_right_place() {
    let pieces = [
        next(1, UU, b"abc"),
        next(2, UU, b"def"),
        next(3, UU, b"ghi"),
        next(4, END, b"j"),
    ];
    for (order, gone) in orders()
        .into_iter()
        .flat_map(|o| (0..3).map(move |g| (o, g)))
    {
        let temp = tempfile::tempdir().unwrap();
        let mut want = b"abcdefghij".to_vec();
        want[gone * 3..gone * 3 + 3].fill(0);
        for _ in 0..2 {
            let mut store = accepting(temp.path());
            for at in order.into_iter().filter(|at| *at != gone) {
                assert!(!matches!(
                    store.piece(&pieces[at]).unwrap(),
                    Placed::Rejected(_)
                ));
            }
            assert_eq!(finished(store)[0].status, Status::Incomplete);
            assert_eq!(read(temp.path(), PART), want, "{order:?} {gone}");
        }
        let mut store = accepting(temp.path());
        put(&mut store, &pieces[gone..=gone]);
        assert_eq!(finished(store)[0].status, Status::Complete);
        assert_eq!(read(temp.path(), "a.bin"), b"abcdefghij");
    }
}

/// A damaged piece is written where it probably belongs, or not at all.
#[test]
fn salvage_never_goes_astray() {
    let rows = [
        ("the next", 2, &b"D"[..], &b"abcD"[..]),
        ("a later one", 3, b"EFG", b"abc\0\0\0EFG"),
        ("far away", 1 << 40, b"XYZ", b"abc"),
        ("no number", 0, b"XYZ", b"abc"),
    ];
    for (row, number, bytes, want) in rows {
        let temp = tempfile::tempdir().unwrap();
        let mut store = Core::open(Options {
            salvage: true,
            ..options(temp.path())
        })
        .unwrap();
        let of = |p| Piece { of: 0, ..p };
        put(&mut store, &[of(four()[0])]);
        let damaged = Piece {
            damaged: true,
            ..of(next(number, UU, bytes))
        };
        assert_eq!(store.piece(&damaged).unwrap(), Placed::Damaged, "{row}");
        assert_eq!(finished(store)[0].status, Status::Damaged, "{row}");
        assert_eq!(read(temp.path(), PART), want, "{row}");
    }
}

/// What was said of the file by pieces that are gone is gone with them.
#[test]
fn hints_are_swept_away_with_their_pieces() {
    let temp = tempfile::tempdir().unwrap();
    let lie = Piece {
        size: Some(99),
        yenc_name: Some("evil.exe"),
        file_crc32: Some(1),
        of: 3,
        ..next(2, Some(Order::Raw), b"gone")
    };
    let mut store = open(temp.path());
    put(&mut store, &[lie]);
    put(&mut store, &super::three()[..1]);
    drop(store);
    let mut store = open(temp.path());
    put(&mut store, &super::three()[1..]);
    let outcome = finished(store).remove(0);
    assert_eq!(
        (outcome.status, &*outcome.name),
        (Status::Complete, "a.bin")
    );
    assert_eq!(outcome.crc32_declared, None);
}

/// Otherwise a full disk would be in the way of a file that is all there.
#[test]
#[cfg(target_os = "linux")]
fn moves_need_no_room_for_the_file_twice() {
    use std::os::unix::fs::MetadataExt;
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    let sizes = [3 << 20, 1 << 20, 2 << 20, 1 << 20, 2 << 20, 1 << 20];
    let data = sizes.map(|size| vec![size as u8 + 1; size]);
    for at in [1, 2, 3, 5, 4, 0] {
        let order = if at == 5 { END } else { UU };
        put(
            &mut store,
            &[Piece {
                of: 6,
                ..next(at as u64 + 1, order, &data[at])
            }],
        );
    }
    let moves = store.pieces(Pieces::moves);
    assert!(moves.len() > 3, "{moves:?}");
    for step in &moves {
        store.shift(step).unwrap();
        let part = fs::metadata(temp.path().join("out/job").join(PART)).unwrap();
        assert!(part.blocks() * 512 <= (10 << 20) + (64 << 10), "{step:?}");
    }
    drop(store);
    let mut store = accepting(temp.path());
    let first = Piece {
        of: 6,
        ..next(1, UU, &data[0])
    };
    assert_eq!(store.piece(&first).unwrap(), Placed::Late);
    assert!(read(temp.path(), "a.bin") == data.concat());
}
