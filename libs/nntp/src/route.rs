//! Which server is asked next, and what it means when none is left. Pure: it
//! knows no connection and no clock.

use std::sync::Arc;

use crate::config::Server;
use crate::{Class, ServerSummary, Tried};

/// Servers by their index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerSet(u64);

impl ServerSet {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn one(server: usize) -> ServerSet {
        ServerSet(1 << server)
    }

    pub(crate) fn has(self, server: usize) -> bool {
        self.0 >> server & 1 == 1
    }

    /// Whether the two have a server in common.
    pub(crate) fn meets(self, other: ServerSet) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |&server| self.has(server))
    }

    /// The only one, if it is one.
    fn only(self) -> Option<usize> {
        (self.0.count_ones() == 1).then(|| self.0.trailing_zeros() as usize)
    }
}

impl FromIterator<usize> for ServerSet {
    fn from_iter<I: IntoIterator<Item = usize>>(servers: I) -> ServerSet {
        ServerSet(servers.into_iter().fold(0, |set, server| set | 1 << server))
    }
}

/// What went wrong with a server or at it, in its words or ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) class: Class,
    pub(crate) code: Option<u16>,
    pub(crate) text: String,
}

impl Cause {
    pub(crate) fn new(class: Class, text: impl Into<String>) -> Cause {
        Cause {
            class,
            code: None,
            text: text.into(),
        }
    }

    pub(crate) fn said(class: Class, code: u16, text: String) -> Cause {
        Cause {
            class,
            code: Some(code),
            text,
        }
    }
}

/// A server, as far as routing goes.
pub(crate) struct Place {
    name: Arc<str>,
    level: u8,
    group: u32,
    retention: u32,
    optional: bool,
    /// Whether a session with it was ever usable.
    pub(crate) proven: bool,
    /// Why it is not asked any more.
    pub(crate) out: Option<Cause>,
    /// What is wrong with it, while nothing works there.
    pub(crate) down: Option<Down>,
}

/// A server out of reach, perhaps for a while only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Down {
    pub(crate) cause: Cause,
    /// For so long that the next level steps in for it.
    pub(crate) replaced: bool,
    /// For so long that it is not waited for, unless there is no other.
    pub(crate) lapsed: bool,
}

impl Place {
    pub(crate) fn new(server: &Server, name: Arc<str>) -> Place {
        Place {
            name,
            level: server.level,
            group: server.group,
            retention: server.retention_days,
            optional: server.optional,
            proven: false,
            out: None,
            down: None,
        }
    }

    /// Takes over what a changed configuration says.
    pub(crate) fn configure(&mut self, server: &Server) {
        self.level = server.level;
        self.group = server.group;
        self.retention = server.retention_days;
        self.optional = server.optional;
    }

    pub(crate) fn is_optional(&self) -> bool {
        self.optional
    }

    fn lapsed(&self) -> bool {
        self.down.as_ref().is_some_and(|down| down.lapsed)
    }

    fn replaced(&self) -> bool {
        self.down.as_ref().is_some_and(|down| down.replaced)
    }

    pub(crate) fn summary(&self) -> ServerSummary {
        let out = self.out.as_ref();
        ServerSummary {
            name: Arc::clone(&self.name),
            usable: self.proven,
            out: out.map(|cause| (cause.class, cause.text.clone())),
        }
    }
}

/// What one segment met at one server.
#[derive(Clone, Debug)]
struct Mark {
    server: usize,
    last: Cause,
    /// Not to be asked again for this message-id.
    closed: bool,
    asked: u32,
    transport: u32,
    strange: u32,
    copies: u32,
    /// First bytes that did not come in time.
    late: u32,
}

/// What one segment met so far. Empty for most: it costs nothing until
/// something goes wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    marks: Vec<Mark>,
    /// Which message-id is asked for: 0 the first, then the alternates.
    pub(crate) id: usize,
    /// Where a damaged copy can be had again: server and message-id.
    pub(crate) spare: Option<(usize, usize)>,
    /// The damaged copy is being fetched again and will do.
    pub(crate) settling: bool,
}

/// An answer that was not a good body.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Not there.
    Missing(Cause),
    /// The connection failed while this was being answered.
    Transport(Cause),
    /// It may not be had with this account.
    Refused(Cause),
    /// Another article came.
    Strange,
    /// A body without end.
    TooLarge,
    /// A damaged body.
    Damaged(String),
}

impl Trail {
    fn mark(&self, server: usize) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.server == server)
    }

    fn mark_mut(&mut self, server: usize) -> &mut Mark {
        let known = self.marks.iter().position(|mark| mark.server == server);
        let at = known.unwrap_or_else(|| {
            self.marks.push(Mark {
                server,
                last: Cause::new(Class::Transport, ""),
                closed: false,
                asked: 0,
                transport: 0,
                strange: 0,
                copies: 0,
                late: 0,
            });
            self.marks.len() - 1
        });
        &mut self.marks[at]
    }

    fn closed(&self, server: usize) -> bool {
        self.mark(server).is_some_and(|mark| mark.closed)
    }

    /// Its first byte did not come in time from `server`.
    pub(crate) fn was_late(&mut self, server: usize) {
        self.mark_mut(server).late += 1;
    }

    /// How often that has happened.
    pub(crate) fn late(&self, server: usize) -> u32 {
        self.mark(server).map_or(0, |mark| mark.late)
    }

    /// Whether `server` asked for a login when it was asked for this before.
    pub(crate) fn locked(&self, server: usize) -> bool {
        self.mark(server)
            .is_some_and(|mark| mark.last.code == Some(480))
    }

    /// How often it was asked for and answered, or charged.
    pub(crate) fn asked(&self) -> u32 {
        self.marks.iter().map(|mark| mark.asked).sum()
    }

    /// Notes an answer. `tries` transport failures close a server for this
    /// segment, and so does the second article that was not asked for: the
    /// first may have been a shifted pipeline.
    pub(crate) fn note(&mut self, server: usize, answer: Answer, tries: u32) {
        let id = self.id;
        let mark = self.mark_mut(server);
        mark.asked += 1;
        match answer {
            Answer::Missing(cause) | Answer::Refused(cause) => {
                mark.closed = true;
                mark.last = cause;
            }
            Answer::Transport(cause) => {
                mark.transport += 1;
                mark.closed = mark.transport >= tries.max(1);
                mark.last = cause;
            }
            Answer::Strange => {
                mark.strange += 1;
                mark.closed = mark.strange > 1;
                mark.last = Cause::new(Class::Damaged, "another article came");
            }
            Answer::TooLarge => {
                mark.closed = true;
                mark.last = Cause::new(Class::Damaged, "the article is too large");
            }
            Answer::Damaged(why) => {
                mark.copies += 1;
                mark.closed = true;
                mark.last = Cause::said(Class::Damaged, 222, why);
                self.spare.get_or_insert((server, id));
            }
        }
    }

    /// Turns to the next message-id. What servers said of the last one says
    /// nothing of it; that their connections fail does.
    pub(crate) fn next_id(&mut self) {
        self.id += 1;
        for mark in &mut self.marks {
            mark.closed &= mark.last.class == Class::Transport;
            mark.strange = 0;
            mark.copies = 0;
        }
    }

    /// Goes back to the server and message-id that gave a damaged copy.
    pub(crate) fn settle(&mut self) {
        if let Some((server, id)) = self.spare {
            self.id = id;
            self.settling = true;
            let mark = self.mark_mut(server);
            mark.closed = false;
            mark.transport = 0;
        }
    }
}

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
            return mark.last.clone();
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

#[cfg(test)]
mod tests;
