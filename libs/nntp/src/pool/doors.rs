//! The pool's view of servers: when connections to them are opened, and what
//! becomes of a server that refuses them or cannot be reached.

use std::mem::Discriminant;
use std::sync::Arc;
use std::sync::atomic::{Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use tokio::time::Instant;

use super::{Inner, OutcomeOf, Pool};
use crate::dial::{Origin, Refusal};
use crate::gate::Gate;
use crate::route::{Cause, Down};
use crate::slot::Slot;
use crate::{Class, Notice, NoticeKind, Sinks};

/// How long another process that has all slots of an account is waited for
/// before they are looked at again. Nobody tells that one is free.
const SLOT_WAIT: Duration = Duration::from_millis(500);

/// A server's connections.
pub(super) struct Door {
    pub(super) gate: Gate,
    pub(super) told: Vec<Discriminant<NoticeKind>>,
}

impl Door {
    pub(super) fn new(gate: Gate) -> Door {
        Door {
            gate,
            told: Vec::new(),
        }
    }
}

/// Leave to open a connection.
pub(crate) struct Leave {
    /// The slot of an account that is shared with other processes.
    pub(crate) _slot: Option<Box<dyn Send>>,
}

impl<S: Sinks> Pool<S> {
    /// Whether to open one more connection to `server`; then it counts as being
    /// dialled.
    pub(crate) fn dial(&self, server: usize, now: Instant) -> Option<Leave> {
        let site = self.site(server);
        let work = self.work.waiting_for(server);
        let idle = site.idle.load(SeqCst);
        let mut inner = self.lock();
        if inner.routes.places[server].out.is_some() {
            return None;
        }
        let door = &mut inner.doors[server];
        // Sessions that wait take work at once; only the rest is for new ones.
        if !door.gate.may_dial(now, work.saturating_sub(idle)) {
            return None;
        }
        let slots = site.endpoint().0.server.slots.clone();
        let slot = slots.as_ref().map(|slots| slots.try_take());
        let slot = match slot {
            Some(None) => {
                let limit = door.gate.full(now, SLOT_WAIT);
                let text = "all connections of the account are in use by other processes";
                self.down(&mut inner, server, Cause::new(Class::Capacity, text));
                self.allowed(server, limit);
                return None;
            }
            Some(taken) => taken,
            None => None,
        };
        door.gate.dial();
        Some(Leave { _slot: slot })
    }

    /// When to look again whether a connection may be opened.
    pub(crate) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let inner = self.lock();
        let doors = inner.doors.iter().enumerate();
        let wanting = doors.filter(|(server, _)| {
            inner.routes.places[*server].out.is_none() && self.work.waiting_for(*server) > 0
        });
        wanting.filter_map(|(_, door)| door.gate.wake_at(now)).min()
    }

    /// Changes what is known of the connections of `server`.
    pub(crate) fn gate<R>(&self, server: usize, change: impl FnOnce(&mut Gate) -> R) -> R {
        let mut inner = self.lock();
        let gate = &mut inner.doors[server].gate;
        let result = change(gate);
        self.allowed(server, gate.limit());
        result
    }

    /// A session with `server` is usable.
    pub(crate) fn established(&self, server: usize) {
        let mut inner = self.lock();
        let gate = &mut inner.doors[server].gate;
        gate.established();
        let limit = gate.limit();
        inner.routes.places[server].proven = true;
        self.allowed(server, limit);
        drop(inner);
        self.wake.notify_one();
    }

    /// A session with `server` has answered for the first time.
    pub(crate) fn works(&self, server: usize) {
        let mut inner = self.lock();
        inner.doors[server].gate.answered();
        let was = inner.routes.places[server].down.take();
        inner.stale |= was.is_some();
        drop(inner);
        if was.is_some() {
            // The supervisor routes anew what was not sent here.
            self.told_back(server);
            self.wake.notify_one();
        }
    }

    /// The connection of `slot`, begun at `started`, failed, or its session
    /// without an answer. What that is the end of.
    pub(crate) fn refused(
        &self,
        slot: Slot<S>,
        started: Instant,
        refusal: Refusal,
    ) -> Vec<OutcomeOf<S>> {
        let Refusal { cause, from } = refusal;
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
                self.stats.refused(server);
                if slot.is_current() {
                    self.tell(server, refusal_notice(&cause, from));
                    // Before the slot goes back: nobody dials what is out.
                    return self.retire(server, cause);
                }
                // The credentials are others by now.
                Vec::new()
            }
            Class::Login if from != Origin::Server => self.failed(slot, started, cause),
            Class::Login | Class::Capacity => self.crowded(slot, started, cause),
            _ => self.failed(slot, started, cause),
        }
    }

    fn crowded(&self, slot: Slot<S>, started: Instant, cause: Cause) -> Vec<OutcomeOf<S>> {
        let server = slot.server;
        self.stats.crowded(server);
        slot.end(|gate| gate.crowded(started, Instant::now()));
        let said = cause.text.clone();
        self.tell(server, NoticeKind::Capacity { said });
        self.note_down(server, cause)
    }

    fn failed(&self, slot: Slot<S>, started: Instant, cause: Cause) -> Vec<OutcomeOf<S>> {
        let server = slot.server;
        self.stats.lost_one(server);
        slot.end(|gate| gate.failed(started, Instant::now()));
        self.note_down(server, cause)
    }

    fn note_down(&self, server: usize, cause: Cause) -> Vec<OutcomeOf<S>> {
        let class = cause.class;
        let reason = cause.text.clone();
        let mut inner = self.lock();
        self.down(&mut inner, server, cause);
        let down = inner.routes.places[server].down.is_some();
        drop(inner);
        if down && class != Class::Capacity {
            self.tell(server, NoticeKind::Down { reason });
        }
        self.review(Instant::now()).0
    }

    /// Notes why nothing works at `server`, if that is so.
    fn down(&self, inner: &mut Inner, server: usize, cause: Cause) {
        if inner.doors[server].gate.trouble().is_none() {
            return;
        }
        let down = &mut inner.routes.places[server].down;
        match down {
            Some(down) => down.cause = cause,
            None => {
                *down = Some(Down {
                    cause,
                    replaced: false,
                    lapsed: false,
                });
            }
        }
    }

    /// The time for the run is over: nothing is asked for any more.
    pub(crate) fn expire(&self, text: &str) -> Vec<OutcomeOf<S>> {
        let mut inner = self.lock();
        for place in &mut inner.routes.places {
            let cause = Cause::new(Class::Interrupted, text);
            place.out.get_or_insert(cause);
        }
        self.reroute(&mut inner)
    }

    /// `server` is not asked any more; what waited for it goes elsewhere.
    pub(crate) fn retire(&self, server: usize, cause: Cause) -> Vec<OutcomeOf<S>> {
        let mut inner = self.lock();
        let place = &mut inner.routes.places[server];
        if place.out.is_some() {
            return Vec::new();
        }
        place.out = Some(cause);
        place.down = None;
        self.reroute(&mut inner)
    }

    /// `server` has sent all that it may; the supervisor will see.
    pub(crate) fn exhaust(&self, server: usize) {
        if !self.site(server).exhausted.swap(true, Relaxed) {
            self.wake.notify_one();
        }
    }

    /// Publishes how many connections may be open. For holders of the lock: the last
    /// word told is then the last one decided.
    pub(super) fn allowed(&self, server: usize, limit: u16) {
        let before = self.site(server).allow(limit);
        self.stats.allow(server, before, limit);
    }

    fn told_back(&self, server: usize) {
        let down = std::mem::discriminant(&NoticeKind::Down {
            reason: String::new(),
        });
        if self.lock().doors[server].told.contains(&down) {
            self.tell(server, NoticeKind::Back);
        }
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
        let server = Arc::clone(&self.site(server).name);
        (self.notices)(Notice { server, kind });
    }
}

fn refusal_notice(cause: &Cause, from: Origin) -> NoticeKind {
    let text = cause.text.clone();
    match from {
        Origin::Server => NoticeKind::Refused { said: text },
        Origin::Tls => NoticeKind::Tls { reason: text },
        Origin::Proxy => NoticeKind::Proxy { reason: text },
    }
}
