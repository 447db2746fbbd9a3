//! Every kernel of the encoder against a slow reference, byte by byte; and that none reads past
//! the end of the data.

mod common;

use nzbpipe_yenc::{Decoder, Encoder, Kernel, Options, PartSpec, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;

const WIDTHS: [usize; 14] = [1, 2, 3, 5, 63, 64, 65, 127, 128, 129, 130, 255, 256, 997];

/// The bytes that become NUL, LF, CR and `=`.
const CRITICAL: [u8; 4] = [0xd6, 0xe0, 0xe3, 0x13];

/// The bytes that become TAB, space and dot.
const EDGES: [u8; 3] = [0xdf, 0xf6, 0x04];

/// The lines as the draft and RFC 3977 section 3.1.1 say.
fn reference(data: &[u8], width: usize, stuffed: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut column = 0;
    for (at, byte) in data.iter().enumerate() {
        let last = at + 1 == data.len();
        let code = byte.wrapping_add(42);
        let escape = match code {
            0 | b'\n' | b'\r' | b'=' => true,
            b'\t' | b' ' => column == 0 || column + 1 == width || last,
            _ => false,
        };
        if column == 0 && code == b'.' && stuffed {
            out.push(b'.');
        }
        if escape {
            out.extend([b'=', code.wrapping_add(64)]);
            column += 2;
        } else {
            out.push(code);
            column += 1;
        }
        if column >= width || last {
            out.extend(b"\r\n");
            column = 0;
        }
    }
    out
}

/// Kinds of data, by what they are full of.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Random,
    /// One byte in ten must be escaped.
    TenthCritical,
    HalfCritical,
    AllCritical,
    /// TAB, space and dot wherever a line may start or end.
    Edges,
    /// All of the special ones together.
    Special,
}

const KINDS: [Kind; 6] = [
    Kind::Random,
    Kind::TenthCritical,
    Kind::HalfCritical,
    Kind::AllCritical,
    Kind::Edges,
    Kind::Special,
];

/// The same bytes in every run.
fn data(kind: Kind, len: usize, seed: u64) -> Vec<u8> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ len as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut byte = || {
        let random = next();
        let (noise, pick, of_ten) = (
            (random >> 24) as u8,
            (random >> 32) as usize,
            random >> 48 & 0xff,
        );
        let critical = match kind {
            Kind::Random => 0,
            Kind::TenthCritical => 26,
            Kind::HalfCritical | Kind::Special => 128,
            Kind::AllCritical => 256,
            Kind::Edges => 4,
        };
        match kind {
            _ if of_ten < critical => CRITICAL[pick % 4],
            Kind::Edges | Kind::Special => EDGES[pick % 3],
            _ => noise,
        }
    };
    (0..len).map(|_| byte()).collect()
}

/// That all kernels encode as the reference does, and leave alone what is in the buffer already.
fn check(data: &[u8], width: usize, stuffed: bool, what: &str) {
    let mut expected = b"before".to_vec();
    expected.extend(reference(data, width, stuffed));
    for kernel in Kernel::available() {
        let encoder = Encoder {
            line: width,
            stuffed,
            kernel,
        };
        let mut out = b"before".to_vec();
        encoder.lines(data, &mut out);
        let differs = || out.iter().zip(&expected).position(|(a, b)| a != b);
        assert!(
            out == expected,
            "{kernel}, width {width}, stuffed {stuffed}, {what}: at {:?}, {} bytes for {}",
            differs(),
            out.len(),
            expected.len(),
        );
    }
}

#[test]
fn the_reference_does_what_the_draft_says() {
    let encoded = |codes: &[u8], width| {
        let data: Vec<u8> = codes.iter().map(|code| code.wrapping_sub(42)).collect();
        String::from_utf8(reference(&data, width, true)).expect("ASCII")
    };
    assert_eq!(encoded(b"", 4), "");
    assert_eq!(encoded(b"ab\0\n\r=c", 99), "ab=@=J=M=}c\r\n");
    assert_eq!(encoded(b" a b\t", 9), "=`a b=I\r\n");
    assert_eq!(encoded(b"abc=d", 4), "abc=}\r\nd\r\n");
    assert_eq!(encoded(b"abc\td", 4), "abc=I\r\nd\r\n");
    assert_eq!(encoded(b"ab=d", 4), "ab=}\r\nd\r\n");
    assert_eq!(encoded(b".a.bc..", 4), "..a.b\r\nc..\r\n");
    assert_eq!(encoded(b"..", 1), "..\r\n..\r\n");
}

#[test]
fn every_size_and_width() {
    for kind in KINDS {
        for seed in 0..3 {
            for len in 0..=600 {
                let data = data(kind, len, seed);
                for width in WIDTHS {
                    let stuffed = (len + width) % 4 != 0;
                    check(
                        &data,
                        width,
                        stuffed,
                        &format!("{kind:?}, {len} bytes, seed {seed}"),
                    );
                }
            }
        }
    }
}

#[test]
fn sizes_of_parts_and_around_what_is_encoded_at_once() {
    for kind in KINDS {
        for len in [
            8191, 8192, 8257, 9000, 16_500, 20_000, 716_799, 716_800, 716_801,
        ] {
            let data = data(kind, len, 7);
            for width in [1, 64, 128, 997] {
                if len < 100_000 || width == 128 {
                    check(&data, width, true, &format!("{kind:?}, {len} bytes"));
                }
            }
        }
    }
}

#[test]
fn every_special_byte_at_every_place_of_a_line() {
    for width in [1, 2, 3, 127, 128, 129] {
        for at in 0..2 * width + 2 {
            for special in CRITICAL.into_iter().chain(EDGES) {
                let mut data = vec![b'x'; 4 * width + 400];
                data[at] = special;
                check(&data, width, true, "one special byte");
                data[at + 1] = special;
                check(&data, width, true, "two special bytes");
                check(&data[..=at], width, true, "the last byte special");
            }
        }
    }
}

#[test]
fn no_width_and_one_too_large() {
    let data = data(Kind::Special, 9000, 1);
    for kernel in Kernel::available() {
        for (line, width) in [(0, 128), (998, 997), (usize::MAX, 997)] {
            let encoder = Encoder {
                line,
                kernel,
                ..Encoder::default()
            };
            let mut out = Vec::new();
            encoder.lines(&data, &mut out);
            assert!(out == reference(&data, width, true), "{kernel}, {line}");
        }
    }
}

#[test]
fn an_empty_part_has_only_control_lines() {
    for kernel in Kernel::available() {
        let encoder = Encoder {
            kernel,
            ..Encoder::default()
        };
        let mut out = Vec::new();
        encoder.lines(b"", &mut out);
        assert_eq!(out, b"");
        let spec = PartSpec {
            name: b"a\r\n\0b",
            ..PartSpec::default()
        };
        encoder.part(b"", &spec, &mut out);
        let expected: &[u8] =
            b"=ybegin line=128 size=0 name=a___b\r\n=yend size=0 crc32=00000000\r\n";
        assert_eq!(out, expected);
        out.clear();
        let spec = PartSpec {
            name: b"a",
            part: 2,
            total: 2,
            offset: 5,
            file_size: 5,
            ..spec
        };
        encoder.part(b"", &spec, &mut out);
        let expected: &[u8] = b"=ybegin part=2 total=2 line=128 size=5 name=a\r\n\
            =ypart begin=6 end=5\r\n=yend size=0 part=2 pcrc32=00000000\r\n";
        assert_eq!(out, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_data_in_any_shape(
        data in vec(prop_oneof![
            4 => any::<u8>(),
            1 => prop::sample::select(&CRITICAL[..]),
            1 => prop::sample::select(&EDGES[..]),
        ], 0..2000),
        width in 1..=997usize,
        stuffed: bool,
    ) {
        check(&data, width, stuffed, "any");
    }

    #[test]
    fn what_is_encoded_is_decoded(
        kind in prop::sample::select(&KINDS[..]),
        len in 1..30_000usize,
        seed in 0..u64::from(u32::MAX),
        line in 1..=997usize,
        stuffed: bool,
    ) {
        let data = data(kind, len, seed);
        for kernel in Kernel::available() {
            let spec = PartSpec { name: b"x", file_size: len as u64, ..PartSpec::default() };
            let mut article = Vec::new();
            Encoder { line, stuffed, kernel }.part(&data, &spec, &mut article);
            if stuffed {
                article.extend_from_slice(b".\r\n");
            }
            let options = Options { stuffed, ..Options::default() };
            let room = article.len() + Decoder::SLACK;
            let (decoded, report) = common::decode_pieces(options, [&article[..]], room);
            prop_assert!(decoded == data);
            prop_assert_eq!(report.verdict, Verdict::Ok);
        }
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_read_past_the_end() {
    const SIZE: usize = 64 << 10;
    let mut border = common::guard::Guarded::new(SIZE);
    for kind in [Kind::Random, Kind::AllCritical, Kind::Special] {
        for len in (0..700).chain([8192, 8193, 8300, SIZE]) {
            let data = data(kind, len, 3);
            let bytes = border.back(len);
            bytes.copy_from_slice(&data);
            for width in [1, 64, 128, 997] {
                check(bytes, width, true, &format!("{kind:?}, {len} bytes"));
            }
        }
    }
}
