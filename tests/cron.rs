//! What cron gives a program: another shell without `pipefail`, hardly an
//! environment, no terminal, no input. The codes must be the same.

use crate::corpus::{Nzb, Post};
use crate::harness::{Done, Scene};
use crate::server::{Act, Script, nobody};

/// Runs both arrangements of a download as cron would.
fn by_cron(t: &Scene, flags: &str, first: &str) -> [Done; 2] {
    let lines = [
        format!("{first} x.nzb | nntp-fetch {flags} | yenc-decode | seg-write -d out"),
        format!("nzbpipe {flags} -d out2 x.nzb"),
    ];
    lines.map(|line| {
        let quoted = line.replace('\'', r"'\''");
        t.run(&format!(
            "env -i HOME={} PATH={} dash -c '{quoted}' < /dev/null",
            t.home().display(),
            t.search_path()
        ))
    })
}

fn film() -> Post {
    Post::new("film.bin", 10_000, 3_000)
}

#[test]
fn the_codes_are_the_same() {
    let film = film();
    let whole = Script::of(&[&film]).start();
    let poor = Script::of(&[&film])
        .always(&film.id(2), Act::missing())
        .start();
    let locked = Script::of(&[&film]).login("me", "secret").start();
    let login = format!("--servers {}", "locked.toml");
    let rows = [
        (whole.flag(), 0),
        (poor.flag(), 1),
        (login, 77),
        (format!("--retries 0 --max-down 1s {}", nobody()), 69),
        (String::new(), 78),
    ];
    for (flags, code) in rows {
        let t = Scene::alone();
        t.nzb(&[&film]);
        t.write("wrong", "no\n");
        let table = locked.table("username = \"me\"\npassword_file = \"wrong\"");
        t.write("locked.toml", table);
        for done in by_cron(&t, &flags, "nzb-split") {
            done.code(code);
        }
    }
}

#[test]
fn useless_input() {
    let server = Script::of(&[]).start();
    for nzb in [String::new(), Nzb::new().text(), "<html></html>".to_owned()] {
        let t = Scene::alone();
        t.write("x.nzb", nzb);
        for done in by_cron(&t, &server.flag(), "nzb-split") {
            done.code(65);
        }
    }
    let t = Scene::alone();
    let [piped, _] = by_cron(&t, &server.flag(), "nzb-spilt");
    piped.code(76);
}

/// Cron mails what is printed: nothing on success, one line on failure.
#[test]
fn quiet() {
    let film = film();
    let whole = Script::of(&[&film]).start();
    let poor = Script::of(&[&film])
        .always(&film.id(2), Act::missing())
        .start();
    for (server, code, lines) in [(&whole, 0, 0), (&poor, 1, 1)] {
        let t = Scene::alone();
        t.nzb(&[&film]);
        let flag = server.flag();
        for line in [
            format!(
                "nzb-split -q x.nzb | nntp-fetch -q {flag} | yenc-decode -q | seg-write -q -d out"
            ),
            format!("nzbpipe -q {flag} -d out2 x.nzb"),
        ] {
            let done = t.run(&line).code(code);
            let printed = done.stderr.lines().count();
            assert_eq!(printed, lines, "{}", done.shown());
            assert!(done.stdout.is_empty());
        }
    }
}
