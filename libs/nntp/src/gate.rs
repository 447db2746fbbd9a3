//! When a connection to a server may be opened: how many there are, how many it
//! allows, how long to wait after a failure, and when to give it up. Pure: time
//! comes in as an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Handshakes with one server at a time: bursts are punished.
const HANDSHAKES: u16 = 4;

/// The wait after the first failure; doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The first wait after "too many connections". Servers forget dead sockets
/// slowly; the next refusal doubles it.
const FIRST_CROWDED: Duration = Duration::from_secs(1);

/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long a server may refuse every connection for want of room before it
/// counts as down.
const PATIENCE: Duration = Duration::from_secs(300);

/// The connections of one server.
#[derive(Debug)]
pub(crate) struct Gate {
    most: u16,
    limit: u16,
    open: u16,
    dialing: u16,
    /// Open sessions that have answered at least once.
    proven: u16,
    failures: u32,
    failed_at: Option<Instant>,
    not_before: Option<Instant>,
    crowded: Option<Crowded>,
}

/// Since the server said that there are too many.
#[derive(Clone, Copy, Debug)]
struct Crowded {
    /// The first refusal since the last accepted connection.
    since: Option<Instant>,
    last: Instant,
    wait: Duration,
    /// When one connection more may be tried.
    raise_at: Instant,
}

impl Gate {
    pub(crate) fn new(most: u16) -> Gate {
        Gate {
            most: most.max(1),
            limit: most.max(1),
            open: 0,
            dialing: 0,
            proven: 0,
            failures: 0,
            failed_at: None,
            not_before: None,
            crowded: None,
        }
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn limit(&self) -> u16 {
        self.limit
    }

    /// Whether to open one more, for `work` segments that no open connection
    /// takes.
    pub(crate) fn may_dial(&mut self, now: Instant, work: usize) -> bool {
        self.raise(now);
        self.not_before.is_none_or(|at| now >= at)
            && self.dialing < HANDSHAKES
            && usize::from(self.dialing) < work
            && self.open + self.dialing < self.limit
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
        let waiting = self.not_before.filter(|&at| at > now);
        let full = self.limit < self.most && self.open >= self.limit;
        waiting.or(self
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

    /// A dialled connection is a session.
    pub(crate) fn established(&mut self) {
        self.dialing -= 1;
        self.open += 1;
        self.limit = self.limit.max(self.open);
        if let Some(crowded) = &mut self.crowded {
            crowded.since = None;
            crowded.wait = FIRST_CROWDED;
        }
    }

    /// A session has answered for the first time: the server works.
    pub(crate) fn answered(&mut self) {
        self.proven += 1;
        self.failures = 0;
        self.not_before = None;
    }

    /// A session ended; `proven` if it had answered.
    pub(crate) fn closed(&mut self, proven: bool) {
        self.open -= 1;
        self.proven -= u16::from(proven);
    }

    /// A connection begun at `started` failed, or its session without an
    /// answer. Whether the server is to be given up: after `tries` in a row,
    /// unless another session works. Connections that fail together count once.
    pub(crate) fn failed(&mut self, started: Instant, now: Instant, tries: u32) -> bool {
        if self.failed_at.is_some_and(|at| started < at) {
            return false;
        }
        self.failures += 1;
        self.failed_at = Some(now);
        self.not_before = Some(now + spread(doubled(FIRST_WAIT, self.failures - 1)));
        self.failures >= tries.max(1) && self.proven == 0
    }

    /// A connection begun at `started` was refused for want of room: no more
    /// than are open now. Whether the server is to be given up.
    pub(crate) fn crowded(&mut self, started: Instant, now: Instant) -> bool {
        self.limit = self.limit.min(self.open.max(1));
        let before = self.crowded;
        if before.is_some_and(|crowded| started < crowded.last) {
            return false;
        }
        let wait = before.map_or(FIRST_CROWDED, |c| (c.wait * 2).min(LONGEST_WAIT));
        let since = before.and_then(|c| c.since).unwrap_or(started);
        self.crowded = Some(Crowded {
            since: Some(since),
            last: now,
            wait,
            raise_at: now + spread(wait),
        });
        if self.open > 0 {
            return false;
        }
        self.not_before = Some(now + spread(wait));
        now.duration_since(since) >= PATIENCE
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first
        .saturating_mul(2_u32.saturating_pow(times))
        .min(LONGEST_WAIT)
}

/// Up to a quarter less, so that connections and processes do not come back
/// all at once.
fn spread(wait: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish() % 256;
    wait - wait / 4 * random as u32 / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial(gate: &mut Gate, now: Instant) -> bool {
        let may = gate.may_dial(now, 100);
        if may {
            gate.dial();
        }
        may
    }

    fn open(gate: &mut Gate, now: Instant, count: u16) {
        for _ in 0..count {
            assert!(dial(gate, now));
            gate.established();
        }
    }

    #[test]
    fn handshakes_and_connections_are_bounded() {
        let now = Instant::now();
        let mut gate = Gate::new(6);
        let dialled = (0..10).filter(|_| dial(&mut gate, now)).count();
        assert_eq!(dialled, 4);
        (0..4).for_each(|_| gate.established());
        let dialled = (0..10).filter(|_| dial(&mut gate, now)).count();
        assert_eq!(dialled, 2);
    }

    #[test]
    fn opened_only_for_work() {
        let now = Instant::now();
        let mut gate = Gate::new(6);
        assert!(!gate.may_dial(now, 0));
        assert!(gate.may_dial(now, 1));
        gate.dial();
        assert!(!gate.may_dial(now, 1));
    }

    #[test]
    fn failures_back_off_and_end() {
        let start = Instant::now();
        let mut gate = Gate::new(6);
        assert!(!gate.failed(start, start, 3));
        assert!(!gate.may_dial(start, 9));
        assert!(!gate.may_dial(start + FIRST_WAIT / 2, 9));
        let now = start + FIRST_WAIT;
        assert!(gate.may_dial(now, 9));
        // Begun before the first failure: the same trouble.
        assert!(!gate.failed(start - FIRST_WAIT, now, 3));
        assert!(!gate.failed(now, now, 3));
        assert!(!gate.may_dial(now + FIRST_WAIT, 9));
        let now = now + 2 * FIRST_WAIT;
        assert!(gate.failed(now, now, 3));
    }

    #[test]
    fn success_forgives() {
        let now = Instant::now();
        let mut gate = Gate::new(6);
        assert!(!gate.failed(now, now, 2));
        gate.dial();
        gate.established();
        gate.answered();
        assert_eq!(gate.failures(), 0);
        assert!(gate.may_dial(now, 9));
        // While a session works the server is not given up.
        for step in 1..10 {
            let at = now + LONGEST_WAIT * step;
            assert!(!gate.failed(at, at, 2));
        }
    }

    #[test]
    fn the_limit_is_found_and_probed() {
        let start = Instant::now();
        let now = start + FIRST_WAIT;
        let mut gate = Gate::new(20);
        open(&mut gate, start, 8);
        // Both refused at once: one wait, not two.
        assert!(dial(&mut gate, start) && dial(&mut gate, start));
        for _ in 0..2 {
            gate.undial();
            assert!(!gate.crowded(start, now));
        }
        assert_eq!(gate.limit(), 8);
        assert!(!gate.may_dial(now, 9));
        let later = now + FIRST_CROWDED;
        assert!(gate.wake_at(now).is_some_and(|at| at <= later));
        assert!(dial(&mut gate, later));
        assert!(!gate.may_dial(later, 9));
        gate.established();
        assert_eq!(gate.limit(), 9);
        assert!(gate.may_dial(later + FIRST_CROWDED, 9));
    }

    #[test]
    fn crowded_out_completely_it_waits_long() {
        let start = Instant::now();
        let mut gate = Gate::new(20);
        let mut now = start;
        let mut tries = 0;
        loop {
            assert!(dial(&mut gate, now));
            gate.undial();
            tries += 1;
            if gate.crowded(now, now) {
                break;
            }
            assert_eq!(gate.limit(), 1);
            now = gate.wake_at(now).unwrap();
        }
        assert!(now - start >= PATIENCE && tries < 20);
    }

    #[test]
    fn waits_are_bounded() {
        assert_eq!(doubled(FIRST_WAIT, 40), LONGEST_WAIT);
        for _ in 0..100 {
            let wait = spread(LONGEST_WAIT);
            assert!(wait <= LONGEST_WAIT && wait >= LONGEST_WAIT * 3 / 4);
        }
    }
}
