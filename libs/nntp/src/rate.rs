//! A rate limit: a token bucket over octets, shared by connections without a
//! lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many octets a second may be taken; 0 is no limit. It may be changed while
/// it is in use.
#[derive(Debug, Default)]
pub struct Rate {
    limit: AtomicU64,
}

impl Rate {
    /// A limit of `octets` a second; 0 is none.
    pub fn new(octets: u64) -> Rate {
        Rate {
            limit: AtomicU64::new(octets),
        }
    }

    /// Changes the limit.
    pub fn set(&self, octets: u64) {
        self.limit.store(octets, Relaxed);
    }

    /// The limit in octets a second; 0 is none.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }
}
