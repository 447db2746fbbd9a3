//! Streams that end too soon: cut anywhere, or their program killed.

use crate::corpus::Post;
use crate::harness::{Job, Scene, until};
use crate::records::{self, Record};
use crate::server::{Act, Script, Server};
use crate::streams::{posts, recorded};

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
        .always(&posts[1].id(3), Act::Hold)
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
