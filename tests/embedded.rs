//! The embedded server and the programs, over TLS and with a login.

use std::fs;

use rustix::process::Signal;

use crate::corpus::Post;
use crate::harness::{Job, Running, Scene, both, each, until};

/// Starts `nntp-serve` on a free port with TLS and a login; the server file for its
/// clients is `servers.toml`.
fn serve(t: &Scene, posts: &[&Post], flags: &str) -> Running {
    fs::create_dir_all(t.path("files/season 1")).unwrap();
    for post in posts {
        t.write(&format!("files/{}", post.name), &post.data);
    }
    t.write("password", "correct horse\n");
    let server = t.start(&format!(
        "noted nntp-serve --files files --nzb-out nzb --listen-tls 127.0.0.1:0 --user me \
         --password-file password --ca-out ca.pem --servers-out servers.toml {flags}"
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

#[test]
fn tls_and_login() {
    let film = Post::new("film ü.bin", 3_000_000, 700_000);
    let part = Post::new("season 1/one.bin", 100_000, 700_000);
    both(|t| {
        let server = serve(t, &[&film, &part], "--article-size 100000 --latency 5ms");
        let done = t.download(&job("season 1")).code(0);
        assert_eq!(
            t.read("out/season 1/one.bin"),
            part.data,
            "{}",
            done.shown()
        );
        let done = t.download(&job("film ü.bin")).code(0);
        assert_eq!(t.read("out/film ü.bin/film ü.bin"), film.data);
        server.signal(Signal::INT);
        server
            .finish()
            .code(130)
            .says("listening on nntps://127.0.0.1:");
        done
    });
}

#[test]
fn articles_that_are_missing() {
    let film = Post::new("film.bin", 1_000_000, 700_000);
    // Which ones follows from the ids, and these from the time of the file.
    each(|t| {
        let server = serve(t, &[&film], "--article-size 10000 --missing 30");
        let done = t
            .download(&job("film.bin"))
            .code(1)
            .fate("missing film.bin");
        let missing = done
            .fates()
            .iter()
            .filter(|f| f.starts_with("missing"))
            .count();
        assert!((5..60).contains(&missing), "{missing} of 100 are not 30 %");
        server.signal(Signal::TERM);
        server.finish().code(143);
    });
}

/// Without the authority that signed it, the certificate proves nothing.
#[test]
fn an_unknown_certificate() {
    let film = Post::new("film.bin", 10_000, 700_000);
    both(|t| {
        let server = serve(t, &[&film], "");
        let table = String::from_utf8(t.read("servers.toml")).unwrap();
        let untrusting: Vec<_> = table.lines().filter(|l| !l.starts_with("cacert")).collect();
        t.write("untrusting.toml", untrusting.join("\n"));
        let servers = |flags: &str| Job {
            fetch: format!("--servers untrusting.toml {flags}"),
            ..job("film.bin")
        };
        t.download(&servers("")).code(77).says("certificate");
        let done = t.download(&servers("--insecure")).code(0).says("warning");
        assert_eq!(t.read("out/film.bin/film.bin"), film.data);
        server.signal(Signal::INT);
        server.finish();
        done
    });
}
