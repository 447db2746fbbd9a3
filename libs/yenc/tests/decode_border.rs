//! Decoding neither reads behind its input nor writes behind its output: both end where the memory
//! does.
#![cfg(unix)]

mod common;

use common::border::Border;
use nzbpipe_yenc::{Decoder, Encoder, Kernel, Options};

const HEADER: &[u8] = b"=ybegin line=64 size=1 name=x\r\n";

/// Encoded lines, of which many begin with a dot: a block with one looks at the byte behind it.
fn lines() -> Vec<u8> {
    let data: Vec<u8> = (0..900u32)
        .map(|at| match at % 6 {
            0 | 3 => 4,
            5 if at % 4 == 0 => 0x13,
            _ => (at * at / 8) as u8,
        })
        .collect();
    let mut lines = Vec::new();
    let encoder = Encoder {
        line: 40,
        ..Encoder::default()
    };
    encoder.lines(&data, &mut lines);
    lines
}

fn decoder(kernel: Kernel) -> Decoder {
    let mut decoder = Decoder::new(Options {
        stuffed: true,
        kernel,
        ..Options::default()
    });
    decoder.decode(HEADER, &mut []);
    decoder
}

#[test]
fn nothing_is_read_or_written_behind_the_end() {
    let lines = lines();
    let (mut source, mut target) = (Border::new(), Border::new());
    for kernel in Kernel::available() {
        // So that all kinds of bytes come last.
        for (from, len) in [0, 1, 5].iter().flat_map(|n| (0..700).map(|len| (*n, len))) {
            let piece = &lines[from..from + len];
            let mut expected = vec![0; len + 100];
            let whole = decoder(kernel).decode(piece, &mut expected);
            let src = source.last(len);
            src.copy_from_slice(piece);
            // With room for more, whole blocks go up to the end of the input.
            for room in [64, 0, -1, -40, -64, -130] {
                let room = whole.written.saturating_add_signed(room);
                let written = room.min(whole.written);
                let dst = target.last(room);
                let progress = decoder(kernel).decode(src, dst);
                assert_eq!(progress.written, written, "{kernel}, {len} bytes");
                assert!(dst[..written] == expected[..written]);
            }
            let progress = decoder(kernel).decode_in_place(src, 0);
            assert_eq!(progress, whole, "{kernel}, {len} bytes");
            assert!(src[..whole.written] == expected[..whole.written]);
        }
    }
}
