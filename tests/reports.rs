//! What the programs tell while they fetch and when they have: `--progress`,
//! `--stats`, `--metrics`, `progress` records, the conversation.

use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::corpus::Post;
use crate::download::film;
use crate::exposition;
use crate::harness::{Job, Mode, Scene, each, until};
use crate::records;
use crate::server::{Act, Script, Server, nobody};

/// One connection, one request at a time, under a name that needs escaping.
fn one(server: &Server) -> String {
    server.flag_with("name=a%22b&connections=1&pipeline=1")
}

#[track_caller]
fn stats(t: &Scene) -> Value {
    serde_json::from_slice(&t.read("stats.json")).unwrap()
}

#[track_caller]
fn metrics(t: &Scene) -> std::collections::BTreeMap<String, f64> {
    let text = String::from_utf8(t.read("fetch.prom")).unwrap();
    exposition::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn stats_of_a_success() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = "--stats stats.json --limit-rate 1.5G --max-down 7s --hedge 0 --deadline 1h";
        t.download(&Job::with(&format!("{flags} {}", one(&server))))
            .code(0);
        let stats = stats(t);
        assert_eq!(
            (&stats["code"], &stats["status"]),
            (&0.into(), &"ok".into())
        );
        assert_eq!(stats["segments"], film.parts());
        assert_eq!(stats["fates"]["ok"], film.parts());
        assert_eq!(stats["servers"][0]["name"], "a\"b");
        assert_eq!(stats["servers"][0]["bodies"], film.parts());
        assert_eq!(stats["servers"][0]["bytes"], stats["bytes"]);
        assert!(stats["bytes"].as_u64() > Some(film.data.len() as u64));
        assert!(stats["ms"].as_u64().is_some() && stats["rate"].as_u64() > Some(0));
        let options = &stats["options"];
        assert_eq!(options["limit_rate"], 1_500_000_000);
        assert_eq!(options["max_down_ms"], 7_000);
        assert_eq!(options["deadline_ms"], 3_600_000);
        assert_eq!(
            (&options["hedge"], &options["retries"]),
            (&0.into(), &3.into())
        );
        let stage = match t.mode {
            Mode::Piped => "nntp-fetch",
            Mode::Fused => "nzbpipe",
        };
        assert_eq!(stats["stage"], stage);
    });
}

/// What is missing and damaged is told by server and by fate.
#[test]
fn stats_of_losses() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film])
            .always(&film.id(1), Act::missing())
            .always(&film.id(2), Act::Flip)
            .start();
        t.nzb(&[&film]);
        t.download(&Job::with(&format!("--stats stats.json {}", one(&server))))
            .code(1);
        let stats = stats(t);
        assert_eq!(
            (&stats["code"], &stats["status"]),
            (&1.into(), &"partial".into())
        );
        assert_eq!(stats["fates"]["missing"], 1);
        assert_eq!(stats["fates"]["damaged"], 1);
        let server = &stats["servers"][0];
        assert_eq!(
            (&server["missing"], &server["errors"]["missing"]),
            (&1.into(), &1.into())
        );
        assert!(server["errors"]["damaged"].as_u64() >= Some(1), "{stats:#}");
    });
}

/// Nobody answers, and there is no server at all: the file is written all the same.
#[test]
fn stats_of_failures() {
    let film = film();
    each(|t| {
        t.nzb(&[&film]);
        let job = Job::with(&format!(
            "--stats stats.json --metrics fetch.prom --retries 0 --max-down 1s {}",
            nobody()
        ));
        t.download(&job).code(69);
        let stats = stats(t);
        assert_eq!(stats["code"], 69);
        assert_eq!(stats["fates"]["unreachable"], film.parts());
        assert_eq!(
            metrics(t)["nzbpipe_segments_total{fate=\"unreachable\"}"],
            film.parts() as f64
        );
    });
    each(|t| {
        t.nzb(&[&film]);
        t.download(&Job::with("--stats stats.json")).code(78);
        assert_eq!(stats(t)["code"], 78);
        assert_eq!(stats(t)["servers"], Value::Array(Vec::new()));
    });
}

/// Connections that cannot be opened are errors of class transport.
#[test]
fn stats_of_a_dead_server() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = format!("{} {}", nobody(), server.flag_with("level=1"));
        t.download(&Job::with(&format!(
            "--stats stats.json --metrics fetch.prom --max-down 1s {flags}"
        )))
        .code(0);
        // Both are called after their host.
        let names = ["127.0.0.1", "127.0.0.1 (2)"];
        for (place, name) in names.iter().enumerate() {
            assert_eq!(stats(t)["servers"][place]["name"], *name);
            let bytes = format!("nzbpipe_bytes_total{{server={name:?}}}");
            assert!(metrics(t).contains_key(&bytes), "{bytes}");
        }
        let stats = stats(t);
        let errors = &stats["servers"][0]["errors"];
        assert!(errors["transport"].as_u64() >= Some(1), "{stats:#}");
        assert_eq!(stats["servers"][1]["bodies"], film.parts());
    });
}

#[test]
fn stats_after_a_signal() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).once(&film.id(3), Act::Hold).start();
        t.nzb(&[&film]);
        let running = t.begin(&Job::with(&format!("--stats stats.json {}", one(&server))));
        until("a part is written", || {
            server.holds() && !t.tree("out").is_empty()
        });
        assert!(!t.path("stats.json").exists());
        running.signal(Signal::TERM);
        running.finish().code(143);
        server.release();
        let stats = stats(t);
        assert_eq!(
            (&stats["code"], &stats["status"]),
            (&143.into(), &"interrupted".into())
        );
        assert_eq!(stats["fates"]["ok"], 2);
        assert_eq!(stats["servers"][0]["bodies"], 2);
    });
}

/// What cannot be written is told before anything is fetched.
#[test]
fn reports_that_cannot_be_written() {
    let film = film();
    let server = Script::of(&[&film]).start();
    for file in ["nosuch/file", "x.nzb/file", "/dev/null", "."] {
        for flag in ["--stats", "--metrics"] {
            let t = Scene::alone();
            t.nzb(&[&film]);
            t.run(&format!(
                "nzbpipe {flag} {file} -d out {} x.nzb",
                server.flag()
            ))
            .code(73);
            assert_eq!(server.asked(&film.id(1)), 0);
        }
    }
    // The last stage of the pipe knows.
    each(|t| {
        t.nzb(&[&film]);
        t.download(&Job::with(&format!(
            "--stats nosuch/file {}",
            server.flag()
        )))
        .code(73)
        .says("nosuch/file");
    });
}

/// Whoever reads the metrics while they are written reads all of them, and others
/// may read them.
#[test]
fn metrics_are_whole_at_any_time() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).once(&film.id(3), Act::Hold).start();
        t.nzb(&[&film]);
        let running = t.begin(&Job::with(&format!(
            "--metrics fetch.prom {}",
            one(&server)
        )));
        until("a part is written", || {
            server.holds() && !t.tree("out").is_empty()
        });
        let began = Instant::now();
        let mut versions = Vec::new();
        // Longer than this, and what is held would be asked for again.
        while versions.len() < 2 && began.elapsed() < Duration::from_millis(3_800) {
            metrics(t);
            let inode = std::fs::metadata(t.path("fetch.prom")).unwrap().ino();
            if !versions.contains(&inode) {
                versions.push(inode);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(versions.len() >= 2, "{versions:?}");
        let now = metrics(t);
        let server_label = r#"server="a\"b""#;
        assert_eq!(now[&format!("nzbpipe_connections{{{server_label}}}")], 1.0);
        let bodies = format!("nzbpipe_articles_total{{result=\"body\",{server_label}}}");
        assert_eq!(now[&bodies], 2.0);
        assert!(now["nzbpipe_start_time_seconds{}"] > 1e9);
        server.release();
        running.finish().code(0);
        let last = metrics(t);
        assert_eq!(last[&bodies], film.parts() as f64);
        assert_eq!(
            last["nzbpipe_segments_total{fate=\"ok\"}"],
            film.parts() as f64
        );
        assert_eq!(last[&format!("nzbpipe_connections{{{server_label}}}")], 0.0);
        let mode = std::fs::metadata(t.path("fetch.prom"))
            .unwrap()
            .permissions()
            .mode();
        let plain = std::fs::metadata(t.path("x.nzb"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode, plain);
        let litter = t.tree("").into_keys().find(|name| name.contains(".tmp"));
        assert_eq!(litter, None);
    });
}

/// A line now and then for logs; the last one when it is over.
#[test]
fn progress_in_lines() {
    let film = Post::new("film.bin", 20_000, 3_000);
    each(|t| {
        let server = Script::of(&[&film])
            .always(&film.id(1), Act::missing())
            .once(&film.id(4), Act::Hold)
            .start();
        t.nzb(&[&film]);
        let job = Job {
            write: "--progress line".to_owned(),
            ..Job::with(&one(&server))
        };
        let running = t.begin(&job);
        until("a line is printed", || running.stderr().contains("%"));
        let line = running.stderr();
        assert!(line.contains("1 connection  1 segment lost"), "{line}");
        server.release();
        running.finish().code(1).says("(100%)");
    });
}

#[test]
fn progress_in_json() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let job = Job {
            write: "--progress json".to_owned(),
            ..Job::with(&one(&server))
        };
        let done = t.download(&job).code(0);
        let objects: Vec<Value> = done
            .stderr
            .lines()
            .filter(|line| line.starts_with('{'))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let last = objects.last().unwrap();
        assert_eq!(
            (&last["type"], &last["stage"]),
            (&"progress".into(), &"nntp-fetch".into())
        );
        assert_eq!(last["done"], last["total"]);
        assert_eq!((&last["files"], &last["lost"]), (&1.into(), &0.into()));
        assert_eq!(last["servers"][0]["bodies"], film.parts());
    });
    let t = Scene::alone();
    let server = Script::of(&[&film]).start();
    t.nzb(&[&film]);
    t.run(&format!(
        "nzbpipe -q --progress json -d out {} x.nzb",
        server.flag()
    ))
    .code(0)
    .silent();
}

/// `progress` records tell what each server does, and not more than twice a second.
#[test]
fn progress_records() {
    let film = film();
    let server = Script::of(&[&film]).once(&film.id(3), Act::Hold).start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    let running = t.start(&format!("nzb-split x.nzb | nntp-fetch {}", one(&server)));
    until("it is held", || server.holds());
    std::thread::sleep(Duration::from_millis(1_600));
    server.release();
    let records = running.finish().code(0).records();
    let progress: Vec<_> = records.iter().filter(|r| r.kind() == "progress").collect();
    assert!((2..=6).contains(&progress.len()), "{}", progress.len());
    let times: Vec<u64> = progress.iter().filter_map(|r| r.number("ms")).collect();
    // The last one comes with the end, whenever that is.
    let regular = &times[..times.len() - 1];
    assert!(regular.windows(2).all(|w| w[1] >= w[0] + 250), "{times:?}");
    let held = |r: &&&records::Record| r.header["servers"][0]["connections"] == 1;
    let held = progress.iter().find(held).unwrap();
    assert_eq!(held.header["servers"][0]["name"], "a\"b");
    let last = &progress.last().unwrap().header["servers"][0];
    assert_eq!(last["bodies"], film.parts());
    for key in [
        "allowed", "window", "rtt_ms", "hedged", "recycled", "missing", "damaged",
    ] {
        assert!(last[key].is_number(), "{key}: {last:#}");
    }
    for class in ["transport", "capacity", "login", "damaged", "missing"] {
        assert!(last["errors"][class].is_u64(), "{class}: {last:#}");
    }
}

/// `-v` shows who said what on which connection; no password, no control characters.
#[test]
fn the_conversation() {
    let film = film();
    let server = Script::of(&[&film])
        .login("me", "correct horse")
        .always(&film.id(2), Act::Reply("430 gone \u{1b}[2J".to_owned()))
        .start();
    each(|t| {
        t.nzb(&[&film]);
        t.write("password", "correct horse\n");
        let lines = "name = \"main\"\nusername = \"me\"\npassword_file = \"password\"";
        t.write("servers.toml", server.table(lines));
        let job = Job {
            common: "-v".to_owned(),
            ..Job::with("--servers servers.toml")
        };
        let done = t
            .download(&job)
            .code(1)
            .says("main#1 < 200 scripted server ready")
            .says("main#1 > AUTHINFO USER me")
            .says(&format!("> BODY <{}>", film.id(1)))
            .says(&format!("< 222 0 <{}>", film.id(1)))
            .says("< 430 gone \u{fffd}[2J");
        assert!(!done.stderr.contains("correct horse"), "{}", done.shown());
        assert!(!done.stderr.contains("=ybegin"), "{}", done.shown());
    });
}
