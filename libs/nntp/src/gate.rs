//! When a connection to a server may be opened: how many there are, how many it
//! allows, and since when it is in trouble. Pure: time comes in as an argument.
//! How long to wait after a failure is [`Health`]'s.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::health::{Health, LONGEST_WAIT, spread};

/// Handshakes with one server at a time, as long as none has worked: bursts are
/// punished. Each session that works allows one more, so that the ramp is
/// gentle and yet short.
const HANDSHAKES: u16 = 4;

/// The first wait after "too many connections". Servers forget dead sockets
/// slowly; the next refusal doubles it.
const FIRST_CROWDED: Duration = Duration::from_secs(1);

/// The connections of one server.
#[derive(Debug)]
pub(crate) struct Gate {
    health: Arc<Health>,
    most: u16,
    limit: u16,
    open: u16,
    dialing: u16,
    /// Open sessions that have answered at least once.
    proven: u16,
    /// Whether a session has ever answered.
    worked: bool,
    /// Begin of the first attempt that failed since a session answered, if
    /// none works.
    trouble: Option<Instant>,
    failed_at: Option<Instant>,
    crowded: Option<Crowded>,
}

/// Since the server said that there are too many.
#[derive(Clone, Copy, Debug)]
struct Crowded {
    last: Instant,
    wait: Duration,
    /// When one connection more may be tried.
    raise_at: Instant,
}

impl Gate {
    pub(crate) fn new(most: u16, health: Arc<Health>) -> Gate {
        Gate {
            health,
            most: most.max(1),
            limit: most.max(1),
            open: 0,
            dialing: 0,
            proven: 0,
            worked: false,
            trouble: None,
            failed_at: None,
            crowded: None,
        }
    }

    /// Allows `most` connections from now on.
    pub(crate) fn resize(&mut self, most: u16) {
        let grown = most > self.most;
        self.most = most.max(1);
        self.limit = match grown && self.crowded.is_none() {
            true => self.most,
            false => self.limit.min(self.most),
        };
    }

    /// Forgets what is known: account or address are others now.
    pub(crate) fn renew(&mut self) {
        self.limit = self.most;
        self.crowded = None;
        self.trouble = None;
        self.worked = false;
        self.health.forgive();
    }

    pub(crate) fn limit(&self) -> u16 {
        self.limit
    }

    /// Open sessions and those in the making.
    pub(crate) fn taken(&self) -> u16 {
        self.open + self.dialing
    }

    /// Whether an open session has answered: the login is good.
    pub(crate) fn works(&self) -> bool {
        self.proven > 0
    }

    /// Whether a session is open: the server let it in.
    pub(crate) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// Whether a session has ever answered.
    pub(crate) fn worked(&self) -> bool {
        self.worked
    }

    /// Since when nothing works, if that is so.
    pub(crate) fn trouble(&self) -> Option<Instant> {
        self.trouble
    }

    /// Whether work may be expected to move soon: not while nothing works.
    pub(crate) fn ready(&self) -> bool {
        self.open > 0 || self.trouble.is_none()
    }

    /// Whether to open one more, for `work` segments that no open connection
    /// takes.
    pub(crate) fn may_dial(&mut self, now: Instant, work: usize) -> bool {
        self.raise(now);
        let ramp = match self.trouble.is_some() || self.crowded.is_some() {
            true => HANDSHAKES,
            false => HANDSHAKES.saturating_add(self.open),
        };
        self.health.not_before(now).is_none()
            && self.dialing < ramp
            && usize::from(self.dialing) < work
            && self.taken() < self.limit
    }

    /// Tries one connection more, when it is time and all allowed ones are open.
    fn raise(&mut self, now: Instant) {
        let Some(crowded) = &mut self.crowded else {
            return;
        };
        if now >= crowded.raise_at && self.limit < self.most && self.open >= self.limit {
            self.limit += 1;
            crowded.raise_at = now + crowded.wait;
        }
    }

    /// When [`Gate::may_dial`] may change its mind by itself.
    pub(crate) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let full = self.limit < self.most && self.open >= self.limit;
        self.health.not_before(now).or(self
            .crowded
            .filter(|_| full)
            .map(|crowded| crowded.raise_at))
    }

    pub(crate) fn dial(&mut self) {
        self.dialing += 1;
    }

    /// A dialled connection ended before it was a session.
    pub(crate) fn undial(&mut self) {
        self.dialing -= 1;
    }

    /// A dialled connection is a session. Some servers refuse only its first
    /// command for want of room: it is no success yet.
    pub(crate) fn established(&mut self) {
        self.dialing -= 1;
        self.open += 1;
        self.limit = self.limit.max(self.open);
    }

    /// A session has answered for the first time: the server works.
    pub(crate) fn answered(&mut self) {
        self.proven += 1;
        self.worked = true;
        self.trouble = None;
        self.health.forgive();
        if let Some(crowded) = &mut self.crowded {
            crowded.wait = FIRST_CROWDED;
        }
    }

    /// A session ended; `proven` if it had answered.
    pub(crate) fn closed(&mut self, proven: bool) {
        self.open -= 1;
        self.proven -= u16::from(proven);
    }

    /// A connection begun at `started` failed, or its session without an
    /// answer. Connections that fail together count once.
    pub(crate) fn failed(&mut self, started: Instant, now: Instant) {
        self.troubled(started);
        if self.failed_at.is_some_and(|at| started < at) {
            return;
        }
        self.failed_at = Some(now);
        self.health.failed(now);
    }

    /// A connection begun at `started` was refused for want of room: no more
    /// than are open now.
    pub(crate) fn crowded(&mut self, started: Instant, now: Instant) {
        self.troubled(started);
        self.limit = self.limit.min(self.open.max(1));
        let before = self.crowded;
        if before.is_some_and(|crowded| started < crowded.last) {
            return;
        }
        let wait = before.map_or(FIRST_CROWDED, |c| (c.wait * 2).min(LONGEST_WAIT));
        self.crowded = Some(Crowded {
            last: now,
            wait,
            raise_at: now + spread(wait),
        });
        // While others work, it is only one too many.
        if !self.works() {
            self.health.wait(now, spread(wait));
        }
    }

    /// Other processes have all connections of the account: looked at again
    /// after `wait`. How many are allowed now.
    pub(crate) fn full(&mut self, now: Instant, wait: Duration) -> u16 {
        self.troubled(now);
        self.health.wait(now, wait);
        self.limit
    }

    /// While a session works, what fails beside it is no trouble.
    fn troubled(&mut self, started: Instant) {
        if !self.works() {
            self.trouble.get_or_insert(started);
        }
    }
}

#[cfg(test)]
mod tests;
