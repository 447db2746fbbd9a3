//! The stream between the programs: cut off, joined, foreign, out of order.

use crate::corpus::{Nzb, Post};
use crate::harness::{Done, Job, Scene, both, until};
use crate::records::{self, Record};
use crate::server::{Act, Script, Server};

fn posts() -> [Post; 2] {
    [
        Post::new("first.bin", 8_000, 3_000),
        Post::new("second.bin", 8_000, 3_000),
    ]
}

/// A scene that has the streams of all stages as files, the articles in order.
fn recorded(posts: &[Post]) -> Scene {
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

/// Where the records of a stream begin, its length last.
fn borders(stream: &[u8]) -> Vec<usize> {
    let records = records::parse(stream).unwrap();
    let mut at = 0;
    let mut borders = vec![0];
    for record in &records {
        at += records::unparse(std::slice::from_ref(record)).len();
        borders.push(at);
    }
    assert_eq!(at, stream.len(), "a stream is written as it is read");
    borders
}

/// Wherever the stream of parts is cut, it is 76, and exactly the files whose
/// segments had all arrived are complete.
#[test]
fn a_stream_of_parts_cut_off() {
    let posts = posts();
    let t = recorded(&posts);
    let stream = t.read("p.rec");
    let borders = borders(&stream);
    let parts = records::parse(&stream).unwrap();
    let kinds: Vec<&str> = parts.iter().map(Record::kind).collect();
    let part = |nth| {
        kinds
            .iter()
            .enumerate()
            .filter(|(_, k)| **k == "part")
            .nth(nth)
            .unwrap()
            .0
    };
    let rows = [
        ("before anything", 0, 0),
        ("in the first header", 10, 0),
        (
            "in the second part's payload",
            borders[part(1) + 1] - 500,
            0,
        ),
        (
            "before the third part's last LF",
            borders[part(2) + 1] - 1,
            0,
        ),
        ("after the first file", borders[part(2) + 1], 1),
        ("in a header of the second file", borders[part(3)] + 20, 1),
        ("in the last part", borders[part(5) + 1] - 2, 1),
        ("before `end`", borders[borders.len() - 2], 2),
        ("in `end`", stream.len() - 3, 2),
    ];
    for (what, cut, complete) in rows {
        let done = t.run(&format!(
            "rm -rf out; head -c {cut} p.rec | seg-write -d out --json"
        ));
        assert_eq!(done.code, 76, "{what}\n{}", done.shown());
        for (i, post) in posts.iter().enumerate() {
            let path = t.path("out/x").join(&post.name);
            assert_eq!(path.exists(), i < complete, "{what}\n{}", done.shown());
            assert!(i >= complete || std::fs::read(path).unwrap() == post.data);
        }
        done.fate("end error code=76");
    }
}

/// A cut before the decoder is known to the writer behind it.
#[test]
fn a_stream_of_bodies_cut_off() {
    let t = recorded(&posts());
    let stream = t.read("b.rec");
    let borders = borders(&stream);
    for cut in [
        0,
        1,
        borders[2] + 30,
        borders[4] - 700,
        borders[borders.len() - 2],
    ] {
        let done = t.run(&format!(
            "rm -rf out; head -c {cut} b.rec | yenc-decode | seg-write -d out"
        ));
        done.code(76);
    }
}

/// The rest of a stream makes whole what its first part began.
#[test]
fn a_cut_stream_is_resumed_by_the_whole_one() {
    let posts = posts();
    let t = recorded(&posts);
    let half = t.read("p.rec").len() / 2;
    t.run(&format!("head -c {half} p.rec | seg-write -d out"))
        .code(76);
    t.run("seg-write -d out < p.rec").code(0).files(&[
        ("x/first.bin", &posts[0].data),
        ("x/second.bin", &posts[1].data),
    ]);
}

/// A server that holds the last article back, and the download that waits for it.
fn held(posts: &[Post; 2]) -> Server {
    Script::of(&posts.each_ref())
        .once(&posts[1].id(3), Act::Hold)
        .start()
}

/// The fetching program is killed while it works; what it had brought in full stays.
#[test]
fn upstream_killed() {
    let posts = posts();
    let server = held(&posts);
    let t = Scene::alone();
    t.nzb(&posts.each_ref());
    let running = t.start(&format!(
        "nzb-split x.nzb | noted nntp-fetch {} | yenc-decode | seg-write -d out --json",
        server.flag()
    ));
    until("the first file is complete", || {
        server.holds() && t.path("out/x/first.bin").exists()
    });
    running.signal(rustix::process::Signal::KILL);
    let done = running.finish().code(76).fate("end error code=76");
    assert_eq!(t.read("out/x/first.bin"), posts[0].data);
    assert!(!t.path("out/x/second.bin").exists(), "{}", done.shown());
    server.release();
    t.download(&Job::from(&server)).code(0);
    assert_eq!(t.read("out/x/second.bin"), posts[1].data);
}

/// kill -9 of the one process: no file that is not whole, and a second run completes.
#[test]
fn the_fused_program_killed() {
    let posts = posts();
    let server = held(&posts);
    let t = Scene::alone();
    t.nzb(&posts.each_ref());
    let running = t.start(&format!("noted nzbpipe {} x.nzb -d out", server.flag()));
    until("the first file is complete", || {
        server.holds() && t.path("out/x/first.bin").exists()
    });
    running.signal(rustix::process::Signal::KILL);
    let done = running.finish().code(137);
    assert!(!t.path("out/x/second.bin").exists(), "{}", done.shown());
    server.release();
    t.run(&format!("nzbpipe {} x.nzb -d out", server.flag()))
        .code(0)
        .files(&[
            ("x/first.bin", &posts[0].data),
            ("x/second.bin", &posts[1].data),
        ]);
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
