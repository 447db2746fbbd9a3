//! `seg-cat`: the file as a player or tar gets it. What it says of streams is `look`'s.

use rustix::process::Signal;

use crate::corpus::{Nzb, Post};
use crate::harness::{Scene, until};
use crate::records::{self, Record};
use crate::server::{Act, Script};

pub fn film() -> Post {
    Post::new("film.mkv", 11_000, 1_000)
}

/// A scene with the stream `p.rec` of these posts, each fetched with these acts.
pub fn fetched(posts: &[&Post], acts: &[(&str, Act)]) -> Scene {
    let script = acts.iter().fold(Script::of(posts), |script, (id, act)| {
        script.always(id, act.clone())
    });
    let server = script.start();
    let t = Scene::alone();
    t.nzb(posts);
    let flag = server.flag_with("connections=1&pipeline=1");
    t.run(&format!(
        "nzb-split x.nzb | nntp-fetch {flag} | yenc-decode > p.rec"
    ));
    t
}

/// The records of a stream in a new order: its parts as `order` sorts them.
fn sorted<K: Ord>(stream: &[u8], order: impl Fn(u64) -> K) -> Vec<u8> {
    let mut records = records::parse(stream).unwrap();
    let place = |record: &Record| match record.kind() {
        "stream" => 0,
        "end" => 2,
        _ => 1,
    };
    records.sort_by_key(|r| (place(r), order(r.number("number").unwrap_or(0))));
    records::unparse(&records)
}

/// As it is typed: one file of two out of a pipe, whatever order they come in.
#[test]
fn into_a_pipe() {
    let [film, sample] = [film(), Post::new("sample.bin", 9_000, 1_000)];
    let server = Script::of(&[&film, &sample]).start();
    let fetch = format!("nntp-fetch {} | yenc-decode", server.flag());
    let t = Scene::alone();
    t.nzb(&[&film, &sample]);
    t.write("wanted", &film.data);
    for flags in ["", "--window 0", "--window 3K --spill 1M"] {
        t.run(&format!(
            "nzb-split --include '*.mkv' x.nzb | {fetch} | seg-cat {flags} | cmp - wanted"
        ))
        .code(0)
        .silent();
        for name in ["film.mkv", "'*.MKV'", "'#0'", "--index 0"] {
            t.run(&format!(
                "nzb-split x.nzb | {fetch} | seg-cat {flags} {name} > got"
            ))
            .code(0)
            .silent();
            assert!(t.read("got") == film.data, "{flags} {name}");
        }
    }
}

/// tar ends before its input does: it has seen the end of the archive.
#[test]
fn into_tar() {
    let t = Scene::alone();
    t.run("mkdir -p in/deep && seq 20000 > in/deep/numbers && : > in/empty && tar cf x.tar in")
        .code(0);
    let archive = Post::with("x.tar", t.read("x.tar"), 5_000);
    let server = Script::of(&[&archive]).start();
    t.nzb(&[&archive]);
    t.run(&format!(
        "mkdir out && nzb-split x.nzb | nntp-fetch {} | yenc-decode | seg-cat | tar x -C out && \
         diff -r in out/in",
        server.flag()
    ))
    .code(0)
    .silent();
}

#[test]
fn parts_in_any_order() {
    let film = film();
    let t = fetched(&[&film], &[]);
    let stream = t.read("p.rec");
    t.write("backwards", sorted(&stream, |number| u64::MAX - number));
    t.write("mixed", sorted(&stream, |number| number * 7 % 13));
    for stream in ["p.rec", "backwards", "mixed"] {
        for flags in ["", "--window 0", "--window 4K", "--zero-fill"] {
            let line = format!("seg-cat {flags} < {stream} > got");
            t.run(&line).code(0).silent();
            assert!(t.read("got") == film.data, "{line}");
        }
    }
    // Nothing of the parts that waited is left.
    t.run("mkdir tmp; TMPDIR=tmp seg-cat --window 0 < backwards > got && ls -A tmp > left")
        .code(0);
    assert_eq!(t.read("left"), b"");
    t.run("seg-cat --window 0 --spill 0 < p.rec > got").code(0);
    t.run("seg-cat --window 0 --spill 0 < backwards > got")
        .code(74)
        .says("\"film.mkv\" is not there from 0 on");
    t.run("TMPDIR=nowhere seg-cat --window 0 < backwards > got")
        .code(74)
        .says("temporary file for parts ahead (in nowhere)");
    t.run("seg-cat < p.rec > /dev/full").code(74);
}

#[test]
fn missing_and_damaged_segments() {
    let film = film();
    let gone = || fetched(&[&film], &[(&film.id(4), Act::missing())]);
    let flipped = || fetched(&[&film], &[(&film.id(4), Act::Flip)]);
    for (t, why) in [(gone(), "no server has it"), (flipped(), "damaged: crc")] {
        let told = format!(
            "seg-cat: film.mkv: segment 4 <{}> is not there ({why})",
            film.id(4)
        );
        t.run("seg-cat -q < p.rec > got")
            .code(1)
            .says(&told)
            .says("the output ends before it, at byte 3000\n");
        assert!(t.read("got") == film.data[..3_000]);
        t.run("seg-cat --zero-fill < p.rec > got")
            .code(1)
            .says(&told)
            .says("1000 bytes are zeros instead\n");
        assert!(t.read("got") == film.with_holes(&[4]));
    }
    let last = fetched(&[&film], &[(&film.id(11), Act::missing())]);
    last.run("seg-cat --zero-fill < p.rec > got").code(1);
    assert!(last.read("got") == film.with_holes(&[11]));
}

/// It does not read what comes behind the gap: the fetch ends, too.
#[test]
fn a_gap_ends_the_whole_pipe() {
    let film = Post::new("film.mkv", 3_000_000, 10_000);
    let server = Script::of(&[&film])
        .always(&film.id(2), Act::missing())
        .once(&film.id(100), Act::Hold)
        .start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    let running = t.start(&format!(
        "nzb-split x.nzb | nntp-fetch {} | yenc-decode | {{ seg-cat > got; echo $? > code; }}",
        server.flag_with("connections=1&pipeline=1")
    ));
    until("it has ended", || {
        t.path("code").exists() && !t.read("code").is_empty()
    });
    assert_eq!(t.read("code"), b"1\n");
    assert!(t.read("got") == film.data[..10_000]);
    server.release();
    running.finish();
    assert_eq!(server.asked(&film.id(300)), 0);
}

/// A player quits while the next segment is long in coming.
#[test]
fn a_player_that_quits() {
    let film = film();
    let server = Script::of(&[&film]).once(&film.id(6), Act::Hold).start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    let running = t.start(&format!(
        "nzb-split x.nzb | nntp-fetch {} | yenc-decode | {{ seg-cat; echo $? > code; }} | \
         head -c 4500 > got",
        server.flag_with("connections=1&pipeline=1")
    ));
    until("it has ended", || {
        t.path("code").exists() && !t.read("code").is_empty()
    });
    assert_eq!(t.read("code"), b"141\n");
    assert!(t.read("got") == film.data[..4_500]);
    server.release();
    running.finish().code(0).silent();
}

/// Whoever reads the file need not wait for the other files of the stream.
#[test]
fn the_end_of_the_file_comes_before_that_of_the_stream() {
    let [film, other] = [film(), Post::new("other.bin", 3_000, 1_000)];
    let server = Script::of(&[&film, &other])
        .always(&other.id(2), Act::Hold)
        .start();
    let t = Scene::alone();
    t.nzb(&[&film, &other]);
    let running = t.start(&format!(
        "{{ nzb-split x.nzb | nntp-fetch {} | yenc-decode; : > over; }} | seg-cat film.mkv | \
         {{ cat > got; : > closed; }}",
        server.flag_with("connections=1&pipeline=1")
    ));
    until("the output is closed", || t.path("closed").exists());
    assert!(t.read("got") == film.data);
    until("the server holds", || server.holds());
    assert!(!t.path("over").exists());
    server.release();
    running.finish().code(0).silent();
}

#[test]
fn signals() {
    let film = film();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let server = Script::of(&[&film]).once(&film.id(6), Act::Hold).start();
        let t = Scene::alone();
        t.nzb(&[&film]);
        let running = t.start(&format!(
            "nzb-split x.nzb | nntp-fetch {} | yenc-decode | {{ noted seg-cat > got; echo $? > code; }}",
            server.flag_with("connections=1&pipeline=1")
        ));
        until("five parts are written", || {
            t.path("got").exists() && t.read("got").len() == 5_000 && server.holds()
        });
        running.signal(signal);
        until("it has ended", || {
            t.path("code").exists() && !t.read("code").is_empty()
        });
        assert_eq!(t.read("code"), format!("{code}\n").into_bytes());
        // Only the last program was told; the others wait for the server.
        server.release();
        running.finish().code(0).silent();
        assert!(t.read("got") == film.data[..5_000]);
    }
}

/// Names as people have them; none of them is a path, and few are patterns.
#[test]
fn names() {
    let names = [
        "two words.bin",
        "it's \"quoted\"?.bin",
        "größe 映画 🎬.bin",
        "[group] film {1080p} *.mkv",
        "-dash.bin",
        "../../up.bin",
    ];
    let t = Scene::alone();
    for (index, name) in names.iter().enumerate() {
        let data = format!("this is {name}\n").into_bytes();
        let shown = name.replace('"', "\\\"");
        t.write(
            "in",
            format!(
                "{{\"type\":\"stream\",\"v\":1}}\n{{\"len\":{},\"type\":\"part\",\"name\":\"{shown}\",\
                 \"file\":{index},\"offset\":0,\"crc\":\"ok\"}}\n{}\n{{\"type\":\"end\"}}\n",
                data.len(),
                String::from_utf8_lossy(&data)
            ),
        );
        t.run("cat in >> all").code(0);
    }
    for (index, name) in names.iter().enumerate() {
        let quoted = name.replace('\'', "'\\''");
        for pick in [format!("-- '{quoted}'"), format!("'#{index}'")] {
            let done = t.run(&format!("seg-cat {pick} < all")).code(0).silent();
            assert_eq!(done.stdout, format!("this is {name}\n").into_bytes());
        }
    }
    t.run("seg-cat nosuch < all > got")
        .code(66)
        .says("no file called \"nosuch\" is in it; there is \"two words.bin\", ");
    t.run("seg-cat '*.bin' < all > got")
        .code(65)
        .says("\"*.bin\" is true of two files, \"two words.bin\" and \"it\\'s");
    t.run("seg-cat < all > got")
        .code(65)
        .says("say which one (seg-cat FILE, or --index N)");
}

/// The articles may have the name that the NZB does not.
#[test]
fn the_name_in_the_articles() {
    let film = film();
    let server = Script::of(&[&film]).start();
    let t = Scene::alone();
    let segments: Vec<_> = (1..=film.parts()).map(|n| (n, film.id(n))).collect();
    let nzb = Nzb::new().file("\"a8b7c6\" (1/11)", &segments);
    t.write("x.nzb", nzb.text());
    for name in ["film.mkv", "a8b7c6", "'*.mkv'"] {
        t.run(&format!(
            "nzb-split x.nzb | nntp-fetch {} | yenc-decode | seg-cat {name} > got",
            server.flag()
        ))
        .code(0)
        .silent();
        assert!(t.read("got") == film.data);
    }
}

#[test]
fn without_a_crc() {
    let film = film();
    let mut bare = film.article(2);
    bare.crc = None;
    let t = fetched(&[&film], &[(&film.id(2), Act::Instead(bare.body()))]);
    t.run("seg-cat < p.rec > got")
        .code(1)
        .says("--accept-unverified takes it");
    assert!(t.read("got") == film.data[..1_000]);
    t.run("seg-cat --accept-unverified < p.rec > got")
        .code(0)
        .says("film.mkv: nothing proves 1 segment of it right");
    assert!(t.read("got") == film.data);
}

/// Another file's article, whole and right by its own CRC, in the place of ours.
#[test]
fn an_article_of_another_file() {
    let film = film();
    let other = Post::new("other.bin", 9_000, 1_000);
    let body = other.article(2).body();
    let t = fetched(&[&film], &[(&film.id(2), Act::Instead(body))]);
    t.run("seg-cat < p.rec > got")
        .code(1)
        .says("what was written for segment 2 is of another file, by its own headers");
    t.run("seg-cat --accept-unverified < p.rec > got")
        .code(0)
        .says("nothing proves 1 segment of it right");
}

/// The last program tells the truth about the whole pipe.
#[test]
fn the_code_of_the_pipe() {
    let film = film();
    let t = fetched(&[&film], &[]);
    let stream = t.read("p.rec");
    let end = stream.len() - 10;
    t.write("cut", &stream[..end]);
    t.run("seg-cat < cut > got").code(76);
    assert!(t.read("got") == film.data);
    t.run("seg-cat < /dev/null").code(76);
    t.run("nzb-spilt x.nzb | nntp-fetch -s nntp://127.0.0.1 | yenc-decode | seg-cat")
        .code(76);
    t.run("nzb-split nosuch.nzb | nntp-fetch -s nntp://127.0.0.1 | yenc-decode | seg-cat")
        .code(66);
    let mut records = records::parse(&stream).unwrap();
    let last = records.last_mut().unwrap();
    last.header["code"] = 65.into();
    t.write("bad", records::unparse(&records));
    t.run("seg-cat < bad > got")
        .code(65)
        .says("an earlier program failed with 65");
    t.run("nzb-split x.nzb | seg-cat")
        .code(65)
        .says("nntp-fetch");
    let server = Script::of(&[&film]).start();
    t.run(&format!(
        "nzb-split x.nzb | nntp-fetch {} | seg-cat",
        server.flag()
    ))
    .code(65)
    .says("yenc-decode");
}

#[test]
fn command_lines() {
    let t = Scene::alone();
    for line in [
        "seg-cat --headers --failed",
        "seg-cat --check --headers",
        "seg-cat --check film.mkv",
        "seg-cat --failed --index 1",
        "seg-cat film.mkv --index 1",
        "seg-cat --window lots",
        "seg-cat a b",
        "seg-cat ''",
    ] {
        t.run(&format!("{line} < /dev/null")).code(64);
    }
}
