//! The wish to stop, shared by all threads of a process.
//!
//! Who sets it (a signal, a test) is left to the caller.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::watch;

use crate::Code;

/// A flag that blocking code can ask, async code can await and `poll(2)` can wait for.
#[derive(Clone)]
pub struct Stop {
    inner: Arc<Inner>,
}

struct Inner {
    code: OnceLock<Code>,
    async_side: watch::Sender<bool>,
    // Closing the write end makes the read end ready for every poller at once,
    // and for ever: no byte to count, nothing to drain.
    write_end: Mutex<Option<OwnedFd>>,
    read_end: OwnedFd,
}

impl Stop {
    /// A flag not yet set.
    ///
    /// # Errors
    /// When the system grants no pipe.
    pub fn new() -> io::Result<Stop> {
        let (read_end, write_end) = rustix::pipe::pipe()?;
        for fd in [&read_end, &write_end] {
            rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
        }
        Ok(Stop {
            inner: Arc::new(Inner {
                code: OnceLock::new(),
                async_side: watch::Sender::new(false),
                write_end: Mutex::new(Some(write_end)),
                read_end,
            }),
        })
    }

    /// Asks everybody to stop; the process is to end with `code`. Only the first
    /// call counts; says whether this was it.
    pub fn request(&self, code: Code) -> bool {
        let first = self.inner.code.set(code).is_ok();
        if first {
            self.inner.async_side.send_replace(true);
            if let Ok(mut end) = self.inner.write_end.lock() {
                *end = None;
            }
        }
        first
    }

    /// The code to end with, once a stop was asked for.
    pub fn requested(&self) -> Option<Code> {
        self.inner.code.get().copied()
    }

    /// Resolves when a stop is asked for.
    pub async fn wait(self) {
        let mut side = self.inner.async_side.subscribe();
        // The sender lives in `self.inner`, so this cannot fail.
        let _ = side.wait_for(|stopped| *stopped).await;
    }
}

impl AsFd for Stop {
    /// Readable (end of file) once a stop was asked for.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.read_end.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_counts() {
        let stop = Stop::new().unwrap();
        assert_eq!(stop.requested(), None);
        assert!(stop.request(Code::signal(2)));
        assert!(!stop.request(Code::signal(15)));
        assert_eq!(stop.requested(), Some(Code::signal(2)));
        let mut byte = [0];
        assert_eq!(rustix::io::read(&stop, &mut byte).unwrap(), 0);
    }

    #[test]
    fn async_waiters_wake_before_and_after() {
        let stop = Stop::new().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let early = stop.clone();
        runtime.block_on(async {
            let waiting = tokio::spawn(early.wait());
            tokio::task::yield_now().await;
            stop.request(Code::signal(2));
            waiting.await.unwrap();
            stop.clone().wait().await;
        });
    }
}
