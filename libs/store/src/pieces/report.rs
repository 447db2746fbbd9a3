//! What is to be said of a file's pieces: how many there are of each kind, which need not be
//! fetched, and which are another file's.

use super::Pieces;
use crate::entry::Entry;
use crate::prints;
use crate::types::{Status, Why};

/// How many pieces are in which state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub ok: u64,
    pub missing: u64,
    pub damaged: u64,
    pub unverified: u64,
}

impl Pieces {
    /// The ranges nothing was written into.
    pub fn missing_ranges(&self) -> Vec<(u64, u64)> {
        if self.sequence.is_some() {
            return Vec::new();
        }
        let size = self.hints.size.get().copied().unwrap_or(0);
        self.filled().gaps(self.end().max(size))
    }

    pub fn counts(&self) -> Counts {
        let unverified = self.unverified;
        let ok = self.written.len() as u64 - unverified;
        let damaged = self
            .lost
            .values()
            .filter(|why| **why == Why::Damaged)
            .count() as u64;
        let known = ok + unverified + damaged;
        Counts {
            ok,
            unverified,
            damaged,
            missing: self.of().saturating_sub(known),
        }
    }

    /// The state of a file that is not whole.
    pub fn status(&self, accept_unverified: bool) -> Status {
        let counts = self.counts();
        match counts {
            Counts { missing: 1.., .. } => Status::Incomplete,
            Counts { damaged: 1.., .. } => Status::Damaged,
            Counts {
                unverified: 1.., ..
            } if !accept_unverified && self.is_filled() => Status::Unverified,
            _ => Status::Incomplete,
        }
    }

    /// The pieces of another file, if this one would be whole with them; `nzb` is its name.
    pub fn foreign(&self, nzb: &str) -> Vec<u64> {
        let nzb = prints::name_of(nzb);
        self.prints.foreign(&self.written, nzb, || self.crc32())
    }

    /// Takes a piece for unverified from now on; returns it as it is then.
    pub fn doubt(&mut self, number: u64) -> Option<Entry> {
        let old = *self.written.get(&number).filter(|e| e.verified)?;
        self.forget(number);
        let entry = Entry {
            verified: false,
            ..old
        };
        self.accept(number, entry);
        Some(entry)
    }

    /// The numbers of the pieces that need not be fetched: all, but for those of another file.
    pub fn kept(&self, nzb: &str, accept_unverified: bool) -> Vec<(u64, u64)> {
        let foreign = match accept_unverified || self.unverified == 0 {
            true => Vec::new(),
            false => self.foreign(nzb),
        };
        let doubted = |number: &u64| {
            let is_loose = self.written.get(number).is_some_and(|e| !e.verified);
            is_loose && foreign.binary_search(number).is_ok()
        };
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in self.numbers().filter(|number| !doubted(number)) {
            match ranges.last_mut() {
                Some((_, end)) if *end == number => *end = number.saturating_add(1),
                _ => ranges.push((number, number.saturating_add(1))),
            }
        }
        ranges
    }
}
