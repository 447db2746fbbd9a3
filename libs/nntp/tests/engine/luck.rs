//! Random faults, by seed: whatever three servers do, each segment ends once, and
//! rightly.
//!
//! A plan says what each server does at each of its connections and requests. What
//! it does to one segment for ever is drawn by server and segment, so that it is
//! known beforehand which segments cannot be had. All other faults are drawn by
//! connection and place in it, and are spent: a seed has so many and no more. One
//! of each server's at most is an answer to another question: the second that hits
//! the same segment would rightly count as damage there.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nzbpipe_nntp::Outcome;
use nzbpipe_nntp::config::{Secret, Server};
use tokio::sync::Semaphore;

use crate::haste::quickly;
use crate::peer::{Act, Asked, Peer, answer, article, id, last, say, text};
use crate::rig::{Keepers, Plan, Run, ids, number, requests};

const SEGMENTS: usize = 60;

/// What CI runs; `tests/soak.sh` runs more.
const SEEDS: u64 = 200;

/// Bodies that may be in memory.
const BUDGET: usize = 4;

/// Faults that one server of a seed has in store, besides those of segments.
const STORE: usize = 8;

/// What a run may take, on the clock of the run: each fault costs a timeout or a
/// backoff at most, and many of them fall together.
const BOUND: Duration = Duration::from_secs(300);

/// How long each of a server's silences is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers to another question.
const STRANGE: [&str; 4] = ["withheld", "wrong id", "wrong 430", "unsolicited"];

/// What a server does to a segment, whoever asks and however often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Good,
    /// 430, 423 or 451; it is named or not.
    Missing(&'static str),
    /// A body that its decoder refuses.
    Damaged,
    /// The body of another article under the right id.
    Swapped,
}

/// A number drawn for these.
fn dice(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

fn fate(seed: u64, server: usize, segment: u64) -> Fate {
    // Nobody has these, in some way or other.
    let nowhere = dice((seed, "nowhere", segment)).is_multiple_of(13);
    let drawn = match (dice((seed, server, segment)) % 16, nowhere) {
        (0, _) => Fate::Missing("430 no such article"),
        (1, _) => Fate::Missing("430 NAMED"),
        (2, _) => Fate::Missing("451 removed"),
        (3, _) => Fate::Swapped,
        (4, _) | (_, true) => Fate::Damaged,
        _ => Fate::Good,
    };
    // Servers of one group miss the same articles.
    if server == 2 && grouped(seed) {
        return match (fate(seed, 0, segment), drawn) {
            (missing @ Fate::Missing(_), _) => missing,
            (_, Fate::Missing(_)) => Fate::Damaged,
            (_, drawn) => drawn,
        };
    }
    drawn
}

/// Whether the first and the last server have the same articles.
fn grouped(seed: u64) -> bool {
    seed.is_multiple_of(4)
}

/// Whether the second one is passed over as soon as it is out of reach.
fn optional(seed: u64) -> bool {
    seed % 4 == 1
}

/// A server and its faults.
struct Bad {
    seed: u64,
    server: usize,
    left: AtomicUsize,
    strange: AtomicUsize,
    given: Mutex<BTreeMap<&'static str, usize>>,
}

impl Bad {
    /// What it says to a command.
    fn says(&self, asked: &Asked<'_>) -> Option<Act> {
        let drawn = dice((
            self.seed,
            self.server,
            asked.connection,
            asked.nth,
            asked.line,
        ));
        let act = match (asked.line, id(asked.line)) {
            ("", _) => at_greeting(drawn),
            (line, _) if line.starts_with("AUTHINFO PASS") => at_login(drawn),
            (_, Some(id)) if self.fate(number(id)) == Fate::Good => self.at_body(drawn, id),
            _ => None,
        };
        let spend = |store: &AtomicUsize| {
            let less = |left: usize| left.checked_sub(1);
            store.fetch_update(Relaxed, Relaxed, less).is_ok()
        };
        if let Some((name, act)) = act
            && (!STRANGE.contains(&name) || spend(&self.strange))
            && spend(&self.left)
        {
            *self.given.lock().unwrap().entry(name).or_default() += 1;
            return Some(Act::Fault(name, Box::new(act)));
        }
        let id = id(asked.line)?;
        Some(match self.fate(number(id)) {
            Fate::Missing("430 NAMED") => say(&format!("430 <{id}> no")),
            Fate::Missing(line) => say(line),
            Fate::Damaged => Act::Say(answer(id, "damaged\r\n")),
            Fate::Swapped => Act::Say(answer(id, &text("other@x"))),
            Fate::Good => match drawn % 3 {
                0 => Act::Crumbs(article(id), 7),
                1 => Act::Later(article(id), Duration::from_millis(drawn % 200)),
                _ => Act::Say(article(id)),
            },
        })
    }

    fn fate(&self, segment: u64) -> Fate {
        fate(self.seed, self.server, segment)
    }

    /// A fault in answer to a request for `id`.
    fn at_body(&self, drawn: u64, id: &str) -> Option<(&'static str, Act)> {
        let part = |of: usize| article(id)[..of].to_vec();
        let after = |more: &[u8]| Act::Say([article(id), more.to_vec()].concat());
        // The one asked for next, if it is there: an answer that may fit by chance.
        let next = (number(id) + 1) % SEGMENTS as u64;
        let other = match self.fate(next) {
            Fate::Good => format!("a{next}@x"),
            _ => "other@x".to_owned(),
        };
        Some(match drawn % 48 {
            0 => ("drop", Act::Last(Vec::new())),
            1 => ("drop in body", Act::Last(part(25))),
            2 => ("reset in body", Act::Reset(part(25))),
            3 => ("stall", Act::Stall(Vec::new())),
            4 => ("stall in body", Act::Stall(part(25))),
            5 => ("half closed in body", Act::Half(part(25))),
            6 => ("withheld", Act::Nothing),
            // A whole answer to somebody else's question.
            7 => ("wrong id", Act::Say(article(&other))),
            8 => ("wrong 430", say("430 <other@x> no")),
            9 => ("garbage", say("gibberish")),
            10 => ("garbage after", after(b"\xff\0junk\r\n")),
            11 => ("unsolicited", after(&article(&other))),
            12 => ("400", last("400 going down")),
            13 => ("400, too many", last("400 too many connections")),
            14 => ("502", last("502 too many connections for you")),
            15 => ("503", say("503 fault")),
            16 => ("cut status line", Act::Last(b"222 0 <a".to_vec())),
            _ => return None,
        })
    }
}

fn at_greeting(drawn: u64) -> Option<(&'static str, Act)> {
    Some(match drawn % 16 {
        0 => ("mute", Act::Stall(Vec::new())),
        1 => ("hung up", Act::Last(Vec::new())),
        2 => ("crowded", last("502 too many connections")),
        3 => ("crowded", last("400 connection limit reached")),
        4 => ("reset", Act::Reset(b"20".to_vec())),
        5 => ("half closed", Act::Half(b"200 hello\r\n".to_vec())),
        _ => return None,
    })
}

fn at_login(drawn: u64) -> Option<(&'static str, Act)> {
    Some(match drawn % 16 {
        0 => ("crowded login", last("502 too many connections")),
        1 => ("crowded login", say("481 max simultaneous IPs")),
        2 => ("deaf login", Act::Stall(Vec::new())),
        3 => ("dropped login", Act::Last(Vec::new())),
        _ => return None,
    })
}

/// The servers of a seed: two of the first level, perhaps of one group, and one
/// behind them.
fn servers(seed: u64, peers: &[(Peer, Arc<Bad>)]) -> Vec<Server> {
    let named = peers.iter().zip(["a", "b", "c"]).enumerate();
    let made = named.map(|(index, ((peer, _), name))| Server {
        level: u8::from(index == 2),
        group: u32::from(grouped(seed) && index != 1),
        optional: index == 1 && optional(seed),
        connect_timeout: PATIENCE,
        timeout: PATIENCE,
        connections: 1 + (dice((seed, index, "connections")) % 4) as u16,
        pipeline: (dice((seed, index)) % 3 == 0).then_some(4),
        username: Some("me".to_owned()),
        password: Some(Secret::new("hunter2")),
        ..peer.server(name)
    });
    made.collect()
}

/// What the plan leaves of `segment`: the fates that it meets at servers that are
/// waited for, and at all.
fn fates(seed: u64, segment: u64) -> (Vec<Fate>, Vec<Fate>) {
    let all: Vec<Fate> = (0..3).map(|server| fate(seed, server, segment)).collect();
    let sure = match optional(seed) {
        true => vec![all[0], all[2]],
        false => all.clone(),
    };
    (sure, all)
}

fn check(run: &Run, seed: u64) {
    assert_eq!(run.outcomes.len(), SEGMENTS, "seed {seed}");
    for (id, outcome) in &run.outcomes {
        let (sure, all) = fates(seed, number(id));
        let (sure_good, good) = (sure.contains(&Fate::Good), all.contains(&Fate::Good));
        let bad = |fate: &Fate| matches!(fate, Fate::Damaged | Fate::Swapped);
        let right = match outcome {
            Outcome::Body {
                body, damage: None, ..
            } => good && body.text == text(id),
            Outcome::Body { .. } => !sure_good && all.iter().any(bad),
            Outcome::Missing { .. } => !sure_good && !sure.iter().any(bad),
            Outcome::Failed { .. } => false,
        };
        assert!(
            right,
            "seed {seed}, {id}, {all:?}: {outcome:?}\n{}",
            run.told()
        );
    }
}

/// One seed; the faults it delivered.
async fn one(seed: u64) -> BTreeMap<&'static str, usize> {
    let mut peers = Vec::new();
    for server in 0..3 {
        let bad = Arc::new(Bad {
            seed,
            server,
            left: AtomicUsize::new(STORE),
            strange: AtomicUsize::new(1),
            given: Mutex::default(),
        });
        let says = Arc::clone(&bad);
        peers.push((Peer::new(move |asked| says.says(asked)).await, bad));
    }
    let sinks = Keepers {
        budget: Some(Arc::new(Semaphore::new(BUDGET))),
        strict: true,
        ..Keepers::default()
    };
    let census = Arc::clone(&sinks.census);
    let mut plan = Plan {
        sinks,
        bound: BOUND,
        ..Plan::new(servers(seed, &peers))
    };
    plan.options.tries = 2 + STORE as u32;
    plan.options.max_down = Duration::from_secs(300);
    let run = plan.run(requests(&ids(SEGMENTS))).await;
    check(&run, seed);
    assert!(census.most.load(SeqCst) <= BUDGET, "seed {seed}");
    let mut delivered = BTreeMap::new();
    for (peer, bad) in &peers {
        let faults = peer.faults();
        // All but those whose connection the client had left by then.
        let given = bad.given.lock().unwrap();
        assert!(faults.iter().all(|(name, count)| count <= &given[name]));
        for (name, count) in faults {
            *delivered.entry(name).or_default() += count;
        }
    }
    delivered
}

/// How many seeds, and from which on; both may be set for a longer run.
fn seeds() -> std::ops::Range<u64> {
    let set = |name| std::env::var(name).ok()?.parse().ok();
    let first = set("NZBPIPE_FIRST_SEED").unwrap_or(0);
    first..first + set("NZBPIPE_SEEDS").unwrap_or(SEEDS)
}

#[test]
fn every_segment_ends_once_and_rightly() {
    let left = Mutex::new(seeds());
    let delivered = Mutex::new(BTreeMap::<&str, usize>::new());
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some(seed) = left.lock().unwrap().next() else {
                return;
            };
            match std::panic::catch_unwind(|| quickly(one(seed))) {
                Ok(faults) => {
                    let mut delivered = delivered.lock().unwrap();
                    for (name, count) in faults {
                        *delivered.entry(name).or_default() += count;
                    }
                }
                Err(_) => failed.lock().unwrap().push(seed),
            }
        }
    };
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "seeds {failed:?}");
    let delivered = delivered.into_inner().unwrap();
    // Each kind there is, many times.
    assert_eq!(delivered.len(), 5 + 3 + 17, "{delivered:?}");
    assert!(delivered.values().all(|&count| count >= 1), "{delivered:?}");
}
