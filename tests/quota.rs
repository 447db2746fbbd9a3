//! How much a server may send: the count that runs and processes share, and what a
//! person is told when it is used up or cannot be read.

use std::fs;

use crate::corpus::Post;
use crate::harness::{Job, Scene, both, each};
use crate::server::{Script, Server};

fn film() -> Post {
    Post::new("film.bin", 50_000, 3_000)
}

/// A server file with these keys more.
fn configure(t: &Scene, server: &Server, keys: &str) -> Job {
    t.nzb(&[&film()]);
    let table = server.table(&format!("name = \"block\"\n{keys}"));
    t.write("servers.toml", table);
    Job::with("--servers servers.toml")
}

const FILE: &str = "../home/.local/state/nzbpipe/block.quota";

/// Writes the count as a run long ago left it.
fn counted(t: &Scene, total: u64) {
    let path = t.path(FILE);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    t.write(FILE, format!("nzbpipe-quota 1\ntotal {total}\nend\n"));
}

/// What the count says.
fn total(t: &Scene) -> u64 {
    let text = String::from_utf8(t.read(FILE)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("total "));
    line.unwrap().parse().unwrap()
}

#[test]
fn runs_add_up() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).start();
        let job = configure(t, &server, "quota = \"1G\"");
        t.download(&job).code(0);
        let once = total(t);
        assert!((50_000..60_000).contains(&once), "{once}");
        fs::remove_dir_all(t.path("out")).unwrap();
        t.download(&job).code(0);
        assert!(total(t) >= 2 * 50_000, "{}", total(t));
        let text = String::from_utf8(t.read(FILE)).unwrap();
        for kind in ["day ", "month ", "since "] {
            assert!(text.lines().any(|line| line.starts_with(kind)), "{text}");
        }
    });
}

/// A day is the user's. These two zones never have the same one.
#[test]
fn days_are_local() {
    let film = film();
    let server = Script::of(&[&film]).start();
    let t = Scene::alone();
    let mut job = configure(&t, &server, "quota_daily = \"1G\"");
    for zone in ["<+14>-14", "<-12>12"] {
        job.variables = format!("TZ='{zone}'");
        let _ = fs::remove_dir_all(t.path("out"));
        t.download(&job).code(0);
    }
    let text = String::from_utf8(t.read(FILE)).unwrap();
    let days = text.lines().filter(|line| line.starts_with("day "));
    assert_eq!(days.count(), 2, "{text}");
}

/// What is used up is asked no more, and comes again: 75.
#[test]
fn used_up() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        let job = configure(t, &server, "quota = \"1G\"");
        counted(t, 1_000_000_000);
        let done = t.download(&job).code(75).says("quota of 1 GB used up");
        assert_eq!(server.asked(&film.id(1)), 0);
        done
    });
}

/// The other server does what the first may not.
#[test]
fn used_up_on_one_of_two_servers() {
    let film = film();
    both(|t| {
        let [block, flat] = [0, 1].map(|_| Script::of(&[&film]).start());
        let mut job = configure(t, &block, "quota = \"1G\"");
        counted(t, 1_000_000_000);
        job.fetch += &format!(" {}", flat.flag_with("level=1"));
        let done = t.download(&job).code(0).file("x/film.bin", &film.data);
        assert_eq!(block.asked(&film.id(1)), 0);
        done
    });
}

/// To begin at 0 would overdraw a block account.
#[test]
fn a_count_that_is_not_understood() {
    let server = Script::of(&[&film()]).start();
    for text in ["", "nzbpipe-quota 1\ntotal 5\n", "nzbpipe-quota 9\nend\n"] {
        both(|t| {
            let job = configure(t, &server, "quota = \"1G\"");
            counted(t, 0);
            t.write(FILE, text);
            let done = t.download(&job).code(78);
            assert_eq!(t.read(FILE), text.as_bytes());
            done.says("block.quota: line").says("delete it")
        });
    }
    assert_eq!(server.log(), "");
}

/// A folder that cannot be made is told once, and the download goes on.
#[test]
fn a_count_that_cannot_be_written() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        let mut job = configure(t, &server, "quota = \"1G\"");
        job.variables = "XDG_STATE_HOME=/proc/nzbpipe".to_owned();
        let done = t.download(&job).code(0).file("x/film.bin", &film.data);
        let told = done.stderr.matches("counted in memory only").count();
        assert_eq!(told, 1, "{}", done.shown());
        done
    });
}
