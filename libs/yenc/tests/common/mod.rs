//! Running the decoder over pieces of an article.

#[cfg(unix)]
#[allow(dead_code, reason = "not every test binary uses every helper")]
pub mod border;

use nzbpipe_yenc::{Decoder, Options, Report, State};

/// Decodes one article given in pieces; returns the data and the report. `room` bounds the output
/// of each call.
pub fn decode_pieces<'a>(
    options: Options,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    room: usize,
) -> (Vec<u8>, Report) {
    let mut decoder = Decoder::new(options);
    let mut data = Vec::new();
    let mut buffer = vec![0; room];
    for mut piece in pieces {
        loop {
            let progress = decoder.decode(piece, &mut buffer);
            data.extend_from_slice(&buffer[..progress.written]);
            piece = &piece[progress.consumed..];
            match progress.state {
                State::Full => assert_eq!(progress.written, room, "full with room left"),
                State::More => assert!(piece.is_empty(), "wants more before it used all"),
                State::Ended => {}
            }
            if progress.state != State::Full {
                break;
            }
        }
    }
    (data, decoder.finish())
}

/// Decodes one dot-stuffed article given as a whole.
#[allow(dead_code, reason = "not every test binary uses every helper")]
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
