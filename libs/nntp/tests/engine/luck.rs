//! Random faults, by seed: whatever the servers do, each segment ends once, and
//! rightly.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use nzbpipe_nntp::Outcome;
use nzbpipe_nntp::config::Server;

use crate::peer::{Act, Asked, Peer, answer, article, id, last, say};
use crate::rig::{Keepers, Run, ids, request, run};

const SEGMENTS: usize = 120;
const SEEDS: u64 = 24;

/// No server has these, whatever else it does.
fn nowhere(id: &str) -> bool {
    number(id) % 17 == 5
}

fn number(id: &str) -> u64 {
    let digits: String = id.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// The answer of an unreliable server: every fourth one is a fault.
fn unreliable(asked: &Asked<'_>, seed: u64) -> Option<Act> {
    let id = id(asked.line)?;
    let mut hasher = DefaultHasher::new();
    (seed, asked.connection, asked.nth, id).hash(&mut hasher);
    let dice = hasher.finish();
    let half = || article(id)[..20].to_vec();
    let act = match dice % 48 {
        // It names the article, so that a shifted answer is seen to be one.
        _ if nowhere(id) => say(&format!("430 <{id}> no")),
        0 => Act::Last(half()),
        1 => Act::Reset(half()),
        2 => Act::Stall(half()),
        3 => Act::Stall(Vec::new()),
        4 => Act::Nothing,
        5 => Act::Say(article("other@x")),
        6 => say("gibberish"),
        7 => last("400 going down"),
        8 => say("503 fault"),
        9 | 10 => say("430 not here"),
        11 => Act::Say(answer(id, "damaged\r\n")),
        // Rare: a second of waiting each.
        12 if asked.connection % 4 == 2 => last("400 too many connections"),
        n => Act::Crumbs(article(id), [1, 7, 4096][n as usize % 3]),
    };
    Some(act)
}

fn check(run: &Run, seed: u64) {
    assert_eq!(run.outcomes.len(), SEGMENTS);
    for (id, outcome) in &run.outcomes {
        match outcome {
            Outcome::Body {
                body, damage: None, ..
            } if !nowhere(id) => {
                assert_eq!(body.text, crate::peer::text(id), "seed {seed}, {id}");
            }
            Outcome::Missing { tried, .. } if nowhere(id) => assert!(!tried.is_empty()),
            // A bad server may have been given up on this one.
            Outcome::Failed {
                retryable: true, ..
            } if nowhere(id) => {}
            other => panic!("seed {seed}, {id}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_segment_ends_once_and_rightly() {
    let mut seeds = tokio::task::JoinSet::new();
    for seed in 0..SEEDS {
        seeds.spawn(one(seed));
    }
    while let Some(seed) = seeds.join_next().await {
        seed.unwrap();
    }
}

async fn one(seed: u64) {
    let (a, b) = (
        Peer::new(move |asked| unreliable(asked, seed)).await,
        Peer::new(move |asked| unreliable(asked, !seed)).await,
    );
    let honest = Peer::new(|asked| {
        let id = id(asked.line)?;
        nowhere(id).then(|| say("430 no"))
    })
    .await;
    let server = |peer: &Peer, name, level| Server {
        level,
        connections: 3,
        pipeline: Some(4),
        ..peer.server(name)
    };
    let impatient = |peer: &Peer, name| Server {
        timeout: Duration::from_millis(150),
        ..server(peer, name, 0)
    };
    let servers = vec![
        impatient(&a, "a"),
        impatient(&b, "b"),
        server(&honest, "c", 1),
    ];
    let wanted = ids(SEGMENTS).iter().map(|id| request(id, &[])).collect();
    let run = run(servers, Keepers::default(), wanted).await;
    check(&run, seed);
}
