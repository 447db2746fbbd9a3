//! Files whose pieces do not know their places.

use super::*;

pub(super) const UU: Option<Order> = Some(Order::Uu { ends: false });
pub(super) const END: Option<Order> = Some(Order::Uu { ends: true });

pub(super) fn next(number: u64, order: Option<Order>, bytes: &[u8]) -> Piece<'_> {
    Piece {
        of: 4,
        order,
        // Neither is theirs to say.
        offset: 1_000,
        verified: true,
        ..piece(number, 0, bytes)
    }
}

/// `abcdefghi` in four pieces.
pub(super) fn four() -> [Piece<'static>; 4] {
    [
        next(1, UU, b"abc"),
        next(2, UU, b"d"),
        next(3, UU, b"efgh"),
        next(4, END, b"i"),
    ]
}

pub(super) fn accepting(dir: &Path) -> Core {
    Core::open(Options {
        accept_unverified: true,
        ..options(dir)
    })
    .unwrap()
}

pub(super) fn orders() -> Vec<[usize; 4]> {
    let mut all = Vec::new();
    for code in 0..256usize {
        let order = [0, 1, 2, 3].map(|at| code >> (2 * at) & 3);
        if (0..4).all(|n| order.contains(&n)) {
            all.push(order);
        }
    }
    assert_eq!(all.len(), 24);
    all
}

#[test]
fn every_order_of_arrival_makes_the_same_file() {
    for order in orders() {
        let temp = tempfile::tempdir().unwrap();
        let mut store = accepting(temp.path());
        for at in order {
            put(&mut store, &[four()[at]]);
            let again = store.piece(&four()[at]).unwrap();
            assert!(
                matches!(again, Placed::Duplicate | Placed::Late),
                "{again:?}"
            );
        }
        let outcome = finished(store).remove(0);
        assert_eq!(
            (outcome.status, outcome.ok),
            (Status::Complete, 0),
            "{order:?}"
        );
        assert_eq!((outcome.of, outcome.unverified), (4, 4), "{order:?}");
        let crc32 = Some(crc32fast::hash(b"abcdefghi"));
        assert_eq!((outcome.size, outcome.crc32), (Some(9), crc32), "{order:?}");
        assert_eq!(read(temp.path(), "a.bin"), b"abcdefghi", "{order:?}");
        assert_eq!(listing(temp.path()), ["a.bin"]);
    }
}

#[test]
fn without_leave_the_part_file_is_right_and_a_later_run_takes_it() {
    for order in orders() {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        put(&mut store, &order.map(|at| four()[at]));
        let outcome = finished(store).remove(0);
        assert_eq!(
            (outcome.status, outcome.unverified),
            (Status::Unverified, 4)
        );
        assert_eq!(read(temp.path(), PART), b"abcdefghi", "{order:?}");
        let mut store = accepting(temp.path());
        assert_eq!(store.piece(&four()[0]).unwrap(), Placed::Late);
        assert_eq!(finished(store)[0].status, Status::Complete);
        assert_eq!(read(temp.path(), "a.bin"), b"abcdefghi");
    }
}

#[test]
fn what_was_parked_is_found_by_the_next_run() {
    for order in orders() {
        let temp = tempfile::tempdir().unwrap();
        let (last, first) = order.split_last().unwrap();
        let mut store = accepting(temp.path());
        for at in first {
            put(&mut store, &[four()[*at]]);
        }
        drop(store);
        let mut store = accepting(temp.path());
        for at in first {
            assert_eq!(store.piece(&four()[*at]).unwrap(), Placed::Duplicate);
        }
        put(&mut store, &[four()[*last]]);
        assert_eq!(finished(store)[0].status, Status::Complete, "{order:?}");
        assert_eq!(read(temp.path(), "a.bin"), b"abcdefghi");
    }
}

#[test]
fn a_hole_has_no_length_and_nothing_is_written_behind_it() {
    for gone in 1..=4 {
        let temp = tempfile::tempdir().unwrap();
        let mut store = accepting(temp.path());
        let there = four().into_iter().filter(|p| p.number != gone);
        put(&mut store, &there.collect::<Vec<_>>());
        store
            .absent(&Absent {
                of: 4,
                ..absent(gone, Why::Missing)
            })
            .unwrap();
        let outcome = finished(store).remove(0);
        assert_eq!(
            (outcome.status, outcome.missing_count),
            (Status::Incomplete, 1)
        );
        assert_eq!((outcome.size, outcome.missing_ranges), (None, vec![]));
        // Each piece is where its number says, or begins where the one before it ends.
        let data = read(temp.path(), PART);
        let want = &b"abcdefghi"[..[0, 3, 4, 8][gone as usize - 1]];
        assert_eq!(&data[..want.len()], want, "{gone}");
        let behind = data.get(want.len()..want.len() + 1).unwrap_or(b"\0");
        assert_eq!(behind, b"\0", "{gone}");
    }
}

#[test]
fn the_end_has_to_be_in_the_last_piece_and_nowhere_else() {
    let rows = [
        ("no end", [UU, UU, UU, UU], Status::Incomplete),
        ("an early end", [UU, END, UU, END], Status::Incomplete),
        ("good", [UU, UU, UU, END], Status::Complete),
        ("raw has none", [Some(Order::Raw); 4], Status::Complete),
    ];
    for (row, orders, status) in rows {
        for of in [0, 4] {
            let temp = tempfile::tempdir().unwrap();
            let mut store = accepting(temp.path());
            let mut pieces = four();
            for (piece, order) in pieces.iter_mut().zip(orders) {
                (piece.order, piece.of) = (order, of);
            }
            put(&mut store, &pieces);
            assert_eq!(finished(store)[0].status, status, "{row} of {of}");
        }
    }
}

#[test]
fn one_kind_of_piece_to_a_file() {
    use Reason::{Contradiction, OutOfRange};
    let rows = [
        ("other bytes", next(1, UU, b"abX"), Contradiction),
        (
            "another kind",
            next(3, Some(Order::Raw), b"efgh"),
            Contradiction,
        ),
        (
            "a place, no proof",
            Piece {
                verified: false,
                ..piece(3, 5, b"x")
            },
            Contradiction,
        ),
        ("number 0", next(0, UU, b"x"), OutOfRange),
        ("a number too large", next(5, END, b"x"), OutOfRange),
        (
            "the same, a larger one",
            next(1 << 62, END, b"x"),
            OutOfRange,
        ),
    ];
    for (row, piece, reason) in rows {
        let temp = tempfile::tempdir().unwrap();
        let mut store = accepting(temp.path());
        put(&mut store, &four()[..2]);
        assert_eq!(
            store.piece(&piece).unwrap(),
            Placed::Rejected(reason),
            "{row}"
        );
        let damaged = Piece {
            damaged: true,
            ..piece
        };
        assert_eq!(store.piece(&damaged).unwrap(), Placed::Damaged, "{row}");
        put(&mut store, &four()[2..]);
        assert_eq!(finished(store)[0].status, Status::Complete, "{row}");
    }
}

/// Somebody's notice in place of an article must not keep the file away.
#[test]
fn a_proven_piece_sweeps_a_sequence_away() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = accepting(temp.path());
    let raw = Some(Order::Raw);
    put(
        &mut store,
        &[
            next(1, raw, b"removed"),
            next(3, raw, b""),
            next(4, raw, b"gone"),
        ],
    );
    let [one, two, three] = super::three().map(|p| Piece { of: 0, ..p });
    put(&mut store, &[two, one, three]);
    let late = store.piece(&next(4, raw, b"gone")).unwrap();
    assert_eq!(late, Placed::Rejected(Reason::Contradiction));
    let outcome = finished(store).remove(0);
    assert_eq!((outcome.ok, outcome.missing_count), (3, 1));
    assert_eq!(read(temp.path(), PART), b"abcdef", "nothing else is left");
    drop(temp);

    let temp = tempfile::tempdir().unwrap();
    let mut store = accepting(temp.path());
    put(
        &mut store,
        &[Piece {
            of: 3,
            ..next(3, raw, b"")
        }],
    );
    put(&mut store, &super::three());
    assert_eq!(finished(store)[0].status, Status::Complete);
    assert_eq!(read(temp.path(), "a.bin"), b"abcdef");
}

/// A piece as large as one may be fills its parking place, which is the place of the next.
#[test]
fn the_largest_pieces_are_in_nobodys_way() {
    let size = MAX_PIECE as usize;
    let data: Vec<Vec<u8>> = (1..=3).map(|byte| vec![byte; size]).collect();
    for order in [[2, 1, 0], [1, 2, 0], [1, 0, 2], [0, 2, 1]] {
        let temp = tempfile::tempdir().unwrap();
        let mut store = accepting(temp.path());
        for at in order {
            // The first is one byte shorter: all others move.
            let bytes = &data[at][usize::from(at == 0)..];
            let kind = if at == 2 { END } else { UU };
            put(
                &mut store,
                &[Piece {
                    of: 3,
                    ..next(at as u64 + 1, kind, bytes)
                }],
            );
        }
        assert_eq!(finished(store)[0].status, Status::Complete, "{order:?}");
        let want = data.concat();
        assert!(read(temp.path(), "a.bin") == want[1..], "{order:?}");
    }
}

/// A run that died while it moved pieces: what was moved is known, what was not is found.
#[test]
fn a_move_that_was_cut_off_goes_on() {
    for moved in 0..=3 {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        let [one, two, three, four] = four();
        put(&mut store, &[three, four, two, one]);
        let moves = store.pieces(Pieces::moves);
        assert_eq!(moves.len(), 3);
        for step in &moves[..moved] {
            store.shift(step).unwrap();
        }
        drop(store);
        let mut store = accepting(temp.path());
        assert_eq!(store.piece(&one).unwrap(), Placed::Late, "{moved}");
        assert_eq!(finished(store)[0].status, Status::Complete, "{moved}");
        assert_eq!(read(temp.path(), "a.bin"), b"abcdefghi", "{moved}");
    }
}

#[test]
fn a_data_file_that_vanished_is_written_anew() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = accepting(temp.path());
    let [one, two, three, four] = four();
    put(&mut store, &[three, four, two]);
    fs::remove_file(temp.path().join("out/job").join(PART)).unwrap();
    let _ = store.piece(&one);
    drop(store);
    let mut store = accepting(temp.path());
    put(&mut store, &[one, two, three, four]);
    assert_eq!(finished(store)[0].status, Status::Complete);
    assert_eq!(read(temp.path(), "a.bin"), b"abcdefghi");
}
