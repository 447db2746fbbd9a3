//! How fast, how long and with which servers: the engine's flags, and servers that
//! change while the programs run.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::corpus::Post;
use crate::download::film;
use crate::harness::{Job, Running, Scene, both, each, until};
use crate::server::{Act, Script, Server, nobody};

/// Flags that say nothing: the command line is wrong, and nothing is fetched.
#[test]
fn flags_that_make_no_sense() {
    let t = Scene::alone();
    t.write("x.nzb", "");
    for flags in [
        "--limit-rate fast",
        "--limit-rate -1",
        "--limit-rate 1Kb",
        "--max-down soon",
        "--deadline 0",
        "--hedge much",
        "--progress sometimes",
        "--stats",
    ] {
        t.run(&format!("nzbpipe x.nzb {flags} 2>&1 >/dev/null"))
            .code(64);
        t.run(&format!("nntp-fetch {flags} < x.nzb")).code(64);
    }
    // Whole articles are not for files.
    t.run("nzbpipe --article x.nzb").code(64);
}

#[test]
fn sizes_have_units() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = "--limit-rate 1.5Gi --max-down 0 --deadline 90s --hedge 500k";
        t.download(&Job::with(&format!("{flags} {}", server.flag())))
            .code(0)
            .file("x/film.bin", &film.data);
    });
}

#[test]
fn a_limit_in_total() {
    let film = Post::new("film.bin", 1_500_000, 100_000);
    each(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let began = Instant::now();
        t.download(&Job::with(&format!("--limit-rate 1M {}", server.flag())))
            .code(0)
            .file("x/film.bin", &film.data);
        let took = began.elapsed();
        assert!(took > Duration::from_millis(1_000), "{took:?}");
        assert!(took < Duration::from_millis(6_000), "{took:?}");
    });
}

/// When the time is up the run ends as one that can be resumed, and is.
#[test]
fn a_deadline() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).once(&film.id(3), Act::Hold).start();
        t.nzb(&[&film]);
        let flags = server.flag_with("connections=1&pipeline=1");
        let began = Instant::now();
        let done = t
            .download(&Job::with(&format!("--deadline 1s {flags}")))
            .code(75)
            .says("run it again");
        assert!(began.elapsed() < Duration::from_secs(10));
        server.release();
        let whole = t.download(&Job::from(&server)).code(0);
        assert_eq!(whole.code, 0);
        whole.file("x/film.bin", &film.data);
        done
    });
}

/// A server that is there again before the patience ends loses nothing.
#[test]
fn down_for_too_long() {
    let film = film();
    each(|t| {
        t.nzb(&[&film]);
        let began = Instant::now();
        t.download(&Job::with(&format!("--max-down 1s {}", nobody())))
            .code(69);
        assert!(
            began.elapsed() >= Duration::from_secs(1),
            "{:?}",
            began.elapsed()
        );
    });
    // One that once worked: again later.
    each(|t| {
        let server = Script::of(&[&film])
            .connections(1)
            .bodies_a_connection(1)
            .start();
        t.nzb(&[&film]);
        let first = server.flag_with("connections=1&pipeline=1");
        t.download(&Job::with(&format!("--max-down 1s {first}")))
            .code(75)
            .says("run it again");
    });
}

/// A download that waits for article 3 of `server`, which `servers.toml` names.
fn held(t: &Scene, film: &Post, server: &Server, more: &str) -> Running {
    t.nzb(&[film]);
    t.write(
        "servers.toml",
        server
            .table("name = \"first\"\npipeline = 1")
            .replace("connections = 2", "connections = 1"),
    );
    let running = t.begin(&Job::with(&format!("--servers servers.toml {more}")));
    until("it is held", || server.holds() && !t.tree("out").is_empty());
    running
}

#[test]
fn servers_are_read_again() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).once(&film.id(3), Act::Hold).start();
        let running = held(t, &film, &server, "");
        let same = t.read("servers.toml");
        t.write("servers.toml", "[[server]]\nhost = 1\n");
        running.signal(Signal::USR2);
        until("it complains", || {
            running
                .stderr()
                .contains("servers not re-read, the old ones stay in use")
        });
        std::fs::remove_file(t.path("servers.toml")).unwrap();
        running.signal(Signal::USR2);
        until("it complains again", || {
            running.stderr().matches("servers not re-read").count() == 2
        });
        t.write("servers.toml", same);
        running.signal(Signal::USR2);
        until("it says so", || {
            running.stderr().contains("servers re-read: 1 in use")
        });
        server.release();
        running.finish().code(0).file("x/film.bin", &film.data);
    });
}

/// Programs that know no servers have nothing to read again, and do not die of it.
#[test]
fn other_programs_ignore_it() {
    let t = Scene::alone();
    for program in ["yenc-decode", "seg-write -d out"] {
        let _ = std::fs::remove_file(t.path("pids"));
        let running = t.start(&format!(
            "(until [ -e go ]; do sleep 0.05; done; printf '{{\"type\":\"stream\",\"v\":1}}\\n\
             {{\"type\":\"end\"}}\\n') | noted {program} > out.rec"
        ));
        until("it runs", || t.path("pids").exists());
        // The name of the program is not in place before exec.
        std::thread::sleep(Duration::from_millis(300));
        running.signal(Signal::USR2);
        std::thread::sleep(Duration::from_millis(100));
        t.write("go", "");
        running.finish().code(0).silent();
        std::fs::remove_file(t.path("go")).unwrap();
    }
}

/// Nobody is asked for a password while the programs run; one from a file is read.
#[test]
fn another_password() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).once(&film.id(3), Act::Hold).start();
        let locked = Script::of(&[&film]).login("me", "new").start();
        let running = held(t, &film, &server, "");
        t.write("password", "new\n");
        let lines = "username = \"me\"\npassword_file = \"password\"";
        t.write("servers.toml", locked.table(lines));
        running.signal(Signal::USR2);
        until("it says so", || {
            running.stderr().contains("servers re-read: 1 in use")
        });
        // The first server is not used any more; what it held is asked of the other.
        running.finish().code(0).file("x/film.bin", &film.data);
        assert!(locked.asked(&film.id(3)) >= 1);
    });
}

#[test]
fn another_server() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film])
            .once(&film.id(3), Act::Hold)
            .always(&film.id(4), Act::missing())
            .start();
        let other = Script::of(&[&film]).start();
        let running = held(t, &film, &server, "");
        let both = [
            t.read("servers.toml"),
            other.table("level = 1").into_bytes(),
        ]
        .concat();
        t.write("servers.toml", both);
        running.signal(Signal::USR2);
        until("it says so", || {
            running.stderr().contains("servers re-read: 2 in use")
        });
        server.release();
        running.finish().code(0).file("x/film.bin", &film.data);
        assert_eq!(other.asked(&film.id(4)), 1);
    });
}

#[test]
fn another_limit() {
    let film = Post::new("film.bin", 1_500_000, 100_000);
    each(|t| {
        let server = Script::of(&[&film]).once(&film.id(3), Act::Hold).start();
        let running = held(t, &film, &server, "");
        let limited = [t.read("servers.toml"), b"limit_rate = \"1M\"\n".to_vec()].concat();
        t.write("servers.toml", limited);
        running.signal(Signal::USR2);
        until("it says so", || {
            running.stderr().contains("servers re-read: 1 in use")
        });
        let began = Instant::now();
        server.release();
        running.finish().code(0).file("x/film.bin", &film.data);
        let took = began.elapsed();
        assert!(took > Duration::from_millis(800), "{took:?}");
    });
}

/// What one connection is stuck on at the end is asked for over another one as well,
/// unless that is not wanted.
#[test]
fn asked_for_twice_at_the_end() {
    let film = Post::new("film.bin", 40_000, 1_000);
    for (flag, twice) in [("", true), ("--hedge 0", false), ("--hedge 1", false)] {
        each(|t| {
            let last = film.id(film.parts());
            let server = Script::of(&[&film]).once(&last, Act::Hold).start();
            t.nzb(&[&film]);
            let flags = server.flag_with("connections=2&pipeline=1");
            let job = Job::with(&format!("--stats stats.json {flag} {flags}"));
            let running = t.begin(&job);
            until("it is held", || server.holds());
            match twice {
                true => until("it is asked again", || server.asked(&last) == 2),
                // What must not happen has nothing to wait for.
                false => std::thread::sleep(Duration::from_millis(700)),
            }
            assert_eq!(server.asked(&last), 1 + usize::from(twice));
            server.release();
            running.finish().code(0).file("x/film.bin", &film.data);
            let stats: serde_json::Value = serde_json::from_slice(&t.read("stats.json")).unwrap();
            let hedged = stats["servers"][0]["hedged"].as_u64();
            assert_eq!(hedged > Some(0), twice, "{stats:#}");
        });
    }
}
