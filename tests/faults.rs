//! Downloads from servers that cut, corrupt, mix up or withhold what they send.

use crate::download::{film, second};
use crate::harness::{Job, Scene, both};
use crate::server::{Act, Script};

#[test]
fn cut_in_mid_body_once() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film])
            .once(&film.id(2), Act::Cut(1_500))
            .once(&film.id(3), Act::Cut(0))
            .start();
        t.nzb(&[&film]);
        let done = t
            .download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!(server.faults(), 2);
        done
    });
}

/// A connection that is always cut there is given up after the retries: temporary.
#[test]
fn cut_in_mid_body_always() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film])
            .always(&film.id(2), Act::Cut(1_500))
            .start();
        t.nzb(&[&film]);
        let job = Job {
            common: "-v".to_owned(),
            ..Job::with(&format!("--retries 1 {}", server.flag()))
        };
        let done = t
            .download(&job)
            .code(75)
            .fate(&format!("failed transport film.bin {}", film.id(2)))
            .unfinished("x/film.bin", &film.with_holes(&[2]));
        assert_eq!(server.asked(&film.id(2)), 2);
        done
    });
}

#[test]
fn cut_in_mid_body_but_whole_on_the_second_server() {
    let film = film();
    both(|t| {
        let first = Script::of(&[&film])
            .always(&film.id(4), Act::Cut(700))
            .start();
        let fill = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = format!("--retries 1 {} {}", first.flag(), second(&fill));
        let done = t
            .download(&Job::with(&flags))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!(fill.asked(&film.id(4)), 1);
        done
    });
}

#[test]
fn corrupted_but_whole_on_the_second_server() {
    let film = film();
    both(|t| {
        let first = Script::of(&[&film]).always(&film.id(2), Act::Flip).start();
        let fill = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = format!("{} {}", first.flag(), second(&fill));
        let done = t
            .download(&Job::with(&flags))
            .code(0)
            .file("x/film.bin", &film.data);
        assert!(first.faults() >= 1);
        assert_eq!(fill.asked(&film.id(2)), 1);
        done
    });
}

/// A single server gets a second chance, then the piece counts as damaged: its bytes
/// are not written.
#[test]
fn corrupted_on_the_only_server() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).always(&film.id(2), Act::Flip).start();
        t.nzb(&[&film]);
        let done = t
            .download(&Job::from(&server))
            .code(1)
            .fate(&format!("failed damaged film.bin {}", film.id(2)))
            .fate("end partial code=1 segments=4 ok=3 missing=0 failed=0 damaged=1")
            .unfinished("x/film.bin", &film.with_holes(&[2]));
        assert_eq!(server.asked(&film.id(2)), 2);
        done
    });
}

#[test]
fn corrupted_once_on_the_only_server() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).once(&film.id(2), Act::Flip).start();
        t.nzb(&[&film]);
        let done = t
            .download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!(server.faults(), 1);
        done
    });
}

/// With `--no-verify` the fetch asks nobody again; the decoder finds the damage all
/// the same. Only the pipe has that flag.
#[test]
fn unverified_bodies_are_checked_by_the_decoder() {
    let film = film();
    let t = Scene::alone();
    let server = Script::of(&[&film]).always(&film.id(2), Act::Flip).start();
    t.nzb(&[&film]);
    t.download(&Job::with(&format!("--no-verify {}", server.flag())))
        .code(1)
        .fate("failed damaged film.bin")
        .unfinished("x/film.bin", &film.with_holes(&[2]));
    assert_eq!(server.asked(&film.id(2)), 1);
}

/// An answer that names another article says that answers and requests have lost
/// step: nothing on that connection can be trusted.
#[test]
fn a_reply_for_another_message_id_once() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film])
            .once(&film.id(2), Act::Named(film.id(3)))
            .start();
        t.nzb(&[&film]);
        let done = t
            .download(&Job::with(&server.flag_with("connections=1&pipeline=4")))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!(server.faults(), 1);
        done
    });
}

#[test]
fn a_reply_for_another_message_id_always() {
    let film = film();
    let other = film.article(3).body();
    both(|t| {
        let first = Script::of(&[&film])
            .article(&film.id(2), other.clone())
            .always(&film.id(2), Act::Named(film.id(3)))
            .start();
        t.nzb(&[&film]);
        let alone = t.download(&Job::from(&first));
        assert_ne!(alone.code, 0, "{}", alone.shown());
        let asked = first.asked(&film.id(2));
        assert!((2..=4).contains(&asked), "asked {asked} times");
        alone.unfinished("x/film.bin", &film.with_holes(&[2]))
    });
    both(|t| {
        let first = Script::of(&[&film])
            .article(&film.id(2), other.clone())
            .always(&film.id(2), Act::Named(film.id(3)))
            .start();
        let fill = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = format!("{} {}", first.flag(), second(&fill));
        t.download(&Job::with(&flags))
            .code(0)
            .file("x/film.bin", &film.data)
    });
}

/// The right message-id but another piece of the file: only the writer can see it.
#[test]
fn a_reply_with_another_piece() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film])
            .always(&film.id(2), Act::Instead(film.article(3).body()))
            .start();
        t.nzb(&[&film]);
        let job = Job::with(&server.flag_with("connections=1&pipeline=1"));
        let done = t.download(&job).code(1);
        assert!(!t.path("out/x/film.bin").exists(), "{}", done.shown());
        done
    });
}

#[test]
fn a_connection_that_stalls() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).once(&film.id(2), Act::Stall).start();
        t.nzb(&[&film]);
        let done = t
            .download(&Job::with(&format!("--timeout 1s {}", server.flag())))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!(server.faults(), 1);
        done
    });
}
