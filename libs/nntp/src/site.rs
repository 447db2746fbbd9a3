//! A server as all its connections know it: what they are made with, how it
//! fares, and what they have measured. Nothing here takes a lock for a request.

use std::sync::atomic::{
    AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::dial::Endpoint;
use crate::health::Health;
use crate::patience::Latency;

/// A slow connection of a server is given up no more often than this.
const RECYCLING: Duration = Duration::from_secs(5);

/// A server.
pub(crate) struct Site {
    pub(crate) name: Arc<str>,
    /// Rung when there is work for a session that waits for some.
    pub(crate) work: Notify,
    /// Sessions with room that wait for work.
    pub(crate) idle: AtomicUsize,
    pub(crate) health: Arc<Health>,
    pub(crate) latency: Latency,
    /// Requests in flight over all its sessions, counted only while a quota holds.
    asked: AtomicUsize,
    /// A session found that it has sent all it may.
    pub(crate) exhausted: AtomicBool,
    endpoint: Mutex<Arc<Endpoint>>,
    /// Counts changes of the endpoint: sessions of an older one end when they
    /// have nothing in flight.
    epoch: AtomicU64,
    /// Octets a second over all its sessions, as they measure them, and how many
    /// have measured.
    rate: AtomicU64,
    rated: AtomicU64,
    /// Microseconds of the last round trip measured; 0: none.
    round_trip: AtomicU64,
    /// Connections that may be open, as last published.
    allowed: AtomicU16,
    base: Instant,
    /// Milliseconds since `base`.
    recycled: AtomicU64,
}

impl Site {
    pub(crate) fn new(endpoint: Endpoint, base: Instant) -> Site {
        Site {
            name: Arc::clone(&endpoint.name),
            work: Notify::new(),
            idle: AtomicUsize::new(0),
            health: Arc::new(Health::new(base)),
            latency: Latency::default(),
            asked: AtomicUsize::new(0),
            exhausted: AtomicBool::new(false),
            endpoint: Mutex::new(Arc::new(endpoint)),
            epoch: AtomicU64::new(0),
            rate: AtomicU64::new(0),
            rated: AtomicU64::new(0),
            round_trip: AtomicU64::new(0),
            allowed: AtomicU16::new(0),
            base,
            recycled: AtomicU64::new(0),
        }
    }

    /// What connections are made with now, and of which epoch that is. Asked
    /// once for each connection.
    pub(crate) fn endpoint(&self) -> (Arc<Endpoint>, u64) {
        let endpoint = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&endpoint), self.epoch.load(Relaxed))
    }

    /// Connections are made with `endpoint` from now on. Those there are live on
    /// if `compatible`.
    pub(crate) fn renew(&self, endpoint: Endpoint, compatible: bool) {
        let mut current = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(endpoint);
        if !compatible {
            self.epoch.fetch_add(1, Relaxed);
        }
        drop(current);
        self.work.notify_waiters();
    }

    /// Its sessions are to end when they have nothing in flight.
    pub(crate) fn outdate(&self) {
        self.epoch.fetch_add(1, Relaxed);
        self.work.notify_waiters();
    }

    pub(crate) fn is_current(&self, epoch: u64) -> bool {
        self.epoch.load(Relaxed) == epoch
    }

    /// Wakes one session that waits for work, if there is one.
    pub(crate) fn ring(&self) {
        if self.idle.load(SeqCst) > 0 {
            self.work.notify_one();
        }
    }

    /// Counts one more request in flight, if `left` octets are enough for all, of
    /// `each` octets.
    pub(crate) fn reserve(&self, left: u64, each: f64) -> bool {
        let asked = self.asked.fetch_add(1, SeqCst) + 1;
        let enough = left as f64 >= each * asked as f64;
        if !enough {
            self.release(1);
        }
        enough
    }

    /// So many requests are not in flight any more.
    pub(crate) fn release(&self, count: usize) {
        self.asked.fetch_sub(count, SeqCst);
    }

    /// A session's rate was `before` and is `now` (octets a second).
    pub(crate) fn rated(&self, before: Option<f64>, now: Option<f64>) {
        let whole = |rate: Option<f64>| rate.unwrap_or(0.0) as u64;
        // Both wrap below 0, and back.
        self.rate
            .fetch_add(whole(now).wrapping_sub(whole(before)), Relaxed);
        let one = |rate: Option<f64>| u64::from(rate.is_some());
        self.rated
            .fetch_add(one(now).wrapping_sub(one(before)), Relaxed);
    }

    /// Octets a second over all its sessions that know theirs, and their number.
    pub(crate) fn rates(&self) -> (u64, u64) {
        (self.rate.load(Relaxed), self.rated.load(Relaxed))
    }

    /// The round trip that a session measured last, if any has.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip.load(Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// A session measured a round trip.
    pub(crate) fn went_round(&self, rtt: Duration) {
        let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        self.round_trip.store(micros.max(1), Relaxed);
    }

    /// Publishes how many connections may be open; how many it were before.
    pub(crate) fn allow(&self, limit: u16) -> u16 {
        self.allowed.swap(limit, Relaxed)
    }

    /// Whether a slow session may be given up now: one at a time.
    pub(crate) fn may_recycle(&self, now: Instant) -> bool {
        let ms = now.saturating_duration_since(self.base).as_millis() as u64;
        let last = self.recycled.load(Relaxed);
        let soon = last > 0 && ms < last + RECYCLING.as_millis() as u64;
        !soon
            && self
                .recycled
                .compare_exchange(last, ms.max(1), Relaxed, Relaxed)
                .is_ok()
    }
}
