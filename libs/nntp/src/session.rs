//! One session with a server: pulls work while its window has room, reads the
//! answers in order, and says at the end what becomes of what was not answered.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until, timeout};

use crate::command::Command;
use crate::dial::Refusal;
use crate::pool::{OutcomeOf, Pool, Taken};
use crate::reply::{Heard, Lost, Waiting, understand, verdict};
use crate::route::{Answer, Cause};
use crate::slot::Slot;
use crate::wire::Wire;
use crate::{BodySink, Class, FedState, NoticeKind, Sinks, Verdict};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// A request that was sent and not answered.
struct Flight<S: Sinks> {
    job: Taken<S>,
    sent: Instant,
}

/// A session, and what it knows of itself.
pub(crate) struct Session<S: Sinks> {
    slot: Slot<S>,
    pool: Arc<Pool<S>>,
    server: usize,
    started: Instant,
    wire: Wire,
    window: usize,
    /// In the order of the answers.
    flights: VecDeque<Flight<S>>,
    /// Whether the pool counts this session as waiting for work.
    idle: bool,
    patience: Duration,
    /// When the server last sent a byte, or was last not listened to.
    heard: Instant,
    /// Armed anew only when it rings: a timer touched by each read costs more
    /// than the read.
    alarm: Pin<Box<Sleep>>,
}

impl<S: Sinks> Session<S> {
    /// A session over `wire`, whose connection was begun at `started`.
    pub(crate) fn new(mut slot: Slot<S>, wire: Wire, started: Instant) -> Session<S> {
        slot.established();
        let pool = Arc::clone(&slot.pool);
        let server = slot.server;
        let config = &pool.endpoints[server].server;
        let patience = config.timeout;
        let now = Instant::now();
        Session {
            server,
            started,
            wire,
            window: usize::from(config.pipeline.unwrap_or(8).max(1)),
            flights: VecDeque::new(),
            idle: false,
            patience,
            heard: now,
            alarm: Box::pin(sleep_until(now + patience)),
            slot,
            pool,
        }
    }

    /// Works until the connection is lost or the pool closes.
    pub(crate) async fn run(mut self) {
        let pool = Arc::clone(&self.pool);
        let lost = tokio::select! {
            biased;
            () = pool.closed() => None,
            lost = self.serve() => Some(lost),
        };
        match lost {
            None => self.goodbye().await,
            Some(lost) => self.lost(lost).await,
        }
    }

    /// Works until the connection is lost.
    async fn serve(&mut self) -> Lost {
        loop {
            if let Err(lost) = self.answer().await {
                return lost;
            }
        }
    }

    /// Reads one answer and what belongs to it.
    async fn answer(&mut self) -> Result<(), Lost> {
        self.fill();
        let heard = self.status().await?;
        // `status` makes sure that there is one.
        let Some(flight) = self.flights.front() else {
            return Ok(());
        };
        let sent = flight.sent;
        let outcome = match heard {
            Heard::Missing(cause) => {
                self.pool.stats.missed(self.server);
                self.next(|pool, job, server| pool.answered(job, server, Answer::Missing(cause)))
            }
            Heard::Body => {
                let (verdict, body) = self.body().await?.finish();
                let elapsed = sent.elapsed();
                let damage = match verdict {
                    Verdict::Good => None,
                    Verdict::Damaged(why) => Some((why, elapsed)),
                };
                self.pool.stats.arrived(self.server, damage.is_some());
                self.next(|pool, job, server| match damage {
                    None => Some(pool.good(*job, server, body, elapsed)),
                    Some(damage) => pool.damaged(job, server, body, damage),
                })
            }
        };
        if let Some(outcome) = outcome {
            self.deliver(outcome).await;
        }
        Ok(())
    }

    /// The request at the head is answered: `settle` says what it comes to.
    fn next(
        &mut self,
        settle: impl FnOnce(&Pool<S>, Taken<S>, usize) -> Option<OutcomeOf<S>>,
    ) -> Option<OutcomeOf<S>> {
        self.slot.answered();
        let flight = self.flights.pop_front()?;
        settle(&self.pool, flight.job, self.server)
    }

    /// Asks for more while the window has room and the pool has work.
    fn fill(&mut self) {
        while self.flights.len() < self.window {
            let Some(job) = self.pool.take(self.server, &mut self.idle) else {
                return;
            };
            if self.flights.is_empty() {
                self.listen();
            }
            self.wire.send(Command::Body(job.id()));
            self.flights.push_back(Flight {
                job,
                sent: Instant::now(),
            });
        }
    }

    /// The server could not have been heard before now.
    fn listen(&mut self) {
        self.heard = Instant::now();
    }

    /// The status line of the request at the head.
    async fn status(&mut self) -> Result<Heard, Lost> {
        loop {
            let found = self
                .wire
                .status()
                .map_err(|e| self.broken(e.to_string(), true))?;
            if let Some((status, length)) = found {
                let job = self.flights.front().map(|flight| &flight.job);
                let waiting = Waiting {
                    head: job.map(|job| job.id()),
                    locked: job.is_some_and(|job| job.locked(self.server)),
                    proven: self.slot.proven(),
                    password: self.pool.endpoints[self.server].server.password.as_ref(),
                };
                let heard = understand(&status, &waiting);
                self.wire.consume(length);
                return heard;
            }
            self.more(!self.wire.arrived().is_empty()).await?;
        }
    }

    /// Reads the body of the request at the head.
    async fn body(&mut self) -> Result<S::Sink, Lost> {
        let pool = Arc::clone(&self.pool);
        let mut sink = {
            let Some(head) = self.flights.front() else {
                return Err(self.broken("a body nobody asked for", false));
            };
            let request = &head.job.request;
            pool.patient(pool.sinks.begin(&request.ticket, request.bytes))
                .await
        };
        self.listen();
        loop {
            if self.wire.arrived().is_empty() {
                self.more(true).await?;
            }
            let fed = sink.feed(self.wire.arrived());
            self.wire.consume(fed.consumed);
            match fed.state {
                FedState::More => {}
                FedState::Ended => return Ok(sink),
                FedState::TooLarge => return Err(Lost::TooLarge),
                FedState::Full => {
                    pool.patient(sink.grow()).await;
                    self.listen();
                }
            }
        }
    }

    /// Waits for bytes; meanwhile new work is asked for. `answering`: whether
    /// the answer to the head has begun.
    async fn more(&mut self, answering: bool) -> Result<(), Lost> {
        loop {
            let room = self.flights.len() < self.window;
            let event = tokio::select! {
                biased;
                read = self.wire.turn() => Some(read),
                () = self.pool.endpoints[self.server].work.notified(), if room => {
                    self.fill();
                    continue;
                }
                () = self.alarm.as_mut() => None,
            };
            match event {
                Some(Ok(0)) => {
                    return Err(self.broken("the server closed the connection", answering));
                }
                Some(Ok(_)) => {
                    self.listen();
                    return Ok(());
                }
                Some(Err(error)) => return Err(self.broken(error.to_string(), answering)),
                None => self.stalled()?,
            }
        }
    }

    /// The alarm rang: too late, or too early because bytes came meanwhile.
    fn stalled(&mut self) -> Result<(), Lost> {
        let now = Instant::now();
        if self.flights.is_empty() {
            self.heard = now;
        }
        let end = self.heard + self.patience;
        if now >= end {
            let text = format!("no byte for {} s", self.patience.as_secs_f32());
            return Err(self.broken(text, true));
        }
        self.alarm.as_mut().reset(end);
        Ok(())
    }

    fn broken(&self, text: impl Into<String>, answering: bool) -> Lost {
        Lost::Broken {
            cause: Cause::new(Class::Transport, text),
            answering,
        }
    }

    /// Delivers an outcome. Its reader may be slow; the next commands go out
    /// before it is waited for.
    async fn deliver(&mut self, outcome: OutcomeOf<S>) {
        self.fill();
        if self.wire.unsent() {
            self.wire.push().await;
        }
        self.pool.deliver(outcome).await;
        self.listen();
    }

    /// The connection is lost: settles what was in flight, and what it says of
    /// the server.
    async fn lost(mut self, lost: Lost) {
        let (pool, server) = (Arc::clone(&self.pool), self.server);
        let proven = self.slot.proven();
        if !self.flights.is_empty() {
            pool.stats.lost_one(server);
        }
        pool.not_idle(server, &mut self.idle);
        let blameless = matches!(lost, Lost::Broken { .. });
        let (charge, cause) = verdict(lost, proven);
        if let Some(Answer::Strange) = charge {
            pool.tell(server, NoticeKind::Mismatch);
        }
        let charge = charge.or_else(|| self.suspect(blameless, &cause));
        // What it says of the server is noted before the jobs are offered to
        // others: they would make a new connection at once.
        let Session {
            slot,
            started,
            flights,
            ..
        } = self;
        let mut over = Vec::new();
        let mut jobs = flights.into_iter().map(|flight| flight.job);
        if cause.class != Class::Transport || !proven {
            over.extend(pool.refused(slot, started, Refusal::from(cause)));
        } else {
            slot.end(|_| ());
        }
        if let Some(answer) = charge
            && let Some(job) = jobs.next()
        {
            over.extend(pool.answered(job, server, answer));
        }
        over.extend(pool.give_back(jobs));
        pool.wake.notify_one();
        pool.deliver_all(over).await;
    }

    /// A connection that ends before an answer has begun is not the fault of
    /// the request at the head, unless that happens to it again.
    fn suspect(&mut self, blameless: bool, cause: &Cause) -> Option<Answer> {
        let flight = self.flights.front_mut().filter(|_| blameless)?;
        flight.job.losses += 1;
        (flight.job.losses > 1).then(|| Answer::Transport(cause.clone()))
    }

    /// QUIT, so that the server counts no ghost. With answers still to come it
    /// is not waited for.
    async fn goodbye(mut self) {
        self.pool.not_idle(self.server, &mut self.idle);
        self.wire.send(Command::Quit);
        let quiet = self.flights.is_empty();
        let farewell = async {
            self.wire.push().await;
            if quiet {
                self.wire.farewell().await;
            }
        };
        let _ = timeout(GOODBYE, farewell).await;
    }
}
