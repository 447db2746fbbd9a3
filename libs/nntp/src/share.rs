//! A request that two connections work on: near the end of a job a segment that
//! is stuck on a slow connection is asked of another one as well, and the first
//! complete answer wins.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{MessageId, Nth};

/// What a connection holds while it waits for an answer.
pub(crate) enum Held<J> {
    /// It alone.
    Own(J),
    /// It and others.
    Shared(Arc<Share<J>>),
}

/// A job in more than one pair of hands.
pub(crate) struct Share<J> {
    pub(crate) id: MessageId,
    pub(crate) nth: Nth,
    pub(crate) bytes: Option<u64>,
    inner: Mutex<Inner<J>>,
}

struct Inner<J> {
    /// Gone as soon as somebody has the answer.
    job: Option<J>,
    holders: usize,
}

impl<J> Share<J> {
    /// `job`, held by its first connection.
    pub(crate) fn new(job: J, id: MessageId, nth: Nth, bytes: Option<u64>) -> Arc<Share<J>> {
        Arc::new(Share {
            id,
            nth,
            bytes,
            inner: Mutex::new(Inner {
                job: Some(job),
                holders: 1,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner<J>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another connection joins, if the job is still wanted and `fit` for it.
    pub(crate) fn join(&self, fit: impl FnOnce(&J) -> bool) -> bool {
        let mut inner = self.lock();
        let joins = inner.holders > 0 && inner.job.as_ref().is_some_and(fit);
        inner.holders += usize::from(joins);
        joins
    }

    /// Looks at the job or notes something on it, while it is still wanted.
    pub(crate) fn with<R>(&self, note: impl FnOnce(&mut J) -> R) -> Option<R> {
        self.lock().job.as_mut().map(note)
    }

    /// Takes the job: the answer is here. Whoever comes second has nothing.
    pub(crate) fn claim(&self) -> Option<J> {
        self.lock().job.take()
    }

    /// A connection gives up. The last one has the job back.
    pub(crate) fn leave(&self) -> Option<J> {
        let mut inner = self.lock();
        inner.holders = inner.holders.saturating_sub(1);
        match inner.holders {
            0 => inner.job.take(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share() -> Arc<Share<u32>> {
        Share::new(7, MessageId::new("a@b").unwrap(), Nth::default(), None)
    }

    #[test]
    fn the_first_answer_wins() {
        let share = share();
        assert!(share.join(|&job| job == 7));
        assert_eq!(share.claim(), Some(7));
        assert_eq!(share.claim(), None);
        assert_eq!((share.leave(), share.leave()), (None, None));
        assert!(!share.join(|_| true));
    }

    #[test]
    fn the_last_to_leave_has_the_job() {
        let share = share();
        assert!(!share.join(|_| false));
        assert!(share.join(|_| true));
        assert_eq!(share.leave(), None);
        assert_eq!(share.with(|job| *job += 1), Some(()));
        assert_eq!(share.leave(), Some(8));
        assert_eq!(share.leave(), None);
        // Nobody joins what nobody holds: the job is waiting elsewhere.
        assert!(!share.join(|_| true));
    }
}
