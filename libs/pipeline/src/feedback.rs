//! What the writing stage tells the stages before it, in one process: which segments have
//! met their fate, and which are to be asked for once more.
//!
//! In a pipe there is no way back; there, what the writer rejects comes out as `failed`
//! records.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use nzbpipe_record::Segment;
use tokio::sync::watch;

/// How often someone who waits looks whether there still is a reason to.
const PATIENCE: Duration = Duration::from_millis(100);

/// The way back from the writing stage.
#[derive(Clone, Default)]
pub(crate) struct Feedback {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    /// True while what is fetched depends on fates that are still to come.
    lull: watch::Sender<bool>,
    /// Waits until all that was given to the writing stage has been spoken of.
    told: OnceLock<Wait>,
}

type Wait = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct State {
    settled: u64,
    again: VecDeque<Again>,
    /// How many segments there are, once that is known.
    total: Option<u64>,
    /// How many settled ones somebody waits for.
    awaited: Option<u64>,
    closed: bool,
}

/// A segment to be asked for once more.
pub(crate) struct Again {
    pub segment: Box<Segment>,
    /// The servers whose copies are of no use.
    pub avoid: Vec<String>,
}

impl Feedback {
    /// How to wait for the last words about what was given to the writing stage. The last
    /// segment of a file settles, and what was settled before may be in doubt by it.
    pub fn last_words(&self, wait: impl Fn() + Send + Sync + 'static) {
        let _ = self.inner.told.set(Box::new(wait));
    }

    /// A segment has met its fate for good.
    pub fn settle(&self) {
        let mut state = self.state();
        state.settled += 1;
        let is_due = state.are_settled() || state.awaited.is_some_and(|n| state.settled >= n);
        drop(state);
        // Waking threads that only go to sleep again costs as much as a small write.
        if is_due {
            self.inner.changed.notify_all();
        }
    }

    /// A segment that had met its fate is in doubt again.
    pub fn unsettle(&self) {
        let mut state = self.state();
        state.settled = state.settled.saturating_sub(1);
    }

    /// A segment is to be asked for again. It is not settled.
    pub fn again(&self, again: Again) {
        self.state().again.push_back(again);
        self.inner.changed.notify_all();
    }

    /// The writing stage has ended.
    pub fn close(&self) {
        self.state().closed = true;
        self.inner.changed.notify_all();
    }

    /// So many segments there are, and no more.
    pub fn all_sent(&self, total: u64) {
        self.state().total = Some(total);
        self.inner.lull.send_replace(true);
        self.inner.changed.notify_all();
    }

    /// Waits for a segment that is to be asked for again; `None` when there will be none,
    /// because all are settled, or `is_vain` says that there is no reason to wait.
    pub fn next(&self, is_vain: impl Fn() -> bool) -> Option<Again> {
        let look = |state: &mut State| match state.again.pop_front() {
            Some(again) => Some(Ok(again)),
            None if state.are_settled() => Some(Err(true)),
            None => (state.closed || is_vain()).then_some(Err(false)),
        };
        loop {
            match self.wait(look) {
                Ok(again) => return Some(again),
                Err(true) if !self.are_settled_for_good() => {}
                Err(_) => return None,
            }
        }
    }

    fn are_settled_for_good(&self) -> bool {
        if let Some(told) = self.inner.told.get() {
            told();
        }
        let state = self.state();
        state.again.is_empty() && state.are_settled()
    }

    /// Waits until as many segments as `sent` are settled; says whether they are.
    pub fn settled(&self, sent: u64, is_vain: impl Fn() -> bool) -> bool {
        self.inner.lull.send_replace(true);
        self.state().awaited = Some(sent);
        let settled = self.wait(|state| match state.settled >= sent {
            true => Some(true),
            false => (state.closed || is_vain()).then_some(false),
        });
        self.state().awaited = None;
        self.inner.lull.send_replace(false);
        settled
    }

    /// Tells whether segments are to be expected, but for some that depend on the fates of
    /// others: true if none are.
    pub fn lull(&self) -> watch::Receiver<bool> {
        self.inner.lull.subscribe()
    }

    fn wait<R>(&self, mut look: impl FnMut(&mut State) -> Option<R>) -> R {
        let mut state = self.state();
        loop {
            if let Some(found) = look(&mut state) {
                return found;
            }
            let waited = self.inner.changed.wait_timeout(state, PATIENCE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn are_settled(&self) -> bool {
        self.total.is_some_and(|total| self.settled >= total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The last piece of a file had settled, and the next moment an earlier one was in doubt:
    // nobody waited for that, and no other server was asked.
    #[test]
    fn what_is_in_doubt_by_the_last_piece() {
        let feedback = Feedback::default();
        let late = Mutex::new(Some(feedback.clone()));
        feedback.last_words(move || {
            if let Some(feedback) = late.lock().unwrap().take() {
                feedback.unsettle();
                feedback.again(Again {
                    segment: Box::default(),
                    avoid: vec!["a".to_owned()],
                });
            }
        });
        feedback.settle();
        feedback.all_sent(1);
        let never = || false;
        assert!(feedback.next(never).is_some());
        feedback.settle();
        assert!(feedback.next(never).is_none());
    }

    #[test]
    fn what_is_asked_again_comes_before_the_end() {
        let feedback = Feedback::default();
        feedback.settle();
        feedback.again(Again {
            segment: Box::default(),
            avoid: vec!["a".to_owned()],
        });
        feedback.all_sent(1);
        let never = || false;
        assert!(feedback.next(never).is_some());
        assert!(feedback.next(never).is_none());
        assert!(feedback.settled(1, never));
    }

    #[test]
    fn nobody_waits_for_one_who_is_gone() {
        let feedback = Feedback::default();
        assert!(feedback.next(|| true).is_none());
        feedback.close();
        assert!(feedback.next(|| false).is_none());
        assert!(!feedback.settled(1, || false));
    }
}
