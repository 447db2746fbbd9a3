//! Servers that allow fewer connections than they are asked for, each in the words
//! and at the moment of real ones: no article fails, and the limit is found.

use std::time::Duration;

use serde_json::Value;

use crate::corpus::Post;
use crate::harness::{Job, Scene, each, until};
use crate::server::{Script, Server, When};

/// 20 connections with a login; what was done goes to `stats.json`.
fn twenty(t: &Scene, film: &Post, server: &Server) -> Job {
    t.nzb(&[film]);
    t.write("secret", "sesame\n");
    let login = "username = \"me\"\npassword_file = \"secret\"";
    let table = server.table(login);
    t.write(
        "servers.toml",
        table.replace("connections = 2", "connections = 20"),
    );
    // What is slow on a busy machine is not to be asked for twice.
    Job::with("--servers servers.toml --stats stats.json --hedge 0")
}

fn stats(t: &Scene) -> Value {
    serde_json::from_slice::<Value>(&t.read("stats.json")).unwrap()["servers"][0].clone()
}

/// The server allows 8 of 20 and says so with `line`.
#[track_caller]
fn eight_of_twenty(when: When, line: &str) {
    let film = Post::new("film.bin", 150_000, 500);
    each(|t| {
        let server = Script::of(&[&film])
            .login("me", "sesame")
            .pace(Duration::from_millis(20))
            .sessions(8)
            .full(when, line)
            .start();
        let job = twenty(t, &film, &server);
        let done = t
            .download(&job)
            .code(0)
            .file("x/film.bin", &film.data)
            .says("too many connections (")
            .says(line);
        let once = done.stderr.matches("too many connections (").count();
        assert_eq!(once, 1, "{}", done.shown());
        let stats = stats(t);
        // One more while it is tried.
        let allowed = stats["allowed"].as_u64().unwrap();
        assert!((8..=9).contains(&allowed), "{stats:#}");
        assert_eq!(stats["errors"]["login"], 0, "{stats:#}");
        // All twelve at first, later one at a time, a second or more between them.
        let refused = server.turned_away();
        assert!((1..=12 + 4).contains(&refused), "{refused} refused");
        assert_eq!(stats["errors"]["capacity"], refused, "{stats:#}");
        // The server knows no more: none was ended for it.
        assert_eq!(server.seated(), 0);
        for number in 1..=film.parts() {
            assert_eq!(server.asked(&film.id(number)), 1, "article {number}");
        }
    });
}

#[test]
fn told_in_place_of_the_greeting() {
    eight_of_twenty(When::Greeting, "502 too many connections");
    eight_of_twenty(When::Greeting, "400 you are limited to 8 connections");
}

#[test]
fn told_at_the_login() {
    eight_of_twenty(When::Login, "481 max simultaneous IP addresses reached");
    eight_of_twenty(When::Login, "482 too many connections for your user");
}

#[test]
fn told_at_the_first_article() {
    eight_of_twenty(When::Body, "502 connection limit reached");
    eight_of_twenty(When::Body, "400 too many connections, closing this one");
}

/// Connections that are free again are found, one after the other.
#[test]
fn more_are_allowed_later() {
    let film = Post::new("film.bin", 50_000, 100);
    each(|t| {
        let server = Script::of(&[&film])
            .login("me", "sesame")
            .pace(Duration::from_millis(15))
            .sessions(2)
            .start();
        let running = t.begin(&twenty(t, &film, &server));
        until("some are refused", || server.turned_away() > 0);
        assert!(server.seated() <= 2);
        server.allow(4);
        until("one more is let in", || server.seated() > 2);
        running.finish().code(0).file("x/film.bin", &film.data);
        let allowed = stats(t)["allowed"].as_u64().unwrap();
        assert!((3..=5).contains(&allowed), "{:#}", stats(t));
    });
}
