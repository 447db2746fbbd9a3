//! Articles in no known encoding, and what is made of them if the user wants them.

use crate::corpus::{Nzb, Post};
use crate::harness::{Job, Scene, both};
use crate::server::{Act, Script, Server};

const TEXT: &[u8] = b"A film\r\n..nfo\r\n\r\nend\r\n";
const PLAIN: &[u8] = b"A film\r\n.nfo\r\n\r\nend\r\n";
const MIME: &[u8] = b"Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n";

fn id(number: usize) -> String {
    format!("{number}.raw@corpus.example")
}

fn nzb(t: &Scene, parts: usize) {
    let segments: Vec<_> = (1..=parts).map(|n| (n, id(n))).collect();
    t.write(
        "x.nzb",
        Nzb::new().file("\"a.nfo\" (1/9)", &segments).text(),
    );
}

fn passing(server: &Server, write: &str) -> Job {
    Job {
        decode: "--pass-raw".to_owned(),
        write: write.to_owned(),
        ..Job::from(server)
    }
}

#[test]
fn a_text_in_one_article() {
    for (body, plain) in [(TEXT, PLAIN), (MIME, MIME)] {
        let start = || Script::of(&[]).article(&id(1), body.to_vec()).start();
        both(|t| {
            let server = start();
            nzb(t, 1);
            t.download(&Job::from(&server)).code(1).fate(&format!(
                "failed damaged a.nfo {} no-yenc yenc-decode",
                id(1)
            ))
        });
        both(|t| {
            let server = start();
            nzb(t, 1);
            t.download(&passing(&server, ""))
                .code(1)
                .fate("file unverified a.nfo")
                .unfinished("x/a.nfo", plain)
        });
        both(|t| {
            let server = start();
            nzb(t, 1);
            t.download(&passing(&server, "--accept-unverified"))
                .code(0)
                .file("x/a.nfo", plain)
        });
    }
}

#[test]
fn a_text_in_many_articles() {
    let texts: Vec<Vec<u8>> = (1..=9)
        .map(|n| format!("part {n}\r\n").into_bytes())
        .collect();
    let script = || {
        let numbered = texts.iter().enumerate();
        numbered.fold(Script::of(&[]), |script, (at, body)| {
            script.article(&id(at + 1), body.clone())
        })
    };
    both(|t| {
        let server = script().start();
        nzb(t, 9);
        t.download(&passing(&server, "--accept-unverified"))
            .code(0)
            .file("x/a.nfo", &texts.concat())
    });
    both(|t| {
        let server = script().always(&id(9), Act::missing()).start();
        nzb(t, 9);
        // What is parked depends on the order of arrival: one request at a time.
        let job = Job {
            fetch: server.flag_with("connections=1&pipeline=1"),
            ..passing(&server, "--accept-unverified")
        };
        t.download(&job)
            .code(1)
            .fate("file incomplete a.nfo")
            .unfinished("x/a.nfo", &texts[..8].concat())
    });
}

/// An article of no lines is what some servers send in place of one they lost.
#[test]
fn nothing_at_all_is_not_passed() {
    both(|t| {
        let server = Script::of(&[]).article(&id(1), Vec::new()).start();
        nzb(t, 1);
        t.download(&passing(&server, "--accept-unverified"))
            .code(1)
            .fate("failed damaged a.nfo")
    });
}

/// A notice in place of an article is asked of the next server, and keeps no file away.
#[test]
fn a_notice_in_place_of_an_article() {
    let film = Post::new("film.bin", 11_000, 3_000);
    let notice = b"This article was removed.\r\n";
    both(|t| {
        let first = Script::of(&[&film])
            .article(&film.id(1), notice.to_vec())
            .start();
        let second = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        t.write(
            "both.toml",
            first.table("name = \"first\"") + &second.table("name = \"second\"\nlevel = 1"),
        );
        let job = Job {
            decode: "--pass-raw".to_owned(),
            write: "--accept-unverified".to_owned(),
            ..Job::with("--servers both.toml")
        };
        t.download(&job).code(0).file("x/film.bin", &film.data)
    });
    // One request at a time, so that the notice comes first, or not.
    for (number, fate) in [
        (1, "file incomplete film.bin"),
        (3, "failed damaged film.bin"),
    ] {
        both(|t| {
            let server = Script::of(&[&film])
                .article(&film.id(number), notice.to_vec())
                .start();
            t.nzb(&[&film]);
            let job = Job {
                fetch: server.flag_with("connections=1&pipeline=1"),
                ..passing(&server, "--accept-unverified")
            };
            t.download(&job)
                .code(1)
                .fate(fate)
                .unfinished("x/film.bin", &film.with_holes(&[number]))
        });
    }
}
