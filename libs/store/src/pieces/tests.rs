//! Tables of judgements and of whole files.

use super::report::Counts;
use super::*;

const OPEN_END: Piece<'_> = Piece {
    job: "",
    job_name: "",
    file: 0,
    file_id: "",
    name: "",
    yenc_name: None,
    number: 1,
    of: 3,
    offset: 0,
    order: None,
    size: None,
    verified: true,
    damaged: false,
    bytes: &[0; 10],
    crc32: 1,
    file_crc32: None,
    bound: None,
    file_bytes: None,
    part: None,
    total: None,
    id: "",
};

fn piece(number: u64, offset: u64) -> Piece<'static> {
    Piece {
        number,
        offset,
        ..OPEN_END
    }
}

fn with(taken: &[Piece<'_>]) -> Pieces {
    let mut pieces = Pieces::default();
    pieces.expect(3);
    for p in taken {
        assert_eq!(pieces.judge(p), Judgement::Write(vec![]));
        pieces.accept(p.number, Entry::of(p));
        pieces.hints = pieces.hints.with(p);
    }
    pieces
}

#[test]
fn number_and_offset_identify_and_the_checksum_decides() {
    use Judgement::{Duplicate, Rejected, Write};
    use Reason::{Contradiction, OutOfRange, Overlap};
    let loose = |p: Piece<'static>| Piece {
        verified: false,
        ..p
    };
    let other = |p: Piece<'static>| Piece { crc32: 2, ..p };
    let pieces = with(&[piece(1, 0), loose(piece(2, 10))]);
    let rows = [
        ("same again", piece(1, 0), Duplicate),
        ("same, without checksum", loose(piece(1, 0)), Duplicate),
        ("other bytes", other(piece(1, 0)), Rejected(Contradiction)),
        ("other place", piece(1, 20), Rejected(Contradiction)),
        ("another number there", piece(3, 0), Rejected(Overlap)),
        ("off by one, back", piece(3, 9), Rejected(Overlap)),
        (
            "unverified on unverified",
            loose(piece(3, 19)),
            Rejected(Overlap),
        ),
        ("verified replaces its own", piece(2, 10), Write(vec![2])),
        ("from elsewhere too", other(piece(2, 50)), Write(vec![2])),
        ("verified evicts another", piece(3, 15), Write(vec![2])),
        ("free", piece(3, 20), Write(vec![])),
        (
            "beyond the bound",
            Piece {
                bound: Some(29),
                ..piece(3, 20)
            },
            Rejected(OutOfRange),
        ),
        (
            "just within",
            Piece {
                bound: Some(30),
                ..piece(3, 20)
            },
            Write(vec![]),
        ),
        ("a lie", piece(3, 1 << 40), Rejected(OutOfRange)),
        (
            "a wrapping lie",
            piece(3, u64::MAX - 3),
            Rejected(OutOfRange),
        ),
    ];
    for (row, p, want) in rows {
        assert_eq!(pieces.judge(&p), want, "{row}");
    }
}

#[test]
fn damage_never_lies_on_anything_better() {
    let pieces = with(&[piece(1, 0)]);
    let damaged = |p| Piece { damaged: true, ..p };
    for (p, free) in [
        (piece(2, 10), true),
        (piece(2, 9), false),
        (piece(1, 30), false),
        (piece(2, 1 << 50), false),
    ] {
        assert_eq!(
            pieces.judge(&damaged(p)),
            Judgement::Damaged { free },
            "{}",
            p.offset
        );
    }
}

#[test]
fn whole_means_all_numbers_and_no_gap() {
    let sized = |p, size| Piece {
        size: Some(size),
        ..p
    };
    let rows: &[(&str, [Piece<'_>; 3], bool)] = &[
        ("whole", [piece(3, 20), piece(1, 0), piece(2, 10)], true),
        (
            "sparse numbers",
            [piece(1, 0), piece(7, 10), piece(900, 20)],
            true,
        ),
        (
            "off by one",
            [piece(1, 0), piece(2, 10), piece(3, 21)],
            false,
        ),
        (
            "starts late",
            [piece(1, 1), piece(2, 11), piece(3, 21)],
            false,
        ),
        (
            "sizes fit",
            [
                sized(piece(1, 0), 30),
                sized(piece(2, 10), 30),
                piece(3, 20),
            ],
            true,
        ),
        (
            "NZB short",
            [
                sized(piece(1, 0), 31),
                sized(piece(2, 10), 31),
                piece(3, 20),
            ],
            false,
        ),
        (
            "decoys differ",
            [sized(piece(1, 0), 31), sized(piece(2, 10), 5), piece(3, 20)],
            true,
        ),
        (
            "decoys too small",
            [sized(piece(1, 0), 5), sized(piece(2, 10), 5), piece(3, 20)],
            true,
        ),
        (
            "no checksum",
            [
                piece(1, 0),
                piece(2, 10),
                Piece {
                    verified: false,
                    ..piece(3, 20)
                },
            ],
            false,
        ),
    ];
    for (row, taken, want) in rows {
        assert_eq!(with(taken).is_whole(false), *want, "{row}");
    }
    assert!(!with(&rows[0].1[..2]).is_whole(true));
    assert!(with(&rows[8].1).is_whole(true));
    assert_eq!(with(&rows[5].1).missing_ranges(), [(30, 31)]);
}

#[test]
fn eviction_leaves_a_hole_that_is_counted() {
    let mut pieces = with(&[Piece {
        verified: false,
        ..piece(2, 10)
    }]);
    let p = piece(3, 15);
    assert_eq!(pieces.judge(&p), Judgement::Write(vec![2]));
    pieces.evict(2);
    pieces.accept(3, Entry::of(&p));
    pieces.lose(1, Why::Missing);
    pieces.lose(2, Why::Damaged);
    let want = Counts {
        ok: 1,
        missing: 1,
        damaged: 1,
        unverified: 0,
    };
    assert_eq!(pieces.counts(), want);
    assert_eq!(pieces.missing_ranges(), [(0, 15)]);
}

#[test]
fn the_checksum_of_the_file_comes_from_its_pieces() {
    let data = b"0123456789abcdefghij!";
    let mut pieces = Pieces::default();
    for (number, range) in [(2, 10..20), (3, 20..21), (1, 0..10)] {
        let bytes = &data[range.clone()];
        let p = Piece {
            bytes,
            crc32: crc32fast::hash(bytes),
            ..piece(number, range.start as u64)
        };
        pieces.accept(number, Entry::of(&p));
    }
    assert_eq!(pieces.crc32(), crc32fast::hash(data));
    assert_eq!(Pieces::default().crc32(), 0);
}
