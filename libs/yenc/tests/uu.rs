//! UUencode: what is recognised, what it decodes to, and what it is worth, cut at every place.

mod common;

use common::{decode, decode_pieces};
use nzbpipe_yenc::{Encoding, Options, Problem, Report, Uu, Verdict};

use Verdict::{Absent, Mismatch, NoYenc, Truncated};

/// How a poster writes.
#[derive(Clone, Copy)]
struct Style {
    zero: u8,
    trim: bool,
    checksum: bool,
}

const GRAVE: Style = Style {
    zero: b'`',
    trim: false,
    checksum: false,
};

const STYLES: [Style; 4] = [
    GRAVE,
    Style {
        checksum: true,
        ..GRAVE
    },
    Style {
        zero: b' ',
        trim: false,
        checksum: false,
    },
    Style {
        zero: b' ',
        trim: true,
        checksum: false,
    },
];

/// Bytes with many zeros among them, so that there are blanks at the ends of lines, and lines that
/// begin with a dot.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len)
        .map(|at| {
            let byte = next();
            let zero = at >= 225 && (at / 45 % 2 == 1 && at % 45 > 20);
            if zero { 0 } else { byte }
        })
        .collect()
}

/// The data lines, written from the POSIX text of `uuencode`; `line` bytes in each.
fn lines(data: &[u8], line: usize, style: Style) -> Vec<String> {
    let char = |bits: u8| char::from(if bits == 0 { style.zero } else { bits + b' ' });
    let encode = |chunk: &[u8]| {
        let mut text = String::from(char(chunk.len() as u8));
        for three in chunk.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|at| three.get(at).copied().unwrap_or(0));
            let bits = [
                a >> 2,
                (a & 3) << 4 | b >> 4,
                (b & 15) << 2 | c >> 6,
                c & 63,
            ];
            text.extend(bits.map(char));
        }
        match (style.trim, style.checksum) {
            (true, _) => text.trim_end().to_owned(),
            (_, true) => text + "#",
            _ => text,
        }
    };
    data.chunks(line).map(encode).collect()
}

fn file(data: &[u8], style: Style) -> Vec<String> {
    let mut all = vec!["begin 644 a file.bin".to_owned()];
    all.extend(lines(data, 45, style));
    let zero = char::from(style.zero).to_string();
    all.push(if style.trim { String::new() } else { zero });
    all.push("end".to_owned());
    all
}

/// The lines as an article, dot-stuffed.
fn article<T: AsRef<str>>(lines: &[T]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines.iter().map(AsRef::as_ref) {
        if line.starts_with('.') {
            out.push(b'.');
        }
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// Decodes it cut at every place, with little and with much room.
fn everywhere(article: &[u8]) -> (Vec<u8>, Report) {
    let whole = decode(article);
    let stuffed = Options {
        stuffed: true,
        ..Options::default()
    };
    for at in 0..=article.len() {
        for room in [1, 50, 4 * article.len()] {
            let again = decode_pieces(stuffed, [&article[..at], &article[at..]], room);
            assert!(again == whole, "cut at {at}, room {room}: {again:?}");
        }
    }
    let bytewise = decode_pieces(stuffed, article.chunks(1), 7);
    assert!(bytewise == whole, "byte by byte: {bytewise:?}");
    whole
}

fn uu(begins: bool, ends: bool) -> Encoding {
    Encoding::Uu(Uu {
        name: begins.then(|| b"a file.bin".to_vec()),
        begins,
        ends,
    })
}

#[test]
fn a_file_in_one_article_in_every_style() {
    for len in [0, 1, 2, 3, 44, 45, 46, 89, 90, 600] {
        let data = bytes(len);
        for style in STYLES {
            let (out, report) = everywhere(&article(&file(&data, style)));
            assert!(out == data, "{len}: {report:?}");
            assert_eq!(report.verdict, Absent, "{len}: {report:?}");
            assert_eq!(report.encoding, uu(true, true));
            assert_eq!(report.name(), Some(&b"a file.bin"[..]));
            assert_eq!((report.offset(), report.size()), (Some(0), None));
            assert_eq!(report.crc32, Some(crc32fast::hash(&data)));
            assert_eq!((report.problems.len(), report.damage()), (0, None));
        }
    }
}

#[test]
fn a_line_that_begins_with_a_dot_is_unstuffed() {
    // 14 bytes.
    let lines = ["begin 644 x", ".0V%T0V%T0V%T0V%T0V$`", "`", "end"];
    let article = article(&lines);
    assert!(article.windows(3).any(|bytes| bytes == b"..0"));
    assert_eq!(everywhere(&article).0, b"CatCatCatCatCa");
}

#[test]
fn a_file_in_three_articles() {
    let data = bytes(45 * 14 + 11);
    for style in STYLES {
        let all = file(&data, style);
        let (first, rest) = all.split_at(6);
        let (middle, last) = rest.split_at(5);
        // What posters put in front: prose, an empty line.
        let headed = |lines: &[String]| {
            let head = ["section 2 of 3 of file x", ""].map(str::to_owned);
            article(&[&head[..], lines].concat())
        };
        let table = [
            (article(first), &data[..225], uu(true, false)),
            (article(middle), &data[225..450], uu(false, false)),
            (headed(middle), &data[225..450], uu(false, false)),
            (headed(last), &data[450..], uu(false, true)),
        ];
        for (article, want, encoding) in table {
            // A trimmed line within the first four is not strong enough.
            if style.trim && encoding != uu(true, false) {
                continue;
            }
            let (out, report) = everywhere(&article);
            assert!(out == want, "{report:?}");
            assert_eq!((report.verdict, report.encoding), (Absent, encoding));
        }
    }
}

#[test]
fn a_short_last_article_is_known_by_its_end() {
    let data = bytes(200);
    for (full, more) in [(0, 0), (0, 11), (1, 11), (3, 0), (3, 44)] {
        let data = &data[..full * 45 + more];
        let mut all = lines(data, 45, GRAVE);
        all.extend(["`", "end"].map(str::to_owned));
        let (out, report) = everywhere(&article(&all));
        assert_eq!((&out[..], report.verdict), (data, Absent));
        assert_eq!(report.encoding, uu(false, true));
    }
}

/// What is there, what it decodes to.
#[test]
fn what_is_wrong_with_a_file() {
    let data = bytes(45 * 6);
    let good = file(&data, GRAVE);
    let with = |at: usize, line: &str| {
        let mut lines = good.clone();
        lines[at] = line.to_owned();
        article(&lines)
    };
    let without = |range: std::ops::RangeFrom<usize>| {
        let mut lines = good.clone();
        lines.drain(range);
        article(&lines)
    };
    let short = &good[3][..50];
    let long = format!("{}AB", good[3]);
    let illegal = good[3].replacen(|c: char| c.is_ascii_uppercase() && c != 'M', "a", 1);
    let double = [&good[..], &good[..]].concat();
    let interrupted = [&good[..4], &["".to_owned()], &good[4..]].concat();
    let mut cut = article(&good[..5]);
    cut.truncate(cut.len() - 30);
    let mut cut_in_end = article(&good);
    cut_in_end.truncate(cut_in_end.len() - 6);
    let table: [(&str, Vec<u8>, Verdict, &[Problem]); 9] = [
        (
            "a line too short",
            with(3, short),
            Mismatch,
            &[Problem::UuLine],
        ),
        (
            "a line too long",
            with(3, &long),
            Mismatch,
            &[Problem::UuLine],
        ),
        (
            "an illegal character",
            with(3, &illegal),
            Mismatch,
            &[Problem::UuLine],
        ),
        (
            "prose within",
            with(3, "Sent from my phone"),
            Mismatch,
            &[Problem::UuLine],
        ),
        (
            "an empty line within",
            article(&interrupted),
            Mismatch,
            &[Problem::UuLine],
        ),
        (
            "two files",
            article(&double),
            Absent,
            &[Problem::ExtraBlock],
        ),
        ("no end", without(7..), Absent, &[]),
        ("cut within a line", cut, Truncated, &[]),
        ("cut within end", cut_in_end, Absent, &[]),
    ];
    for (what, article, verdict, problems) in table {
        let (out, report) = everywhere(&article);
        assert_eq!(report.verdict, verdict, "{what}: {report:?}");
        assert_eq!(report.problems, problems, "{what}");
        assert_eq!(report.decoded, out.len() as u64);
        assert!(matches!(report.encoding, Encoding::Uu(_)), "{what}");
        if verdict == Absent && what != "no end" {
            assert_eq!(out, data, "{what}");
        }
    }
}

#[test]
fn the_place_in_the_file_decides_what_has_to_be_there() {
    let data = bytes(45 * 5);
    let all = file(&data, GRAVE);
    let last = all.len() - 2;
    let table = [
        (&all[..], true, true, Absent),
        (&all[..], true, false, Absent),
        (&all[..], false, true, Mismatch),
        (&all[..last], true, false, Absent),
        (&all[..last], true, true, Truncated),
        (&all[1..last], false, false, Absent),
        (&all[1..last], false, true, Truncated),
        (&all[1..last], true, true, Mismatch),
        (&all[1..], false, true, Absent),
        (&all[1..], true, true, Mismatch),
    ];
    for (lines, first, last, verdict) in table {
        let mut report = decode(&article(lines)).1;
        report.expect(first, last);
        assert_eq!(report.verdict, verdict, "{first} {last} {report:?}");
        assert_eq!(report.damage().is_none(), verdict == Absent);
    }
}

#[test]
fn pieces_are_full_but_for_the_last_line() {
    let data = bytes(45 * 6);
    let all = lines(&data, 45, GRAVE);
    let short = "#0V%T".to_owned();
    let ended = [&all[..], std::slice::from_ref(&short)].concat();
    assert_eq!(everywhere(&article(&ended)).1.verdict, Absent);
    let within = [&all[..5], &[short], &all[5..]].concat();
    let (out, report) = everywhere(&article(&within));
    assert_eq!(out, [&data[..225], b"Cat", &data[225..]].concat());
    assert_eq!(report.verdict, Mismatch);
    // A signature that has the look of a line whose blanks were cut.
    let signed = [&all[..], &["--".to_owned()]].concat();
    assert_eq!(everywhere(&article(&signed)).1.verdict, Mismatch);
    let signed = [
        &all[..],
        &["".to_owned(), "-- ".to_owned(), "me".to_owned()],
    ]
    .concat();
    let (out, report) = everywhere(&article(&signed));
    assert_eq!((out, report.verdict), (data, Absent));
}

#[test]
fn blanks_cut_off_are_zeros_unless_zeros_are_graves() {
    let cut = ["begin 644 x", "M0V%T", "M  0V", "", "end"];
    let (out, report) = everywhere(&article(&cut));
    assert_eq!((out.len(), report.verdict), (90, Absent));
    assert_eq!(&out[..6], b"Cat\0\0\0");
    let damaged = ["begin 644 x", "M0V%T", "#``!T", "`", "end"];
    assert_eq!(everywhere(&article(&damaged)).1.verdict, Mismatch);
    // All zeros: more comes out than went in.
    let zeros = [&["begin 644 x"][..], &["M"; 50], &["", "end"]].concat();
    let (out, report) = everywhere(&article(&zeros));
    assert_eq!((out, report.verdict), (vec![0; 50 * 45], Absent));
}

#[test]
fn what_was_passed_over_is_not_forgotten() {
    let data = bytes(45 * 6);
    let all = lines(&data, 45, GRAVE);
    let broken = all[0].replace(|c: char| c.is_ascii_uppercase() && c != 'M', "a");
    let text = |text: &str| text.to_owned();
    let end = [text("`"), text("end")];
    let table = [
        (
            "a damaged line first",
            [std::slice::from_ref(&broken), &all[1..]].concat(),
            &data[45..],
        ),
        (
            "a cut line first",
            [&[text("M0V%T")], &all[1..]].concat(),
            &data[45..],
        ),
        (
            "a damaged line after one",
            [&all[..1], std::slice::from_ref(&broken), &all[2..]].concat(),
            &data[90..],
        ),
        (
            "a damaged line, then the end",
            [&[broken], &end[..]].concat(),
            &[],
        ),
        (
            "a cut line, then the end",
            [&[text("#0")], &end[..]].concat(),
            &[],
        ),
    ];
    for (what, lines, want) in table {
        let (out, report) = everywhere(&article(&lines));
        assert_eq!((&out[..], report.verdict), (want, Mismatch), "{what}");
    }
    let marked = [&[text("- - - cut here - - -")], &all[..]].concat();
    let (out, report) = everywhere(&article(&marked));
    assert_eq!((out, report.verdict), (data, Absent));
}

#[test]
fn prose_is_not_uuencode() {
    let m = "M".repeat(61);
    let three = [m.as_str(); 3];
    let table: [(&str, &[&str]); 9] = [
        (
            "an upper-case poem",
            &[
                "MAKE MONEY FAST",
                "MAKE IT NOW",
                "MAKE IT HERE",
                "MAKE IT LAST",
            ],
        ),
        ("three lines only", &three),
        ("a sentence's last word", &["so this is", "", "end"]),
        ("the word end", &["HELLO", "end"]),
        ("an empty line and end", &["#0V%T", "", "end"]),
        ("blanks and end", &["#0V%T", "  ", "end"]),
        ("how to use it", &["begin 644 x.bin", "is the first line"]),
        ("other modes", &["begin 64 x", "#0V%T", "#0V%T"]),
        (
            "lower case",
            &["begin 644 x", "so it begins", "`", "and ends"],
        ),
    ];
    for (what, lines) in table {
        let (out, report) = everywhere(&article(lines));
        assert_eq!((&out[..], report.verdict), (&b""[..], NoYenc), "{what}");
        assert_eq!(report.encoding, Encoding::None, "{what}");
    }
}

/// Of a line of any length no more is kept than of any other.
#[test]
fn endless_lines_are_damage() {
    let data = bytes(90);
    let mut lines = file(&data, GRAVE);
    lines.insert(2, "M".repeat(1 << 20));
    let (out, report) = decode(&article(&lines));
    assert_eq!((out, report.verdict), (data, Mismatch));
}

/// What the article before left behind is gone.
#[test]
fn the_next_article_begins_anew() {
    let data = bytes(45 * 3);
    let lines = lines(&data, 45, GRAVE);
    let stuffed = Options {
        stuffed: true,
        ..Options::default()
    };
    let mut decoder = nzbpipe_yenc::Decoder::new(stuffed);
    let mut room = [0; 4096];
    for _ in 0..2 {
        let progress = decoder.decode(&article(&lines), &mut room);
        assert_eq!((progress.written, decoder.finish().verdict), (0, NoYenc));
    }
    let progress = decoder.decode(&article(&file(&data, GRAVE)), &mut room);
    assert_eq!(&room[..progress.written], data);
    assert_eq!(decoder.finish().verdict, Absent);
    let progress = decoder.decode(b"hello\r\n.\r\n", &mut room);
    assert_eq!(progress.written, 0);
    assert_eq!(
        decoder.finish(),
        Report {
            verdict: NoYenc,
            crc32: Some(0),
            ..Report::default()
        }
    );
}
