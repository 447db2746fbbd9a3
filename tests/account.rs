//! An account that several processes use at once: its connections and its quota are
//! one, whoever uses them.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::corpus::Post;
use crate::harness::{Job, Mode, Scene, both, each, until};
use crate::server::{Act, Script, Server};

fn film() -> Post {
    Post::new("film.bin", 90_000, 3_000)
}

const SLOTS: &str = "../home/.local/state/nzbpipe/slots";

/// A server file whose two connections belong to an account.
fn configure(t: &Scene, server: &Server) -> Job {
    t.nzb(&[&film()]);
    t.write("servers.toml", server.table("account = \"a b\""));
    Job::with("--servers servers.toml")
}

#[test]
fn its_slots_are_files_of_its_user() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        let job = configure(t, &server);
        let done = t.download(&job).code(0).file("x/film.bin", &film.data);
        for name in ["a%20b.0", "a%20b.1", "a%20b.n"] {
            assert!(t.path(SLOTS).join(name).exists(), "{name}");
        }
        assert!(!t.path(SLOTS).join("a%20b.2").exists());
        done
    });
}

/// Without slots nothing keeps it from too many connections.
#[test]
fn slots_that_cannot_be_had() {
    let server = Script::of(&[&film()]).start();
    both(|t| {
        let job = configure(t, &server);
        fs::create_dir_all(t.path(SLOTS)).unwrap();
        let _ = symlink(t.path("x.nzb"), t.path(SLOTS).join("a%20b.1"));
        t.download(&job).code(73).says("a%20b.1").says("link")
    });
    both(|t| {
        let mut job = configure(t, &server);
        job.variables = "XDG_STATE_HOME=/dev/null".to_owned();
        t.download(&job).code(73).says("XDG_STATE_HOME")
    });
    assert_eq!(server.log(), "");
}

/// Servers of one account that contradict each other.
#[test]
fn contradictions() {
    let server = Script::of(&[&film()]).start();
    let rows = [
        ("", "connections = 3", "connections"),
        ("quota = 5", "connections = 2\nquota = 6", "quota"),
    ];
    for (one, two, names) in rows {
        both(|t| {
            let job = configure(t, &server);
            let first = server.table(&format!("account = \"a\"\n{one}"));
            let second = format!("[[server]]\nhost = \"h\"\naccount = \"a\"\n{two}\n");
            t.write("servers.toml", first + &second);
            t.download(&job).code(78).says("account a").says(names)
        });
    }
    assert_eq!(server.log(), "");
}

/// Two downloads at once have two connections between them.
#[test]
fn two_processes_share_it() {
    let film = film();
    each(|t| {
        let held = (1..=film.parts()).map(|n| film.id(n));
        let script = Script::of(&[&film]);
        let server = held
            .fold(script, |script, id| script.always(&id, Act::Hold))
            .start();
        let mut job = configure(t, &server);
        let first = t.begin(&job);
        until("its two connections", || server.most() == 2);
        job.write = "--flat".to_owned();
        let second = t.begin(&job);
        // What must not happen has nothing to wait for.
        thread::sleep(Duration::from_millis(700));
        server.release();
        first.finish().code(0);
        second.finish().code(0);
        assert!(server.most() <= 2, "{} connections", server.most());
    });
}

/// The kernel gives back what a killed process held.
#[test]
fn a_killed_process_gives_its_slots_back() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).once(&film.id(1), Act::Hold).start();
        let mut job = configure(t, &server);
        let table = server.table("account = \"a b\"");
        let table = table.replace("connections = 2", "connections = 1");
        t.write("servers.toml", table);
        let first = t.begin(&job);
        until("a request that is held", || server.holds());
        let pids = String::from_utf8(t.read("pids")).unwrap();
        job.write = "--flat".to_owned();
        let second = t.begin(&job);
        for pid in pids.lines().map(|line| line.parse().unwrap()) {
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
        drop(first);
        second.finish().code(0);
    });
}

/// Ten connections, and articles that take their time.
fn ten(t: &Scene, film: &Post, server: &Server) -> Job {
    t.nzb(&[film]);
    let table = server.table("account = \"x\"\npipeline = 2");
    t.write(
        "servers.toml",
        table.replace("connections = 2", "connections = 10"),
    );
    Job::with("--servers servers.toml")
}

/// The arrangements of two processes.
const PAIRS: [(Mode, Mode); 2] = [(Mode::Piped, Mode::Fused), (Mode::Fused, Mode::Piped)];

/// However they run, ten is for both together, at any time.
#[test]
fn ten_for_two() {
    let film = Post::new("film.bin", 100_000, 250);
    for (one, other) in PAIRS {
        let mut t = Scene::alone();
        let server = Script::of(&[&film]).pace(Duration::from_millis(15)).start();
        let mut job = ten(&t, &film, &server);
        job.fetch += " --stats one.json";
        t.mode = one;
        let first = t.begin(&job);
        job.fetch = job.fetch.replace("one.json", "other.json");
        job.write = "--flat".to_owned();
        t.mode = other;
        let second = t.begin(&job);
        first.finish().code(0);
        second.finish().code(0);
        assert_eq!(server.most(), 10, "{one:?}, {other:?}");
        for file in ["one.json", "other.json"] {
            let stats: serde_json::Value = serde_json::from_slice(&t.read(file)).unwrap();
            assert_eq!(stats["servers"][0]["errors"]["capacity"], 0, "{stats:#}");
        }
    }
}

/// What a killed process held is the other's within moments.
#[test]
fn ten_for_the_one_that_lives() {
    let film = Post::new("film.bin", 100_000, 250);
    for (one, other) in PAIRS {
        let mut t = Scene::alone();
        let server = Script::of(&[&film]).pace(Duration::from_millis(20)).start();
        let mut job = ten(&t, &film, &server);
        t.mode = one;
        let first = t.begin(&job);
        until("all ten are taken", || server.seated() == 10);
        let pids = String::from_utf8(t.read("pids")).unwrap();
        job.write = "--flat".to_owned();
        t.mode = other;
        let second = t.begin(&job);
        // What must not happen has nothing to wait for.
        thread::sleep(Duration::from_millis(100));
        // Later the server takes some time to see that they are gone.
        assert_eq!(server.most(), 10);
        for pid in pids.lines().map(|line| line.parse().unwrap()) {
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
        let killed = Instant::now();
        until("the first one's connections are gone", || {
            server.seated() < 10
        });
        until("all ten are taken again", || server.seated() == 10);
        let took = killed.elapsed();
        eprintln!("{one:?} killed: {other:?} had all ten after {took:?}");
        assert!(took < Duration::from_secs(4), "{took:?}");
        drop(first);
        second.finish().code(0);
    }
}
