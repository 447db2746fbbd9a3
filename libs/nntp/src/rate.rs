//! A rate limit shared by connections without a lock. It says when how many octets
//! may pass; [`Turns`](crate::Turns) does the waiting.
//!
//! A token bucket as the generic cell rate algorithm (ITU-T I.371): one number, the
//! time at which all that was granted so far is paid for. A grant begins where the
//! one before ends, so connections take turns in the order they asked, and what
//! all of them take together is as smooth as one grant is short.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use tokio::time::Instant;

/// Units of time in a second, 16 ns each.
const SECOND: u64 = 62_500_000;

/// What a limit that was not used may catch up with: longer than a busy machine
/// lets a thread wait, and little enough for no tenth of a second to be half over
/// the limit.
const BURST: u64 = SECOND / 1000 * 25;

/// A grant is what the limit lets through in 2 ms: with 50 connections each has
/// its turn ten times a second, and 500 reads a second cost nothing.
const GRANTS_A_SECOND: u64 = 500;
/// Fewer octets are more work for the kernel than for the line.
const MIN_GRANT: u64 = 1 << 10;
const MAX_GRANT: u64 = 256 << 10;

/// Where the count of changes begins in the state. The 56 bits below it are 36
/// years; the count only has to differ while one grant is computed.
const CHANGES: u32 = 56;
const TIME: u64 = (1 << CHANGES) - 1;

/// How many octets a second may be taken; 0 is no limit. It may be changed while
/// it is in use.
#[derive(Debug)]
pub struct Rate {
    bucket: Bucket,
    /// When the bucket's time began.
    began: Instant,
    /// Connections held against it.
    users: AtomicUsize,
}

impl Default for Rate {
    fn default() -> Rate {
        Rate::new(0)
    }
}

impl Rate {
    /// A limit of `octets` a second; 0 is none.
    #[must_use]
    pub fn new(octets: u64) -> Rate {
        Rate {
            bucket: Bucket::new(octets),
            began: Instant::now(),
            users: AtomicUsize::new(0),
        }
    }

    /// Changes the limit. Those who wait under the old one ask again within
    /// 50 ms.
    pub fn set(&self, octets: u64) {
        self.bucket.set(octets, self.now());
    }

    /// The limit in octets a second; 0 is none.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.bucket.limit.load(Relaxed)
    }

    /// Whether there is a limit.
    #[must_use]
    pub fn limited(&self) -> bool {
        self.limit() != 0
    }

    /// What each connection gets when all of them want more, in octets a second;
    /// `None` without a limit.
    pub(crate) fn share(&self) -> Option<u64> {
        let users = self.users.load(Relaxed).max(1) as u64;
        self.limited().then(|| (self.limit() / users).max(1))
    }

    pub(crate) fn join(&self) {
        self.users.fetch_add(1, Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.users.fetch_sub(1, Relaxed);
    }

    /// A turn of at most `octets`; `None` without a limit.
    pub(crate) fn reserve(&self, octets: usize) -> Option<Grant> {
        self.bucket.reserve(octets as u64, self.now())
    }

    /// Ends a turn in which only `used` octets were taken.
    pub(crate) fn settle(&self, grant: &Grant, used: usize) {
        self.bucket.settle(grant, used as u64);
    }

    /// How long `grant` has to wait still; `None` if the limit has changed since.
    pub(crate) fn due(&self, grant: &Grant) -> Option<Duration> {
        let units = grant.at.saturating_sub(self.now());
        let wait = Duration::from_nanos(units.saturating_mul(16));
        self.bucket.holds(grant).then_some(wait)
    }

    fn now(&self) -> u64 {
        let nanos = self.began.elapsed().as_nanos();
        u64::try_from(nanos / 16).unwrap_or(TIME) & TIME
    }
}

/// A turn: so many octets, not before a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    at: u64,
    pub(crate) octets: usize,
    limit: u64,
    changes: u64,
}

/// The arithmetic: whoever asks says what time it is.
#[derive(Debug)]
struct Bucket {
    limit: AtomicU64,
    /// Until when all grants are paid for, and in the upper bits how often the
    /// limit was changed.
    state: AtomicU64,
}

impl Bucket {
    fn new(limit: u64) -> Bucket {
        Bucket {
            limit: AtomicU64::new(limit),
            state: AtomicU64::new(0),
        }
    }

    /// What was granted under the old limit is forgotten: at a low one it may
    /// reach far into the future, and its owners ask again. The limit is stored
    /// first, so that whoever sees the new count sees the new limit.
    fn set(&self, limit: u64, now: u64) {
        if self.limit.swap(limit, Release) == limit {
            return;
        }
        let _ = self.state.fetch_update(AcqRel, Acquire, |state| {
            Some(state.wrapping_add(1 << CHANGES) & !TIME | now)
        });
    }

    fn reserve(&self, octets: u64, now: u64) -> Option<Grant> {
        let mut state = self.state.load(Acquire);
        loop {
            let limit = self.limit.load(Relaxed);
            let largest = (limit / GRANTS_A_SECOND).clamp(MIN_GRANT, MAX_GRANT);
            let octets = octets.min(largest);
            let at = (state & TIME).max(now.saturating_sub(BURST));
            let end = at.saturating_add(cost(octets, limit)?).min(TIME);
            let next = state & !TIME | end;
            match self
                .state
                .compare_exchange_weak(state, next, AcqRel, Acquire)
            {
                Ok(_) => {
                    return Some(Grant {
                        at,
                        octets: octets as usize,
                        limit,
                        changes: state >> CHANGES,
                    });
                }
                Err(seen) => state = seen,
            }
        }
    }

    fn settle(&self, grant: &Grant, used: u64) {
        let price = |octets| cost(octets, grant.limit).unwrap_or(0);
        let back = price(grant.octets as u64).saturating_sub(price(used));
        if back == 0 {
            return;
        }
        let _ = self.state.fetch_update(AcqRel, Acquire, |state| {
            let holds = state >> CHANGES == grant.changes;
            holds.then(|| state & !TIME | (state & TIME).saturating_sub(back))
        });
    }

    fn holds(&self, grant: &Grant) -> bool {
        self.state.load(Acquire) >> CHANGES == grant.changes
    }
}

/// How long `octets` take, rounded up; `None` without a limit.
fn cost(octets: u64, limit: u64) -> Option<u64> {
    (limit > 0).then(|| octets.saturating_mul(SECOND).div_ceil(limit))
}

#[cfg(test)]
mod tests;
