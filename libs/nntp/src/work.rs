//! What waits for a connection. Segments nobody was asked for yet lie in lanes
//! without a lock, and most never lie anywhere else; those that were asked for
//! and not had lie in a [`Queue`] behind one, and go first.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crossbeam_queue::SegQueue;

use crate::config::MAX_SERVERS;
use crate::queue::Queue;
use crate::route::ServerSet;

/// Sets of servers that fresh segments may be for. There is one, and one more
/// for each retention; what goes beyond this lies with the others.
const LANES: usize = 32;

struct Lane<J> {
    servers: ServerSet,
    jobs: SegQueue<J>,
}

/// All that waits.
pub(crate) struct Work<J> {
    lanes: [OnceLock<Lane<J>>; LANES],
    again: Mutex<Queue<J>>,
    /// How many of `again` each server may take, so that it looks only where
    /// there is something for it.
    counts: [AtomicUsize; MAX_SERVERS],
    len: AtomicUsize,
}

impl<J> Work<J> {
    pub(crate) fn new() -> Work<J> {
        Work {
            lanes: [const { OnceLock::new() }; LANES],
            again: Mutex::new(Queue::new()),
            counts: [const { AtomicUsize::new(0) }; MAX_SERVERS],
            len: AtomicUsize::new(0),
        }
    }

    fn again(&self) -> MutexGuard<'_, Queue<J>> {
        self.again.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lanes(&self) -> impl Iterator<Item = &Lane<J>> {
        self.lanes.iter().map_while(OnceLock::get)
    }

    /// A segment that nobody was asked for, for any of `servers`; `turn` is its
    /// place if it has to lie with the others. Of two at a time only one may
    /// call this.
    pub(crate) fn push_fresh(&self, servers: ServerSet, turn: u64, job: J) {
        let new = || Lane {
            servers,
            jobs: SegQueue::new(),
        };
        let fits = |lane: &&Lane<J>| lane.servers == servers;
        let free = || self.lanes.iter().find(|lane| lane.get().is_none());
        let lane = self
            .lanes()
            .find(fits)
            .or_else(|| Some(free()?.get_or_init(new)));
        match lane {
            Some(lane) => {
                self.len.fetch_add(1, SeqCst);
                lane.jobs.push(job);
            }
            None => self.push(servers, turn, job),
        }
    }

    /// A segment for any of `servers`; lower turns are taken first.
    pub(crate) fn push(&self, servers: ServerSet, turn: u64, job: J) {
        let mut again = self.again();
        for server in servers.iter() {
            self.counts[server].fetch_add(1, SeqCst);
        }
        self.len.fetch_add(1, SeqCst);
        again.push(servers, turn, job);
    }

    /// The next one for `server`.
    pub(crate) fn take(&self, server: usize) -> Option<J> {
        let taken = self.next(server)?;
        self.len.fetch_sub(1, SeqCst);
        Some(taken)
    }

    fn next(&self, server: usize) -> Option<J> {
        if self.counts[server].load(SeqCst) > 0
            && let Some((servers, job)) = self.again().take(server)
        {
            for server in servers.iter() {
                self.counts[server].fetch_sub(1, SeqCst);
            }
            return Some(job);
        }
        let mut mine = self.lanes().filter(|lane| lane.servers.has(server));
        mine.find_map(|lane| lane.jobs.pop())
    }

    /// How many `server` may take.
    pub(crate) fn waiting_for(&self, server: usize) -> usize {
        let mine = self.lanes().filter(|lane| lane.servers.has(server));
        let fresh: usize = mine.map(|lane| lane.jobs.len()).sum();
        fresh + self.counts[server].load(SeqCst)
    }

    /// How many any of `servers` may take.
    pub(crate) fn ready(&self, servers: ServerSet) -> usize {
        let theirs = self.lanes().filter(|lane| lane.servers.meets(servers));
        let fresh: usize = theirs.map(|lane| lane.jobs.len()).sum();
        fresh + self.again().ready(servers)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len.load(SeqCst)
    }

    /// Takes everything out, to be routed anew: oldest first, in two parts, what
    /// was asked for before and what was not.
    pub(crate) fn drain(&self) -> (Vec<J>, Vec<J>) {
        let mut again = self.again();
        let asked = again.drain();
        self.counts.iter().for_each(|count| count.store(0, SeqCst));
        let lanes = self.lanes();
        let fresh = lanes.flat_map(|lane| std::iter::from_fn(|| lane.jobs.pop()));
        let fresh: Vec<J> = fresh.collect();
        self.len.fetch_sub(asked.len() + fresh.len(), SeqCst);
        (asked, fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> ServerSet {
        [0, 1].into_iter().collect()
    }

    #[test]
    fn what_was_asked_for_goes_first() {
        let work = Work::new();
        work.push_fresh(both(), 1, "fresh");
        work.push_fresh(ServerSet::one(1), 2, "fresh for 1");
        work.push(both(), 9, "again");
        assert_eq!(
            (work.len(), work.waiting_for(0), work.waiting_for(1)),
            (3, 2, 3)
        );
        assert_eq!((work.ready(ServerSet::one(0)), work.ready(both())), (2, 3));
        assert_eq!(work.take(0), Some("again"));
        assert_eq!(work.take(0), Some("fresh"));
        assert_eq!(work.take(0), None);
        assert_eq!(work.waiting_for(1), 1);
        assert_eq!(work.take(1), Some("fresh for 1"));
        assert_eq!(work.len(), 0);
    }

    #[test]
    fn drained_in_two_parts() {
        let work = Work::new();
        work.push_fresh(both(), 1, 1);
        work.push(both(), 0, 2);
        work.push_fresh(both(), 1, 3);
        assert_eq!(work.drain(), (vec![2], vec![1, 3]));
        assert_eq!((work.len(), work.waiting_for(0)), (0, 0));
    }

    #[test]
    fn more_sets_than_lanes() {
        let work = Work::new();
        for server in 0..MAX_SERVERS {
            work.push_fresh(ServerSet::one(server), server as u64, server);
        }
        assert_eq!(work.len(), MAX_SERVERS);
        for server in 0..MAX_SERVERS {
            assert_eq!(work.take(server), Some(server));
            assert_eq!(work.take(server), None);
        }
    }

    #[test]
    fn many_takers_get_each_once() {
        const JOBS: usize = 20_000;
        let work = Work::new();
        let taken = AtomicUsize::new(0);
        let sum = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for server in [0, 1, 0, 1] {
                let (work, taken, sum) = (&work, &taken, &sum);
                scope.spawn(move || {
                    while taken.load(SeqCst) < JOBS {
                        if let Some(job) = work.take(server) {
                            taken.fetch_add(1, SeqCst);
                            sum.fetch_add(job, SeqCst);
                        }
                    }
                });
            }
            for job in 0..JOBS {
                match job % 3 {
                    0 => work.push(both(), job as u64, job),
                    _ => work.push_fresh(both(), job as u64, job),
                }
            }
        });
        assert_eq!(sum.load(SeqCst), JOBS * (JOBS - 1) / 2);
        assert_eq!(
            (work.len(), work.waiting_for(0), work.waiting_for(1)),
            (0, 0, 0)
        );
    }
}
