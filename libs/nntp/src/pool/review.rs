//! Servers out of reach: who stands in for them, who is waited for no more, and when
//! the run is over because nothing works anywhere.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::Instant;

use super::{Inner, OutcomeOf, Pool};
use crate::route::{Cause, Down};
use crate::{Class, NoticeKind, Sinks};

/// A server out of reach for this long has the next level stand in for it.
const STAND_IN: Duration = Duration::from_secs(15);

/// How long a server that has worked in this run is waited for while others
/// work. A restart, or a router that comes back, takes this long; the tries
/// alone are over in a few seconds.
const OUTAGE: Duration = Duration::from_secs(30);

impl<S: Sinks> Pool<S> {
    /// Looks at the servers that nothing works at: who is replaced, who is
    /// waited for no more, and whether all have been out of reach for too long.
    /// What that is the end of, and when to look again.
    pub(crate) fn review(&self, now: Instant) -> (Vec<OutcomeOf<S>>, Option<Instant>) {
        let mut inner = self.lock();
        let spent = self.quotas(&mut inner);
        let reviewed = self.reviewed(inner, now);
        for (server, spent) in spent {
            self.tell(server, NoticeKind::Quota { spent });
        }
        reviewed
    }

    fn reviewed(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        now: Instant,
    ) -> (Vec<OutcomeOf<S>>, Option<Instant>) {
        let mut next = None;
        let mut changed = std::mem::take(&mut inner.stale);
        for server in inner.routes.usable().iter() {
            let (down, at) = self.look(&inner, server, now);
            next = earlier(next, at);
            changed |= down != inner.routes.places[server].down;
            inner.routes.places[server].down = down;
        }
        match self.stranded(&inner, now) {
            Stranded::For(_) if inner.gave_up(self.options.max_down, now) => {
                let over = self.give_up(inner);
                return (over, None);
            }
            Stranded::For(until) => next = earlier(next, Some(until)),
            Stranded::No => {}
        }
        let over = match changed {
            true => self.reroute(&mut inner),
            false => Vec::new(),
        };
        (over, next)
    }

    /// What is to be said of `server` now, and when that may change.
    fn look(&self, inner: &Inner, server: usize, now: Instant) -> (Option<Down>, Option<Instant>) {
        let place = &inner.routes.places[server];
        let gate = &inner.doors[server].gate;
        let (Some(since), Some(down)) = (gate.trouble(), place.down.clone()) else {
            return (None, None);
        };
        let failures = self.site(server).health.failures();
        let tried = failures >= self.options.tries || down.cause.class == Class::Capacity;
        // Processes that share an account wait for each other: nothing is broken.
        let ours = down.cause.class == Class::Capacity && down.cause.code.is_none();
        let replaced = now >= since + STAND_IN && !ours;
        let lapsed = match down.cause.class {
            _ if place.is_optional() => true,
            // Somebody else has the connections: no article fails for that.
            Class::Capacity => now >= since + self.options.max_down,
            _ if gate.worked() => tried && now >= since + OUTAGE,
            _ => tried,
        };
        let later = [STAND_IN, OUTAGE, self.options.max_down].map(|wait| since + wait);
        let at = later.into_iter().filter(|&at| at > now).min();
        let down = Down {
            replaced,
            lapsed,
            ..down
        };
        (Some(down), at)
    }

    fn stranded(&self, inner: &Inner, now: Instant) -> Stranded {
        let usable = inner.routes.usable();
        let since = |server: usize| {
            let down = inner.routes.places[server].down.is_some();
            inner.doors[server].gate.trouble().filter(|_| down)
        };
        let troubles: Option<Vec<Instant>> = usable.iter().map(since).collect();
        // The youngest trouble: until then one of them worked.
        match troubles.and_then(|all| all.into_iter().max()) {
            Some(youngest) => Stranded::For((youngest + self.options.max_down).max(now)),
            None => Stranded::No,
        }
    }

    /// Nothing works anywhere for too long: the run is over.
    fn give_up(&self, mut inner: MutexGuard<'_, Inner>) -> Vec<OutcomeOf<S>> {
        let mut notices = Vec::new();
        for server in inner.routes.usable().iter() {
            let place = &mut inner.routes.places[server];
            let Some(down) = place.down.take() else {
                continue;
            };
            notices.push((server, down.cause.text.clone()));
            let class = match down.cause.class {
                Class::Transport if !place.proven => Class::Unreachable,
                class => class,
            };
            place.out = Some(Cause {
                class,
                ..down.cause
            });
        }
        let over = self.reroute(&mut inner);
        drop(inner);
        for (server, reason) in notices {
            let after = self.options.max_down;
            self.tell(server, NoticeKind::GaveUp { reason, after });
        }
        over
    }

    /// Servers that have sent all that they may are asked no more.
    fn quotas(&self, inner: &mut Inner) -> Vec<(usize, String)> {
        let mut spent = Vec::new();
        for server in inner.routes.usable().iter() {
            let site = self.site(server);
            if !site.exhausted.swap(false, Relaxed) {
                continue;
            }
            let quota = site.endpoint().0.server.quota.clone();
            let text = quota.map_or_else(String::new, |quota| quota.spent());
            let place = &mut inner.routes.places[server];
            place.out = Some(Cause::new(Class::Capacity, text.clone()));
            place.down = None;
            spent.push((server, text));
        }
        inner.stale |= !spent.is_empty();
        spent
    }
}

/// Whether nothing works at any server.
enum Stranded {
    No,
    /// And when that will have been for too long.
    For(Instant),
}

impl Inner {
    fn gave_up(&self, max_down: Duration, now: Instant) -> bool {
        let usable = self.routes.usable();
        let long = |server: usize| {
            let trouble = self.doors[server].gate.trouble();
            trouble.is_some_and(|since| now >= since + max_down)
        };
        // Servers that may be passed over are not waited for when all others
        // are out for good.
        let optional = |server: usize| self.routes.places[server].is_optional();
        usable.iter().all(long)
            || usable.iter().all(optional) && (0..self.doors.len()).any(|server| !optional(server))
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
