//! Pieces that only the writer can tell to be wrong: in one process other servers are asked
//! at once, in a pipe the failure can be fed back.

use crate::corpus::Post;
use crate::download::second;
use crate::harness::Scene;
use crate::server::{Act, Script};

/// A server whose second article claims the number that was asked for and lies over the first
/// one; its checksum is right.
fn overlapping(film: &Post) -> Script {
    let mut article = film.article(2);
    article.range = 500..article.range.end - article.range.start + 500;
    Script::of(&[film]).always(&film.id(2), Act::Instead(article.body()))
}

fn film() -> Post {
    Post::new("film.bin", 20_000, 3_000)
}

#[test]
fn another_server_is_asked_in_one_process() {
    let film = film();
    let poor = overlapping(&film).start();
    let rich = Script::of(&[&film]).start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    let flags = poor.flag_with("connections=1&pipeline=1");
    t.run(&format!(
        "nzbpipe -d out {flags} {} --json x.nzb",
        second(&rich)
    ))
    .code(0)
    .file("x/film.bin", &film.data);
    assert_eq!((poor.asked(&film.id(2)), rich.asked(&film.id(2))), (1, 1));
    let others: usize = (3..=7).map(|n| rich.asked(&film.id(n))).sum();
    assert_eq!(others, 0, "only what was rejected is asked for elsewhere");
}

#[test]
fn nobody_else_has_it() {
    let film = film();
    let poor = overlapping(&film).start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    let flags = poor.flag_with("connections=1&pipeline=1");
    t.run(&format!("nzbpipe -d out {flags} --json x.nzb"))
        .code(1)
        .fate("failed damaged film.bin")
        .unfinished("x/film.bin", &film.with_holes(&[2]));
    assert_eq!(poor.asked(&film.id(2)), 1);
}

#[test]
fn the_failure_is_fed_back_in_a_pipe() {
    let film = film();
    let poor = overlapping(&film).start();
    let rich = Script::of(&[&film]).start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    let both = format!(
        "{} {}",
        poor.flag_with("connections=1&pipeline=1"),
        second(&rich)
    );
    let first = t
        .run(&format!(
            "nzb-split x.nzb | nntp-fetch {both} | yenc-decode | seg-write -d out --json"
        ))
        .code(1);
    assert_eq!(rich.asked(&film.id(2)), 0, "{}", first.shown());
    t.write("left", &first.stdout);
    t.run(&format!(
        "grep -E '\"type\":\"(missing|failed)\"' left | nntp-fetch {both} | yenc-decode | \
         seg-write -d out"
    ))
    .code(0)
    .file("x/film.bin", &film.data);
    assert_eq!((poor.asked(&film.id(2)), rich.asked(&film.id(2))), (1, 1));
}

/// A server whose second article is one of another file with as many articles of the same size.
/// Only when all are there the majority tells.
fn foreign(film: &Post) -> Script {
    let other = Post::new("other.bin", 20_000, 3_000);
    Script::of(&[film]).always(&film.id(2), Act::Instead(other.article(2).body()))
}

// All seemed settled when the last piece of the file was, a moment before the doubt: mostly
// nobody was asked again, and nothing was said of it.
#[test]
fn one_of_another_file_is_asked_for_elsewhere() {
    let film = film();
    for _ in 0..5 {
        let poor = foreign(&film).start();
        let rich = Script::of(&[&film]).start();
        let t = Scene::alone();
        t.nzb(&[&film]);
        let flags = poor.flag_with("connections=1&pipeline=1");
        t.run(&format!(
            "nzbpipe -d out {flags} {} --json x.nzb",
            second(&rich)
        ))
        .code(0)
        .file("x/film.bin", &film.data);
        assert_eq!((poor.asked(&film.id(2)), rich.asked(&film.id(2))), (1, 1));
    }
}

// It counted twice, as unproven and as damaged: eight segments of seven.
#[test]
fn one_of_another_file_counts_once() {
    let film = film();
    crate::harness::both(|t| {
        let poor = foreign(&film).start();
        t.nzb(&[&film]);
        let flags = poor.flag_with("connections=1&pipeline=1");
        t.download(&crate::harness::Job::with(&flags))
            .code(1)
            .fate(&format!("failed damaged film.bin {} foreign", film.id(2)))
            .fate("file unverified film.bin")
            .fate("end partial code=1 segments=7 ok=6 missing=0 failed=0 damaged=1")
    });
}
