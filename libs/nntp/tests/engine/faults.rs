//! Connections that fail, answers that are not what they should be.

use std::sync::Arc;
use std::time::Duration;

use nzbpipe_nntp::config::Server;
use nzbpipe_nntp::{Class, Outcome};

use crate::peer::{Act, Asked, Peer, article, id, last, say};
use crate::rig::{fetch, ids};

fn cut(asked: &Asked<'_>, at: usize) -> Option<Act> {
    let mut bytes = article(id(asked.line)?);
    bytes.truncate(at);
    Some(Act::Last(bytes))
}

// S30, S42: whatever was in flight is asked again, on a new connection.
#[tokio::test]
pub async fn a_connection_cut_in_mid_body() {
    let peer = Peer::new(|asked| match (asked.connection, asked.nth) {
        (0 | 1, 3) => cut(asked, 40),
        _ => None,
    })
    .await;
    let run = fetch(vec![peer.server("a")], &ids(20)).await;
    run.assert_all_good(20);
    assert_eq!(peer.connections(), 3);
    assert_eq!(run.stats.lost(), 2);
}

#[tokio::test]
pub async fn cut_at_every_byte() {
    let length = article("a1@x").len();
    for at in 0..length {
        let peer = Peer::new(move |asked| match (asked.connection, asked.nth) {
            (0, 1) => cut(asked, at),
            _ => None,
        })
        .await;
        fetch(vec![peer.server("a")], &ids(3))
            .await
            .assert_all_good(3);
    }
}

// S42: not one of them is to blame.
#[tokio::test]
pub async fn closed_after_every_second_body() {
    let peer = Peer::new(|asked| match asked.nth {
        1 => Some(Act::Last(article(id(asked.line)?))),
        _ => None,
    })
    .await;
    let run = fetch(vec![peer.server("a")], &ids(40)).await;
    run.assert_all_good(40);
    assert!(
        run.outcomes
            .values()
            .all(|o| matches!(o, Outcome::Body { tries: 1, .. }))
    );
}

#[tokio::test]
pub async fn a_reset_connection() {
    let peer = Peer::new(|asked| match (asked.connection, asked.nth) {
        (0, 2) => Some(Act::Reset(b"222 0 <a2@x>\r\nha".to_vec())),
        _ => None,
    })
    .await;
    fetch(vec![peer.server("a")], &ids(10))
        .await
        .assert_all_good(10);
}

// S29, S38: silence in mid-body and before an answer.
#[tokio::test]
pub async fn silence_is_a_lost_connection() {
    let peer = Peer::new(|asked| match (asked.connection, asked.nth) {
        (0, 2) if id(asked.line).is_some() => Some(Act::Stall(b"222 0\r\nha".to_vec())),
        (1, 1) if id(asked.line).is_some() => Some(Act::Stall(Vec::new())),
        _ => None,
    })
    .await;
    let server = Server {
        timeout: Duration::from_millis(150),
        ..peer.server("a")
    };
    fetch(vec![server], &ids(10)).await.assert_all_good(10);
    assert_eq!(peer.connections(), 3);
}

// S19, S20, S27, S28: garbage, codes that were not asked for, answers too many.
#[tokio::test]
pub async fn what_is_no_answer_drops_the_connection() {
    let endless = "2".repeat(5000);
    let junk = [
        "2",
        "XYZ",
        "",
        "hello 222",
        "221 0 <a1@x> head",
        "220 0 <a1@x>",
        "200 welcome",
        "111 date",
        "381 more",
        "500 what?",
        "503 fault",
        "403 fault",
        "599 ?",
        &endless,
    ];
    for line in junk {
        let owned = line.to_owned();
        let peer = Peer::new(move |asked| match (asked.connection, id(asked.line)) {
            (0, Some("a1@x")) => Some(say(&owned)),
            _ => None,
        })
        .await;
        let run = fetch(vec![peer.server("a")], &ids(5)).await;
        run.assert_all_good(5);
        assert_eq!(peer.connections(), 2, "{line:?}");
    }
    for extra in [
        "222 0 <zz@x>\r\nnot yours\r\n.\r\n",
        "junk\r\n",
        "400 going down\r\n",
    ] {
        let peer = Peer::new(move |asked| match (asked.connection, asked.nth) {
            (0, 2) => Some(Act::Say([article(id(asked.line)?), extra.into()].concat())),
            _ => None,
        })
        .await;
        fetch(vec![peer.server("a")], &ids(5))
            .await
            .assert_all_good(5);
    }
}

// S16: 400 is about the connection, not about the article.
#[tokio::test]
pub async fn goodbye_400() {
    for act in [last("400 idle timeout"), say("400 idle timeout")] {
        let peer = Peer::new(move |asked| match (asked.connection, asked.nth) {
            (0..4, 1) => Some(act.clone()),
            _ => None,
        })
        .await;
        let run = fetch(vec![peer.server("a")], &ids(10)).await;
        run.assert_all_good(10);
        assert!(
            run.outcomes
                .values()
                .all(|o| matches!(o, Outcome::Body { tries: 1, .. }))
        );
    }
}

// One article that makes the server hang up comes to an end, the others arrive.
#[tokio::test]
pub async fn an_article_that_kills_connections() {
    let peer = Peer::new(|asked| match id(asked.line)? {
        "a3@x" => Some(Act::Last(b"222 0 <a3@x>\r\nx".to_vec())),
        _ => None,
    })
    .await;
    let run = fetch(vec![peer.server("a")], &ids(10)).await;
    assert_eq!(run.word("a3@x"), "Transport, retryable");
    let good = run
        .outcomes
        .values()
        .filter(|o| matches!(o, Outcome::Body { .. }))
        .count();
    assert_eq!(good, 9);
    let asked = peer.asked().iter().filter(|id| *id == "a3@x").count();
    assert_eq!(asked, 3);
    match &run.outcomes["a3@x"] {
        Outcome::Failed { tried, .. } => {
            assert_eq!((tried[0].tries, tried[0].class), (3, Class::Transport))
        }
        other => panic!("{other:?}"),
    }
    assert!(run.summary.servers[0].out.is_none());
}

// Also when it never gets a word out: sessions that worked are not to blame it
// for ever, or they die one after the other.
#[tokio::test]
pub async fn an_article_that_is_answered_by_hanging_up() {
    let peer = Peer::new(|asked| match id(asked.line)? {
        "a30@x" => Some(Act::Last(Vec::new())),
        _ => None,
    })
    .await;
    let server = Server {
        connections: 8,
        pipeline: Some(2),
        ..peer.server("a")
    };
    let run = fetch(vec![server], &ids(600)).await;
    assert_eq!(run.word("a30@x"), "Transport, retryable");
    assert_eq!(run.stats.bodies(), 599);
    let asked = peer.asked().iter().filter(|id| *id == "a30@x").count();
    assert!(asked <= 4, "{asked}");
}

// A server that worked comes back: three failures in a row take a second.
#[tokio::test]
pub async fn a_restart_is_waited_for() {
    let peer = Peer::new(|asked| match (asked.connection, asked.nth) {
        (0, 1) => Some(Act::Last(article(id(asked.line)?))),
        (1..=2, _) => Some(Act::Last(Vec::new())),
        _ => None,
    })
    .await;
    let run = fetch(vec![peer.server("a")], &ids(10)).await;
    run.assert_all_good(10);
    assert_eq!(peer.connections(), 4);
}

// What waits for a fill server that takes nobody now keeps no work from the
// first one, or its connections would wait, too.
#[tokio::test]
pub async fn a_fill_server_that_waits_stops_nobody() {
    const ALL: usize = 3000;
    let first = Arc::new(Peer::new(|asked| id(asked.line).map(|_| say("430 no"))).await);
    let asked_first = Arc::clone(&first);
    let fill = Peer::new(move |asked| {
        let early = asked.line.is_empty() && asked_first.asked().len() < ALL;
        early.then(|| last("502 too many connections"))
    })
    .await;
    let fill_server = Server {
        level: 1,
        ..fill.server("b")
    };
    let run = fetch(vec![first.server("a"), fill_server], &ids(ALL)).await;
    run.assert_all_good(ALL);
}

// It is had from another server then.
#[tokio::test]
pub async fn transport_failures_go_to_the_next_server() {
    let bad = Peer::new(|asked| match id(asked.line)? {
        "a3@x" => Some(Act::Last(b"222 0 <a3@x>\r\nx".to_vec())),
        _ => None,
    })
    .await;
    let good = Peer::good().await;
    let fill = Server {
        level: 1,
        ..good.server("b")
    };
    let run = fetch(vec![bad.server("a"), fill], &ids(10)).await;
    run.assert_all_good(10);
    assert_eq!(good.asked(), ["a3@x"]);
}

// A server that logs in and then only hangs up: every segment ends, soon.
#[tokio::test]
pub async fn a_server_that_never_answers_comes_to_an_end() {
    let hang_up = |asked: &Asked<'_>| id(asked.line).map(|_| Act::Last(Vec::new()));
    let refuse = |asked: &Asked<'_>| id(asked.line).map(|_| last("400 not now"));
    for peer in [Peer::new(hang_up).await, Peer::new(refuse).await] {
        let run = fetch(vec![peer.server("a")], &ids(500)).await;
        assert_eq!(run.outcomes.len(), 500);
        assert!(
            ids(500)
                .iter()
                .all(|id| run.word(id) == "Transport, retryable")
        );
        assert!(peer.connections() <= 4);
        assert!(run.told().contains("given up"));
    }
}
