//! What is remembered of a file that is complete, so that a piece that comes late can
//! be told from one that never belonged there. Pure data.

use crate::coverage::Coverage;
use crate::entry::Entry;
use crate::pieces::Pieces;
use crate::recorded::{Done, Recorded};
use crate::types::{Piece, Placed, Reason};

/// A complete file.
#[derive(Debug)]
pub(crate) struct Finished {
    pub done: Done,
    of: u64,
    /// What the pieces declared.
    declared: Option<u32>,
    /// The numbers of its pieces, as ranges: they are consecutive as a rule. `None` if
    /// the journal of an earlier run lost some.
    counted: Option<Coverage>,
    /// How many of them had no checksum.
    unverified: u64,
}

impl Finished {
    /// One whose last piece came now.
    pub fn of_this_run(done: Done, pieces: &Pieces) -> Finished {
        Finished {
            of: pieces.of(),
            declared: pieces.hints.crc32.get().copied(),
            counted: Some(numbers(pieces.numbers())),
            unverified: done.unverified,
            done,
        }
    }

    /// One that is there already, by what the journal says of it.
    pub fn of_earlier_run(done: Done, recorded: &Recorded) -> Finished {
        let bytes: u64 = recorded.entries.values().map(|e| u64::from(e.len)).sum();
        let counted = (bytes == done.size && !recorded.entries.is_empty())
            .then(|| numbers(recorded.entries.keys().copied()));
        Finished {
            of: done.of,
            unverified: done.unverified,
            done,
            declared: recorded.hints.crc32.get().copied(),
            counted,
        }
    }

    /// Notes how many pieces the file has, if that is not known.
    pub fn expect(&mut self, of: u64) {
        if self.of == 0 {
            self.of = of;
        }
    }

    /// How many pieces the file has; where nobody said, how many it was made of.
    pub fn of(&self) -> u64 {
        match (self.of, &self.counted) {
            (0, Some(counted)) => counted.bytes(),
            (0, None) => 1,
            (of, _) => of,
        }
    }

    /// How many of its pieces had no checksum.
    pub fn unverified(&self) -> u64 {
        self.unverified
    }

    /// CRC-32 of the file by its pieces' own word, where they agreed.
    pub fn declared(&self) -> Option<u32> {
        self.declared
    }

    /// Judges a piece. Where a damaged one says it lies is not to be believed.
    pub fn judge(&self, piece: &Piece<'_>) -> Placed {
        let is_counted = self
            .counted
            .as_ref()
            .is_none_or(|c| c.overlaps(piece.number, piece.number.saturating_add(1)));
        let is_within = match piece.order {
            _ if piece.damaged => true,
            Some(_) => piece.bytes.len() as u64 <= self.done.size,
            None => Entry::of(piece).end() <= self.done.size,
        };
        match is_counted && is_within {
            true => Placed::Late,
            false => Placed::Rejected(Reason::OutOfRange),
        }
    }
}

fn numbers(all: impl Iterator<Item = u64>) -> Coverage {
    let mut set = Coverage::default();
    for number in all {
        set.insert(number, number.saturating_add(1));
    }
    set
}
