//! What all connections of a run share: the segments that wait, what is known of
//! the servers, and the way out for outcomes.
//!
//! Connections pull. A segment that comes right takes no lock on its way: it
//! waits in a lane without one, and what is counted of it is counted in atomics.
//! The lock over routes and doors is for what goes wrong and for connections
//! that come and go; it is held for a few map operations and never across an
//! await.

mod change;
mod doors;
mod hedge;
mod job;
mod out;
mod review;
mod share;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::backlog::Inlet;
use crate::config::MAX_SERVERS;
use crate::keep::{Copy, Keep};
use crate::route::{Answer, Next, Place, Routes, ServerSet};
use crate::site::Site;
use crate::work::Work;
use crate::{BodySink, Notice, Options, Outcome, Request, Sinks, Stats, Summary};
use doors::Door;
pub(crate) use doors::Leave;
use hedge::Hedging;
pub(crate) use job::Job;
use job::{deliver, over};
pub(crate) use out::Outbox;

/// What a body of `S` becomes.
pub(crate) type BodyOf<S> = <<S as Sinks>::Sink as BodySink>::Body;

/// What becomes of a request of `S`.
pub(crate) type OutcomeOf<S> = Outcome<<S as Sinks>::Ticket, BodyOf<S>>;

/// A job in the hands of a connection.
pub(crate) type Taken<S> = Box<Job<<S as Sinks>::Ticket>>;

/// What a run shares.
pub(crate) struct Pool<S: Sinks> {
    inner: Mutex<Inner>,
    work: Work<Taken<S>>,
    sites: Box<[OnceLock<Site>]>,
    keep: Keep<BodyOf<S>>,
    pub(crate) hedging: Hedging<Taken<S>>,
    pub(crate) sinks: Arc<S>,
    pub(crate) outcomes: Inlet<OutcomeOf<S>>,
    notices: Arc<dyn Fn(Notice) + Send + Sync>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) options: Options,
    /// Rung when a connection may be wanted, requests may be taken in or all is
    /// done.
    pub(crate) wake: Notify,
    /// What connections are to do.
    closing: watch::Sender<Closing>,
    base: Instant,
    /// Requests taken in whose outcome is not with its reader yet.
    outstanding: AtomicUsize,
    /// Requests taken in that are not over.
    unfinished: AtomicUsize,
    /// No more requests will come.
    complete: AtomicBool,
    /// None are to be expected for now.
    lull: AtomicBool,
    /// The queue was too long for more requests when last looked at: with fewer
    /// than this in it, it is looked at again. 0: it was not.
    sated: AtomicUsize,
    turn: AtomicU64,
    connections: AtomicU64,
}

struct Inner {
    routes: Routes,
    doors: Vec<Door>,
    /// Something changed that routes do not follow yet.
    stale: bool,
}

/// What connections are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closing {
    /// Work.
    No,
    /// Give back what is in flight: the time is over.
    HandBack,
    /// Say goodbye: nothing is wanted any more.
    Goodbye,
}

/// What a pool is made of.
pub(crate) struct Parts<S: Sinks> {
    pub(crate) sinks: Arc<S>,
    pub(crate) outcomes: Inlet<OutcomeOf<S>>,
    pub(crate) notices: Arc<dyn Fn(Notice) + Send + Sync>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) options: Options,
    /// Seconds since 1970.
    pub(crate) now: i64,
}

/// How many times the capacity may wait in all: segments for a server that
/// cannot be reached now must not keep work from the others, and must not fill
/// the memory either.
const HOARD: usize = 16;

/// Requests kept ready at least, so that no connection waits for the reader of
/// the input.
const READY: usize = 1024;

/// Requests kept ready for each connection that may be open.
const READY_EACH: usize = 32;

impl<S: Sinks> Pool<S> {
    pub(crate) fn new(parts: Parts<S>) -> Pool<S> {
        Pool {
            inner: Mutex::new(Inner {
                routes: Routes::new(Vec::new(), parts.now),
                doors: Vec::new(),
                stale: false,
            }),
            work: Work::new(),
            sites: (0..MAX_SERVERS).map(|_| OnceLock::new()).collect(),
            keep: Keep::new(),
            hedging: Hedging::new(parts.options.hedge),
            sinks: parts.sinks,
            outcomes: parts.outcomes,
            notices: parts.notices,
            stats: parts.stats,
            options: parts.options,
            wake: Notify::new(),
            closing: watch::Sender::new(Closing::No),
            base: Instant::now(),
            outstanding: AtomicUsize::new(0),
            unfinished: AtomicUsize::new(0),
            complete: AtomicBool::new(false),
            lull: AtomicBool::new(false),
            sated: AtomicUsize::new(0),
            turn: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers, in the order in which they were made known.
    pub(crate) fn sites(&self) -> impl Iterator<Item = &Site> {
        self.sites.iter().map_while(OnceLock::get)
    }

    /// Server number `server`, which has been made known.
    #[expect(
        clippy::expect_used,
        reason = "numbers are only given to what is there"
    )]
    pub(crate) fn site(&self, server: usize) -> &Site {
        self.sites[server].get().expect("a server that is known")
    }

    // Requests in.

    /// How many requests may be taken in now.
    pub(crate) fn room(&self) -> usize {
        let inner = self.lock();
        let doors = inner.doors.iter().enumerate();
        let ready = doors.filter(|(_, door)| door.gate.ready());
        let ready: ServerSet = ready.map(|(server, _)| server).collect();
        drop(inner);
        let capacity = self.capacity();
        let (most, len) = (HOARD * capacity, self.work.len());
        let ready = self.work.ready(ready).min(len);
        let room = capacity.saturating_sub(ready).min(most.saturating_sub(len));
        let sated = match room {
            // Half of what is ready is taken. What waits for servers out of reach
            // stays.
            0 => (len - ready + capacity / 2).min(most),
            _ => 0,
        };
        self.sated.store(sated, SeqCst);
        // It may all have been taken since it was counted.
        if self.work.len() < sated {
            self.wake.notify_one();
        }
        room
    }

    /// Segments that somebody may take now beyond which none are taken in.
    fn capacity(&self) -> usize {
        READY.max(READY_EACH * self.stats.allowed() as usize)
    }

    /// Takes requests in. Some may be over at once, if no server is left.
    pub(crate) fn add(
        &self,
        requests: impl Iterator<Item = Request<S::Ticket>>,
    ) -> Vec<OutcomeOf<S>> {
        let mut inner = self.lock();
        let mut over = Vec::new();
        for request in requests {
            let key = self.next_turn();
            self.outstanding.fetch_add(1, SeqCst);
            self.unfinished.fetch_add(1, SeqCst);
            let job = Box::new(Job::new(key, request, &inner.routes));
            over.extend(self.route(&mut inner, job));
        }
        over
    }

    /// No more requests will come.
    pub(crate) fn complete(&self) {
        self.complete.store(true, SeqCst);
        self.ends();
    }

    /// Notes whether requests are to be expected.
    pub(crate) fn lull(&self, is_lull: bool) {
        self.lull.store(is_lull, SeqCst);
        self.ends();
    }

    /// Whether all requests seem to be in.
    fn is_all_in(&self) -> bool {
        self.complete.load(Relaxed) || self.lull.load(Relaxed)
    }

    /// Whether every request has its outcome delivered and no more will come.
    pub(crate) fn finished(&self) -> bool {
        self.complete.load(SeqCst) && self.outstanding.load(SeqCst) == 0
    }

    fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Relaxed) + 1
    }

    /// A number for a connection.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Relaxed) + 1
    }

    // Jobs out to connections, and back.

    /// The next job for `server`. `idle` is the session's own note of whether it
    /// is counted as waiting.
    pub(crate) fn take(&self, server: usize, idle: &mut bool) -> Option<Taken<S>> {
        let site = self.site(server);
        let mut job = self.work.take(server);
        if job.is_none() && !*idle {
            // Counted first and looked again: whoever adds work adds it first
            // and looks at the count then.
            *idle = true;
            site.idle.fetch_add(1, SeqCst);
            job = self.work.take(server);
        }
        let mut job = job?;
        job.taken = true;
        self.not_idle(server, idle);
        // One ring may stand for several jobs: whoever is woken wakes the next.
        self.pass(server);
        let left = self.work.len();
        if left < self.sated.load(SeqCst) && self.sated.swap(0, SeqCst) > 0 {
            self.wake.notify_one();
        }
        if left == 0 {
            self.ends();
        }
        Some(job)
    }

    /// Wakes a session of `server` if one waits for work and there is some.
    pub(crate) fn pass(&self, server: usize) {
        let site = self.site(server);
        if site.idle.load(SeqCst) > 0 && self.work.waiting_for(server) > 0 {
            site.ring();
        }
    }

    /// A session does not wait for work any more.
    pub(crate) fn not_idle(&self, server: usize, idle: &mut bool) {
        if std::mem::take(idle) {
            self.site(server).idle.fetch_sub(1, SeqCst);
        }
    }

    /// Puts back jobs that were not answered, uncharged.
    pub(crate) fn give_back(&self, jobs: impl Iterator<Item = Taken<S>>) -> Vec<OutcomeOf<S>> {
        let mut inner = self.lock();
        jobs.filter_map(|job| self.route(&mut inner, job)).collect()
    }

    /// Notes what `server` answered. If nobody is left to ask, the job is over.
    pub(crate) fn answered(
        &self,
        mut job: Taken<S>,
        server: usize,
        answer: Answer,
    ) -> Option<OutcomeOf<S>> {
        if matches!(answer, Answer::Transport(_) | Answer::Strange) {
            job.turn = self.next_turn();
        }
        job.trail.note(server, answer, self.options.tries);
        self.route(&mut self.lock(), job)
    }

    /// A body came whole.
    pub(crate) fn good(
        &self,
        job: Job<S::Ticket>,
        server: usize,
        body: BodyOf<S>,
        elapsed: Duration,
    ) -> OutcomeOf<S> {
        if job.trail.spare.is_some() {
            self.keep.take(job.key);
        }
        self.end(Outcome::Body {
            tries: job.trail.asked() + 1,
            ticket: job.request.ticket,
            body,
            damage: None,
            server: Arc::clone(&self.site(server).name),
            elapsed,
        })
    }

    /// A body came damaged: the best copy is kept while others are asked.
    pub(crate) fn damaged(
        &self,
        mut job: Taken<S>,
        server: usize,
        body: BodyOf<S>,
        (damage, elapsed): (String, Duration),
    ) -> Option<OutcomeOf<S>> {
        let mut copy = Copy {
            body,
            damage,
            server: Arc::clone(&self.site(server).name),
            elapsed,
        };
        let why = copy.damage.clone();
        if let Some(held) = self.keep.take(job.key)
            && !self.sinks.better(&copy.body, &held.body)
        {
            copy = held;
        }
        let mut inner = self.lock();
        job.trail
            .note(server, Answer::Damaged(why), self.options.tries);
        if job.trail.settling || inner.last_resort(&job) {
            return Some(self.end(deliver(*job, copy)));
        }
        self.keep.put(job.key, copy);
        self.route(&mut inner, job)
    }

    /// Sends `job` to the queue of those who may be asked next.
    fn route(&self, inner: &mut Inner, mut job: Taken<S>) -> Option<OutcomeOf<S>> {
        loop {
            let date = job.request.date;
            if let Next::Ask(servers) = inner.routes.next(&job.trail, date) {
                let turn = job.turn;
                match job.taken {
                    false => self.work.push_fresh(servers, turn, job),
                    true => self.work.push(servers, turn, job),
                }
                self.ring(servers);
                return None;
            }
            if !job.trail.settling && job.has_alternate() {
                job.trail.next_id();
                continue;
            }
            if let Some(copy) = self.keep.take(job.key) {
                return Some(self.end(deliver(*job, copy)));
            }
            if job.trail.settling || job.trail.spare.is_none() {
                return Some(self.end(over(&inner.routes, *job)));
            }
            job.trail.settle();
        }
    }

    /// Routes all that waits anew: servers came, went or are waited for no more.
    fn reroute(&self, inner: &mut Inner) -> Vec<OutcomeOf<S>> {
        let (asked, fresh) = self.work.drain();
        let all = asked.into_iter().chain(fresh);
        all.filter_map(|job| self.route(inner, job)).collect()
    }

    /// A request is over.
    fn end(&self, outcome: OutcomeOf<S>) -> OutcomeOf<S> {
        self.unfinished.fetch_sub(1, SeqCst);
        outcome
    }

    /// Wakes a session of each of `servers` that waits for work, and the
    /// supervisor, which may want to open one.
    fn ring(&self, servers: ServerSet) {
        servers.iter().for_each(|server| self.site(server).ring());
        self.wake.notify_one();
    }

    /// Awaits `future`, which waits for memory; copies of damaged bodies are
    /// given up if it has to.
    pub(crate) async fn patient<F: Future + Send>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        let at_once = std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        });
        if let Some(value) = at_once.await {
            return value;
        }
        let _pressure = self.keep.press();
        future.await
    }

    // The end.

    /// Tells all connections what to do.
    pub(crate) fn close(&self, how: Closing) {
        self.closing.send_replace(how);
    }

    /// Resolves when connections are not to work any more, with what to do.
    pub(crate) async fn closed(&self) -> Closing {
        let mut closing = self.closing.subscribe();
        let how = closing.wait_for(|how| *how > Closing::No).await;
        // The sender lives as long as `self`.
        how.map_or(Closing::Goodbye, |how| *how)
    }

    pub(crate) fn summary(&self, stopped: bool) -> Summary {
        let inner = self.lock();
        Summary {
            stopped,
            servers: inner.routes.places.iter().map(Place::summary).collect(),
        }
    }
}

impl Inner {
    /// Whether nobody is left to ask for `job`, whatever it has so far.
    fn last_resort<T>(&self, job: &Job<T>) -> bool {
        let next = self.routes.next(&job.trail, job.request.date);
        next == Next::Exhausted && !job.has_alternate()
    }
}
