//! How many requests a connection keeps in flight: as many as it takes to cover
//! its round trip at its rate, and hardly more. Pure: time comes in as an
//! argument.
//!
//! By Little's law a pipe is full with rate × round trip in flight. The rate is
//! measured, and while the window is what bounds it, it measures the window: so
//! the window asks for twice that, and grows until the line or the server is the
//! bound. Until something is measured a good line is assumed.

use std::time::Duration;

use tokio::time::Instant;

/// Octets a second of a connection of which nothing is known: as much as
/// providers give one connection. It is wrong for an instant only.
const ASSUMED: f64 = 25e6;

/// Octets of an article of unknown size.
const USUAL: f64 = 750e3;

/// How much more than what is measured is asked for. Where the line is not the bound,
/// answers come in bursts, and with a quarter more connections ran dry between them.
const GAIN: f64 = 2.0;

/// So many requests are sent at once: each time costs a system call, and wakes the
/// server.
const AT_ONCE: usize = 3;

/// One more is always on its way while one is being read, and one while more are
/// being asked for.
const SPARE: usize = 1 + AT_ONCE;

/// A window beyond this covers 300 ms at 200 MB/s; more only makes a lost
/// connection dearer.
const LARGEST: usize = 96;

/// The window before the first answer: a handshake may be shorter than the way of
/// an article, and an idle round trip at the beginning is the dearest.
const FIRST: usize = 8;

/// No round trip is longer; what is, is a disk that spins up.
const LONGEST: Duration = Duration::from_secs(1);

/// A rate is measured over this at least: bytes that lay in the kernel's
/// buffers come faster than the line.
const ROUND: Duration = Duration::from_millis(100);

/// The depth of one connection.
#[derive(Debug)]
pub(crate) struct Depth {
    fixed: Option<usize>,
    rtt: Option<Duration>,
    /// Whether the round trip is that of a request, not of a handshake.
    measured: bool,
    /// Octets a second; falls slowly, rises at once.
    rate: Option<f64>,
    /// Octets of an answer, smoothed.
    article: f64,
    /// Since when octets are counted, and how many came.
    round: Option<(Instant, u64)>,
}

impl Depth {
    /// `fixed` is the number of requests in flight if it is not to be found.
    /// `handshake` is what the handshakes say of the round trip, `known` what
    /// other connections of the server have measured.
    pub(crate) fn new(
        fixed: Option<u16>,
        handshake: Option<Duration>,
        known: Option<Duration>,
    ) -> Depth {
        Depth {
            fixed: fixed.map(|n| usize::from(n.max(1))),
            rtt: known.or(handshake),
            measured: known.is_some(),
            rate: None,
            article: USUAL,
            round: None,
        }
    }

    /// How many requests may be in flight.
    pub(crate) fn window(&self) -> usize {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let rtt = self.rtt.unwrap_or_default().as_secs_f64();
        let pipe = self.rate.unwrap_or(ASSUMED) * rtt / self.article;
        let window = ((GAIN * pipe).ceil() as usize + SPARE).min(LARGEST);
        match self.measured {
            true => window,
            false => window.max(FIRST),
        }
    }

    /// How many may be in flight when more are asked for, with this window.
    pub(crate) fn low(&self, window: usize) -> usize {
        match self.fixed {
            Some(_) => window.saturating_sub(1),
            None => window.saturating_sub(AT_ONCE),
        }
    }

    /// The round trip, if it is known.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Octets a second, if they are known.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// The octets of an answer.
    pub(crate) fn article(&self) -> f64 {
        self.article
    }

    /// A request on a quiet connection had its first byte at `now`, after
    /// `latency`: from here on octets are counted.
    pub(crate) fn quiet_answer(&mut self, now: Instant, latency: Duration) {
        let latency = latency.min(LONGEST);
        self.rtt = Some(match self.rtt {
            // A better line at once, a worse one after a while: a single
            // latency may have been the disk's.
            Some(rtt) if self.measured && latency > rtt => rtt + (latency - rtt) / 2,
            _ => latency,
        });
        self.measured = true;
        self.round = Some((now, 0));
    }

    /// What was measured since the last answer is worth nothing: the connection
    /// was quiet, or held back.
    pub(crate) fn interrupt(&mut self) {
        self.round = None;
    }

    /// An answer of `octets` ended. Whether the rate is known anew.
    pub(crate) fn answered(&mut self, now: Instant, octets: u64) -> bool {
        self.article += (octets as f64 - self.article) / 8.0;
        let Some((since, counted)) = &mut self.round else {
            self.round = Some((now, 0));
            return false;
        };
        *counted += octets;
        let span = now.saturating_duration_since(*since);
        if span < ROUND.max(self.rtt.unwrap_or_default()) {
            return false;
        }
        let sample = *counted as f64 / span.as_secs_f64();
        self.rate = Some(match self.rate {
            Some(rate) if rate > sample => rate + (sample - rate) / 8.0,
            _ => sample,
        });
        self.round = Some((now, 0));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: u64 = 740_000;

    /// A connection with `rtt` that lets `rate` octets a second through: how
    /// large the window is after `seconds`, and what share of the rate was used
    /// in the last second.
    fn settle(rtt: f64, rate: f64, seconds: f64) -> (usize, f64) {
        let start = Instant::now();
        let at = |time: f64| start + Duration::from_secs_f64(time);
        let mut depth = Depth::new(None, None, None);
        // When the answers to what is in flight are complete.
        let mut flights = std::collections::VecDeque::new();
        let (mut now, mut line_free, mut used) = (0.0, 0.0_f64, 0.0);
        while now < seconds {
            while flights.len() < depth.window() {
                let begins = line_free.max(now + rtt);
                line_free = begins + ARTICLE as f64 / rate;
                flights.push_back(line_free);
            }
            now = flights.pop_front().unwrap();
            if depth.rtt().is_none() {
                let first = now - ARTICLE as f64 / rate;
                depth.quiet_answer(at(first), Duration::from_secs_f64(rtt));
            }
            depth.answered(at(now), ARTICLE);
            if now > seconds - 1.0 {
                used += ARTICLE as f64;
            }
        }
        (depth.window(), used / rate)
    }

    #[test]
    fn the_pipe_is_filled_at_any_latency() {
        for rtt in [0.0005, 0.01, 0.05, 0.1, 0.2, 0.3] {
            for rate in [2e6, 20e6, 60e6] {
                let (window, used) = settle(rtt, rate, 4.0);
                let pipe = rate * rtt / ARTICLE as f64;
                assert!(used > 0.9, "{rtt} s, {rate}: {window} in flight, {used}");
                assert!(
                    window as f64 <= 2.6 * pipe + 6.0,
                    "{rtt} s, {rate}: {window} for {pipe}"
                );
            }
        }
    }

    #[test]
    fn the_first_window_follows_the_handshake() {
        let window = |ms| Depth::new(None, Some(Duration::from_millis(ms)), None).window();
        assert_eq!(window(0), FIRST);
        assert_eq!(window(300), 24);
        assert_eq!(Depth::new(None, None, None).window(), FIRST);
        assert_eq!(Depth::new(Some(7), None, None).window(), 7);
    }

    // 430 after 430: small answers, many of them.
    #[test]
    fn small_answers_get_a_large_window() {
        let start = Instant::now();
        let mut depth = Depth::new(None, Some(Duration::from_millis(100)), None);
        let mut now = start;
        depth.quiet_answer(now, Duration::from_millis(100));
        for _ in 0..100 {
            let window = depth.window();
            now += Duration::from_millis(100);
            (0..window).for_each(|_| {
                depth.answered(now, 40);
            });
        }
        assert_eq!(depth.window(), LARGEST);
    }

    #[test]
    fn what_was_interrupted_is_no_measure() {
        let start = Instant::now();
        let mut depth = Depth::new(None, Some(Duration::from_millis(10)), None);
        depth.answered(start + Duration::from_millis(200), 20_000_000);
        let rate = depth.rate();
        depth.interrupt();
        depth.answered(start + Duration::from_secs(60), 1000);
        assert_eq!(depth.rate(), rate);
    }
}
