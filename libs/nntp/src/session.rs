//! One conversation with a server: pulls work while its window has room, reads the
//! answers in order, and says at the end what becomes of what was not answered.

mod asking;
mod clock;
mod ending;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::depth::Depth;
use crate::dial::Endpoint;
use crate::patience::Gauge;
use crate::pool::{Closing, Outbox, OutcomeOf, Pool, Taken};
use crate::reply::{Head, Heard, Lost, Waiting, understand};
use crate::route::{Answer, Cause};
use crate::share::Held;
use crate::slot::Slot;
use crate::wire::Wire;
use crate::{BodySink, Class, FedState, MessageId, Sinks, Verdict};

/// Outcomes a session keeps while their reader has no room. It asks for nothing
/// more while it keeps any, so this is what the largest window can still bring:
/// with it a reader may stop for as long as it likes, and only memory, which
/// bodies have a share of already, stops the socket.
const KEPT: usize = 1100;

/// From this size on, in octets, it is worth a detour that a body is taken while the cache
/// still has it.
const WARM: u64 = 64 << 10;

/// What was sent and not answered.
struct Flight<S: Sinks> {
    what: What<S>,
    sent: Instant,
    /// Nothing else was in flight when it was sent.
    quiet: bool,
}

enum What<S: Sinks> {
    Article(Held<Taken<S>>),
    /// DATE: its answer proves that none before it was left out.
    Fence,
}

/// An article that is said to be missing by an answer that does not name it: it
/// counts when a later answer proves that the answers are not shifted.
struct Doubt<S: Sinks> {
    held: Held<Taken<S>>,
    cause: Cause,
}

/// What the session is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first byte of the next answer, since then.
    First(Instant),
    /// The rest of an answer.
    Rest,
}

/// A session, and what it knows of itself.
pub(crate) struct Session<S: Sinks> {
    slot: Slot<S>,
    pool: Arc<Pool<S>>,
    endpoint: Arc<Endpoint>,
    server: usize,
    started: Instant,
    wire: Wire,
    depth: Depth,
    /// The window as published.
    window: usize,
    /// In the order of the answers.
    flights: VecDeque<Flight<S>>,
    doubts: Vec<Doubt<S>>,
    outbox: Outbox<S>,
    /// The outcome that was one too many to keep.
    unheard: Option<OutcomeOf<S>>,
    /// Whether the pool counts this session as waiting for work.
    idle: bool,
    /// Whether the pool counts this session as one that would take what others
    /// have in flight.
    begging: bool,
    phase: Phase,
    /// When the answer at the head began.
    began: Instant,
    /// When the server last sent a byte, or was last not listened to.
    heard: Instant,
    /// How long our own limits held reading back, when last looked at.
    held: Duration,
    /// Since when nothing is in flight.
    free: Option<Instant>,
    trickle: Gauge,
    pull: Gauge,
    /// Armed anew only when it rings: a timer touched by each read costs more
    /// than the read.
    alarm: Pin<Box<Sleep>>,
}

impl<S: Sinks> Session<S> {
    /// A session over `wire`, whose connection was begun at `started`.
    pub(crate) fn new(
        mut slot: Slot<S>,
        endpoint: Arc<Endpoint>,
        wire: Wire,
        started: Instant,
    ) -> Session<S> {
        slot.established();
        let pool = Arc::clone(&slot.pool);
        let now = Instant::now();
        let known = pool.site(slot.server).round_trip();
        Session {
            server: slot.server,
            started,
            depth: Depth::new(endpoint.server.pipeline, wire.rtt(), known),
            wire,
            window: 0,
            flights: VecDeque::new(),
            doubts: Vec::new(),
            outbox: Outbox::new(&pool, KEPT),
            unheard: None,
            idle: false,
            begging: false,
            phase: Phase::First(now),
            began: now,
            heard: now,
            held: Duration::ZERO,
            free: Some(now),
            trickle: Gauge::trickle(now),
            pull: Gauge::pull(now),
            alarm: Box::pin(sleep_until(now)),
            endpoint,
            slot,
            pool,
        }
    }

    /// Works until the connection is lost or the pool closes.
    pub(crate) async fn run(mut self) {
        let pool = Arc::clone(&self.pool);
        let lost = tokio::select! {
            biased;
            how = pool.closed() => Err(how),
            lost = self.serve() => Ok(lost),
        };
        match lost {
            Ok(Lost::Unwanted) => self.retire().await,
            Err(Closing::Goodbye | Closing::No) => self.goodbye().await,
            Err(Closing::HandBack) => self.hand_back().await,
            Ok(lost) => self.lost(lost).await,
        }
    }

    /// Works until the connection is lost.
    async fn serve(&mut self) -> Lost {
        self.publish_window();
        loop {
            if let Err(lost) = self.answer().await {
                return lost;
            }
        }
    }

    /// Reads one answer and what belongs to it.
    async fn answer(&mut self) -> Result<(), Lost> {
        self.fill();
        let before = self.wire.consumed();
        match self.status().await? {
            Heard::Fence => {
                self.fenced();
                return Ok(());
            }
            Heard::Missing { cause, named } => self.missing(cause, named)?,
            Heard::Body { named } => {
                if named {
                    self.believe()?;
                }
                let (verdict, body) = self.body().await?.finish();
                self.arrived(verdict, body)?;
                // A body that names none settles no doubt.
                self.fence();
            }
        }
        let octets = self.wire.consumed() - before;
        self.measure(octets);
        if octets >= WARM {
            // Whoever takes the body comes before the next: it is in this core's cache.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Takes the request at the head off: it is answered.
    fn landed(&mut self) -> Option<Flight<S>> {
        self.slot.answered();
        let flight = self.flights.pop_front();
        if matches!(flight.as_ref().map(|f| &f.what), Some(What::Article(_))) {
            self.release(1);
        }
        let now = Instant::now();
        self.phase = Phase::First(now);
        self.heard = now;
        self.free = self.flights.is_empty().then_some(now);
        flight
    }

    fn fenced(&mut self) {
        self.landed();
        // A fence is no request: nothing of it is delivered here.
        let _ = self.believe();
    }

    /// The server does not have the article at the head. If the answer does not
    /// name it, it may be meant for the next one: it counts when that is settled.
    fn missing(&mut self, cause: Cause, named: bool) -> Result<(), Lost> {
        self.pool.stats.missed(self.server);
        let Some(What::Article(held)) = self.landed().map(|flight| flight.what) else {
            return Ok(());
        };
        self.doubts.push(Doubt { held, cause });
        match named {
            true => self.believe(),
            false => {
                self.fence();
                Ok(())
            }
        }
    }

    /// The answers are not shifted: those that were in doubt count.
    fn believe(&mut self) -> Result<(), Lost> {
        for doubt in std::mem::take(&mut self.doubts) {
            let outcome = self.settle(doubt.held, Answer::Missing(doubt.cause));
            self.deliver(outcome)?;
        }
        Ok(())
    }

    /// Notes what became of a request here. If it is in other hands as well, it
    /// stays there.
    fn settle(&self, held: Held<Taken<S>>, answer: Answer) -> Option<OutcomeOf<S>> {
        match held {
            Held::Own(job) => self.pool.answered(job, self.server, answer),
            Held::Shared(share) => {
                let tries = self.pool.options.tries;
                share.with(|job| job.trail.note(self.server, answer, tries));
                let job = share.leave()?;
                self.pool.give_back(std::iter::once(job)).pop()
            }
        }
    }

    /// A body came whole.
    fn arrived(&mut self, verdict: Verdict, body: <S::Sink as BodySink>::Body) -> Result<(), Lost> {
        let Some(flight) = self.landed() else {
            return Ok(());
        };
        let elapsed = flight.sent.elapsed();
        let damage = match verdict {
            Verdict::Good => None,
            Verdict::Damaged(why) => Some((why, elapsed)),
        };
        self.pool.stats.arrived(self.server, damage.is_some());
        let job = match flight.what {
            What::Article(Held::Own(job)) => job,
            // Another connection was faster, if there is none.
            What::Article(Held::Shared(share)) => match share.claim() {
                Some(job) => job,
                None => return Ok(()),
            },
            What::Fence => return Ok(()),
        };
        let outcome = match damage {
            None => Some(self.pool.good(*job, self.server, body, elapsed)),
            Some(damage) => self.pool.damaged(job, self.server, body, damage),
        };
        self.deliver(outcome)
    }

    /// Sends an outcome on its way. Never waits: that would let the socket wait.
    fn deliver(&mut self, outcome: Option<OutcomeOf<S>>) -> Result<(), Lost> {
        match outcome {
            Some(outcome) => match self.outbox.send(&self.pool, outcome) {
                None => Ok(()),
                Some(outcome) => {
                    self.unheard = Some(outcome);
                    Err(Lost::Unheard)
                }
            },
            None => Ok(()),
        }
    }

    /// What is learnt from an answer of `octets`.
    fn measure(&mut self, octets: u64) {
        let before = self.depth.rate();
        if self.depth.answered(Instant::now(), octets) {
            let site = self.pool.site(self.server);
            site.rated(before, self.depth.rate());
        }
        self.publish_window();
    }

    fn publish_window(&mut self) {
        let window = self.depth.window();
        if window != self.window {
            self.pool.stats.window(self.server, self.window, window);
            self.window = window;
        }
    }

    /// The status line of the request at the head.
    async fn status(&mut self) -> Result<Heard, Lost> {
        loop {
            let found = self
                .wire
                .status()
                .map_err(|e| self.broken(e.to_string(), true))?;
            if let Some((status, length)) = found {
                let heard = understand(&status, &self.waiting());
                self.wire.consume(length);
                self.phase = Phase::Rest;
                return heard;
            }
            self.more().await?;
        }
    }

    fn waiting(&self) -> Waiting<'_> {
        let head = self.flights.front();
        let (head, locked) = match head.map(|flight| &flight.what) {
            None => (Head::None, false),
            Some(What::Fence) => (Head::Fence, false),
            Some(What::Article(held)) => (Head::Article(id(held)), self.locked(held)),
        };
        Waiting {
            head,
            block: if self.pool.options.article { 220 } else { 222 },
            locked,
            proven: self.slot.proven(),
            password: self.endpoint.server.password.as_ref(),
        }
    }

    fn locked(&self, held: &Held<Taken<S>>) -> bool {
        match held {
            Held::Own(job) => job.locked(self.server),
            Held::Shared(share) => share.with(|job| job.locked(self.server)).unwrap_or(false),
        }
    }

    /// Reads the body of the request at the head.
    async fn body(&mut self) -> Result<S::Sink, Lost> {
        let pool = Arc::clone(&self.pool);
        let Some(What::Article(held)) = self.flights.front().map(|flight| &flight.what) else {
            return Err(self.broken("a body nobody asked for", false));
        };
        let (nth, bytes) = match held {
            Held::Own(job) => (job.request.nth, job.request.bytes),
            Held::Shared(share) => (share.nth, share.bytes),
        };
        let mut sink = self.patiently(pool.sinks.begin(nth, bytes)).await;
        loop {
            if self.wire.arrived().is_empty() {
                self.more().await?;
            }
            let fed = sink.feed(self.wire.arrived());
            self.wire.consume(fed.consumed);
            match fed.state {
                FedState::More => {}
                FedState::Ended => return Ok(sink),
                FedState::TooLarge => return Err(Lost::TooLarge),
                FedState::Full => self.patiently(sink.grow()).await,
            }
        }
    }

    fn broken(&self, text: impl Into<String>, answering: bool) -> Lost {
        Lost::Broken {
            cause: Cause::new(Class::Transport, text),
            answering,
        }
    }
}

fn id<T>(held: &Held<Box<crate::pool::Job<T>>>) -> &MessageId {
    match held {
        Held::Own(job) => job.id(),
        Held::Shared(share) => &share.id,
    }
}
