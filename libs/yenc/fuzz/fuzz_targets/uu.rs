//! UUencode out of any bytes: cut anywhere and with any room it decodes to the same, it is never
//! called verified, and no line gives more than it may.
//!
//! The input: a byte of flags (1: dot-stuffed, 2: a `begin` line goes before the bytes), the length
//! of the pieces, the room of each call, and the article.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nzbpipe_yenc::{Decoder, Encoding, Options, Report, State, Verdict};

/// Most that a line can hold: its first byte counts up to 63.
const LINE: usize = 63;

fuzz_target!(|input: &[u8]| {
    let Some((&[flags, piece, room], body)) = input.split_first_chunk() else {
        return;
    };
    let begin: &[u8] = if flags & 2 != 0 {
        b"begin 644 x\r\n"
    } else {
        b""
    };
    let article = [begin, body].concat();
    let stuffed = flags & 1 != 0;
    let enough = LINE * article.len() + 99;
    let whole = decode(&article, stuffed, article.len().max(1), enough);
    let again = decode(
        &article,
        stuffed,
        usize::from(piece) + 1,
        usize::from(room) + 1,
    );
    assert_eq!(whole, again);
    let (data, report) = whole;
    assert_eq!(report.decoded, data.len() as u64);
    assert_eq!(report.crc32, Some(crc32fast::hash(&data)));
    if matches!(report.encoding, Encoding::Uu(_)) {
        assert!(
            !matches!(report.verdict, Verdict::Ok | Verdict::NoYenc),
            "{report:?}"
        );
        let lines = article.iter().filter(|byte| **byte == b'\n').count() + 1;
        assert!(data.len() <= LINE * lines);
    }
});

fn decode(article: &[u8], stuffed: bool, piece: usize, room: usize) -> (Vec<u8>, Report) {
    let mut decoder = Decoder::new(Options {
        stuffed,
        ..Options::default()
    });
    let (mut data, mut buffer) = (Vec::new(), vec![0; room]);
    for mut piece in article.chunks(piece) {
        loop {
            let progress = decoder.decode(piece, &mut buffer);
            data.extend_from_slice(&buffer[..progress.written]);
            piece = &piece[progress.consumed..];
            if progress.state != State::Full {
                break;
            }
            assert!(progress.written > 0, "full, and nothing written");
        }
    }
    (data, decoder.finish())
}
