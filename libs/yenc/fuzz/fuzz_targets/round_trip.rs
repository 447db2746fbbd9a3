//! Any bytes, encoded by any kernel, come back from every kernel and are proven right.
//!
//! The input: two bytes of width, little end first, a byte that says how large the pieces are and
//! one for the offset, and the data.

#![no_main]

#[path = "../../tests/common/runner.rs"]
#[allow(dead_code)]
mod runner;

use std::iter::repeat;

use libfuzzer_sys::fuzz_target;
use nzbpipe_yenc::{Decoder, Encoder, Kernel, PartSpec, Verdict};
use runner::agreed;

fuzz_target!(|input: &[u8]| {
    let Some((&[low, high, piece, offset], data)) = input.split_first_chunk() else {
        return;
    };
    let line = usize::from(u16::from_le_bytes([low, high])) % 1100;
    let offset = u64::from(offset);
    let spec = PartSpec {
        name: b"a name.bin",
        file_size: offset + data.len() as u64,
        offset,
        part: 1 + u64::from(offset > 0),
        total: 1 + u64::from(offset > 0),
        file_crc: None,
    };
    let articles = Kernel::available().map(|kernel| {
        let mut article = Vec::new();
        let encoder = Encoder {
            line,
            kernel,
            ..Encoder::default()
        };
        encoder.part(data, &spec, &mut article);
        article.extend_from_slice(b".\r\nmore");
        article
    });
    let mut articles: Vec<Vec<u8>> = articles.collect();
    articles.dedup();
    assert_eq!(articles.len(), 1, "kernels encode the same");
    let article = &articles[0][..];
    let rooms = repeat(article.len() + Decoder::SLACK);
    let size = match piece {
        0 => article.len(),
        _ => usize::from(piece),
    };
    let found = agreed(&mut runner::exact(true), article.chunks(size), rooms);
    assert!(found.data == data, "width {line}");
    assert_eq!(found.consumed(), article.len() - b"more".len());
    // Of an empty part, =ypart cannot say where it is.
    if !data.is_empty() || offset == 0 {
        assert_eq!(found.report.verdict, Verdict::Ok, "{:?}", found.report);
        assert_eq!(found.report.offset(), Some(offset));
    }
});
