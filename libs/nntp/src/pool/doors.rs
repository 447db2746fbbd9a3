//! The pool's view of servers: when connections to them are opened, and what
//! becomes of a server that refuses them.

use std::mem::Discriminant;
use std::sync::Arc;

use tokio::time::Instant;

use super::{OutcomeOf, Pool};
use crate::dial::Refusal;
use crate::gate::Gate;
use crate::route::Cause;
use crate::slot::Slot;
use crate::{Class, Notice, NoticeKind, Sinks};

/// A server's connections.
pub(super) struct Door {
    pub(super) gate: Gate,
    /// Sessions with room that wait for work.
    pub(super) idle: usize,
    told: Vec<Discriminant<NoticeKind>>,
}

impl Door {
    pub(super) fn new(connections: u16) -> Door {
        Door {
            gate: Gate::new(connections),
            idle: 0,
            told: Vec::new(),
        }
    }
}

impl<S: Sinks> Pool<S> {
    /// Whether to open one more connection to `server`; then it counts as being
    /// dialled.
    pub(crate) fn dial(&self, server: usize, now: Instant) -> bool {
        let mut inner = self.lock();
        let work = inner.queue.waiting_for(server);
        let door = &mut inner.doors[server];
        // Sessions that wait take work at once; only the rest is for new ones.
        let wanted = door.gate.may_dial(now, work.saturating_sub(door.idle));
        if wanted {
            door.gate.dial();
        }
        wanted
    }

    /// When to look again whether a connection may be opened.
    pub(crate) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let inner = self.lock();
        let doors = inner.doors.iter().enumerate();
        let wanting = doors.filter(|(server, _)| inner.queue.waiting_for(*server) > 0);
        wanting.filter_map(|(_, door)| door.gate.wake_at(now)).min()
    }

    /// Changes what is known of the connections of `server`.
    pub(crate) fn gate<R>(&self, server: usize, change: impl FnOnce(&mut Gate) -> R) -> R {
        change(&mut self.lock().doors[server].gate)
    }

    /// A session with `server` is usable.
    pub(crate) fn established(&self, server: usize) {
        let mut inner = self.lock();
        inner.doors[server].gate.established();
        inner.routes.places[server].proven = true;
        drop(inner);
        self.wake.notify_one();
    }

    /// The connection of `slot`, begun at `started`, failed, or its session
    /// without an answer. What that is the end of.
    pub(crate) fn refused(
        &self,
        slot: Slot<S>,
        started: Instant,
        refusal: Refusal,
    ) -> Vec<OutcomeOf<S>> {
        let Refusal { cause, tls } = refusal;
        let server = slot.server;
        // Other sessions prove that account and certificate are good: one
        // connection more was refused, whatever the words. To be let in proves
        // it for a login; a session that was let in proves nothing of what it
        // is refused after.
        let works = self.gate(server, |gate| match slot.dialling() {
            true => gate.is_open(),
            false => gate.works(),
        });
        match cause.class {
            Class::Login if !works => {
                self.tell(server, refusal_notice(&cause, tls));
                // Before the slot goes back: nobody dials what is out.
                self.retire(server, cause)
            }
            Class::Login if tls => self.failed(slot, started, cause),
            Class::Login | Class::Capacity => self.crowded(slot, started, cause),
            _ => self.failed(slot, started, cause),
        }
    }

    fn crowded(&self, slot: Slot<S>, started: Instant, cause: Cause) -> Vec<OutcomeOf<S>> {
        let server = slot.server;
        let (down, limit) = slot.end(|gate| {
            let down = gate.crowded(started, Instant::now());
            (down, gate.limit())
        });
        let said = cause.text.clone();
        self.tell(server, NoticeKind::Capacity { limit, said });
        self.down_if(down, server, cause)
    }

    fn failed(&self, slot: Slot<S>, started: Instant, cause: Cause) -> Vec<OutcomeOf<S>> {
        let server = slot.server;
        let tries = match self.endpoints[server].server.optional {
            true => 1,
            false => self.tries,
        };
        let down = slot.end(|gate| gate.failed(started, Instant::now(), tries));
        self.down_if(down, server, cause)
    }

    fn down_if(&self, down: bool, server: usize, cause: Cause) -> Vec<OutcomeOf<S>> {
        if !down {
            return Vec::new();
        }
        let failures = self.gate(server, |gate| gate.failures());
        let reason = cause.text.clone();
        self.tell(server, NoticeKind::Down { reason, failures });
        let proven = self.lock().routes.places[server].proven;
        let class = match cause.class {
            Class::Transport if !proven => Class::Unreachable,
            class => class,
        };
        self.retire(server, Cause { class, ..cause })
    }

    /// `server` is not asked any more; what waited for it goes elsewhere.
    fn retire(&self, server: usize, cause: Cause) -> Vec<OutcomeOf<S>> {
        let mut inner = self.lock();
        let place = &mut inner.routes.places[server];
        if place.out.is_some() {
            return Vec::new();
        }
        place.out = Some(cause);
        let waiting = inner.queue.drain();
        let over = waiting
            .into_iter()
            .filter_map(|job| self.route(&mut inner, job));
        over.collect()
    }

    /// Tells people something about a server, once.
    pub(crate) fn tell(&self, server: usize, kind: NoticeKind) {
        let which = std::mem::discriminant(&kind);
        let mut inner = self.lock();
        let told = &mut inner.doors[server].told;
        if told.contains(&which) {
            return;
        }
        told.push(which);
        drop(inner);
        let server = Arc::clone(&self.endpoints[server].name);
        (self.notices)(Notice { server, kind });
    }
}

fn refusal_notice(cause: &Cause, tls: bool) -> NoticeKind {
    match tls {
        true => NoticeKind::Tls {
            reason: cause.text.clone(),
        },
        false => NoticeKind::Refused {
            said: cause.text.clone(),
        },
    }
}
