//! What a session asks for: work while its window has room, at the end of a job
//! what others have in flight too long, and DATE to tell whether answers shifted.

use tokio::time::Instant;

use super::{Flight, Session, What, id};
use crate::Sinks;
use crate::command::Command;
use crate::share::{Held, Share};

/// So many unproven answers are enough: a fence is sent behind them.
const DOUBTS: usize = 32;

/// How many times longer than elsewhere a segment may take before it is offered
/// to others.
const HOPELESS: f64 = 2.0;

/// No segment is offered for less, in seconds.
const WORTH: f64 = 0.1;

impl<S: Sinks> Session<S> {
    /// Asks for more while the window has room and the pool has work.
    pub(super) fn fill(&mut self) {
        let is_low = self.flights.len() <= self.depth.low(self.window);
        while is_low && self.has_room() {
            let fair = self.pool.fair(self.server, self.depth.rate());
            if self.flights.len() >= fair {
                break;
            }
            if !self.reserve() {
                break;
            }
            let held = self.pool.take(self.server, &mut self.idle).map(Held::Own);
            let Some(held) = held.or_else(|| self.hedge()) else {
                return self.release(1);
            };
            self.pool.hedging.beg(&mut self.begging, false);
            self.ask(held);
        }
        self.pass();
    }

    /// Whether to ask for more at all.
    pub(super) fn has_room(&self) -> bool {
        self.flights.len() < self.window && !self.outbox.has_pending() && self.slot.is_current()
    }

    /// Counts one more request against the quota, if there is one. Without a
    /// request in flight here that it is not enough for one is the end of it.
    fn reserve(&self) -> bool {
        let Some(quota) = &self.endpoint.server.quota else {
            return true;
        };
        let site = self.pool.site(self.server);
        let enough = site.reserve(quota.left(), self.depth.article());
        if !enough && self.flights.is_empty() {
            self.pool.exhaust(self.server);
        }
        enough
    }

    /// So many requests are not in flight any more.
    pub(super) fn release(&self, count: usize) {
        if self.endpoint.server.quota.is_some() {
            self.pool.site(self.server).release(count);
        }
    }

    /// Nothing more is taken now, for want of room or because the last segments
    /// are left to others: work that this session was woken for is theirs.
    pub(super) fn pass(&mut self) {
        self.pool.not_idle(self.server, &mut self.idle);
        self.pool.pass(self.server);
    }

    fn ask(&mut self, held: Held<crate::pool::Taken<S>>) {
        let now = Instant::now();
        let quiet = self.flights.is_empty();
        if quiet {
            self.listen(now);
            self.phase = super::Phase::First(now);
            self.free = None;
            self.depth.interrupt();
        }
        self.wire.send(match self.pool.options.article {
            true => Command::Article(id(&held)),
            false => Command::Body(id(&held)),
        });
        self.flights.push_back(Flight {
            what: What::Article(held),
            sent: now,
            quiet,
        });
    }

    /// With nothing to do: something that another connection has in flight.
    fn hedge(&mut self) -> Option<Held<crate::pool::Taken<S>>> {
        if !self.flights.is_empty() || !self.pool.is_ending() {
            return None;
        }
        let share = self.pool.accept(self.server);
        if share.is_none() {
            self.pool.hedging.beg(&mut self.begging, true);
        }
        share.map(Held::Shared)
    }

    /// Offers what would be there sooner from those with nothing to do.
    pub(super) fn offer(&mut self) {
        let wanted = self.pool.hedging.wanted();
        if wanted == 0 || !self.pool.is_ending() {
            return;
        }
        let now = Instant::now();
        let elsewhere = self.elsewhere();
        let hopeless = (0..self.flights.len())
            .rev()
            .filter(|&at| self.is_own(at))
            .filter(|&at| self.expected(at, now) > elsewhere * HOPELESS + WORTH)
            .take(wanted);
        for at in hopeless.collect::<Vec<_>>() {
            self.share(at);
        }
    }

    /// Whether flight number `at` is an article that nobody else has.
    fn is_own(&self, at: usize) -> bool {
        let what = self.flights.get(at).map(|flight| &flight.what);
        matches!(what, Some(What::Article(Held::Own(_))))
    }

    /// Seconds an article takes on a usual connection.
    fn elsewhere(&self) -> f64 {
        let (rate, rated) = self.pool.line();
        let mean = rate as f64 / rated.max(1) as f64;
        let rtt = self.depth.rtt().unwrap_or_default().as_secs_f64();
        match rated {
            0 => rtt,
            _ => rtt + self.depth.article() / mean.max(1.0),
        }
    }

    /// Seconds until the answer to flight number `at`, at this connection's
    /// rate; the one at the head takes as long again as it took so far, at
    /// least. Under a limit of ours all are slow, and only silence counts.
    fn expected(&self, at: usize, now: Instant) -> f64 {
        if self.endpoint.is_limited() {
            return now.saturating_duration_since(self.heard).as_secs_f64();
        }
        let since = match self.phase {
            super::Phase::First(since) => since,
            super::Phase::Rest => self.began,
        };
        let head = now.saturating_duration_since(since).as_secs_f64();
        let each = self
            .depth
            .rate()
            .map_or(0.0, |rate| self.depth.article() / rate.max(1.0));
        head.max(each * (at + 1) as f64)
    }

    /// Puts flight number `at` into other hands as well.
    fn share(&mut self, at: usize) {
        let Some(flight) = self.flights.remove(at) else {
            return;
        };
        let what = match flight.what {
            What::Article(Held::Own(job)) => {
                let (id, nth) = (job.id().clone(), job.request.nth);
                let bytes = job.request.bytes;
                let share = Share::new(job, id, nth, bytes);
                self.pool.offer(std::sync::Arc::clone(&share));
                What::Article(Held::Shared(share))
            }
            other => other,
        };
        self.flights.insert(at, Flight { what, ..flight });
    }

    /// Asks a question that no answer about an article fits, if the answers in
    /// doubt would not be settled by others.
    pub(super) fn fence(&mut self) {
        let fences = |flight: &Flight<S>| matches!(flight.what, What::Fence);
        if self.doubts.is_empty() || self.flights.iter().any(fences) {
            return;
        }
        self.fill();
        if self.flights.is_empty() || self.doubts.len() >= DOUBTS {
            self.wire.send(Command::Date);
            self.free = None;
            self.flights.push_back(Flight {
                what: What::Fence,
                sent: Instant::now(),
                quiet: false,
            });
        }
    }
}
