//! A piece written on the thread that brings it, while its bytes are still in that thread's
//! cache: no queue, nobody woken. Only where nothing is known that would make it wait; all
//! else is the writers' work. How long such writes took decides whether there are more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::lane::{Given, Item, Lane, State};
use crate::room::{Load, try_lock};
use crate::types::{Hashes, Ident, Piece, Sync};
use crate::writer::Shared;

/// A write into the page cache takes less; one that takes more has waited for a disk.
const SLOW: Duration = Duration::from_millis(10);

/// For how long callers do not write after they had to wait, at first; twice as long each
/// time, while it goes on.
const REST: Duration = Duration::from_millis(100);

/// And at most.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// Whether it is wise to write on a thread that has other things to do.
#[derive(Debug)]
pub(crate) struct Pace {
    began: Instant,
    /// Until then it is not, in nanoseconds since the beginning.
    resting: AtomicU64,
    /// How long the last rest was, in nanoseconds; less with each quick write.
    rest: AtomicU64,
}

impl Pace {
    pub fn new() -> Pace {
        Pace {
            began: Instant::now(),
            resting: AtomicU64::new(0),
            rest: AtomicU64::new(0),
        }
    }

    fn is_resting(&self, now: Instant) -> bool {
        nanos(now - self.began) < self.resting.load(Ordering::Relaxed)
    }

    /// A write took so long. Two that end at once may count as one.
    fn took(&self, time: Duration, now: Instant) {
        let rest = self.rest.load(Ordering::Relaxed);
        if time < SLOW {
            if rest > 0 {
                self.rest.store(rest - rest.div_ceil(16), Ordering::Relaxed);
            }
            return;
        }
        let rest = (rest * 2).clamp(nanos(REST), nanos(LONGEST_REST));
        let until = nanos(now - self.began).saturating_add(rest);
        self.rest.store(rest, Ordering::Relaxed);
        self.resting.store(until, Ordering::Relaxed);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The right to write one piece at once: the file's lane, which no writer has, and room for
/// the piece. Dropped without a piece, both go back.
pub struct Turn<'a, T: Clone> {
    shared: &'a Shared<T>,
    lane: Arc<Lane<T>>,
    load: Load,
    /// What is done with the lane is the writers' account.
    used: bool,
}

impl<'a, T: Clone> Turn<'a, T> {
    /// For a piece of so many bytes, if nothing of what is known would make it wait: its
    /// file is open and at rest, it is not the first or the last of it, and the disk was
    /// quick of late.
    pub(crate) fn take(
        shared: &'a Shared<T>,
        ident: &Ident<'_>,
        bytes: usize,
    ) -> Option<Turn<'a, T>> {
        let options = &shared.options;
        let is_quick = options.sync != Sync::Segment && options.hashes == Hashes::default();
        if !is_quick || shared.trouble.is_over() || shared.pace.is_resting(Instant::now()) {
            return None;
        }
        let lane = shared.known_lane(ident).filter(|lane| is_plain(lane))?;
        if !shared.room.enter(bytes) {
            return None;
        }
        let claimed = lane.claim();
        let turn = Turn {
            shared,
            lane,
            load: Load { bytes, count: 1 },
            used: !claimed,
        };
        if !claimed {
            shared.room.give(turn.load);
        }
        // A writer may have had it since: what is left may be the last piece, and with that
        // come the last steps.
        (claimed && is_plain(&turn.lane)).then_some(turn)
    }

    /// Writes the piece and tells its fate, both before this returns.
    pub fn write(mut self, piece: Piece<'_, Bytes>, ticket: T) {
        let shared = self.shared;
        debug_assert_eq!(
            piece.bytes.len(),
            self.load.bytes,
            "the turn of another piece"
        );
        // Its room goes back when it is served.
        self.used = true;
        let given = Given::new(piece, ticket);
        // What others gave meanwhile is the writers': it may make the file whole.
        let items = vec![Item::Piece(Box::new(given))];
        self.lane.bring();
        let began = Instant::now();
        let is_more = shared.serve_with(&self.lane, items);
        let now = Instant::now();
        shared.pace.took(now - began, now);
        if is_more {
            shared.work.push(Arc::clone(&self.lane));
        }
    }
}

impl<T: Clone> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let shared = self.shared;
        if !self.used {
            shared.room.give(self.load);
            // Something may have come for the lane meanwhile.
            if self.lane.done(0) {
                shared.work.push(Arc::clone(&self.lane));
            }
        }
        shared.room.leave();
    }
}

/// Whether the file is one in which a piece changes nothing but its bytes.
fn is_plain<T>(lane: &Lane<T>) -> bool {
    try_lock(&lane.desk).is_some_and(|desk| match &desk.state {
        State::Open(pieces) => !desk.failed && !pieces.is_empty() && !pieces.are_enough(1),
        State::Unknown | State::Done(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Who waited for a disk leaves the next writes to others, for longer each time.
    #[test]
    fn slow_writes_are_followed_by_a_rest() {
        let pace = Pace::new();
        let mut now = pace.began;
        pace.took(Duration::from_micros(300), now);
        assert!(!pace.is_resting(now));
        let mut before = Duration::ZERO;
        for _ in 0..5 {
            pace.took(SLOW, now);
            let step = Duration::from_millis(10);
            let rest = (1..)
                .map(|n| step * n)
                .find(|&after| !pace.is_resting(now + after));
            let rest = rest.unwrap();
            assert!(rest > before, "{rest:?} after {before:?}");
            (before, now) = (rest, now + rest);
        }
        for _ in 0..10 {
            pace.took(Duration::from_secs(1), now);
        }
        assert!(pace.is_resting(now + LONGEST_REST / 2));
        assert!(!pace.is_resting(now + LONGEST_REST));
        for _ in 0..500 {
            pace.took(Duration::ZERO, now);
        }
        pace.took(SLOW, now);
        assert!(
            !pace.is_resting(now + REST),
            "what was long ago is forgotten"
        );
    }
}
