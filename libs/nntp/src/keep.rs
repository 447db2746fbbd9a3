//! Damaged copies, kept until their segment was asked of the other servers.
//!
//! A copy holds a share of the memory budget while its segment waits for a
//! server. If all shares were held so, the body that would free one could not
//! begin. So copies are given up as soon as anybody has to wait for memory;
//! such a segment is fetched once more from where the copy came if nobody has a
//! better one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A damaged body and where it came from.
pub(crate) struct Copy<B> {
    pub(crate) body: B,
    pub(crate) damage: String,
    pub(crate) server: Arc<str>,
    pub(crate) elapsed: Duration,
}

/// The copies, by the key of their segment.
pub(crate) struct Keep<B> {
    inner: Mutex<Inner<B>>,
}

struct Inner<B> {
    copies: HashMap<u64, Copy<B>>,
    /// How many wait for memory now.
    pressed: usize,
}

/// While it lives, no copy is kept.
pub(crate) struct Pressure<'a, B> {
    keep: &'a Keep<B>,
}

impl<B> Keep<B> {
    pub(crate) fn new() -> Keep<B> {
        Keep {
            inner: Mutex::new(Inner {
                copies: HashMap::new(),
                pressed: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<B>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `copy`, unless memory is short.
    pub(crate) fn put(&self, key: u64, copy: Copy<B>) {
        let mut inner = self.lock();
        if inner.pressed == 0 {
            inner.copies.insert(key, copy);
        }
    }

    pub(crate) fn take(&self, key: u64) -> Option<Copy<B>> {
        self.lock().copies.remove(&key)
    }

    /// Gives all copies up: somebody has to wait for memory.
    pub(crate) fn press(&self) -> Pressure<'_, B> {
        let mut inner = self.lock();
        inner.pressed += 1;
        let given_up = std::mem::take(&mut inner.copies);
        drop(inner);
        // Dropping bodies wakes those who wait for memory: not under the lock.
        drop(given_up);
        Pressure { keep: self }
    }
}

impl<B> Drop for Pressure<'_, B> {
    fn drop(&mut self) {
        self.keep.lock().pressed -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(body: u8) -> Copy<u8> {
        Copy {
            body,
            damage: String::new(),
            server: "s".into(),
            elapsed: Duration::ZERO,
        }
    }

    #[test]
    fn pressure_gives_copies_up_while_it_lasts() {
        let keep = Keep::new();
        keep.put(1, copy(1));
        assert_eq!(keep.take(1).map(|copy| copy.body), Some(1));
        keep.put(2, copy(2));
        let pressure = keep.press();
        assert!(keep.take(2).is_none());
        keep.put(3, copy(3));
        assert!(keep.take(3).is_none());
        drop(pressure);
        keep.put(4, copy(4));
        assert!(keep.take(4).is_some());
    }
}
