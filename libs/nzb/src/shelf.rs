//! The segments of one file, put side by side so that they can be sorted.

use crate::item::Entry;
use crate::merge::Raw;

/// Octets after which the shelf counts as full: about 90,000 segments, a file
/// of 60 GB.
const FULL: usize = 8 << 20;

/// Entries of one file in little memory: 24 octets each and their ids.
#[derive(Debug)]
pub struct Shelf {
    slots: Vec<Slot>,
    ids: String,
    full: usize,
    last: u64,
    numbered: bool,
    unnumbered: bool,
    falling: bool,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// 0 is none.
    number: u64,
    /// 0 is unknown.
    bytes: u64,
    /// Where the id begins and ends in `ids`.
    id: (u32, u32),
}

/// What is known of the order of all entries seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Numbers never fell.
    Rising,
    /// They did, or some entries have none.
    Mixed,
    /// No entry has a number.
    Unnumbered,
}

impl Default for Shelf {
    fn default() -> Shelf {
        Shelf::new(FULL)
    }
}

impl Shelf {
    fn new(full: usize) -> Shelf {
        let (slots, ids) = (Vec::new(), String::new());
        Shelf {
            slots,
            ids,
            full,
            last: 0,
            numbered: false,
            unnumbered: false,
            falling: false,
        }
    }

    /// Notes an entry's place in the order without storing it.
    pub fn see(&mut self, entry: &Entry) {
        match entry.number {
            None => self.unnumbered = true,
            Some(number) => {
                self.numbered = true;
                self.falling |= number < self.last;
                self.last = number;
            }
        }
    }

    /// Stores an entry.
    pub fn push(&mut self, entry: &Entry, id: &str) {
        self.see(entry);
        // Below 4 GiB: the shelf is full long before, and an id is a field.
        let start = self.ids.len() as u32;
        self.ids.push_str(id);
        let id = (start, self.ids.len() as u32);
        self.slots.push(Slot {
            number: entry.number.unwrap_or(0),
            bytes: entry.bytes.unwrap_or(0),
            id,
        });
    }

    /// The order of the entries since [`Shelf::reset`].
    pub fn seen(&self) -> Seen {
        match (self.numbered, self.unnumbered, self.falling) {
            (false, true, _) => Seen::Unnumbered,
            (_, false, false) => Seen::Rising,
            _ => Seen::Mixed,
        }
    }

    /// True if what is stored should go.
    pub fn is_full(&self) -> bool {
        self.ids.len() + self.slots.len() * size_of::<Slot>() > self.full
    }

    /// Sorts by number, in the document's order where they are equal.
    pub fn sort(&mut self) {
        self.slots.sort_by_key(|slot| slot.number);
    }

    /// Numbers the entries from 1, in the document's order.
    pub fn renumber(&mut self) {
        for (number, slot) in (1..).zip(&mut self.slots) {
            slot.number = number;
        }
    }

    /// The entry at `index`.
    pub fn get(&self, index: usize) -> Option<Raw> {
        let slot = self.slots.get(index)?;
        let id = self.ids.get(slot.id.0 as usize..slot.id.1 as usize)?;
        Some(Raw::new(
            slot.number,
            Some(slot.bytes).filter(|&bytes| bytes > 0),
            id,
        ))
    }

    /// Takes the entries out, in order.
    pub fn drain(&mut self, mut take: impl FnMut(Raw)) {
        (0..self.slots.len())
            .filter_map(|index| self.get(index))
            .for_each(&mut take);
        self.clear();
    }

    /// Drops the entries, not what was seen of their order.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.ids.clear();
    }

    /// Empty and ready for another file; the memory stays.
    pub fn reset(&mut self) {
        self.clear();
        let (slots, ids) = (
            std::mem::take(&mut self.slots),
            std::mem::take(&mut self.ids),
        );
        *self = Shelf {
            slots,
            ids,
            ..Shelf::new(self.full)
        };
    }
}
