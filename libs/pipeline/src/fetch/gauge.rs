//! The fetching stage's telemetry: the engine's counters as a `progress` record.

use std::time::Duration;

use nzbpipe_nntp::{ServerStats, Stats};
use nzbpipe_record::{Progress, ServerErrors, ServerProgress};
use tokio::time::Instant;

/// At most two `progress` records a second, besides the one at the end.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);

/// Makes rates of counters that only grow.
pub(super) struct Gauge {
    started: Instant,
    last: Option<(Instant, Progress)>,
}

impl Gauge {
    pub(super) fn new() -> Gauge {
        Gauge {
            started: Instant::now(),
            last: None,
        }
    }

    /// What `stats` say by now; `None` if that was asked too lately and this is
    /// not the `end`, or nothing has come yet and may soon.
    pub(super) fn read(&mut self, stats: &Stats, end: bool) -> Option<Progress> {
        let now = Instant::now();
        let (then, before) = match &self.last {
            Some((then, before)) => (*then, Some(before)),
            None => (self.started, None),
        };
        let passed = now.duration_since(then);
        // Too short a time makes a wild rate: the one before holds.
        let short = before.is_some() && passed < INTERVAL / 2;
        let age = now.duration_since(self.started);
        if (short && !end) || (stats.bytes() == 0 && age < INTERVAL) {
            return None;
        }
        let rate = |bytes: u64, (bytes_then, rate_then): (u64, u64)| match short {
            true => rate_then,
            false => {
                let bytes = bytes.saturating_sub(bytes_then) as f64;
                (bytes / passed.as_secs_f64().max(1e-3)) as u64
            }
        };
        let mut progress = Progress {
            bytes: stats.bytes(),
            connections: stats.connections(),
            ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            servers: servers(stats),
            ..Progress::default()
        };
        progress.rate = rate(progress.bytes, before.map_or((0, 0), |b| (b.bytes, b.rate)));
        for server in &mut progress.servers {
            let mut servers = before.iter().flat_map(|before| &before.servers);
            let before = servers.find(|one| one.name == server.name);
            server.rate = rate(server.bytes, before.map_or((0, 0), |b| (b.bytes, b.rate)));
        }
        self.last = Some((now, progress.clone()));
        Some(progress)
    }
}

/// What each server did so far; `rate` is left at 0, it takes two readings.
///
/// Two accounts at one host may have one name. Who reads this tells servers apart
/// by it, so the second one is `name (2)` here.
pub fn servers(stats: &Stats) -> Vec<ServerProgress> {
    let mut servers: Vec<ServerProgress> = Vec::new();
    for mut one in stats.servers().map(server) {
        let plain = one.name.clone();
        let mut copy = 1;
        while servers.iter().any(|other| other.name == one.name) {
            copy += 1;
            one.name = format!("{plain} ({copy})");
        }
        servers.push(one);
    }
    servers
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
