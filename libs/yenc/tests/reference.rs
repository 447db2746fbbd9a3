//! The decoder against a slow reference that goes line by line over the whole article, on soups of
//! every byte sequence that means something, cut at any places.

mod common;

use common::decode_pieces;
use nzbpipe_yenc::{Decoder, Kernel, Options};
use proptest::collection::vec;
use proptest::prelude::*;

const HEADER: &[u8] = b"=ybegin line=128 size=1 name=x\r\n";

/// Decodes what follows a `=ybegin` line; `body` ends with LF.
fn reference(body: &[u8], stuffed: bool) -> Vec<u8> {
    let mut data = Vec::new();
    let mut after_bare_lf = false;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if stuffed && (line == b".\r\n" || (line == b".\n" && after_bare_lf)) {
            break;
        }
        after_bare_lf = !line.ends_with(b"\r\n");
        let line = if stuffed {
            line.strip_prefix(b".").unwrap_or(line)
        } else {
            line
        };
        if is_control(line, b"=yend") || (is_control(line, b"=ybegin") && !data.is_empty()) {
            break;
        }
        if !is_control(line, b"=ypart") && !is_control(line, b"=ybegin") {
            reference_line(line, &mut data);
        }
    }
    data
}

fn is_control(line: &[u8], word: &[u8]) -> bool {
    line.strip_prefix(word)
        .is_some_and(|rest| matches!(rest[0], b' ' | b'\t' | b'\r' | b'\n'))
}

fn reference_line(line: &[u8], data: &mut Vec<u8>) {
    let mut escaped = false;
    for byte in line {
        match byte {
            b'\r' | b'\n' => escaped = false,
            b'=' if !escaped => escaped = true,
            byte => {
                data.push(byte.wrapping_sub(if escaped { 106 } else { 42 }));
                escaped = false;
            }
        }
    }
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    const TOKENS: [&[u8]; 20] = [
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b".",
        b"\r\n.",
        b"\r\n..",
        b"\r\n.\r",
        b"=",
        b"==",
        b"=y",
        b"\r\n=y",
        b"\r\n=yen",
        b"\n=ybegi",
        b"=ybegin ",
        b"\r\n=ypart ",
        b"=yend",
        b"abcdefghijklm",
        b"\0",
        b"\xff",
    ];
    const ENDS: [&[u8]; 3] = [b"\r\n.\r\n", b"\n.\n", b"\r\n=yend "];
    let token = prop_oneof![
        8 => prop::sample::select(&TOKENS[..]).prop_map(<[u8]>::to_vec),
        2 => vec(any::<u8>(), 1..40),
        // Rare: what follows is no longer data.
        1 => prop::sample::select(&ENDS[..]).prop_map(<[u8]>::to_vec),
    ];
    vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

/// Cuts `bytes` at the given places, taken modulo its length.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|at| at % (bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for at in places {
        pieces.push(&bytes[from..at]);
        from = at;
    }
    pieces.push(&bytes[from..]);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_article_decodes_like_the_reference(
        soup in soup(),
        places in vec(any::<usize>(), 0..8),
        stuffed: bool,
        kernel in prop::sample::select(Kernel::available().collect::<Vec<_>>()),
    ) {
        let body = [&soup[..], b"\r\n"].concat();
        let expected = reference(&body, stuffed);
        let article = [HEADER, &body].concat();
        let options = Options { stuffed, kernel, ..Options::default() };
        let room = article.len() + Decoder::SLACK;
        let whole = decode_pieces(options, [&article[..]], room);
        prop_assert_eq!(&whole.0, &expected);
        prop_assert_eq!(whole.1.crc32, Some(crc32fast::hash(&expected)));
        prop_assert_eq!(whole.1.decoded, expected.len() as u64);
        for (pieces, room) in [
            (cut(&article, &places), room),
            (cut(&article, &places), 3),
            (article.chunks(1).collect(), 1),
        ] {
            prop_assert_eq!(&decode_pieces(options, pieces, room), &whole);
        }
    }
}
