//! Where an article ends: the table shared with the NNTP framer, in every stage of the decoder and
//! at every split of the input.

use nzbpipe_yenc::{Decoder, Options, State};

const BLOCK_ENDS: &[(&str, &[u8], Option<usize>)] = include!("../testdata/block_ends.rs");

/// What stands before a row's input. Each ends with LF: a row begins as at the start of a block.
const STAGES: [(&str, &[u8]); 3] = [
    ("prolog", b""),
    ("data", b"=ybegin line=128 size=9 name=x\n"),
    ("epilog", b"=ybegin line=128 size=9 name=x\n=yend size=0\n"),
];

/// Feeds the pieces one after the other until the article ends; returns what was consumed.
fn end_of(pieces: &[&[u8]]) -> Option<usize> {
    let mut decoder = Decoder::new(Options {
        stuffed: true,
        ..Options::default()
    });
    let mut total = 0;
    for piece in pieces {
        let mut dst = vec![0; piece.len() + Decoder::SLACK];
        let progress = decoder.decode(piece, &mut dst);
        total += progress.consumed;
        match progress.state {
            State::Ended => return Some(total),
            State::More => assert_eq!(progress.consumed, piece.len()),
            State::Full => panic!("output full with slack"),
        }
    }
    None
}

#[test]
fn ends_agree_with_the_table_at_every_split() {
    for (stage, before) in STAGES {
        for (name, input, end) in BLOCK_ENDS {
            let whole = [before, input].concat();
            let expected = end.map(|end| end + before.len());
            assert_eq!(end_of(&[&whole]), expected, "{stage}: {name}, whole");
            for a in 0..=whole.len() {
                for b in a..=whole.len() {
                    let pieces = [&whole[..a], &whole[a..b], &whole[b..]];
                    assert_eq!(
                        end_of(&pieces),
                        expected,
                        "{stage}: {name}, cut at {a} and {b}"
                    );
                }
            }
            let bytes: Vec<&[u8]> = whole.chunks(1).collect();
            assert_eq!(end_of(&bytes), expected, "{stage}: {name}, byte by byte");
        }
    }
}

#[test]
fn without_stuffing_nothing_ends_an_article() {
    for (stage, before) in STAGES {
        for (name, input, _) in BLOCK_ENDS {
            let whole = [before, input].concat();
            let mut dst = vec![0; whole.len()];
            let progress = Decoder::new(Options {
                stuffed: false,
                ..Options::default()
            })
            .decode(&whole, &mut dst);
            assert_eq!(
                (progress.consumed, progress.state),
                (whole.len(), State::More),
                "{stage}: {name}"
            );
        }
    }
}
