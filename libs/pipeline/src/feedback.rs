//! What the writing stage tells the stages before it, in one process: which segments have
//! met their fate, and which are to be asked for once more.
//!
//! In a pipe there is no way back; there, what the writer rejects comes out as `failed`
//! records.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nzbpipe_record::Segment;

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
}

#[derive(Default)]
struct State {
    settled: u64,
    again: VecDeque<Again>,
    closed: bool,
}

/// A segment to be asked for once more.
pub(crate) struct Again {
    pub segment: Box<Segment>,
    /// The servers whose copies are of no use.
    pub avoid: Vec<String>,
}

/// What ended a wait.
pub(crate) enum Word {
    /// Ask for this.
    Again(Again),
    /// All segments met their fate.
    Settled,
    /// Nobody writes any more, or the one who waits has no reason to.
    Over,
}

impl Feedback {
    /// A segment has met its fate for good.
    pub fn settle(&self) {
        self.state().settled += 1;
        self.inner.changed.notify_all();
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

    /// Waits until a segment is to be asked for again, or as many as `sent` are settled.
    /// `is_vain` says that there is no reason to wait.
    pub fn next(&self, sent: u64, is_vain: impl Fn() -> bool) -> Word {
        self.wait(sent, is_vain, |state| state.again.pop_front())
    }

    /// Waits until as many segments as `sent` are settled; says whether they are.
    pub fn settled(&self, sent: u64, is_vain: impl Fn() -> bool) -> bool {
        matches!(self.wait(sent, is_vain, |_| None), Word::Settled)
    }

    /// A segment that is to be asked for again, if there is one now.
    pub fn pending(&self) -> Option<Again> {
        self.state().again.pop_front()
    }

    fn wait(
        &self,
        sent: u64,
        is_vain: impl Fn() -> bool,
        mut take: impl FnMut(&mut State) -> Option<Again>,
    ) -> Word {
        let mut state = self.state();
        loop {
            if let Some(again) = take(&mut state) {
                return Word::Again(again);
            }
            if state.settled >= sent {
                return Word::Settled;
            }
            if state.closed || is_vain() {
                return Word::Over;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_again_comes_before_the_end() {
        let feedback = Feedback::default();
        feedback.settle();
        feedback.again(Again {
            segment: Box::default(),
            avoid: vec!["a".to_owned()],
        });
        let never = || false;
        assert!(matches!(feedback.next(1, never), Word::Again(_)));
        assert!(matches!(feedback.next(1, never), Word::Settled));
        assert!(feedback.settled(1, never));
    }

    #[test]
    fn nobody_waits_for_one_who_is_gone() {
        let feedback = Feedback::default();
        assert!(matches!(feedback.next(1, || true), Word::Over));
        feedback.close();
        assert!(matches!(feedback.next(1, || false), Word::Over));
        assert!(!feedback.settled(1, || false));
    }
}
