//! What the pieces of a file say it is: fingerprints, by which the piece of another file is
//! told from one of this that lies. Pure data.

use std::collections::BTreeMap;

use crate::entry::Entry;
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
        // No file system takes more: what is longer is no name.
        let usable = |name: &&str| !name.is_empty() && name.len() <= crate::name::MAX;
        let name = piece.yenc_name.filter(usable);
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

impl Family {
    /// Whether both cannot be the same file.
    fn contradicts(&self, other: &Family) -> bool {
        let differ = |one: Option<u64>, two: Option<u64>| one.zip(two).is_some_and(|(a, b)| a != b);
        differ(self.size, other.size) || differ(self.name.map(u64::from), other.name.map(u64::from))
    }
}

/// What was given with the pieces that may yet be doubted: those of which there are few.
#[derive(Debug)]
pub(crate) struct Tickets<T>(BTreeMap<Family, (u32, Vec<(u64, T)>)>);

/// With more fingerprints than this no piece of a file is the odd one out: there are posts
/// that give each article a name of its own, and tickets would pile up for nothing.
const FAMILIES: usize = 16;

/// With more pieces than this, a fingerprint is not the odd one out.
const FEW: u32 = 2;

impl<T: Clone> Tickets<T> {
    /// Notes a piece that was written.
    pub fn note(&mut self, print: &Print, number: u64, ticket: &T) {
        if self.0.len() >= FAMILIES && !self.0.contains_key(&print.family) {
            self.0
                .values_mut()
                .for_each(|(_, tickets)| *tickets = Vec::new());
            return;
        }
        let (count, tickets) = self.0.entry(print.family).or_default();
        *count += 1;
        match *count > FEW {
            true => *tickets = Vec::new(),
            false if print.fits => tickets.push((number, ticket.clone())),
            false => {}
        }
    }
}

impl<T> Tickets<T> {
    pub fn new() -> Tickets<T> {
        Tickets(BTreeMap::new())
    }

    /// What was given last with the piece of this number.
    pub fn take(&mut self, number: u64) -> Option<T> {
        let mut last = None;
        for (count, tickets) in self.0.values_mut() {
            let of_number = |(n, _): &mut (u64, T)| *n == number;
            for (_, ticket) in tickets.extract_if(.., of_number) {
                *count -= 1;
                last = Some(ticket);
            }
        }
        last
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

    /// The pieces of another file among those that would make this one whole: what they say
    /// contradicts what most say, and is in itself what a real post would say. Headers that
    /// fit nothing are decoys, and so are those that all differ. `nzb` is the NZB's name, one
    /// more voice for who bears it. `crc32` is that of the file as it would be: if it is what
    /// most say, all is well.
    pub fn foreign(
        &self,
        written: &BTreeMap<u64, Entry>,
        nzb: u32,
        crc32: impl FnOnce() -> u32,
    ) -> Vec<u64> {
        let first = self.known.first().map(|print| print.family);
        if self.known.iter().all(|print| Some(print.family) == first) {
            return Vec::new();
        }
        let Some(most) = self.most(written, nzb) else {
            return Vec::new();
        };
        let of_most = |entry: &&Entry| self.get(entry.print).family == most;
        let mut said = (written.values().filter(of_most)).filter_map(|e| self.get(e.print).crc32);
        if let Some(one) = said.next()
            && said.all(|other| other == one)
            && one == crc32()
        {
            return Vec::new();
        }
        let is_foreign = |entry: &Entry| {
            let print = self.get(entry.print);
            print.fits && print.family.contradicts(&most)
        };
        let foreign = written.iter().filter(|(_, entry)| is_foreign(entry));
        foreign.map(|(&number, _)| number).collect()
    }

    /// What more than half say, and at least two.
    fn most(&self, written: &BTreeMap<u64, Entry>, nzb: u32) -> Option<Family> {
        let mut voices: BTreeMap<Family, usize> = BTreeMap::new();
        for entry in written.values() {
            *voices.entry(self.get(entry.print).family).or_default() += 1;
        }
        voices.remove(&Family::default());
        let mut all = written.len();
        let mut named = voices.iter_mut().filter(|(f, _)| f.name == Some(nzb));
        if let (Some((_, count)), None) = (named.next(), named.next()) {
            *count += 1;
            all += 1;
        }
        let most = voices.into_iter().max_by_key(|(_, count)| *count)?;
        (most.1 >= 2 && 2 * most.1 > all).then_some(most.0)
    }

    /// The fingerprint of a number.
    pub fn get(&self, number: u16) -> Print {
        let at = usize::from(number).checked_sub(1);
        at.and_then(|at| self.known.get(at).copied())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Posts that give each article a name of its own come with thousands of files: tickets of
    // some hundred articles of each were more memory than all else.
    #[test]
    fn where_all_differ_nothing_is_kept() {
        let ticket = std::sync::Arc::new(());
        let mut tickets = Tickets::new();
        for number in 1..=200 {
            let family = Family {
                name: Some(number),
                size: Some(9),
            };
            let print = Print {
                family,
                fits: true,
                crc32: None,
            };
            tickets.note(&print, number.into(), &ticket);
        }
        assert_eq!(std::sync::Arc::strong_count(&ticket), 1);
    }
}
