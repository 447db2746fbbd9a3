//! Bad servers beside a good one: they cost the job nothing but the first timeouts,
//! and people are told what is wrong with each.

use std::time::{Duration, Instant};

use crate::corpus::Post;
use crate::harness::{Job, Scene, each, until};
use crate::hole::{Hole, Mute};
use crate::sealed::Sealed;
use crate::server::{Script, Server};

/// A server table at `port` of this machine.
pub fn table(name: &str, port: u16, lines: &str) -> String {
    format!("[[server]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\n{lines}\n")
}

/// A port where nobody listens.
pub fn closed() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

fn slow(film: &Post) -> Server {
    Script::of(&[film]).pace(Duration::from_millis(20)).start()
}

fn timed(t: &Scene, job: &Job) -> (Duration, crate::harness::Done) {
    let began = Instant::now();
    let done = t.download(job).code(0);
    (began.elapsed(), done)
}

/// One refuses, one swallows, one is mute, one has an expired certificate.
#[test]
fn four_bad_ones_and_a_good_one() {
    let film = Post::new("film.bin", 60_000, 400);
    let hole = Hole::new();
    let mute = Mute::new();
    let expired = Sealed::new("127.0.0.1", 2020);
    each(|t| {
        let server = slow(&film);
        t.nzb(&[&film]);
        t.write("ca.pem", &expired.authority);
        let good = server.table("name = \"good\"\npipeline = 2");
        let bad = [
            table("dead", closed(), "tls = false"),
            table("hole", hole.port, "tls = false"),
            table("mute", mute.port, "tls = false"),
            table("expired", expired.port, "cacert = \"ca.pem\""),
        ];
        t.write("good.toml", &good);
        t.write("all.toml", bad.concat() + &good);
        let (alone, _) = timed(t, &Job::with("--servers good.toml"));
        std::fs::remove_dir_all(t.path("out")).unwrap();
        let job = Job::with("--servers all.toml --connect-timeout 500ms");
        let (beside, done) = timed(t, &job);
        eprintln!(
            "{:?}: {alone:?} alone, {beside:?} with four bad ones",
            t.mode
        );
        // Benchmarks judge speed; this only tells waiting for them from not waiting.
        assert!(
            beside < alone * 2 + Duration::from_secs(2),
            "{}",
            done.shown()
        );
        done.file("x/film.bin", &film.data)
            .says("server dead: out of reach (no connection to 127.0.0.1:")
            .says("Connection refused); trying again")
            .says("server hole: out of reach (no connection to 127.0.0.1:")
            .says("server mute: out of reach (no greeting")
            .says("server expired: no trusted TLS connection (TLS: the certificate has expired)")
            .says("The server is not asked any more");
        assert!(server.most() <= 2);
    });
}

/// From where, and over which kind of address.
#[test]
fn addresses_that_are_asked_for() {
    let film = Post::new("film.bin", 3_000, 1_000);
    let rows = [
        ("ip = \"4\"", 0, ""),
        ("bind = \"127.0.0.1\"", 0, ""),
        (
            "ip = \"6\"",
            69,
            "the host has no address that fits ip and bind",
        ),
        (
            "bind = \"::1\"",
            69,
            "the host has no address that fits ip and bind",
        ),
        (
            "bind = \"192.0.2.1\"",
            69,
            "bind 192.0.2.1: Cannot assign requested address",
        ),
    ];
    for (key, code, says) in rows {
        each(|t| {
            let server = Script::of(&[&film]).start();
            t.nzb(&[&film]);
            t.write("servers.toml", server.table(key));
            let job = Job::with("--servers servers.toml --max-down 300ms --retries 0");
            t.download(&job).code(code).says(says);
        });
    }
    // Linux has all of 127.0.0.0/8 at its loopback interface.
    each(|t| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        t.nzb(&[&film]);
        let lines = "tls = false\nconnections = 1\nbind = \"127.0.0.7\"";
        t.write("servers.toml", table("a", port, lines));
        let running = t.begin(&Job::with("--servers servers.toml"));
        listener.set_nonblocking(true).unwrap();
        let accepted = std::cell::RefCell::new(None);
        until("it connects", || {
            *accepted.borrow_mut() = listener.accept().ok();
            accepted.borrow().is_some()
        });
        let (_, peer) = accepted.into_inner().unwrap();
        assert_eq!(peer.ip().to_string(), "127.0.0.7");
        running.signal(rustix::process::Signal::TERM);
        running.finish().code(143);
    });
}
