//! The end of a job: segments that are stuck on a slow connection are offered
//! to connections with nothing to do, within a budget of octets.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Pool, Taken};
use crate::Sinks;
use crate::share::Share;

/// Octets of an article of unknown size.
const USUAL: u64 = 750_000;

/// What is on offer, and who would take it.
pub(crate) struct Hedging<J> {
    budget: u64,
    spent: AtomicU64,
    offers: Mutex<VecDeque<Arc<Share<J>>>>,
    /// Sessions with nothing to do.
    beggars: AtomicUsize,
    /// Rung when one more has nothing to do.
    pub(crate) hungry: Notify,
}

impl<J> Hedging<J> {
    pub(super) fn new(budget: u64) -> Hedging<J> {
        Hedging {
            budget,
            spent: AtomicU64::new(0),
            offers: Mutex::new(VecDeque::new()),
            beggars: AtomicUsize::new(0),
            hungry: Notify::new(),
        }
    }

    fn offers(&self) -> MutexGuard<'_, VecDeque<Arc<Share<J>>>> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many offers would be taken now.
    pub(crate) fn wanted(&self) -> usize {
        let beggars = self.beggars.load(SeqCst);
        match beggars {
            0 => 0,
            _ => beggars.saturating_sub(self.open_offers()),
        }
    }

    /// How many offers are still wanted; the others are forgotten.
    fn open_offers(&self) -> usize {
        let mut offers = self.offers();
        offers.retain(|share| share.with(|_| ()).is_some());
        offers.len()
    }

    /// A session has nothing to do any more, or something again.
    pub(crate) fn beg(&self, begging: &mut bool, begs: bool) {
        match (*begging, begs) {
            (false, true) => {
                self.beggars.fetch_add(1, SeqCst);
                self.hungry.notify_waiters();
            }
            (true, false) => {
                self.beggars.fetch_sub(1, SeqCst);
            }
            _ => {}
        }
        *begging = begs;
    }

    /// Takes `octets` out of the budget, if they are there.
    fn spend(&self, octets: u64) -> bool {
        let within = |spent: u64| {
            let sum = spent.checked_add(octets);
            sum.filter(|&sum| sum <= self.budget)
        };
        self.spent.fetch_update(Relaxed, Relaxed, within).is_ok()
    }

    /// Puts `octets` back that were not asked for after all.
    fn refund(&self, octets: u64) {
        self.spent.fetch_sub(octets, Relaxed);
    }
}

impl<S: Sinks> Pool<S> {
    /// Whether the end is near: nothing more is to be expected, and what is left is in
    /// flight.
    pub(crate) fn is_ending(&self) -> bool {
        self.hedging.budget > 0
            && self.is_all_in()
            && self.unfinished.load(Relaxed) > 0
            && self.work.len() == 0
    }

    /// Wakes sessions that found nothing to do before the end was near.
    pub(super) fn ends(&self) {
        if self.is_ending() {
            self.sites().for_each(|site| site.work.notify_waiters());
        }
    }

    /// Offers `share` to sessions with nothing to do.
    pub(crate) fn offer(&self, share: Arc<Share<Taken<S>>>) {
        self.hedging.offers().push_back(share);
        self.sites().for_each(|site| site.work.notify_one());
    }

    /// An offer that `server` may be asked for; the taker is its holder.
    pub(crate) fn accept(&self, server: usize) -> Option<Arc<Share<Taken<S>>>> {
        let all = self.hedging.offers().len();
        for _ in 0..all {
            let share = self.hedging.offers().pop_front()?;
            let octets = share.bytes.unwrap_or(USUAL);
            let fit = |job: &Taken<S>| {
                let inner = self.lock();
                inner.routes.may_ask(server, &job.trail, job.request.date)
            };
            if share.with(|_| ()).is_none() {
                continue;
            }
            // Paid for first: whoever joins may be the last holder by now, and
            // could not just leave again.
            if !self.hedging.spend(octets) {
                return None;
            }
            if !share.join(fit) {
                self.hedging.refund(octets);
                self.hedging.offers().push_back(share);
                continue;
            }
            self.stats.hedge(server, octets);
            return Some(share);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_kept() {
        let hedging: Hedging<()> = Hedging::new(100);
        assert!(hedging.spend(60));
        assert!(!hedging.spend(60));
        assert!(hedging.spend(40));
        assert!(!hedging.spend(1));
        hedging.refund(40);
        assert!(!hedging.spend(41));
        // The size is what an NZB says.
        assert!(!hedging.spend(u64::MAX));
        assert!(hedging.spend(40));
    }

    #[test]
    fn as_many_offers_as_beggars() {
        let hedging: Hedging<()> = Hedging::new(100);
        let (mut a, mut b) = (false, false);
        assert_eq!(hedging.wanted(), 0);
        hedging.beg(&mut a, true);
        hedging.beg(&mut a, true);
        hedging.beg(&mut b, true);
        assert_eq!(hedging.wanted(), 2);
        hedging.beg(&mut a, false);
        hedging.beg(&mut a, false);
        assert_eq!(hedging.wanted(), 1);
    }
}
