//! What posters and servers really send, and what it is worth: one row per kind of article.

mod common;

use common::{decode, decode_pieces};
use nzbpipe_yenc::{Decoder, Options, Problem, Verdict};

use Problem::*;
use Verdict::{Absent, Mismatch, NoYenc, Ok, Truncated};

/// In a body, LF stands for CR LF and these words for the lines of a good single-part article and
/// of a good second part; a row writes out only what is odd about it.
const WORDS: [(&[u8], &[u8]); 6] = [
    (b"{single}", b"=ybegin line=128 size=10 name=x"),
    (b"{crc}", b"=yend size=10 crc32=321e6d05"),
    (
        b"{begin}",
        b"=ybegin part=2 total=3 line=128 size=30 name=x",
    ),
    (b"{part}", b"=ypart begin=11 end=20"),
    (b"{data}", b"klmnopqrst"),
    (b"{end}", b"=yend size=10 part=2 pcrc32=321e6d05"),
];

const DATA: &[u8] = b"ABCDEFGHIJ";

/// Number in the catalogue, what it is, body, verdict, offset, problems.
type Row = (
    u8,
    &'static str,
    &'static [u8],
    Verdict,
    Option<u64>,
    &'static [Problem],
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (0, "a good single part", b"{single}\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (0, "a good part", b"{begin}\n{part}\n{data}\n{end}\n", Ok, Some(10), &[]),
    (1, "text before the block", b"Hi all\n\n{single}\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (1, "headers without a blank line", b"Subject: =ybegin \nFrom: a\n{single}\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (1, "prose that begins like a header", b"=ybegin is a keyword\n{single}\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (2, "byte order mark", b"\xef\xbb\xbf{single}\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (2, "tabs", b"=ybegin\tline=128\tsize=10\tname=x\n{data}\n=yend\tsize=10\tcrc32=321e6d05\n", Ok, Some(0), &[]),
    (5, "no =yend", b"{begin}\n{part}\n{data}\n", Truncated, Some(10), &[]),
    (6, "cut within the data", b"{begin}\n{part}\n{data}", Truncated, Some(10), &[]),
    (6, "cut within =yend", b"{begin}\n{part}\n{data}\n=yen", Truncated, Some(10), &[]),
    (6, "cut within the crc", b"{begin}\n{part}\n{data}\n=yend size=10 part=2 pcrc32=321e6d0", Truncated, Some(10), &[]),
    (6, "cut within a trailer without crc", b"{begin}\n{part}\n{data}\n=yend size=10", Truncated, Some(10), &[]),
    (6, "only the last line end is cut", b"{begin}\n{part}\n{data}\n{end}", Ok, Some(10), &[]),
    (7, "part without =ypart", b"{begin}\n{data}\n{end}\n", Mismatch, None, &[NoRange]),
    (8, "=ypart without part=", b"=ybegin line=128 size=30 name=x\n{part}\n{data}\n{end}\n", Ok, Some(10), &[]),
    (9, "=ypart before =ybegin", b"{part}\n{begin}\n{data}\n{end}\n", Ok, Some(10), &[]),
    (9, "=ypart stuck to the name", b"{begin}{part}\n{data}\n{end}\n", Ok, Some(10), &[]),
    (9, "blank line before =ypart", b"{begin}\n\n{part}\n\n{data}\n{end}\n", Ok, Some(10), &[]),
    (10, "no end=, not the first", b"{begin}\n=ypart begin=11\n{data}\n{end}\n", Mismatch, None, &[BadRange]),
    (10, "no end=, the first", b"=ybegin part=1 size=30\n=ypart begin=1\n{data}\n=yend pcrc32=321e6d05\n", Ok, Some(0), &[]),
    (11, "begin after end", b"{begin}\n=ypart begin=20 end=11\n{data}\n{end}\n", Mismatch, None, &[BadRange]),
    // A file that counts from 0 throughout could be shifted, but only its first part shows that it
    // does, and offsets come from `=ypart` alone: a guess would move bytes to wrong places.
    (12, "begin=0", b"{begin}\n=ypart begin=0 end=9\n{data}\n{end}\n", Mismatch, None, &[BadRange]),
    (13, "range shorter than the data", b"{begin}\n=ypart begin=11 end=19\n{data}\n{end}\n", Mismatch, Some(10), &[RangeLength]),
    (13, "range longer than the data", b"{begin}\n=ypart begin=11 end=21\n{data}\n{end}\n", Mismatch, Some(10), &[RangeLength]),
    // Whether the place can be right only the writer sees, who knows the other parts.
    (14, "begin=1 TiB", b"{begin}\n=ypart begin=1099511627777 end=1099511627786\n{data}\n{end}\n", Ok, Some(1 << 40), &[BeyondSize]),
    (14, "end=2^63-1", b"{begin}\n=ypart begin=9223372036854775798 end=9223372036854775807\n{data}\n{end}\n", Ok, Some((1 << 63) - 11), &[BeyondSize]),
    (14, "end=2^63", b"{begin}\n=ypart begin=9223372036854775799 end=9223372036854775808\n{data}\n{end}\n", Mismatch, None, &[BadRange]),
    (14, "end=2^64-1", b"{begin}\n=ypart begin=18446744073709551606 end=18446744073709551615\n{data}\n{end}\n", Mismatch, None, &[BadRange]),
    (14, "begin of 20 digits", b"{begin}\n=ypart begin=99999999999999999999 end=99999999999999999999\n{data}\n{end}\n", Mismatch, None, &[BadRange]),
    (15, "range beyond the size", b"=ybegin part=2 size=15 name=x\n{part}\n{data}\n{end}\n", Ok, Some(10), &[BeyondSize]),
    (19, "wrong =yend size, right crc", b"{begin}\n{part}\n{data}\n=yend size=11 part=2 pcrc32=321e6d05\n", Ok, Some(10), &[EndSize]),
    (19, "wrong =yend size, no crc", b"{begin}\n{part}\n{data}\n=yend size=11 part=2\n", Mismatch, Some(10), &[EndSize]),
    (20, "=yend size is the file's", b"{begin}\n{part}\n{data}\n=yend size=30 part=2 pcrc32=321e6d05\n", Ok, Some(10), &[]),
    (20, "=yend size is the file's, no crc", b"{begin}\n{part}\n{data}\n=yend size=30 part=2\n", Absent, Some(10), &[]),
    (21, "wrong =ybegin size, right crc", b"=ybegin size=11 name=x\n{data}\n=yend crc32=321e6d05\n", Ok, Some(0), &[BeginSize]),
    (21, "wrong =ybegin size, no crc", b"=ybegin size=11 name=x\n{data}\n=yend size=10\n", Mismatch, Some(0), &[BeginSize]),
    (22, "no size", b"=ybegin line=128 name=x\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (22, "size=0", b"=ybegin size=0 name=x\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (22, "size=-1", b"=ybegin size=-1 name=x\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (22, "size of 21 digits", b"=ybegin size=999999999999999999999 name=x\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (22, "size=2^64", b"=ybegin size=18446744073709551616 name=x\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (23, "wrong pcrc32", b"{begin}\n{part}\n{data}\n=yend size=10 part=2 pcrc32=321e6d06\n", Mismatch, Some(10), &[Crc]),
    (23, "wrong crc32 of a single part", b"{single}\n{data}\n=yend size=10 crc32=321e6d06\n", Mismatch, Some(0), &[Crc]),
    (24, "only crc32 on a part, equal", b"{begin}\n{part}\n{data}\n=yend size=10 part=2 crc32=321e6d05\n", Ok, Some(10), &[]),
    (24, "only crc32 on a part, another", b"{begin}\n{part}\n{data}\n=yend size=10 part=2 crc32=11111111\n", Absent, Some(10), &[]),
    (25, "right pcrc32, another crc32", b"{begin}\n{part}\n{data}\n{end} crc32=11111111\n", Ok, Some(10), &[]),
    (25, "the same in a single part", b"{single}\n{data}\n=yend size=10 pcrc32=321e6d05 crc32=11111111\n", Mismatch, Some(0), &[Crc]),
    (26, "no crc", b"{begin}\n{part}\n{data}\n=yend size=10 part=2\n", Absent, Some(10), &[]),
    (26, "=yend without fields", b"{begin}\n{part}\n{data}\n=yend\n", Absent, Some(10), &[]),
    (27, "empty pcrc32", b"{begin}\n{part}\n{data}\n=yend size=10 pcrc32=\n", Absent, Some(10), &[CrcUnusable]),
    (27, "pcrc32 is no hex", b"{begin}\n{part}\n{data}\n=yend size=10 pcrc32=321e6d0g\n", Absent, Some(10), &[CrcUnusable]),
    (27, "pcrc32 is no hex, right crc32", b"{begin}\n{part}\n{data}\n=yend size=10 pcrc32=? crc32=321e6d05\n", Ok, Some(10), &[]),
    (27, "pcrc32 cut to three digits", b"{begin}\n{part}\n{data}\n=yend size=10 pcrc32=321\n", Absent, Some(10), &[CrcUnusable]),
    (27, "pcrc32=0 proves nothing", b"{begin}\n{part}\n{data}\n=yend size=10 pcrc32=0\n", Absent, Some(10), &[CrcUnusable]),
    (28, "sign-extended, blank behind", b"{begin}\n{part}\n{data}\n=yend size=10 pcrc32=ffffffff321e6d05 \n", Ok, Some(10), &[]),
    (28, "sign-extended, wrong", b"{begin}\n{part}\n{data}\n=yend size=10 pcrc32=ffffffff321e6d06\n", Mismatch, Some(10), &[Crc]),
    (28, "0x and upper case", b"{begin}\n{part}\n{data}\n=yend size=10 pcrc32=0X321E6D05\n", Ok, Some(10), &[]),
    (28, "17 digits", b"{begin}\n{part}\n{data}\n=yend size=10 pcrc32=000000000321e6d05\n", Absent, Some(10), &[CrcUnusable]),
    (29, "pcrc32 wrong, crc32 right, of a part", b"{begin}\n{part}\n{data}\n=yend size=10 pcrc32=11111111 crc32=321e6d05\n", Mismatch, Some(10), &[Crc]),
    (30, "part numbers differ", b"{begin}\n{part}\n{data}\n=yend size=10 part=3 pcrc32=321e6d05\n", Mismatch, Some(10), &[PartNumber]),
    (31, "part=0 is no part", b"=ybegin part=0 size=10 name=x\n{data}\n=yend part=1 crc32=321e6d05\n", Ok, Some(0), &[]),
    (31, "part above total", b"=ybegin part=2 total=1 size=30\n{part}\n{data}\n{end}\n", Ok, Some(10), &[]),
    (31, "total=0", b"=ybegin part=2 total=0 size=30\n{part}\n{data}\n{end}\n", Ok, Some(10), &[]),
    (31, "no total", b"=ybegin part=2 size=30\n{part}\n{data}\n{end}\n", Ok, Some(10), &[]),
    (32, "two =ybegin", b"{begin}\n{begin}\n{part}\n{data}\n{end}\n", Mismatch, Some(10), &[DuplicateBegin]),
    (32, "two different =ypart", b"{begin}\n=ypart begin=1 end=10\n{part}\n{data}\n{end}\n", Mismatch, Some(0), &[DuplicatePart]),
    (32, "the same =ypart twice", b"{begin}\n{part}\n{part}\n{data}\n{end}\n", Ok, Some(10), &[]),
    (33, "two blocks", b"{single}\n{data}\n{crc}\n\n{single}\nxyz\n{crc}\n", Ok, Some(0), &[ExtraBlock]),
    (33, "a block within another", b"{single}\n{data}\n{single}\nxyz\n{crc}\n", Truncated, Some(0), &[ExtraBlock]),
    (34, "signature behind =yend", b"{single}\n{data}\n{crc}\n\n-- \nme\n=yend size=1 crc32=0\n", Ok, Some(0), &[]),
    (38, "no name", b"=ybegin part=2 line=128 size=30\n{part}\n{data}\n{end}\n", Ok, Some(10), &[]),
    (40, "line=0", b"=ybegin line=0 size=10 name=x\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (40, "line=2^64", b"=ybegin line=18446744073709551616 size=10 name=x\n{data}\n{crc}\n", Ok, Some(0), &[]),
    (40, "mixed line lengths", b"=ybegin line=5 size=10 name=x\nk\nlmn\n\nopqrst\n{crc}\n", Ok, Some(0), &[]),
    (41, "lone = at the end of a line", b"{single}\nklmno=\npqrst=\n{crc}\n", Ok, Some(0), &[]),
    (46, "stray CR in a line", b"{single}\nklm\rnop\r\rqrst\r\n{crc}\n", Ok, Some(0), &[]),
    (49, "header claims 20 MB", b"=ybegin size=20000000 name=x\n{data}\n{crc}\n", Ok, Some(0), &[BeginSize]),
];

/// The same for articles whose data are not [`DATA`].
#[rustfmt::skip]
const OTHER_DATA: &[(&[u8], Row)] = &[
    (b"", (3, "plain text", b"This file was removed\nby request.\n", NoYenc, None, &[])),
    (b"", (3, "HTML", b"<html>\n<body>=ybegin </body>\n", NoYenc, None, &[])),
    (b"", (3, "nothing", b"", NoYenc, None, &[])),
    (b"Cat", (4, "UUencode", b"begin 644 x.bin\n#0V%T\n`\nend\n", Absent, Some(0), &[])),
    (b"", (4, "prose about UUencode", b"begin 644 x.bin\nis how it begins\n", NoYenc, None, &[Uuencode])),
    (b"ABCDEFGHIJ", (4, "yEnc behind prose about UUencode", b"begin 644 x.bin\n\n{single}\n{data}\n{crc}\n", Ok, Some(0), &[])),
    (b"", (4, "MIME", b"Content-Transfer-Encoding: BASE64\n\nQUJD\n", NoYenc, None, &[Mime])),
    (b"", (6, "cut within =ybegin", b"=ybegin part=2 total=3 li", Truncated, None, &[NoRange])),
    (b"ABCDE", (6, "cut in the data, trailer there", b"{begin}\n{part}\nklmno\n{end}\n", Mismatch, Some(10), &[RangeLength, Crc, EndSize])),
    (b"ABCDE", (22, "size=0, data, no crc", b"=ybegin size=0\nklmno\n=yend\n", Absent, Some(0), &[])),
    (b"FAAME", (27, "leading zeros left out", b"=ybegin size=5\npkkwo\n=yend size=5 crc32=60c\n", Ok, Some(0), &[])),
    (b"ABCDE", (35, "fake early =yend", b"{begin}\n{part}\nklmno\n=yend size=0\npqrst\n{end}\n", Mismatch, Some(10), &[RangeLength, EndSize])),
    (b"ABCDE", (35, "fake early =yend, single part", b"{single}\nklmno\n=yend size=0\npqrst\n{crc}\n", Mismatch, Some(0), &[EndSize])),
    (b"\xd3", (41, "= before =", b"=ybegin size=1\n==\n=yend crc32=cdd86ce3\n", Ok, Some(0), &[])),
    (b"ABC", (43, "stuffed and encoded dots", b"=ybegin size=3\nk\n.l\nm\n=yend size=3\n", Absent, Some(0), &[])),
    (b"\x04\x04\x04", (43, "a dot that is data", b"=ybegin size=3\n..\n...\n=yend size=3\n", Absent, Some(0), &[])),
    (b"\x04\x0f;D:", (43, "..=yend is data", b"=ybegin size=5\n..=yend\n=yend size=5\n", Absent, Some(0), &[])),
    (b"A", (43, "a dot before a control line is stuffing", b"=ybegin size=1\nk\n.=yend size=1\nl\n", Absent, Some(0), &[])),
    (b"\x0fPPP", (44, "=yzzz is data", b"=ybegin size=4\n=yzzz\n=yend size=4\n", Absent, Some(0), &[])),
    (b"\x0f;D:B", (44, "=yendl is data", b"=ybegin size=5\n=yendl\n=yend size=5\n", Absent, Some(0), &[])),
    (b"\x0f8", (44, "=yb, then the line ends", b"=ybegin size=2\n=yb\n=yend size=2\n", Absent, Some(0), &[])),
    (b"\x0f", (44, "escaped y within a line is no control line", b"=ybegin size=1\n\r=y\n=yend size=1\n", Absent, Some(0), &[])),
    (b"\xd6\xdf", (46, "NUL and TAB", b"=ybegin size=2\n\x00\x09\n=yend size=2\n", Absent, Some(0), &[])),
    (b"", (48, "empty file", b"=ybegin line=128 size=0 name=x\n=yend size=0 crc32=00000000\n", Ok, Some(0), &[])),
    (b"", (48, "empty file as a part", b"=ybegin part=1 size=0\n=ypart begin=1 end=0\n=yend size=0 pcrc32=00000000\n", Ok, Some(0), &[])),
];

/// Replaces the words and LF; a lone `.` follows unless the body is cut within a line.
fn article(template: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(byte) = rest.first() {
        if let Some((word, line)) = WORDS.iter().find(|(word, _)| rest.starts_with(word)) {
            out.extend_from_slice(line);
            rest = &rest[word.len()..];
        } else {
            match byte {
                b'\n' => out.extend_from_slice(b"\r\n"),
                byte => out.push(*byte),
            }
            rest = &rest[1..];
        }
    }
    if out.is_empty() || out.ends_with(b"\n") {
        out.extend_from_slice(b".\r\n");
    }
    out
}

fn check(expected: &[u8], row: &Row) {
    let (number, what, body, verdict, offset, problems) = row;
    let label = format!("Y{number:02} {what}");
    let article = article(body);
    let (data, report) = decode(&article);
    assert_eq!(data, expected, "{label}");
    assert_eq!(report.verdict, *verdict, "{label}: {report:?}");
    assert_eq!(report.offset(), *offset, "{label}: {report:?}");
    assert_eq!(report.problems, *problems, "{label}");
    assert_eq!(
        report.damage().is_none(),
        matches!(verdict, Ok | Absent),
        "{label}"
    );
    for at in 0..=article.len() {
        let pieces = [&article[..at], &article[at..]];
        for room in [1, article.len() + Decoder::SLACK] {
            let again = decode_pieces(
                Options {
                    stuffed: true,
                    ..Options::default()
                },
                pieces,
                room,
            );
            assert_eq!(
                again,
                (data.clone(), report.clone()),
                "{label}: cut at {at}, room {room}"
            );
        }
    }
}

#[test]
fn articles_are_judged_by_the_table() {
    ROWS.iter().for_each(|row| check(DATA, row));
    OTHER_DATA.iter().for_each(|(data, row)| check(data, row));
}

/// Y25. What a part says of the whole file is told, unless it is of the part or of no use.
#[test]
fn the_crc_of_the_whole_file_is_told() {
    let table: [(&[u8], Option<u32>); 7] = [
        (b"{begin}\n{part}\n{data}\n{end} crc32=11111111\n", Some(0x1111_1111)),
        (b"{begin}\n{part}\n{data}\n{end} crc32=ffffffff11111111\n", Some(0x1111_1111)),
        (b"{begin}\n{part}\n{data}\n{end} crc32=1111111\n", None),
        (b"{begin}\n{part}\n{data}\n{end} crc32=321e6d05\n", None),
        (b"{begin}\n{part}\n{data}\n{end}\n", None),
        (b"{single}\n{data}\n{crc}\n", None),
        (
            b"=ybegin part=1 total=1 size=10 name=x\n=ypart begin=1 end=10\n{data}\n=yend pcrc32=321e6d05 crc32=11111111\n",
            None,
        ),
    ];
    for (body, crc32) in table {
        let report = decode(&article(body)).1;
        assert_eq!(report.verdict, Ok);
        assert_eq!(report.file_crc32(), crc32, "{}", body.escape_ascii());
    }
}

/// Y39. The header is kept up to 16 KiB, the article is damaged, the data come through.
#[test]
fn a_header_line_of_a_mebibyte_damages_the_article() {
    let long = vec![b'n'; 1 << 20];
    let name = article(b"=ybegin line=128 size=10 name=");
    for body in [
        [&name[..], &long, &article(b"\n{data}\n{crc}\n")].concat(),
        [
            &article(b"{begin}\n=ypart begin=11 end=20 ")[..],
            &long,
            &article(b"\n{data}\n{end}\n"),
        ]
        .concat(),
        [
            &article(b"{single}\n{data}\n{crc} ")[..],
            &long,
            b"\r\n.\r\n",
        ]
        .concat(),
    ] {
        let (data, report) = decode(&body);
        assert_eq!((data.as_slice(), report.verdict), (DATA, Mismatch));
        assert_eq!(report.problems, [HeaderTooLong]);
        assert!(report.name().is_none_or(|name| name.len() <= 16 << 10));
    }
}

/// Records whose payload is not dot-stuffed: the input's end is the article's end.
#[test]
fn unstuffed_articles_keep_their_dots() {
    let article = b"=ybegin line=128 size=6 name=x\r\n..k\r\n.\r\n.l\r\n=yend size=6\r\n";
    let whole = decode_pieces(
        Options {
            stuffed: false,
            ..Options::default()
        },
        [&article[..]],
        article.len(),
    );
    assert_eq!(whole.0, b"\x04\x04A\x04\x04B");
    assert_eq!(whole.1.verdict, Absent);
}

/// Number in the catalogue, file and test, for what no row can show: `y16_` is any test whose name
/// begins so.
const ELSEWHERE: &[(u8, &str, &str)] = &[
    // Only the writer sees more than one part.
    (16, "libs/store/src/tests/catalogue.rs", "y16_"),
    (17, "libs/store/src/tests/catalogue.rs", "y17_"),
    (18, "libs/store/src/tests/catalogue.rs", "y18_"),
    // Names are not in the table.
    (
        36,
        "libs/yenc/src/control.rs",
        "a_name_goes_to_the_end_of_the_line",
    ),
    (37, "libs/store/src/tests/catalogue.rs", "y37_"),
    // Long, or many.
    (
        39,
        "libs/yenc/tests/catalogue.rs",
        "a_header_line_of_a_mebibyte",
    ),
    (42, "libs/yenc/tests/payload.rs", "y42_"),
    (45, "libs/yenc/tests/payload.rs", "y45_"),
    (47, "libs/yenc/tests/payload.rs", "y47_"),
    (50, "libs/yenc/tests/payload.rs", "y50_"),
    // A row has the header that lies; the article that is too large is the fetch's to refuse.
    (49, "tests/regression.rs", "y49_"),
    // A row has the part; the writer compares.
    (25, "tests/write.rs", "the_crc_of_the_whole_file"),
];

/// No entry is left out: there is a row of its number, or the test that [`ELSEWHERE`] names.
#[test]
fn every_entry_has_a_test() {
    let rows = ROWS.iter().chain(OTHER_DATA.iter().map(|(_, row)| row));
    let mut tested: Vec<u8> = rows.map(|row| row.0).collect();
    for (number, file, test) in ELSEWHERE {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let text = std::fs::read_to_string(format!("{root}/{file}")).unwrap();
        assert!(
            text.contains(&format!("\nfn {test}")) || text.contains(&format!("    fn {test}")),
            "Y{number}: {file} has no {test}"
        );
        tested.push(*number);
    }
    let untested: Vec<u8> = (1..=50).filter(|number| !tested.contains(number)).collect();
    assert_eq!(untested, []);
}
