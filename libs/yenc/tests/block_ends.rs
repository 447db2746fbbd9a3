//! Where an article ends: the table shared with the NNTP framer, in every stage of the decoder and
//! at every split of the input.

mod common;

use std::iter::repeat;

use common::decode_with_all;
use common::runner::{Runner, agreed};
use nzbpipe_yenc::{Decoder, State};

const BLOCK_ENDS: &[(&str, &[u8], Option<usize>)] = include!("../testdata/block_ends.rs");

/// What stands before a row's input. Each ends with LF: a row begins as at the start of a block.
const STAGES: [(&str, &[u8]); 3] = [
    ("prolog", b""),
    ("data", b"=ybegin line=128 size=9 name=x\n"),
    ("epilog", b"=ybegin line=128 size=9 name=x\n=yend size=0\n"),
];

/// Feeds the pieces one after the other until the article ends, to every kernel; returns what was
/// consumed.
fn end_of(runners: &mut [Runner], pieces: &[&[u8]]) -> Option<usize> {
    let room = pieces.concat().len() + Decoder::SLACK;
    let outcome = agreed(runners, pieces.iter().copied(), repeat(room));
    let ended = outcome.calls.last()?.state == State::Ended;
    ended.then_some(outcome.consumed())
}

#[test]
fn ends_agree_with_the_table_at_every_split() {
    let runners = &mut Runner::all(true);
    for (stage, before) in STAGES {
        for (name, input, end) in BLOCK_ENDS {
            let whole = [before, input].concat();
            let expected = end.map(|end| end + before.len());
            assert_eq!(
                end_of(runners, &[&whole]),
                expected,
                "{stage}: {name}, whole"
            );
            for a in 0..=whole.len() {
                for b in a..=whole.len() {
                    let pieces = [&whole[..a], &whole[a..b], &whole[b..]];
                    assert_eq!(
                        end_of(runners, &pieces),
                        expected,
                        "{stage}: {name}, cut at {a} and {b}"
                    );
                }
            }
            let bytes: Vec<&[u8]> = whole.chunks(1).collect();
            assert_eq!(
                end_of(runners, &bytes),
                expected,
                "{stage}: {name}, byte by byte"
            );
        }
    }
}

/// The same with as many bytes of data before it that kernels work in blocks, and as many behind
/// it: what follows an end is never read.
#[test]
fn ends_agree_with_the_table_behind_and_before_blocks() {
    let runners = &mut Runner::all(true);
    let behind = [b'k'; 200];
    for (name, input, end) in BLOCK_ENDS {
        let Some(end) = end else { continue };
        for len in 0..=140 {
            let before = [STAGES[1].1, &vec![b'k'; len], b"\n"].concat();
            let whole = [&before, *input, &behind].concat();
            assert_eq!(
                end_of(runners, &[&whole]),
                Some(before.len() + end),
                "{name} behind {len}"
            );
        }
    }
}

#[test]
fn without_stuffing_nothing_ends_an_article() {
    for (stage, before) in STAGES {
        for (name, input, _) in BLOCK_ENDS {
            let whole = [before, input].concat();
            let outcome = decode_with_all(false, [&whole[..]], repeat(whole.len()));
            let state = outcome.calls.last().map(|call| call.state);
            assert_eq!(
                (outcome.consumed(), state),
                (whole.len(), Some(State::More)),
                "{stage}: {name}"
            );
        }
    }
}
