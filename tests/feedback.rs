//! Records that are chosen or fed back by other programs.

use crate::corpus::Post;
use crate::harness::{Job, Scene, each, sha256};
use crate::run::JOURNAL;
use crate::server::{Act, Script};

/// The filter that jq runs; where there is no jq, the same choice with what every
/// system has, and a word about it.
fn chooser(t: &Scene, filter: &str, instead: &str) -> String {
    if t.run("command -v jq").code == 0 {
        return format!("jq -c '{filter}'");
    }
    eprintln!("jq is not installed: `{instead}` chooses in its place");
    instead.to_owned()
}

/// Selection with jq, as the manual shows it. The first two segments of a file are
/// fetched and the rest is not asked for; the file is then not complete.
#[test]
fn chosen_with_jq() {
    let film = Post::new("film.bin", 10_000, 3_000);
    let server = Script::of(&[&film]).start();
    let t = Scene::alone();
    let chosen = chooser(
        &t,
        "select(.type!=\"segment\" or .number<=2)",
        "grep -vE '\"number\":[3-9]'",
    );
    t.nzb(&[&film]);
    t.run(&format!(
        "nzb-split x.nzb | {chosen} | nntp-fetch {} | yenc-decode | seg-write -d out --json",
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
/// stage, from either arrangement, whole or only those of failures.
#[test]
fn failures_fed_back() {
    let film = Post::new("film.bin", 20_000, 3_000);
    each(|t| {
        let poor = Script::of(&[&film])
            .always(&film.id(2), Act::missing())
            .always(&film.id(3), Act::Flip)
            .always(&film.id(5), Act::Cut(1_000))
            .start();
        t.nzb(&[&film]);
        // One at a time, so that the connection has proved itself before it is cut:
        // without retries a server that fails at once is given up.
        let flags = poor.flag_with("connections=1&pipeline=1");
        let first = t
            .download(&Job::with(&format!("--retries 0 {flags}")))
            .code(75);
        t.write("left.jsonl", &first.stdout);
        let failures = chooser(
            t,
            "select(.type==\"missing\" or .type==\"failed\")",
            "grep -E '\"type\":\"(missing|failed)\"'",
        );
        for choice in ["cat", &failures] {
            let rich = Script::of(&[&film]).start();
            t.run(&format!(
                "rm -rf again && cp -r out again && {choice} < left.jsonl | nntp-fetch {} | \
                 yenc-decode | seg-write -d again",
                rich.flag()
            ))
            .code(0);
            let mut again = t.tree("again");
            again.retain(|_, content| content != JOURNAL);
            let whole = again.get("x/film.bin") == Some(&sha256(&film.data));
            assert!(whole && again.len() == 1, "{again:#?}");
            let asked = (1..=film.parts()).map(|n| rich.asked(&film.id(n)));
            assert_eq!(
                asked.collect::<Vec<_>>(),
                [0, 1, 1, 0, 1, 0, 0],
                "only what failed is asked for\n{}",
                first.shown()
            );
        }
    });
}

/// What the decoder refused is asked of somebody else, though the same server comes first
/// in the table; with nobody else in it, of the same server again.
#[test]
fn a_refused_body_is_asked_of_others() {
    let film = Post::new("film.bin", 20_000, 3_000);
    let poor = Script::of(&[&film])
        .always(&film.id(3), Act::Instead(b"no article\r\n".to_vec()))
        .start();
    let rich = Script::of(&[&film]).start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    let (first, second) = (
        poor.table("name = \"a\""),
        rich.table("name = \"b\"\nlevel = 1"),
    );
    t.write("one.toml", &first);
    t.write("both.toml", first + &second);
    let fetched = |input: &str, table: &str| {
        t.run(&format!(
            "{input} | nntp-fetch --no-verify --servers {table} | yenc-decode | \
             seg-write -d out --json"
        ))
    };
    let left = fetched("nzb-split x.nzb", "one.toml").code(1);
    t.write("left.jsonl", &left.stdout);
    let again = fetched("cat left.jsonl", "one.toml").code(1);
    assert_eq!(poor.asked(&film.id(3)), 2, "{}", again.shown());
    fetched("cat left.jsonl", "both.toml")
        .code(0)
        .file("x/film.bin", &film.data);
    assert_eq!((poor.asked(&film.id(3)), rich.asked(&film.id(3))), (2, 1));
}
