//! Each stage alone: a regular file in, a regular file out, no other stage needed.
//!
//! `tests/data` holds what each stage reads and writes for one small download;
//! `UPDATE=1 cargo test --test tests alone` makes it anew. What may differ from run
//! to run (server, milliseconds) is made equal before it is compared.

use std::fs;
use std::path::{Path, PathBuf};

use crate::corpus::{Nzb, Post};
use crate::harness::{Done, Scene};
use crate::records::{self, Record};
use crate::server::{Act, Script};

/// What the samples in `tests/data` are of.
pub fn posts() -> [Post; 2] {
    [
        Post::new("hello world.bin", 700, 300),
        Post::with("empty lines.txt", b"\n.\n..\n=y\r\n.".to_vec(), 300),
    ]
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// `found` is the sample of that name.
#[track_caller]
fn golden(name: &str, found: &[u8]) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(sample(name), found).unwrap();
    }
    let wanted = fs::read(sample(name)).unwrap();
    let (wanted, found) = (comparable(&wanted), comparable(found));
    assert!(
        wanted == found,
        "{name}: wanted {wanted:#?}, found {found:#?}"
    );
}

/// Records without what differs from run to run, in order of file and number.
fn comparable(stream: &[u8]) -> Vec<Record> {
    let mut records = records::parse(stream).unwrap();
    records.retain(|record| record.kind() != "progress");
    for record in &mut records {
        for key in ["server", "ms", "by"] {
            if let Some(value) = record.header.get_mut(key) {
                *value = "…".into();
            }
        }
    }
    records.sort_by_key(|r| (place(r.kind()), r.number("file"), r.number("number")));
    records
}

fn place(kind: &str) -> u8 {
    match kind {
        "stream" => 0,
        "job" => 1,
        "end" => 3,
        _ => 2,
    }
}

#[test]
fn nzb_split() {
    let nzb = Nzb::of(&posts().each_ref()).text();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(sample("x.nzb"), &nzb).unwrap();
    }
    let t = Scene::alone();
    t.write("x.nzb", fs::read(sample("x.nzb")).unwrap());
    t.run("nzb-split x.nzb > s.jsonl").code(0).silent();
    golden("s.jsonl", &t.read("s.jsonl"));
}

#[test]
fn nntp_fetch() {
    let server = Script::of(&posts().each_ref()).start();
    let t = Scene::alone();
    t.write("s.jsonl", fs::read(sample("s.jsonl")).unwrap());
    t.run(&format!("nntp-fetch {} < s.jsonl > b.rec", server.flag()))
        .code(0)
        .silent();
    golden("b.rec", &t.read("b.rec"));
}

/// Whole articles: the header's fields, its lines, and the body behind them.
#[test]
fn nntp_fetch_articles() {
    let server = Script::of(&posts().each_ref()).start();
    let t = Scene::alone();
    t.write("s.jsonl", fs::read(sample("s.jsonl")).unwrap());
    let flags = server.flag();
    t.run(&format!("nntp-fetch --article {flags} < s.jsonl > a.rec"))
        .code(0)
        .silent();
    golden("a.rec", &t.read("a.rec"));
}

/// The body of an article is checked as every body is: a damaged one is asked of the
/// next server, and decoded it makes the same file.
#[test]
fn damaged_articles() {
    let [film, _] = posts();
    let poor = Script::of(&[&film]).always(&film.id(2), Act::Flip).start();
    let rich = Script::of(&[&film]).start();
    let fill = rich.flag_with("level=1");
    let t = Scene::alone();
    t.nzb(&[&film]);
    let fetch = format!("nzb-split x.nzb | nntp-fetch --article {}", poor.flag());
    let damaged = |done: &Done| {
        let records = done.records();
        let damaged = records.iter().filter(|r| r.text("damage") == "crc");
        damaged.map(Record::kind).eq(["article"])
    };
    assert!(damaged(&t.run(&fetch).code(1)));
    assert!(!damaged(&t.run(&format!("{fetch} --no-verify")).code(0)));
    assert_eq!(rich.asked(&film.id(2)), 0);
    let whole = "yenc-decode | seg-write -d out";
    t.run(&format!("{fetch} {fill} | {whole}"))
        .code(0)
        .file("x/hello world.bin", &film.data);
    assert_eq!((rich.asked(&film.id(1)), rich.asked(&film.id(2))), (0, 1));
}

/// Decoded, an article is what its body is.
#[test]
fn yenc_decode_articles() {
    let t = Scene::alone();
    t.write("a.rec", fs::read(sample("a.rec")).unwrap());
    t.run("yenc-decode < a.rec > p.rec").code(0).silent();
    golden("p.rec", &t.read("p.rec"));
    t.run("seg-write -d out < a.rec")
        .code(65)
        .says("put yenc-decode before this stage");
}

#[test]
fn yenc_decode() {
    let t = Scene::alone();
    t.write("b.rec", fs::read(sample("b.rec")).unwrap());
    t.run("yenc-decode < b.rec > p.rec").code(0).silent();
    golden("p.rec", &t.read("p.rec"));
}

#[test]
fn seg_write() {
    let t = Scene::alone();
    let [first, second] = posts();
    t.write("p.rec", fs::read(sample("p.rec")).unwrap());
    t.run("seg-write -d out < p.rec").code(0).files(&[
        ("x/hello world.bin", &first.data),
        ("x/empty lines.txt", &second.data),
    ]);
}

/// A stream of parts needs no program of ours to be made.
#[test]
fn a_part_made_by_printf() {
    let t = Scene::alone();
    t.run(
        r#"{
            printf '{"type":"stream","v":1}\n'
            printf '{"len":6,"type":"part","name":"hi.txt","number":2,"of":2,"offset":6,"crc":"ok"}\nworld\n\n'
            printf '{"len":6,"type":"part","name":"hi.txt","number":1,"of":2,"offset":0,"crc":"ok"}\nhello \n'
            printf '{"type":"end"}\n'
        } | seg-write -d out"#,
    )
    .code(0)
    .file("hi.txt", b"hello world\n");
}

/// One article for people: from a file, as the wire has it and without dot-stuffing.
#[test]
fn one_article() {
    let [post, _] = posts();
    let stuffed = post.article(2).body();
    let headers = b"From: a\r\nSubject: b\r\n\r\n".to_vec();
    let plain = stuffed.clone();
    let plain: Vec<u8> = String::from_utf8_lossy(&plain)
        .replace("\r\n..", "\r\n.")
        .into_bytes();
    for article in [
        stuffed.clone(),
        [headers, stuffed.clone(), b".\r\n".to_vec()].concat(),
        match stuffed.windows(4).any(|w| w == b"\r\n..") {
            true => plain,
            false => stuffed,
        },
    ] {
        let t = Scene::alone();
        t.write("article", article);
        t.run("yenc-decode --raw article > part.bin")
            .code(0)
            .silent();
        assert_eq!(t.read("part.bin"), &post.data[post.range(2)]);
        t.run("yenc-decode --raw - < article > part.bin").code(0);
    }
}

#[test]
fn articles_that_prove_nothing() {
    let [post, _] = posts();
    let mut unproven = post.article(1);
    unproven.crc = None;
    let rows = [
        (
            crate::corpus::flipped(&post.article(1).body()),
            1,
            "damaged",
        ),
        (unproven.body(), 1, "no CRC"),
        (post.article(1).body()[..200].to_vec(), 1, "cut off"),
        (b"hello\r\n".to_vec(), 65, "no yEnc"),
    ];
    for (article, code, text) in rows {
        let t = Scene::alone();
        t.write("article", article);
        t.run("yenc-decode --raw article > part.bin")
            .code(code)
            .says(text);
    }
    Scene::alone()
        .run("yenc-decode --raw nosuch > part.bin")
        .code(66);
}
