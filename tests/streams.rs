//! The stream between the programs: unread, joined, foreign, out of order.

use crate::corpus::{Nzb, Post};
use crate::harness::{Done, Scene, both};
use crate::records;
use crate::server::{Act, Script};

/// Two files of three articles each.
pub fn posts() -> [Post; 2] {
    [
        Post::new("first.bin", 8_000, 3_000),
        Post::new("second.bin", 8_000, 3_000),
    ]
}

/// A scene that has the streams of all stages as files, the articles in order.
pub fn recorded(posts: &[Post]) -> Scene {
    let t = Scene::alone();
    let posts: Vec<&Post> = posts.iter().collect();
    let server = Script::of(&posts).start();
    t.nzb(&posts);
    t.run(&format!(
        "nzb-split x.nzb > s.jsonl && nntp-fetch {} < s.jsonl > b.rec && yenc-decode < b.rec > p.rec",
        server.flag_with("connections=1&pipeline=1")
    ))
    .code(0);
    t
}

/// Without `pipefail` only the last stage can tell that the first never ran.
#[test]
fn a_program_that_does_not_exist() {
    let t = recorded(&posts());
    let server = Script::of(&[]).start();
    let flag = server.flag();
    for line in [
        format!("nzb-spilt x.nzb | nntp-fetch {flag} | yenc-decode | seg-write -d out"),
        "nttp-fetch < s.jsonl | yenc-decode | seg-write -d out".to_owned(),
        "yenc-dcode < b.rec | seg-write -d out".to_owned(),
        "seg-write -d out < /dev/null".to_owned(),
        "yenc-decode < /dev/null".to_owned(),
        format!("nntp-fetch {flag} < /dev/null"),
    ] {
        let done = t.run(&line).code(76);
        assert!(t.tree("out").is_empty(), "{}", done.shown());
    }
}

/// `head` leaves early: every program ends at once, quietly, and says so by its code.
#[test]
fn a_reader_that_leaves() {
    let large = Post::new("large.bin", 6_000_000, 100_000);
    let server = Script::of(&[&large]).start();
    let t = Scene::alone();
    let segments: Vec<_> = (1..=20_000)
        .map(|n| (n, format!("{n}@corpus.example")))
        .collect();
    t.write(
        "huge.nzb",
        Nzb::new().file("\"huge.bin\" (1/20000)", &segments).text(),
    );
    t.nzb(&[&large]);
    let fetch = format!("nntp-fetch {} < s.jsonl", server.flag());
    t.run(&format!("nzb-split x.nzb > s.jsonl && {fetch} > b.rec"))
        .code(0);
    for stage in ["nzb-split huge.nzb", &fetch, "yenc-decode < b.rec"] {
        let line = format!("{{ {stage}; echo $? > code; }} | head -c 1000 > head");
        t.run(&line).code(0).silent();
        assert_eq!(t.read("code"), b"141\n", "{stage}");
        assert_eq!(t.read("head").len(), 1000);
    }
    // The whole pipe, as it is typed.
    t.run(&format!(
        "nzb-split huge.nzb | {fetch} | yenc-decode | head -c 1000 > head"
    ))
    .code(0)
    .silent();
}

/// Nobody reads the writing stage's records: it ends with 141, quietly.
#[test]
fn a_closed_standard_output() {
    let posts = posts();
    both(|t| {
        let server = Script::of(&posts.each_ref()).start();
        t.nzb(&posts.each_ref());
        let flag = server.flag();
        let line = match t.mode {
            crate::harness::Mode::Piped => format!(
                "nzb-split x.nzb | nntp-fetch {flag} | yenc-decode | seg-write -d out --json"
            ),
            crate::harness::Mode::Fused => format!("nzbpipe {flag} x.nzb -d out --json"),
        };
        t.run(&format!(
            "{{ until [ -e closed ]; do sleep 0.02; done; {line}; echo $? > code; }} \
             | {{ exec <&-; : > closed; }}"
        ));
        assert_eq!(t.read("code"), b"141\n");
        // How far it came before it noticed is a matter of time.
        std::fs::remove_dir_all(t.path("out")).unwrap();
        t.run("true")
    });
}

/// Two streams one after the other, each whole: what GNU parallel over ssh gives.
#[test]
fn streams_one_after_the_other() {
    let posts = posts();
    let t = Scene::alone();
    let server = Script::of(&posts.each_ref()).start();
    let flag = server.flag();
    for (name, post) in ["a", "b"].iter().zip(&posts) {
        t.write(&format!("{name}.nzb"), Nzb::of(&[post]).text());
        t.run(&format!("nzb-split {name}.nzb > {name}.jsonl"))
            .code(0);
        t.run(&format!(
            "nntp-fetch {flag} < {name}.jsonl | yenc-decode > {name}.rec"
        ))
        .code(0);
    }
    let wanted: [(&str, &[u8]); 2] = [
        ("a/first.bin", &posts[0].data),
        ("b/second.bin", &posts[1].data),
    ];
    t.run("cat a.rec b.rec | seg-write -d out")
        .code(0)
        .files(&wanted);
    t.run("rm -r out").code(0);
    t.run(&format!(
        "cat a.jsonl b.jsonl | nntp-fetch {flag} | yenc-decode | seg-write -d out"
    ))
    .code(0)
    .files(&wanted);
    // The first one cut off, the second one whole.
    t.run("rm -r out; { head -c 4000 a.rec; cat b.rec; } | seg-write -d out")
        .code_in(&[65, 76]);
    assert!(!t.path("out/a/first.bin").exists());
}

/// Every segment that enters a stage leaves it as exactly one record.
#[test]
fn every_segment_has_one_fate() {
    let posts = posts();
    let t = Scene::alone();
    let server = Script::of(&posts.each_ref())
        .always(&posts[0].id(1), Act::missing())
        .always(&posts[1].id(2), Act::Flip)
        .once(&posts[0].id(3), Act::Cut(100))
        .always(
            &posts[0].id(2),
            Act::Instead(b"This article is not for you.\r\n".to_vec()),
        )
        .start();
    let nzb = Nzb::of(&posts.each_ref()).file("\"bad.bin\" (1/1)", &[(1, "a b".to_owned())]);
    t.write("x.nzb", nzb.text());
    t.run(&format!(
        "nzb-split x.nzb | tee s | nntp-fetch {} | tee b | yenc-decode | tee p | \
         seg-write -d out --json > f",
        server.flag()
    ))
    .code(1);
    for (stream, kinds) in [
        ("s", &["segment", "failed"][..]),
        ("b", &["body", "missing", "failed"]),
        ("p", &["part", "missing", "failed"]),
    ] {
        let records = records::parse(&t.read(stream)).unwrap();
        let first = &records[0];
        assert_eq!(
            (first.kind(), first.number("v")),
            ("stream", Some(1)),
            "{stream}"
        );
        assert_eq!(records.last().unwrap().kind(), "end", "{stream}");
        let mut seen: Vec<(&str, Option<u64>)> = records
            .iter()
            .filter(|r| kinds.contains(&r.kind()))
            .map(|r| (r.text("name"), r.number("number")))
            .collect();
        seen.sort_unstable();
        let mut wanted = vec![("bad.bin", Some(1))];
        for post in &posts {
            wanted.extend((1..=3).map(|n| (post.name.as_str(), Some(n))));
        }
        assert_eq!(seen, wanted, "{stream}");
    }
}

/// Records of types nobody knows, and keys nobody knows, come out as they went in.
#[test]
fn foreign_records_pass() {
    let t = recorded(&posts());
    let server = Script::of(&posts().each_ref()).start();
    let foreign =
        "{\"type\":\"weather\",\"sky\":\"grey\"}\n{\"len\":3,\"type\":\"blob\",\"x\":[1]}\na\nb\n";
    for (stage, input, kind) in [
        (format!("nntp-fetch {}", server.flag()), "s.jsonl", "body"),
        ("yenc-decode".to_owned(), "b.rec", "part"),
    ] {
        let stream = t.read(input);
        let records = records::parse(&stream).unwrap();
        let first = records::unparse(&records[..1]);
        let mut rest = records::unparse(&records[1..]);
        // An unknown key in every segment.
        let text = rest.clone();
        if input == "s.jsonl" {
            let text = String::from_utf8(text).unwrap();
            rest = text
                .replace("\"file_id\"", "\"colour\":\"blue\",\"file_id\"")
                .into_bytes();
        }
        t.write("in", [&first, foreign.as_bytes(), &rest].concat());
        let done = t.run(&format!("{stage} < in")).code(0);
        let out = done.records();
        let blob = out.iter().find(|r| r.kind() == "blob").unwrap();
        assert_eq!(blob.payload.as_deref(), Some(&b"a\nb"[..]));
        assert!(
            out.iter().any(|r| r.text("sky") == "grey"),
            "{}",
            done.shown()
        );
        let coloured = out.iter().filter(|r| r.text("colour") == "blue");
        if input == "s.jsonl" {
            assert_eq!(coloured.filter(|r| r.kind() == kind).count(), 6);
        }
    }
}

/// Streams that are not what the stage reads: 65, and a hint at what is missing.
#[test]
fn malformed_streams() {
    let t = recorded(&posts());
    let header = "{\"type\":\"stream\",\"v\":1}\n";
    t.write(
        "v2",
        "{\"type\":\"stream\",\"v\":2}\n{\"type\":\"end\",\"code\":0}\n",
    );
    t.write("text", "hello world\n");
    t.write(
        "huge",
        format!("{header}{{\"len\":99999999999,\"type\":\"part\"}}\n"),
    );
    t.write(
        "long",
        format!("{header}{{\"type\":\"{}\"}}\n", "x".repeat(70_000)),
    );
    t.write(
        "bare",
        format!("{header}{{\"type\":\"part\",\"offset\":0,\"crc\":\"ok\"}}\n"),
    );
    let rows = [
        ("yenc-decode < s.jsonl", "nntp-fetch"),
        ("seg-write -d out < s.jsonl", "nntp-fetch"),
        ("seg-write -d out < b.rec", "yenc-decode"),
        ("seg-write -d out < v2", "version"),
        ("seg-write -d out < text", "seg-write: "),
        ("yenc-decode < text", "yenc-decode: "),
        ("nntp-fetch -s nntp://127.0.0.1 < text", "nntp-fetch: "),
        ("seg-write -d out < huge", "seg-write: "),
        ("yenc-decode < long", "yenc-decode: "),
        ("seg-write -d out < bare", "payload"),
    ];
    for (line, names) in rows {
        t.run(line).code(65).says(names);
    }
}

/// What a stage takes over from the `end` of the stage before, and what it does not.
#[test]
fn codes_handed_down() {
    let rows = [
        (65, 65),
        (66, 66),
        (70, 70),
        (73, 73),
        (74, 74),
        (76, 76),
        (78, 78),
        (130, 130),
        (143, 143),
        (1, 0),
        (69, 0),
        (75, 0),
        (77, 0),
        (141, 0),
        (0, 0),
    ];
    let t = Scene::alone();
    for (code, wanted) in rows {
        let stream = format!(
            "{{\"type\":\"stream\",\"v\":1}}\n{{\"type\":\"end\",\"status\":\"x\",\"code\":{code}}}\n"
        );
        t.write("in", stream);
        for stage in [
            "seg-write -d out",
            "yenc-decode",
            "nntp-fetch -s nntp://127.0.0.1",
        ] {
            let done = inherits(&t, stage);
            assert_eq!(done.code, wanted, "{stage} after {code}\n{}", done.shown());
        }
    }
}

/// A 70 is handed down here, so the check for bugs must be told.
fn inherits(t: &Scene, stage: &str) -> Done {
    let mut done = t.run(&format!("{stage} < in; echo $? > code"));
    done.code = String::from_utf8(t.read("code"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    done
}
