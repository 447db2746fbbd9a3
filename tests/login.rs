//! Logins: accepted, refused, impossible; and the configuration they come from.

use crate::corpus::Post;
use crate::harness::{Job, Scene, both};
use crate::server::{Script, Server};

fn film() -> Post {
    Post::new("film.bin", 5_000, 3_000)
}

/// Writes a server file with this login, its password in a file beside it.
fn configure(t: &Scene, server: &Server, password: &str) -> Job {
    t.write("secret", format!("{password}\n"));
    let login = "username = \"me\"\npassword_file = \"secret\"";
    t.write("servers.toml", server.table(login));
    Job::with("--servers servers.toml")
}

#[test]
fn the_right_password() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).login("me", "open sesame").start();
        t.nzb(&[&film]);
        t.download(&configure(t, &server, "open sesame"))
            .code(0)
            .file("x/film.bin", &film.data)
    });
}

#[test]
fn a_wrong_password() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).login("me", "open sesame").start();
        t.nzb(&[&film]);
        let done = t
            .download(&configure(t, &server, "wrong-secret-word"))
            .code(77)
            .fate("failed login film.bin")
            .fate("end partial code=77 segments=2 ok=0");
        assert!(
            !done.stderr.contains("wrong-secret-word"),
            "{}",
            done.shown()
        );
        let tries = server.log().matches("AUTHINFO PASS").count();
        assert!(tries <= 2, "a wrong password was sent {tries} times");
        done
    });
}

#[test]
fn a_login_refused_in_other_words() {
    let film = film();
    for line in ["482 rejected", "502 access denied", "481 account expired"] {
        both(|t| {
            let server = Script::of(&[&film]).refusing(line).start();
            t.nzb(&[&film]);
            t.download(&configure(t, &server, "open-sesame"))
                .code(77)
                .says(&line[4..])
        });
    }
}

/// A server that speaks to the terminal; every run is checked for that.
#[test]
fn a_refusal_with_control_characters() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film])
            .refusing("481 \u{1b}]0;owned\u{7} \u{1b}[2J go away")
            .start();
        t.nzb(&[&film]);
        t.download(&configure(t, &server, "open-sesame"))
            .code(77)
            .says("go away")
    });
}

/// The other server does it; the refusal is told.
#[test]
fn a_wrong_password_on_one_of_two_servers() {
    let film = film();
    both(|t| {
        let locked = Script::of(&[&film]).login("me", "open sesame").start();
        let open = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let mut job = configure(t, &locked, "wrong");
        job.fetch += &format!(" {}", open.flag_with("level=1"));
        t.download(&job).code(0).file("x/film.bin", &film.data)
    });
}

#[test]
fn a_password_from_the_environment() {
    let film = film();
    let server = Script::of(&[&film]).login("me", "open sesame").start();
    let flag = server.flag_as("me");
    let variable = "NZBPIPE_PASSWORD='open sesame'";
    for line in [
        format!("nzb-split x.nzb | {variable} nntp-fetch {flag} | yenc-decode | seg-write"),
        format!("{variable} nzbpipe {flag} x.nzb"),
    ] {
        let t = Scene::alone();
        t.nzb(&[&film]);
        t.run(&line).code(0);
        assert_eq!(t.read("x/film.bin"), film.data);
    }
}

/// A table of configurations that cannot be used: code 78, and what the message
/// must name. The last stage of the pipe must know, too.
#[test]
fn unusable_configurations() {
    let film = film();
    let server = Script::of(&[&film]).start();
    let user = server.flag_as("me");
    let host = "[[server]]\nhost = \"news.example\"\n";
    let rows: [(&str, String, &str); 7] = [
        ("", String::new(), "--example-servers"),
        ("", String::new(), "nzbpipe/servers.toml"),
        (&user, String::new(), "NZBPIPE_PASSWORD"),
        (
            "-s nntp://me:sesame@127.0.0.1/",
            String::new(),
            "password_file",
        ),
        (
            "--servers servers.toml",
            format!("{host}conections = 3\n"),
            "conections",
        ),
        (
            "--servers servers.toml",
            "not toml".to_owned(),
            "servers.toml",
        ),
        (
            "--servers servers.toml",
            format!("{host}username = \"me\"\npassword = \"sesame\"\n"),
            "chmod 600",
        ),
    ];
    for (flags, file, names) in rows {
        both(|t| {
            t.nzb(&[&film]);
            t.write("servers.toml", &file);
            let done = t.download(&Job::with(flags)).code(78).says(names);
            let told = done.stderr.contains("sesame");
            assert!(!told, "a password was printed\n{}", done.shown());
            done.fate("end error code=78")
        });
    }
    assert_eq!(server.log(), "");
}
