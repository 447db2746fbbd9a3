//! What went wrong once. Above each test stands how.

use std::time::Instant;

use rustix::process::Signal;

use crate::corpus::{Nzb, Post};
use crate::harness::{Job, Mode, Scene, both, until};
use crate::server::{Act, Script};

fn film() -> Post {
    Post::new("film.bin", 10_000, 3_000)
}

/// A scene with the stream of parts of `post` in `p.rec`.
fn parts(post: &Post) -> Scene {
    let t = Scene::alone();
    let server = Script::of(&[post]).start();
    t.nzb(&[post]);
    let flag = server.flag();
    t.run(&format!(
        "nzb-split x.nzb | nntp-fetch {flag} | yenc-decode > p.rec"
    ))
    .code(0);
    t
}

// The last stage believed the decoder's verdict of bytes that had lain in a file
// since, and called a corrupted file complete and verified.
#[test]
fn bytes_changed_after_the_decoder() {
    let film = film();
    let t = parts(&film);
    let mut stream = t.read("p.rec");
    let at = stream
        .windows(16)
        .position(|w| w == &film.data[100..116])
        .unwrap();
    stream[at] ^= 1;
    t.write("p.rec", stream);
    t.run("seg-write -d out --json < p.rec")
        .code(1)
        .fate("failed damaged film.bin")
        .fate("file damaged film.bin");
}

// A stream made by hand without `of` was complete with its first part; the others
// were thrown away.
#[test]
fn parts_that_do_not_say_how_many() {
    let part = |text: &str, at: usize, number: usize| {
        format!(
            "{{\"len\":{},\"type\":\"part\",\"name\":\"hi.txt\",\"number\":{number},\
             \"offset\":{at},\"crc\":\"ok\"}}\n{text}\n",
            text.len()
        )
    };
    let begin = "{\"type\":\"stream\",\"v\":1}\n";
    let end = "{\"type\":\"end\"}\n";
    let [one, two] = [part("hello ", 0, 1), part("world\n", 6, 2)];
    for (stream, code) in [
        ([begin, &one, &two, end].concat(), 0),
        ([begin, &two, &one, end].concat(), 0),
        ([begin, &two, end].concat(), 1),
        // Nobody knows what would have followed.
        ([begin, &one].concat(), 76),
    ] {
        let t = Scene::alone();
        t.write("p.rec", stream);
        let done = t.run("seg-write -d out < p.rec").code(code);
        match code {
            0 => drop(done.file("hi.txt", b"hello world\n")),
            _ => assert!(!t.path("out/hi.txt").exists(), "{}", done.shown()),
        }
    }
}

// Long metadata is legal in an NZB, but did not fit the header of the `job` record:
// the pipe ended as a bug (70), the fused program went on.
#[test]
fn large_metadata() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        let nzb = ["tag", "title2", "x", "y"]
            .iter()
            .fold(Nzb::of(&[&film]), |nzb, kind| {
                nzb.meta(kind, &"\u{1f}ä".repeat(20_000))
            });
        t.write("x.nzb", nzb.text().replace('\u{1f}', "z"));
        t.download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data)
    });
}

// The same with the name in an article.
#[test]
fn a_large_name_in_an_article() {
    let film = film();
    let name = "\u{1}".repeat(15_000);
    both(|t| {
        let mut article = film.article(2);
        article.name = &name;
        let server = Script::of(&[&film])
            .article(&film.id(2), article.body())
            .start();
        t.nzb(&[&film]);
        t.download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data)
    });
}

// A body a little over 16 MiB ended the pipe as a bug (70) and was right fused.
#[test]
fn a_body_over_the_limit() {
    let large = Post::new("large.bin", 16_300_000, 20_000_000);
    both(|t| {
        let server = Script::of(&[&large]).start();
        let bytes = large.article(1).body().len();
        assert!(
            (16 << 20..(16 << 20) + (256 << 10)).contains(&bytes),
            "{bytes}"
        );
        let nzb = Nzb::of(&[&large])
            .text()
            .replace("bytes=\"1000\"", "bytes=\"16777216\"");
        t.write("x.nzb", nzb);
        t.download(&Job::with(&format!("--retries 0 {}", server.flag())))
            .code(1)
    });
}

/// Data that a program may have, in KiB.
const DATA: usize = 96 << 10;

// Y49. One byte more than an article may have is refused while it arrives, and so is one for
// which the programs have no room.
#[test]
fn y49_an_article_of_16_mib_and_one_byte() {
    const LIMIT: usize = 16 << 20;
    let film = film();
    let failed = |stage, reason| format!("failed damaged film.bin {} {reason} {stage}", film.id(1));
    let [crc, large] = [
        failed("seg-write", "crc"),
        failed("nntp-fetch", "127.0.0.1: the article is too large"),
    ];
    for (size, fate) in [(LIMIT, &crc), (LIMIT + 1, &large), (8 * LIMIT, &large)] {
        let [header, trailer] = [&b"=ybegin size=1 name=x\r\n"[..], b"\r\n=yend size=1\r\n"];
        let data = size - header.len() - trailer.len() - b".\r\n".len();
        let line = [b"k".repeat(998), b"\r\n".to_vec()].concat();
        let mut data = line.iter().copied().cycle().take(data).collect::<Vec<u8>>();
        data.iter_mut().rev().take(2).for_each(|byte| *byte = b'k');
        let body = [header, &data, trailer].concat();
        both(|t| {
            let server = Script::of(&[&film])
                .article(&film.id(1), body.clone())
                .start();
            t.nzb(&[&film]);
            let flag = format!("--retries 0 {}", server.flag());
            let done = t.run(&match t.mode {
                Mode::Piped => format!(
                    "ulimit -d {DATA}; nzb-split x.nzb | nntp-fetch {flag} | yenc-decode | seg-write -d out --json"
                ),
                Mode::Fused => format!("ulimit -d {DATA}; nzbpipe {flag} -d out --json x.nzb"),
            });
            done.code(1)
                .fate(fate)
                .unfinished("x/film.bin", &film.with_holes(&[1]))
        });
    }
}

// The first signal did nothing while an NZB was awaited on standard input.
#[test]
fn stopped_while_waiting_for_an_nzb() {
    let server = Script::of(&[]).start();
    for program in [
        "nzb-split -",
        &format!("nzbpipe -d out {} -", server.flag()),
    ] {
        let t = Scene::alone();
        let running = t.start(&format!(
            "mkfifo in; sleep 60 > in & noted {program} < in; code=$?; rm in; kill $!; exit $code"
        ));
        until("it has begun", || t.path("pids").exists());
        // Until the handler is there the signal simply ends it; both are 130.
        running.signal(Signal::INT);
        running.finish().code(130);
    }
}

// A file whose only trouble is a missing segment was "temporary", because another of
// its segments had failed earlier in the same stream and come later.
#[test]
fn a_failure_that_was_made_good() {
    let film = film();
    let t = parts(&film);
    let of_one = "\"name\":\"film.bin\",\"of\":4,";
    let failed = "{\"type\":\"failed\",\"class\":\"transport\",\"reason\":\"cut\",\"number\":1,";
    let missing = "{\"type\":\"missing\",\"number\":2,\"id\":\"a@b\",";
    let stream = String::from_utf8_lossy(&t.read("p.rec")).into_owned();
    let key = |key: &str| {
        let at = stream.find(&format!("\"{key}\":")).unwrap();
        let rest = &stream[at..];
        rest[..rest.find([',', '}']).unwrap()].to_owned()
    };
    let same = format!("{},{},{}}}\n", key("job"), key("job_name"), key("file_id"));
    let lost = format!("{failed}{of_one}{same}{missing}{of_one}{same}");
    t.write(
        "lost",
        format!("{{\"type\":\"stream\",\"v\":1}}\n{lost}{{\"type\":\"end\"}}\n"),
    );
    t.run("cat lost p.rec | seg-write -d out")
        .code(0)
        .file("x/film.bin", &film.data);
    // Without the second part only what is missing counts: 1, not 75.
    let parts = crate::records::parse(&t.read("p.rec")).unwrap();
    let rest: Vec<_> = parts
        .into_iter()
        .filter(|record| record.kind() != "part" || record.number("number") != Some(2))
        .collect();
    t.write("rest", crate::records::unparse(&rest));
    t.run("cat lost rest | seg-write -d out2").code(1);
}

// Nothing was said when no file was chosen.
#[test]
fn a_pattern_that_matches_nothing() {
    let film = film();
    let server = Script::of(&[&film]).start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    t.run(&format!(
        "nzbpipe -d out --include '*.mkv' {} x.nzb",
        server.flag()
    ))
    .code(0)
    .says("none of its files is chosen");
}

// nohup had no effect: the handler replaced the ignored signal.
#[test]
fn a_hangup_that_is_ignored() {
    let film = film();
    let t = Scene::alone();
    let server = Script::of(&[&film]).once(&film.id(3), Act::Hold).start();
    t.nzb(&[&film]);
    let flags = server.flag_with("connections=1&pipeline=1");
    let running = t.start(&format!("trap '' HUP; noted nzbpipe {flags} -d out x.nzb"));
    until("a part is written", || {
        server.holds() && !t.tree("out").is_empty()
    });
    running.signal(Signal::HUP);
    server.release();
    running.finish().code(0).file("x/film.bin", &film.data);
}

// With its output full and its input idle, nntp-fetch waited for the input.
#[test]
fn a_full_output_and_an_idle_input() {
    let film = film();
    let server = Script::of(&[&film]).start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    let began = Instant::now();
    t.run(&format!(
        "{{ nzb-split x.nzb; sleep 60 & echo $! > sleeper; wait; }} | \
         {{ nntp-fetch {} > /dev/full; echo $? > code; \
         until [ -s sleeper ]; do sleep 0.05; done; kill $(cat sleeper); }}",
        server.flag()
    ));
    assert_eq!(t.read("code"), b"74\n");
    assert!(began.elapsed().as_secs() < 50, "it waited for the input");
}

// An NZB that cannot be spooled is not malformed, and a folder is none.
#[test]
fn trouble_around_an_nzb() {
    let t = Scene::alone();
    t.nzb(&[&film()]);
    t.run("TMPDIR=/nonexistent nzb-split - < x.nzb")
        .code(74)
        .says("/nonexistent");
    t.run("mkdir folder; nzb-split folder").code(66);
}
