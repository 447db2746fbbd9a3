//! What the engine does with time and with other processes: levels that stand in,
//! idle and slow connections, accounts, quotas, and servers that change. On the
//! quick clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use nzbpipe_nntp::config::{Secret, Server};
use nzbpipe_nntp::{Quota, Slots};
use tokio::sync::mpsc;

use crate::haste::quickly;
use crate::peer::{Act, Peer, answer, article, id, say, text};
use crate::rig::{Plan, Run, ids, requests};

fn on_level(peer: &Peer, name: &str, level: u8) -> Server {
    Server {
        level,
        ..peer.server(name)
    }
}

/// A run that may wait for minutes.
async fn patiently(servers: Vec<Server>, count: usize) -> Run {
    let mut plan = Plan::new(servers);
    plan.options.max_down = Duration::from_secs(300);
    plan.options.tries = 20;
    plan.bound = Duration::from_secs(600);
    plan.run(requests(&ids(count))).await
}

/// A server that takes connections and never speaks.
async fn mute() -> Peer {
    Peer::new(|asked| asked.line.is_empty().then(|| Act::Stall(Vec::new()))).await
}

// With twenty tries the first level would be waited for for minutes.
#[test]
fn the_next_level_stands_in_after_a_while() {
    quickly(async {
        let (first, second) = (mute().await, Peer::good().await);
        let servers = vec![on_level(&first, "a", 0), on_level(&second, "b", 1)];
        let run = patiently(servers, 20).await;
        run.assert_all_good(20);
        let took = run.took.as_secs();
        assert!((14..30).contains(&took), "{took} s");
        assert!(
            run.told().contains("server a: out of reach"),
            "{}",
            run.told()
        );
    });
}

// What only a server may have that worked and is gone now is waited for for half a
// minute, while another one works.
#[test]
fn a_server_that_comes_back() {
    quickly(async {
        let gone = Peer::new(|asked| match (asked.connection, asked.nth, asked.line) {
            (0, 1, _) => Some(Act::Last(article(id(asked.line)?))),
            (1..=3, _, "") => Some(Act::Last(Vec::new())),
            _ => None,
        })
        .await;
        let empty = Peer::new(|asked| Some(say(&format!("430 <{}>", id(asked.line)?)))).await;
        let gone = Server {
            connections: 1,
            ..gone.server("a")
        };
        let run = patiently(vec![gone, empty.server("b")], 20).await;
        run.assert_all_good(20);
        assert!(
            run.told().contains("server a: works again"),
            "{}",
            run.told()
        );
    });
}

// A connection of a fill server with nothing to do is closed with QUIT, and its slot
// is free for others.
#[test]
fn an_idle_connection_says_goodbye() {
    quickly(async {
        let main = Peer::new(|asked| {
            let id = id(asked.line)?;
            match id {
                "a0@x" => Some(say(&format!("430 <{id}>"))),
                _ => Some(Act::Later(article(id), Duration::from_secs(3))),
            }
        })
        .await;
        let fill = Peer::good().await;
        let main = Server {
            connections: 1,
            pipeline: Some(1),
            ..main.server("a")
        };
        let servers = vec![main, on_level(&fill, "b", 1)];
        let left = async {
            while !fill.log().iter().any(|line| line == "QUIT") {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            tokio::time::Instant::now()
        };
        let began = tokio::time::Instant::now();
        let (run, left) = tokio::join!(patiently(servers, 20), left);
        run.assert_all_good(20);
        let after = (left - began).as_secs();
        assert!((30..40).contains(&after), "{after} s");
    });
}

// One of five connections sends as much in a minute as the others in a second.
#[test]
fn a_slow_connection_is_given_up() {
    quickly(async {
        let slow = Peer::new(|asked| {
            let id = id(asked.line)?;
            let long = answer(id, &text(id).repeat(400));
            let (piece, pause) = match asked.connection {
                0 => (500, 400),
                _ => (4000, 100),
            };
            Some(Act::Drip(long, piece, Duration::from_millis(pause)))
        })
        .await;
        let server = Server {
            connections: 5,
            pipeline: Some(2),
            ..slow.server("a")
        };
        let mut plan = Plan::new(vec![server]);
        plan.options.hedge = 0;
        plan.bound = Duration::from_secs(600);
        let run = plan.run(requests(&ids(150))).await;
        assert_eq!(run.stats.bodies(), 150);
        assert_eq!(run.stats.recycled(), 1);
        assert_eq!(run.stats.lost(), 0);
    });
}

#[derive(Debug, Default)]
struct Few {
    taken: Arc<AtomicUsize>,
    most: AtomicUsize,
}

impl Slots for Few {
    fn try_take(&self) -> Option<Box<dyn Send>> {
        struct Guard(Arc<AtomicUsize>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.fetch_sub(1, SeqCst);
            }
        }
        let free = |taken| Some(taken + 1).filter(|&taken| taken <= 2);
        let taken = self.taken.fetch_update(SeqCst, SeqCst, free).ok()?;
        self.most.fetch_max(taken + 1, SeqCst);
        Some(Box::new(Guard(Arc::clone(&self.taken))))
    }
}

#[test]
fn an_account_has_two_slots() {
    quickly(async {
        let peer = Peer::good().await;
        let slots = Arc::new(Few::default());
        // Another process has one of them for a while.
        let other = slots.try_take();
        let server = Server {
            connections: 10,
            slots: Some(Arc::clone(&slots) as _),
            ..peer.server("a")
        };
        let later = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            drop(other);
        };
        let (run, ()) = tokio::join!(patiently(vec![server], 200), later);
        run.assert_all_good(200);
        assert!(slots.most.load(SeqCst) <= 2);
        assert_eq!(slots.taken.load(SeqCst), 0, "all were given back");
    });
}

#[derive(Debug)]
struct Left(AtomicU64);

impl Quota for Left {
    fn left(&self) -> u64 {
        self.0.load(SeqCst)
    }

    fn spent(&self) -> String {
        "all used up".to_owned()
    }

    fn spend(&self, octets: u64) {
        let less = |left: u64| Some(left.saturating_sub(octets));
        let _ = self.0.fetch_update(SeqCst, SeqCst, less);
    }
}

#[test]
fn a_quota_ends_on_one_server() {
    quickly(async {
        let (block, other) = (Peer::good().await, Peer::good().await);
        let block = Server {
            quota: Some(Arc::new(Left(AtomicU64::new(1_000_000)))),
            ..block.server("a")
        };
        let servers = vec![block, on_level(&other, "b", 1)];
        let run = patiently(servers, 20_000).await;
        run.assert_all_good(20_000);
        let first = run.stats.servers().next().unwrap().bytes();
        assert!(first <= 1_000_000, "{first}");
        assert!(
            run.told().contains("server a: all used up"),
            "{}",
            run.told()
        );
    });
}

// Another password, another server, one less: nothing is lost.
#[test]
fn servers_change_while_they_are_asked() {
    quickly(async {
        let slowly = |asked: &crate::peer::Asked<'_>| {
            let id = id(asked.line)?;
            Some(Act::Later(article(id), Duration::from_millis(200)))
        };
        let (kept, gone) = (Peer::new(slowly).await, Peer::new(slowly).await);
        let new = Peer::new(slowly).await;
        let server = |password: &str| Server {
            username: Some("me".to_owned()),
            password: Some(Secret::new(password)),
            ..kept.server("kept")
        };
        let mut plan = Plan::new(vec![server("one"), gone.server("gone")]);
        let (changes, receiver) = mpsc::channel(1);
        plan.changes = Some(receiver);
        let change = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let servers = vec![server("two"), new.server("new")];
            changes.send(servers).await.unwrap();
        };
        let (run, ()) = tokio::join!(plan.run(requests(&ids(200))), change);
        run.assert_all_good(200);
        let said = kept.log();
        for password in ["AUTHINFO PASS one", "AUTHINFO PASS two"] {
            assert!(said.iter().any(|line| line == password), "{password}");
        }
        let by = |name: &str| run.stats.servers().find(|s| s.name() == name).unwrap();
        assert!(by("new").bodies() > 0 && by("gone").bodies() < 100);
    });
}

// It was left out without a word.
#[test]
fn one_server_too_many() {
    quickly(async {
        let slow = Peer::new(|asked| {
            let id = id(asked.line)?;
            Some(Act::Later(article(id), Duration::from_millis(200)))
        })
        .await;
        let named = |n: usize| slow.server(&format!("s{n}"));
        let mut plan = Plan::new((0..64).map(named).collect());
        plan.bound = Duration::from_secs(300);
        let (changes, receiver) = mpsc::channel(1);
        plan.changes = Some(receiver);
        let change = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            changes.send(vec![named(0), named(64)]).await.unwrap();
        };
        let (run, ()) = tokio::join!(plan.run(requests(&ids(420))), change);
        run.assert_all_good(420);
        let told = run.told();
        assert!(
            told.contains("server s64: cannot be used: this run has had 64"),
            "{told}"
        );
    });
}
