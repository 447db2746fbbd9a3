//! What the encoder writes, the decoder reads back: any bytes, sizes around every block size, any
//! line length, any split.

mod common;

use common::{decode, decode_pieces};
use nzbpipe_yenc::{Decoder, Encoder, Options, PartSpec, Report, State, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes without a pattern, the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

fn article(data: &[u8], line: usize, spec: &PartSpec<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let encoder = Encoder {
        line,
        ..Encoder::default()
    };
    encoder.part(data, spec, &mut out);
    out.extend_from_slice(b".\r\n");
    out
}

fn single(data: &[u8], line: usize) -> Vec<u8> {
    let spec = PartSpec {
        name: b"a b.bin",
        file_size: data.len() as u64,
        ..PartSpec::default()
    };
    article(data, line, &spec)
}

fn assert_good(report: &Report, data: &[u8]) {
    assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
    assert_eq!(report.problems, []);
    assert_eq!(report.crc32, Some(crc32fast::hash(data)));
    assert_eq!(report.name(), Some(&b"a b.bin"[..]));
}

#[test]
fn sizes_around_every_block_size() {
    let around = [
        15..=17,
        31..=33,
        63..=65,
        127..=129,
        4095..=4097,
        65535..=65537,
        767_999..=768_001,
    ];
    for len in [0..=9].into_iter().chain(around).flatten() {
        // Random bytes, and bytes that all need an escape.
        let critical = [0xd6, 0xe0, 0xe3, 0x13]
            .into_iter()
            .cycle()
            .take(len)
            .collect();
        for data in [noise(len), critical] {
            let (decoded, report) = decode(&single(&data, 128));
            assert!(decoded == data, "length {len}");
            assert_good(&report, &data);
        }
    }
}

#[test]
fn every_split_of_an_article_with_everything_special() {
    let mut data: Vec<u8> = (0..=255).collect();
    data.extend_from_slice(&[4; 7]);
    data.extend_from_slice(&[0xd6, 0xe0, 0xe3, 0x13, 0xdf, 0xf6]);
    let article = single(&data, 5);
    assert!(
        memchr::memmem::find(&article, b"\r\n..").is_some(),
        "no stuffed dot"
    );
    let options = Options {
        stuffed: true,
        ..Options::default()
    };
    for size in 1..=article.len() {
        let (decoded, report) = decode_pieces(options, article.chunks(size), article.len());
        assert_eq!(decoded, data, "pieces of {size}");
        assert_good(&report, &data);
    }
    for a in 0..=article.len() {
        let pieces = [&article[..a], &article[a..]];
        for room in [1, 2, 7, 9, article.len()] {
            assert_eq!(
                decode_pieces(options, pieces, room).0,
                data,
                "cut at {a}, room {room}"
            );
        }
    }
}

#[test]
fn lines_are_as_long_as_asked_for_and_have_no_bare_blank_at_their_ends() {
    for line in [1, 2, 8, 9, 10, 64, 128, 997, 5000, 0] {
        let out = single(&noise(20_000), line);
        let width = if line == 0 { 128 } else { line.min(997) };
        let body = &out[memchr::memmem::find(&out, b"\r\n").expect("header") + 2..];
        let lines: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').collect();
        for (i, line) in lines[..lines.len() - 2].iter().enumerate() {
            let text = line.strip_suffix(b"\r\n").expect("CRLF");
            let text = text.strip_prefix(b".").unwrap_or(text);
            let last = i + 3 == lines.len();
            assert!(
                last || text.len() == width || text.len() == width + 1,
                "width {width}"
            );
            assert!(text.len() <= width + 1);
            assert!(!matches!(text[0], b' ' | b'\t'));
            assert!(!matches!(text.last(), Some(b' ' | b'\t')) || text.ends_with(b"= "));
            assert!(!text.contains(&0) && !text.contains(&b'\r'));
        }
    }
}

#[test]
fn header_lines_say_what_they_must() {
    let mut out = Vec::new();
    let spec = PartSpec {
        name: b"x\r\ny\0z",
        file_size: 3,
        ..PartSpec::default()
    };
    Encoder::default().part(b"ABC", &spec, &mut out);
    assert_eq!(
        out,
        b"=ybegin line=128 size=3 name=x__y_z\r\nklm\r\n=yend size=3 crc32=a3830348\r\n"
    );

    out.clear();
    let spec = PartSpec {
        file_crc: Some(0xab),
        part: 2,
        total: 3,
        offset: 3,
        file_size: 9,
        ..spec
    };
    Encoder::default().part(b"ABC", &PartSpec { name: b"x", ..spec }, &mut out);
    let expected =
        b"=ybegin part=2 total=3 line=128 size=9 name=x\r\n=ypart begin=4 end=6\r\nklm\r\n\
        =yend size=3 part=2 pcrc32=a3830348 crc32=000000ab\r\n";
    assert_eq!(out, expected);
}

#[test]
fn a_decoder_takes_one_article_after_the_other_and_reads_none_of_the_next() {
    let articles = [
        single(b"first", 128),
        b"no such thing\r\n.\r\n".to_vec(),
        single(b"third", 128),
    ];
    let stream = articles.concat();
    let mut decoder = Decoder::new(Options {
        stuffed: true,
        ..Options::default()
    });
    let mut at = 0;
    let mut verdicts = Vec::new();
    for article in &articles {
        let mut dst = vec![0; stream.len()];
        let progress = decoder.decode(&stream[at..], &mut dst);
        assert_eq!(
            (progress.consumed, progress.state),
            (article.len(), State::Ended)
        );
        let again = decoder.decode(&stream[at + article.len()..], &mut dst);
        assert_eq!(
            (again.consumed, again.written, again.state),
            (0, 0, State::Ended)
        );
        verdicts.push(decoder.finish().verdict);
        at += article.len();
    }
    assert_eq!(verdicts, [Verdict::Ok, Verdict::NoYenc, Verdict::Ok]);
}

#[test]
fn headers_are_known_while_decoding() {
    let spec = PartSpec {
        name: b"n",
        file_size: 9,
        part: 2,
        total: 3,
        offset: 3,
        ..PartSpec::default()
    };
    let article = article(b"ABC", 128, &spec);
    let data = memchr::memmem::find(&article, b"klm").expect("data");
    let mut decoder = Decoder::new(Options {
        stuffed: true,
        ..Options::default()
    });
    decoder.decode(&article[..data], &mut [0; 99]);
    assert_eq!(decoder.begin().and_then(|begin| begin.size), Some(9));
    assert_eq!(decoder.part().and_then(|part| part.begin), Some(4));
    decoder.reset();
    assert_eq!((decoder.begin(), decoder.part()), (None, None));
}

proptest! {
    #[test]
    fn any_part_comes_back(
        data in vec(prop_oneof![any::<u8>(), prop::sample::select(&[0xd6, 0xe0, 0xe3, 0x13, 4, 0xdf, 0xf6][..])], 0..3000),
        line in 0..1100usize,
        offset in 0..u64::from(u32::MAX),
        piece in 1..600usize,
    ) {
        let file_size = offset + data.len() as u64;
        let spec = PartSpec { name: b"a b.bin", file_size, offset, part: 7, total: 9, file_crc: None };
        let article = article(&data, line, &spec);
        let (decoded, report) =
            decode_pieces(Options { stuffed: true, ..Options::default() }, article.chunks(piece), piece + Decoder::SLACK);
        prop_assert!(decoded == data);
        // Of an empty part in the middle of a file, =ypart cannot say where it is.
        prop_assume!(!data.is_empty());
        assert_good(&report, &data);
        prop_assert_eq!((report.offset(), report.size()), (Some(offset), Some(file_size)));
    }
}
