//! What `nntp-serve` can be told beyond the files it offers.

use std::fs;

use rustix::process::Signal;

use crate::corpus::Post;
use crate::harness::{Job, Running, Scene, both, each, until};

fn serve(t: &Scene, post: &Post, flags: &str) -> Running {
    fs::create_dir_all(t.path("files")).unwrap();
    t.write(&format!("files/{}", post.name), &post.data);
    let server = t.start(&format!(
        "noted nntp-serve --files files --nzb-out nzb --listen 127.0.0.1:0 \
         --servers-out servers.toml {flags}"
    ));
    until("the server is ready", || t.path("servers.toml").exists());
    server
}

fn job(nzb: &str) -> Job {
    Job {
        nzbs: format!("'nzb/{nzb}.nzb'"),
        ..Job::with("--servers servers.toml")
    }
}

/// SIGHUP: new files, a new password, and the sessions go on.
#[test]
fn files_and_password_anew() {
    let old = Post::new("old.bin", 200_000, 700_000);
    let new = Post::new("new.bin", 200_000, 700_000);
    each(|t| {
        t.write("password", "first\n");
        let server = serve(t, &old, "--user me --password-file password");
        t.download(&job("old.bin")).code(0);
        t.write("files/new.bin", &new.data);
        t.write("password", "\n");
        server.signal(Signal::HUP);
        t.write("password", "second\n");
        server.signal(Signal::HUP);
        until("the files are looked at", || {
            t.path("nzb/new.bin.nzb").exists()
        });
        t.download(&job("new.bin")).code(0);
        assert_eq!(t.read("out/new.bin/new.bin"), new.data);
        server.signal(Signal::TERM);
        server
            .finish()
            .code(143)
            .says("serving 1 file, 1 article")
            .says("serving 2 files, 2 articles");
    });
}

/// Limits and a large cache change nothing about the files.
#[test]
fn under_limits() {
    let film = Post::new("film.bin", 1_000_000, 700_000);
    both(|t| {
        let server = serve(
            t,
            &film,
            "--article-size 50000 --limit-rate 2M --total-rate 10M --cache 1Gi",
        );
        let done = t.download(&job("film.bin")).code(0);
        assert_eq!(t.read("out/film.bin/film.bin"), film.data);
        server.signal(Signal::INT);
        server.finish().code(130);
        done
    });
}

/// A server that allows fewer connections than the client was told, and says so in
/// the words of real ones: nothing fails for it.
#[test]
fn too_many_connections_in_other_words() {
    let film = Post::new("film.bin", 500_000, 700_000);
    for flags in [
        "--max-connections-reply '400 too many connections from your IP'",
        "--max-connections-at body --max-connections-reply '502 Too many connections'",
    ] {
        each(|t| {
            let server = serve(
                t,
                &film,
                &format!("--article-size 20000 --latency 5ms --max-connections 2 {flags}"),
            );
            t.download(&job("film.bin")).code(0);
            assert_eq!(t.read("out/film.bin/film.bin"), film.data);
            server.signal(Signal::INT);
            server.finish().code(130);
        });
    }
}

#[test]
fn settings_that_cannot_work() {
    let t = Scene::alone();
    fs::create_dir_all(t.path("files")).unwrap();
    for (flags, code) in [
        ("--limit-rate fast", 64),
        ("--cache 1X", 64),
        ("--max-connections-at noon --max-connections 1", 64),
        ("--max-connections-reply '502 no'", 64),
        ("--max-connections 1 --max-connections-reply welcome", 78),
    ] {
        t.run(&format!(
            "nntp-serve --files files --listen 127.0.0.1:0 {flags}"
        ))
        .code(code);
    }
}
