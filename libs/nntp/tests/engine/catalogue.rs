//! The faults of servers by their number in the project's catalogue, S01 to S54:
//! what each is, and where it is shown that the client does right.
//!
//! A row runs its case here, or names the tests that do; the compiler knows
//! whether they exist. All cases run on a fast clock with the timeouts that people
//! have. What is shown elsewhere, or not at all:
//!
//! - S02, addresses that swallow packets: the unit tests of `dial`, which can give
//!   a host several addresses; here one of two refuses.
//! - S12, the line ends in credentials of the server file: the unit tests of
//!   `config`, too.
//! - S23, S24: what a body is, only its decoder knows (crate `yenc`, and the
//!   pipeline, which compares the parts of a file). Here a sink stands for it.
//! - S33, S34: where a block ends has a table of its own in `multiline`.
//! - S41, packets dropped without a word: needs a firewall, and a client sees
//!   nothing but a server that is silent for ever. That is tested.
//! - S37, that our own rate limit is not taken for a slow server: unit tests of
//!   `patience` and the pipeline's of `--limit-rate`.

mod answers;
mod bodies;
mod doors;
mod outages;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use nzbpipe_nntp::config::Server;

use crate::haste::quickly;
use crate::peer::{Act, Asked, Peer};
use crate::rig::{Keepers, Plan, Run, ids, requests};

/// A fault, and where it is met. The name begins with its number.
struct Row(&'static str, Shown);

/// Where the right behaviour is shown.
enum Shown {
    /// Here: a server that says this, and what comes of it.
    Case(Case),
    /// Here, in a shape of its own.
    Own(fn()),
    /// By these tests, which run where they are.
    By(&'static [fn()]),
}

/// A run with a bad server.
struct Case {
    script: fn(&Asked<'_>) -> Option<Act>,
    /// How the client is to use it.
    with: fn(&mut Server),
    /// Whether a good server, `b`, stands behind it.
    second: bool,
    /// Whether sinks know the right text of each article.
    strict: bool,
    segments: usize,
    then: fn(&Seen),
}

/// A good server, alone.
const ALONE: Case = Case {
    script: |_| None,
    with: |_| {},
    second: false,
    strict: true,
    segments: 12,
    then: all_good,
};

/// One with a good server behind it, which has what it lacks.
const BEFORE: Case = Case {
    second: true,
    ..ALONE
};

/// What a case gave.
struct Seen {
    run: Run,
    bad: Peer,
    good: Peer,
    segments: usize,
}

impl Seen {
    /// All ended so.
    fn all(&self, word: &str) {
        for id in ids(self.segments) {
            assert_eq!(self.run.word(&id), word, "{id}: {}", self.run.told());
        }
    }

    /// `id` ended so, all others well.
    fn one(&self, id: &str, word: &str) {
        assert_eq!(self.run.word(id), word, "{}", self.run.told());
        for other in ids(self.segments).iter().filter(|other| *other != id) {
            let word = self.run.word(other);
            assert!(word.starts_with("body from"), "{other}: {word}");
        }
    }
}

fn all_good(seen: &Seen) {
    seen.run.assert_all_good(seen.segments);
}

impl Case {
    async fn run(&self) {
        let (bad, good) = (Peer::new(self.script).await, Peer::good().await);
        let mut server = bad.server("a");
        (self.with)(&mut server);
        let mut servers = vec![server];
        servers.extend(self.second.then(|| Server {
            level: 1,
            ..good.server("b")
        }));
        let sinks = Keepers {
            strict: self.strict,
            ..Keepers::default()
        };
        let mut plan = Plan {
            sinks,
            bound: Duration::from_secs(900),
            ..Plan::new(servers)
        };
        plan.options.max_down = Duration::from_secs(60);
        let run = plan.run(requests(&ids(self.segments))).await;
        let segments = self.segments;
        assert_eq!(run.outcomes.len(), segments);
        (self.then)(&Seen {
            run,
            bad,
            good,
            segments,
        });
    }
}

fn rows() -> impl Iterator<Item = &'static Row> {
    let all = [doors::ROWS, answers::ROWS, bodies::ROWS, outages::ROWS];
    all.into_iter().flatten()
}

#[test]
fn every_number_has_a_row() {
    let numbers: BTreeSet<&str> = rows().map(|Row(name, _)| &name[..3]).collect();
    for number in 1..=54 {
        let name = format!("S{number:02}");
        assert!(numbers.contains(&*name), "{name}");
    }
    assert_eq!(numbers.len(), 54);
    let named = |Row(_, shown): &&Row| !matches!(shown, Shown::By([]));
    assert!(rows().all(|row| named(&row)));
}

#[test]
fn every_row_holds() {
    let left = Mutex::new(rows());
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some(Row(name, shown)) = left.lock().unwrap().next() else {
                return;
            };
            let row = || match shown {
                Shown::Case(case) => quickly(case.run()),
                Shown::Own(test) => test(),
                Shown::By(_) => {}
            };
            if std::panic::catch_unwind(row).is_err() {
                failed.lock().unwrap().push(*name);
            }
        }
    };
    std::thread::scope(|scope| (0..6).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed:#?}");
}
