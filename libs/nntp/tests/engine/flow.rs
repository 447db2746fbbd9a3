//! Pipelining, order, backpressure, the beginning and the end.

use std::sync::Arc;
use std::time::Duration;

use nzbpipe_nntp::backlog::{Outlet, channel};
use nzbpipe_nntp::config::Server;
use nzbpipe_nntp::{Client, Outcome, Stats};
use tokio::sync::{Barrier, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::peer::{Act, Peer, answer, article, id, say};
use crate::rig::{BOUND, Keepers, fetch, ids, requests, run};

#[tokio::test]
pub async fn all_arrive_in_order_over_one_connection() {
    let peer = Peer::good().await;
    let ids = ids(100);
    let run = fetch(vec![peer.server("a")], &ids).await;
    run.assert_all_good(100);
    assert_eq!(run.order, ids);
    assert_eq!(peer.asked(), ids);
    assert_eq!(peer.connections(), 1);
    assert_eq!(peer.log().last().map(String::as_str), Some("QUIT"));
    assert!(!run.summary.stopped && run.summary.servers[0].usable);
    assert_eq!((run.stats.bodies(), run.stats.connections()), (100, 0));
    assert_eq!(run.stats.servers().next().unwrap().bodies(), 100);
    assert!(run.stats.bytes() > 100 * 40);
    assert_eq!(run.told(), "");
}

// The server answers nothing before it has the whole window: without
// pipelining nobody would ever speak.
#[tokio::test]
pub async fn the_window_is_filled_without_waiting_for_answers() {
    let held = std::sync::Mutex::new(Vec::new());
    let peer = Peer::new(move |asked| {
        let id = id(asked.line)?;
        let mut held = held.lock().unwrap();
        held.extend(article(id));
        match asked.nth % 4 {
            3 => Some(Act::Say(std::mem::take(&mut held))),
            _ => Some(Act::Nothing),
        }
    })
    .await;
    let server = Server {
        pipeline: Some(4),
        ..peer.server("a")
    };
    fetch(vec![server], &ids(40)).await.assert_all_good(40);
}

// S31: one byte at a time, and pieces around the sizes of SIMD registers.
#[tokio::test]
pub async fn answers_may_be_cut_anywhere() {
    for size in [1, 2, 15, 16, 17, 31, 33, 63, 64, 65] {
        let peer = Peer::new(move |asked| Some(Act::Crumbs(article(id(asked.line)?), size))).await;
        let sinks = Keepers {
            step: 7,
            ..Keepers::default()
        };
        let run = run(vec![peer.server("a")], sinks, requests(&ids(6))).await;
        run.assert_all_good(6);
    }
}

#[tokio::test]
pub async fn no_requests_no_connection() {
    let peer = Peer::good().await;
    let run = fetch(vec![peer.server("a")], &[] as &[&str]).await;
    assert!(run.outcomes.is_empty());
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
pub async fn connections_are_opened_for_work_only() {
    let peer = Peer::good().await;
    let server = Server {
        connections: 50,
        pipeline: Some(1),
        ..peer.server("a")
    };
    fetch(vec![server], &ids(3)).await.assert_all_good(3);
    assert!(peer.connections() <= 3, "{}", peer.connections());
}

// Nobody is answered before ten connections are there, each with its window
// full: too few of them, and the run never ends.
#[tokio::test]
pub async fn all_connections_work_when_there_is_enough_to_do() {
    let together = Arc::new(Barrier::new(10));
    let peer = Peer::new(move |asked| match asked.nth {
        0 => Some(Act::Together(
            article(id(asked.line)?),
            Arc::clone(&together),
        )),
        _ => None,
    })
    .await;
    let server = Server {
        connections: 10,
        pipeline: Some(2),
        ..peer.server("a")
    };
    fetch(vec![server], &ids(400)).await.assert_all_good(400);
    assert_eq!(peer.connections(), 10);
}

// RFC 3977 §3.5: the server reads nothing while it writes, and so must not keep
// the client from reading. 1000 commands of 256 octets do not fit its socket.
#[tokio::test]
pub async fn commands_that_wait_do_not_stop_reading() {
    let peer = Peer::narrow(|asked| {
        let id = id(asked.line)?;
        Some(Act::Say(answer(id, &"0123456789\r\n".repeat(8_000))))
    })
    .await;
    let server = Server {
        pipeline: Some(1000),
        timeout: Duration::from_secs(3),
        ..peer.server("a")
    };
    let ids: Vec<String> = (0..500)
        .map(|n| format!("{}{n}@x", "i".repeat(240)))
        .collect();
    let run = fetch(vec![server], &ids).await;
    assert_eq!(run.stats.bodies(), 500);
    assert_eq!((run.stats.lost(), peer.connections()), (0, 1));
}

// More connections than bodies that may be in memory: they take turns, and
// waiting for memory is not the server's silence.
#[tokio::test]
pub async fn a_full_budget_only_waits() {
    let long = "0123456789abcdef\r\n".repeat(20_000);
    let sent = long.clone();
    let peer = Peer::new(move |asked| Some(Act::Say(answer(id(asked.line)?, &sent)))).await;
    let server = Server {
        connections: 4,
        timeout: Duration::from_millis(500),
        ..peer.server("a")
    };
    let sinks = Keepers {
        budget: Some(Arc::new(Semaphore::new(1))),
        step: 10_000,
        ..Keepers::default()
    };
    let run = run(vec![server], sinks, requests(&ids(8))).await;
    assert_eq!(run.outcomes.len(), 8);
    assert!(
        run.outcomes
            .values()
            .all(|o| matches!(o, Outcome::Body { tries: 1, .. }))
    );
}

struct Stoppable {
    outcomes: Outlet<Outcome<String, crate::rig::Body>>,
    requests: mpsc::Sender<nzbpipe_nntp::Request<String>>,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<nzbpipe_nntp::Summary>,
}

fn start(server: Server, sinks: Keepers) -> Stoppable {
    start_all(vec![server], sinks)
}

fn start_all(servers: Vec<Server>, sinks: Keepers) -> Stoppable {
    start_with(nzbpipe_nntp::Options::default(), servers, sinks)
}

fn start_with(options: nzbpipe_nntp::Options, servers: Vec<Server>, sinks: Keepers) -> Stoppable {
    let client = Client {
        servers,
        options,
        rate: Arc::default(),
        changes: None,
        trace: None,
        notices: Arc::new(|_| {}),
        stats: Arc::new(Stats::default()),
    };
    let (requests, incoming) = mpsc::channel(100);
    let (outgoing, outcomes) = channel(2);
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(client.run(Arc::new(sinks), incoming, outgoing, async {
        let _ = stopped.await;
    }));
    Stoppable {
        outcomes,
        requests,
        stop,
        done,
    }
}

// The stall clock stands still while the reader of outcomes is slow.
#[tokio::test]
pub async fn a_slow_reader_is_not_the_servers_silence() {
    let peer = Peer::good().await;
    let server = Server {
        timeout: Duration::from_millis(100),
        ..peer.server("a")
    };
    let budget = Some(Arc::new(Semaphore::new(1)));
    let mut run = start(
        server,
        Keepers {
            budget,
            ..Keepers::default()
        },
    );
    for request in requests(&ids(6)) {
        run.requests.send(request).await.unwrap();
    }
    drop(run.requests);
    let mut bodies = 0;
    while let Some(outcome) = timeout(BOUND, run.outcomes.recv()).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(
            matches!(outcome, Outcome::Body { tries: 1, .. }),
            "{outcome:?}"
        );
        bodies += 1;
    }
    assert_eq!((bodies, peer.connections()), (6, 1));
    assert!(!run.done.await.unwrap().stopped);
    drop(run.stop);
}

// S54: idle, in mid-body and with a server that ignores QUIT.
#[tokio::test]
pub async fn a_stop_is_prompt_and_polite() {
    for scene in ["idle", "body", "deaf"] {
        let peer = Peer::new(move |asked| match (scene, asked.line) {
            ("body", line) if line.starts_with("BODY") => {
                Some(Act::Stall(b"222 0 body\r\nhalf of it".to_vec()))
            }
            ("deaf", "QUIT") => Some(Act::Stall(Vec::new())),
            _ => None,
        })
        .await;
        let mut run = start(peer.server("a"), Keepers::default());
        for request in requests(&ids(1)) {
            run.requests.send(request).await.unwrap();
        }
        if scene == "body" {
            while peer.asked().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        } else {
            assert!(run.outcomes.recv().await.is_some());
        }
        run.stop.send(()).unwrap();
        let summary = timeout(Duration::from_secs(2), run.done).await;
        assert!(summary.expect("too late").unwrap().stopped, "{scene}");
        if scene != "body" {
            assert_eq!(
                peer.log().last().map(String::as_str),
                Some("QUIT"),
                "{scene}"
            );
        }
    }
}

#[tokio::test]
pub async fn a_reader_that_goes_away_ends_the_run() {
    let peer = Peer::good().await;
    let run = start(peer.server("a"), Keepers::default());
    for request in requests(&ids(50)) {
        run.requests.send(request).await.unwrap();
    }
    drop(run.outcomes);
    let summary = timeout(Duration::from_secs(2), run.done).await;
    assert!(summary.expect("too late").unwrap().stopped);
    drop((run.requests, run.stop));
}

// The same when outcomes already wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_away_late_ends_the_run() {
    let peer = Peer::good().await;
    for _ in 0..20 {
        let server = Server {
            pipeline: Some(8),
            connections: 4,
            ..peer.server("a")
        };
        let run = start(server, Keepers::default());
        for request in requests(&ids(60)) {
            run.requests.send(request).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(run.outcomes);
        let summary = timeout(Duration::from_secs(2), run.done).await;
        assert!(summary.expect("too late").unwrap().stopped);
        drop((run.requests, run.stop));
    }
}

// Requests that come late find the connection still there.
#[tokio::test]
pub async fn work_that_comes_later_is_taken_at_once() {
    let peer = Peer::good().await;
    let mut run = start(peer.server("a"), Keepers::default());
    for request in requests(&ids(20)) {
        run.requests.send(request).await.unwrap();
        let outcome = timeout(BOUND, run.outcomes.recv()).await.unwrap();
        assert!(matches!(outcome, Some(Outcome::Body { .. })));
    }
    assert_eq!(peer.connections(), 1);
    drop(run.requests);
    assert!(!timeout(BOUND, run.done).await.unwrap().unwrap().stopped);
    drop(run.stop);
}

// Outcomes that wait for their reader hold the memory that the next body waits
// for.
#[tokio::test]
async fn what_waits_for_memory_still_delivers() {
    let peer = Peer::good().await;
    let server = Server {
        pipeline: Some(16),
        ..peer.server("a")
    };
    let sinks = Keepers {
        budget: Some(Arc::new(Semaphore::new(6))),
        ..Keepers::default()
    };
    let mut run = start(server, sinks);
    for request in requests(&ids(40)) {
        run.requests.send(request).await.unwrap();
    }
    drop(run.requests);
    tokio::time::sleep(Duration::from_millis(200)).await;
    for outcome in 0..40 {
        let next = timeout(Duration::from_secs(5), run.outcomes.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("no outcome after {outcome}"));
        assert!(matches!(next, Some(Outcome::Body { tries: 1, .. })));
    }
    assert!(!run.done.await.unwrap().stopped);
    drop(run.stop);
}

// A reader that pauses for longer than an idle connection is kept.
#[tokio::test]
async fn outcomes_outlive_an_idle_connection() {
    let peer = Peer::good().await;
    let server = Server {
        pipeline: Some(8),
        ..peer.server("a")
    };
    let mut run = start(server, Keepers::default());
    for request in requests(&ids(8)) {
        run.requests.send(request).await.unwrap();
    }
    drop(run.requests);
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(peer.log().last().map(String::as_str), Some("QUIT"));
    for outcome in 0..8 {
        let next = timeout(Duration::from_secs(5), run.outcomes.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("no outcome after {outcome}"));
        assert!(matches!(next, Some(Outcome::Body { tries: 1, .. })));
    }
    let summary = timeout(Duration::from_secs(5), run.done).await;
    assert!(!summary.unwrap().unwrap().stopped);
    drop(run.stop);
}

// One connection hangs with half of the job in flight: all of it is asked of the
// other one, also if that had nothing to do before the last request came in.
#[tokio::test]
async fn all_of_a_stuck_connection_is_hedged() {
    for late in [false, true] {
        let peer = Peer::new(|asked| {
            let stuck = asked.connection == 0 && asked.line.starts_with("BODY");
            stuck.then(|| Act::Stall(Vec::new()))
        })
        .await;
        let server = Server {
            connections: 2,
            pipeline: Some(4),
            ..peer.server("a")
        };
        let mut run = start(server, Keepers::default());
        for request in requests(&ids(8)) {
            run.requests.send(request).await.unwrap();
        }
        let began = std::time::Instant::now();
        if late {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                drop(run.requests);
            });
        } else {
            drop(run.requests);
        }
        for _ in 0..8 {
            let outcome = timeout(BOUND, run.outcomes.recv()).await.unwrap();
            assert!(matches!(outcome, Some(Outcome::Body { tries: 1, .. })));
        }
        assert!(began.elapsed() < Duration::from_secs(2), "late: {late}");
        drop(run.stop);
    }
}

// SIGSTOP, a minute and SIGCONT: all clocks ring at once, and it was not the
// server that was silent.
#[tokio::test]
async fn a_stopped_process_holds_nothing_against_the_server() {
    let barrier = Arc::new(tokio::sync::Barrier::new(2));
    let waits = Arc::clone(&barrier);
    let peer = Peer::new(move |asked| {
        let id = id(asked.line)?;
        let all = crate::peer::article(id);
        (id == "a1@x").then(|| Act::Together(all, Arc::clone(&waits)))
    })
    .await;
    let mut run = start(peer.server("a"), Keepers::default());
    for request in requests(&ids(4)) {
        run.requests.send(request).await.unwrap();
    }
    drop(run.requests);
    assert!(run.outcomes.recv().await.is_some());
    tokio::time::sleep(Duration::from_millis(100)).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    tokio::time::sleep(Duration::from_millis(100)).await;
    barrier.wait().await;
    for _ in 0..3 {
        let outcome = timeout(BOUND, run.outcomes.recv()).await.unwrap();
        assert!(
            matches!(outcome, Some(Outcome::Body { tries: 1, .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(peer.connections(), 1);
    drop(run.stop);
}

// What waits for a server that has no room keeps no work from the other one.
#[tokio::test]
async fn what_waits_elsewhere_starves_nobody() {
    const MISSING: usize = 800;
    const ALL: usize = 4000;
    let full = Peer::new(|asked| {
        let greeting = asked.line.is_empty();
        greeting.then(|| crate::peer::last("502 too many connections"))
    })
    .await;
    let missing: std::collections::HashSet<String> = ids(MISSING).into_iter().collect();
    let good = Peer::new(move |asked| {
        let id = id(asked.line)?;
        missing.contains(id).then(|| say(&format!("430 <{id}> no")))
    })
    .await;
    let server = Server {
        connections: 4,
        ..good.server("good")
    };
    let mut run = start_all(vec![full.server("full"), server], Keepers::default());
    let began = std::time::Instant::now();
    let sender = run.requests.clone();
    let feed = tokio::spawn(async move {
        for request in requests(&ids(ALL)) {
            sender.send(request).await.unwrap();
        }
    });
    for _ in MISSING..ALL {
        let outcome = timeout(BOUND, run.outcomes.recv()).await.unwrap();
        assert!(matches!(outcome, Some(Outcome::Body { .. })));
    }
    assert!(
        began.elapsed() < Duration::from_millis(1500),
        "it was starved"
    );
    feed.await.unwrap();
    run.stop.send(()).unwrap();
    assert!(run.done.await.unwrap().stopped);
}

// "For ever", as people write it: more than any clock can count.
#[tokio::test]
async fn times_without_end() {
    let nobody = Server {
        port: 1,
        ..Server::new("127.0.0.1", false)
    };
    let mut options = nzbpipe_nntp::Options::default();
    options.max_down = Duration::MAX;
    options.deadline = Some(Duration::MAX);
    let run = start_with(options, vec![nobody], Keepers::default());
    for request in requests(&ids(1)) {
        run.requests.send(request).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    run.stop.send(()).unwrap();
    assert!(run.done.await.unwrap().stopped);
}
