//! A file whose pieces do not say where they lie: each follows the one with the number
//! before it. Pure data: the moving is [`gather`](crate::gather)'s.
//!
//! While pieces before it are missing, a piece is parked where it can be in nobody's way:
//! at its number times the largest size of a piece, which is never before its place. The
//! data file is sparse. When all are there, those that are parked move down in the order
//! of their numbers: what they are written over is either free or moved already.

use std::collections::BTreeMap;

use crate::entry::Entry;
use crate::types::{MAX_PIECE, Order};

/// How far the file is known from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sequence {
    kind: Order,
    /// The first number that is not there.
    next: u64,
    /// Where its piece begins.
    end: u64,
}

/// A piece that does not lie at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub number: u64,
    pub entry: Entry,
    pub to: u64,
}

impl Sequence {
    pub fn new(kind: Order) -> Sequence {
        Sequence {
            kind,
            next: 1,
            end: 0,
        }
    }

    /// What the pieces that are left make; `None` if they are no sequence.
    pub fn of(written: &BTreeMap<u64, Entry>) -> Option<Sequence> {
        let first = written.values().next()?;
        let mut sequence = Sequence::new(first.order?);
        sequence.advance(written);
        Some(sequence)
    }

    /// Whether a piece is of the same kind.
    pub fn takes(&self, order: Option<Order>) -> bool {
        order.is_some_and(|order| order.is_like(self.kind))
    }

    /// Takes note of what was written.
    pub fn advance(&mut self, written: &BTreeMap<u64, Entry>) {
        while let Some(entry) = written.get(&self.next) {
            self.end += u64::from(entry.len);
            self.next += 1;
        }
    }

    /// The place of a piece, if all before it are there.
    pub fn place(&self, number: u64) -> Option<u64> {
        (number == self.next).then_some(self.end)
    }

    /// Whether these are all pieces from the first on, and the last, and no other, says
    /// that it is the last, if such pieces do.
    pub fn is_whole(&self, written: &BTreeMap<u64, Entry>) -> bool {
        let last = self.next - 1;
        let in_order = |(number, entry): (&u64, &Entry)| match entry.order {
            Some(Order::Uu { ends }) => ends == (*number == last),
            _ => true,
        };
        written.len() as u64 == last && written.iter().all(in_order)
    }
}

/// Where a piece is parked. There is no number 0.
pub(crate) fn parking(number: u64) -> u64 {
    match number.checked_sub(1) {
        Some(before) => before.saturating_mul(MAX_PIECE),
        None => u64::MAX,
    }
}

/// What has to move, in this order.
pub(crate) fn moves(written: &BTreeMap<u64, Entry>) -> Vec<Move> {
    let mut to = 0;
    let mut moves = Vec::new();
    for (&number, &entry) in written {
        if entry.offset != to {
            moves.push(Move { number, entry, to });
        }
        to += u64::from(entry.len);
    }
    moves
}
