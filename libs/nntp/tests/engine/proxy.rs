//! SOCKS5: the proxy looks up the host, and is blamed for what is its fault.

use std::sync::{Arc, Mutex};

use nzbpipe_nntp::config::{Proxy, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::peer::Peer;
use crate::rig::{fetch, ids};

/// A proxy that leads everybody to one place.
struct Socks {
    port: u16,
    /// The hosts that were asked for.
    hosts: Arc<Mutex<Vec<String>>>,
}

/// `code`: its answer; 0 is yes.
async fn socks(target: u16, code: u8) -> Socks {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hosts = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&hosts);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let _ = lead(tcp, target, code, &log).await;
            });
        }
    });
    Socks { port, hosts }
}

async fn lead(
    mut near: TcpStream,
    target: u16,
    code: u8,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = [0; 3];
    near.read_exact(&mut head).await?;
    assert_eq!(head, [5, 1, 0]);
    near.write_all(&[5, 0]).await?;
    let mut head = [0; 5];
    near.read_exact(&mut head).await?;
    assert_eq!(head[..4], [5, 1, 0, 3]);
    let mut rest = vec![0; usize::from(head[4]) + 2];
    near.read_exact(&mut rest).await?;
    rest.truncate(usize::from(head[4]));
    log.lock().unwrap().push(String::from_utf8(rest).unwrap());
    near.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    if code == 0 {
        let mut far = TcpStream::connect(("127.0.0.1", target)).await?;
        tokio::io::copy_bidirectional(&mut near, &mut far).await?;
    }
    Ok(())
}

fn server(peer: &Peer, socks: &Socks) -> Server {
    Server {
        host: "news.invalid".to_owned(),
        proxy: Proxy::parse(&format!("socks5://127.0.0.1:{}", socks.port)).ok(),
        ..peer.server("a")
    }
}

#[tokio::test]
async fn the_name_goes_to_the_proxy() {
    let peer = Peer::good().await;
    let socks = socks(peer.address.port(), 0).await;
    let run = fetch(vec![server(&peer, &socks)], &ids(50)).await;
    run.assert_all_good(50);
    assert_eq!(*socks.hosts.lock().unwrap(), ["news.invalid"]);
}

#[tokio::test]
async fn the_target_is_not_there() {
    let peer = Peer::good().await;
    let socks = socks(peer.address.port(), 4).await;
    let run = fetch(vec![server(&peer, &socks)], &ids(2)).await;
    assert_eq!(run.word(&ids(1)[0]), "Unreachable, retryable");
    let told = run.told();
    assert!(
        told.contains("proxy 127.0.0.1:") && told.contains("host unreachable"),
        "{told}"
    );
}

#[tokio::test]
async fn the_proxy_is_none() {
    let peer = Peer::good().await;
    let other = Peer::good().await;
    let server = Server {
        proxy: Proxy::parse(&format!("socks5://127.0.0.1:{}", other.address.port())).ok(),
        ..peer.server("a")
    };
    let run = fetch(vec![server], &ids(2)).await;
    assert!(run.told().contains("SOCKS5"), "{}", run.told());
    assert_eq!(peer.connections(), 0);
}
