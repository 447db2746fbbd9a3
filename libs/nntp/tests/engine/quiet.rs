//! Waiting costs no processor time. Client and servers of such a test are on one
//! thread, whose time is measured.

use std::time::{Duration, Instant};

use nzbpipe_nntp::config::Server;

use crate::peer::{Act, Peer, id, say};
use crate::rig::{fetch, ids};

fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Runs `job` and fails if a fifth of its time was spent computing.
async fn waits<F: Future>(job: F) -> F::Output {
    let (began, used) = (Instant::now(), processor());
    let output = job.await;
    let (took, used) = (began.elapsed(), processor() - used);
    assert!(took > Duration::from_secs(1), "{took:?}");
    assert!(used < took / 5, "{used:?} of {took:?}");
    output
}

// The last segment is with a silent server; the other one does not have it.
#[tokio::test]
async fn the_end_with_nobody_to_take_over() {
    let stuck = Peer::new(|asked| match (id(asked.line)?, asked.connection) {
        ("a0@x", 0) => Some(Act::Stall(Vec::new())),
        _ => None,
    })
    .await;
    let empty = Peer::new(|asked| {
        let id = id(asked.line)?;
        Some(say(&format!("430 <{id}>")))
    })
    .await;
    let server = Server {
        connections: 1,
        pipeline: Some(1),
        timeout: Duration::from_millis(1500),
        ..stuck.server("a")
    };
    let empty = Server {
        connections: 3,
        ..empty.server("b")
    };
    let run = waits(fetch(vec![server, empty], &ids(60))).await;
    run.assert_all_good(60);
}

// Nobody listens, and it is tried again and again.
#[tokio::test]
async fn a_server_that_is_down() {
    let nobody = Server {
        port: 1,
        ..Server::new("127.0.0.1", false)
    };
    let run = waits(fetch(vec![nobody], &ids(3000))).await;
    assert_eq!(run.outcomes.len(), 3000);
}
