//! Buffers for what is read, lent to the connection that reads: the one used last is still
//! in the cache, and a connection that waits needs none.

use std::sync::{Arc, Mutex, PoisonError};

/// What one read may bring. Larger ones save nothing, and the bytes leave the
/// second-level cache before they are decoded.
const SIZE: usize = 256 << 10;

/// As many are kept as connections read at once on the cores of one machine.
const KEPT: usize = 16;

/// Where connections get their buffers, and bring them back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    idle: Arc<Mutex<Vec<Box<[u8]>>>>,
}

impl Buffers {
    /// The buffer used last.
    pub(crate) fn take(&self) -> Box<[u8]> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let used = idle.pop();
        drop(idle);
        used.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice())
    }

    /// Takes a buffer back; `buffer` is empty then.
    pub(crate) fn give(&self, buffer: &mut Box<[u8]>) {
        let buffer = std::mem::take(buffer);
        if buffer.is_empty() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_used_last_comes_first() {
        let buffers = Buffers::default();
        let (mut a, mut b) = (buffers.take(), buffers.take());
        assert_eq!((a.len(), b.len()), (SIZE, SIZE));
        let last = b.as_ptr();
        buffers.give(&mut a);
        buffers.give(&mut b);
        assert!(a.is_empty() && b.is_empty());
        buffers.give(&mut b);
        let again = buffers.take();
        assert_eq!(again.as_ptr(), last);
    }
}
