//! Counters that others may read while the client runs.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::config::MAX_SERVERS;

/// Totals of a run, and of each server.
#[derive(Debug)]
pub struct Stats {
    total: Counters,
    servers: Box<[OnceLock<ServerStats>]>,
}

impl Default for Stats {
    fn default() -> Stats {
        Stats {
            total: Counters::default(),
            servers: (0..MAX_SERVERS).map(|_| OnceLock::new()).collect(),
        }
    }
}

/// Totals of one server.
#[derive(Debug)]
pub struct ServerStats {
    name: Arc<str>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    bytes: AtomicU64,
    bodies: AtomicU64,
    missing: AtomicU64,
    damaged: AtomicU64,
    lost: AtomicU64,
    capacity: AtomicU64,
    login: AtomicU64,
    recycled: AtomicU64,
    hedged: AtomicU64,
    connections: AtomicU64,
    windows: AtomicU64,
    allowed: AtomicU64,
    rtt_micros: AtomicU64,
}

/// The readers of the counters, the same for a server and for all together.
macro_rules! readers {
    ($($counter:ident: $what:literal;)*) => {
        impl Stats {
            $(
                #[doc = $what]
                pub fn $counter(&self) -> u64 {
                    self.total.$counter.load(Relaxed)
                }
            )*
        }

        impl ServerStats {
            $(
                #[doc = $what]
                pub fn $counter(&self) -> u64 {
                    self.counters.$counter.load(Relaxed)
                }
            )*
        }
    };
}

readers! {
    bytes: "Octets taken from sockets, as the line carries them: TLS included.";
    bodies: "Bodies that arrived whole, damaged ones too.";
    missing: "Answers that an article is not there.";
    damaged: "Bodies that arrived damaged.";
    lost: "Connections lost in mid-work, or that could not be opened.";
    capacity: "Connections refused because there were too many.";
    login: "Connections refused for the login, the account or the certificate.";
    recycled: "Connections given up because they were slow.";
    hedged: "Octets asked for a second time near the end.";
    windows: "Requests that may be in flight, over all open connections.";
    allowed: "Connections that may be open.";
    rtt_micros: "Microseconds from command to first byte on a quiet connection; 0 if not known. In total: the largest.";
    connections: "Connections open now, logged in.";
}

impl Stats {
    /// The servers' own, in the order of the configuration; none before the run.
    pub fn servers(&self) -> impl Iterator<Item = &ServerStats> {
        self.servers.iter().map_while(OnceLock::get)
    }

    /// Makes room for a server; a second run on the same totals keeps the first
    /// one's names.
    pub(crate) fn name(&self, server: usize, name: Arc<str>) {
        if let Some(place) = self.servers.get(server) {
            place.get_or_init(|| ServerStats {
                name,
                counters: Counters::default(),
            });
        }
    }

    fn server(&self, server: usize) -> Option<&ServerStats> {
        self.servers.get(server)?.get()
    }

    fn each(&self, server: usize, change: impl Fn(&Counters)) {
        change(&self.total);
        if let Some(server) = self.server(server) {
            change(&server.counters);
        }
    }

    fn add(&self, server: usize, counter: fn(&Counters) -> &AtomicU64, by: u64) {
        self.each(server, |counters| {
            counter(counters).fetch_add(by, Relaxed);
        });
    }

    pub(crate) fn read(&self, server: usize, bytes: usize) {
        self.add(server, |c| &c.bytes, bytes as u64);
    }

    pub(crate) fn arrived(&self, server: usize, damaged: bool) {
        self.add(server, |c| &c.bodies, 1);
        self.add(server, |c| &c.damaged, u64::from(damaged));
    }

    pub(crate) fn missed(&self, server: usize) {
        self.add(server, |c| &c.missing, 1);
    }

    pub(crate) fn lost_one(&self, server: usize) {
        self.add(server, |c| &c.lost, 1);
    }

    pub(crate) fn crowded(&self, server: usize) {
        self.add(server, |c| &c.capacity, 1);
    }

    pub(crate) fn refused(&self, server: usize) {
        self.add(server, |c| &c.login, 1);
    }

    pub(crate) fn recycle(&self, server: usize) {
        self.add(server, |c| &c.recycled, 1);
    }

    pub(crate) fn hedge(&self, server: usize, octets: u64) {
        self.add(server, |c| &c.hedged, octets);
    }

    /// A connection's window changed from `before` to `now`.
    pub(crate) fn window(&self, server: usize, before: usize, now: usize) {
        self.change(server, |c| &c.windows, before, now);
    }

    /// The number of connections that may be open changed.
    pub(crate) fn allow(&self, server: usize, before: u16, now: u16) {
        self.change(server, |c| &c.allowed, before.into(), now.into());
    }

    fn change(
        &self,
        server: usize,
        counter: fn(&Counters) -> &AtomicU64,
        before: usize,
        now: usize,
    ) {
        self.each(server, |counters| {
            // Wraps below 0, and back.
            let by = (now as u64).wrapping_sub(before as u64);
            counter(counters).fetch_add(by, Relaxed);
        });
    }

    pub(crate) fn round_trip(&self, server: usize, rtt: Duration) {
        let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX).max(1);
        if let Some(server) = self.server(server) {
            server.counters.rtt_micros.store(micros, Relaxed);
        }
        let largest = self
            .servers()
            .map(|server| server.counters.rtt_micros.load(Relaxed));
        let largest = largest.max().unwrap_or(0);
        self.total.rtt_micros.store(largest, Relaxed);
    }

    /// Counts an open connection until the guard is dropped.
    pub(crate) fn opened(self: &Arc<Self>, server: usize) -> Open {
        self.add(server, |c| &c.connections, 1);
        Open {
            stats: Arc::clone(self),
            server,
        }
    }
}

impl ServerStats {
    /// The server's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// An open connection, as counted.
pub(crate) struct Open {
    stats: Arc<Stats>,
    server: usize,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.stats.each(self.server, |counters| {
            counters.connections.fetch_sub(1, Relaxed);
        });
    }
}
