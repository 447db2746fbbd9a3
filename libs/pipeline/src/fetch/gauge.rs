//! The fetching stage's telemetry: the engine's counters as a `progress` record.

use std::collections::HashMap;
use std::time::Duration;

use nzbpipe_nntp::{ServerStats, Stats};
use nzbpipe_record::{Progress, ServerErrors, ServerProgress};
use tokio::time::Instant;

/// At most two `progress` records a second.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);

/// Makes rates of counters that only grow.
pub(super) struct Gauge {
    started: Instant,
    /// When it was last read, and the bytes by then: in all, and by server.
    last: Option<(Instant, u64, HashMap<String, u64>)>,
}

impl Gauge {
    pub(super) fn new() -> Gauge {
        Gauge {
            started: Instant::now(),
            last: None,
        }
    }

    /// What `stats` say by now; `None` if that was asked too lately, or nothing
    /// has come yet and may soon.
    pub(super) fn read(&mut self, stats: &Stats) -> Option<Progress> {
        let now = Instant::now();
        let (before, bytes_then, mut by_server) = match self.last.take() {
            None => (self.started, 0, HashMap::new()),
            Some(last) if now.duration_since(last.0) < INTERVAL / 2 => {
                self.last = Some(last);
                return None;
            }
            Some(last) => last,
        };
        let seconds = now.duration_since(before).as_secs_f64().max(1e-3);
        let rate = |now: u64, then: u64| (now.saturating_sub(then) as f64 / seconds) as u64;
        let bytes = stats.bytes();
        let mut servers = servers(stats);
        for server in &mut servers {
            let then = by_server.insert(server.name.clone(), server.bytes);
            server.rate = rate(server.bytes, then.unwrap_or(0));
        }
        self.last = Some((now, bytes, by_server));
        let age = now.duration_since(self.started);
        if bytes == 0 && age < INTERVAL {
            return None;
        }
        Some(Progress {
            bytes,
            connections: stats.connections(),
            rate: rate(bytes, bytes_then),
            ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            servers,
            ..Progress::default()
        })
    }
}

/// What each server did so far; `rate` is left at 0, it takes two readings.
pub fn servers(stats: &Stats) -> Vec<ServerProgress> {
    stats.servers().iter().map(server).collect()
}

fn server(stats: &ServerStats) -> ServerProgress {
    let windows = stats.windows() as f64 / stats.connections().max(1) as f64;
    ServerProgress {
        name: stats.name().to_owned(),
        bytes: stats.bytes(),
        connections: stats.connections(),
        allowed: stats.allowed(),
        // Tenths tell enough.
        window: (windows * 10.0).round() / 10.0,
        rtt_ms: stats.rtt_micros() as f64 / 1000.0,
        bodies: stats.bodies(),
        missing: stats.missing(),
        damaged: stats.damaged(),
        errors: ServerErrors {
            transport: stats.lost(),
            capacity: stats.capacity(),
            login: stats.login(),
            damaged: stats.damaged(),
            missing: stats.missing(),
            ..ServerErrors::default()
        },
        hedged: stats.hedged(),
        recycled: stats.recycled(),
        ..ServerProgress::default()
    }
}
