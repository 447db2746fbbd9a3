//! UUencode out of any lines: cut anywhere it decodes to the same, and nothing panics.

mod common;

use common::{decode, decode_pieces};
use nzbpipe_yenc::{Encoding, Options, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;

fn line() -> impl Strategy<Value = Vec<u8>> {
    let words: [&[u8]; 12] = [
        b"",
        b"`",
        b" ",
        b"end",
        b"begin 644 x",
        b"M",
        b"M0V%T",
        b"#0V%T",
        b"..0V%T",
        b"-- ",
        b"some prose",
        b"=ybegin line=128 size=3 name=x",
    ];
    let full = vec(b' '..=b'`', 60..62).prop_map(|chars| [b"M", &chars[..]].concat());
    prop_oneof![
        4 => full,
        4 => proptest::sample::select(words.map(<[u8]>::to_vec).to_vec()),
        1 => vec(b' '..=b'a', 0..90),
        1 => vec(any::<u8>(), 0..90),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn cuts_change_nothing(
        lines in vec(line(), 0..14), ends in any::<[bool; 2]>(), piece in 1usize..200,
        room in 1usize..300, stuffed in any::<bool>(),
    ) {
        let end: &[u8] = if ends[0] { b"\r\n" } else { b"\n" };
        let mut article = lines.join(end);
        if ends[1] {
            article.extend_from_slice(end);
            article.extend_from_slice(b".");
            article.extend_from_slice(end);
        }
        let options = Options { stuffed, ..Options::default() };
        let whole = decode_pieces(options, [&article[..]], 80 * article.len() + 99);
        let again = decode_pieces(options, article.chunks(piece), room);
        prop_assert_eq!(&again, &whole);
        let (data, report) = whole;
        prop_assert_eq!(report.decoded, data.len() as u64);
        prop_assert_eq!(report.crc32, Some(crc32fast::hash(&data)));
        if let Encoding::Uu(_) = report.encoding {
            prop_assert_ne!(report.verdict, Verdict::Ok);
            prop_assert_ne!(report.verdict, Verdict::NoYenc);
        }
    }
}

/// An article that breaks off anywhere gives the beginning of its data, and is never taken for one
/// that is whole.
#[test]
fn every_beginning_of_an_article() {
    let full = format!("M{}", "0V%T".repeat(15));
    assert_eq!(full.len(), 61);
    let text = format!(
        "begin 644 x\r\n{}..{}\r\n`\r\nend\r\n",
        format!("{full}\r\n").repeat(6),
        "0V%T".repeat(5)
    );
    let (data, report) = decode(text.as_bytes());
    assert_eq!((data.len(), report.verdict), (6 * 45 + 14, Verdict::Absent));
    let ended = text.find("end").unwrap() + 3;
    for at in 0..text.len() {
        let (part, mut report) = decode(&text.as_bytes()[..at]);
        assert!(data.starts_with(&part), "{at}");
        report.expect(true, true);
        assert_eq!(
            report.verdict == Verdict::Absent,
            at >= ended,
            "{at}: {report:?}"
        );
    }
}
