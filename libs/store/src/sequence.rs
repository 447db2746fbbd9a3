//! A file whose pieces do not say where they lie: each follows the one with the number
//! before it. Pure data: the moving is [`gather`](crate::gather)'s.
//!
//! While pieces before it are missing, a piece lies where it belongs if all have the size of
//! the largest: most posters make them so, and then nothing is ever moved. Where that place is
//! taken, or far from everything, it lies behind all others. In the end
//! [`moves`](Sequence::moves) says how each comes to its place, whatever lies where: nothing
//! that is still needed is written over.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::entry::Entry;
use crate::types::Order;

/// How far the file is known from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sequence {
    kind: Order,
    /// The first number that is not there.
    next: u64,
    /// Where its piece begins.
    end: u64,
    /// Bytes of the largest piece there ever was.
    largest: u64,
}

/// A piece that does not lie at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub number: u64,
    pub entry: Entry,
    pub to: u64,
}

impl Move {
    /// What nothing lies in any more once it is done.
    pub fn vacated(&self) -> Range<u64> {
        let (from, len) = (self.entry.offset, u64::from(self.entry.len));
        match self.to < from {
            true => from.max(self.to + len)..from + len,
            false => from..from + len,
        }
    }

    /// Whether the bytes are still where they were, however far it got.
    pub fn spares(&self) -> bool {
        let (from, to) = (self.entry.offset, self.to);
        from.abs_diff(to) >= u64::from(self.entry.len)
    }
}

impl Sequence {
    pub fn new(kind: Order) -> Sequence {
        Sequence {
            kind,
            next: 1,
            end: 0,
            largest: 0,
        }
    }

    /// What the pieces that are left make; `None` if there are none.
    pub fn of_rest(self, written: &BTreeMap<u64, Entry>) -> Option<Sequence> {
        let mut rest = Sequence {
            next: 1,
            end: 0,
            ..self
        };
        rest.advance(written);
        (!written.is_empty()).then_some(rest)
    }

    /// Whether a piece is of the same kind.
    pub fn takes(&self, order: Option<Order>) -> bool {
        order.is_some_and(|order| order.is_like(self.kind))
    }

    /// Takes note of a piece that was written, and is among all of them.
    pub fn note(&mut self, len: u64, written: &BTreeMap<u64, Entry>) {
        self.largest = self.largest.max(len);
        self.advance(written);
    }

    fn advance(&mut self, written: &BTreeMap<u64, Entry>) {
        while let Some(entry) = written.get(&self.next) {
            self.end += u64::from(entry.len);
            self.next += 1;
        }
    }

    /// Where a piece belongs if it is the next one, or if all before it are as large as the
    /// largest.
    pub fn guess(&self, number: u64, len: u64) -> Option<u64> {
        if number == self.next {
            return Some(self.end);
        }
        number.checked_sub(1)?.checked_mul(self.largest.max(len))
    }

    /// Where the file ends at most, as far as can be told, if it has so many pieces.
    pub fn bound(&self, of: u64) -> u64 {
        of.saturating_mul(self.largest)
    }

    /// What has to move, in this order, so that all pieces lie where they belong, and those
    /// behind a hole where they do if all have the size of the largest. Nothing, if that is
    /// beyond `near`.
    ///
    /// A piece that lies before its place may be in the way of others, and goes behind
    /// everything first. Then each lies at its place or behind it, and so behind all places of
    /// the pieces before it: in the order of their numbers they move over what is free or moved
    /// already.
    pub fn moves(&self, written: &BTreeMap<u64, Entry>, near: u64) -> Vec<Move> {
        let Some(places) = self.places(written, near) else {
            return Vec::new();
        };
        let ends = written.values().map(Entry::end);
        let ends = ends.chain((written.values().zip(&places)).map(|(e, to)| to + u64::from(e.len)));
        let mut behind = ends.fold(0, u64::max);
        let (mut away, mut home) = (Vec::new(), Vec::new());
        for ((&number, &entry), to) in written.iter().zip(places) {
            let (mut entry, len) = (entry, u64::from(entry.len));
            if entry.offset < to && len > 0 {
                let to = behind;
                away.push(Move { number, entry, to });
                entry.offset = behind;
                behind += len;
            }
            if entry.offset != to {
                home.push(Move { number, entry, to });
            }
        }
        away.extend(home);
        away
    }

    /// The places of all pieces.
    fn places(&self, written: &BTreeMap<u64, Entry>, near: u64) -> Option<Vec<u64>> {
        let mut end = 0;
        let mut place = |(&number, entry): (&u64, &Entry)| {
            let to = match number < self.next {
                true => end,
                false => (number.checked_sub(1)?).checked_mul(self.largest)?,
            };
            end = to.checked_add(u64::from(entry.len))?;
            (end <= near).then_some(to)
        };
        written.iter().map(&mut place).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ORDER: Option<Order> = Some(Order::Raw);

    fn entry(offset: u64, len: u32) -> Entry {
        Entry {
            offset,
            len,
            crc32: 0,
            verified: false,
            order: ORDER,
            print: 0,
        }
    }

    /// Does the moves on bytes, each of which is the number of its piece.
    fn moved(sequence: &Sequence, written: &BTreeMap<u64, Entry>) -> Vec<u8> {
        let mut disk = vec![0; 1_000];
        for (number, entry) in written {
            disk[entry.offset as usize..entry.end() as usize].fill(*number as u8);
        }
        for Move { number, entry, to } in sequence.moves(written, 200) {
            let from = entry.offset as usize..entry.end() as usize;
            assert!(disk[from.clone()].iter().all(|byte| *byte == number as u8));
            disk.copy_within(from, to as usize);
        }
        disk
    }

    proptest! {
        #[test]
        fn whatever_lies_where_all_come_to_their_places(
            pieces in prop::collection::vec((0..9u32, 0..9u64, any::<u64>(), 0..4u8), 0..9),
        ) {
            // In the order of the third word they lie one behind the other, with gaps.
            let mut order: Vec<usize> = (0..pieces.len()).collect();
            order.sort_by_key(|at| pieces[*at].2);
            let (mut written, mut free) = (BTreeMap::new(), 0);
            let mut sequence = Sequence::new(Order::Raw);
            for at in order {
                let (len, gap, _, there) = pieces[at];
                if there == 0 {
                    continue;
                }
                written.insert(at as u64 + 1, entry(free + gap, len));
                sequence.note(len.into(), &written);
                free += gap + u64::from(len);
            }
            let disk = moved(&sequence, &written);
            let mut end = 0;
            for (number, entry) in &written {
                if *number >= sequence.next {
                    end = (*number as usize - 1) * sequence.largest as usize;
                }
                let here = &disk[end..end + entry.len as usize];
                prop_assert!(here.iter().all(|byte| *byte == *number as u8));
                end += entry.len as usize;
            }
        }
    }

    #[test]
    fn pieces_of_one_size_never_move() {
        let mut written = BTreeMap::new();
        let mut sequence = Sequence::new(Order::Raw);
        for number in [3, 1, 4, 2] {
            let len = if number == 4 { 5 } else { 9 };
            let at = sequence.guess(number, len).unwrap();
            written.insert(number, entry(at, len as u32));
            sequence.note(len, &written);
        }
        assert_eq!(sequence.moves(&written, 100), []);
    }
}
