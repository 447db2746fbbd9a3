//! Any bytes in lines of any width: every kernel encodes them as a slow encoder does that goes
//! byte by byte.
//!
//! The input: two bytes of width, little end first, of which the highest bit says that dots are
//! left as they are, and the data.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nzbpipe_yenc::{Encoder, Kernel, PartSpec};

fuzz_target!(|input: &[u8]| {
    let Some((width, data)) = input.split_first_chunk() else {
        return;
    };
    let width = u16::from_le_bytes(*width);
    let (line, stuffed) = (usize::from(width & 0x7fff) % 1100, width >> 15 == 0);
    let expected = slow(data, line, stuffed);
    let spec = PartSpec {
        name: b"n",
        file_size: data.len() as u64,
        ..PartSpec::default()
    };
    let mut part = None;
    for kernel in Kernel::available() {
        let encoder = Encoder {
            line,
            stuffed,
            kernel,
        };
        let mut found = b"before".to_vec();
        encoder.lines(data, &mut found);
        assert!(
            found.strip_prefix(b"before") == Some(&expected),
            "{kernel}, width {line}"
        );
        let mut found = Vec::new();
        encoder.part(data, &spec, &mut found);
        assert!(
            *part.get_or_insert(found.clone()) == found,
            "{kernel}, width {line}"
        );
    }
});

/// The draft's rules, and dots stuffed as RFC 3977 wants it.
fn slow(data: &[u8], line: usize, stuffed: bool) -> Vec<u8> {
    let width = if line == 0 { 128 } else { line.min(997) };
    let mut out = Vec::new();
    let mut column = 0;
    for (at, byte) in data.iter().enumerate() {
        let code = byte.wrapping_add(42);
        let edge = column == 0 || column + 1 == width || at + 1 == data.len();
        let critical = matches!(code, 0 | b'\r' | b'\n' | b'=');
        if critical || (edge && matches!(code, b' ' | b'\t')) {
            out.extend_from_slice(&[b'=', code.wrapping_add(64)]);
            column += 2;
        } else {
            if column == 0 && code == b'.' && stuffed {
                out.push(b'.');
            }
            out.push(code);
            column += 1;
        }
        if column >= width || at + 1 == data.len() {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
    }
    out
}
