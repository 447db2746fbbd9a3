//! TLS: what is trusted, and what becomes of what is not.

use std::sync::Arc;

use nzbpipe_nntp::config::{Server, Verify};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::peer::{Peer, article, id, say};
use crate::rig::{fetch, ids};

/// A good server with TLS: its port, and the authority that vouches for it.
struct Tls {
    port: u16,
    authority: String,
}

fn certificate(name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let key = PrivatePkcs8KeyDer::from(leaf_key.serialize_der());
    (leaf.der().clone(), key.into(), authority.pem())
}

/// `name`: whom the certificate is for. `abrupt`: the connection ends without
/// close_notify in the middle of the third body, the first time.
async fn serve(name: &str, abrupt: bool) -> Tls {
    let (leaf, key, authority) = certificate(name);
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((tcp, _)) = listener.accept().await {
            connections += 1;
            let cut = (abrupt && connections == 1).then_some(2);
            tokio::spawn(converse(acceptor.clone(), tcp, cut));
        }
    });
    Tls { port, authority }
}

async fn converse(acceptor: TlsAcceptor, tcp: tokio::net::TcpStream, cut: Option<usize>) {
    let Ok(stream) = acceptor.accept(tcp).await else {
        return;
    };
    let mut stream = BufReader::new(stream);
    stream.write_all(b"200 hello\r\n").await.unwrap();
    let mut line = String::new();
    for nth in 0.. {
        line.clear();
        let _ = stream.flush().await;
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let Some(id) = id(line.trim_end()) else {
            let _ = stream.write_all(b"205 bye\r\n").await;
            let _ = stream.shutdown().await;
            return;
        };
        let mut bytes = article(id);
        if cut == Some(nth) {
            bytes.truncate(bytes.len() / 2);
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            return;
        }
        stream.write_all(&bytes).await.unwrap();
    }
}

fn server(tls: &Tls, host: &str, trusted: bool) -> Server {
    Server {
        port: tls.port,
        connections: 2,
        extra_ca: trusted.then(|| tls.authority.clone().into_bytes()),
        ..Server::new(host, true)
    }
}

#[tokio::test]
async fn a_trusted_certificate() {
    let tls = serve("localhost", false).await;
    fetch(vec![server(&tls, "localhost", true)], &ids(50))
        .await
        .assert_all_good(50);
}

// S50: cut without close_notify is a lost connection, not an end.
#[tokio::test]
async fn an_abrupt_end() {
    let tls = serve("localhost", true).await;
    let run = fetch(vec![server(&tls, "localhost", true)], &ids(20)).await;
    run.assert_all_good(20);
}

// S49: at once, once, and the others go on. Never in the clear.
#[tokio::test]
async fn what_is_not_trusted() {
    let tls = serve("localhost", false).await;
    let other_name = serve("news.example", false).await;
    let good = Peer::good().await;
    for refused in [
        server(&tls, "localhost", false),
        server(&other_name, "localhost", true),
    ] {
        let run = fetch(vec![refused.clone()], &ids(5)).await;
        assert!(
            ids(5).iter().all(|id| run.word(id) == "Login"),
            "{}",
            run.told()
        );
        assert_eq!(run.notices.len(), 1);
        assert!(run.told().contains("certificate"), "{}", run.told());
        let run = fetch(vec![refused, good.server("b")], &ids(5)).await;
        run.assert_all_good(5);
    }
}

#[tokio::test]
async fn unchecked_if_asked_for() {
    let tls = serve("news.example", false).await;
    let server = Server {
        verify: Verify::None,
        ..server(&tls, "localhost", false)
    };
    let run = fetch(vec![server], &ids(5)).await;
    run.assert_all_good(5);
}

// S49: a port that speaks NNTP in the clear is not spoken to.
#[tokio::test]
async fn no_tls_there() {
    let plain = Peer::new(|asked| asked.line.is_empty().then(|| say("200 in the clear"))).await;
    let server = Server {
        tls: true,
        verify: Verify::None,
        ..plain.server("a")
    };
    let run = fetch(vec![server], &ids(5)).await;
    assert!(
        ids(5).iter().all(|id| run.word(id) == "Login"),
        "{}",
        run.told()
    );
    assert!(plain.asked().is_empty());
}

#[tokio::test]
async fn tls_garbage_is_no_bad_certificate() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            // Takes the hello and hangs up (S51).
            let _ = tcp.read(&mut [0; 1000]).await;
        }
    });
    let server = Server {
        port,
        verify: Verify::None,
        ..Server::new("127.0.0.1", true)
    };
    let run = fetch(vec![server], &ids(2)).await;
    assert!(
        ids(2)
            .iter()
            .all(|id| run.word(id) == "Unreachable, retryable"),
        "{}",
        run.told()
    );
}
