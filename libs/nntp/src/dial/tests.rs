//! Reaching hosts of several addresses, some of them dead.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

use super::*;
use crate::config::{Ip, Proxy};

/// An endpoint that knows its addresses.
fn endpoint(server: Server, addresses: Vec<SocketAddr>) -> Endpoint {
    let shared = Shared {
        rate: Arc::default(),
        stats: Arc::default(),
        trace: None,
        buffers: Buffers::default(),
    };
    Endpoint {
        book: Book::of(addresses),
        ..Endpoint::new(&server, &[], shared).unwrap()
    }
}

fn plain() -> Server {
    Server {
        connect_timeout: Duration::from_secs(2),
        ..Server::new("h.example", false)
    }
}

/// A listener at 127.0.0.`host`, whose port does not matter.
async fn listener(host: u8) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, host], 0)));
    let listener = listener.await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Somebody who takes no connection and refuses none: the queue of the listener
/// is full. What fills it has to live as long.
async fn black_hole(host: u8) -> (Vec<TcpStream>, TcpListener, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    let any = SocketAddr::from(([127, 0, 0, host], 0));
    socket.bind(any).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    let patience = Duration::from_millis(200);
    while let Ok(Ok(tcp)) = timeout(patience, TcpStream::connect(address)).await {
        filling.push(tcp);
        assert!(filling.len() < 100);
    }
    (filling, listener, address)
}

/// Where nobody listens.
async fn closed(host: u8) -> SocketAddr {
    listener(host).await.1
}

// S02
#[tokio::test]
async fn a_black_hole_costs_a_head_start_once() {
    let (_full, _hole, dead) = black_hole(2).await;
    let (_listener, alive) = listener(3).await;
    let endpoint = endpoint(plain(), vec![dead, alive]);
    let began = Instant::now();
    let mut seen = Seen::default();
    endpoint.tcp(&mut seen).await.unwrap();
    assert_eq!(seen.address, Some(alive));
    let took = began.elapsed();
    let range = Duration::from_millis(200)..Duration::from_millis(900);
    assert!(range.contains(&took), "{took:?}");
    // Whoever did not answer is not asked first again.
    let began = Instant::now();
    for _ in 0..4 {
        endpoint.tcp(&mut seen).await.unwrap();
        assert_eq!(seen.address, Some(alive));
    }
    assert!(began.elapsed() < Duration::from_millis(200));
}

// S02, S03
#[tokio::test]
async fn a_refusal_costs_nothing() {
    let dead = closed(4).await;
    let (_listener, alive) = listener(5).await;
    let endpoint = endpoint(plain(), vec![dead, alive]);
    let began = Instant::now();
    endpoint.tcp(&mut Seen::default()).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(200));
}

#[tokio::test]
async fn all_addresses_are_used() {
    let mut addresses = Vec::new();
    let mut listeners = Vec::new();
    for host in 6..10 {
        let (listener, address) = listener(host).await;
        listeners.push(listener);
        addresses.push(address);
    }
    let endpoint = endpoint(plain(), addresses);
    let mut counts: HashMap<SocketAddr, usize> = HashMap::new();
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut seen = Seen::default();
        open.push(endpoint.tcp(&mut seen).await.unwrap());
        *counts.entry(seen.address.unwrap()).or_default() += 1;
    }
    assert_eq!(counts.len(), 4);
    assert!(counts.values().all(|&count| count == 5), "{counts:?}");
}

// S03
#[tokio::test]
async fn all_together_take_no_longer_than_one() {
    let (_full, _hole, dead) = black_hole(10).await;
    let (_full2, _hole2, dead2) = black_hole(11).await;
    let server = Server {
        connect_timeout: Duration::from_millis(600),
        ..plain()
    };
    let endpoint = endpoint(server, vec![dead, dead2]);
    let began = Instant::now();
    let refusal = endpoint.tcp(&mut Seen::default()).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_millis(1500));
    let text = refusal.cause.text;
    assert!(
        text.contains("no answer") && text.contains("127.0.0.11"),
        "{text}"
    );
}

#[tokio::test]
async fn from_a_local_address() {
    let (listener, address) = listener(12).await;
    let server = Server {
        bind: "127.0.0.99".parse().ok(),
        ..plain()
    };
    let endpoint = endpoint(server, vec![address, "[::1]:1".parse().unwrap()]);
    let _tcp = endpoint.tcp(&mut Seen::default()).await.unwrap();
    let (_, from) = listener.accept().await.unwrap();
    assert_eq!(from.ip(), "127.0.0.99".parse::<std::net::IpAddr>().unwrap());
}

#[tokio::test]
async fn an_address_that_is_not_ours() {
    let address = closed(13).await;
    let server = Server {
        bind: "192.0.2.1".parse().ok(),
        ..plain()
    };
    let refusal = endpoint(server, vec![address])
        .tcp(&mut Seen::default())
        .await;
    let text = refusal.unwrap_err().cause.text;
    assert!(text.contains("bind 192.0.2.1"), "{text}");
}

#[tokio::test]
async fn no_address_of_the_family() {
    let server = Server {
        ip: Ip::V6,
        ..plain()
    };
    let address = closed(14).await;
    let refusal = endpoint(server, vec![address])
        .tcp(&mut Seen::default())
        .await;
    assert!(
        refusal
            .unwrap_err()
            .cause
            .text
            .contains("no address that fits")
    );
}

// S01
#[tokio::test]
async fn a_host_that_is_not_there() {
    let server = Server {
        host: "nobody.invalid".to_owned(),
        ..plain()
    };
    let endpoint = Endpoint {
        book: Book::default(),
        ..endpoint(server, Vec::new())
    };
    let mut seen = Seen::default();
    let refusal = endpoint.tcp(&mut seen).await.unwrap_err();
    assert_eq!(refusal.cause.class, Class::Transport);
    assert_eq!(seen.phase, Phase::LookUp);
}

#[tokio::test]
async fn the_proxy_is_named_when_it_is_to_blame() {
    let server = Server {
        proxy: Proxy::parse("socks5://me:hunter2@127.0.0.15:1").ok(),
        ..plain()
    };
    let endpoint = endpoint(server, vec![closed(15).await]);
    let refusal = endpoint.tcp(&mut Seen::default()).await.unwrap_err();
    let text = refusal.cause.text;
    assert!(
        text.starts_with("proxy 127.0.0.15:1: no connection"),
        "{text}"
    );
    assert!(!format!("{:?}", endpoint.server).contains("hunter2"));
}
