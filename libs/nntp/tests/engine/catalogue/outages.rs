//! S42 to S54: servers that come and go, that damage what they send, and what
//! protects the conversation.

use std::time::Duration;

use nzbpipe_nntp::Outcome;
use nzbpipe_nntp::config::Server;
use tokio::time::Instant;

use super::Shown::{By, Case, Own};
use super::{ALONE, BEFORE, Row, all_good};
use crate::haste::quickly;
use crate::peer::{Act, Asked, Peer, answer, article, id};
use crate::rig::{Plan, ids, requests};
use crate::{deflate, faults, flow, lies, login, routing, starttls, tls};

pub(super) const ROWS: &[Row] = &[
    Row(
        "S42 closed after so many bodies",
        By(&[faults::closed_after_every_second_body]),
    ),
    Row(
        "S43 some connections bounce",
        By(&[login::some_connections_bounce]),
    ),
    Row(
        "S44 all servers vanish for 100 s",
        Own(|| vanished(300, None)),
    ),
    Row("S44 for longer than they may", Own(|| vanished(40, None))),
    Row("S44 beyond the deadline", Own(|| vanished(300, Some(30)))),
    Row("S45 all are missing", By(&[routing::all_missing])),
    Row(
        "S45 all are missing from now on",
        Case(super::Case {
            script: |asked| {
                id(asked.line).filter(|_| asked.nth >= 5)?;
                Some(crate::peer::say("451 removed"))
            },
            segments: 400,
            then: |seen| {
                assert_eq!(seen.run.stats.bodies(), 5);
                assert_eq!(seen.run.stats.missing(), 395);
                assert!(seen.run.took < Duration::from_secs(30));
            },
            ..ALONE
        }),
    ),
    Row(
        "S46 a server that damages",
        By(&[lies::a_damaged_body_is_asked_of_the_next_server]),
    ),
    Row(
        "S46 every third, and it is counted",
        Case(super::Case {
            script: |asked| {
                let id = id(asked.line).filter(|_| asked.nth % 3 == 0)?;
                Some(Act::Say(answer(id, "damaged\r\n")))
            },
            then: |seen| {
                all_good(seen);
                let counts: Vec<_> = seen.run.stats.servers().map(|s| s.damaged()).collect();
                assert_eq!(counts, [4, 0]);
                assert_eq!(seen.good.asked().len(), 4);
            },
            ..BEFORE
        }),
    ),
    Row(
        "S47 damaged everywhere: once each",
        By(&[
            lies::damaged_everywhere,
            lies::damaged_copies_do_not_block_the_budget,
        ]),
    ),
    Row(
        "S48 the only server",
        By(&[lies::the_only_server_is_asked_once_more]),
    ),
    Row(
        "S49 TLS that is not to be trusted",
        By(&[
            tls::what_is_not_trusted,
            tls::what_is_checked_is_said,
            tls::no_tls_there,
            tls::answers_to_the_hello,
        ]),
    ),
    Row("S50 no close_notify", By(&[tls::an_abrupt_end])),
    Row(
        "S51 TLS that breaks",
        By(&[tls::broken_on_the_way, tls::answers_to_the_hello]),
    ),
    Row(
        "S52 STARTTLS stripped, and bytes before TLS",
        By(&[starttls::stripped, starttls::injected_before_tls]),
    ),
    Row(
        "S53 compression: only if wanted; garbage costs the connection",
        By(&[
            deflate::not_offered_not_granted_not_wanted,
            deflate::corrupt_data_lose_the_connection,
        ]),
    ),
    Row("S54 stopped", By(&[flow::a_stop_is_prompt_and_polite])),
    Row(
        "S54 done, and QUIT is ignored",
        Case(super::Case {
            script: |asked| (asked.line == "QUIT").then(|| Act::Stall(Vec::new())),
            with: |server| server.connections = 4,
            segments: 40,
            then: |seen| {
                all_good(seen);
                let most = Duration::from_millis(2500);
                assert!(seen.run.took < most, "{:?}", seen.run.took);
            },
            ..ALONE
        }),
    ),
];

/// What two servers say that are gone from 2 s to 102 s after `began`.
fn gone(asked: &Asked<'_>, began: Instant) -> Option<Act> {
    if (2..102).contains(&began.elapsed().as_secs()) {
        return Some(Act::Last(Vec::new()));
    }
    let id = id(asked.line)?;
    Some(Act::Later(article(id), Duration::from_millis(200)))
}

/// All servers vanish for 100 s: waited for `most` seconds, at most until
/// `deadline`.
fn vanished(most: u64, deadline: Option<u64>) {
    quickly(async move {
        let began = Instant::now();
        let a = Peer::new(move |asked| gone(asked, began)).await;
        let b = Peer::new(move |asked| gone(asked, began)).await;
        let server = |peer: &Peer, name| Server {
            connections: 3,
            pipeline: Some(1),
            ..peer.server(name)
        };
        let mut plan = Plan {
            bound: Duration::from_secs(600),
            ..Plan::new(vec![server(&a, "a"), server(&b, "b")])
        };
        plan.options.max_down = Duration::from_secs(most);
        plan.options.deadline = deadline.map(Duration::from_secs);
        let run = plan.run(requests(&ids(120))).await;
        assert_eq!(run.outcomes.len(), 120);
        let took = run.took.as_secs();
        let (good, again): (Vec<_>, Vec<_>) = run
            .outcomes
            .values()
            .partition(|outcome| matches!(outcome, Outcome::Body { .. }));
        let retryable = |outcome: &&&Outcome<_, _>| matches!(outcome, Outcome::Failed { retryable, .. } if *retryable);
        assert_eq!(again.iter().filter(retryable).count(), again.len());
        assert!(good.len() > 20);
        match (most, deadline) {
            (300, None) => {
                assert!(again.is_empty(), "{}", run.told());
                assert!((102..200).contains(&took), "{took}");
            }
            (_, None) => {
                assert!(!again.is_empty());
                assert!(run.told().contains("given up"));
                assert!((40..60).contains(&took), "{took}");
            }
            (_, Some(_)) => {
                assert!(!again.is_empty());
                assert!((30..34).contains(&took), "{took}");
            }
        }
    });
}
