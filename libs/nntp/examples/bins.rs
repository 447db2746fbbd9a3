//! How smooth a rate limit is: the client against a peer on loopback that sends as
//! fast as it can, and the octets it takes from its sockets in each tenth of a
//! second.
//!
//!     cargo run --release -p nzbpipe-nntp --example bins -- LIMIT CONNECTIONS SECONDS
//!
//! LIMIT as in a server file (`10M`). The first second is not counted. Prints the
//! mean, the lowest and the highest tenth as shares of the limit, and with `-v` as
//! the fourth argument each of them.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use nzbpipe_nntp::backlog;
use nzbpipe_nntp::config::{self, Server};
use nzbpipe_nntp::multiline::Framer;
use nzbpipe_nntp::{
    BodySink, Client, Fed, FedState, MessageId, Nth, Options, Rate, Request, Sinks, Stats, Verdict,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

const BIN: Duration = Duration::from_millis(100);
const BODY: usize = 700_000;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [limit, connections, seconds, verbose @ ..] = &arguments[..] else {
        println!("usage: bins LIMIT CONNECTIONS SECONDS [-v]");
        return;
    };
    let (Some(limit), Ok(connections), Ok(seconds)) =
        (config::size(limit), connections.parse(), seconds.parse())
    else {
        println!("usage: bins LIMIT CONNECTIONS SECONDS [-v]");
        return;
    };
    let mut tasks = JoinSet::new();
    let stats = start(limit, connections, &mut tasks).await;
    let bins = measure(&stats, seconds).await;
    report(limit, connections, &bins, !verbose.is_empty());
}

/// Starts the peer, the client and an endless job.
async fn start(limit: u64, connections: u16, tasks: &mut JoinSet<()>) -> Arc<Stats> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut server = Server::new("127.0.0.1", false);
    server.port = listener.local_addr().expect("its address").port();
    server.connections = connections;
    let (peer, mut peers) = (Arc::from(body()), JoinSet::new());
    tasks.spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            peers.spawn(blast(tcp, Arc::clone(&peer)));
        }
    });
    let stats = Arc::new(Stats::default());
    let client = Client {
        servers: vec![server],
        options: Options::default(),
        rate: Arc::new(Rate::new(limit)),
        changes: None,
        trace: None,
        notices: Arc::new(|notice| println!("{notice}")),
        stats: Arc::clone(&stats),
    };
    let (requests, queue) = mpsc::channel(64);
    let (outcomes, mut results) = backlog::channel(64);
    tasks.spawn(async move {
        let id = MessageId::new("a@b").expect("an id");
        let request = |id| Request {
            id,
            alternates: Vec::new(),
            avoid: Vec::new(),
            bytes: None,
            date: None,
            nth: Nth::default(),
            ticket: (),
        };
        while requests.send(request(id.clone())).await.is_ok() {}
    });
    tasks.spawn(async move {
        client.run(Arc::new(Away), queue, outcomes, pending()).await;
    });
    tasks.spawn(async move { while results.recv().await.is_some() {} });
    stats
}

fn body() -> Vec<u8> {
    let line = [&[b'x'; 128][..], b"\r\n"].concat();
    let mut body = b"222 0 <a@b>\r\n".to_vec();
    body.extend(line.repeat(BODY / line.len()));
    body.extend_from_slice(b".\r\n");
    body
}

/// A server in ten lines: each line that comes is answered with the body.
async fn blast(tcp: TcpStream, body: Arc<[u8]>) {
    let (from, mut to) = tcp.into_split();
    let mut lines = BufReader::new(from).lines();
    let _ = to.write_all(b"200 bins\r\n").await;
    while let Ok(Some(_)) = lines.next_line().await {
        if to.write_all(&body).await.is_err() {
            return;
        }
    }
}

/// Octets a second in each tenth of a second after the first second.
async fn measure(stats: &Stats, seconds: u32) -> Vec<f64> {
    let mut at = Instant::now() + Duration::from_secs(1);
    sleep_until(at).await;
    let mut before = stats.bytes();
    let mut bins = Vec::new();
    for _ in 0..seconds * 10 {
        sleep_until(at + BIN).await;
        // The timer is late by a little, each time by another.
        let (now, bytes) = (Instant::now(), stats.bytes());
        bins.push((bytes - before) as f64 / (now - at).as_secs_f64());
        (at, before) = (now, bytes);
    }
    bins
}

fn report(limit: u64, connections: u16, bins: &[f64], each: bool) {
    let share = |rate: f64| rate / limit.max(1) as f64;
    let mean = bins.iter().sum::<f64>() / bins.len().max(1) as f64;
    let lowest = bins.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = bins.iter().copied().fold(0.0, f64::max);
    println!(
        "{limit:>12} octets/s {connections:>3} connections: mean {mean:>13.0} ({:.4}), bins {:.3} to {:.3}",
        share(mean),
        share(lowest),
        share(highest)
    );
    if each {
        for (index, rate) in bins.iter().enumerate() {
            println!(
                "{:>6.1} s {rate:>13.0} {:.3}",
                index as f64 / 10.0,
                share(*rate)
            );
        }
    }
}

/// Throws bodies away.
struct Away;

struct Gone(Framer);

impl Sinks for Away {
    type Ticket = ();
    type Sink = Gone;

    async fn begin(&self, _nth: Nth, _bytes: Option<u64>) -> Gone {
        Gone(Framer::new())
    }
}

impl BodySink for Gone {
    type Body = ();

    fn feed(&mut self, bytes: &[u8]) -> Fed {
        let (consumed, ended) = self.0.feed(bytes);
        let state = match ended {
            true => FedState::Ended,
            false => FedState::More,
        };
        Fed { consumed, state }
    }

    async fn grow(&mut self) {}

    fn finish(self) -> (Verdict, ()) {
        (Verdict::Good, ())
    }
}
