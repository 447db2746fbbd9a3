//! The way out: outcomes to their reader, who may be slow.

use std::sync::atomic::Ordering::SeqCst;

use super::{OutcomeOf, Pool};
use crate::Sinks;
use crate::backlog::{Backlog, Closed, Refused};

/// Outcomes on their way to the reader, from one connection or from the
/// supervisor.
pub(crate) struct Outbox<S: Sinks> {
    backlog: Backlog<OutcomeOf<S>>,
}

impl<S: Sinks> Outbox<S> {
    /// Holds at most `cap` that the reader has no room for.
    pub(crate) fn new(pool: &Pool<S>, cap: usize) -> Outbox<S> {
        Outbox {
            backlog: Backlog::new(pool.outcomes.clone(), cap),
        }
    }

    /// Sends `outcome` or keeps it; never waits. It comes back if no more can be
    /// kept. Without a reader it is dropped: the run is over then.
    pub(crate) fn send(&mut self, pool: &Pool<S>, outcome: OutcomeOf<S>) -> Option<OutcomeOf<S>> {
        let before = self.backlog.len();
        match self.backlog.send(outcome) {
            Ok(()) if self.backlog.len() > before => None,
            Ok(()) | Err(Refused::Closed(_)) => {
                pool.delivered();
                None
            }
            Err(Refused::Full(outcome)) => Some(outcome),
        }
    }

    /// Sends what the reader has room for. Without a reader it is dropped.
    pub(crate) fn drain(&mut self, pool: &Pool<S>) {
        loop {
            match self.backlog.drain_one() {
                Ok(true) => pool.delivered(),
                Ok(false) => return,
                // With anything left, `room` would be ready for ever.
                Err(Closed) => return self.backlog.clear(),
            }
        }
    }

    /// Waits until the reader may have room; for ever if nothing waits for it.
    /// Safe to cancel.
    pub(crate) fn room(&self) -> impl Future<Output = ()> + use<'_, S> {
        self.backlog.room()
    }

    /// Whether anything waits for room.
    pub(crate) fn has_pending(&self) -> bool {
        self.backlog.has_pending()
    }

    /// Waits until all is with the reader, or there is none.
    pub(crate) async fn flush(&mut self, pool: &Pool<S>) {
        self.drain(pool);
        while self.has_pending() && !pool.outcomes.is_closed() {
            self.room().await;
            self.drain(pool);
        }
    }
}

impl<S: Sinks> Pool<S> {
    /// Delivers several and waits for their reader: not for who reads a socket.
    pub(crate) async fn deliver_all(&self, outcomes: impl IntoIterator<Item = OutcomeOf<S>>) {
        let mut outbox = Outbox::new(self, usize::MAX);
        for outcome in outcomes {
            outbox.send(self, outcome);
        }
        outbox.flush(self).await;
    }

    /// An outcome is with its reader.
    fn delivered(&self) {
        let left = self.outstanding.fetch_sub(1, SeqCst) - 1;
        if left == 0 && self.complete.load(SeqCst) {
            self.wake.notify_one();
        }
    }

    /// Resolves when nobody takes outcomes any more.
    pub(crate) async fn unheard(&self) {
        self.outcomes.closed().await;
    }
}
