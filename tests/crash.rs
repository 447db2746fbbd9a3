//! Runs that are cut off: killed at any instant, at any system call, or refused one. What
//! holds afterwards is the same each time, and said here once.
//!
//! `kill` picks instants at random, `calls` goes through the system calls. A part of each
//! runs with the other tests, all of it in `tests/soak.sh`. What needs file systems of its
//! own (a full disk, a power cut) are scripts in `tests/crash/`.

mod calls;
mod kill;

use crate::corpus::Post;
use crate::harness::{Done, Scene, Tree, sha256};
use crate::run::JOURNAL;

/// What the posts are once they lie below `out`.
fn wanted(posts: &[Post]) -> Tree {
    let named = posts.iter();
    named
        .map(|post| (format!("x/{}", post.name), sha256(&post.data)))
        .collect()
}

/// Whatever happened: what has its final name is right. Unfinished files and journals
/// may lie there, nothing else.
#[track_caller]
fn nothing_false(t: &Scene, wanted: &Tree, what: &str, done: &Done) {
    for (path, content) in t.tree("out") {
        let own = content == JOURNAL || path.ends_with(".part");
        assert!(
            own || wanted.get(&path) == Some(&content),
            "{what}: {path} is not what it should be\n{}",
            done.shown()
        );
    }
}

/// All is there, right, and nothing besides but journals.
#[track_caller]
fn all_there(t: &Scene, wanted: &Tree, what: &str, done: &Done) {
    let mut found = t.tree("out");
    found.retain(|_, content| content != JOURNAL);
    assert!(
        done.code == 0 && found == *wanted,
        "{what}: not whole after a run to the end\n{}",
        done.shown()
    );
}

/// A number from the environment, which `tests/soak.sh` sets.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|e| panic!("{name}={text}: {e}")),
    )
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    /// From 0, below `end`.
    fn below(&mut self, end: u64) -> u64 {
        crate::corpus::splitmix(&mut self.0) % end.max(1)
    }
}
