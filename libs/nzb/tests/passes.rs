//! The two passes agree, whatever the text comes from and however it lies.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use common::{open, segments, show, show_all, with_segments};
use nzbpipe_nzb::{Error, Input, Limits, Nzb};
use proptest::prelude::*;

const DOCUMENT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<nzb>\n\
    <file subject=\"&quot;ä.bin&quot;\" poster=\"ö\"><groups><group>a.b</group></groups>\n\
    <segments><segment bytes=\"5\" number=\"1\">a@b</segment>\n<segment number=\"2\">c@d</segment></segments></file>\n\
    <file subject=\"ü [2/2]\"><segments>\n<segment number=\"3\">x@y</segment><segment number=\"1\">z@y</segment></segments></file>\n</nzb>\n";

const SEGMENTS: [&str; 2] = ["1:5:a@b 2:-:c@d", "1:-:z@y 3:-:x@y"];

fn on_disk(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn open_file(file: &File) -> Result<Nzb, Error> {
    Nzb::open(
        Input::File(file.try_clone().unwrap()),
        None,
        Limits::default(),
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Gives one byte at a time.
struct Slow(Cursor<Vec<u8>>);

impl Read for Slow {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut buf[..1])
    }
}

#[test]
fn every_source_gives_the_same() {
    let plain = DOCUMENT.as_bytes();
    let utf16: Vec<u8> = format!("\u{feff}{DOCUMENT}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut members = gzip(&plain[..100]);
    members.extend(gzip(&plain[100..]));
    let marked = [b"\xef\xbb\xbf", plain].concat();
    for (name, bytes) in [
        ("plain", plain.to_vec()),
        ("mark", marked),
        ("utf-16", utf16),
        ("gzip", gzip(plain)),
        ("members", members),
    ] {
        let slow = Input::Stream(Box::new(Slow(Cursor::new(bytes.clone()))));
        let inputs = [
            ("file", Input::File(on_disk(&bytes))),
            ("slow", slow),
            ("stream", Input::Stream(Box::new(Cursor::new(bytes)))),
        ];
        for (kind, input) in inputs {
            let mut nzb = Nzb::open(input, None, Limits::default()).unwrap();
            assert_eq!(show_all(&mut nzb), SEGMENTS, "{name} as {kind}");
            assert_eq!(
                (&*nzb.files()[0].name, &*nzb.files()[1].name),
                ("ä.bin", "ü"),
                "{name} as {kind}"
            );
            // A second time, in the other order.
            assert_eq!(
                show(&segments(&mut nzb, 1)),
                SEGMENTS[1],
                "{name} as {kind}"
            );
            assert_eq!(
                show(&segments(&mut nzb, 0)),
                SEGMENTS[0],
                "{name} as {kind}"
            );
        }
    }
}

#[test]
fn the_job_is_that_of_the_unpacked_bytes() {
    let jobs = [
        open(DOCUMENT).unwrap(),
        open(gzip(DOCUMENT.as_bytes())).unwrap(),
    ]
    .map(|nzb| nzb.job().to_owned());
    assert_eq!(jobs[0], jobs[1]);
    assert_ne!(jobs[0], open(DOCUMENT.replace("a@b", "a@c")).unwrap().job());
}

#[test]
fn a_file_is_read_from_its_position_which_stays() {
    let mut file = on_disk(format!("before{DOCUMENT}").as_bytes());
    file.seek(SeekFrom::Start(6)).unwrap();
    let mut nzb = open_file(&file).unwrap();
    assert_eq!(show_all(&mut nzb), SEGMENTS);
    assert_eq!(file.stream_position().unwrap(), 6);
}

/// N06: one byte that is not UTF-8, far behind the start, on either side of
/// the files; what came before it must be in the spool too.
#[test]
fn n06_a_late_wrong_byte_is_mended() {
    let filler = "<!-- filler -->\n".repeat(10_000);
    for place in ["</nzb>", "<nzb>", "<file subject=\"ü"] {
        let mut bytes = DOCUMENT
            .replace("<nzb>", &format!("<nzb>{filler}"))
            .into_bytes();
        let at = bytes
            .windows(place.len())
            .position(|w| w == place.as_bytes())
            .unwrap();
        bytes.splice(at..at, *b"<!-- \xe4 -->");
        let mut nzb = open_file(&on_disk(&bytes)).unwrap();
        assert_eq!(show_all(&mut nzb), SEGMENTS, "before {place}");
        assert_eq!(
            nzb.warnings(),
            ["some bytes are not UTF-8 and were read as windows-1252"]
        );
    }
    let mut wrong = DOCUMENT.as_bytes().to_vec();
    let at = DOCUMENT.find('ö').unwrap();
    wrong.splice(at..at + 2, *b"\xf6\x80");
    assert_eq!(open_file(&on_disk(&wrong)).unwrap().files()[0].poster, "ö€");
}

#[test]
fn a_changed_file_is_noticed() {
    for (from, to) in [
        ("a@b", "a@c"),
        ("number=\"2\"", "number=\"7\""),
        ("<file ", "<fils "),
        ("z@y", "zzy"),
    ] {
        let mut file = on_disk(DOCUMENT.as_bytes());
        let mut nzb = open_file(&file).unwrap();
        file.rewind().unwrap();
        file.write_all(DOCUMENT.replace(from, to).as_bytes())
            .unwrap();
        let results = [0, 1].map(|index| match nzb.segments(index) {
            Ok(segments) => segments.collect::<Result<Vec<_>, _>>().map(drop),
            Err(error) => Err(error),
        });
        assert!(
            results
                .iter()
                .any(|result| matches!(result, Err(Error::Changed))),
            "{from}: {results:?}"
        );
    }
    let file = on_disk(DOCUMENT.as_bytes());
    let mut nzb = open_file(&file).unwrap();
    file.set_len(200).unwrap();
    assert!(
        nzb.segments(0)
            .unwrap()
            .any(|segment| matches!(segment, Err(Error::Changed)))
    );
    assert!(matches!(
        nzb.segments(2).map(drop),
        Err(Error::NoSuchFile(2))
    ));
}

#[test]
fn the_given_name_is_name_and_password() {
    let given = OsStr::new("/some/where/My Post{{se cret}}.nzb.gz");
    let nzb = Nzb::open(
        Input::File(on_disk(DOCUMENT.as_bytes())),
        Some(given),
        Limits::default(),
    )
    .unwrap();
    assert_eq!((nzb.name(), nzb.password()), ("My Post", Some("se cret")));
}

#[test]
fn a_pipe_in_a_file_is_a_stream() {
    let (reader, mut writer) = io::pipe().unwrap();
    let feeder = std::thread::spawn(move || writer.write_all(DOCUMENT.as_bytes()));
    let file = File::from(std::os::fd::OwnedFd::from(reader));
    let mut nzb = Nzb::open(Input::File(file), None, Limits::default()).unwrap();
    feeder.join().unwrap().unwrap();
    assert_eq!(show_all(&mut nzb), SEGMENTS);
}

/// Files too big to be sorted in memory take other ways; long ids make big
/// files of few segments. Each order must give what sorting gives.
#[test]
fn big_files_in_any_order() {
    let count = 400;
    let entry = |number: Option<usize>, place: usize| {
        let number = number.map_or(String::new(), |number| format!(" number='{number}'"));
        format!(
            "<segment{number}>{place:x<40000}</segment>\n<segment{number}>g{place}@x</segment>\n"
        )
    };
    let rising: Vec<usize> = (1..=count).collect();
    let mut late = rising.clone();
    late.swap(count - 2, count - 1);
    let falling: Vec<usize> = rising.iter().rev().copied().collect();
    for (name, numbers) in [("rising", rising), ("late", late), ("falling", falling)] {
        let text: String = numbers
            .iter()
            .enumerate()
            .map(|(place, &number)| entry(Some(number), place))
            .collect();
        let mut expected: Vec<(usize, usize)> = numbers
            .iter()
            .enumerate()
            .map(|(place, &number)| (number, place))
            .collect();
        expected.sort();
        let expected: Vec<String> = expected
            .iter()
            .map(|(number, place)| format!("{number}:-:g{place}@x"))
            .collect();
        let mut nzb = open(with_segments(&text)).unwrap();
        assert_eq!(show(&segments(&mut nzb, 0)), expected.join(" "), "{name}");
        assert_eq!(
            (nzb.files()[0].segments, nzb.files()[0].declared),
            (400, 800),
            "{name}"
        );
    }
    let text: String = (0..count).map(|place| entry(None, place)).collect();
    let mut nzb = open(with_segments(&text)).unwrap();
    let found = segments(&mut nzb, 0);
    assert_eq!(
        (found.len(), found[1].number, found[799].id.as_deref()),
        (800, 2, Ok("g399@x"))
    );
    assert_eq!(nzb.files()[0].segments, 800);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The document's order changes neither segments nor identity, as long as
    /// entries with the same number keep theirs.
    #[test]
    fn order_does_not_matter(numbers in prop::collection::vec(1_u64..40, 1..60), seed in any::<u64>()) {
        let mut entries: Vec<(u64, usize)> = numbers.iter().copied().zip(0..).collect();
        let text = |entries: &[(u64, usize)]| {
            let all: String = entries.iter().map(|(number, place)| format!("<segment number='{number}'>id{place}@x</segment>")).collect();
            with_segments(&all)
        };
        entries.sort();
        let mut sorted = open(text(&entries)).unwrap();
        let mut weights: Vec<u64> = (0..40).map(|n: u64| (n ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        weights[0] = 0;
        entries.sort_by_key(|(number, _)| weights[*number as usize]);
        let mut mixed = open(text(&entries)).unwrap();
        prop_assert_eq!(&sorted.files()[0].file_id, &mixed.files()[0].file_id);
        prop_assert_eq!(segments(&mut sorted, 0), segments(&mut mixed, 0));
        let distinct: std::collections::BTreeSet<_> = numbers.iter().collect();
        prop_assert_eq!(sorted.files()[0].segments, distinct.len() as u64);
    }

    /// No bytes make the reader panic, and no id that it gives out is one
    /// that must not reach a server.
    #[test]
    fn any_bytes_are_survived(pieces in prop::collection::vec(prop_oneof![
        Just(b"<nzb>".to_vec()), Just(b"<file subject='".to_vec()), Just(b"'>".to_vec()), Just(b"<segments>".to_vec()),
        Just(b"<segment number='1'>".to_vec()), Just(b"</segment>".to_vec()), Just(b"</segments></file>".to_vec()),
        Just(b"</nzb>".to_vec()), Just(b"<![CDATA[".to_vec()), Just(b"]]>".to_vec()), Just(b"<!--".to_vec()),
        Just(b"&#13;&#10;".to_vec()), Just(b"&amp;".to_vec()), Just(b"\xff\xfe".to_vec()), prop::collection::vec(any::<u8>(), 0..20),
    ], 0..30), wrap in any::<bool>()) {
        let mut bytes = pieces.concat();
        if wrap {
            bytes = [b"<nzb><file><segments><segment number='1'>", &bytes[..], b"</segment></segments></file></nzb>"].concat();
        }
        if let Ok(mut nzb) = open(bytes) {
            for file in 0..nzb.files().len() {
                for segment in segments(&mut nzb, file) {
                    for id in segment.id.iter().chain(&segment.alternates) {
                        prop_assert!(id.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>'));
                        prop_assert!((1..=250).contains(&id.len()));
                    }
                }
            }
        }
    }
}

/// Parts of segments, plain ones and ones that are not.
fn segment() -> impl Strategy<Value = String> {
    let number = prop::sample::select(vec![
        " number=\"1\"",
        " number=\"2\"",
        " number=\"3\"",
        " number=\"0\"",
        " number=\"-1\"",
        "",
        " number='4'",
        " number=\"5\" number=\"5\"",
        " number=\"99999999999999999999\"",
        " number=\"123456789012345678\"",
        " x=\"&amp;\"",
        " number=\"&#49;\"",
        "  number=\"6\" ",
    ]);
    let bytes = prop::sample::select(vec![
        " bytes=\"700000\"",
        " bytes=\"0\"",
        " bytes=\"1073741825\"",
        " bytes=\"9 \"",
        "",
        " bytes=\"\"",
    ]);
    let text = prop::sample::select(vec![
        "a@b",
        "c@d",
        "&lt;e@f&gt;",
        " g@h ",
        "i j",
        "",
        "k<!-- -->@l",
        "<![CDATA[m@n]]>",
        "ä@o",
        "p>q",
        "<x>y</x>",
        "a&b",
        "]]>",
    ]);
    let end = prop::sample::select(vec![
        "</segment>",
        "</segment>\n",
        "</segment >\r\n\t",
        "</segment>x",
    ]);
    let odd = prop::sample::select(vec![
        "",
        "",
        "",
        "",
        "<segment/>",
        "<!-- c -->",
        "<other/>",
        "<?pi?>",
        " ",
        "&amp;",
    ]);
    (odd, number, bytes, text, end, any::<bool>()).prop_map(
        |(odd, number, bytes, text, end, swap)| {
            let (first, second) = if swap {
                (number, bytes)
            } else {
                (bytes, number)
            };
            format!("{odd}<segment{first}{second}>{text}{end}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A source that gives an octet at a time leaves all to the parser; with the whole text
    /// in the buffer, plain segments are read without it. Nobody may be able to tell.
    #[test]
    fn plain_segments_are_what_the_parser_says(
        all in prop::collection::vec(segment(), 0..8),
        cut in prop::option::of(1024usize..1600),
    ) {
        // The beginning is looked at as a whole, to see what it is.
        let filler = " ".repeat(1024);
        let all = all.concat();
        let mut text = format!("<nzb>{filler}<file subject=\"s\"><segments>{all}</segments></file></nzb>");
        if let Some(cut) = cut {
            let cut = (0..=cut.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
            text.truncate(cut.unwrap_or(0));
        }
        let told = |input| {
            Nzb::open(input, None, Limits::default()).map_err(|e| e.to_string()).map(|mut nzb| {
                let shown = show_all(&mut nzb);
                (shown, nzb.files().to_vec(), nzb.warnings().to_vec(), nzb.job().to_owned())
            })
        };
        let slow = told(Input::Stream(Box::new(Slow(Cursor::new(text.clone().into_bytes())))));
        let whole = told(Input::Stream(Box::new(Cursor::new(text.into_bytes()))));
        prop_assert_eq!(whole, slow);
    }
}
