//! What comes next in the file, and what is known of that: the judgement on each part,
//! and whether a gap will be filled. Pure data: the bytes are `window`'s.

use std::collections::BTreeMap;

use nzbpipe_record::{Encoding, MAX_PAYLOAD};

use super::fault::{Lack, Why};
use super::ranges::Ranges;
use super::window::Key;
use crate::Tally;

/// No file is larger. The usual file systems hold so much, and no post is near it.
const MAX_FILE: u64 = 8 << 40;

/// A part as it has to be put in line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub number: u64,
    pub offset: u64,
    pub len: u64,
    /// Given if the number says where it belongs, not the offset.
    pub encoding: Option<Encoding>,
    /// Whether the UUencoded file ends in it.
    pub ends: bool,
}

/// What to do with a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Its time is now, or comes.
    Take,
    /// There is such a one.
    Skip,
    /// It does not fit.
    Refuse(Why),
}

/// What to do when no piece is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It may come.
    Wait,
    /// Write zeros up to this offset.
    Zeros(u64),
    /// What comes next will not come.
    Gap(Lack),
    /// Nothing comes any more.
    Done,
}

/// How far the file is, and which of its pieces came or never will.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// How many pieces there should be; 0 as long as nobody said.
    of: u64,
    /// What the first piece was: all others are like it.
    encoding: Option<Option<Encoding>>,
    /// The offset that is due, or the number if pieces have no offsets.
    next: u64,
    /// The number of the last piece written.
    last: u64,
    came: Ranges,
    lost: BTreeMap<u64, (Why, Box<str>)>,
    /// The numbers of `lost`.
    gone: Ranges,
    /// Where the farthest piece without bytes lies.
    farthest_empty: u64,
    /// The piece that ends a UUencoded file, and whether there are two.
    end: Option<u64>,
    ends_twice: bool,
}

impl Line {
    /// Notes how many pieces the file has. Where records differ, the most demanding is
    /// believed.
    pub fn expect(&mut self, of: u64) {
        self.of = self.of.max(of);
    }

    /// Whether a piece of this number is in line already.
    pub fn has(&self, number: u64) -> bool {
        self.came.has(number)
    }

    /// Where a piece stands in line.
    pub fn key(piece: &Piece) -> Key {
        match piece.encoding {
            None => (piece.offset, piece.number),
            Some(_) => (piece.number, piece.number),
        }
    }

    /// Judges a piece whose bytes are right. `waits` says whether any of a range is
    /// taken by pieces that wait.
    pub fn judge(&self, piece: &Piece, waits: impl FnOnce(u64, u64) -> bool) -> Judgement {
        if self.has(piece.number) {
            return Judgement::Skip;
        }
        let like = self.encoding.as_ref();
        if like.is_some_and(|encoding| *encoding != piece.encoding) {
            return Judgement::Refuse(Why::Contradicts("another encoding"));
        }
        let number = piece.number;
        if piece.encoding.is_some() {
            return match number == 0 || self.of > 0 && number > self.of {
                true => Judgement::Refuse(Why::Contradicts("no such number")),
                false => Judgement::Take,
            };
        }
        let end = piece.offset.checked_add(piece.len);
        let Some(end) = end.filter(|&end| end <= self.cap(number)) else {
            return Judgement::Refuse(Why::Contradicts("out of range"));
        };
        if piece.len > 0 && (piece.offset < self.next || waits(piece.offset, end)) {
            return Judgement::Refuse(Why::Contradicts("overlap"));
        }
        Judgement::Take
    }

    /// Puts a piece in line that was judged so.
    pub fn take(&mut self, piece: &Piece) {
        if self.encoding.is_none() {
            self.encoding = Some(piece.encoding.clone());
            self.next = u64::from(piece.encoding.is_some());
        }
        self.came.add(piece.number);
        self.gone.remove(piece.number);
        self.lost.remove(&piece.number);
        if piece.encoding.is_none() && piece.len == 0 {
            self.farthest_empty = self.farthest_empty.max(piece.offset);
        }
        if piece.ends {
            self.ends_twice |= self.end.is_some();
            self.end = self.end.max(Some(piece.number));
        }
    }

    /// Notes that a piece will not come, or came in vain.
    pub fn lose(&mut self, number: u64, why: Why, id: &str) {
        if !self.came.has(number) && self.gone.add(number) {
            self.lost.insert(number, (why, id.into()));
        }
    }

    /// Whether the piece that stands there is due.
    pub fn is_due(&self, key: Key) -> bool {
        key.0 == self.next
    }

    /// Notes that a piece was written.
    pub fn wrote(&mut self, key: Key, len: u64) {
        self.next += match self.is_by_number() {
            true => 1,
            false => len,
        };
        self.last = key.1;
    }

    /// Notes that zeros were written up to an offset.
    pub fn skip_to(&mut self, offset: u64) {
        self.next = offset;
    }

    /// The offset that is due.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether pieces follow each other by number.
    pub fn is_by_number(&self) -> bool {
        matches!(self.encoding, Some(Some(_)))
    }

    /// What to do when no piece is due; `first` is the nearest that waits, `size` what
    /// the pieces say the file has, `over` says that no more will come.
    pub fn step(&self, first: Option<Key>, size: Option<u64>, over: bool, fill: bool) -> Step {
        let known = over || self.of > 0 && self.came.total() + self.gone.total() >= self.of;
        let lost = self.gone.has(self.last.saturating_add(1));
        match first {
            _ if !known && !lost => Step::Wait,
            None if known && self.has_all(size) => Step::Done,
            None if !fill => Step::Gap(self.lack(first)),
            None if !known => Step::Wait,
            None => match size.filter(|&size| size > self.next && !self.is_by_number()) {
                Some(size) if size - self.next <= self.room(None) => Step::Zeros(size),
                _ => Step::Done,
            },
            Some((at, number)) => {
                let after = self.last.saturating_add(1);
                let between = after < number && self.gone.covers(after, number);
                match fill {
                    true if !known && !between => Step::Wait,
                    true if !self.is_by_number() && at - self.next <= self.room(Some(number)) => {
                        Step::Zeros(at)
                    }
                    _ => Step::Gap(self.lack(first)),
                }
            }
        }
    }

    /// Whether no piece is missing. Where nobody said how many there are, none may be
    /// known to be lost, unless the pieces agree on a size and it is reached.
    fn has_all(&self, size: Option<u64>) -> bool {
        match self.of {
            0 => self.lost.is_empty() || size == Some(self.next),
            of => self.came.total() >= of,
        }
    }

    /// Counts the fates of all pieces that are known; `silent` also those that are not.
    pub fn count(&self, tally: &mut Tally, silent: bool) {
        tally.ok = self.came.total();
        for (why, _) in self.lost.values() {
            match why {
                Why::Missing => tally.missing += 1,
                Why::Failed(class, _) => tally.failure(class),
                Why::Unproven => tally.unverified += 1,
                _ => tally.damaged += 1,
            }
        }
        if silent {
            let known = self.came.total() + self.gone.total();
            tally.unheard = self.of.saturating_sub(known);
        }
    }

    /// How many pieces are not there, and one of them; `None` if all are.
    pub fn lacking(&self, size: Option<u64>) -> Option<(u64, Lack)> {
        let silent = self
            .of
            .saturating_sub(self.came.total() + self.gone.total());
        let lacking = self.gone.total() + silent;
        (!self.has_all(size)).then(|| (lacking, self.any_lack()))
    }

    /// The farthest place of an empty piece, if the file ends before it.
    pub fn beyond(&self) -> Option<u64> {
        Some(self.farthest_empty).filter(|&at| at > self.next)
    }

    /// Whether a UUencoded file ends where its last piece does, and nowhere else.
    pub fn ends_well(&self) -> bool {
        match &self.encoding {
            Some(Some(Encoding::Uu)) => !self.ends_twice && self.end == Some(self.last),
            _ => true,
        }
    }

    /// What should come next.
    fn lack(&self, first: Option<Key>) -> Lack {
        let number = self.last.saturating_add(1);
        if self.gone.has(number) {
            return self.lost(number);
        }
        let before = first.is_some_and(|(_, first)| number < first);
        match !self.came.has(number) && (before || number <= self.of) {
            true => silent(number),
            false => self.any_lack(),
        }
    }

    /// Any piece that is not there.
    fn any_lack(&self) -> Lack {
        if let Some((&number, _)) = self.lost.first_key_value() {
            return self.lost(number);
        }
        let none = Lack {
            number: None,
            id: String::new(),
            why: Why::Silent,
        };
        // People count from 0 and from 1.
        let end = self.of.saturating_add(1);
        let gap = match self.came.has(0) {
            true => self.came.first_gap(self.of),
            false if self.came.covers(1, end) => None,
            false => {
                let mut came = self.came.clone();
                came.add(0);
                came.first_gap(end)
            }
        };
        gap.map_or(none, |(number, _)| silent(number))
    }

    fn lost(&self, number: u64) -> Lack {
        let (why, id) = self
            .lost
            .get(&number)
            .cloned()
            .unwrap_or((Why::Silent, "".into()));
        Lack {
            number: Some(number),
            id: id.into(),
            why,
        }
    }

    /// The largest file that so many pieces can make. Where nobody said how many, at
    /// least the pieces up to this number can lie before its end; one more, for people
    /// count from 0 too.
    fn cap(&self, number: u64) -> u64 {
        let most = match self.of {
            0 => number.saturating_add(1),
            of => of,
        };
        most.saturating_mul(MAX_PAYLOAD as u64).min(MAX_FILE)
    }

    /// How many bytes the pieces can have that are lost before the piece `first`, or
    /// before the end: an offset or a size is a stranger's word.
    fn room(&self, first: Option<u64>) -> u64 {
        let lost = match first {
            Some(first) if first > self.last => first - self.last - 1,
            _ => self
                .gone
                .total()
                .max(self.of.saturating_sub(self.came.total())),
        };
        lost.max(1).saturating_mul(MAX_PAYLOAD as u64)
    }
}

fn silent(number: u64) -> Lack {
    Lack {
        number: Some(number),
        id: String::new(),
        why: Why::Silent,
    }
}

#[cfg(test)]
mod tests;
