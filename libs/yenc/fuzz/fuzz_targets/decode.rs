//! Any bytes as an article, cut anywhere, with any room: every kernel does what `scalar` does,
//! call by call, and what comes out is what the slow decoder says.
//!
//! The input: a byte of flags (1: dot-stuffed, 2: the bytes are what follows `=ybegin`), one that
//! says how many pieces (low four bits) and rooms (high four bits) there are, a byte of length for
//! each of them, used over and over, and the article.

#![no_main]

#[path = "../../tests/common/reference.rs"]
mod reference;
#[path = "../../tests/common/runner.rs"]
#[allow(dead_code)]
mod runner;

use libfuzzer_sys::fuzz_target;
use nzbpipe_yenc::Decoder;
use runner::agreed;

fuzz_target!(|input: &[u8]| {
    let Some((stuffed, headed, pieces, rooms, body)) = plan(input) else {
        return;
    };
    let article = match headed {
        true => [reference::HEADER, body].concat(),
        false => body.to_vec(),
    };
    let enough = article.len() + Decoder::SLACK;
    let pieces = cut(&article, pieces);
    let rooms = match rooms {
        [] => vec![enough],
        // One that is not 0, so that there is progress.
        _ => rooms
            .iter()
            .map(|room| usize::from(*room))
            .chain([1])
            .collect(),
    };
    let runners = &mut runner::exact(stuffed);
    let found = agreed(runners, pieces.iter().copied(), rooms.into_iter().cycle());
    let whole = agreed(runners, [&article[..]], std::iter::repeat(enough));
    assert_eq!(found.data, whole.data);
    assert_eq!(found.report, whole.report);
    assert_eq!(found.consumed(), whole.consumed());
    assert_eq!(found.report.crc32, Some(crc32fast::hash(&found.data)));
    assert_eq!(found.report.decoded, found.data.len() as u64);
    if headed {
        // UUencode may grow beyond what it is read from.
        let gap = Decoder::SLACK + body.len() % 70;
        for runner in runners {
            let pieces = pieces.iter().copied();
            let within = runner.decode_in_place(pieces, gap, |len, run| run(&mut vec![0; len]));
            assert!(
                within == (whole.data.clone(), whole.report.clone()),
                "{}",
                runner.kernel()
            );
        }
        let (data, consumed) = reference::decode(body, stuffed);
        assert_eq!(found.data, data);
        assert_eq!(found.consumed(), reference::HEADER.len() + consumed);
    }
});

type Plan<'a> = (bool, bool, &'a [u8], &'a [u8], &'a [u8]);

fn plan(input: &[u8]) -> Option<Plan<'_>> {
    let (&[flags, counts], rest) = input.split_first_chunk()?;
    let (pieces, rest) = rest.split_at_checked(usize::from(counts & 15))?;
    let (rooms, body) = rest.split_at_checked(usize::from(counts >> 4))?;
    Some((flags & 1 != 0, flags & 2 != 0, pieces, rooms, body))
}

/// Pieces of these lengths; a length of 0 is an empty piece, none at all is the whole.
fn cut<'a>(article: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = article;
    if lengths.iter().any(|length| *length > 0) {
        for length in lengths.iter().cycle() {
            let Some((piece, behind)) = rest.split_at_checked(usize::from(*length)) else {
                break;
            };
            pieces.push(piece);
            rest = behind;
        }
    }
    pieces.push(rest);
    pieces
}
