//! Records that are chosen or fed back by other programs.

use crate::corpus::Post;
use crate::harness::{Job, Scene};
use crate::server::{Act, Script};

/// Selection with jq, as the manual shows it. The first two segments of a file are
/// fetched and the rest is not asked for; the file is then not complete.
#[test]
fn chosen_with_jq() {
    let film = Post::new("film.bin", 10_000, 3_000);
    let server = Script::of(&[&film]).start();
    let t = Scene::alone();
    if t.run("command -v jq").code != 0 {
        eprintln!("SKIPPED: jq is not installed");
        return;
    }
    t.nzb(&[&film]);
    t.run(&format!(
        "nzb-split x.nzb | jq -c 'select(.type!=\"segment\" or .number<=2)' | \
         nntp-fetch {} | yenc-decode | seg-write -d out --json",
        server.flag()
    ))
    .code(1)
    .fate("file incomplete film.bin path=null size=10000 segments=4 ok=2 missing=2")
    .unfinished("x/film.bin", &film.data[..6_000]);
    assert_eq!(
        (server.asked(&film.id(2)), server.asked(&film.id(3))),
        (1, 0)
    );
}

/// Whole files left out by a filter were not asked for: nothing is missing.
#[test]
fn files_left_out_are_not_missed() {
    let [film, sample] = ["film.bin", "sample.bin"].map(|name| Post::new(name, 10_000, 3_000));
    let server = Script::of(&[&film, &sample]).start();
    let t = Scene::alone();
    t.nzb(&[&film, &sample]);
    t.run(&format!(
        "nzb-split x.nzb | grep -v sample.bin | nntp-fetch {} | yenc-decode | seg-write -d out",
        server.flag()
    ))
    .code(0)
    .file("x/film.bin", &film.data);
}

/// What failed on one server is fetched from another one later; the files are
/// complete then, and the code is 0. The records come from `--json` of the last
/// stage, from either arrangement.
#[test]
fn failures_fed_back() {
    let film = Post::new("film.bin", 20_000, 3_000);
    crate::harness::each(|t| {
        let poor = Script::of(&[&film])
            .always(&film.id(2), Act::missing())
            .always(&film.id(3), Act::Flip)
            .always(&film.id(5), Act::Cut(1_000))
            .start();
        t.nzb(&[&film]);
        let first = t
            .download(&Job::with(&format!("--retries 0 {}", poor.flag())))
            .code(75);
        t.write("left.jsonl", &first.stdout);
        let rich = Script::of(&[&film]).start();
        t.run(&format!(
            "nntp-fetch {} < left.jsonl | yenc-decode | seg-write -d out",
            rich.flag()
        ))
        .code(0)
        .file("x/film.bin", &film.data);
        let asked: Vec<usize> = (1..=film.parts())
            .map(|n| rich.asked(&film.id(n)))
            .collect();
        assert_eq!(
            asked,
            [0, 1, 1, 0, 1, 0, 0],
            "only what failed is asked for\n{}",
            first.shown()
        );
    });
}
