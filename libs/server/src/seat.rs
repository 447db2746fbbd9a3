//! Connections there may be, and when one too many is told so: real servers say it
//! in place of the greeting, after the login, or to the first request.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How far a session has come when it needs one of the allowed connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Before the greeting; the refusal stands in its place.
    #[default]
    Greeting,
    /// When the login is right; without one, at the first command that may need it.
    Login,
    /// When the first article is asked for.
    Body,
}

/// The allowed connections.
#[derive(Clone)]
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    from: Stage,
    refusal: Arc<str>,
}

impl Seats {
    pub(crate) fn new(count: usize, from: Stage, refusal: &str) -> Seats {
        Seats {
            free: Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))),
            from,
            refusal: refusal.into(),
        }
    }

    /// A place for one session, not yet taken.
    pub(crate) fn seat(&self) -> Seat {
        Seat {
            seats: self.clone(),
            taken: None,
        }
    }
}

/// One session's place; it is free again when the session ends.
pub(crate) struct Seat {
    seats: Seats,
    taken: Option<OwnedSemaphorePermit>,
}

impl Seat {
    /// Takes the place if it is needed at `stage`.
    ///
    /// # Errors
    /// What to say when there is none; the connection ends with it.
    pub(crate) fn take(&mut self, stage: Stage) -> Result<(), String> {
        if self.taken.is_some() || stage < self.seats.from {
            return Ok(());
        }
        self.taken = Arc::clone(&self.seats.free).try_acquire_owned().ok();
        match self.taken {
            Some(_) => Ok(()),
            None => Err(self.seats.refusal.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_needed_from_its_stage_on_and_freed_at_the_end() {
        let stages = [Stage::Greeting, Stage::Login, Stage::Body];
        for from in stages {
            let seats = Seats::new(1, from, "502 full");
            let (mut first, mut second) = (seats.seat(), seats.seat());
            for stage in stages {
                assert_eq!(first.take(stage), Ok(()), "{from:?} {stage:?}");
                let expected = match stage < from {
                    true => Ok(()),
                    false => Err("502 full".to_owned()),
                };
                assert_eq!(second.take(stage), expected, "{from:?} {stage:?}");
            }
            drop(first);
            assert_eq!(second.take(from), Ok(()));
        }
    }
}
