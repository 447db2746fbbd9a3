//! Answers to another question, damaged bodies, bodies without end.

use std::sync::Arc;
use std::time::Duration;

use nzbpipe_nntp::Outcome;
use nzbpipe_nntp::config::Server;
use tokio::sync::Semaphore;

use crate::peer::{Act, Asked, Peer, answer, article, id, say};
use crate::rig::{Keepers, fetch, ids, request, requests, run};

// S21, S25: another article than the one asked for.
#[tokio::test]
pub async fn one_wrong_id_poisons_the_connection_only() {
    let peer = Peer::new(|asked| match (asked.connection, asked.nth) {
        (0, 2) => Some(Act::Say(article("other@x"))),
        _ => None,
    })
    .await;
    let run = fetch(vec![peer.server("a")], &ids(10)).await;
    run.assert_all_good(10);
    assert_eq!(peer.connections(), 2);
    assert!(run.told().contains("not asked for"));
}

// S25: one answer is withheld, all later ones are shifted.
#[tokio::test]
pub async fn shifted_answers_are_never_taken() {
    let peer = Peer::new(|asked| match (asked.connection, asked.nth) {
        (0, 4) => Some(Act::Nothing),
        _ => None,
    })
    .await;
    fetch(vec![peer.server("a")], &ids(30))
        .await
        .assert_all_good(30);
}

// S25: also when the article has cost a connection before: that says nothing of it.
// Once the two were counted as one, and an article that is there was missing.
#[tokio::test]
pub async fn a_shifted_430_after_a_lost_connection_is_no_answer() {
    let peer = Peer::new(|asked| match (asked.connection, id(asked.line)?) {
        (0, "a3@x") => Some(Act::Last(Vec::new())),
        // The answer to the next one, which is not there, comes in its place.
        (1, "a3@x") => Some(Act::Nothing),
        (_, "a4@x") => Some(say("430 no")),
        _ => None,
    })
    .await;
    let server = Server {
        pipeline: Some(4),
        ..peer.server("a")
    };
    let run = fetch(vec![server], &ids(10)).await;
    assert_eq!(run.word("a3@x"), "body from a");
    assert_eq!(run.word("a4@x"), "missing");
}

// Also when it is a 430 that names another article.
#[tokio::test]
pub async fn a_430_for_another_article_is_not_taken() {
    let peer = Peer::new(|asked| match (asked.connection, asked.nth) {
        (0, 1) => Some(say("430 <other@x> no such article")),
        _ => None,
    })
    .await;
    fetch(vec![peer.server("a")], &ids(4))
        .await
        .assert_all_good(4);
}

#[tokio::test]
pub async fn the_second_wrong_id_is_damage_there() {
    let lying = |asked: &Asked<'_>| match id(asked.line)? {
        "a2@x" => Some(Act::Say(article("other@x"))),
        _ => None,
    };
    let peer = Peer::new(lying).await;
    let run = fetch(vec![peer.server("a")], &ids(6)).await;
    assert_eq!(run.word("a2@x"), "Damaged");
    let (bad, good) = (Peer::new(lying).await, Peer::good().await);
    let run = fetch(
        vec![
            bad.server("a"),
            Server {
                level: 1,
                ..good.server("b")
            },
        ],
        &ids(6),
    )
    .await;
    run.assert_all_good(6);
    assert_eq!(run.word("a2@x"), "body from b");
}

// S22: fewer words than RFC 3977 asks for.
#[tokio::test]
pub async fn a_222_may_name_no_article() {
    for first in [
        "222\r\n",
        "222 body\r\n",
        "222 0 body follows\r\n",
        "222 17\r\n",
    ] {
        let peer = Peer::new(move |asked| {
            let id = id(asked.line)?;
            Some(Act::Say(
                format!("{first}{}.\r\n", crate::peer::text(id)).into_bytes(),
            ))
        })
        .await;
        fetch(vec![peer.server("a")], &ids(4))
            .await
            .assert_all_good(4);
    }
}

// Neither a 430 nor a 222 that names its article proves that the answers are not
// shifted: the doubt is to be settled even if no answer ever names any.
#[tokio::test]
async fn a_nameless_430_before_nameless_bodies() {
    for missing in [0, 1, 2, 3] {
        let peer = Peer::new(move |asked| {
            let id = id(asked.line)?;
            Some(match id == format!("a{missing}@x") {
                true => say("430 no"),
                false => {
                    Act::Say(format!("222 body\r\n{}.\r\n", crate::peer::text(id)).into_bytes())
                }
            })
        })
        .await;
        let ids = ids(4);
        let run = fetch(vec![peer.server("a")], &ids);
        let run = tokio::time::timeout(Duration::from_secs(5), run).await;
        let run = run.expect("the missing one is forgotten");
        assert_eq!(run.outcomes.len(), 4);
        assert_eq!(run.word(&format!("a{missing}@x")), "missing");
    }
}

fn damaged(asked: &Asked<'_>) -> Option<Act> {
    let id = id(asked.line)?;
    Some(Act::Say(answer(id, "damaged\r\n")))
}

// S46: each other server once.
#[tokio::test]
pub async fn a_damaged_body_is_asked_of_the_next_server() {
    let (bad, good) = (Peer::new(damaged).await, Peer::good().await);
    let fill = Server {
        level: 1,
        ..good.server("b")
    };
    let run = fetch(vec![bad.server("a"), fill], &ids(30)).await;
    run.assert_all_good(30);
    assert_eq!(run.stats.damaged(), 30);
    assert!(
        run.outcomes
            .values()
            .all(|o| matches!(o, Outcome::Body { tries: 2, .. }))
    );
}

// S47: the same damage everywhere: once each, then it travels on.
#[tokio::test]
pub async fn damaged_everywhere() {
    let (a, b) = (Peer::new(damaged).await, Peer::new(damaged).await);
    let run = fetch(vec![a.server("a"), b.server("b")], &ids(8)).await;
    assert_eq!((a.asked().len(), b.asked().len()), (8, 8));
    for id in ids(8) {
        match &run.outcomes[&id] {
            Outcome::Body {
                damage: Some(why),
                tries: 2,
                ..
            } => assert_eq!(why, "it says so"),
            other => panic!("{other:?}"),
        }
    }
}

// S48
#[tokio::test]
pub async fn the_only_server_is_asked_once_more() {
    let peer = Peer::new(|asked| if asked.nth < 5 { damaged(asked) } else { None }).await;
    let server = Server {
        pipeline: Some(1),
        ..peer.server("a")
    };
    let run = fetch(vec![server], &ids(3)).await;
    assert_eq!(peer.asked().len(), 6);
    let good = ids(3)
        .iter()
        .filter(|id| run.word(id) == "body from a")
        .count();
    assert_eq!(good, 1);
}

// Damaged copies hold the whole budget: they are given up, and fetched again
// if nobody has better ones. Without that, nothing would ever move again.
#[tokio::test]
pub async fn damaged_copies_do_not_block_the_budget() {
    let (a, b) = (Peer::new(damaged).await, Peer::new(damaged).await);
    let servers = vec![
        a.server("a"),
        Server {
            level: 1,
            ..b.server("b")
        },
    ];
    let sinks = Keepers {
        budget: Some(Arc::new(Semaphore::new(2))),
        ..Keepers::default()
    };
    let run = run(servers, sinks, requests(&ids(30))).await;
    assert!(
        ids(30)
            .iter()
            .all(|id| run.word(id).starts_with("damaged from"))
    );
    assert_eq!(b.asked().len(), 30);
}

// S36: another server is asked; if there is none it failed, for good.
#[tokio::test]
pub async fn an_article_without_end() {
    let endless = |asked: &Asked<'_>| match id(asked.line)? {
        "a1@x" => Some(Act::Stall(answer("a1@x", &"0123456789\r\n".repeat(20_000)))),
        _ => None,
    };
    let sinks = || Keepers {
        largest: 50_000,
        ..Keepers::default()
    };
    let peer = Peer::new(endless).await;
    let alone = run(vec![peer.server("a")], sinks(), requests(&ids(4))).await;
    assert_eq!(alone.word("a1@x"), "Damaged");
    assert_eq!(alone.stats.bodies(), 3);
    let good = Peer::good().await;
    let servers = vec![
        peer.server("a"),
        Server {
            level: 1,
            ..good.server("b")
        },
    ];
    run(servers, sinks(), requests(&ids(4)))
        .await
        .assert_all_good(4);
}

#[tokio::test]
pub async fn an_alternate_after_the_first_is_missing_everywhere() {
    let without = |asked: &Asked<'_>| match id(asked.line)? {
        "b2@x" => None,
        _ => Some(say("430 no such article")),
    };
    let (a, b) = (
        Peer::new(without).await,
        Peer::new(|asked: &Asked<'_>| id(asked.line).map(|_| say("430 no"))).await,
    );
    let wanted = vec![request("a@x", &["b1@x", "b2@x"]), request("c@x", &["d@x"])];
    let run = run(
        vec![b.server("b"), a.server("a")],
        Keepers::default(),
        wanted,
    )
    .await;
    match &run.outcomes["a@x"] {
        Outcome::Body {
            body, damage: None, ..
        } => assert_eq!(body.text, crate::peer::text("b2@x")),
        other => panic!("{other:?}"),
    }
    assert_eq!(run.word("c@x"), "missing");
}
