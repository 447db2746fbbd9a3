//! How long a connection that has become free stays idle: from the last octet of an
//! answer to the next command, as two servers see it that have one connection each and
//! nothing sent ahead.
//!
//!     cargo run --release -p nzbpipe-nntp --example turnaround [REQUESTS]
//!
//! Client and servers share the machine, so the figures are what it is good for, too.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nzbpipe_nntp::backlog;
use nzbpipe_nntp::config::Server;
use nzbpipe_nntp::multiline::Framer;
use nzbpipe_nntp::{
    BodySink, Client, Fed, FedState, MessageId, Nth, Options, Request, Sinks, Stats, Verdict,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

type Gaps = Arc<Mutex<Vec<Duration>>>;

#[tokio::main]
async fn main() {
    let requests = std::env::args().nth(1);
    let requests: usize = requests.map_or(20_000, |text| text.parse().expect("a number"));
    let gaps = Gaps::default();
    let mut tasks = JoinSet::new();
    let mut servers = Vec::new();
    for name in ["a", "b"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        servers.push(Server {
            name: name.to_owned(),
            port: listener.local_addr().expect("an address").port(),
            connections: 1,
            pipeline: Some(1),
            ..Server::new("127.0.0.1", false)
        });
        let gaps = Arc::clone(&gaps);
        tasks.spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                serve(tcp, &gaps).await;
            }
        });
    }
    fetch(servers, requests, &mut tasks).await;
    let mut gaps = std::mem::take(&mut *gaps.lock().expect("no panic"));
    gaps.sort();
    let at = |share: f64| gaps[((gaps.len() - 1) as f64 * share) as usize];
    println!(
        "{} turns, one connection on each of two servers: median {:?}, p99 {:?}, longest {:?}",
        gaps.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

async fn fetch(servers: Vec<Server>, count: usize, tasks: &mut JoinSet<()>) {
    let client = Client {
        servers,
        options: Options::default(),
        rate: Arc::default(),
        changes: None,
        trace: None,
        notices: Arc::new(|notice| println!("{notice}")),
        stats: Arc::new(Stats::default()),
    };
    let (requests, queue) = mpsc::channel(64);
    let (outcomes, mut results) = backlog::channel(64);
    tasks.spawn(async move {
        for n in 0..count {
            let request = Request {
                id: MessageId::new(&format!("{n}@turnaround")).expect("an id"),
                alternates: Vec::new(),
                avoid: Vec::new(),
                bytes: None,
                nth: Nth::default(),
                date: None,
                ticket: (),
            };
            if requests.send(request).await.is_err() {
                return;
            }
        }
    });
    let run = client.run(Arc::new(Away), queue, outcomes, pending());
    let all = async { while results.recv().await.is_some() {} };
    tokio::join!(run, all);
}

/// Answers each command with a small body and notes how long the next one takes.
async fn serve(tcp: TcpStream, gaps: &Gaps) {
    let _ = tcp.set_nodelay(true);
    let (from, mut to) = tcp.into_split();
    let mut lines = BufReader::new(from).lines();
    let _ = to.write_all(b"200 turnaround\r\n").await;
    let mut free: Option<Instant> = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let Some(id) = line.strip_prefix("BODY ") else {
            return;
        };
        if let Some(free) = free {
            gaps.lock().expect("no panic").push(free.elapsed());
        }
        let answer = format!("222 0 {id}\r\nx\r\n.\r\n");
        if to.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        free = Some(Instant::now());
    }
}

/// Keeps nothing.
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
