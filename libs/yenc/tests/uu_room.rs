//! UUencode comes out line by line, so that the output may get full whatever its size: with input
//! and without, from one buffer to another and within one.

mod common;

use common::decode;
use nzbpipe_yenc::{Decoder, Options, Report, State, Verdict};

const STUFFED: fn() -> Decoder = || {
    Decoder::new(Options {
        stuffed: true,
        ..Options::default()
    })
};

/// Lines of 45 bytes, some of which lost all their blanks and are one byte long.
fn article() -> Vec<u8> {
    let full: Vec<String> = ["0V%T", "9&]G", "8F%R"]
        .map(|group| format!("M{}\r\n", group.repeat(15)))
        .to_vec();
    let zeros = "M\r\n".repeat(3);
    format!(
        "begin 644 x\r\n{}{zeros}{}#0V%T\r\n`\r\nend\r\n.\r\n",
        full.concat().repeat(2),
        full.concat()
    )
    .into_bytes()
}

fn expected() -> (Vec<u8>, Report) {
    let words = ["Cat", "dog", "bar"].map(|word| word.repeat(15)).concat();
    let data = format!("{}{}{words}Cat", words.repeat(2), "\0".repeat(3 * 45));
    let whole = decode(&article());
    assert_eq!(whole.0, data.as_bytes());
    assert_eq!(whole.1.verdict, Verdict::Absent);
    whole
}

/// What is decoded may be taken before any input is offered again.
#[test]
fn room_may_come_without_input() {
    let article = article();
    let mut decoder = STUFFED();
    let (mut out, mut room) = (Vec::new(), [0; 7]);
    let mut rest = &article[..];
    loop {
        let mut progress = decoder.decode(rest, &mut room);
        out.extend_from_slice(&room[..progress.written]);
        rest = &rest[progress.consumed..];
        if progress.state == State::Ended {
            break;
        }
        while progress.state == State::Full {
            progress = decoder.decode(b"", &mut room);
            out.extend_from_slice(&room[..progress.written]);
        }
        assert_eq!(progress.state, State::More);
    }
    assert!((out, decoder.finish()) == expected());
}

#[test]
fn within_one_buffer() {
    let (article, expected) = (article(), expected());
    for piece in [1, 2, 3, 50, 64, 200, article.len()] {
        let mut decoder = STUFFED();
        let mut out = Vec::new();
        for piece in article.chunks(piece) {
            let mut buffer = [&[0; Decoder::SLACK][..], piece].concat();
            let mut from = Decoder::SLACK;
            loop {
                let progress = decoder.decode_in_place(&mut buffer, from);
                out.extend_from_slice(&buffer[..progress.written]);
                from += progress.consumed;
                if progress.state != State::Full {
                    break;
                }
            }
        }
        assert!((out, decoder.finish()) == expected, "pieces of {piece}");
    }
}
