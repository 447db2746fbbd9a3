//! What real NZBs get wrong and is tolerated. Rows carry the number they have
//! in the project's fault catalogue; names made safe (N40 to N46, N49) and
//! files that cannot be complete (N22, N26) are for others to judge.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{open, segments, show, show_all, with_segments, with_subject};
use nzbpipe_nzb::{NameFrom, Why};

/// Segments as they stand in the document, and as they come out.
const SEGMENTS: &[(&str, &str, &str)] = &[
    (
        "N12",
        "<segment number='1'>a<!-- x -->&amp;b<?pi?>@c</segment>",
        "1:-:a&b@c",
    ),
    (
        "N13",
        "<segment number='1'><![CDATA[a@b]]></segment>",
        "1:-:a@b",
    ),
    ("N23", "<segment number='1'>a@b</segment>", "1:-:a@b"),
    (
        "N24",
        "<segment bytes='0' number='1'>a</segment><segment bytes='-5' number='2'>b</segment>",
        "1:-:a 2:-:b",
    ),
    (
        "N24",
        "<segment bytes='abc' number='1'>a</segment><segment bytes='18446744073709551616' number='2'>b</segment>",
        "1:-:a 2:-:b",
    ),
    (
        "N24",
        "<segment bytes='100000000000000000000' number='1'>a</segment><segment bytes='' number='2'>b</segment>",
        "1:-:a 2:-:b",
    ),
    ("N24", "<segment bytes='1' number='1'>a</segment>", "1:1:a"),
    (
        "N25",
        "<segment number='0'>z</segment><segment number='1'>a</segment>",
        "0:-:!bad-number 1:-:a",
    ),
    (
        "N25",
        "<segment number='1'>a</segment><segment>b</segment><segment number='-1'>c</segment>",
        "0:-:!bad-number 0:-:!bad-number 1:-:a",
    ),
    (
        "N25",
        "<segment number='x'>b</segment><segment number='99999999999999999999'>a</segment>",
        "1:-:b 2:-:a",
    ),
    (
        "N26",
        "<segment number='1'>a</segment><segment number='2'>b</segment><segment number='5'>c</segment>",
        "1:-:a 2:-:b 5:-:c",
    ),
    (
        "N27",
        "<segment number='4294967295'>b</segment><segment number='1000000000'>a</segment>",
        "1000000000:-:a 4294967295:-:b",
    ),
    (
        "N28",
        "<segment number='1'>a</segment><segment number='1'>a</segment>",
        "1:-:a",
    ),
    (
        "N29",
        "<segment number='1'>a</segment><segment number='1' bytes='7'>b</segment><segment number='1'>c</segment>",
        "1:7:a+b+c",
    ),
    (
        "N29",
        "<segment number='2'>x</segment><segment number='1'>a</segment><segment number='2'>y</segment>",
        "1:-:a 2:-:x+y",
    ),
    (
        "N30",
        "<segment number='1'>a</segment><segment number='2'>a</segment>",
        "1:-:a 2:-:a",
    ),
    (
        "N31",
        "<segment number='3'>c</segment><segment number='2'>b</segment><segment number='1'>a</segment>",
        "1:-:a 2:-:b 3:-:c",
    ),
    (
        "N32",
        "<segment number='1'></segment><segment number='2'>  \n </segment><segment number='3'/>",
        "1:-:!bad-message-id 2:-:!bad-message-id 3:-:!bad-message-id",
    ),
    (
        "N33",
        "<segment number='1'>a@b&#13;&#10;QUIT</segment>",
        "1:-:!bad-message-id",
    ),
    (
        "N33",
        "<segment number='1'>a@b&#13;&#10;</segment><segment number='2'>&#x20;a@b</segment>",
        "1:-:!bad-message-id 2:-:!bad-message-id",
    ),
    (
        "N34",
        "<segment number='1'>a@b\r\nQUIT</segment><segment number='2'><![CDATA[a\nb]]></segment>",
        "1:-:!bad-message-id 2:-:!bad-message-id",
    ),
    (
        "N34",
        "<segment number='1'><![CDATA[a@b\n]]></segment><segment number='2'>\n   a@b\n  </segment>",
        "1:-:!bad-message-id 2:-:a@b",
    ),
    (
        "N35",
        "<segment number='1'>a b</segment><segment number='2'>a\tb</segment><segment number='3'>a&#0;b</segment>",
        "1:-:!bad-message-id 2:-:!bad-message-id 3:-:!bad-message-id",
    ),
    (
        "N35",
        "<segment number='1'>a\u{a0}b</segment><segment number='2'>a&nbsp;b</segment><segment number='3'>a&gt;b</segment>",
        "1:-:!bad-message-id 2:-:!bad-message-id 3:-:!bad-message-id",
    ),
    (
        "N36",
        "<segment number='1'>&lt;a@b&gt;</segment><segment number='2'><![CDATA[<c@d>]]></segment>",
        "1:-:a@b 2:-:c@d",
    ),
    (
        "N38",
        "<segment number='1'>ä@b</segment>",
        "1:-:!bad-message-id",
    ),
    (
        "N50",
        "<x:segment number='1'>no</x:segment><segment x:number='9' number='1' x:bytes='5'>a</segment>",
        "1:-:a",
    ),
    (
        "a bad id beside a good one",
        "<segment number='1'>a b</segment><segment number='1'>c</segment><segment number='1'>d e</segment>",
        "1:-:c",
    ),
    (
        "an element inside",
        "<segment number='1' bytes='5'>a<b number='9'>x</b>@y</segment>",
        "1:5:a@y",
    ),
    (
        "an unknown entity",
        "<segment number='1'>a&custom;b</segment>",
        "1:-:a&custom;b",
    ),
];

#[test]
fn segments_come_out_as_they_should() {
    for (row, text, expected) in SEGMENTS {
        let mut nzb = open(with_segments(text)).expect(row);
        let found = segments(&mut nzb, 0);
        assert_eq!(show(&found), *expected, "{row}: {text}");
        assert_eq!(nzb.files()[0].segments, found.len() as u64, "{row}");
        assert_eq!(
            nzb.files()[0].declared,
            text.matches("<segment").count() as u64,
            "{row}"
        );
    }
}

#[test]
fn n37_long_ids() {
    let id = |len: usize| {
        with_segments(&format!(
            "<segment number='1'>{}</segment>",
            "a".repeat(len)
        ))
    };
    assert!(segments(&mut open(id(250)).unwrap(), 0)[0].id.is_ok());
    for len in [251, 497, 498, 60_000] {
        let bad = segments(&mut open(id(len)).unwrap(), 0)[0]
            .id
            .clone()
            .unwrap_err();
        assert_eq!((bad.why, bad.reason()), (Why::TooLong, "bad-message-id"));
        assert!(bad.shown.len() < 100);
    }
}

const WARNED: &[(&str, &str, &str)] = &[
    ("N22", "", "file 1: there are no segments"),
    (
        "N24",
        "<segment number='1' bytes='x'>a</segment>",
        "line 1: a segment's size is impossible, taken as unknown",
    ),
    (
        "N25",
        "<segment>a</segment>",
        "file 1: no segment has a usable number, the document's order counts",
    ),
    (
        "N28",
        "<segment number='2'>a</segment><segment number='2'>a</segment>",
        "file 1, segment 2: listed twice with the same message-id",
    ),
    (
        "N29",
        "<segment number='2'>a</segment><segment number='2'>a\u{1b}b</segment>",
        "file 1, segment 2: another message-id is dropped: \"a\\u{1b}b\" contains U+001B",
    ),
];

#[test]
fn oddities_are_warned_of() {
    for (row, text, warning) in WARNED {
        assert_eq!(
            open(with_segments(text)).expect(row).warnings(),
            [*warning],
            "{row}"
        );
    }
    let good = with_segments(
        "<segment bytes='1' number='1'>a</segment><segment bytes='1' number='3'>b</segment>",
    );
    assert_eq!(open(good).unwrap().warnings(), [""; 0]);
    let many = with_segments(&"<segment number='1'>a</segment>".repeat(5000));
    assert_eq!(open(many).unwrap().warnings().len(), 101);
}

/// Subjects as they stand in the attribute.
const SUBJECTS: &[(&str, &str, &str, &str)] = &[
    (
        "N11",
        "M&uuml;ller&nbsp;&auml; &foo; AT&T",
        "Müller\u{a0}ä &foo; AT&T",
        "Müller\u{a0}ä &foo; AT&T",
    ),
    ("N12", "&#34;a&#x2e;b&#34;", "\"a.b\"", "a.b"),
    ("N19", "", "", "file-0001"),
    ("N40", "&quot;../../x&quot;", "\"../../x\"", "../../x"),
    (
        "N44",
        "&quot;a\u{202e}b&#27;c&quot;",
        "\"a\u{202e}b\u{1b}c\"",
        "a\u{202e}b\u{1b}c",
    ),
    (
        "N48",
        "b2a6f0c3d4e5 yEnc (1/9)",
        "b2a6f0c3d4e5 yEnc (1/9)",
        "b2a6f0c3d4e5",
    ),
    ("N50", "core\" x:subject=\"foreign", "core", "core"),
    ("N50", "\" x:subject=\"foreign", "", "file-0001"),
];

#[test]
fn subjects_and_names() {
    for (row, raw, subject, name) in SUBJECTS {
        let nzb = open(with_subject(raw)).expect(row);
        let file = &nzb.files()[0];
        assert_eq!((&*file.subject, &*file.name), (*subject, *name), "{row}");
    }
    let nzb = open("<nzb><file/><file/></nzb>").unwrap();
    assert_eq!(
        (&*nzb.files()[1].name, nzb.files()[1].name_from),
        ("file-0002", NameFrom::Index)
    );
    assert_eq!(nzb.files()[1].name_from.as_str(), "index");
}

#[test]
fn n20_attributes_may_be_absent_or_silly() {
    for (raw, date) in [
        ("", None),
        ("date='0'", None),
        ("date='-1'", None),
        ("date='x'", None),
        ("date='99999999999999999999'", None),
        ("date=' 1700000000 '", Some(1_700_000_000)),
    ] {
        let nzb = open(format!("<nzb><file {raw}/></nzb>")).unwrap();
        let file = &nzb.files()[0];
        assert_eq!(
            (file.date, &*file.poster, file.groups.len(), file.bytes),
            (date, "", 0, None),
            "{raw}"
        );
    }
}

#[test]
fn n39_groups_with_control_characters_are_left_out() {
    let text = "<nzb><file><groups><group> a.b\n</group><group>c&#13;&#10;QUIT</group><group/><group>d.e</group></groups></file></nzb>";
    let nzb = open(text).unwrap();
    assert_eq!(nzb.files()[0].groups, ["a.b", "d.e"]);
    assert_eq!(nzb.warnings().len(), 3, "{:?}", nzb.warnings());
}

#[test]
fn n10_external_things_are_ignored() {
    let text = "<?xml version='1.0'?><?xml-stylesheet href='http://127.0.0.1/'?>\
        <!DOCTYPE nzb SYSTEM 'file:///etc/passwd'><nzb xmlns:xi='http://www.w3.org/2001/XInclude'>\
        <xi:include href='file:///etc/passwd'><file><file/></file>text</xi:include><file/></nzb>";
    assert_eq!(open(text).unwrap().files().len(), 1);
}

#[test]
fn n21_no_files_is_for_the_stage_to_judge() {
    for text in [
        "<nzb/>",
        "<nzb><head><meta type='title'>x</meta></head></nzb>",
    ] {
        let nzb = open(text).unwrap();
        assert!(nzb.files().is_empty() && nzb.order().is_empty());
    }
}

#[test]
fn n16_n47_many_files_with_one_subject() {
    let file =
        "<file subject=\"same\"><segments><segment number=\"1\">a@b</segment></segments></file>";
    let mut nzb = open(format!("<nzb>{}</nzb>", file.repeat(5000))).unwrap();
    assert_eq!(nzb.files().len(), 5000);
    assert!(
        nzb.files()
            .iter()
            .enumerate()
            .all(|(index, file)| file.index == index && file.name == "same")
    );
    assert_eq!(show_all(&mut nzb)[4999], "1:-:a@b");
}

#[test]
fn meta_name_and_password() {
    let text = "<nzb><head><meta type=' title '> A &amp; <![CDATA[B]]> </meta><meta type='password'>p&lt;w</meta>\
        <meta type='tag'>x</meta><meta>y</meta></head></nzb>";
    let nzb = open(text).unwrap();
    let meta: Vec<(&str, &str)> = nzb.meta().iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(
        meta,
        [
            ("title", "A & B"),
            ("password", "p<w"),
            ("tag", "x"),
            ("", "y")
        ]
    );
    assert_eq!((nzb.name(), nzb.password()), ("A & B", Some("p<w")));
    let nameless = open("<nzb/>").unwrap();
    assert_eq!(nameless.name(), format!("job-{}", &nameless.job()[..12]));
}

#[test]
fn par2_volumes_come_last() {
    let names = ["a.vol0+1.par2", "a.par2", "a.vol1+2.PAR2", "b.rar"];
    let files: String = names
        .iter()
        .map(|name| format!("<file subject='\"{name}\"'/>"))
        .collect();
    assert_eq!(
        open(format!("<nzb>{files}</nzb>")).unwrap().order(),
        [1, 3, 0, 2]
    );
}

#[test]
fn identities_can_be_made_with_sha256sum() {
    // printf '1 a@b\n1 c@d\n2 e@f\n' | sha256sum
    let text = with_segments(
        "<segment number='2'>e@f</segment><segment number='1'>a@b</segment><segment number='1'>c@d</segment>",
    );
    let nzb = open(text).unwrap();
    assert_eq!(nzb.files()[0].file_id, "90f2b87742963c788ac6e069a0c17120");
    // printf '<nzb/>' | sha256sum
    assert_eq!(
        open("<nzb/>").unwrap().job(),
        "97a2b50ea93204052efc9e6691691a80"
    );
}
