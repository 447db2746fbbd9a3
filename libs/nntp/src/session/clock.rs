//! What a session waits for, and for how long.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Phase, Session, What};
use crate::Sinks;
use crate::patience::{self, is_slow, is_trickle};
use crate::reply::Lost;
use crate::share::Held;

/// A session with nothing to do is closed after this long: the account may have
/// a use for its slot elsewhere.
const IDLE: Duration = Duration::from_secs(30);

/// How often a session looks whether to offer what it has in flight, while
/// others have nothing to do.
const OFFER: Duration = Duration::from_millis(50);

/// A first byte that takes longer says nothing of the rate, and an alarm that is
/// later nothing of the server.
const LATE: Duration = Duration::from_secs(1);

impl<S: Sinks> Session<S> {
    /// The server could not have been heard before now.
    pub(super) fn listen(&mut self, now: Instant) {
        self.heard = now;
        self.trickle.excuse(now);
        self.pull.excuse(now);
    }

    /// Awaits `future`, which waits for memory. Meanwhile the server is not
    /// listened to, and nothing is held against it.
    pub(super) async fn patiently<F: Future + Send>(&mut self, future: F) -> F::Output {
        let began = Instant::now();
        // What was asked for goes out before it is waited.
        if self.wire.unsent() {
            self.wire.push().await;
        }
        let pool = Arc::clone(&self.pool);
        let mut waiting = std::pin::pin!(pool.patient(future));
        let waited_for_work = self.idle;
        let output = loop {
            tokio::select! {
                biased;
                output = &mut waiting => break output,
                // Nothing is asked for meanwhile: work is left to others.
                () = std::future::ready(()), if self.idle => {
                    pool.not_idle(self.server, &mut self.idle);
                    pool.pass(self.server);
                }
                // What waits here for the reader may be the memory that is
                // waited for.
                () = self.outbox.room() => self.outbox.drain(&pool),
            }
        };
        if waited_for_work && !self.idle {
            self.fill();
        }
        let now = Instant::now();
        if now > began + Duration::from_millis(5) {
            self.listen(now);
            self.depth.interrupt();
        }
        output
    }

    /// Waits for bytes; meanwhile new work is asked for, and outcomes go out.
    pub(super) async fn more(&mut self) -> Result<(), Lost> {
        loop {
            self.arm();
            let room = self.has_room();
            if !room {
                self.pool.not_idle(self.server, &mut self.idle);
            }
            // With its share in flight it could only pass the ring on, for ever if
            // nobody takes it: its next answer lets it look again.
            let wants = self.idle || self.flights.is_empty();
            let busy = !self.flights.is_empty();
            let pool = &self.pool;
            let site = pool.site(self.server);
            tokio::select! {
                biased;
                read = self.wire.turn() => return self.read(read),
                () = self.outbox.room() => {
                    self.outbox.drain(&self.pool);
                    self.fill();
                }
                () = site.work.notified(), if room && wants => self.fill(),
                () = pool.hedging.hungry.notified(), if busy => self.offer(),
                () = self.alarm.as_mut() => {}
            }
            self.tick()?;
        }
    }

    /// What became of an attempt to read.
    fn read(&mut self, read: std::io::Result<usize>) -> Result<(), Lost> {
        // Whether the answer to the head had begun.
        let answering = self.phase == Phase::Rest || !self.wire.arrived().is_empty();
        match read {
            Ok(0) => Err(self.broken("the server closed the connection", answering)),
            Ok(count) => {
                self.first_byte();
                self.heard = Instant::now();
                self.trickle.read(count);
                self.pull.read(count);
                Ok(())
            }
            Err(error) => Err(self.broken(error.to_string(), answering)),
        }
    }

    /// Bytes came: if they are the first of an answer, its latency is known.
    fn first_byte(&mut self) {
        let Phase::First(since) = self.phase else {
            return;
        };
        let now = Instant::now();
        self.phase = Phase::Rest;
        self.began = now;
        if now > since + LATE {
            self.trickle.excuse(now);
            self.pull.excuse(now);
        }
        let Some(head) = self.flights.front() else {
            return;
        };
        if self.wire.held() == self.held {
            self.pool.site(self.server).latency.note(now - since);
        }
        if head.quiet {
            self.depth.quiet_answer(now, now - head.sent);
            self.pool.stats.round_trip(self.server, now - head.sent);
            if let Some(rtt) = self.depth.rtt() {
                self.pool.site(self.server).went_round(rtt);
            }
            self.publish_window();
            // More may be in flight now, while this one arrives.
            self.fill();
        }
    }

    /// Looks at all clocks, and sets the alarm to the next one.
    fn tick(&mut self) -> Result<(), Lost> {
        let now = Instant::now();
        let held = self.wire.held();
        if held > self.held {
            // It was we who did not read.
            self.held = held;
            self.listen(now);
        }
        if now > self.alarm.deadline() + LATE {
            // It has slept through its alarm: the process was stopped.
            self.listen(now);
        }
        match self.flights.is_empty() {
            true => self.tick_idle(now)?,
            false => self.tick_busy(now)?,
        }
        if self.alarm.is_elapsed() {
            let next = self.next_alarm(now);
            self.alarm.as_mut().reset(next);
        }
        Ok(())
    }

    /// Sets the alarm if it would ring too late. It may well ring too early: a
    /// timer touched by each read costs more than the read.
    fn arm(&mut self) {
        let next = self.next_alarm(self.heard);
        if self.alarm.deadline() > next {
            self.alarm.as_mut().reset(next);
        }
    }

    fn tick_idle(&mut self, now: Instant) -> Result<(), Lost> {
        self.heard = now;
        let free = *self.free.get_or_insert(now);
        if !self.slot.is_current() || now >= free + IDLE {
            return Err(Lost::Unwanted);
        }
        Ok(())
    }

    fn tick_busy(&mut self, now: Instant) -> Result<(), Lost> {
        self.offer();
        let limit = self.limit();
        if now >= self.heard + limit {
            return Err(self.late(limit));
        }
        if self.trickle.rate(now).is_some_and(is_trickle) && self.phase == Phase::Rest {
            return Err(self.broken(patience::too_slow(), true));
        }
        if let Some(rate) = self.pull.rate(now) {
            let site = self.pool.site(self.server);
            let (total, rated) = site.rates();
            // For the first byte there is a bound of its own, which a segment in
            // cold storage has to meet in the end.
            let comes = self.phase == Phase::Rest;
            if comes && is_slow(rate, total, rated) && site.may_recycle(now) {
                return Err(Lost::Slow);
            }
        }
        Ok(())
    }

    /// How long the server may say nothing now.
    fn limit(&self) -> Duration {
        let site = self.pool.site(self.server);
        let most = self.endpoint.server.timeout;
        match self.phase {
            Phase::First(_) => site.latency.limit(self.lateness(), most),
            Phase::Rest => {
                let (rate, rated) = self.pool.line();
                patience::stall(self.depth.article(), rate, rated, most)
            }
        }
    }

    /// How often the article at the head was late here before.
    fn lateness(&self) -> u32 {
        match self.flights.front().map(|flight| &flight.what) {
            Some(What::Article(Held::Own(job))) => job.trail.late(self.server),
            Some(What::Article(Held::Shared(share))) => {
                share.with(|job| job.trail.late(self.server)).unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// The server has said nothing for too long.
    fn late(&mut self, limit: Duration) -> Lost {
        if let Phase::First(_) = self.phase {
            let server = self.server;
            self.pool.site(server).latency.missed(limit);
            match self.flights.front_mut().map(|flight| &mut flight.what) {
                Some(What::Article(Held::Own(job))) => job.trail.was_late(server),
                Some(What::Article(Held::Shared(share))) => {
                    share.with(|job| job.trail.was_late(server));
                }
                _ => {}
            }
        }
        self.broken(format!("no byte for {} s", limit.as_secs_f32()), true)
    }

    fn next_alarm(&self, now: Instant) -> Instant {
        if self.flights.is_empty() {
            // With its last answer an outdated session has no reason to be.
            let over = !self.slot.is_current() && !self.outbox.has_pending();
            return match over {
                true => now,
                false => self.free.unwrap_or(now) + IDLE,
            };
        }
        let silent = self.heard + self.limit();
        let next = silent.min(self.trickle.due()).min(self.pull.due());
        match self.pool.hedging.wanted() > 0 && self.pool.is_ending() {
            // From now on, whatever `now` is: a moment that is past rings at once,
            // and again.
            true => next.min(Instant::now() + OFFER),
            false => next,
        }
    }
}
