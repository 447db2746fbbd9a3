//! How long a connection is waited for: for the first byte of an answer, for the
//! next byte of it, and for a rate worth keeping the connection for. Pure: time
//! comes in as an argument.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// The first byte of an article may take this long, however fast others came: a
/// disk has to spin up.
const FIRST_BYTE: Duration = Duration::from_secs(4);

/// The same for a server of which nothing is known yet.
const UNKNOWN: Duration = Duration::from_secs(20);

/// How many times the usual latency a first byte may take.
const LATENESS: u32 = 4;

/// A segment whose first byte did not come in time has so many times as long at
/// the next try: cold storage answers at last.
const WIDER: u32 = 4;

/// A body may pause this long at least.
const STALL: Duration = Duration::from_secs(8);

/// Octets a second below which a connection is no use, and how long that is
/// watched.
const LEAST_RATE: u64 = 1024;
const WATCHED: Duration = Duration::from_secs(30);

/// A connection that has been slow among others for so long is given up for a
/// new one.
const COMPARED: Duration = Duration::from_secs(10);

/// How late the first bytes of a server's answers come, over all its
/// connections.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    /// Microseconds, smoothed; 0: unknown.
    usual: AtomicU64,
}

impl Latency {
    /// An answer began `latency` after it could have.
    pub(crate) fn note(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX / 16);
        let usual = match self.usual.load(Relaxed) {
            0 => micros,
            usual => (usual * 7).saturating_add(micros) / 8,
        };
        // Lost updates do no harm: the next one comes soon.
        self.usual.store(usual.max(1), Relaxed);
    }

    /// An answer did not begin within `limit`. Of a server that has never answered
    /// this is no history: the first connection to time out would let all others
    /// wait for longer.
    pub(crate) fn missed(&self, limit: Duration) {
        if self.usual.load(Relaxed) > 0 {
            self.note(limit);
        }
    }

    /// How long a first byte may take that was waited for in vain `late` times
    /// before.
    pub(crate) fn limit(&self, late: u32, most: Duration) -> Duration {
        let limit = match self.usual.load(Relaxed) {
            0 => UNKNOWN,
            usual => (Duration::from_micros(usual) * LATENESS).max(FIRST_BYTE),
        };
        limit.saturating_mul(WIDER.saturating_pow(late)).min(most)
    }
}

/// How long a body may pause on a line of which `sharers` connections share
/// `rate` octets a second: as long as two bodies would take.
pub(crate) fn stall(article: f64, rate: u64, sharers: u64, most: Duration) -> Duration {
    let share = rate as f64 / sharers.max(1) as f64;
    let bodies = match share > 0.0 {
        true => Duration::try_from_secs_f64(2.0 * article / share).unwrap_or(most),
        false => STALL,
    };
    bodies.max(STALL).min(most)
}

/// Octets over a span of time, as long as it is the server that is waited for.
#[derive(Debug)]
pub(crate) struct Gauge {
    since: Instant,
    octets: u64,
    span: Duration,
}

impl Gauge {
    /// Tells whether bytes still come at a rate worth waiting for.
    pub(crate) fn trickle(now: Instant) -> Gauge {
        Gauge::new(now, WATCHED)
    }

    /// Tells how a connection compares with others.
    pub(crate) fn pull(now: Instant) -> Gauge {
        Gauge::new(now, COMPARED)
    }

    fn new(since: Instant, span: Duration) -> Gauge {
        Gauge {
            since,
            octets: 0,
            span,
        }
    }

    pub(crate) fn read(&mut self, octets: usize) {
        self.octets += octets as u64;
    }

    /// It was not the server that was waited for: counting begins anew.
    pub(crate) fn excuse(&mut self, now: Instant) {
        *self = Gauge::new(now, self.span);
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Instant {
        self.since + self.span
    }

    /// Octets a second, if it is time to tell; counting begins anew.
    pub(crate) fn rate(&mut self, now: Instant) -> Option<u64> {
        if now < self.due() {
            return None;
        }
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        let rate = self.octets as f64 / seconds;
        self.excuse(now);
        Some(rate as u64)
    }
}

/// Whether `rate` is too low for a connection to be of use.
pub(crate) fn is_trickle(rate: u64) -> bool {
    rate < LEAST_RATE
}

/// Whether a connection of `rate` is slow among `others` connections that have
/// `total` together, itself included. With two it is not clear which is right.
pub(crate) fn is_slow(rate: u64, total: u64, others: u64) -> bool {
    others > 2 && rate.saturating_mul(4) < total / others
}

/// What people are told of it.
pub(crate) fn too_slow() -> String {
    format!(
        "less than {LEAST_RATE} bytes a second for {} s",
        WATCHED.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(60);

    #[test]
    fn the_first_byte_by_the_servers_own_history() {
        let latency = Latency::default();
        assert_eq!(latency.limit(0, MOST), UNKNOWN);
        latency.missed(UNKNOWN);
        assert_eq!(latency.limit(0, MOST), UNKNOWN);
        latency.note(Duration::from_millis(30));
        assert_eq!(latency.limit(0, MOST), FIRST_BYTE);
        (0..60).for_each(|_| latency.note(Duration::from_secs(3)));
        let limit = latency.limit(0, MOST);
        assert!(limit > Duration::from_secs(11) && limit <= Duration::from_secs(12));
        assert_eq!(
            latency.limit(0, Duration::from_secs(1)),
            Duration::from_secs(1)
        );
    }

    // S39: the first byte always comes after 25 s.
    #[test]
    fn cold_storage_is_waited_for_at_last() {
        let latency = Latency::default();
        latency.note(Duration::from_millis(30));
        let limits: Vec<u64> = (0..4).map(|n| latency.limit(n, MOST).as_secs()).collect();
        assert_eq!(limits, [4, 16, 60, 60]);
    }

    #[test]
    fn a_thin_line_is_no_stall() {
        // 12 MB/s over 360 connections: each article takes 22 s.
        assert_eq!(stall(740e3, 12_000_000, 360, MOST).as_secs(), 44);
        assert_eq!(stall(740e3, 100_000_000, 20, MOST), STALL);
        assert_eq!(stall(740e3, 1000, 20, MOST), MOST);
        assert_eq!(stall(740e3, 0, 0, MOST), STALL);
    }

    // S37: one byte a second.
    #[test]
    fn a_trickle_is_told_from_a_slow_line() {
        let start = Instant::now();
        let mut gauge = Gauge::trickle(start);
        for second in 1..=29 {
            gauge.read(1);
            assert_eq!(gauge.rate(start + Duration::from_secs(second)), None);
        }
        assert!(gauge.rate(start + WATCHED).is_some_and(is_trickle));
        gauge.read(40_000);
        assert!(!gauge.rate(start + 2 * WATCHED).is_some_and(is_trickle));
        gauge.excuse(start + 3 * WATCHED);
        assert_eq!(gauge.rate(start + 3 * WATCHED), None);
    }

    #[test]
    fn slow_is_who_has_less_than_a_quarter_of_the_mean() {
        assert!(is_slow(1_000_000, 31_000_000, 4));
        assert!(!is_slow(2_000_000, 31_000_000, 4));
        assert!(!is_slow(1, 31_000_000, 2));
    }
}
