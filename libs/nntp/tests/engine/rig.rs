//! A run of the client, with sinks that keep what they are given.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nzbpipe_nntp::backlog::channel;
use nzbpipe_nntp::config::Server;
use nzbpipe_nntp::multiline::Framer;
use nzbpipe_nntp::{
    BodySink, Client, Fed, FedState, MessageId, Notice, Nth, Options, Outcome, Request, Sinks,
    Stats, Summary, Verdict,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};

/// A run that takes longer hangs.
pub const BOUND: Duration = Duration::from_secs(60);

/// How long all servers may be down.
pub const MAX_DOWN: Duration = Duration::from_secs(4);

/// What a run gave.
pub struct Run {
    pub outcomes: HashMap<String, Outcome<String, Body>>,
    /// Tickets in the order of their outcomes.
    pub order: Vec<String>,
    pub notices: Vec<Notice>,
    pub stats: Arc<Stats>,
    pub summary: Summary,
    /// How long it took.
    pub took: Duration,
}

/// The lines of a body, and its share of the budget.
#[derive(Debug)]
pub struct Body {
    pub text: String,
    share: Option<Share>,
}

/// A body in memory.
#[derive(Debug)]
struct Share {
    _permit: Option<OwnedSemaphorePermit>,
    census: Arc<Census>,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.census.now.fetch_sub(1, SeqCst);
    }
}

/// How many bodies are in memory.
#[derive(Debug, Default)]
pub struct Census {
    now: AtomicUsize,
    pub most: AtomicUsize,
}

/// Makes sinks that keep the lines; a body with the word "damaged" is.
pub struct Keepers {
    /// How many bodies may be in memory.
    pub budget: Option<Arc<Semaphore>>,
    /// How many there are.
    pub census: Arc<Census>,
    /// Whether a body that is not that of article `a{number}@x` is damaged: a
    /// decoder sees what file and part it is.
    pub strict: bool,
    /// Bytes a body may have.
    pub largest: usize,
    /// A sink takes this much before it wants to grow.
    pub step: usize,
}

impl Default for Keepers {
    fn default() -> Keepers {
        Keepers {
            budget: None,
            census: Arc::default(),
            strict: false,
            largest: 1 << 20,
            step: 1 << 20,
        }
    }
}

pub struct Keeper {
    framer: Framer,
    bytes: Vec<u8>,
    room: usize,
    step: usize,
    largest: usize,
    /// The text it is to have.
    wanted: Option<String>,
    share: Share,
}

impl Sinks for Keepers {
    type Ticket = String;
    type Sink = Keeper;

    async fn begin(&self, nth: Nth, _bytes: Option<u64>) -> Keeper {
        let permit = match &self.budget {
            Some(budget) => Some(Arc::clone(budget).acquire_owned().await.unwrap()),
            None => None,
        };
        let now = self.census.now.fetch_add(1, SeqCst) + 1;
        self.census.most.fetch_max(now, SeqCst);
        let share = Share {
            _permit: permit,
            census: Arc::clone(&self.census),
        };
        Keeper {
            framer: Framer::new(),
            bytes: Vec::new(),
            room: self.step,
            step: self.step,
            largest: self.largest,
            wanted: self
                .strict
                .then(|| crate::peer::text(&format!("a{}@x", nth.number))),
            share,
        }
    }
}

impl BodySink for Keeper {
    type Body = Body;

    fn feed(&mut self, bytes: &[u8]) -> Fed {
        assert!(!bytes.is_empty());
        let offered = &bytes[..bytes.len().min(self.room)];
        let (consumed, ended) = self.framer.feed(offered);
        self.room -= consumed;
        self.bytes.extend_from_slice(&offered[..consumed]);
        let state = if ended {
            FedState::Ended
        } else if self.bytes.len() > self.largest {
            FedState::TooLarge
        } else if consumed < bytes.len() {
            FedState::Full
        } else {
            FedState::More
        };
        Fed { consumed, state }
    }

    async fn grow(&mut self) {
        tokio::task::yield_now().await;
        self.room += self.step;
    }

    fn finish(mut self) -> (Verdict, Body) {
        self.bytes
            .truncate(self.bytes.len() - self.framer.terminator_len());
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        let verdict = match &self.wanted {
            _ if text.contains("damaged") => Verdict::Damaged("it says so".to_owned()),
            Some(wanted) if *wanted != text => Verdict::Damaged("another part".to_owned()),
            _ => Verdict::Good,
        };
        let body = Body {
            text,
            share: Some(self.share),
        };
        (verdict, body)
    }
}

/// Requests for these ids; the ticket is the id.
pub fn requests(ids: &[impl AsRef<str>]) -> Vec<Request<String>> {
    ids.iter().map(|id| request(id.as_ref(), &[])).collect()
}

pub fn request(id: &str, alternates: &[&str]) -> Request<String> {
    Request {
        id: MessageId::new(id).unwrap(),
        alternates: alternates
            .iter()
            .map(|id| MessageId::new(id).unwrap())
            .collect(),
        avoid: Vec::new(),
        bytes: None,
        nth: Nth {
            number: number(id),
            of: 0,
        },
        date: None,
        ticket: id.to_owned(),
    }
}

/// The number in `a17@x`.
pub fn number(id: &str) -> u64 {
    let digits = id.chars().filter(char::is_ascii_digit);
    digits.collect::<String>().parse().unwrap_or(0)
}

/// Ids `a0@x`, `a1@x`, …
pub fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("a{n}@x")).collect()
}

/// Fetches `ids` from `servers`.
pub async fn fetch(servers: Vec<Server>, ids: &[impl AsRef<str>]) -> Run {
    run(servers, Keepers::default(), requests(ids)).await
}

/// Runs the client over `requests`, at most 3 tries each.
pub async fn run(servers: Vec<Server>, sinks: Keepers, requests: Vec<Request<String>>) -> Run {
    let plan = Plan {
        sinks,
        ..Plan::new(servers)
    };
    plan.run(requests).await
}

/// What a run is made with.
pub struct Plan {
    pub servers: Vec<Server>,
    pub sinks: Keepers,
    pub options: Options,
    pub changes: Option<mpsc::Receiver<Vec<Server>>>,
    /// A run that takes longer hangs.
    pub bound: Duration,
}

impl Plan {
    /// At most 3 tries each, and all servers down for [`MAX_DOWN`].
    pub fn new(servers: Vec<Server>) -> Plan {
        let mut options = Options::default();
        options.tries = 3;
        options.max_down = MAX_DOWN;
        Plan {
            servers,
            sinks: Keepers::default(),
            options,
            changes: None,
            bound: BOUND,
        }
    }

    /// A run over `requests`.
    pub async fn run(self, requests: Vec<Request<String>>) -> Run {
        let notices = Arc::new(Mutex::new(Vec::new()));
        let stats = Arc::new(Stats::default());
        let told = Arc::clone(&notices);
        let client = Client {
            servers: self.servers,
            options: self.options,
            rate: Arc::default(),
            changes: self.changes,
            trace: None,
            notices: Arc::new(move |notice| told.lock().unwrap().push(notice)),
            stats: Arc::clone(&stats),
        };
        let (sender, incoming) = mpsc::channel(16);
        let (outgoing, mut outcomes) = channel::<Outcome<String, Body>>(4);
        let mut got = HashMap::new();
        let mut order = Vec::new();
        let all = async {
            let feed = async {
                for request in requests {
                    sender.send(request).await.unwrap();
                }
                drop(sender);
            };
            let collect = async {
                while let Some(mut outcome) = outcomes.recv().await {
                    // Written, as it were: its memory is free again.
                    if let Outcome::Body { body, .. } = &mut outcome {
                        drop(body.share.take());
                    }
                    let ticket = ticket(&outcome).clone();
                    order.push(ticket.clone());
                    let before = got.insert(ticket.clone(), outcome);
                    assert!(before.is_none(), "{ticket} came twice");
                }
            };
            let sinks = Arc::new(self.sinks);
            let engine = client.run(sinks, incoming, outgoing, std::future::pending());
            tokio::join!(feed, collect, engine).2
        };
        let began = Instant::now();
        let summary = timeout(self.bound, all)
            .await
            .expect("the run does not end");
        let notices = std::mem::take(&mut *notices.lock().unwrap());
        Run {
            outcomes: got,
            order,
            notices,
            stats,
            summary,
            took: began.elapsed(),
        }
    }
}

pub fn ticket(outcome: &Outcome<String, Body>) -> &String {
    match outcome {
        Outcome::Body { ticket, .. }
        | Outcome::Missing { ticket, .. }
        | Outcome::Failed { ticket, .. } => ticket,
    }
}

impl Run {
    /// What became of `id`, in one word.
    pub fn word(&self, id: &str) -> String {
        match &self.outcomes[id] {
            Outcome::Body {
                damage: None,
                server,
                ..
            } => format!("body from {server}"),
            Outcome::Body { server, .. } => format!("damaged from {server}"),
            Outcome::Missing { .. } => "missing".to_owned(),
            Outcome::Failed {
                class, retryable, ..
            } => {
                format!("{class:?}{}", if *retryable { ", retryable" } else { "" })
            }
        }
    }

    /// All outcomes are good bodies with the right text.
    pub fn assert_all_good(&self, count: usize) {
        assert_eq!(self.outcomes.len(), count);
        for (id, outcome) in &self.outcomes {
            match outcome {
                Outcome::Body {
                    body, damage: None, ..
                } => {
                    assert_eq!(body.text, crate::peer::text(id), "{id}");
                }
                other => panic!("{id}: {other:?}"),
            }
        }
    }

    /// What people were told, as one text.
    pub fn told(&self) -> String {
        self.notices
            .iter()
            .map(|notice| format!("{notice}\n"))
            .collect()
    }
}
