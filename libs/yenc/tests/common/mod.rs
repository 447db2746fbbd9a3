//! Running every kernel over pieces of an article.
//!
//! What comes out is compared here between kernels only; what is right, `reference` and the
//! tables of the tests say.

#![allow(dead_code, reason = "not every test binary uses every helper")]

pub mod guard;
pub mod reference;
pub mod runner;
pub mod soup;

use nzbpipe_yenc::{Decoder, Options, Report};
use runner::{Outcome, Runner, agreed};

/// Decodes one article given in pieces, with every kernel; all must agree, call by call.
pub fn decode_with_all<'a, P>(
    stuffed: bool,
    pieces: P,
    rooms: impl IntoIterator<Item = usize> + Clone,
) -> Outcome
where
    P: IntoIterator<Item = &'a [u8]> + Clone,
{
    agreed(&mut Runner::all(stuffed), pieces, rooms)
}

/// Decodes one article given in pieces, with every kernel whatever `options` say; returns the data
/// and the report. `room` bounds the output of each call.
pub fn decode_pieces<'a, P>(options: Options, pieces: P, room: usize) -> (Vec<u8>, Report)
where
    P: IntoIterator<Item = &'a [u8]> + Clone,
{
    let outcome = decode_with_all(options.stuffed, pieces, std::iter::repeat(room));
    (outcome.data, outcome.report)
}

/// Decodes one dot-stuffed article given as a whole, with every kernel.
pub fn decode(article: &[u8]) -> (Vec<u8>, Report) {
    decode_pieces(
        Options {
            stuffed: true,
            ..Options::default()
        },
        [article],
        article.len() + Decoder::SLACK,
    )
}
