//! Greetings and logins: refused, crowded, unreachable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use nzbpipe_nntp::config::{Secret, Server};
use nzbpipe_nntp::{Class, Outcome};

use crate::peer::{Act, Asked, Peer, article, id, last, say};
use crate::rig::{fetch, ids};

fn user(peer: &Peer, name: &str) -> Server {
    Server {
        username: Some("me".to_owned()),
        password: Some(Secret::new("hunter2")),
        ..peer.server(name)
    }
}

// S06, S08: a login with and without password, an odd greeting.
#[tokio::test]
pub async fn logins_that_work() {
    let odd = Peer::new(|asked| match asked.line {
        "" => Some(Act::Crumbs(b"201  \xff odd\tserver \r\n".to_vec(), 1)),
        _ => None,
    })
    .await;
    fetch(vec![user(&odd, "a")], &ids(3))
        .await
        .assert_all_good(3);
    assert_eq!(
        odd.log()[..2],
        ["AUTHINFO USER me", "AUTHINFO PASS hunter2"]
    );
    let content =
        Peer::new(|asked| asked.line.starts_with("AUTHINFO").then(|| say("281 ok"))).await;
    fetch(vec![user(&content, "a")], &ids(3))
        .await
        .assert_all_good(3);
    assert!(!content.log().iter().any(|line| line.contains("PASS")));
}

// S09: at once, without hammering, and the others go on.
#[tokio::test]
pub async fn a_wrong_password() {
    for line in [
        "481 Authentication failed",
        "482 rejected",
        "502 account expired",
        "452 bad login",
        "480 again",
        "381 again",
    ] {
        let refuse =
            move |asked: &Asked<'_>| asked.line.starts_with("AUTHINFO PASS").then(|| say(line));
        let peer = Peer::new(refuse).await;
        let run = fetch(vec![user(&peer, "a")], &ids(40)).await;
        assert!(ids(40).iter().all(|id| run.word(id) == "Login"), "{line}");
        assert_eq!(peer.connections(), 1, "{line}");
        assert_eq!(run.notices.len(), 1, "{line}");
        assert!(!run.told().contains("hunter2") && run.told().contains("server a"));
        assert!(matches!(
            run.summary.servers[0].out,
            Some((Class::Login, _))
        ));

        let (peer, good) = (Peer::new(refuse).await, Peer::good().await);
        let run = fetch(vec![user(&peer, "a"), good.server("b")], &ids(40)).await;
        run.assert_all_good(40);
    }
}

#[tokio::test]
pub async fn missing_there_and_refused_here_is_missing() {
    let peer = Peer::new(|asked| asked.line.starts_with("AUTHINFO").then(|| say("481 no"))).await;
    let empty = Peer::new(|asked| id(asked.line).map(|_| say("430 no"))).await;
    let run = fetch(vec![user(&peer, "a"), empty.server("b")], &ids(5)).await;
    assert!(ids(5).iter().all(|id| run.word(id) == "missing"));
    match &run.outcomes["a0@x"] {
        Outcome::Missing { tried, .. } => {
            assert_eq!((tried[0].class, tried[0].code), (Class::Login, Some(481)));
            assert_eq!((tried[1].class, tried[1].code), (Class::Missing, Some(430)));
            assert_eq!(tried[1].text.as_deref(), Some("430 no"));
        }
        other => panic!("{other:?}"),
    }
}

// S11: a login that expires is repeated; one that never counts is not.
#[tokio::test]
pub async fn a_480_in_mid_session() {
    // Once: an article that meets it again has used up its tries.
    let expired = AtomicUsize::new(0);
    let expiring = Peer::new(move |asked| {
        let is_over = asked.nth == 3 && expired.fetch_add(1, SeqCst) < 1;
        is_over.then(|| say("480 log in first"))
    })
    .await;
    fetch(vec![user(&expiring, "a")], &ids(10))
        .await
        .assert_all_good(10);
    let never = Peer::new(|asked| id(asked.line).map(|_| say("480 log in first"))).await;
    let run = fetch(vec![never.server("a")], &ids(10)).await;
    assert!(ids(10).iter().all(|id| run.word(id) == "Login"));
    assert_eq!(never.connections(), 1);
}

// S18: refused in mid-session, for good.
#[tokio::test]
pub async fn a_used_up_account() {
    let served = AtomicUsize::new(0);
    let spent = Peer::new(move |asked| {
        id(asked.line)?;
        (served.fetch_add(1, SeqCst) >= 3).then(|| say("502 byte limit exceeded"))
    })
    .await;
    let good = Peer::good().await;
    let fill = Server {
        level: 1,
        ..good.server("b")
    };
    let run = fetch(vec![spent.server("a"), fill], &ids(20)).await;
    run.assert_all_good(20);
    assert_eq!(run.stats.servers().next().unwrap().bodies(), 3);
    assert!(run.told().contains("byte limit exceeded"));
}

// One article that may not be had is no reason to give up a server that serves
// the others.
#[tokio::test]
pub async fn one_refused_article() {
    for line in ["481 no", "482 no", "502 access denied", "480 log in"] {
        let peer = Peer::new(move |asked| (id(asked.line)? == "a3@x").then(|| say(line))).await;
        let run = fetch(vec![user(&peer, "a")], &ids(10)).await;
        assert_eq!(run.word("a3@x"), "Login", "{line}");
        assert_eq!(run.stats.bodies(), 9, "{line}");
        assert!(run.summary.servers[0].out.is_none(), "{line}");
    }
}

// Whatever the words: the account is good, other sessions prove it. Once all but the
// first few of eight logins at the same moment cost the server, before any answer.
#[tokio::test]
pub async fn a_login_refused_beside_sessions_that_work() {
    for at in [0, 5] {
        let meet = Arc::new(tokio::sync::Barrier::new(2));
        let peer = Peer::new(move |asked| {
            let pass = asked.line.starts_with("AUTHINFO PASS");
            match asked.connection {
                // The other is refused while this one is at this article.
                0 if asked.nth == at && id(asked.line).is_some() => {
                    let article = article(id(asked.line)?);
                    Some(Act::Together(article, Arc::clone(&meet)))
                }
                0 => None,
                1 if pass => Some(Act::Together(
                    b"481 Authentication failed\r\n".to_vec(),
                    Arc::clone(&meet),
                )),
                _ => pass.then(|| last("481 Authentication failed")),
            }
        })
        .await;
        let server = Server {
            connections: 2,
            pipeline: Some(1),
            ..user(&peer, "a")
        };
        let run = fetch(vec![server], &ids(200)).await;
        run.assert_all_good(200);
        assert!(peer.connections() > 1);
        assert!(run.summary.servers[0].out.is_none());
    }
}

// The server repeats the command that it does not like.
#[tokio::test]
pub async fn a_repeated_password_is_not_shown() {
    for code in ["500", "481"] {
        let echo = move |asked: &Asked<'_>| {
            let pass = asked.line.starts_with("AUTHINFO PASS");
            pass.then(|| say(&format!("{code} {}: no", asked.line)))
        };
        let peer = Peer::new(echo).await;
        let run = fetch(vec![user(&peer, "a")], &ids(2)).await;
        let all = format!("{:?} {:?} {}", run.outcomes, run.summary, run.told());
        assert!(!all.contains("hunter2") && all.contains("***"), "{all}");
    }
}

/// A server that lets `most` connections in and refuses others with `line`.
async fn crowded(most: usize, at: &'static str, line: &'static str) -> Peer {
    Peer::new(move |asked| {
        (asked.connection >= most
            && asked.line.starts_with(at)
            && (at.is_empty() == asked.line.is_empty()))
        .then(|| last(line))
    })
    .await
}

// S05, S10: no segment fails, whatever the words.
#[tokio::test]
pub async fn too_many_connections() {
    let table = [
        ("", "502 connection limit (3) reached"),
        ("", "400 You are limited to 3 connections"),
        ("AUTHINFO PASS", "482 Too many connections for your user."),
        ("AUTHINFO PASS", "481 max simultaneous IPs reached"),
        (
            "AUTHINFO USER",
            "502 Authentication rejected/Too many connections",
        ),
    ];
    for (at, line) in table {
        let peer = crowded(3, at, line).await;
        let server = Server {
            connections: 10,
            pipeline: Some(2),
            ..user(&peer, "a")
        };
        let run = fetch(vec![server], &ids(300)).await;
        run.assert_all_good(300);
        assert!(
            run.outcomes
                .values()
                .all(|o| matches!(o, Outcome::Body { tries: 1, .. }))
        );
        assert!(run.summary.servers[0].out.is_none(), "{line}");
    }
}

// All slots are taken by somebody else at first: it waits and comes in.
#[tokio::test]
pub async fn crowded_out_at_first() {
    let refusals = AtomicUsize::new(0);
    let peer = Peer::new(move |asked| {
        (asked.line.is_empty() && refusals.fetch_add(1, SeqCst) < 1)
            .then(|| last("502 Too many connections"))
    })
    .await;
    let run = fetch(vec![peer.server("a")], &ids(5)).await;
    run.assert_all_good(5);
    assert!(run.told().contains("too many connections"));
}

// One slot is taken away in mid-session: the others do the work.
#[tokio::test]
pub async fn kicked_in_mid_session() {
    let peer = Peer::new(|asked| match (asked.connection, asked.nth) {
        (1, 2) => Some(last("400 too many connections")),
        _ => None,
    })
    .await;
    let server = Server {
        connections: 3,
        pipeline: Some(2),
        ..peer.server("a")
    };
    let run = fetch(vec![server], &ids(100)).await;
    run.assert_all_good(100);
    assert!(
        run.outcomes
            .values()
            .all(|o| matches!(o, Outcome::Body { tries: 1, .. }))
    );
}

/// An address where nobody listens.
async fn nobody() -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    Server {
        port: listener.local_addr().unwrap().port(),
        ..Server::new("127.0.0.1", false)
    }
}

// S03: refused, S01: a name that does not exist.
#[tokio::test]
pub async fn nobody_there() {
    let run = fetch(vec![nobody().await], &ids(10)).await;
    assert!(
        ids(10)
            .iter()
            .all(|id| run.word(id) == "Unreachable, retryable")
    );
    assert!(
        run.told().contains("given up: nothing has worked for"),
        "{}",
        run.told()
    );
    assert!(!run.summary.servers[0].usable);

    let good = Peer::good().await;
    let fill = Server {
        level: 1,
        ..good.server("b")
    };
    fetch(vec![nobody().await, fill], &ids(10))
        .await
        .assert_all_good(10);

    let optional = Server {
        optional: true,
        ..nobody().await
    };
    let empty = Peer::new(|asked| id(asked.line).map(|_| say("430 no"))).await;
    let run = fetch(vec![optional, empty.server("b")], &ids(10)).await;
    assert!(ids(10).iter().all(|id| run.word(id) == "missing"));
}

// The configuration leaves none that can be used; another try would not either.
#[tokio::test]
pub async fn no_server_at_all() {
    let run = fetch(Vec::new(), &ids(10)).await;
    assert!(ids(10).iter().all(|id| run.word(id) == "Login"));
}

// S04, S07: silence, hanging up and nonsense instead of a greeting.
#[tokio::test]
pub async fn no_greeting() {
    let acts = [
        Act::Stall(Vec::new()),
        Act::Last(Vec::new()),
        Act::Say(vec![b'x'; 10_000]),
        say("SSH-2.0-OpenSSH"),
        say("222 what"),
        last("400 maintenance"),
        last("503 what"),
    ];
    for act in acts {
        let shown = format!("{act:?}");
        let peer = Peer::new(move |asked| asked.line.is_empty().then(|| act.clone())).await;
        let good = Peer::good().await;
        let quick = Server {
            connect_timeout: Duration::from_millis(60),
            ..peer.server("a")
        };
        let fill = Server {
            level: 1,
            ..good.server("b")
        };
        let run = fetch(vec![quick, fill], &ids(5)).await;
        run.assert_all_good(5);
        assert!(peer.connections() <= 3, "{shown:.40}");
        assert!(run.told().contains("out of reach"), "{shown:.40}");
    }
}

// A door that closes for good.
#[tokio::test]
pub async fn a_502_greeting_is_final() {
    let peer = Peer::new(|asked| {
        asked
            .line
            .is_empty()
            .then(|| last("502 You have no permission to talk.  Goodbye!"))
    })
    .await;
    let run = fetch(vec![peer.server("a")], &ids(5)).await;
    assert!(ids(5).iter().all(|id| run.word(id) == "Login"));
    assert_eq!(peer.connections(), 1);
}

// S43: some connections work, others bounce: no harm, no storm.
#[tokio::test]
pub async fn some_connections_bounce() {
    let dials = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&dials);
    let peer = Peer::new(move |asked| {
        if asked.line.is_empty() {
            counted.fetch_add(1, SeqCst);
        }
        (asked.line.is_empty() && asked.connection >= 2).then(|| Act::Last(Vec::new()))
    })
    .await;
    let server = Server {
        connections: 8,
        pipeline: Some(1),
        ..peer.server("a")
    };
    let run = fetch(vec![server], &ids(400)).await;
    run.assert_all_good(400);
    assert!(dials.load(SeqCst) < 40, "{}", dials.load(SeqCst));
    assert!(run.summary.servers[0].out.is_none());
}
