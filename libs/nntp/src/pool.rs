//! What all connections of a run share: the segments that wait, what is known of
//! the servers, and the way out for outcomes.
//!
//! Connections pull; nothing here waits except for the reader of outcomes. The
//! lock is held for a few map operations at a time and never across an await.

mod doors;
mod job;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use crate::dial::Endpoint;
use crate::keep::{Copy, Keep};
use crate::queue::Queue;
use crate::route::{Answer, Next, Place, Routes, ServerSet, Trail};
use crate::{BodySink, Notice, Outcome, Request, Sinks, Stats, Summary};
use doors::Door;
use job::{Job, deliver, over};

/// What a body of `S` becomes.
pub(crate) type BodyOf<S> = <<S as Sinks>::Sink as BodySink>::Body;

/// What becomes of a request of `S`.
pub(crate) type OutcomeOf<S> = Outcome<<S as Sinks>::Ticket, BodyOf<S>>;

/// A job in the hands of a connection.
pub(crate) type Taken<S> = Box<Job<<S as Sinks>::Ticket>>;

/// What a run shares.
pub(crate) struct Pool<S: Sinks> {
    inner: Mutex<Inner<S::Ticket>>,
    keep: Keep<BodyOf<S>>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) sinks: Arc<S>,
    outcomes: mpsc::Sender<OutcomeOf<S>>,
    notices: Arc<dyn Fn(Notice) + Send + Sync>,
    pub(crate) stats: Arc<Stats>,
    tries: u32,
    /// Rung when a connection may be wanted, requests may be taken in or all is
    /// done.
    pub(crate) wake: Notify,
    /// Set when connections are to say goodbye.
    closing: watch::Sender<bool>,
    /// Segments that somebody may take now beyond which none are taken in.
    capacity: usize,
}

struct Inner<T> {
    queue: Queue<Box<Job<T>>>,
    routes: Routes,
    doors: Vec<Door>,
    /// Requests taken in whose outcome is not delivered yet.
    outstanding: usize,
    /// No more requests will come.
    complete: bool,
    /// The queue was too long for more requests when last looked at.
    sated: bool,
    next: u64,
}

/// What a pool is made of.
pub(crate) struct Parts<S: Sinks> {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) sinks: Arc<S>,
    pub(crate) outcomes: mpsc::Sender<OutcomeOf<S>>,
    pub(crate) notices: Arc<dyn Fn(Notice) + Send + Sync>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) tries: u32,
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

impl<S: Sinks> Pool<S> {
    pub(crate) fn new(parts: Parts<S>) -> Pool<S> {
        let servers = || parts.endpoints.iter().map(|endpoint| &endpoint.server);
        let windows =
            servers().map(|s| usize::from(s.connections) * usize::from(s.pipeline.unwrap_or(8)));
        let capacity = READY.max(2 * windows.sum::<usize>());
        let place = |endpoint: &Endpoint| Place::new(&endpoint.server, Arc::clone(&endpoint.name));
        let places = parts.endpoints.iter().map(place).collect();
        let doors = servers().map(|server| Door::new(server.connections));
        Pool {
            inner: Mutex::new(Inner {
                queue: Queue::new(),
                routes: Routes::new(places, parts.now),
                doors: doors.collect(),
                outstanding: 0,
                complete: false,
                sated: false,
                next: 0,
            }),
            keep: Keep::new(),
            endpoints: parts.endpoints,
            sinks: parts.sinks,
            outcomes: parts.outcomes,
            notices: parts.notices,
            stats: parts.stats,
            tries: parts.tries,
            wake: Notify::new(),
            closing: watch::Sender::new(false),
            capacity,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<S::Ticket>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // Requests in.

    /// How many requests may be taken in now.
    pub(crate) fn room(&self) -> usize {
        let mut inner = self.lock();
        let room = inner.room(self.capacity);
        inner.sated = room == 0;
        room
    }

    /// Takes a request in. It may be over at once, if no server is left.
    pub(crate) fn add(&self, request: Request<S::Ticket>) -> Option<OutcomeOf<S>> {
        let mut inner = self.lock();
        let key = inner.turn();
        inner.outstanding += 1;
        let job = Box::new(Job {
            key,
            turn: key,
            request,
            trail: Trail::default(),
            losses: 0,
        });
        self.route(&mut inner, job)
    }

    /// No more requests will come.
    pub(crate) fn complete(&self) {
        self.lock().complete = true;
    }

    /// Whether every request has its outcome delivered and no more will come.
    pub(crate) fn finished(&self) -> bool {
        let inner = self.lock();
        inner.complete && inner.outstanding == 0
    }

    // Jobs out to connections, and back.

    /// The next job for `server`. `idle` is the session's own note of whether it
    /// is counted as waiting.
    pub(crate) fn take(&self, server: usize, idle: &mut bool) -> Option<Taken<S>> {
        let mut inner = self.lock();
        let job = inner.queue.take(server);
        inner.set_idle(server, idle, job.is_none());
        if inner.sated && inner.room(self.capacity) > self.capacity / 2 {
            inner.sated = false;
            self.wake.notify_one();
        }
        job
    }

    /// The session does not wait for work any more.
    pub(crate) fn not_idle(&self, server: usize, idle: &mut bool) {
        self.lock().set_idle(server, idle, false);
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
        let mut inner = self.lock();
        if matches!(answer, Answer::Transport(_) | Answer::Strange) {
            job.turn = inner.turn();
        }
        job.trail.note(server, answer, self.tries);
        self.route(&mut inner, job)
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
        Outcome::Body {
            tries: job.trail.asked() + 1,
            ticket: job.request.ticket,
            body,
            damage: None,
            server: Arc::clone(&self.endpoints[server].name),
            elapsed,
        }
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
            server: Arc::clone(&self.endpoints[server].name),
            elapsed,
        };
        let why = copy.damage.clone();
        if let Some(held) = self.keep.take(job.key)
            && !self.sinks.better(&copy.body, &held.body)
        {
            copy = held;
        }
        let mut inner = self.lock();
        job.trail.note(server, Answer::Damaged(why), self.tries);
        if job.trail.settling || inner.last_resort(&job) {
            return Some(deliver(*job, copy));
        }
        self.keep.put(job.key, copy);
        self.route(&mut inner, job)
    }

    /// Sends `job` to the queue of those who may be asked next.
    fn route(&self, inner: &mut Inner<S::Ticket>, mut job: Taken<S>) -> Option<OutcomeOf<S>> {
        loop {
            let date = job.request.date;
            if let Next::Ask(servers) = inner.routes.next(&job.trail, date) {
                let turn = job.turn;
                inner.queue.push(servers, turn, job);
                self.ring(inner, servers);
                return None;
            }
            if !job.trail.settling && job.has_alternate() {
                job.trail.next_id();
                continue;
            }
            if let Some(copy) = self.keep.take(job.key) {
                return Some(deliver(*job, copy));
            }
            if job.trail.settling || job.trail.spare.is_none() {
                return Some(over(&inner.routes, *job));
            }
            job.trail.settle();
        }
    }

    /// Wakes a session of each of `servers` that waits for work, and the
    /// supervisor, which may want to open one.
    fn ring(&self, inner: &Inner<S::Ticket>, servers: ServerSet) {
        for server in servers.iter() {
            if inner.doors[server].idle > 0 {
                self.endpoints[server].work.notify_one();
            }
        }
        self.wake.notify_one();
    }

    // Outcomes out.

    /// Delivers an outcome. Without a reader it is dropped: the run is over then.
    pub(crate) async fn deliver(&self, outcome: OutcomeOf<S>) {
        let _ = self.outcomes.send(outcome).await;
        self.delivered();
    }

    /// Delivers several.
    pub(crate) async fn deliver_all(&self, outcomes: impl IntoIterator<Item = OutcomeOf<S>>) {
        for outcome in outcomes {
            self.deliver(outcome).await;
        }
    }

    /// Delivers the first of `outcomes`, once there is room. Safe to cancel.
    pub(crate) async fn deliver_one(&self, outcomes: &mut VecDeque<OutcomeOf<S>>) {
        if let Ok(permit) = self.outcomes.reserve().await
            && let Some(outcome) = outcomes.pop_front()
        {
            permit.send(outcome);
            self.delivered();
        }
    }

    fn delivered(&self) {
        let mut inner = self.lock();
        inner.outstanding -= 1;
        if inner.outstanding == 0 && inner.complete {
            self.wake.notify_one();
        }
    }

    /// Resolves when nobody takes outcomes any more.
    pub(crate) async fn unheard(&self) {
        self.outcomes.closed().await;
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

    /// Asks all connections to say goodbye.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Resolves when connections are to say goodbye.
    pub(crate) async fn closed(&self) {
        let mut closing = self.closing.subscribe();
        // The sender lives as long as `self`.
        let _ = closing.wait_for(|closing| *closing).await;
    }

    pub(crate) fn summary(&self, stopped: bool) -> Summary {
        let inner = self.lock();
        Summary {
            stopped,
            servers: inner.routes.places.iter().map(Place::summary).collect(),
        }
    }
}

impl<T> Inner<T> {
    fn turn(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// How many more requests are wanted, if `capacity` may be ready.
    fn room(&self, capacity: usize) -> usize {
        let doors = self.doors.iter().enumerate();
        let ready = doors.filter(|(_, door)| door.gate.ready());
        let ready: ServerSet = ready.map(|(server, _)| server).collect();
        let waiting = self.queue.ready(ready);
        let total = (HOARD * capacity).saturating_sub(self.queue.len());
        capacity.saturating_sub(waiting).min(total)
    }

    /// Whether nobody is left to ask for `job`, whatever it has so far.
    fn last_resort(&self, job: &Job<T>) -> bool {
        let next = self.routes.next(&job.trail, job.request.date);
        next == Next::Exhausted && !job.has_alternate()
    }

    fn set_idle(&mut self, server: usize, noted: &mut bool, idle: bool) {
        if *noted != idle {
            *noted = idle;
            let door = &mut self.doors[server];
            door.idle = if idle { door.idle + 1 } else { door.idle - 1 };
        }
    }
}
