//! How a server fares: failures in a row and when it may be tried again. Read
//! and written by all its connections without a lock.

use std::sync::atomic::{
    AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::time::Duration;

use tokio::time::Instant;

/// The wait after the first failure; doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// No wait is longer.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What is known of a server's health. Deadlines are milliseconds since `base`.
#[derive(Debug)]
pub(crate) struct Health {
    base: Instant,
    failures: AtomicU32,
    /// 0: at any time.
    not_before: AtomicU64,
}

impl Health {
    pub(crate) fn new(base: Instant) -> Health {
        Health {
            base,
            failures: AtomicU32::new(0),
            not_before: AtomicU64::new(0),
        }
    }

    /// Failures in a row, since an answer.
    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Relaxed)
    }

    /// When a connection may be tried, if not now.
    pub(crate) fn not_before(&self, now: Instant) -> Option<Instant> {
        let at = match self.not_before.load(Acquire) {
            0 => return None,
            ms => self.base + Duration::from_millis(ms),
        };
        (at > now).then_some(at)
    }

    /// One more failure; the next try has to wait.
    pub(crate) fn failed(&self, now: Instant) {
        let before = self.failures.fetch_add(1, Relaxed);
        self.wait(now, spread(doubled(FIRST_WAIT, before)));
    }

    /// No try before `wait` has passed.
    pub(crate) fn wait(&self, now: Instant, wait: Duration) {
        let at = (now + wait).saturating_duration_since(self.base);
        let ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.not_before.store(ms.max(1), Release);
    }

    /// The server has answered.
    pub(crate) fn forgive(&self) {
        self.failures.store(0, Relaxed);
        self.not_before.store(0, Release);
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first
        .saturating_mul(2_u32.saturating_pow(times))
        .min(LONGEST_WAIT)
}

/// Up to a quarter less, so that connections and processes do not come back
/// all at once.
pub(crate) fn spread(wait: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish() % 256;
    wait - wait / 4 * random as u32 / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_double_the_wait_and_success_forgives() {
        let start = Instant::now();
        let health = Health::new(start);
        assert_eq!(health.not_before(start), None);
        let mut last = Duration::ZERO;
        for failures in 1..=10 {
            health.failed(start);
            assert_eq!(health.failures(), failures);
            let wait = health.not_before(start).unwrap() - start;
            let longest = doubled(FIRST_WAIT, failures - 1);
            assert!(wait <= longest && wait >= longest * 3 / 4 - Duration::from_millis(1));
            assert!(wait > last / 2);
            last = wait;
        }
        assert!(last <= LONGEST_WAIT);
        assert_eq!(health.not_before(start + LONGEST_WAIT), None);
        health.forgive();
        assert_eq!((health.failures(), health.not_before(start)), (0, None));
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
