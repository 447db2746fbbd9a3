//! What is known of one file that is not complete yet, and the judgement on each new
//! piece of it. Pure data: nothing is read or written here.

mod report;

use std::collections::BTreeMap;

use crate::coverage::Coverage;
use crate::entry::{Entry, Hints};
use crate::prints::Prints;
use crate::sequence::{Move, Sequence};
use crate::types::{MAX_PIECE, Order, Piece, Reason, Why};

/// A file whose pieces do not know their places is at most so much longer than what is
/// written of it, a piece more or less: not every file system has holes.
const SPREAD: u64 = 256 << 20;

/// No file is larger. The usual file systems hold so much, and no post is near it.
const MAX_FILE: u64 = 8 << 40;

/// The place of a piece that has none.
const NOWHERE: u64 = u64::MAX;

/// What to do with a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Write it, after forgetting these numbers: unverified pieces in its way.
    Write(Vec<u64>),
    /// It is there.
    Duplicate,
    /// It does not fit.
    Rejected(Reason),
    /// It is damaged; `free` if nothing better lies in its range.
    Damaged { free: bool },
}

/// The pieces of one file.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// How many there should be; 0 as long as nobody said.
    of: u64,
    written: BTreeMap<u64, Entry>,
    verified: Coverage,
    /// Unverified pieces: offset to number. They do not overlap each other.
    loose: BTreeMap<u64, u64>,
    loose_bytes: u64,
    /// Where the farthest piece without bytes lies. It takes no place in the sets
    /// above, but a file that ends before it is not whole.
    farthest_empty: u64,
    unverified: u64,
    lost: BTreeMap<u64, Why>,
    /// Given if the pieces do not know their places. Then all are of one kind.
    sequence: Option<Sequence>,
    pub prints: Prints,
    pub hints: Hints,
}

impl Pieces {
    /// Notes how many pieces the file has. Where records differ, the most demanding is
    /// believed.
    pub fn expect(&mut self, of: u64) {
        self.of = self.of.max(of);
    }

    /// How many pieces the file has; where nobody said, how many were heard of.
    pub fn of(&self) -> u64 {
        match self.of {
            0 => (self.written.len() + self.lost.len()) as u64,
            of => of,
        }
    }

    /// Whether the file may be whole with so many pieces more.
    pub fn are_enough(&self, more: usize) -> bool {
        self.of > 0 && (self.written.len() + more) as u64 >= self.of
    }

    /// The size of the whole file, if a piece's word for it is not larger than what else is
    /// known allows.
    pub fn size_to_be(&self, piece: &Piece<'_>) -> Option<u64> {
        let most = piece.file_bytes?.min(piece.bound.unwrap_or(u64::MAX));
        let most = most.min(self.cap(piece.number));
        piece
            .size
            .filter(|&size| piece.order.is_none() && size <= most)
    }

    /// Whether a piece, damaged as it may be, says where it lies, and can lie there.
    pub fn knows_place(&self, piece: &Piece<'_>) -> bool {
        piece.order.is_none() && self.admit(piece).is_some()
    }

    /// The numbers of the pieces that are written, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.written.keys().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    pub fn has(&self, number: u64) -> bool {
        self.written.contains_key(&number)
    }

    /// Where the bytes of a piece belong, or are kept until that is known.
    pub fn place(&self, piece: &Piece<'_>) -> u64 {
        let Some(order) = piece.order else {
            return piece.offset;
        };
        if let Some(old) = self.written.get(&piece.number) {
            return old.offset;
        }
        let sequence = self.sequence.unwrap_or(Sequence::new(order));
        let near = self.near();
        let is_free = |&offset: &u64| {
            let new = Entry {
                offset,
                ..Entry::of(piece)
            };
            offset <= near && self.loose_in(&new).is_empty()
        };
        let guess = sequence.guess(piece.number, piece.bytes.len() as u64);
        match guess.filter(is_free) {
            Some(offset) => offset,
            // Elsewhere its bytes are worth nothing.
            None if piece.damaged => NOWHERE,
            None => {
                let bound = sequence.bound(self.of);
                let bound = if bound <= near { bound } else { 0 };
                self.loose_end().max(bound)
            }
        }
    }

    /// Where the data file of a sequence may end.
    fn near(&self) -> u64 {
        self.loose_bytes.saturating_add(SPREAD)
    }

    /// Judges a piece, given its [place](Pieces::place) as offset. Number and offset
    /// identify it, the checksum decides; the first verified one stays.
    pub fn judge(&self, piece: &Piece<'_>) -> Judgement {
        let refused = |reason| match piece.damaged {
            true => Judgement::Damaged { free: false },
            false => Judgement::Rejected(reason),
        };
        let Some(new) = self.admit(piece) else {
            return refused(Reason::OutOfRange);
        };
        if !self.is_like(piece.order) {
            return match new.verified && !piece.damaged {
                true => Judgement::Write(self.numbers().collect()),
                false => refused(Reason::Contradiction),
            };
        }
        if piece.damaged {
            let free = !self.has(piece.number)
                && !self.verified.overlaps(new.offset, new.end())
                && self.loose_in(&new).is_empty();
            return Judgement::Damaged { free };
        }
        match self.written.get(&piece.number) {
            Some(old) if old.is_same(&new) && old.verified >= new.verified => Judgement::Duplicate,
            Some(old) if old.verified || !new.verified => {
                Judgement::Rejected(Reason::Contradiction)
            }
            old => self.judge_place(&new, old.map(|_| piece.number)),
        }
    }

    /// Whether an entry found in a journal fits among the others.
    pub fn fits(&self, entry: &Entry) -> bool {
        let way = self.judge_place(entry, None);
        self.is_like(entry.order) && matches!(way, Judgement::Write(way) if way.is_empty())
    }

    /// Takes in a piece whose bytes were written.
    pub fn accept(&mut self, number: u64, entry: Entry) {
        let len = u64::from(entry.len);
        if entry.verified {
            self.verified.insert(entry.offset, entry.end());
        } else {
            self.unverified += 1;
            if len > 0 {
                self.loose.insert(entry.offset, number);
                self.loose_bytes += len;
            }
        }
        if len == 0 && entry.order.is_none() {
            self.farthest_empty = self.farthest_empty.max(entry.offset);
        }
        self.lost.remove(&number);
        self.written.insert(number, entry);
        if let Some(order) = entry.order {
            let sequence = self.sequence.get_or_insert(Sequence::new(order));
            sequence.note(len, &self.written);
        }
    }

    /// Forgets an unverified piece that makes room for a verified one.
    pub fn evict(&mut self, number: u64) {
        if let Some(old) = self.written.remove(&number) {
            self.unverified -= 1;
            if self.loose.get(&old.offset) == Some(&number) {
                self.loose.remove(&old.offset);
                self.loose_bytes -= u64::from(old.len);
            }
            self.sequence = self.sequence.and_then(|s| s.of_rest(&self.written));
        }
    }

    /// Forgets a piece, whatever it is.
    pub fn forget(&mut self, number: u64) {
        let Some(entry) = self.written.get(&number).filter(|e| e.verified) else {
            return self.evict(number);
        };
        self.verified.remove(entry.offset, entry.end());
        self.written.remove(&number);
    }

    /// Notes that a piece of a sequence was moved to its place; returns it as it is now.
    pub fn moved(&mut self, step: &Move) -> Entry {
        let entry = Entry {
            offset: step.to,
            ..step.entry
        };
        if entry.len > 0 {
            self.loose.remove(&step.entry.offset);
            self.loose.insert(entry.offset, step.number);
        }
        self.written.insert(step.number, entry);
        entry
    }

    /// Notes that a piece will not come, or came damaged; says whether that is news.
    pub fn lose(&mut self, number: u64, why: Why) -> bool {
        if self.has(number) {
            return false;
        }
        match self.lost.get(&number) {
            Some(Why::Damaged) => false,
            known => {
                let is_news = known.is_none();
                self.lost.insert(number, why);
                is_news
            }
        }
    }

    /// Forgets all that was written.
    pub fn forget_written(&mut self) {
        *self = Pieces {
            of: self.of,
            lost: std::mem::take(&mut self.lost),
            ..Pieces::default()
        };
    }

    /// Whether the file is whole: enough numbers, no gap (there never is an overlap,
    /// so the sum tells), and the pieces do not agree that there should be more. As
    /// long as nobody said how many there are, another may come.
    pub fn is_whole(&self, accept_unverified: bool) -> bool {
        self.of > 0 && self.is_whole_at_last(accept_unverified)
    }

    /// Whether the file is whole when no more pieces will come. Where nobody said how
    /// many there are, none may be known to be lost, unless the pieces agree on a size
    /// and it is reached.
    pub fn is_whole_at_last(&self, accept_unverified: bool) -> bool {
        let trusted = accept_unverified || self.unverified == 0;
        let enough = match self.of {
            0 => self.lost.is_empty() || self.hints.size.get() == Some(&self.end()),
            of => self.written.len() as u64 >= of,
        };
        !self.is_empty() && enough && trusted && self.is_filled()
    }

    /// There is no gap, and the pieces do not agree that there should be more.
    fn is_filled(&self) -> bool {
        if let Some(sequence) = &self.sequence {
            return sequence.is_whole(&self.written);
        }
        self.verified.bytes() + self.loose_bytes == self.end() && !self.is_short()
    }

    /// What has to move before each piece lies where it belongs.
    pub fn moves(&self) -> Vec<Move> {
        let sequence = self.sequence.as_ref();
        sequence.map_or(Vec::new(), |s| s.moves(&self.written, self.near()))
    }

    /// Up to where there are verified pieces without a gap.
    pub fn proven_start(&self) -> u64 {
        self.verified.start()
    }

    /// The ranges in which something is written.
    pub fn filled(&self) -> Coverage {
        let mut all = self.verified.clone();
        for number in self.loose.values() {
            if let Some(e) = self.written.get(number) {
                all.insert(e.offset, e.end());
            }
        }
        all
    }

    /// Where the last piece ends.
    pub fn end(&self) -> u64 {
        if self.sequence.is_some() {
            return self.loose_bytes;
        }
        let written = self.verified.end().max(self.loose_end());
        written.max(self.farthest_empty)
    }

    fn loose_end(&self) -> u64 {
        let last = self.loose.last_key_value();
        let last = last.and_then(|(_, number)| self.written.get(number));
        last.map_or(0, Entry::end)
    }

    /// CRC-32 of the whole file out of those of its pieces.
    pub fn crc32(&self) -> u32 {
        let mut entries: Vec<&Entry> = self.written.values().collect();
        if self.sequence.is_none() {
            entries.sort_unstable_by_key(|e| e.offset);
        }
        let mut whole = crc32fast::Hasher::new();
        for e in entries {
            let part = crc32fast::Hasher::new_with_initial_len(e.crc32, u64::from(e.len));
            whole.combine(&part);
        }
        whole.finalize()
    }

    /// The parts agree that there is more than the NZB knows of.
    fn is_short(&self) -> bool {
        self.hints.size.get().is_some_and(|&size| size > self.end())
    }

    /// The largest file that so many pieces can make. Where nobody
    /// said how many, at least the pieces up to this number can lie before its end;
    /// one more, for people count from 0 too.
    fn cap(&self, number: u64) -> u64 {
        let most = match self.of {
            0 => number.saturating_add(1),
            of => of,
        };
        most.saturating_mul(MAX_PIECE).min(MAX_FILE)
    }

    /// The piece as an entry, if the file can hold it.
    fn admit(&self, piece: &Piece<'_>) -> Option<Entry> {
        let entry = Entry::of(piece);
        let fits = match piece.order {
            Some(_) => {
                let counts = self.of == 0 || piece.number <= self.of;
                piece.number > 0 && counts && entry.offset != NOWHERE
            }
            None => {
                let bound = piece.bound.unwrap_or(u64::MAX);
                entry.end() <= self.cap(piece.number).min(bound)
            }
        };
        (u64::from(entry.len) <= MAX_PIECE && fits).then_some(entry)
    }

    /// Whether a piece belongs to the same sequence as all others, or none does to any.
    fn is_like(&self, order: Option<Order>) -> bool {
        match &self.sequence {
            Some(sequence) => sequence.takes(order),
            None => order.is_none() || self.is_empty(),
        }
    }

    /// Judges the range; `replaced` is the number's own earlier, unverified piece.
    fn judge_place(&self, new: &Entry, replaced: Option<u64>) -> Judgement {
        if self.verified.overlaps(new.offset, new.end()) {
            return Judgement::Rejected(Reason::Overlap);
        }
        let mut way = self.loose_in(new);
        if !new.verified && !way.is_empty() {
            return Judgement::Rejected(Reason::Overlap);
        }
        way.extend(replaced);
        way.sort_unstable();
        way.dedup();
        Judgement::Write(way)
    }

    /// The unverified pieces that overlap `new`.
    fn loose_in(&self, new: &Entry) -> Vec<u64> {
        if new.len == 0 {
            return Vec::new();
        }
        let below = self
            .loose
            .range(..new.end())
            .rev()
            .map(|(_, number)| *number);
        below
            .take_while(|n| self.written.get(n).is_some_and(|e| e.end() > new.offset))
            .collect()
    }
}

#[cfg(test)]
mod tests;
