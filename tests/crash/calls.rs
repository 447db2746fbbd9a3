//! Every n-th system call of the writer, one after the other: killed in it, or told that
//! the disk is full, the quota is used up, the device is broken or a signal came. strace
//! does that to the real programs. It counts the calls of each thread for itself, and the
//! first thread to come to its n-th meets its fate. Which thread writes which file is
//! luck; so, where all calls are gone through, those on each file are once more alone.
//!
//! A write that is short but no failure strace cannot bring about; a disk that fills up
//! can (`tests/crash/full.sh`).

use std::collections::BTreeSet;

use super::{Dice, all_there, nothing_false, setting, wanted};
use crate::corpus::Post;
use crate::harness::{Done, Scene, Tree};
use crate::server::{Script, Server};

/// Calls by what they are for, and whether one that fails may do no harm. `?`: not on
/// every machine.
const CALLS: [(&str, bool); 8] = [
    ("?pwrite64,?pwritev,?pwritev2", false),
    ("write,?writev", false),
    ("?rename,?renameat,renameat2", false),
    ("fsync,fdatasync,?sync_file_range", false),
    ("ftruncate,?fallocate", true),
    ("openat2", true),
    ("?mkdir,mkdirat", false),
    ("?unlink,unlinkat", true),
];

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The process ends in it.
    Killed,
    /// It fails this once, and is to be made again.
    Again,
    /// It fails this once.
    Once(&'static str),
    /// It fails from now on.
    Always(&'static str),
}

impl Fate {
    /// In the words of strace.
    fn words(self, nth: u64) -> String {
        match self {
            Fate::Killed => format!("signal=SIGKILL:when={nth}"),
            Fate::Again => format!("error=EINTR:when={nth}"),
            Fate::Once(name) => format!("error={name}:when={nth}"),
            Fate::Always(name) => format!("error={name}:when={nth}+"),
        }
    }
}

/// A program that writes, in a directory of its own, and what it touches there.
struct Subject {
    t: Scene,
    command: String,
    paths: Vec<String>,
    wanted: Tree,
    _server: Server,
}

impl Subject {
    /// `command` of a job's flags; `input` makes what it reads.
    fn new(posts: &[Post], command: impl Fn(&str) -> String, input: bool) -> Subject {
        let t = Scene::alone();
        let refs: Vec<&Post> = posts.iter().collect();
        let server = Script::of(&refs).start();
        t.nzb(&refs);
        let flag = server.flag();
        if input {
            let fetch = format!("nzb-split x.nzb | nntp-fetch {flag} | yenc-decode > p.rec");
            t.run(&fetch).code(0);
        }
        let mut subject = Subject {
            command: command(&flag),
            wanted: wanted(posts),
            paths: Vec::new(),
            _server: server,
            t,
        };
        subject.paths = subject.touched();
        subject
    }

    /// The files and directories it has open below `out` at any time, as strace wants
    /// them: what it does elsewhere, to its terminal or its threads, is left alone.
    fn touched(&self) -> Vec<String> {
        let seen = self.traced("-yy -e trace=file,desc", "");
        all_there(&self.t, &self.wanted, "undisturbed", &seen);
        let root = self.t.path("out").canonicalize().unwrap();
        let root = root.to_str().unwrap();
        let log = String::from_utf8(self.t.read("trace")).unwrap();
        let own = |word: &str| word.strip_prefix(root).map(str::to_owned);
        let found: BTreeSet<String> = log.split(['<', '>']).filter_map(own).collect();
        let paths = found.iter().map(|path| format!("-P '{root}{path}'"));
        paths.chain(["-P out".to_owned()]).collect()
    }

    /// Runs it from nothing under strace.
    fn traced(&self, flags: &str, paths: &str) -> Done {
        let _ = std::fs::remove_dir_all(self.t.path("out"));
        let command = &self.command;
        self.t
            .run(&format!("strace -f -qq -o trace {flags} {paths} {command}"))
    }

    /// Its n-th call of `calls` on `paths` meets `fate`. Whether it came to that; then a second run
    /// makes it whole.
    fn meets(
        &self,
        paths: &str,
        (calls, harmless): (&str, bool),
        (fate, nth): (Fate, u64),
    ) -> bool {
        let words = fate.words(nth);
        let flags = format!("-e trace={calls} -e inject={calls}:{words}");
        let done = self.traced(&flags, paths);
        let log = String::from_utf8(self.t.read("trace")).unwrap();
        let met = done.code == 137 || log.contains("(INJECTED)");
        let what = format!("{} {calls}:{words}\n{log}", self.command);
        nothing_false(&self.t, &self.wanted, &what, &done);
        if done.code != 137 {
            self.told_truly(&what, &done);
        }
        match (met, fate) {
            (false, _) | (_, Fate::Again) => {
                all_there(&self.t, &self.wanted, &what, &done);
                return met;
            }
            (_, Fate::Killed) => assert_eq!(done.code, 137, "{what}\n{}", done.shown()),
            // Exit codes of nzbpipe(7): 73 for what cannot be created.
            _ if harmless && done.code == 0 => {
                all_there(&self.t, &self.wanted, &what, &done);
                return met;
            }
            _ => {
                let told = done.code == 74
                    || done.code == 73
                        && (calls.contains("mkdir")
                            || calls.contains("open")
                            || calls.contains("rename"));
                let named = done.stderr.contains("out");
                assert!(told && named, "{what}\n{}", done.shown());
            }
        }
        let again = self.t.run(&self.command);
        all_there(&self.t, &self.wanted, &what, &again);
        met
    }

    /// What the run says of its files is so: each lies where it says, to programs and to
    /// people, and is whole if it says that.
    fn told_truly(&self, what: &str, done: &Done) {
        let tree = self.t.tree("out");
        for file in done.records().iter().filter(|r| r.kind() == "file") {
            let (path, status) = (file.text("path"), file.text("status"));
            let there = path.is_empty() || tree.contains_key(path);
            let true_word = status != "complete" || tree.get(path) == self.wanted.get(path);
            assert!(
                there && true_word,
                "{what}: {status} {path} is not so\n{}",
                done.shown()
            );
        }
        for (_, path) in done
            .stderr
            .lines()
            .filter_map(|l| l.split_once("kept as out/"))
        {
            assert!(
                tree.contains_key(path),
                "{what}: {path} is not there\n{}",
                done.shown()
            );
        }
    }

    /// All n, first on all files together and then on each; or every third on all
    /// together.
    fn goes_through(&self, fate: Fate, step: u64) {
        let mut scopes = vec![self.paths.join(" ")];
        if step == 1 {
            scopes.extend(self.paths.iter().cloned());
        }
        let mut dice = Dice(step);
        let mut met = Vec::new();
        for calls in CALLS {
            // Names are changed at once: POSIX has no EINTR there.
            let names = ["link", "rename", "mkdir"];
            if fate == Fate::Again && names.iter().any(|name| calls.0.contains(name)) {
                continue;
            }
            let mut count = 0;
            for paths in &scopes {
                let mut nth = 1 + dice.below(step);
                while self.meets(paths, calls, (fate, nth)) {
                    nth += step;
                    count += 1;
                }
            }
            met.push(count);
        }
        eprintln!("{}: {fate:?}: {met:?}", self.command);
        let certain = met.iter().take(4).all(|&n| n > 0);
        assert!(certain || step > 1, "no such call");
    }
}

/// Whether strace is there and may do its work; else it is said on standard error.
fn no_strace() -> bool {
    let t = Scene::alone();
    let no = t.run("strace -f -o trace true").code != 0;
    if no {
        eprintln!("NOT TESTED: strace is not installed or may not trace");
    }
    no
}

fn through_all(fates: &[Fate]) {
    if no_strace() {
        return;
    }
    let step = setting("NZBPIPE_CALLS_STEP").unwrap_or(3);
    // Several for each of the threads that write.
    let post = |n: usize| Post::new(&format!("f{n}.bin"), 12_500 + n, 2_500);
    let posts: Vec<Post> = (0..8).map(post).collect();
    let fused = |flag: &str| format!("nzbpipe {flag} -d out --json x.nzb");
    let piped = |_: &str| "seg-write -d out --json < p.rec".to_owned();
    for subject in [
        Subject::new(&posts, fused, false),
        Subject::new(&posts, piped, true),
    ] {
        for &fate in fates {
            subject.goes_through(fate, step);
        }
    }
}

#[test]
fn killed_in_any_call() {
    through_all(&[Fate::Killed]);
}

#[test]
fn any_call_fails() {
    through_all(&[
        Fate::Always("ENOSPC"),
        Fate::Always("EDQUOT"),
        Fate::Once("EIO"),
    ]);
}

#[test]
fn any_call_is_interrupted() {
    through_all(&[Fate::Again]);
}
