//! What the server counts. Scalars shared by the sessions are atomics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What was served, until [`run`](crate::Server::run) ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections accepted, the refused ones among them.
    pub connections: u64,
    /// Connections that were refused or dropped because there were too many.
    pub refused: u64,
    /// Command lines.
    pub commands: u64,
    /// Bodies sent, by `BODY` or `ARTICLE`.
    pub bodies: u64,
    /// Requests for an article answered with `420`, `423` or `430`.
    pub missing: u64,
    /// Logins answered with `481`.
    pub denied: u64,
    /// Bytes written to clients, before TLS.
    pub bytes: u64,
}

macro_rules! counters {
    ($($name:ident),*) => {
        /// [`Stats`] while they are counted.
        #[derive(Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn stats(&self) -> Stats {
                Stats { $($name: self.$name.0.load(Relaxed),)* }
            }
        }
    };
}

counters!(
    connections,
    refused,
    commands,
    bodies,
    missing,
    denied,
    bytes
);

/// A number that only grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }
}
