//! Puts pieces in their places: those that lie one behind the other in one system call.
//! Whether a piece belongs there is [`pieces`](crate::pieces)'s judgement.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;

use crate::Error;
use crate::entry::{Entry, Hints};
use crate::held::Held;
use crate::lane::{Given, Item, State};
use crate::line::Line;
use crate::pieces::{Judgement, Pieces};
use crate::prints::Print;
use crate::types::{Event, Piece, Placed, Preallocate, Reason, Why};

/// Most pieces of one write. The system takes 1024 (`IOV_MAX`).
const MOST: usize = 512;

/// Pieces that were judged good, each beginning where the one before it ends.
pub(crate) struct Run<T> {
    pieces: Vec<Box<Given<T>>>,
    end: u64,
}

impl<T> Run<T> {
    pub fn new() -> Run<T> {
        Run {
            pieces: Vec::new(),
            end: 0,
        }
    }

    fn len(&self) -> usize {
        self.pieces.len()
    }

    fn push(&mut self, given: Box<Given<T>>) {
        self.end = given.offset + given.bytes.len() as u64;
        self.pieces.push(given);
    }

    /// Whether a piece goes on where this ends. What it does is in nobody's way then, so it
    /// can be judged by what was there before.
    fn goes_on(&self, given: &Given<T>) -> bool {
        let is_like = given.order.is_none() && !given.damaged;
        is_like
            && self.len() < MOST
            && given.offset == self.end
            && self.pieces.iter().all(|p| p.number != given.number)
    }
}

/// Neighbours next to each other, where all are plain pieces with numbers and places of
/// their own: then their order is nobody's business.
pub(crate) fn in_order<T>(mut items: Vec<Item<T>>) -> Vec<Item<T>> {
    if items.len() < 2 {
        return items;
    }
    let plain = |item: &Item<T>| match item {
        Item::Piece(given) if given.order.is_none() && !given.damaged => {
            let end = given.offset.checked_add(given.bytes.len() as u64)?;
            Some((given.offset, end, given.number))
        }
        _ => None,
    };
    let Some(mut pieces) = items.iter().map(plain).collect::<Option<Vec<_>>>() else {
        return items;
    };
    pieces.sort_unstable();
    let is_apart = pieces.windows(2).all(|pair| pair[0].1 <= pair[1].0);
    pieces.sort_unstable_by_key(|piece| piece.2);
    if is_apart && pieces.windows(2).all(|pair| pair[0].2 != pair[1].2) {
        items.sort_by_key(|item| plain(item).map(|(offset, ..)| offset));
    }
    items
}

impl<T: Clone> Held<'_, T> {
    /// Puts a piece in its place, if it has one.
    pub fn piece(&mut self, mut given: Box<Given<T>>) -> Result<(), Error> {
        self.expect(given.piece().of);
        if self.run.len() > 0 && !self.run.goes_on(&given) {
            self.flush()?;
        }
        let mut judged = self.judge(&mut given);
        if let (Ok(Judgement::Write(way)), None) = (&judged, given.order)
            && way.is_empty()
        {
            self.run.push(given);
            return self.complete_soon();
        }
        if self.run.len() > 0 {
            self.flush()?;
            judged = self.judge(&mut given);
        }
        match judged {
            Ok(judgement) => self.settle(given, judgement),
            Err(placed) => {
                self.tell(given.ticket, placed);
                Ok(())
            }
        }
    }

    /// What a file that is open makes of a piece, or what one that is done says.
    fn judge(&self, given: &mut Given<T>) -> Result<Judgement, Placed> {
        match &self.desk.state {
            State::Open(pieces) => {
                given.offset = pieces.place(&given.piece());
                Ok(pieces.judge(&given.piece()))
            }
            State::Done(finished) => Err(finished.judge(&given.piece())),
            State::Unknown => Err(Placed::Late),
        }
    }

    fn settle(&mut self, given: Box<Given<T>>, judgement: Judgement) -> Result<(), Error> {
        let piece = given.piece();
        let placed = match judgement {
            Judgement::Duplicate => Placed::Duplicate,
            Judgement::Rejected(reason) => self.reject(&piece, reason),
            Judgement::Damaged { free } => {
                self.harm(&piece, free)?;
                Placed::Damaged
            }
            Judgement::Write(way) => {
                self.replace(&given, &way)?;
                self.draft.tickets.push(given.ticket);
                return self.complete_soon();
            }
        };
        self.tell(given.ticket, placed);
        Ok(())
    }

    fn tell(&mut self, ticket: T, placed: Placed) {
        self.told.push(Event::Placed { ticket, placed });
    }

    fn reject(&mut self, piece: &Piece<'_>, reason: Reason) -> Placed {
        self.lose(piece.number, piece.id, Why::Failed);
        Placed::Rejected(reason)
    }

    fn harm(&mut self, piece: &Piece<'_>, free: bool) -> Result<(), Error> {
        self.lose(piece.number, piece.id, Why::Damaged);
        if let State::Open(pieces) = &self.desk.state
            && pieces.knows_place(piece)
            && self.desk.damaged.len() < RANGES
        {
            let entry = Entry::of(piece);
            let range = (entry.offset, entry.end());
            self.desk.damaged.entry(piece.number).or_insert(range);
        }
        if free && self.shared.options.salvage {
            self.write(&[piece.bytes], piece.offset)?;
        }
        Ok(())
    }

    /// If what was given may be all, it is looked at now: a piece that comes later is judged
    /// by the complete file.
    fn complete_soon(&mut self) -> Result<(), Error> {
        let State::Open(pieces) = &self.desk.state else {
            return Ok(());
        };
        if !pieces.are_enough(self.run.len()) {
            return Ok(());
        }
        self.flush()?;
        self.commit()?;
        self.complete_if(Pieces::is_whole)
    }

    /// Writes the run. Data first, then memory and, with [`commit`](Held::commit), the
    /// journal: whatever fails or dies in between, nothing is believed to be there that is
    /// not.
    pub fn flush(&mut self) -> Result<(), Error> {
        let run = std::mem::replace(&mut self.run, Run::new());
        let Some(first) = run.pieces.first() else {
            return Ok(());
        };
        self.preset(&first.piece())?;
        match &run.pieces[..] {
            [one] => self.write(&[&one.bytes], one.offset)?,
            all => {
                let bytes: Vec<&[u8]> = all.iter().map(|p| &*p.bytes).collect();
                self.write(&bytes, first.offset)?;
            }
        }
        for given in run.pieces {
            self.accept(&given);
            if given.piece().verified {
                self.hash(given.offset, &given.bytes);
            }
            self.draft.tickets.push(given.ticket);
        }
        Ok(())
    }

    /// Writes a piece that others have to give way to, or that does not know its place.
    fn replace(&mut self, given: &Given<T>, way: &[u64]) -> Result<(), Error> {
        let piece = given.piece();
        if !way.is_empty() {
            self.give_way(way)?;
        }
        self.write(&[piece.bytes], piece.offset)?;
        self.accept(given);
        Ok(())
    }

    /// The journal knows that a piece is gone before its bytes are.
    fn give_way(&mut self, way: &[u64]) -> Result<(), Error> {
        self.commit()?;
        let State::Open(pieces) = &mut self.desk.state else {
            return Ok(());
        };
        way.iter().for_each(|&number| pieces.evict(number));
        let is_empty = pieces.is_empty();
        let file = self.lane.key.as_str();
        for &number in way {
            let number = Some(number);
            self.draft.lines.push(&Line::Gone { file, number });
        }
        if is_empty {
            pieces.hints = Hints::default();
        }
        self.draft.lines.push(&Line::Hint {
            file,
            hints: &pieces.hints,
        });
        self.commit()?;
        self.unhash();
        if is_empty {
            self.clear()?;
        }
        Ok(())
    }

    /// Empties the data file: what lies in it belongs nowhere any more.
    fn clear(&mut self) -> Result<(), Error> {
        let file = self.data()?;
        file.set_len(0).map_err(|e| self.failed(e))?;
        self.desk.len = 0;
        Ok(())
    }

    /// Notes a piece that is written.
    fn accept(&mut self, given: &Given<T>) {
        let piece = &given.piece();
        let State::Open(pieces) = &mut self.desk.state else {
            return;
        };
        let (file, print) = (self.lane.key.as_str(), Print::of(piece));
        let entry = Entry {
            print: pieces.prints.number(print),
            ..Entry::of(piece)
        };
        if let Some(hints) = pieces.hints.after(piece) {
            pieces.hints = hints;
            let hints = &pieces.hints;
            self.draft.lines.push(&Line::Hint { file, hints });
        }
        let number = piece.number;
        self.draft.lines.push(&Line::Part {
            file,
            number,
            entry,
            print,
        });
        pieces.accept(number, entry);
        self.desk.tickets.note(&print, number, &given.ticket);
        self.draft.numbers.push(number);
        self.draft.bytes += u64::from(entry.len);
    }

    fn write(&mut self, bytes: &[&[u8]], offset: u64) -> Result<(), Error> {
        let file = self.data()?;
        let end = offset + bytes.iter().map(|b| b.len() as u64).sum::<u64>();
        write_all(&file, bytes, offset).map_err(|e| self.failed(e))?;
        self.desk.len = self.desk.len.max(end);
        Ok(())
    }

    /// Gives a file that nothing was written to its size, if the first piece's word for it
    /// can be believed: the NZB says how many encoded bytes there are, and decoding makes no
    /// more of them.
    fn preset(&mut self, piece: &Piece<'_>) -> Result<(), Error> {
        let full = match self.shared.options.preallocate {
            Preallocate::None => return Ok(()),
            Preallocate::Sparse => false,
            Preallocate::Full => true,
        };
        let State::Open(pieces) = &self.desk.state else {
            return Ok(());
        };
        let size = pieces.size_to_be(piece).filter(|_| self.desk.len == 0);
        let Some(size) = size.filter(|&size| size > 0) else {
            return Ok(());
        };
        let file = self.data()?;
        make_room(&file, size, full).map_err(|e| self.failed(e))?;
        self.desk.len = size;
        Ok(())
    }
}

/// How many damaged ranges of one file are remembered.
const RANGES: usize = 4096;

/// Not every file system has blocks to give in advance.
fn make_room(file: &File, size: u64, full: bool) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if full {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        match fallocate(file, FallocateFlags::empty(), 0, size) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => {}
            done => return done.map_err(io::Error::from),
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = full;
    file.set_len(size)
}

/// Writes all of it, however often the system is asked.
fn write_all(file: &File, bytes: &[&[u8]], mut offset: u64) -> io::Result<()> {
    if let [one] = bytes {
        return file.write_all_at(one, offset);
    }
    let mut slices: Vec<IoSlice<'_>> = bytes.iter().map(|b| IoSlice::new(b)).collect();
    let mut left = &mut slices[..];
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match rustix::io::pwritev(file, left, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                offset += n as u64;
                IoSlice::advance_slices(&mut left, n);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_slices_are_written_one_behind_the_other() {
        let file = tempfile::tempfile().unwrap();
        let bytes: Vec<Vec<u8>> = (0..MOST).map(|n| vec![n as u8; n % 5]).collect();
        let slices: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        write_all(&file, &slices, 3).unwrap();
        write_all(&file, &[b"", b""], 3).unwrap();
        let mut read = vec![0; slices.concat().len()];
        file.read_exact_at(&mut read, 3).unwrap();
        assert!(read == slices.concat());
        assert_eq!(file.metadata().unwrap().len(), 3 + read.len() as u64);
    }
}
