//! Looking at servers: what is found out about good ones and bad ones.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nzbpipe_nntp::config::{Secret, Server};
use nzbpipe_nntp::{Check, Class, Line, Phase, TlsTrouble, check};

use crate::peer::{Act, Asked, Peer, last, say};
use crate::sealed::{Begin, Flaw, Manner, Sealed};

async fn look(server: &Server) -> Check {
    check(server, None, pending()).await
}

/// A server that can do all that is asked for.
fn able(asked: &Asked<'_>) -> Option<Act> {
    Some(match asked.line.split(' ').next()? {
        "CAPABILITIES" => say("101 list\r\nVERSION 2\r\nREADER\r\n."),
        "DATE" => say("111 20010101000000"),
        "STAT" => say(&format!("430 {} no", &asked.line[5..])),
        _ => return None,
    })
}

#[tokio::test]
async fn a_good_server() {
    let peer = Peer::new(able).await;
    let server = Server {
        connections: 9,
        username: Some("me".to_owned()),
        password: Some(Secret::new("hunter2")),
        ..peer.server("a")
    };
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&lines);
    let trace = Arc::new(move |line: Line<'_>| {
        let way = if line.sent { '>' } else { '<' };
        log.lock().unwrap().push(format!("{way} {}", line.text));
    });
    let found = check(&server, Some(trace), pending()).await;
    assert!(found.problem.is_none() && found.login);
    assert_eq!(found.capabilities, ["VERSION 2", "READER"]);
    assert_eq!((found.pipelines, found.echoes), (Some(true), Some(true)));
    assert_eq!((found.connections, found.wanted), (9, 9));
    assert!(found.turned_away.is_none());
    assert!(found.rtt.is_some_and(|rtt| rtt > Duration::ZERO));
    assert_eq!(found.greeting.as_deref(), Some("200 scripted peer ready"));
    // Every session is closed politely.
    let log = peer.log();
    assert_eq!(log.iter().filter(|line| *line == "QUIT").count(), 9);
    let lines = lines.lock().unwrap().join("\n");
    assert!(
        lines.contains("> AUTHINFO PASS ***\n< 281 welcome"),
        "{lines}"
    );
    assert!(!lines.contains("hunter2"), "{lines}");
}

#[tokio::test]
async fn the_fewest_that_a_server_can_do() {
    // It knows BODY and QUIT.
    let peer = Peer::good().await;
    let found = look(&peer.server("a")).await;
    assert!(found.problem.is_none());
    assert!(found.capabilities.is_empty());
    assert_eq!(found.echoes, None);
}

#[tokio::test]
async fn answers_in_another_order() {
    let asked_before = AtomicBool::new(false);
    let peer = Peer::new(move |asked| match asked.line.split(' ').next()? {
        "STAT" => {
            asked_before.store(true, SeqCst);
            Some(Act::Nothing)
        }
        "DATE" if asked_before.load(SeqCst) => Some(say("111 20010101000000\r\n430 no")),
        _ => None,
    });
    let server = peer.await.server("a");
    let found = look(&server).await;
    assert_eq!(found.pipelines, Some(false));
}

// S05
#[tokio::test]
async fn fewer_connections_than_wanted() {
    for words in [
        "502 too many connections",
        "400 connection limit reached",
        "502 go away",
    ] {
        let peer = Peer::new(move |asked| {
            (asked.line.is_empty() && asked.connection >= 5).then(|| last(words))
        });
        let peer = peer.await;
        let server = Server {
            connections: 20,
            ..peer.server("a")
        };
        let found = look(&server).await;
        assert!(found.problem.is_none());
        assert_eq!(found.connections, 5, "{words}");
        assert_eq!(found.turned_away.unwrap().1, words);
        // It is not asked for all the others.
        assert!(peer.connections() <= 9, "{}", peer.connections());
    }
}

#[tokio::test]
async fn what_is_wrong_and_where() {
    let script = |words: &'static str, at: &'static str| {
        Peer::new(move |asked| asked.line.starts_with(at).then(|| last(words)))
    };
    let table = [
        (
            "481 no such user",
            "AUTHINFO PASS",
            Phase::Login,
            Class::Login,
        ),
        (
            "482 too many connections",
            "AUTHINFO",
            Phase::Login,
            Class::Capacity,
        ),
        (
            "200 ready\r\n400 gone",
            "AUTHINFO",
            Phase::Login,
            Class::Transport,
        ),
        ("502 not for you", "", Phase::Greeting, Class::Login),
        ("400 out of order", "", Phase::Greeting, Class::Transport),
    ];
    for (words, at, phase, class) in table {
        let peer = script(words, at).await;
        let server = Server {
            username: Some("me".to_owned()),
            password: Some(Secret::new("hunter2")),
            ..peer.server("a")
        };
        let problem = look(&server).await.problem.unwrap();
        assert_eq!((problem.phase, problem.class), (phase, class), "{words}");
    }
}

// S06, S07: a greeting without end, a reset instead of one.
#[tokio::test]
async fn what_is_no_greeting() {
    for (act, word) in [
        (Act::Say(vec![b'x'; 1 << 20]), "without end"),
        (Act::Reset(Vec::new()), "reset"),
        (Act::Last(Vec::new()), "closed"),
    ] {
        let peer = Peer::new(move |asked| asked.line.is_empty().then(|| act.clone())).await;
        let problem = look(&peer.server("a")).await.problem.unwrap();
        assert_eq!(
            (problem.phase, problem.class),
            (Phase::Greeting, Class::Transport)
        );
        assert!(problem.text.contains(word), "{}", problem.text);
    }
}

// S49
#[tokio::test]
async fn what_tls_does_not_like() {
    let plain = Peer::good().await;
    let server = Server {
        tls: true,
        extra_ca: Some(Sealed::new(Manner::default()).await.authority.into_bytes()),
        ..plain.server("a")
    };
    let problem = look(&server).await.problem.unwrap();
    assert_eq!(problem.tls, Some(TlsTrouble::NoTls));
    let table = [
        ("localhost", Flaw::Expired, TlsTrouble::Expired),
        ("localhost", Flaw::NotYet, TlsTrouble::NotYet),
        ("localhost", Flaw::SelfSigned, TlsTrouble::Issuer),
        ("news.example", Flaw::None, TlsTrouble::Name),
    ];
    for (name, flaw, trouble) in table {
        let manner = Manner {
            name,
            flaw,
            ..Manner::default()
        };
        let server = Sealed::new(manner).await.server("localhost");
        let problem = look(&server).await.problem.unwrap();
        assert_eq!(problem.tls, Some(trouble), "{}", problem.text);
        assert_eq!((problem.phase, problem.class), (Phase::Tls, Class::Login));
    }
}

#[tokio::test]
async fn tls_details_and_resumption() {
    for begin in [Begin::Tls, Begin::Clear("382 go on")] {
        let manner = Manner {
            begin,
            ..Manner::default()
        };
        let sealed = Sealed::new(manner).await;
        let server = Server {
            starttls: begin != Begin::Tls,
            ..sealed.server("localhost")
        };
        let found = look(&server).await;
        let tls = found.tls.unwrap();
        assert_eq!(tls.version, "TLS 1.3");
        assert!(tls.cipher.contains("AES_128"), "{}", tls.cipher);
        assert!(!tls.exchange.is_empty());
        assert_eq!(tls.subject, "rcgen self signed cert");
        assert_eq!(tls.not_after, "4096-01-01");
        assert_eq!(tls.resumes, Some(true));
    }
}

#[tokio::test]
async fn too_many_connections_is_no_refusal_of_starttls() {
    let manner = Manner {
        begin: Begin::Clear("400 too many connections"),
        ..Manner::default()
    };
    let server = Server {
        starttls: true,
        ..Sealed::new(manner).await.server("localhost")
    };
    let problem = look(&server).await.problem.unwrap();
    assert_eq!(
        (problem.phase, problem.class),
        (Phase::StartTls, Class::Capacity)
    );
}

#[tokio::test]
async fn stopped_politely() {
    let peer = Peer::new(|asked| asked.line.starts_with("DATE").then_some(Act::Nothing)).await;
    let soon = tokio::time::sleep(Duration::from_millis(200));
    check(&peer.server("a"), None, soon).await;
    assert!(peer.log().contains(&"QUIT".to_owned()));
}
