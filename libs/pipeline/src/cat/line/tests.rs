use super::*;
use nzbpipe_record::Class;

fn at(number: u64, offset: u64, len: u64) -> Piece {
    Piece {
        number,
        offset,
        len,
        encoding: None,
        ends: false,
    }
}

fn uu(number: u64, ends: bool) -> Piece {
    Piece {
        encoding: Some(Encoding::Uu),
        ends,
        ..at(number, 0, 10)
    }
}

/// A line of `of` pieces in which these were taken and written.
fn line(of: u64, pieces: &[Piece]) -> Line {
    let mut line = Line::default();
    line.expect(of);
    for piece in pieces {
        assert_eq!(line.judge(piece, |_, _| false), Judgement::Take);
        line.take(piece);
        line.wrote(Line::key(piece), piece.len);
    }
    line
}

fn refused(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Refuse(Why::Contradicts(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let line = line(4, &[at(1, 0, 100), at(2, 100, 100)]);
    let judge = |piece: Piece| line.judge(&piece, |start, end| start < 350 && end > 300);
    assert_eq!(judge(at(3, 200, 100)), Judgement::Take);
    // The second copy, and one that lies about its number: the first stays.
    assert_eq!(judge(at(2, 100, 100)), Judgement::Skip);
    assert_eq!(judge(at(2, 500, 100)), Judgement::Skip);
    assert_eq!(refused(judge(at(3, 199, 100))), "overlap");
    assert_eq!(refused(judge(at(3, 349, 100))), "overlap");
    assert_eq!(refused(judge(uu(3, false))), "another encoding");
    // Offsets are a stranger's word: nothing is reserved or filled for such.
    for offset in [
        1 << 63,
        u64::MAX,
        u64::MAX - 99,
        4 * MAX_PAYLOAD as u64 - 99,
    ] {
        assert_eq!(refused(judge(at(3, offset, 100))), "out of range");
    }
    assert_eq!(
        judge(at(3, 4 * MAX_PAYLOAD as u64 - 100, 100)),
        Judgement::Take
    );
    assert_eq!(judge(at(3, 50, 0)), Judgement::Take);
}

#[test]
fn numbers_of_pieces_without_a_place() {
    let line = line(3, &[uu(1, false)]);
    let judge = |piece: Piece| line.judge(&piece, |_, _| true);
    assert_eq!(judge(uu(2, false)), Judgement::Take);
    assert_eq!(refused(judge(uu(0, false))), "no such number");
    assert_eq!(refused(judge(uu(4, false))), "no such number");
    assert_eq!(refused(judge(at(2, 10, 10))), "another encoding");
}

#[test]
fn a_lost_piece_ends_it_when_it_is_next() {
    let mut line = line(5, &[at(1, 0, 100)]);
    line.lose(3, Why::Missing, "3@x");
    assert_eq!(line.step(None, None, false, false), Step::Wait);
    line.lose(2, Why::Failed(Class::Transport, "broken".into()), "2@x");
    for first in [None, Some((300, 4))] {
        let Step::Gap(lack) = line.step(first, None, false, false) else {
            panic!("no gap");
        };
        assert_eq!((lack.number, lack.id.as_str()), (Some(2), "2@x"));
    }
    // It may come after all.
    line.take(&at(2, 100, 100));
    line.wrote((100, 2), 100);
    assert!(matches!(line.step(None, None, false, false), Step::Gap(l) if l.number == Some(3)));
}

#[test]
fn zeros_go_where_nothing_can_come_any_more() {
    let mut line = line(5, &[at(1, 0, 100)]);
    let four = Some((300, 4));
    line.lose(2, Why::Missing, "");
    assert_eq!(line.step(four, None, false, true), Step::Wait);
    assert_eq!(line.step(four, None, true, true), Step::Zeros(300));
    line.lose(3, Why::Missing, "");
    assert_eq!(line.step(four, None, false, true), Step::Zeros(300));
    // As much as two articles can hold, and no more.
    let far = 100 + 2 * MAX_PAYLOAD as u64;
    assert_eq!(
        line.step(Some((far, 4)), None, false, true),
        Step::Zeros(far)
    );
    assert!(matches!(
        line.step(Some((far + 1, 4)), None, false, true),
        Step::Gap(_)
    ));
}

#[test]
fn zeros_at_the_end_need_a_size() {
    let mut line = line(3, &[at(1, 0, 100), at(2, 100, 100)]);
    line.lose(3, Why::Missing, "");
    assert_eq!(line.step(None, Some(250), false, true), Step::Zeros(250));
    for size in [None, Some(200), Some(1 << 63)] {
        assert_eq!(line.step(None, size, false, true), Step::Done, "{size:?}");
    }
    line.skip_to(250);
    assert_eq!(line.step(None, Some(250), true, true), Step::Done);
    assert_eq!(
        line.lacking(Some(250)).map(|(n, lack)| (n, lack.number)),
        Some((1, Some(3)))
    );
}

#[test]
fn done_is_when_all_came() {
    let two = line(2, &[at(1, 0, 100), at(2, 100, 100)]);
    assert_eq!(two.step(None, None, false, false), Step::Done);
    assert_eq!((two.lacking(None), two.beyond()), (None, None));
    // Nobody said how many there are.
    let mut some = line(0, &[at(1, 0, 100)]);
    assert_eq!(some.step(None, None, false, false), Step::Wait);
    assert_eq!(some.step(None, None, true, false), Step::Done);
    some.lose(2, Why::Missing, "");
    assert!(matches!(some.step(None, None, true, false), Step::Gap(_)));
    assert_eq!(some.step(None, Some(100), true, false), Step::Done);
    // People count from 0, too.
    let zero = line(2, &[at(0, 0, 100), at(1, 100, 100)]);
    assert_eq!(zero.step(None, None, false, false), Step::Done);
}

#[test]
fn what_nothing_was_heard_of_is_named() {
    let numbers = |pieces: &[Piece], first| match line(4, pieces).step(first, None, true, false) {
        Step::Gap(lack) => lack.number,
        other => panic!("{other:?}"),
    };
    let [one, two, four] = [at(1, 0, 100), at(2, 100, 100), at(4, 200, 100)];
    assert_eq!(numbers(&[], Some((100, 2))), Some(1));
    assert_eq!(numbers(std::slice::from_ref(&one), Some((300, 4))), Some(2));
    assert_eq!(numbers(&[one.clone(), two.clone()], None), Some(3));
    assert_eq!(numbers(&[one, two, four], None), Some(3));
}

// All four came, and no number claims the bytes between them.
#[test]
fn a_gap_that_is_in_no_piece() {
    let mut line = line(2, &[at(1, 0, 100)]);
    line.take(&at(2, 150, 100));
    let step = line.step(Some((150, 2)), None, false, false);
    assert!(
        matches!(step, Step::Gap(Lack { number: None, .. })),
        "{step:?}"
    );
}

#[test]
fn uuencode_ends_in_its_last_piece() {
    let table = [
        (vec![uu(1, false), uu(2, true)], true),
        (vec![uu(1, true), uu(2, false)], false),
        (vec![uu(1, true), uu(2, true)], false),
        (vec![uu(1, false), uu(2, false)], false),
    ];
    for (pieces, well) in table {
        assert_eq!(line(2, &pieces).ends_well(), well, "{pieces:?}");
    }
    assert!(line(1, &[at(1, 0, 9)]).ends_well());
}

#[test]
fn extremes_do_not_overflow() {
    let mut line = line(0, &[at(u64::MAX, 0, 100)]);
    line.lose(u64::MAX, Why::Missing, "");
    line.expect(u64::MAX);
    for first in [None, Some((u64::MAX, u64::MAX)), Some((u64::MAX, 0))] {
        for (over, fill) in [(false, false), (true, false), (false, true), (true, true)] {
            line.step(first, Some(u64::MAX), over, fill);
        }
    }
    let mut tally = Tally::default();
    line.count(&mut tally, true);
    assert!(line.lacking(None).is_some());
}
