//! The byte budget: how much of articles may be in memory at once.
//!
//! A share is taken when the body arrives, rides with the bytes and goes back
//! when they are dropped after the write. So a slow disk stops the sockets, and
//! nothing else does.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits are counted in KiB: a semaphore holds fewer than 2^29 on 32-bit systems.
const UNIT: usize = 1024;

/// All the memory that articles may take.
#[derive(Clone)]
pub struct Budget {
    free: Arc<Semaphore>,
    overdraft: Arc<Semaphore>,
    total: usize,
}

/// A part of the budget; dropping it gives it back.
pub struct Share {
    budget: Budget,
    permit: OwnedSemaphorePermit,
    overdraft: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Budget {
    /// A budget of `bytes`, rounded up to whole KiB.
    pub fn new(bytes: usize) -> Budget {
        let total = bytes.div_ceil(UNIT).max(1);
        Budget {
            free: Arc::new(Semaphore::new(total)),
            overdraft: Arc::new(Semaphore::new(1)),
            total,
        }
    }

    /// Waits for a share of `bytes`; one larger than the whole budget gets it all.
    pub async fn take(&self, bytes: usize) -> Share {
        let units = bytes.div_ceil(UNIT).clamp(1, self.total);
        Share {
            budget: self.clone(),
            permit: acquire(&self.free, units).await,
            overdraft: None,
            bytes: units * UNIT,
        }
    }

    /// Bytes not in anybody's hands.
    pub fn free(&self) -> usize {
        self.free.available_permits() * UNIT
    }
}

impl Share {
    /// How many bytes it is good for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Waits until the share is good for `bytes`. If the budget is used up by
    /// bodies that all wait for more, one of them may overdraw it, so that there
    /// is always progress. Safe to cancel: the share is unchanged then.
    pub async fn grow(&mut self, bytes: usize) {
        let units = bytes.div_ceil(UNIT);
        let more = units.saturating_sub(self.bytes / UNIT);
        if more == 0 {
            return;
        }
        if self.overdraft.is_none() {
            let budget = self.budget.clone();
            tokio::select! {
                biased;
                permit = acquire(&budget.free, more), if more <= budget.total => self.permit.merge(permit),
                permit = acquire(&budget.overdraft, 1) => self.overdraft = Some(permit),
            }
        }
        self.bytes = units * UNIT;
    }
}

async fn acquire(semaphore: &Arc<Semaphore>, units: usize) -> OwnedSemaphorePermit {
    let units = u32::try_from(units).unwrap_or(u32::MAX);
    match Arc::clone(semaphore).acquire_many_owned(units).await {
        Ok(permit) => permit,
        // Neither semaphore is ever closed.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn a_share_goes_back_when_dropped() {
        block_on(async {
            let budget = Budget::new(10 * UNIT);
            let share = budget.take(4 * UNIT).await;
            assert_eq!(budget.free(), 6 * UNIT);
            drop(share);
            assert_eq!(budget.free(), 10 * UNIT);
        });
    }

    #[test]
    fn a_share_larger_than_the_budget_does_not_wait_for_ever() {
        block_on(async {
            let budget = Budget::new(2 * UNIT);
            let mut share = budget.take(100 * UNIT).await;
            assert_eq!(share.bytes(), 2 * UNIT);
            share.grow(100 * UNIT).await;
            assert_eq!(share.bytes(), 100 * UNIT);
            drop(share);
            assert_eq!(budget.free(), 2 * UNIT);
        });
    }

    // All shares are out and all want more: without the overdraft nobody would move.
    #[test]
    fn one_overdraws_and_the_others_follow() {
        block_on(async {
            let budget = Budget::new(4 * UNIT);
            let mut a = budget.take(2 * UNIT).await;
            let mut b = budget.take(2 * UNIT).await;
            a.grow(3 * UNIT).await;
            let waiting = tokio::spawn(async move {
                b.grow(4 * UNIT).await;
                b.bytes()
            });
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            drop(a);
            assert_eq!(waiting.await.unwrap(), 4 * UNIT);
            assert_eq!(budget.free(), 4 * UNIT);
        });
    }
}
