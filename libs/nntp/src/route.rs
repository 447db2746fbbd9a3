//! Which server is asked next, and what it means when none is left. Pure: it
//! knows no connection and no clock.

mod place;
mod servers;
mod trail;

use std::sync::Arc;

use crate::{Class, Tried};
pub(crate) use place::{Cause, Down, Place};
pub(crate) use servers::ServerSet;
pub(crate) use trail::{Answer, Trail};

/// Where a segment goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// To the first of these that has room.
    Ask(ServerSet),
    /// Nowhere, with this message-id.
    Exhausted,
}

/// What is said of a segment that cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Missing,
    Failed { cause: Cause, retryable: bool },
}

/// All servers, and what is known of them.
pub(crate) struct Routes {
    pub(crate) places: Vec<Place>,
    /// Seconds since 1970, for the retention.
    now: i64,
}

impl Routes {
    pub(crate) fn new(places: Vec<Place>, now: i64) -> Routes {
        Routes { places, now }
    }

    /// What is known of a segment from the start: the copies of the servers named
    /// in `avoid` are refused, and those of servers with the same articles.
    pub(crate) fn trail(&self, avoid: &[Arc<str>]) -> Trail {
        let mut trail = Trail::default();
        if avoid.is_empty() {
            return trail;
        }
        let named = |place: &&Place| avoid.contains(&place.name);
        for (server, place) in self.places.iter().enumerate() {
            let same = |other: &&Place| place.group != 0 && other.group == place.group;
            if named(&place) {
                trail.refuse(server, refused());
            } else if let Some(mate) = self.places.iter().filter(named).find(same) {
                let text = format!("same articles as {}", mate.name);
                trail.refuse(server, Cause::new(Class::Damaged, text));
            }
        }
        trail
    }

    /// Whether `server` may be asked for what has met `trail`.
    pub(crate) fn may_ask(&self, server: usize, trail: &Trail, date: Option<i64>) -> bool {
        self.places[server].out.is_none()
            && !trail.settling
            && !trail.closed(server)
            && self.absent(server, trail, date).is_none()
    }

    /// The servers that are not out.
    pub(crate) fn usable(&self) -> ServerSet {
        let places = self.places.iter().enumerate();
        places
            .filter(|(_, p)| p.out.is_none())
            .map(|(s, _)| s)
            .collect()
    }

    /// The lowest level that still has a server to ask. A server that is only
    /// busy or backing off is waited for; one that is out is not.
    pub(crate) fn next(&self, trail: &Trail, date: Option<i64>) -> Next {
        if trail.settling {
            let target = trail.spare.map(|(server, _)| server);
            let open = |&server: &usize| self.places[server].out.is_none() && !trail.closed(server);
            return target
                .filter(open)
                .map_or(Next::Exhausted, |s| Next::Ask(ServerSet::one(s)));
        }
        let usable = self.usable();
        let asked = self.asked(usable, trail, date);
        if !asked.is_empty() {
            return Next::Ask(asked);
        }
        // The only server there is gets a second chance for a damaged body.
        let once = |&server: &usize| trail.mark(server).is_some_and(|mark| mark.copies == 1);
        match usable.only().filter(once) {
            Some(server) => Next::Ask(ServerSet::one(server)),
            None => Next::Exhausted,
        }
    }

    /// The servers of `usable` that are to be asked now: those of the lowest
    /// level that is left, and of the next one too while all of it is out of
    /// reach for long.
    fn asked(&self, usable: ServerSet, trail: &Trail, date: Option<i64>) -> ServerSet {
        let stranded = usable.iter().all(|server| self.places[server].lapsed());
        let is_open = |&server: &usize| {
            !trail.closed(server)
                && self.absent(server, trail, date).is_none()
                && (stranded || !self.places[server].lapsed())
        };
        let candidates: ServerSet = usable.iter().filter(is_open).collect();
        let mut open: Vec<&Place> = candidates.iter().map(|s| &self.places[s]).collect();
        open.sort_by_key(|place| place.level);
        // The first level with somebody who may answer soon is the last asked.
        let reachable = open.iter().find(|place| !place.replaced());
        let highest = reachable.or(open.last()).map_or(0, |place| place.level);
        let on_level = |&server: &usize| self.places[server].level <= highest;
        candidates.iter().filter(on_level).collect()
    }

    /// Why a server need not be asked: it cannot have the article.
    fn absent(&self, server: usize, trail: &Trail, date: Option<i64>) -> Option<String> {
        let place = &self.places[server];
        if let (Some(date), 1..) = (date, place.retention) {
            let age = self.now.saturating_sub(date) / 86_400;
            if age > i64::from(place.retention) {
                return Some("older than its retention".to_owned());
            }
        }
        let mate = trail.marks.iter().find(|mark| {
            mark.server != server
                && mark.closed
                && mark.last.class == Class::Missing
                && place.group != 0
                && self.places[mark.server].group == place.group
        })?;
        Some(format!(
            "same articles as {}",
            self.places[mate.server].name
        ))
    }

    /// What became of the segment at `server`.
    fn fate(&self, server: usize, trail: &Trail, date: Option<i64>) -> Cause {
        let mark = trail.mark(server);
        if let Some(mark) = mark.filter(|mark| mark.closed) {
            return match mark.last.class {
                // It lacks an alternate; the first it has.
                Class::Missing if trail.refused.has(server) => refused(),
                _ => mark.last.clone(),
            };
        }
        if let Some(why) = self.absent(server, trail, date) {
            return Cause::new(Class::Missing, why);
        }
        let place = &self.places[server];
        let down = || place.down.as_ref().map(|down| down.cause.clone());
        let out = place.out.clone().or_else(down);
        out.or_else(|| mark.map(|mark| mark.last.clone()))
            .unwrap_or_else(|| Cause::new(Class::Transport, "not asked"))
    }

    /// What is said of a segment that no server is left for.
    pub(crate) fn end(&self, trail: &Trail, date: Option<i64>) -> End {
        let fates: Vec<Cause> = self.counted(trail, date);
        let proven = self.places.iter().any(|place| place.proven);
        let all = |class| fates.iter().all(|cause| cause.class == class);
        let first = |classes: &[Class]| fates.iter().find(|c| classes.contains(&c.class)).cloned();
        let failed = |cause: Cause, retryable| End::Failed { cause, retryable };
        if fates.is_empty() {
            // None was usable as it is configured, which another try does not change:
            // there were no authorities to check a certificate with.
            return failed(
                Cause::new(Class::Login, "no server can be used as configured"),
                false,
            );
        }
        if let Some(cause) = first(&[Class::Interrupted]) {
            return failed(cause, true);
        }
        if let Some(cause) = first(&[Class::Transport, Class::Unreachable, Class::Capacity]) {
            let class = match () {
                () if all(Class::Capacity) => Class::Capacity,
                () if !proven => Class::Unreachable,
                () if cause.class == Class::Capacity => Class::Capacity,
                () => Class::Transport,
            };
            return failed(Cause { class, ..cause }, true);
        }
        if let Some(cause) = first(&[Class::Damaged]) {
            return failed(cause, false);
        }
        match first(&[Class::Login]) {
            // Whatever became of its alternates: somebody has it.
            _ if !trail.refused.is_empty() => failed(refused(), false),
            Some(cause) if all(Class::Login) => failed(cause, false),
            _ => End::Missing,
        }
    }

    /// The fates that count: an optional server that is out does not, unless
    /// there is no other.
    fn counted(&self, trail: &Trail, date: Option<i64>) -> Vec<Cause> {
        let fates = |all: bool| -> Vec<Cause> {
            let counts = |&s: &usize| {
                let place = &self.places[s];
                let reached = place.out.is_none() && !place.lapsed();
                all || !place.optional || reached || trail.closed(s)
            };
            let servers = (0..self.places.len()).filter(counts);
            servers.map(|s| self.named(s, trail, date)).collect()
        };
        let counted = fates(false);
        if counted.is_empty() {
            fates(true)
        } else {
            counted
        }
    }

    fn named(&self, server: usize, trail: &Trail, date: Option<i64>) -> Cause {
        let fate = self.fate(server, trail, date);
        Cause {
            text: format!("{}: {}", self.places[server].name, fate.text),
            ..fate
        }
    }

    /// What became of the segment at each server.
    pub(crate) fn tried(&self, trail: &Trail, date: Option<i64>) -> Vec<Tried> {
        let one = |(server, place): (usize, &Place)| {
            let fate = self.fate(server, trail, date);
            Tried {
                server: Arc::clone(&place.name),
                class: fate.class,
                code: fate.code,
                text: Some(fate.text).filter(|text| !text.is_empty()),
                tries: trail.mark(server).map_or(0, |mark| mark.asked),
            }
        };
        self.places.iter().enumerate().map(one).collect()
    }
}

/// Said of a server whose copy the caller would not have.
fn refused() -> Cause {
    Cause::new(Class::Damaged, "its copy was refused before")
}

#[cfg(test)]
mod tests;
