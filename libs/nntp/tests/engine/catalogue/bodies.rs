//! S29 to S41: bodies that do not come as they should, and silence.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nzbpipe_nntp::Outcome;
use nzbpipe_nntp::config::Server;
use tokio::time::Instant;

use super::Shown::{By, Case, Own};
use super::{ALONE, BEFORE, Row, Seen, all_good};
use crate::haste::quickly;
use crate::peer::{Act, Asked, Peer, answer, article, id};
use crate::rig::{Plan, ids, requests};
use crate::{faults, flow, lies};

/// What to say to the first connection's request for `a3@x`, if that is `asked`.
fn first<'a>(asked: &Asked<'a>) -> Option<&'a str> {
    id(asked.line).filter(|id| asked.connection == 0 && *id == "a3@x")
}

/// All bodies are `text`.
fn texts(seen: &Seen, text: &str) {
    for (id, outcome) in &seen.run.outcomes {
        match outcome {
            Outcome::Body { body, .. } => assert_eq!(body.text, text, "{id}"),
            other => panic!("{id}: {other:?}"),
        }
    }
}

pub(super) const ROWS: &[Row] = &[
    Row("S29 silence", By(&[faults::silence_is_a_lost_connection])),
    Row(
        "S29 no terminator, then silence",
        Case(super::Case {
            script: |asked| {
                let mut bytes = article(first(asked)?);
                bytes.truncate(bytes.len() - 3);
                Some(Act::Stall(bytes))
            },
            then: |seen| {
                all_good(seen);
                assert!(seen.run.took < Duration::from_secs(60));
                assert_eq!(seen.bad.connections(), 2);
            },
            ..ALONE
        }),
    ),
    Row(
        "S30 no terminator, then the end",
        By(&[
            faults::a_connection_cut_in_mid_body,
            faults::cut_at_every_byte,
            faults::a_reset_connection,
        ]),
    ),
    Row("S31 cut anywhere", By(&[flow::answers_may_be_cut_anywhere])),
    Row(
        "S32 an empty body: damaged here, asked for there",
        Case(super::Case {
            script: |asked| Some(Act::Say(answer(id(asked.line)?, ""))),
            then: |seen| {
                seen.all("body from b");
                assert_eq!(seen.bad.connections(), 1);
            },
            ..BEFORE
        }),
    ),
    Row(
        "S33 bare LF",
        Case(super::Case {
            script: |asked| {
                let id = id(asked.line)?;
                let text = format!("222 0 <{id}>\none\n..two\n.\n");
                Some(Act::Say(text.into_bytes()))
            },
            strict: false,
            then: |seen| texts(seen, "one\n..two\n"),
            ..ALONE
        }),
    ),
    Row(
        "S33 bare CR: the block never ends",
        Case(super::Case {
            script: |asked| {
                let text = format!("222 0 <{}>\r\none\r.\r", first(asked)?);
                Some(Act::Say(text.into_bytes()))
            },
            ..ALONE
        }),
    ),
    Row(
        "S33 mixed line ends",
        Case(super::Case {
            script: |asked| Some(Act::Say(answer(id(asked.line)?, "a\nb\r\nc\rd\r\n"))),
            strict: false,
            then: |seen| texts(seen, "a\nb\r\nc\rd\r\n"),
            ..ALONE
        }),
    ),
    Row(
        "S34 a lone dot with LF among CR LF is data",
        Case(super::Case {
            script: |asked| Some(Act::Say(answer(id(asked.line)?, "a\r\n.\nb\r\n"))),
            strict: false,
            then: |seen| texts(seen, "a\r\n.\nb\r\n"),
            ..ALONE
        }),
    ),
    Row(
        "S35 a line without end",
        Case(super::Case {
            script: |asked| match id(asked.line)? {
                "a3@x" => Some(Act::Endless(b"222 0 <a3@x>\r\n".into(), vec![b'x'; 65_536])),
                _ => None,
            },
            then: |seen| seen.one("a3@x", "body from b"),
            ..BEFORE
        }),
    ),
    Row(
        "S36 a body without end",
        By(&[lies::an_article_without_end]),
    ),
    Row(
        "S36 lines without end",
        Case(super::Case {
            script: |asked| match id(asked.line)? {
                "a3@x" => {
                    let lines = "0123456789abcdef\r\n".repeat(4096);
                    Some(Act::Endless(b"222 0 <a3@x>\r\n".into(), lines.into()))
                }
                _ => None,
            },
            then: |seen| {
                seen.one("a3@x", "Damaged");
                let asked = seen.bad.asked();
                assert_eq!(asked.iter().filter(|id| *id == "a3@x").count(), 1);
            },
            ..ALONE
        }),
    ),
    Row(
        "S37 one byte a second",
        Case(super::Case {
            script: |asked| {
                let bytes = answer(first(asked)?, &"x".repeat(600));
                Some(Act::Drip(bytes, 1, Duration::from_secs(1)))
            },
            then: |seen| {
                all_good(seen);
                let most = Duration::from_secs(100);
                assert!(seen.run.took < most, "{:?}", seen.run.took);
            },
            ..ALONE
        }),
    ),
    Row(
        "S38 a pause of 5 s in a body is borne",
        Case(super::Case {
            script: |asked| {
                Some(Act::Drip(
                    article(first(asked)?),
                    30,
                    Duration::from_secs(5),
                ))
            },
            then: |seen| {
                all_good(seen);
                assert_eq!((seen.bad.connections(), seen.run.stats.lost()), (1, 0));
            },
            ..ALONE
        }),
    ),
    // The catalogue bears 20 s; here it is what two bodies take on this line, 8 s
    // at least, so that nothing waits for a dead connection.
    Row(
        "S38 a pause of 20 s is not",
        Case(super::Case {
            script: |asked| {
                Some(Act::Drip(
                    article(first(asked)?),
                    30,
                    Duration::from_secs(20),
                ))
            },
            then: |seen| {
                all_good(seen);
                assert_eq!(seen.bad.connections(), 2);
            },
            ..ALONE
        }),
    ),
    Row(
        "S39 the first byte after 25 s, always",
        Case(super::Case {
            script: |asked| {
                Some(Act::Later(
                    article(id(asked.line)?),
                    Duration::from_secs(25),
                ))
            },
            with: |server| {
                server.connections = 4;
                server.pipeline = Some(1);
            },
            ..ALONE
        }),
    ),
    // Cold storage among fast articles: what is usual says nothing of it.
    Row(
        "S39 the first byte of some after 25 s",
        Case(super::Case {
            script: |asked| match id(asked.line)? {
                id @ ("a3@x" | "a7@x") => Some(Act::Later(article(id), Duration::from_secs(25))),
                _ => None,
            },
            ..ALONE
        }),
    ),
    Row("S40 all bodies hang for a minute", Own(brownout)),
    Row(
        "S41 permanent silence, and new connections are fine",
        Case(super::Case {
            script: |asked| {
                let gone = asked.connection < 4 && asked.nth >= 2;
                gone.then(|| Act::Stall(Vec::new()))
            },
            with: |server| server.connections = 4,
            segments: 60,
            then: |seen| {
                all_good(seen);
                assert!(seen.run.took < Duration::from_secs(120));
            },
            ..ALONE
        }),
    ),
];

/// Heals, and all connections work again, with new sessions.
fn brownout() {
    quickly(async {
        let began = Instant::now();
        let working = Arc::new(Mutex::new(std::collections::BTreeSet::new()));
        let seen = Arc::clone(&working);
        let peer = Peer::new(move |asked| {
            let id = id(asked.line)?;
            let at = began.elapsed().as_secs();
            if (2..62).contains(&at) {
                return Some(Act::Stall(Vec::new()));
            }
            if at >= 62 {
                seen.lock().unwrap().insert(asked.connection);
            }
            Some(Act::Later(article(id), Duration::from_millis(500)))
        })
        .await;
        let server = Server {
            connections: 8,
            pipeline: Some(1),
            ..peer.server("a")
        };
        let mut plan = Plan {
            bound: Duration::from_secs(600),
            ..Plan::new(vec![server])
        };
        plan.options.max_down = Duration::from_secs(300);
        let run = plan.run(requests(&ids(400))).await;
        run.assert_all_good(400);
        assert!(run.took < Duration::from_secs(200), "{:?}", run.took);
        assert!(run.told().contains("works again"), "{}", run.told());
        assert!(working.lock().unwrap().len() >= 8);
    });
}
