//! What an account sent and when, and what a set of bounds leaves of it. Pure
//! data; the file they are kept in is [`text`](super::text)'s and
//! [`Ledger`](super::Ledger)'s.

use std::collections::BTreeMap;

/// Length of the spans that the last 24 hours are counted in, in seconds.
pub(super) const SPAN: u64 = 600;

/// Spans of 24 hours.
const WINDOW: u64 = 24 * 3600 / SPAN;

/// How much is remembered. Twice what is asked for and more: a clock that was
/// wrong for a while must not push out what counts.
const MOST_DAYS: usize = 62;
const MOST_MONTHS: usize = 24;
const MOST_SPANS: usize = 300;

/// A day of the local calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year, as people count.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Date {
    pub(super) fn month(self) -> Month {
        (self.year, self.month)
    }

    /// A number that grows with the date: good enough to see what is far away.
    fn ordinal(self) -> u64 {
        ordinal(self.month()) * 31 + u64::from(self.day)
    }
}

/// Year and month.
pub(super) type Month = (u16, u8);

fn ordinal((year, month): Month) -> u64 {
    u64::from(year) * 12 + u64::from(month)
}

/// An instant as the clock of the caller shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970, UTC.
    pub unix: u64,
    /// The local date.
    pub date: Date,
}

/// Octets that may be sent; 0: as many as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub total: u64,
    /// A day of the local calendar.
    pub daily: u64,
    /// A month of the local calendar.
    pub monthly: u64,
    /// Any 24 hours, to the next 10 minutes.
    pub rolling: u64,
}

/// One of [`Bounds`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bound {
    /// In all.
    #[default]
    Total,
    /// This day.
    Daily,
    /// This month.
    Monthly,
    /// The last 24 hours.
    Rolling,
}

/// Octets, by when they came. They only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub total: u64,
    pub days: BTreeMap<Date, u64>,
    pub months: BTreeMap<Month, u64>,
    /// By number of the span since 1970.
    pub spans: BTreeMap<u64, u64>,
}

impl Counts {
    /// Notes octets that came about `now`.
    pub fn add(&mut self, now: Moment, octets: u64) {
        if octets == 0 {
            return;
        }
        grow(&mut self.total, octets);
        grow(self.days.entry(now.date).or_default(), octets);
        grow(self.months.entry(now.date.month()).or_default(), octets);
        grow(self.spans.entry(now.unix / SPAN).or_default(), octets);
    }

    /// Takes in what another process or this one noted beside it.
    pub fn merge(&mut self, other: &Counts) {
        grow(&mut self.total, other.total);
        for (date, octets) in &other.days {
            grow(self.days.entry(*date).or_default(), *octets);
        }
        for (month, octets) in &other.months {
            grow(self.months.entry(*month).or_default(), *octets);
        }
        for (span, octets) in &other.spans {
            grow(self.spans.entry(*span).or_default(), *octets);
        }
    }

    /// Forgets what no bound will ask for.
    pub fn prune(&mut self, now: Moment) {
        let today = now.date.ordinal();
        let month = ordinal(now.date.month());
        trim(&mut self.days, MOST_DAYS, |d| d.ordinal().abs_diff(today));
        trim(&mut self.months, MOST_MONTHS, |m| {
            ordinal(*m).abs_diff(month)
        });
        let span = now.unix / SPAN;
        trim(&mut self.spans, MOST_SPANS, |s| s.abs_diff(span));
    }

    /// What the bounds leave, and which of them is nearest.
    pub fn room(&self, bounds: &Bounds, now: Moment) -> (u64, Bound, u64) {
        let table = [
            (Bound::Total, bounds.total, self.total),
            (Bound::Daily, bounds.daily, self.day(now)),
            (Bound::Monthly, bounds.monthly, self.month(now)),
            (Bound::Rolling, bounds.rolling, self.rolling(now)),
        ];
        table
            .into_iter()
            .filter(|(_, bound, _)| *bound > 0)
            .map(|(which, bound, used)| (bound.saturating_sub(used), which, bound))
            .min_by_key(|(room, _, _)| *room)
            .unwrap_or((u64::MAX, Bound::Total, 0))
    }

    fn day(&self, now: Moment) -> u64 {
        self.days.get(&now.date).copied().unwrap_or(0)
    }

    fn month(&self, now: Moment) -> u64 {
        self.months.get(&now.date.month()).copied().unwrap_or(0)
    }

    /// The span that began 24 hours ago is counted whole, so that no 24 hours have
    /// more than the bound. So are spans as far ahead: the clock was put back.
    fn rolling(&self, now: Moment) -> u64 {
        let span = now.unix / SPAN;
        let near = span.saturating_sub(WINDOW)..=span.saturating_add(WINDOW);
        self.spans
            .range(near)
            .fold(0, |sum: u64, (_, octets)| sum.saturating_add(*octets))
    }
}

fn grow(count: &mut u64, octets: u64) {
    *count = count.saturating_add(octets);
}

/// Drops the entries farthest away until `most` are left.
fn trim<K: Copy + Ord>(map: &mut BTreeMap<K, u64>, most: usize, distance: impl Fn(&K) -> u64) {
    while map.len() > most {
        let farthest = map.keys().copied().max_by_key(&distance);
        match farthest {
            Some(key) => map.remove(&key),
            None => return,
        };
    }
}
