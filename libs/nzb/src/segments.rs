//! The second pass: the segments of one file by rising number.
//!
//! A file whose numbers never fall is read straight through. Else its segments
//! are sorted in memory; if they are too many for that, only their (number,
//! offset) pairs are, 16 octets each, and the segments are read one by one.

use std::vec;

use crate::chunks::CHUNK;
use crate::error::Error;
use crate::feed::Feed;
use crate::input::{Text, TextReader};
use crate::item::{Element, Entry, Item};
use crate::merge::{Merger, Note, Raw};
use crate::scan::Scanner;
use crate::shelf::Shelf;
use crate::{File, Layout, Segment};

/// Bytes read for one segment by offset: most fit. More only costs copying.
const STEP: usize = 512;

/// Iterator over the segments of a file, made by [`crate::Nzb::segments`].
///
/// After an error it ends.
pub struct Segments<'a> {
    scanner: Scanner<TextReader<'a>>,
    order: Order,
    merger: Merger,
    ended: bool,
}

enum Order {
    /// The document's order. With an ordinal, that is the number.
    Document { ordinal: Option<u64>, crc: u32 },
    /// Sorted in memory, with the index of the next.
    Shelf(Shelf, usize),
    /// Sorted (number, offset) pairs.
    Index(vec::IntoIter<(u64, u64)>),
}

impl<'a> Segments<'a> {
    /// Begins with the first segment of `file`.
    pub(crate) fn new(text: &'a Text, file: &File) -> Result<Segments<'a>, Error> {
        let mut scanner = enter(text, file)?;
        let crc = file.place.crc;
        let order = match file.place.layout {
            Layout::Ordered => Order::Document { ordinal: None, crc },
            Layout::Ordinal => Order::Document {
                ordinal: Some(0),
                crc,
            },
            Layout::Sorted => Order::Shelf(shelf(&mut scanner, crc)?, 0),
            Layout::Indexed => {
                let index = index(&mut scanner, file)?;
                let feed = Feed::new(text.reader(0, STEP), 0);
                scanner = Scanner::new(feed, Some(Element::Segments));
                Order::Index(index.into_iter())
            }
        };
        Ok(Segments {
            scanner,
            order,
            merger: Merger::default(),
            ended: false,
        })
    }

    /// The next segment; what is odd about it goes to `notes`.
    pub(crate) fn next_noted(
        &mut self,
        notes: &mut dyn FnMut(u64, Note),
    ) -> Option<Result<Segment, Error>> {
        while !self.ended {
            match self.raw() {
                Ok(Some(raw)) => {
                    if let Some(segment) = self.merger.push(raw, notes) {
                        return Some(Ok(segment));
                    }
                }
                Ok(None) => {
                    self.ended = true;
                    return self.merger.finish().map(Ok);
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    fn raw(&mut self) -> Result<Option<Raw>, Error> {
        let (entry, number) = match &mut self.order {
            Order::Shelf(shelf, next) => {
                *next += 1;
                return Ok(shelf.get(*next - 1));
            }
            Order::Document { ordinal, crc } => {
                let Some(entry) = next_entry(&mut self.scanner, *crc)? else {
                    return Ok(None);
                };
                *ordinal = ordinal.map(|last| last + 1);
                (entry, *ordinal)
            }
            Order::Index(index) => {
                let Some((_, offset)) = index.next() else {
                    return Ok(None);
                };
                (entry_at(&mut self.scanner, offset)?, None)
            }
        };
        let number = number.or(entry.number).unwrap_or(0);
        Ok(Some(Raw::new(number, entry.bytes, self.scanner.text())))
    }
}

impl Iterator for Segments<'_> {
    type Item = Result<Segment, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_noted(&mut |_, _| ())
    }
}

impl std::iter::FusedIterator for Segments<'_> {}

/// A scanner that has just read the file's start tag.
fn enter<'a>(text: &'a Text, file: &File) -> Result<Scanner<TextReader<'a>>, Error> {
    let offset = file.place.offset;
    let feed = Feed::new(text.reader(offset, CHUNK), offset);
    let mut scanner = Scanner::new(feed, Some(Element::Nzb));
    match scanner.next().map_err(changed)? {
        Item::File(_) => scanner.feed_mut().begin_sum(),
        _ => return Err(Error::Changed),
    }
    Ok(scanner)
}

/// The next segment in the document's order, `None` at the file's end, where
/// the checksum must be that of the first pass.
fn next_entry(scanner: &mut Scanner<TextReader<'_>>, crc: u32) -> Result<Option<Entry>, Error> {
    loop {
        match scanner.next().map_err(changed)? {
            Item::Segment(entry) => return Ok(Some(entry)),
            Item::Group => {}
            Item::FileEnd if scanner.feed().sum() == crc => return Ok(None),
            _ => return Err(Error::Changed),
        }
    }
}

fn entry_at(scanner: &mut Scanner<TextReader<'_>>, offset: u64) -> Result<Entry, Error> {
    scanner.feed_mut().seek(offset, |text| text.seek(offset));
    match scanner.next().map_err(changed)? {
        Item::Segment(entry) => Ok(entry),
        _ => Err(Error::Changed),
    }
}

/// All segments of one file, sorted.
fn shelf(scanner: &mut Scanner<TextReader<'_>>, crc: u32) -> Result<Shelf, Error> {
    let mut shelf = Shelf::default();
    while let Some(entry) = next_entry(scanner, crc)? {
        shelf.push(&entry, scanner.text());
    }
    shelf.sort();
    Ok(shelf)
}

/// All segments of one file as sorted (number, offset).
fn index(scanner: &mut Scanner<TextReader<'_>>, file: &File) -> Result<Vec<(u64, u64)>, Error> {
    // Counted in the first pass, so it is no bigger than the text allows.
    let mut index = Vec::with_capacity(usize::try_from(file.declared).unwrap_or(0));
    while let Some(entry) = next_entry(scanner, file.place.crc)? {
        index.push((entry.number.unwrap_or(0), entry.offset));
    }
    index.sort_unstable();
    Ok(index)
}

/// What the first pass found good cannot be bad now unless it changed.
fn changed(error: Error) -> Error {
    match error.is_io() {
        true => error,
        false => Error::Changed,
    }
}
