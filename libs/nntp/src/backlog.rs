//! A queue for readers that never park: who reads a socket never waits for a
//! bounded channel. What the items are, and what is done when the queue is full,
//! is left to the reader.
//!
//! Many backlogs may share one channel. A backlog that waits in [`Backlog::room`]
//! is never left waiting while there is room:
//!
//! - [`Outlet`] frees a slot and then rings, once for each item, and a ring that
//!   nobody waits for is kept for the next who does. So room that appears between a
//!   failed [`Backlog::drain_one`] and `room` is not missed.
//! - Only a backlog with queued items takes a ring. If it moves one, that item's
//!   receipt rings again, for the next, so it does no harm that rings merge into one
//!   while nobody waits. If it moves none, the channel has been filled by others,
//!   and the receipt of what they sent rings again.
//! - A backlog dropped between its ring and its move passes the ring on, and a
//!   `room` that is cancelled does.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::sync::mpsc::{self, error::TryRecvError, error::TrySendError};

/// A channel of `capacity` (at least 1) whose sending side is used through
/// [`Backlog`]s.
#[must_use]
pub fn channel<T>(capacity: usize) -> (Inlet<T>, Outlet<T>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    let drained = Arc::new(Notify::new());
    let inlet = Inlet {
        sender,
        drained: Arc::clone(&drained),
    };
    (inlet, Outlet { receiver, drained })
}

/// The sending end of a channel: one clone for each [`Backlog`].
#[derive(Debug)]
pub struct Inlet<T> {
    sender: mpsc::Sender<T>,
    drained: Arc<Notify>,
}

impl<T> Clone for Inlet<T> {
    fn clone(&self) -> Inlet<T> {
        Inlet {
            sender: self.sender.clone(),
            drained: Arc::clone(&self.drained),
        }
    }
}

impl<T> Inlet<T> {
    /// Whether the consumer is gone.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Resolves when the consumer is gone. Safe to cancel.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }
}

/// The receiving end of a channel; tells the backlogs after each receive.
#[derive(Debug)]
pub struct Outlet<T> {
    receiver: mpsc::Receiver<T>,
    drained: Arc<Notify>,
}

impl<T> Outlet<T> {
    /// The next item; `None` when all senders are gone. Safe to cancel.
    pub async fn recv(&mut self) -> Option<T> {
        let item = self.receiver.recv().await;
        self.drained.notify_one();
        item
    }

    /// Whether no item waits.
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// The next item if one is there.
    ///
    /// # Errors
    /// Whether more may come.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let item = self.receiver.try_recv()?;
        self.drained.notify_one();
        Ok(item)
    }
}

/// Why an item was not taken; it comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<T> {
    /// The channel and the queue are full: drop the connection, ask for what it
    /// was asked again.
    Full(T),
    /// The consumer is gone: shut down.
    Closed(T),
}

/// The consumer is gone: shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// One reader's way into a channel, with a queue of its own for when it is full.
#[derive(Debug)]
pub struct Backlog<T> {
    inlet: Inlet<T>,
    queue: VecDeque<T>,
    cap: usize,
}

impl<T> Backlog<T> {
    /// Queues at most `cap` items; with 0 a full channel is
    /// [`Refused::Full`] at once.
    #[must_use]
    pub fn new(inlet: Inlet<T>, cap: usize) -> Backlog<T> {
        Backlog {
            inlet,
            queue: VecDeque::new(),
            cap,
        }
    }

    /// Puts `item` into the channel, or behind those that wait for it: the order
    /// holds even when the channel has room again. Never waits.
    ///
    /// # Errors
    /// [`Refused`], with the item.
    pub fn send(&mut self, item: T) -> Result<(), Refused<T>> {
        let item = if self.has_pending() {
            if self.inlet.sender.is_closed() {
                return Err(Refused::Closed(item));
            }
            item
        } else {
            match self.inlet.sender.try_send(item) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(item)) => return Err(Refused::Closed(item)),
                Err(TrySendError::Full(item)) => item,
            }
        };
        if self.queue.len() >= self.cap {
            return Err(Refused::Full(item));
        }
        self.queue.push_back(item);
        Ok(())
    }

    /// Moves the item at the front of the queue into the channel. False if it does
    /// not fit, then it stays at the front, or if there is none.
    ///
    /// # Errors
    /// [`Closed`] if an item waits for a consumer that is gone.
    pub fn drain_one(&mut self) -> Result<bool, Closed> {
        let Some(item) = self.queue.pop_front() else {
            return Ok(false);
        };
        match self.inlet.sender.try_send(item) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(item)) => {
                self.queue.push_front(item);
                Ok(false)
            }
            Err(TrySendError::Closed(item)) => {
                self.queue.push_front(item);
                Err(Closed)
            }
        }
    }

    /// Waits until the consumer has received something, or is gone, since
    /// [`Backlog::drain_one`] found no room; to be followed by `drain_one`. Waits for
    /// ever while nothing is queued, so it may stand in any `select!`. Safe to
    /// cancel.
    pub fn room(&self) -> impl Future<Output = ()> + use<'_, T> {
        let pending = self.has_pending();
        // Not the queue: items need not be shared between threads.
        let inlet = &self.inlet;
        async move {
            if !pending {
                return std::future::pending().await;
            }
            tokio::select! {
                () = inlet.drained.notified() => {}
                () = inlet.sender.closed() => {}
            }
        }
    }

    /// Drops what is queued: the consumer is gone.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// Whether items are queued; those in the channel do not count.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        !self.queue.is_empty()
    }

    /// How many items are queued; those in the channel do not count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether no item is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

impl<T> Drop for Backlog<T> {
    /// It may have been rung for room that it will not take.
    fn drop(&mut self) {
        if self.has_pending() {
            self.inlet.drained.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
