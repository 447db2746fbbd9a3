//! Documents that are refused, and how. Rows carry the number they have in
//! the project's fault catalogue.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::io::{self, Read, Write};

use common::{open, open_with, with_segments, with_subject};
use nzbpipe_nzb::{Error, Input, Limits, Nzb};

/// The variant's name and the line, if it has one.
fn kind(error: &Error) -> (&'static str, u64) {
    match error {
        Error::Empty => ("empty", 0),
        Error::NotNzb { line, .. } => ("not-nzb", *line),
        Error::Compressed { .. } => ("compressed", 0),
        Error::Gzip => ("gzip", 0),
        Error::Truncated { line, .. } => ("truncated", *line),
        Error::Malformed { line, .. } => ("malformed", *line),
        Error::Entities { line } => ("entities", *line),
        Error::Limit { line, .. } => ("limit", *line),
        _ => ("other", 0),
    }
}

const REFUSED: &[(&str, &str, (&str, u64))] = &[
    ("N01", "", ("empty", 0)),
    ("N01", " \r\n\t ", ("empty", 0)),
    (
        "N02",
        "<!DOCTYPE html>\n<html><body>503</body></html>",
        ("not-nzb", 1),
    ),
    ("N02", "<html>\n<p>login<br></html>", ("not-nzb", 1)),
    ("N02", "{\"error\": \"no such id\"}", ("not-nzb", 1)),
    ("N02", "\n\nNo such NZB.", ("not-nzb", 3)),
    (
        "N02",
        "<?xml version=\"1.0\"?>\n<error code=\"100\"/>",
        ("not-nzb", 2),
    ),
    (
        "N02",
        "<?xml version=\"1.0\"?>\n<rss><channel/></rss>",
        ("not-nzb", 2),
    ),
    (
        "N03",
        "<nzb>\n<file>\n<segments>\n<segment number=\"1\">a@",
        ("truncated", 4),
    ),
    ("N03", "<nzb>\n<file subject=\"", ("truncated", 2)),
    (
        "N03",
        "<?xml version=\"1.0\"?>\n<!-- nothing -->\n",
        ("truncated", 3),
    ),
    ("N04", "<nzb>\n<file></segments></nzb>", ("malformed", 2)),
    (
        "N04",
        "<nzb><file subject=\"a\" subject=\"b\"/></nzb>",
        ("malformed", 1),
    ),
    ("N04", "<nzb><file 1x=\"a\"/></nzb>", ("malformed", 1)),
    ("N04", "<nzb><file subject=a/></nzb>", ("malformed", 1)),
    ("N04", "</nzb>", ("not-nzb", 1)),
    ("N05", "<nzb/><nzb/>", ("malformed", 1)),
    ("N05", "<nzb></nzb>\ntext", ("malformed", 2)),
    ("N05", "<nzb></nzb>&amp;", ("malformed", 1)),
    (
        "N09",
        "<!DOCTYPE nzb [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]>\n<nzb/>",
        ("entities", 1),
    ),
    (
        "N10",
        "<!DOCTYPE nzb [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><nzb/>",
        ("entities", 1),
    ),
    (
        "N10",
        "<!DOCTYPE nzb [<!ENTITY % p SYSTEM \"http://127.0.0.1/\">%p;]><nzb/>",
        ("entities", 1),
    ),
    ("N51", "<nzb><file><file/></file></nzb>", ("malformed", 1)),
    (
        "N51",
        "<nzb><file><segments><file/></segments></file></nzb>",
        ("malformed", 1),
    ),
    (
        "N51",
        "<nzb><file><segments><segment><segment/></segment></segments></file></nzb>",
        ("malformed", 1),
    ),
    (
        "N51",
        "<nzb><file><segment>a@b</segment></file></nzb>",
        ("malformed", 1),
    ),
    (
        "N51",
        "<nzb><segments><segment>a@b</segment></segments></nzb>",
        ("malformed", 1),
    ),
];

#[test]
fn refused_documents_say_why_and_where() {
    for (row, text, expected) in REFUSED {
        let error = open(*text).expect_err(text);
        assert_eq!(kind(&error), *expected, "{row}: {text:?}: {error}");
        assert!(error.is_malformed() && !error.is_io(), "{row}");
        let text = error.to_string();
        assert!(!text.contains(['\n', '\r', '\x1b']), "{row}: {text}");
    }
}

#[test]
fn n03_every_truncation_is_seen() {
    let whole = "<?xml version=\"1.0\"?>\n<!DOCTYPE nzb PUBLIC \"a\" \"b\">\n<nzb xmlns=\"x\">\n<head><meta type=\"a\">b</meta></head>\n\
        <file subject=\"&quot;f&quot;\"><groups><group>a.b</group></groups><segments>\
        <segment bytes=\"1\" number=\"1\">a&amp;b@c<!-- x --><![CDATA[d]]></segment></segments></file></nzb>";
    assert!(open(whole).is_ok());
    for end in 1..whole.len() {
        let error = open(&whole[..end]).expect_err("a part is not the whole");
        assert!(error.is_truncated(), "{end}: {error}: {}", &whole[..end]);
    }
}

#[test]
fn n08_other_compressions_name_the_tool() {
    for (bytes, command) in [
        (&b"\xfd7zXZ\0\0"[..], "xz -dc"),
        (b"BZh91AY", "bzip2 -dc"),
        (b"PK\x03\x04\x14", "unzip -p"),
    ] {
        let error = open(bytes).expect_err(command);
        assert_eq!(kind(&error).0, "compressed");
        assert!(error.to_string().contains(command), "{error}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn n08_damaged_gzip_is_told_from_cut_gzip() {
    let whole = gzip(with_segments("<segment number='1'>a@b</segment>").as_bytes());
    assert!(open(whole.clone()).is_ok());
    for end in 2..whole.len() {
        let error = open(&whole[..end]).expect_err("cut");
        assert!(error.is_truncated(), "{end}: {error}");
    }
    let mut damaged = whole.clone();
    let crc = whole.len() - 8;
    damaged[crc] ^= 1;
    assert_eq!(kind(&open(damaged).expect_err("damaged")).0, "gzip");
}

#[test]
fn n08_a_gzip_bomb_is_stopped_by_its_ratio() {
    let comment = format!("<!-- {} -->\n", "x".repeat(60_000));
    let error = open(gzip(comment.repeat(300).as_bytes())).expect_err("a bomb");
    assert!(
        error
            .to_string()
            .ends_with("more than 200 bytes out of one byte of gzip"),
        "{error}"
    );
}

#[test]
fn n14_depth_is_limited() {
    let deep = |depth: usize| format!("<nzb>{}{}</nzb>", "<x>".repeat(depth), "</x>".repeat(depth));
    assert!(open(deep(63)).is_ok());
    for depth in [64, 4_097, 1_000_000] {
        assert_eq!(
            kind(&open(deep(depth)).expect_err("too deep")),
            ("limit", 1),
            "{depth}"
        );
    }
}

#[test]
fn n15_long_fields_are_refused() {
    let long = "x".repeat(1 << 20);
    let near = "x".repeat(60_000);
    assert!(open(with_subject(&near)).is_ok());
    for text in [
        with_subject(&long),
        with_segments(&format!("<segment>{long}</segment>")),
        with_segments(&format!("<segment>{near}<!-- -->{near}</segment>")),
        with_segments(&format!("<segment><![CDATA[{long}]]></segment>")),
        format!("<nzb><!-- {long} --></nzb>"),
        format!("<nzb><?x {long} ?></nzb>"),
        format!("<nzb>{}</nzb>", " ".repeat(1 << 20)),
    ] {
        assert_eq!(kind(&open(text).expect_err("too long")).0, "limit");
    }
}

/// A document that never ends, and a count of what was read of it.
struct Endless(Vec<u8>, std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = if self.0.is_empty() {
            buf.len()
        } else {
            self.0.len().min(buf.len())
        };
        buf[..n].fill(b'a');
        let head: Vec<u8> = self.0.drain(..n.min(self.0.len())).collect();
        buf[..head.len()].copy_from_slice(&head);
        self.1.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
        Ok(n)
    }
}

#[test]
fn n15_a_text_without_end_is_stopped_early() {
    for start in [
        "",
        "<nzb><file subject=\"",
        "<nzb><file><segments><segment>",
        "<nzb><!-- ",
        "<nzb>&",
        "<nzb",
    ] {
        let read = std::sync::Arc::default();
        let stream = Endless(start.into(), std::sync::Arc::clone(&read));
        let error = Nzb::open(Input::Stream(Box::new(stream)), None, Limits::default())
            .expect_err("endless");
        assert_eq!(kind(&error).0, "limit", "{start}");
        assert!(
            read.load(std::sync::atomic::Ordering::Relaxed) < 1 << 18,
            "{start}"
        );
    }
}

#[test]
fn n18_limits_name_themselves() {
    let limits = |f: fn(&mut Limits)| {
        let mut limits = Limits::default();
        f(&mut limits);
        limits
    };
    let files = "<nzb><file/>\n<file/></nzb>";
    let segments = with_segments("<segment>a</segment>\n<segment>b</segment>");
    let table = [
        (files, limits(|l| l.files = 1), "line 2: more than 1 files"),
        (
            &segments,
            limits(|l| l.segments = 1),
            "line 2: more than 1 segments",
        ),
        (
            files,
            limits(|l| l.bytes = 10),
            "line 1: more than 10 bytes of text",
        ),
        (
            files,
            limits(|l| l.text = 64),
            "line 2: more than 64 bytes of subjects, posters, groups and meta",
        ),
    ];
    for (text, limits, message) in table {
        assert_eq!(
            open_with(text, limits).expect_err(message).to_string(),
            message
        );
    }
}

#[test]
fn many_attributes_are_refused() {
    let attributes: String = (0..5000).map(|i| format!(" a{i}='x'")).collect();
    assert_eq!(
        kind(&open(format!("<nzb><file{attributes}/></nzb>")).expect_err("too many")).0,
        "malformed"
    );
}

#[test]
fn a_failing_source_is_the_machines_fault() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }
    for start in ["", "<nzb><file>"] {
        let stream = io::Cursor::new(start).chain(Broken);
        let error = Nzb::open(Input::Stream(Box::new(stream)), None, Limits::default())
            .expect_err("broken");
        assert!(error.is_io() && !error.is_malformed(), "{error}");
        assert!(matches!(error, Error::Io(e) if e.raw_os_error() == Some(5)));
    }
}
