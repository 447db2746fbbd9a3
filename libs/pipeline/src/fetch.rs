//! The stage `nntp-fetch`: `segment` records in; `body` or `article`, `missing` and
//! `failed` records out. Fused, its sink is the decoder and it gives `part` records.
//!
//! Which server is asked and what becomes of a connection is `nntp`'s; here
//! segments become requests and outcomes become records.

mod avoid;
mod feed;
mod gauge;
mod sink;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use nzbpipe_nntp::config::Server;
use nzbpipe_nntp::{
    BodySink, Client, Notice, Options, Outcome, Rate, Request, Sinks, Stats, Trace,
};
use nzbpipe_record::{
    Bytes, Class, Crc, Failed, Header, Missing, Pool, Progress, Provenance, Record, Segment, Tried,
};
use nzbpipe_yenc::Kernel;
use tokio::sync::mpsc;

use crate::budget::Budget;
use crate::feedback::Feedback;
use crate::stage::{Ending, close};
use crate::{Error, Event, Inlet, Outlet, Stop, Tally, Watch};
use gauge::Gauge;
use sink::{Decoding, Raw};

pub use gauge::servers;

/// The stage's name.
pub const NAME: &str = "nntp-fetch";

/// Requests waiting for a connection. More than any sensible number of
/// connections, so that none waits for the reader of the input.
const REQUESTS: usize = 1024;

/// Threads that receive and decode, if nobody says how many: one does some 10 Gbit/s, and
/// those with nothing to do wake each other in search of work.
pub const MOST_THREADS: usize = 4;

/// The budget: a base for what waits to be written, and for each connection one article of
/// the usual size. A disk that halts for a moment uses it all up.
const BUDGET_BASE: usize = 8 << 20;
const BUDGET_PER_CONNECTION: usize = 768 << 10;

/// Which servers, and how.
pub struct Config {
    /// The servers, ready to be used: passwords and certificates are read.
    pub servers: Vec<Server>,
    /// How the engine behaves; whether it asks for whole articles is up to
    /// `form`.
    pub options: Options,
    /// How many threads receive and decode; `None`: as many as there are cores for us,
    /// up to [`MOST_THREADS`].
    pub threads: Option<NonZeroUsize>,
    /// Octets a second in total.
    pub rate: Arc<Rate>,
    /// The servers anew, whenever they are to be others.
    pub changes: Option<mpsc::Receiver<Vec<Server>>>,
    /// Told the conversation with the servers.
    pub trace: Option<Trace>,
    /// What becomes of the bodies.
    pub form: Form,
    /// What decodes them, if that is wanted.
    pub kernel: Kernel,
    /// Counts while the stage runs.
    pub stats: Arc<Stats>,
    /// Told what people should know about the servers.
    pub notices: Arc<dyn Fn(Notice) + Send + Sync>,
    /// Sees each event.
    pub watch: Box<dyn Watch>,
    /// When to give up.
    pub stop: Stop,
}

/// In what form bodies leave the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As they came; `verify` runs the decoder's checks over them.
    Raw {
        /// Whether a damaged article is asked of the next server.
        verify: bool,
    },
    /// Whole articles as they came, headers first.
    Articles {
        /// As for `Raw`; it is the article's body that is checked.
        verify: bool,
    },
    /// Decoded while they arrive.
    Parts {
        /// Whether articles in no known encoding become parts as they are.
        raw: bool,
    },
}

impl Form {
    /// Whether the stage looks into the bodies.
    #[must_use]
    pub fn decodes(self) -> bool {
        !matches!(
            self,
            Form::Raw { verify: false } | Form::Articles { verify: false }
        )
    }
}

/// How many bytes of articles may be in memory at once with these servers.
fn budget(servers: &[Server]) -> usize {
    let connections = servers.iter().map(|s| usize::from(s.connections));
    BUDGET_BASE + connections.sum::<usize>() * BUDGET_PER_CONNECTION
}

/// Fetches the segments of `inlet`; all other records pass untouched.
pub fn run(config: Config, inlet: Inlet, outlet: Outlet) -> Ending {
    run_with(config, (inlet, outlet), None)
}

/// The same, with a way back from the stage that writes.
pub(crate) fn run_with(
    config: Config,
    (inlet, outlet): (Inlet, Outlet),
    feedback: Option<Feedback>,
) -> Ending {
    let most = budget(&config.servers);
    // All that was in use may be again soon: memory given back comes with page faults, and
    // what is left of the heap's pieces is more than it saves.
    let (budget, pool, kernel) = (Budget::new(most), Pool::new(most), config.kernel);
    match config.form {
        Form::Raw { verify } => {
            let sinks = Raw::new(budget, pool, verify.then_some(kernel), false);
            drive(config, sinks, (inlet, outlet), feedback)
        }
        Form::Articles { verify } => {
            let sinks = Raw::new(budget, pool, verify.then_some(kernel), true);
            drive(config, sinks, (inlet, outlet), feedback)
        }
        Form::Parts { raw } => {
            let sinks = Decoding::new(budget, pool, kernel, raw);
            drive(config, sinks, (inlet, outlet), feedback)
        }
    }
}

/// Turns a body that arrived into its record.
trait Deliver: Sinks<Ticket = Box<Segment>> {
    fn record(
        &self,
        segment: Segment,
        provenance: Provenance,
        body: <Self::Sink as BodySink>::Body,
        damage: Option<String>,
    ) -> Record;
}

type OutcomeOf<S> = Outcome<<S as Sinks>::Ticket, <<S as Sinks>::Sink as BodySink>::Body>;
type Outcomes<S> = nzbpipe_nntp::backlog::Outlet<OutcomeOf<S>>;

fn drive<S: Deliver + Sync>(
    mut config: Config,
    sinks: S,
    (inlet, mut outlet): (Inlet, Outlet),
    feedback: Option<Feedback>,
) -> Ending {
    let mut ending = Ending::default();
    let begun = outlet.begin(NAME).and_then(|()| outlet.flush());
    let runtime = match begun.and_then(|()| runtime(config.threads)) {
        Ok(runtime) => runtime,
        Err(error) => {
            ending.fail(NAME, error);
            close(NAME, &mut outlet, &mut ending);
            return ending;
        }
    };
    let stop = config.stop.clone();
    config.options.lull = feedback.as_ref().map(Feedback::lull);
    let table = avoid::Table::of(&config.servers);
    let (mut stage, client) = Stage::new(config, sinks, outlet);
    stage.feedback.clone_from(&feedback);
    let (requests, incoming) = mpsc::channel(REQUESTS);
    let (aside, passing) = mpsc::channel(REQUESTS);
    if let Some(feedback) = feedback.clone() {
        let (table, requests) = (table.clone(), requests.clone());
        std::thread::spawn(move || feed::again(&feedback, &table, &requests));
    }
    let ways = feed::Ways {
        requests,
        aside,
        table,
    };
    let until = stop.clone();
    let feeder = std::thread::spawn(move || feed::run(inlet, &ways, feedback.as_ref()));
    // As a task among tasks: it is woken on the thread where a body arrived.
    let run = runtime.spawn(async move {
        let result = stage.run(client, (incoming, passing), until).await;
        (stage, result)
    });
    let (mut stage, result) = match runtime.block_on(run) {
        Ok(ran) => ran,
        // Nothing ends it before its time: it has panicked.
        Err(died) => std::panic::resume_unwind(died.into_panic()),
    };
    runtime.shutdown_timeout(Duration::from_secs(1));
    ending.tally = std::mem::take(&mut stage.tally);
    ending.code = ending.tally.code();
    // With the output gone nothing waits for the rest of the input: it may be
    // long in coming.
    if !result.as_ref().is_err_and(Error::is_output) {
        feed_ended(feeder, &mut ending);
    }
    if let Err(error) = result {
        ending.fail(NAME, error);
    }
    if let Some(code) = stop.requested() {
        ending.code = ending.code.or(code);
    }
    close(NAME, &mut stage.outlet, &mut ending);
    ending
}

fn feed_ended(feeder: std::thread::JoinHandle<feed::Fed>, ending: &mut Ending) {
    match feeder.join() {
        Ok(fed) => {
            ending.code = ending.code.or(fed.inherited);
            if let Err(error) = fed.result {
                ending.fail(NAME, error);
            }
        }
        Err(_) => ending.fail(NAME, Error::Bug("the reading thread died".to_owned())),
    }
}

/// With one thread nobody is ever woken by another.
fn runtime(threads: Option<NonZeroUsize>) -> Result<tokio::runtime::Runtime, Error> {
    // What the affinity mask and the control group leave us.
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.map_or_else(|| cores().min(MOST_THREADS), usize::from);
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads).thread_name(NAME);
    }
    builder.enable_all().build().map_err(|source| Error::Io {
        what: "starting threads".to_owned(),
        source,
    })
}

struct Stage<S> {
    sinks: Arc<S>,
    outlet: Outlet,
    watch: Box<dyn Watch>,
    stats: Arc<Stats>,
    gauge: Gauge,
    tally: Tally,
    /// The way back from the stage that writes, for who waits there.
    feedback: Option<Feedback>,
}

impl<S: Deliver> Stage<S> {
    fn new(config: Config, sinks: S, outlet: Outlet) -> (Stage<S>, Client) {
        let mut options = config.options;
        options.article = matches!(config.form, Form::Articles { .. });
        let client = Client {
            servers: config.servers,
            options,
            rate: config.rate,
            changes: config.changes,
            trace: config.trace,
            notices: config.notices,
            stats: Arc::clone(&config.stats),
        };
        let stage = Stage {
            sinks: Arc::new(sinks),
            outlet,
            watch: config.watch,
            stats: config.stats,
            gauge: Gauge::new(),
            tally: Tally::default(),
            feedback: None,
        };
        (stage, client)
    }

    /// Runs the engine until it has done with all requests, or is stopped.
    async fn run(
        &mut self,
        client: Client,
        (incoming, passing): (
            mpsc::Receiver<Request<Box<Segment>>>,
            mpsc::Receiver<Record>,
        ),
        stop: Stop,
    ) -> Result<(), Error> {
        let (sender, outcomes) = nzbpipe_nntp::backlog::channel(REQUESTS);
        let sinks = Arc::clone(&self.sinks);
        let engine = tokio::spawn(client.run(sinks, incoming, sender, stop.wait()));
        // Without its reader the engine says QUIT on its connections and returns.
        let result = self.pump(outcomes, passing).await;
        engine
            .await
            .map_err(|e| Error::Bug(format!("the fetching task died: {e}")))
            .and(result)
    }

    /// Moves records to the outlet until the engine and the feeder are done.
    async fn pump(
        &mut self,
        mut outcomes: Outcomes<S>,
        mut passing: mpsc::Receiver<Record>,
    ) -> Result<(), Error> {
        let mut tick = tokio::time::interval(gauge::INTERVAL);
        let (mut fetching, mut reading) = (true, true);
        while fetching || reading {
            if outcomes.is_empty() && passing.is_empty() {
                self.outlet.flush()?;
            }
            tokio::select! {
                biased;
                record = passing.recv(), if reading => match record {
                    Some(record) => self.pass(record).await?,
                    None => reading = false,
                },
                outcome = outcomes.recv(), if fetching => match outcome {
                    Some(outcome) => self.deliver(outcome).await?,
                    None => {
                        fetching = false;
                        // However it ended, nothing more will have a fate.
                        self.feedback.iter().for_each(Feedback::close);
                    }
                },
                _ = tick.tick() => self.telemetry(false).await?,
            }
        }
        self.telemetry(true).await
    }

    async fn pass(&mut self, record: Record) -> Result<(), Error> {
        match &record.header {
            Header::Job(job) => self.watch.event(Event::Job(job)),
            Header::Failed(failed) => self.tally.failed_by(failed),
            _ => {}
        }
        self.outlet.send_async(record).await
    }

    async fn deliver(&mut self, outcome: OutcomeOf<S>) -> Result<(), Error> {
        let record = self.record(outcome);
        self.count(&record);
        self.outlet.send_async(record).await
    }

    fn record(&self, outcome: OutcomeOf<S>) -> Record {
        match outcome {
            Outcome::Body {
                ticket,
                body,
                damage,
                server,
                tries,
                elapsed,
            } => {
                let provenance = Provenance {
                    server: server.to_string(),
                    tries: u64::from(tries),
                    ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                };
                self.sinks.record(*ticket, provenance, body, damage)
            }
            Outcome::Missing { ticket, tried } => Record::from(Missing {
                segment: *ticket,
                tried: tried.into_iter().map(spoken).collect(),
            }),
            Outcome::Failed {
                ticket,
                class,
                reason,
                code,
                tried,
                retryable,
            } => Record::from(Failed {
                segment: *ticket,
                stage: NAME.to_owned(),
                class: word(class),
                reason,
                code,
                tried: tried.into_iter().map(spoken).collect(),
                retryable,
            }),
        }
    }

    fn count(&mut self, record: &Record) {
        let payload = record.payload.as_ref().map_or(0, Bytes::len);
        let encoded = record.header.segment().and_then(|s| s.bytes);
        match &record.header {
            Header::Body(body) => {
                let crc = judged(body.crc, body.damage.as_deref());
                self.tally.arrived(crc, payload);
            }
            Header::Article(article) => {
                let crc = judged(article.crc, article.damage.as_deref());
                self.tally.arrived(crc, payload);
            }
            Header::Part(part) => self.tally.arrived(part.crc, payload),
            Header::Missing(_) => self.tally.failure(&Class::Missing),
            Header::Failed(failed) => self.tally.failed_by(failed),
            _ => {}
        }
        self.watch.event(match record.header {
            Header::Body(_) | Header::Article(_) | Header::Part(_) => Event::Arrived {
                bytes: encoded.unwrap_or(payload as u64),
            },
            _ => Event::Lost {
                bytes: encoded.unwrap_or(0),
            },
        });
    }

    async fn telemetry(&mut self, end: bool) -> Result<(), Error> {
        self.watch.event(Event::Fates(&self.tally));
        let Some(reading) = self.gauge.read(&self.stats, end) else {
            return Ok(());
        };
        let progress = Progress {
            stage: NAME.to_owned(),
            segments: self.tally.segments(),
            ..reading
        };
        self.watch.event(Event::Progress(&progress));
        self.outlet
            .send_async(Header::Progress(Box::new(progress)).into())
            .await
    }
}

/// The verdict on a body. An unchecked one has nothing against it: the decoder
/// will see.
fn judged(crc: Option<Crc>, damage: Option<&str>) -> Crc {
    let unchecked = match damage {
        Some(_) => Crc::Mismatch,
        None => Crc::Ok,
    };
    crc.unwrap_or(unchecked)
}

fn spoken(tried: nzbpipe_nntp::Tried) -> Tried {
    Tried {
        server: tried.server.to_string(),
        class: word(tried.class),
        code: tried.code,
        text: tried.text,
        tries: u64::from(tried.tries),
        ..Tried::default()
    }
}

fn word(class: nzbpipe_nntp::Class) -> Class {
    use nzbpipe_nntp::Class as Engine;
    match class {
        Engine::Missing => Class::Missing,
        Engine::Transport => Class::Transport,
        Engine::Capacity => Class::Capacity,
        Engine::Login => Class::Login,
        Engine::Damaged => Class::Damaged,
        Engine::Unreachable => Class::Unreachable,
        Engine::Interrupted => Class::Interrupted,
    }
}
