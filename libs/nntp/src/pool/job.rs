//! A request while it is under way, and what is said of it in the end.

use crate::keep::Copy;
use crate::route::{End, Routes, Trail};
use crate::{MessageId, Outcome, Request};

/// A request under way.
pub(crate) struct Job<T> {
    /// Identifies it.
    pub(super) key: u64,
    /// Its place in the queue; a new one when it was to blame for a lost
    /// connection, so that it does not take the next one down first thing.
    pub(super) turn: u64,
    pub(crate) request: Request<T>,
    pub(crate) trail: Trail,
    /// Connections that ended without a word when it was the next to be
    /// answered, not charged to it.
    pub(crate) losses: u32,
    /// Whether a connection has ever had it.
    pub(super) taken: bool,
}

impl<T> Job<T> {
    pub(super) fn new(key: u64, request: Request<T>, routes: &Routes) -> Job<T> {
        Job {
            key,
            turn: key,
            trail: routes.trail(&request.avoid),
            request,
            losses: 0,
            taken: false,
        }
    }

    /// The message-id to ask for now.
    pub(crate) fn id(&self) -> &MessageId {
        let alternate = self.trail.id.checked_sub(1);
        let alternate = alternate.and_then(|at| self.request.alternates.get(at));
        alternate.unwrap_or(&self.request.id)
    }

    /// Whether `server` asked for a login when it was asked for this before.
    pub(crate) fn locked(&self, server: usize) -> bool {
        self.trail.locked(server)
    }

    pub(super) fn has_alternate(&self) -> bool {
        self.trail.id < self.request.alternates.len()
    }
}

/// The best copy that could be had.
pub(super) fn deliver<T, B>(job: Job<T>, copy: Copy<B>) -> Outcome<T, B> {
    Outcome::Body {
        tries: job.trail.asked(),
        ticket: job.request.ticket,
        body: copy.body,
        damage: Some(copy.damage),
        server: copy.server,
        elapsed: copy.elapsed,
    }
}

/// Nobody has it.
pub(super) fn over<T, B>(routes: &Routes, job: Job<T>) -> Outcome<T, B> {
    let date = job.request.date;
    let tried = routes.tried(&job.trail, date);
    let ticket = job.request.ticket;
    match routes.end(&job.trail, date) {
        End::Missing => Outcome::Missing { ticket, tried },
        End::Failed { cause, retryable } => Outcome::Failed {
            ticket,
            class: cause.class,
            reason: cause.text,
            code: cause.code,
            tried,
            retryable,
        },
    }
}
