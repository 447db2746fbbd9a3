//! The client: one run over a stream of requests. The only place that spawns.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::backlog::Inlet;
use crate::config::{MAX_SERVERS, Server, Verify};
use crate::dial::{Endpoint, Shared};
use crate::pool::{BodyOf, Closing, Outbox, OutcomeOf, Parts, Pool};
use crate::slot::{self, Slot};
use crate::wire::buffers::Buffers;
use crate::{Class, Notice, NoticeKind, Outcome, Rate, Request, Sinks, Stats, Trace, tls};

/// Connections that have not said goodbye by then are cut.
const FAREWELL: Duration = Duration::from_millis(1500);

/// No time is longer: clocks end somewhere.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// What a run needs.
pub struct Client {
    /// The servers; those beyond [`MAX_SERVERS`] are not used.
    pub servers: Vec<Server>,
    /// How the run behaves.
    pub options: Options,
    /// Octets a second in total.
    pub rate: Arc<Rate>,
    /// The servers anew, whenever they are to be others: what is in flight is
    /// not lost.
    pub changes: Option<mpsc::Receiver<Vec<Server>>>,
    /// Told the conversation, if anybody wants to know.
    pub trace: Option<Trace>,
    /// Told what people should know. Called from the tasks of the run: must not
    /// block.
    pub notices: Arc<dyn Fn(Notice) + Send + Sync>,
    /// Counts while the run lasts.
    pub stats: Arc<Stats>,
}

/// How a run behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How often a segment is asked of one server before its connection
    /// failures count as that server's last word, and how many failures in a
    /// row make a server down.
    pub tries: u32,
    /// How long all servers may be down before the run ends.
    pub max_down: Duration,
    /// How long the run may take; what is not there by then fails, to be asked
    /// for again.
    pub deadline: Option<Duration>,
    /// Octets that may be asked for twice to bring the end nearer; 0: none.
    pub hedge: u64,
    /// Whether whole articles are asked for, headers included (ARTICLE instead
    /// of BODY).
    pub article: bool,
    /// True while no requests are to be expected but few, that depend on the outcomes of
    /// those before: what is near the end then is treated so, though it may not be the end.
    pub lull: Option<watch::Receiver<bool>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            tries: 4,
            max_down: Duration::from_secs(300),
            deadline: None,
            hedge: 32 << 20,
            article: false,
            lull: None,
        }
    }
}

/// What became of a run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Whether it was stopped, by `stop` or because nobody takes outcomes.
    pub stopped: bool,
    /// The servers that could be used, in the order of the configuration.
    pub servers: Vec<ServerSummary>,
}

/// What became of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerSummary {
    /// Its name.
    pub name: Arc<str>,
    /// Whether a session with it was ever usable.
    pub usable: bool,
    /// Why it was given up, if it was.
    pub out: Option<(Class, String)>,
}

impl Client {
    /// Fetches all `requests` until their channel is closed. Every request ends
    /// in exactly one outcome, unless `stop` resolves or the receiver of
    /// `outcomes` goes away: then what is not finished is dropped, connections
    /// are closed with QUIT, and the run returns within two seconds.
    ///
    /// Has to be awaited inside a tokio runtime with time and I/O.
    pub async fn run<S: Sinks>(
        self,
        sinks: Arc<S>,
        requests: mpsc::Receiver<Request<S::Ticket>>,
        outcomes: Inlet<Outcome<S::Ticket, BodyOf<S>>>,
        stop: impl Future<Output = ()> + Send,
    ) -> Summary {
        let maker = Maker {
            notices: Arc::clone(&self.notices),
            shared: Shared {
                rate: self.rate,
                stats: Arc::clone(&self.stats),
                trace: self.trace,
                buffers: Buffers::default(),
            },
        };
        let mut options = self.options;
        options.max_down = options.max_down.min(FOREVER);
        options.deadline = options.deadline.map(|after| after.min(FOREVER));
        let deadline = options.deadline.map(|after| Instant::now() + after);
        let pool = Arc::new(Pool::new(Parts {
            sinks,
            outcomes,
            notices: self.notices,
            stats: self.stats,
            options,
            now: unix_seconds(),
        }));
        for endpoint in maker.endpoints(&self.servers, MAX_SERVERS).await {
            pool.introduce(endpoint);
        }
        let mut supervisor = Supervisor {
            intake: Intake {
                requests: Some(requests),
                batch: Vec::new(),
            },
            changes: self.changes,
            lull: pool.options.lull.clone(),
            maker,
            deadline,
            // Bounded by what was taken in.
            outbox: Outbox::new(&pool, usize::MAX),
            tasks: JoinSet::new(),
            pool: Arc::clone(&pool),
        };
        let stopped = supervisor.run(stop).await;
        supervisor.close().await;
        pool.summary(stopped)
    }
}

/// Prepares servers.
struct Maker {
    notices: Arc<dyn Fn(Notice) + Send + Sync>,
    shared: Shared,
}

impl Maker {
    /// The servers that can be used, at most `most`; of the others people are
    /// told.
    async fn endpoints(&self, servers: &[Server], most: usize) -> Vec<Endpoint> {
        let checked = |server: &Server| server.tls && server.verify != Verify::None;
        let system = match servers.iter().any(checked) {
            // Reading files would block a thread that serves connections.
            true => tokio::task::spawn_blocking(tls::system_roots)
                .await
                .unwrap_or_default(),
            false => Vec::new(),
        };
        let mut endpoints = Vec::new();
        for server in servers {
            let made = match endpoints.len() < most {
                true => Endpoint::new(server, &system, self.shared.clone()),
                false => Err(format!("there are more than {MAX_SERVERS}")),
            };
            match made {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(reason) => (self.notices)(Notice {
                    server: server.name.as_str().into(),
                    kind: NoticeKind::Unusable { reason },
                }),
            }
        }
        endpoints
    }
}

fn unix_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// Takes requests in and opens connections for them.
struct Supervisor<S: Sinks> {
    intake: Intake<S>,
    changes: Option<mpsc::Receiver<Vec<Server>>>,
    lull: Option<watch::Receiver<bool>>,
    maker: Maker,
    deadline: Option<Instant>,
    /// Requests that were over without a connection.
    outbox: Outbox<S>,
    tasks: JoinSet<()>,
    pool: Arc<Pool<S>>,
}

struct Intake<S: Sinks> {
    requests: Option<mpsc::Receiver<Request<S::Ticket>>>,
    batch: Vec<Request<S::Ticket>>,
}

impl<S: Sinks> Intake<S> {
    /// Waits for up to `room` requests; none at the end of the channel. Safe to
    /// cancel: `recv_many` is.
    async fn next(&mut self, room: usize) -> usize {
        match &mut self.requests {
            Some(requests) => requests.recv_many(&mut self.batch, room).await,
            None => std::future::pending().await,
        }
    }
}

impl<S: Sinks> Supervisor<S> {
    /// Until all is done (false) or nothing more is wanted (true).
    async fn run(&mut self, stop: impl Future<Output = ()> + Send) -> bool {
        let mut stop = pin!(stop);
        let pool = Arc::clone(&self.pool);
        while !pool.finished() {
            let alarm = self.look();
            // What is over already is delivered before more is taken in.
            let room = match self.outbox.has_pending() {
                true => 0,
                false => pool.room(),
            };
            tokio::select! {
                biased;
                () = &mut stop => return true,
                () = pool.unheard() => return true,
                Some(ended) = self.tasks.join_next() => propagate(ended),
                () = self.outbox.room() => self.outbox.drain(&pool),
                count = self.intake.next(room), if room > 0 => self.admit(count),
                Some(servers) = changed(&mut self.changes) => self.change(servers).await,
                is_lull = lull(&mut self.lull) => pool.lull(is_lull),
                () = pool.wake.notified() => {}
                () = sleep_until(alarm.unwrap_or_else(Instant::now)), if alarm.is_some() => {}
            }
        }
        false
    }

    /// Looks at servers and clocks, and opens connections where work waits. When
    /// to look again.
    fn look(&mut self) -> Option<Instant> {
        let now = Instant::now();
        if self.deadline.is_some_and(|at| now >= at) {
            self.expire();
        }
        let (over, review_at) = self.pool.review(now);
        self.send(over);
        self.dial();
        let alarms = [self.pool.wake_at(now), review_at, self.deadline];
        alarms.into_iter().flatten().min()
    }

    /// The time is over: what is not there is not waited for.
    fn expire(&mut self) {
        let after = self.pool.options.deadline.unwrap_or_default();
        let text = format!("the time for the run ({} s) is over", after.as_secs_f32());
        self.deadline = None;
        self.changes = None;
        (self.maker.notices)(Notice {
            server: "".into(),
            kind: NoticeKind::Deadline { after },
        });
        let over = self.pool.expire(&text);
        self.pool.close(Closing::HandBack);
        self.send(over);
    }

    fn send(&mut self, over: Vec<OutcomeOf<S>>) {
        for outcome in over {
            self.outbox.send(&self.pool, outcome);
        }
    }

    /// Opens connections where work waits.
    fn dial(&mut self) {
        let now = Instant::now();
        for server in 0..self.pool.sites().count() {
            while let Some(leave) = self.pool.dial(server, now) {
                let slot = Slot::new(Arc::clone(&self.pool), server, leave);
                self.tasks.spawn(slot::run(slot));
            }
        }
    }

    fn admit(&mut self, count: usize) {
        if count == 0 {
            self.intake.requests = None;
            self.pool.complete();
        }
        let over = self.pool.add(self.intake.batch.drain(..));
        self.send(over);
    }

    /// The servers are others now.
    async fn change(&mut self, servers: Vec<Server>) {
        let endpoints = self.maker.endpoints(&servers, MAX_SERVERS).await;
        let over = self.pool.change(endpoints);
        self.send(over);
    }

    /// Lets connections say goodbye, and cuts those that take too long.
    async fn close(&mut self) {
        self.pool.close(Closing::Goodbye);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _ = timeout(FAREWELL, all).await;
        self.tasks.shutdown().await;
    }
}

/// Waits for other servers; for ever if there will be none.
async fn changed(changes: &mut Option<mpsc::Receiver<Vec<Server>>>) -> Option<Vec<Server>> {
    let next = match changes {
        Some(changes) => changes.recv().await,
        None => None,
    };
    match next {
        Some(servers) => Some(servers),
        None => std::future::pending().await,
    }
}

/// Waits until it is told whether requests are to be expected; for ever if it is not.
async fn lull(told: &mut Option<watch::Receiver<bool>>) -> bool {
    if let Some(lull) = told
        && lull.changed().await.is_ok()
    {
        return *lull.borrow_and_update();
    }
    std::future::pending().await
}

/// A task that panicked took its segments with it: the run cannot go on.
fn propagate(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
