//! STARTTLS (RFC 4642): TLS that is asked for in the clear, and never done
//! without.

use nzbpipe_nntp::config::{Secret, Server};

use crate::peer::Peer;
use crate::rig::{Run, fetch, ids};
use crate::sealed::{Begin, Flaw, Manner, Sealed};

async fn sealed(answer: &'static str, flaw: Flaw) -> (Sealed, Server) {
    let manner = Manner {
        begin: Begin::Clear(answer),
        flaw,
        ..Manner::default()
    };
    let sealed = Sealed::new(manner).await;
    let server = Server {
        starttls: true,
        username: Some("me".to_owned()),
        password: Some(Secret::new("hunter2")),
        ..sealed.server("localhost")
    };
    (sealed, server)
}

/// Nothing but STARTTLS was said in the clear.
fn nothing_told(sealed: &Sealed) {
    let clear = sealed.clear.lock().unwrap();
    assert!(clear.iter().all(|line| line == "STARTTLS"), "{clear:?}");
}

#[tokio::test]
pub async fn the_login_is_encrypted() {
    let (sealed, server) = sealed("382 go on", Flaw::None).await;
    fetch(vec![server], &ids(20)).await.assert_all_good(20);
    nothing_told(&sealed);
}

fn refused(run: &Run, word: &str) {
    for id in ids(3) {
        assert_eq!(run.word(&id), "Login", "{}", run.told());
    }
    assert!(run.told().contains(word), "{word}: {}", run.told());
}

// S52: without it there is no conversation.
#[tokio::test]
pub async fn stripped() {
    for answer in [
        "500 what?",
        "502 not for you",
        "580 cannot now",
        "483 no",
        "200 fine as it is",
    ] {
        let (sealed, server) = sealed(answer, Flaw::None).await;
        refused(&fetch(vec![server], &ids(3)).await, "does not begin TLS");
        nothing_told(&sealed);
    }
}

// S52: what was said before TLS is not taken for what it protects.
#[tokio::test]
pub async fn injected_before_tls() {
    let (sealed, server) = sealed("382 go on\r\n281 welcome", Flaw::None).await;
    refused(&fetch(vec![server], &ids(3)).await, "in the clear");
    nothing_told(&sealed);
}

#[tokio::test]
pub async fn a_bad_certificate_is_one_here_too() {
    let (sealed, server) = sealed("382 go on", Flaw::Expired).await;
    refused(&fetch(vec![server], &ids(3)).await, "expired");
    nothing_told(&sealed);
}

#[tokio::test]
pub async fn others_go_on() {
    let (_sealed, server) = sealed("500 what?", Flaw::None).await;
    let good = Peer::good().await;
    let run = fetch(vec![server, good.server("b")], &ids(5)).await;
    run.assert_all_good(5);
}
