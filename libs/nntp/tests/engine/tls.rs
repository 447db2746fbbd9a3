//! TLS: what is trusted, and what becomes of what is not.

use std::time::Duration;

use nzbpipe_nntp::config::{Server, TlsVersion, Verify};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::peer::{Peer, say};
use crate::rig::{Run, fetch, ids};
use crate::sealed::{Abrupt, Flaw, Manner, Sealed, Tamper, between};

/// All ended so.
fn all(run: &Run, count: usize, word: &str) {
    for id in ids(count) {
        assert_eq!(run.word(&id), word, "{}", run.told());
    }
}

#[tokio::test]
pub async fn a_trusted_certificate() {
    let tls = Sealed::new(Manner::default()).await;
    let run = fetch(vec![tls.server("localhost")], &ids(50)).await;
    run.assert_all_good(50);
}

// S50: cut without close_notify is a lost connection, not an end; after a whole
// body nothing is lost.
#[tokio::test]
pub async fn an_abrupt_end() {
    for abrupt in [Abrupt::MidBody, Abrupt::AfterBody] {
        let manner = Manner {
            abrupt,
            ..Manner::default()
        };
        let tls = Sealed::new(manner).await;
        let run = fetch(vec![tls.server("localhost")], &ids(20)).await;
        run.assert_all_good(20);
    }
}

// S49: at once, once, and the others go on. Never in the clear.
#[tokio::test]
pub async fn what_is_not_trusted() {
    let good = Peer::good().await;
    for (name, flaw, trusted, word) in [
        ("localhost", Flaw::None, false, "vouches"),
        ("localhost", Flaw::SelfSigned, true, "vouches"),
        ("localhost", Flaw::Expired, true, "expired"),
        ("localhost", Flaw::NotYet, true, "not valid yet"),
        ("news.example", Flaw::None, true, "is for news.example"),
    ] {
        let manner = Manner {
            name,
            flaw,
            ..Manner::default()
        };
        let tls = Sealed::new(manner).await;
        let mut refused = tls.server("localhost");
        if !trusted {
            // Another authority: this system may have none.
            let other = Sealed::new(Manner::default()).await;
            refused.extra_ca = Some(other.authority.into_bytes());
        }
        let run = fetch(vec![refused.clone()], &ids(5)).await;
        all(&run, 5, "Login");
        assert_eq!(run.notices.len(), 1);
        assert!(run.told().contains("certificate"), "{}", run.told());
        assert!(run.told().contains(word), "{word}: {}", run.told());
        let run = fetch(vec![refused, good.server("b")], &ids(5)).await;
        run.assert_all_good(5);
    }
}

#[tokio::test]
pub async fn what_is_checked_is_said() {
    let table = [
        // (verify, name, flaw, trusted, good)
        (Verify::None, "news.example", Flaw::Expired, false, true),
        (Verify::None, "localhost", Flaw::SelfSigned, false, true),
        (Verify::Chain, "news.example", Flaw::None, true, true),
        (Verify::Chain, "news.example", Flaw::None, false, false),
        (Verify::Chain, "news.example", Flaw::Expired, true, false),
        (Verify::Chain, "localhost", Flaw::SelfSigned, true, false),
    ];
    let other = Sealed::new(Manner::default()).await;
    for (verify, name, flaw, trusted, good) in table {
        let manner = Manner {
            name,
            flaw,
            ..Manner::default()
        };
        let tls = Sealed::new(manner).await;
        let mut server = Server {
            verify,
            ..tls.server("localhost")
        };
        if !trusted {
            server.extra_ca = Some(other.authority.clone().into_bytes());
        }
        let run = fetch(vec![server], &ids(5)).await;
        let word = if good { "body from localhost" } else { "Login" };
        all(&run, 5, word);
    }
}

#[tokio::test]
pub async fn another_name_and_another_version() {
    let manner = Manner {
        name: "news.example",
        ..Manner::default()
    };
    let tls = Sealed::new(manner).await;
    let server = Server {
        tls_name: Some("news.example".to_owned()),
        tls_min: TlsVersion::V13,
        ..tls.server("127.0.0.1")
    };
    let run = fetch(vec![server], &ids(5)).await;
    run.assert_all_good(5);
}

// S49: a port that speaks NNTP in the clear is not spoken to.
#[tokio::test]
pub async fn no_tls_there() {
    let plain = Peer::new(|asked| asked.line.is_empty().then(|| say("200 in the clear"))).await;
    let server = Server {
        tls: true,
        verify: Verify::None,
        ..plain.server("a")
    };
    let run = fetch(vec![server], &ids(5)).await;
    all(&run, 5, "Login");
    assert!(plain.asked().is_empty());
}

/// A port that answers the hello with `bytes` and hangs up.
async fn answers(bytes: &'static [u8]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let _ = tcp.read(&mut [0; 4096]).await;
            let _ = tcp.write_all(bytes).await;
        }
    });
    Server {
        port,
        verify: Verify::None,
        connections: 1,
        ..Server::new("127.0.0.1", true)
    }
}

// S49: what will not be better next time. S51: what may be.
#[tokio::test]
pub async fn answers_to_the_hello() {
    const OLD: &[u8] = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01\
        01234567890123456789012345678901\x00\xc0\x13\x00";
    let table: [(&[u8], &str); 9] = [
        // A ServerHello of TLS 1.0, and the alert of one that has nothing else.
        (OLD, "Login"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "Login"),
        // No cipher in common.
        (b"\x15\x03\x03\x00\x02\x02\x28", "Login"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "Login"),
        (b"200 news server ready\r\n", "Login"),
        // An internal error is the server's passing trouble.
        (b"\x15\x03\x03\x00\x02\x02\x50", "Unreachable, retryable"),
        (b"", "Unreachable, retryable"),
        (b"\x16", "Unreachable, retryable"),
        (b"\x16\x03\x03\x40\x00\x02", "Unreachable, retryable"),
    ];
    let runs = table.map(|(bytes, word)| async move {
        let run = fetch(vec![answers(bytes).await], &ids(2)).await;
        all(&run, 2, word);
    });
    let mut tasks = tokio::task::JoinSet::new();
    runs.into_iter().for_each(|run| drop(tasks.spawn(run)));
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

// S51: somebody on the way breaks the first connection, in the handshake or
// after it. It costs that connection and nothing else.
#[tokio::test]
pub async fn broken_on_the_way() {
    let tls = Sealed::new(Manner::default()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for tamper in [
        Tamper::Cut(0),
        Tamper::Cut(3),
        Tamper::Cut(200),
        Tamper::Reset(0),
        Tamper::Reset(500),
        Tamper::Stall(0),
        Tamper::Stall(300),
        Tamper::Flip(400),
        Tamper::Flip(2000),
    ] {
        let server = Server {
            port: between(tls.port, tamper, 1).await,
            connections: 1,
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            ..tls.server("localhost")
        };
        tasks.spawn(async move {
            let run = fetch(vec![server], &ids(50)).await;
            for id in run.outcomes.keys() {
                assert!(
                    run.word(id).starts_with("body"),
                    "{tamper:?}: {}",
                    run.told()
                );
            }
            run.assert_all_good(50);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}
