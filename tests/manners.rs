//! Help, versions, wrong command lines, two at once: how the programs behave
//! towards people and towards each other.

use std::fs;

use crate::corpus::Post;
use crate::harness::{Job, Scene, each, until};
use crate::server::{Act, Script};

const PROGRAMS: [&str; 7] = [
    "nzb-split",
    "nntp-fetch",
    "yenc-decode",
    "seg-write",
    "seg-cat",
    "nzbpipe",
    "nntp-serve",
];

#[test]
fn help_has_examples() {
    let t = Scene::alone();
    for program in PROGRAMS {
        let done = t.run(&format!("{program} --help")).code(0).silent();
        let text = String::from_utf8_lossy(&done.stdout);
        assert!(text.contains("\nExamples:\n"), "{program}:\n{text}");
        let done = t.run(&format!("{program} --version")).code(0);
        let text = String::from_utf8_lossy(&done.stdout);
        assert_eq!(text, format!("{program} {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn wrong_command_lines() {
    let t = Scene::alone();
    for program in PROGRAMS {
        t.run(&format!("{program} --no-such-flag"))
            .code(64)
            .says("--no-such-flag");
    }
    for line in [
        "nzbpipe",
        "nzb-split - -",
        "nzb-split --include '[' x.nzb",
        "nntp-serve --files . --user me",
        "nntp-serve --files . --missing 101",
        "nntp-fetch --timeout soon",
    ] {
        t.run(line).code(64);
    }
}

/// Records come from programs, and payloads are not for people: a terminal at either
/// end is refused with a line of help. `script` provides the terminal.
#[test]
fn terminals() {
    let film = Post::new("film.bin", 10_000, 3_000);
    let server = Script::of(&[&film]).start();
    let t = Scene::alone();
    if t.run("command -v script").code != 0 {
        eprintln!("SKIPPED: script(1), which provides a terminal, is not installed");
        return;
    }
    let flag = server.flag();
    t.nzb(&[&film]);
    t.run(&format!(
        "nzb-split x.nzb > s.jsonl && nntp-fetch {flag} < s.jsonl > b.rec"
    ))
    .code(0);
    let fetch = format!("nntp-fetch {flag}");
    let rows = [
        (format!("{fetch} > out"), "standard input is a terminal"),
        (
            "yenc-decode > out".to_owned(),
            "standard input is a terminal",
        ),
        (
            "seg-write -d out".to_owned(),
            "standard input is a terminal",
        ),
        ("seg-cat > out".to_owned(), "standard input is a terminal"),
        (
            "yenc-decode < b.rec | seg-cat".to_owned(),
            "standard output is a terminal",
        ),
        (
            format!("{fetch} < s.jsonl"),
            "standard output is a terminal",
        ),
        (
            "yenc-decode < b.rec".to_owned(),
            "standard output is a terminal",
        ),
    ];
    for (line, told) in rows {
        t.write("line", line);
        let done = t.run("script -qec 'sh line' /dev/null").code(64);
        let shown = String::from_utf8_lossy(&done.stdout);
        assert!(shown.contains(told), "{}", done.shown());
        let one_line = shown.trim_end().lines().count() == 1;
        assert!(one_line && shown.contains("--help"), "{}", done.shown());
    }
    // What has no payload may be read by people.
    t.run("script -qec 'nzb-split x.nzb' /dev/null").code(0);
}

/// The second run on the same output ends at once and changes nothing.
#[test]
fn two_at_once() {
    let film = Post::new("film.bin", 20_000, 3_000);
    each(|t| {
        let server = Script::of(&[&film]).always(&film.id(4), Act::Hold).start();
        t.nzb(&[&film]);
        let job = Job::with(&server.flag_with("connections=1&pipeline=1"));
        let first = t.begin(&job);
        let three = |size: &String| size.starts_with("9000 bytes");
        until("three parts are written", || {
            t.tree("out").values().any(three)
        });
        let before = t.tree("out");
        t.download(&job).code(75).says("in use");
        assert_eq!(t.tree("out"), before);
        server.release();
        first.finish().code(0).file("x/film.bin", &film.data);
    });
}

/// The example is a server file that can be used as it is once it is edited.
#[test]
fn the_example_server_file() {
    let t = Scene::alone();
    for program in ["nntp-fetch", "nzbpipe"] {
        let done = t
            .run(&format!("{program} --example-servers"))
            .code(0)
            .silent();
        let text = String::from_utf8(done.stdout.clone()).unwrap();
        assert!(
            text.contains("[[server]]") && text.contains("password_file"),
            "{text}"
        );
        t.run(&format!("{program} --example-servers | head -c 10"))
            .code(0)
            .silent();
    }
}

/// Without a server file the message names where it was looked for and what to do.
#[test]
fn no_server_file() {
    let t = Scene::alone();
    t.write("x.nzb", "");
    for line in [
        "nzbpipe x.nzb",
        "echo | nntp-fetch | cat >/dev/null; exit 78",
    ] {
        t.run(line)
            .code(78)
            .says(".config/nzbpipe/servers.toml")
            .says("/etc/nzbpipe/servers.toml")
            .says("--example-servers");
    }
}

/// A summary on success, a list of what is not there on failure.
#[test]
fn last_words() {
    let film = Post::new("film.bin", 10_000, 3_000);
    each(|t| {
        let server = Script::of(&[&film])
            .once(&film.id(2), Act::missing())
            .start();
        t.nzb(&[&film]);
        t.download(&Job::from(&server))
            .code(1)
            .says("0 of 1 file complete: 1 segment missing")
            .says(&format!(
                "1 of 4 segments not there, first number 2 <{}>",
                film.id(2)
            ))
            .says("hole at bytes 3000-6000");
        t.download(&Job::from(&server))
            .code(0)
            .says("1 file, 10.00 kB, complete and verified");
    });
}

/// Nothing is left behind but the files.
#[test]
fn no_litter() {
    let film = Post::new("film.bin", 10_000, 3_000);
    each(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        t.download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data);
        let folder = || fs::read_dir(t.path("out/x")).unwrap().count();
        assert_eq!(folder(), 2, "the file and its journal");
        let job = Job {
            write: "--journal remove".to_owned(),
            ..Job::from(&server)
        };
        t.download(&job).code(0);
        assert_eq!(folder(), 1, "the file");
    });
}
