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

/// How long a server that has worked in this run may be out of reach at least
/// before it counts as down. A restart, or a router that comes back, takes this
/// long; the tries alone are over in less than 2 s.
const OUTAGE: Duration = Duration::from_secs(30);

/// The connections of one server.
#[derive(Debug)]
pub(crate) struct Gate {
    most: u16,
    limit: u16,
    open: u16,
    dialing: u16,
    /// Open sessions that have answered at least once.
    proven: u16,
    /// Whether a session has ever answered.
    worked: bool,
    /// In a row, since an answer.
    failures: u32,
    /// The first of them.
    failing_since: Option<Instant>,
    failed_at: Option<Instant>,
    not_before: Option<Instant>,
    crowded: Option<Crowded>,
}

/// Since the server said that there are too many.
#[derive(Clone, Copy, Debug)]
struct Crowded {
    /// The first refusal since a session answered or worked.
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
            worked: false,
            failures: 0,
            failing_since: None,
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

    /// Whether an open session has answered: the login is good.
    pub(crate) fn works(&self) -> bool {
        self.proven > 0
    }

    /// Whether a session is open: the server let it in.
    pub(crate) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// Whether work may be expected to move soon: not while the server fails or
    /// has no room for a single connection.
    pub(crate) fn ready(&self) -> bool {
        let crowded_out = self.crowded.is_some_and(|crowded| crowded.since.is_some());
        self.open > 0 || (self.failures == 0 && !crowded_out)
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
        self.failures = 0;
        self.failing_since = None;
        self.not_before = None;
        if let Some(crowded) = &mut self.crowded {
            crowded.since = None;
            crowded.wait = FIRST_CROWDED;
        }
    }

    /// A session ended; `proven` if it had answered.
    pub(crate) fn closed(&mut self, proven: bool) {
        self.open -= 1;
        self.proven -= u16::from(proven);
    }

    /// A connection begun at `started` failed, or its session without an
    /// answer. Whether the server is to be given up: after `tries` in a row,
    /// unless another session works, and not before they go on for [`OUTAGE`] if
    /// it has ever worked. Connections that fail together count once.
    pub(crate) fn failed(&mut self, started: Instant, now: Instant, tries: u32) -> bool {
        if self.failed_at.is_some_and(|at| started < at) {
            return false;
        }
        self.failures += 1;
        self.failed_at = Some(now);
        let since = *self.failing_since.get_or_insert(now);
        self.not_before = Some(now + spread(doubled(FIRST_WAIT, self.failures - 1)));
        let long = !self.worked || now.duration_since(since) >= OUTAGE;
        self.failures >= tries.max(1) && self.proven == 0 && long
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
        // While others work, it is only one too many.
        let since = (!self.works()).then(|| before.and_then(|c| c.since).unwrap_or(started));
        self.crowded = Some(Crowded {
            since,
            last: now,
            wait,
            raise_at: now + spread(wait),
        });
        let Some(since) = since else {
            return false;
        };
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

    // Some servers let everybody log in and count at the first BODY: a session
    // that is refused then was no success, or its turn would go on for ever.
    #[test]
    fn crowded_out_after_the_login_it_ends_too() {
        let start = Instant::now();
        let mut gate = Gate::new(20);
        let mut now = start;
        for tries in 1.. {
            open(&mut gate, now, 1);
            gate.closed(false);
            if gate.crowded(now, now) {
                break;
            }
            assert!(tries < 20);
            now = gate.wake_at(now).unwrap();
        }
        assert!(now - start >= PATIENCE);
        // An answer ends the row.
        open(&mut gate, now + LONGEST_WAIT, 1);
        gate.answered();
        gate.closed(true);
        let now = now + LONGEST_WAIT;
        assert!(!gate.crowded(now, now));
        assert!(gate.may_dial(now + 2 * FIRST_CROWDED, 9));
    }

    // One connection too many beside sessions that work says nothing of the
    // time after them.
    #[test]
    fn patience_begins_when_nothing_works() {
        let start = Instant::now();
        let mut gate = Gate::new(20);
        open(&mut gate, start, 1);
        gate.answered();
        assert!(!gate.crowded(start, start));
        gate.closed(true);
        let late = start + 2 * PATIENCE;
        assert!(!gate.crowded(late, late));
    }

    // A server that worked is not lost to a restart: the tries alone are over
    // in less than 2 s.
    #[test]
    fn an_outage_is_waited_for() {
        let start = Instant::now();
        let mut gate = Gate::new(1);
        open(&mut gate, start, 1);
        gate.answered();
        gate.closed(true);
        let mut now = start;
        while !gate.failed(now, now, 3) {
            assert!(now - start < OUTAGE);
            now = gate.wake_at(now).unwrap();
        }
        assert!(now - start >= OUTAGE && gate.failures() > 3);
        // Each answer begins the count anew.
        open(&mut gate, now + LONGEST_WAIT, 1);
        gate.answered();
        gate.closed(true);
        let now = now + LONGEST_WAIT;
        assert!(!gate.failed(now, now, 1));
    }

    #[test]
    fn ready_is_who_may_move() {
        let now = Instant::now();
        let mut gate = Gate::new(1);
        assert!(gate.ready());
        gate.failed(now, now, 3);
        assert!(!gate.ready());
        let later = now + LONGEST_WAIT;
        open(&mut gate, later, 1);
        assert!(gate.ready());
        gate.answered();
        gate.closed(true);
        assert!(gate.ready());
        gate.crowded(later, later);
        assert!(!gate.ready());
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
