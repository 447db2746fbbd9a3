//! Buffers that are used again: a fresh 700 kB from the allocator costs the
//! kernel's zeroing of its pages on every article.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Idle buffers, at most as many as asked for; the rest is freed.
#[derive(Clone)]
pub(crate) struct Recycler {
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
    keep: usize,
}

impl Recycler {
    pub(crate) fn new(keep: usize) -> Recycler {
        let idle = Arc::new(Mutex::new(Vec::with_capacity(keep)));
        Recycler { idle, keep }
    }

    /// A buffer with what it last held, which comes back when it is dropped.
    /// Bytes once initialised stay so: filling it again costs no zeroing.
    pub(crate) fn take(&self) -> Buffer {
        let data = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        Buffer {
            data: data.unwrap_or_default(),
            home: self.clone(),
        }
    }

    fn give_back(&self, data: Vec<u8>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if data.capacity() > 0 && idle.len() < self.keep {
            idle.push(data);
        }
    }
}

/// A buffer on loan.
pub(crate) struct Buffer {
    pub(crate) data: Vec<u8>,
    home: Recycler,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.data));
    }
}

impl From<Buffer> for Bytes {
    /// The memory goes home when the last handle is dropped.
    fn from(buffer: Buffer) -> Bytes {
        Bytes::from_owner(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_with_the_last_handle() {
        let recycler = Recycler::new(1);
        let mut buffer = recycler.take();
        buffer.data.extend_from_slice(b"body");
        let at = buffer.data.as_ptr();
        let bytes = Bytes::from(buffer);
        let other = bytes.clone();
        drop(bytes);
        assert_eq!(recycler.take().data.capacity(), 0);
        drop(other);
        let again = recycler.take();
        assert_eq!((again.data.as_ptr(), &again.data[..]), (at, &b"body"[..]));
    }

    #[test]
    fn keeps_no_more_than_asked_for() {
        let recycler = Recycler::new(1);
        let mut both = [recycler.take(), recycler.take()];
        both.iter_mut().for_each(|buffer| buffer.data.push(0));
        drop(both);
        assert_eq!(recycler.idle.lock().unwrap().len(), 1);
    }
}
