//! The end of a job: nobody waits for the slowest.

use std::time::Duration;

use nzbpipe_nntp::config::Server;

use crate::haste::quickly;
use crate::peer::{Act, Asked, Peer, article, id};
use crate::rig::{Plan, Run, ids, requests};

/// A run over `count` articles by `connections` with one request each.
async fn end(peer: &Peer, connections: u16, count: usize, hedge: u64) -> Run {
    let server = Server {
        connections,
        pipeline: Some(1),
        ..peer.server("a")
    };
    let mut plan = Plan::new(vec![server]);
    plan.options.hedge = hedge;
    plan.run(requests(&ids(count))).await
}

/// Octets asked for twice.
fn hedged(run: &Run) -> u64 {
    run.stats.servers().map(|server| server.hedged()).sum()
}

/// The first who is asked for `a5@x` takes a minute.
fn stuck(asked: &Asked<'_>, first: &std::sync::OnceLock<usize>) -> Option<Act> {
    let id = id(asked.line).filter(|id| *id == "a5@x")?;
    let minute = Duration::from_secs(60);
    (*first.get_or_init(|| asked.connection) == asked.connection)
        .then(|| Act::Later(article(id), minute))
}

#[test]
fn what_is_stuck_is_asked_of_another() {
    quickly(async {
        let first = std::sync::OnceLock::new();
        let peer = Peer::new(move |asked| stuck(asked, &first)).await;
        let run = end(&peer, 3, 30, 32 << 20).await;
        run.assert_all_good(30);
        assert!(run.took < Duration::from_secs(3), "{:?}", run.took);
        assert_eq!((hedged(&run), run.stats.lost()), (750_000, 0));
        assert_eq!(peer.asked().len(), 31);
    });
}

#[test]
fn not_without_a_budget() {
    quickly(async {
        // Nor beyond it.
        for budget in [0, 700_000] {
            let first = std::sync::OnceLock::new();
            let peer = Peer::new(move |asked| stuck(asked, &first)).await;
            let run = end(&peer, 3, 30, budget).await;
            run.assert_all_good(30);
            assert_eq!((hedged(&run), run.stats.lost()), (0, 1));
            assert!(run.took > Duration::from_secs(3), "{:?}", run.took);
        }
    });
}

// S26: it is read, as nobody's, and the connection is as good as before.
#[test]
pub fn the_answer_that_came_second() {
    quickly(async {
        let first = std::sync::OnceLock::new();
        let peer = Peer::new(move |asked| {
            let id = id(asked.line)?;
            let later = |ms| Some(Act::Later(article(id), Duration::from_millis(ms)));
            match id {
                "a1@x" if *first.get_or_init(|| asked.connection) == asked.connection => {
                    later(1000)
                }
                "a2@x" => later(2500),
                _ => None,
            }
        })
        .await;
        let run = end(&peer, 3, 3, 32 << 20).await;
        run.assert_all_good(3);
        assert!(hedged(&run) >= 1);
        assert_eq!((peer.connections(), run.stats.lost()), (3, 0));
        assert!(run.took >= Duration::from_millis(2400));
    });
}

/// What this thread has used of its processor.
#[cfg(target_os = "linux")]
fn used() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = stat.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanos)
}

// All that is left is asked for as often as it may be: who has it waits for it, and
// who has nothing waits as well.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_waits_for_the_last_uses_no_processor() {
    let peer = Peer::new(|asked| match id(asked.line)? {
        "a5@x" => Some(Act::Later(article("a5@x"), Duration::from_millis(1500))),
        _ => None,
    })
    .await;
    let before = used();
    let run = end(&peer, 4, 12, 32 << 20).await;
    run.assert_all_good(12);
    assert!(run.took > Duration::from_millis(1400));
    assert!(
        used() - before < Duration::from_millis(500),
        "{:?}",
        used() - before
    );
}
