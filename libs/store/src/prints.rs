//! What the pieces of a file say it is: fingerprints, by which the piece of another file is
//! told from one of this that lies. Pure data.

use std::collections::BTreeMap;

use crate::types::Piece;

/// What one piece's headers say of its file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Print {
    pub family: Family,
    /// Its headers fit together as those of a real post do.
    pub fits: bool,
    /// CRC-32 of the whole file.
    pub crc32: Option<u32>,
}

/// Name (as CRC-32) and size of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Family {
    pub name: Option<u32>,
    pub size: Option<u64>,
}

/// All that were seen of a file: entries have a number in place of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Prints {
    known: Vec<Print>,
    index: BTreeMap<Print, u16>,
}

impl Print {
    pub fn of(piece: &Piece<'_>) -> Print {
        let name = piece.yenc_name.filter(|name| !name.is_empty());
        let family = Family {
            name: name.map(name_of),
            size: piece.size,
        };
        if piece.order.is_some() || family == Family::default() {
            return Print::default();
        }
        Print {
            family,
            fits: fits(piece).is_some(),
            crc32: piece.file_crc32,
        }
    }
}

/// What stands for a name.
pub(crate) fn name_of(name: &str) -> u32 {
    crc32fast::hash(name.trim().as_bytes())
}

/// Whether part, total, size and range are those of one part of a post whose parts have one
/// size, but for the last.
fn fits(piece: &Piece<'_>) -> Option<()> {
    let (size, len) = (piece.size?, piece.bytes.len() as u64);
    let end = piece.offset.checked_add(len)?;
    let is = |holds: bool| holds.then_some(());
    let part = match (piece.part, piece.total) {
        (None, None | Some(1)) => return is(piece.offset == 0 && len == size),
        (part, _) => part?,
    };
    is(part > 0 && len > 0 && end <= size)?;
    let is_last = end == size;
    let before = part - 1;
    let usual = match (is_last, before) {
        (false, _) | (true, 0) => len,
        (true, before) => piece.offset / before,
    };
    is(usual >= len && usual.checked_mul(before) == Some(piece.offset))?;
    let total = piece.total.unwrap_or(size.div_ceil(usual));
    is(total == size.div_ceil(usual) && is_last == (part == total))
}

impl Prints {
    /// The number of a fingerprint; 0 is that of none, and of any beyond what can be counted.
    pub fn number(&mut self, print: Print) -> u16 {
        if print == Print::default() {
            return 0;
        }
        if let Some(&number) = self.index.get(&print) {
            return number;
        }
        let Ok(number) = u16::try_from(self.known.len() + 1) else {
            return 0;
        };
        self.known.push(print);
        self.index.insert(print, number);
        number
    }

    /// The fingerprint of a number.
    pub fn get(&self, number: u16) -> Print {
        let at = usize::from(number).checked_sub(1);
        at.and_then(|at| self.known.get(at).copied())
            .unwrap_or_default()
    }
}
