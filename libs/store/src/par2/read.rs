//! Finding the packets of a file, and deciding which are to be believed.
//!
//! Between packets there may be anything: holes, damage, other formats. So after a bad
//! packet the search for the magic goes on right behind the bad one's own.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use md5::{Digest, Md5};
use memchr::memmem::Finder;

use super::gather::Gather;
use super::packet::{HASHED_FROM, HEADER, Header, Kind, MAGIC, RECOVERY};
use super::{Id, Set};

/// Bytes read at once.
const WINDOW: usize = 64 << 10;

/// What may be hashed in vain, beyond the file's size: packets that overlap, each
/// claiming the rest of the file, would take time by the square of their number.
const PATIENCE: u64 = 16 << 20;

/// Whether a file begins as a PAR2 file does. Its name may not say so.
pub fn is_par2(file: &File) -> io::Result<bool> {
    Ok(Source::new(file)?.at(0, MAGIC.len())?.starts_with(MAGIC))
}

/// The sets of a PAR2 file, in the order in which they are met; the file's own position
/// does not move. What is no PAR2 file has none.
///
/// With `check` the MD5 of recovery blocks is checked as well, which reads all of the
/// file: for a file that has holes. Without, a block counts that lies wholly in the file,
/// is followed by another packet or the end, and has the size of a slice; then only
/// headers are read. All other packets are always checked.
///
/// Memory is bounded by some 50 MiB whatever the file claims; an honest set takes some
/// 200 bytes a file. Errors are those of reading.
pub fn read(file: &File, check: bool) -> io::Result<Vec<Set>> {
    let mut source = Source::new(file)?;
    let mut found = Gather::default();
    let mut wasted = 0;
    let mut at = 0;
    while let Some(start) = source.find(at)? {
        at = start + MAGIC.len() as u64;
        let Some(header) = source.header(start)? else {
            continue;
        };
        let body = match header.kind {
            Kind::Recovery if !check => source.believed(start, &header)?,
            _ => source.proven(start, &header)?,
        };
        match body {
            Some(body) => {
                found.take(&header, &body);
                at = start + header.length;
            }
            None => wasted += header.length,
        }
        if wasted > source.size.saturating_add(PATIENCE) {
            break;
        }
    }
    Ok(found.finish())
}

/// A file, and a piece of it in memory.
struct Source<'a> {
    file: &'a File,
    size: u64,
    finder: Finder<'static>,
    window: Vec<u8>,
    /// Where the window lies in the file.
    from: u64,
}

impl Source<'_> {
    fn new(file: &File) -> io::Result<Source<'_>> {
        Ok(Source {
            file,
            size: file.metadata()?.len(),
            finder: Finder::new(MAGIC),
            window: Vec::new(),
            from: 0,
        })
    }

    /// What there is from `at` on: at least `wanted` bytes (not more than [`WINDOW`]),
    /// fewer only at the end.
    fn at(&mut self, at: u64, wanted: usize) -> io::Result<&[u8]> {
        let end = self.from + self.window.len() as u64;
        if at < self.from || at + wanted as u64 > end {
            self.fill(at)?;
        }
        let skip = at.saturating_sub(self.from) as usize;
        Ok(self.window.get(skip..).unwrap_or_default())
    }

    fn fill(&mut self, at: u64) -> io::Result<()> {
        self.window.resize(WINDOW, 0);
        let mut filled = 0;
        while filled < WINDOW {
            let rest = &mut self.window[filled..];
            match self.file.read_at(rest, at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.window.truncate(filled);
        self.from = at;
        Ok(())
    }

    /// Where the next magic is, at `at` or behind it.
    fn find(&mut self, mut at: u64) -> io::Result<Option<u64>> {
        loop {
            let finder = self.finder.clone();
            let here = self.at(at, MAGIC.len())?;
            if here.len() < MAGIC.len() {
                return Ok(None);
            }
            match finder.find(here) {
                Some(found) => return Ok(Some(at + found as u64)),
                // The last seven may be the beginning of one.
                None => at += (here.len() + 1 - MAGIC.len()) as u64,
            }
        }
    }

    /// The header at `start`, if a packet of its length fits into the file.
    fn header(&mut self, start: u64) -> io::Result<Option<Header>> {
        let header = Header::parse(self.at(start, HEADER as usize)?);
        let rest = self.size.saturating_sub(start);
        Ok(header.filter(|header| header.length <= rest))
    }

    /// The beginning of a recovery packet's body, if it looks whole.
    fn believed(&mut self, start: u64, header: &Header) -> io::Result<Option<Vec<u8>>> {
        let end = start + header.length;
        if header.length < RECOVERY || !(end == self.size || self.at(end, 8)?.starts_with(MAGIC)) {
            return Ok(None);
        }
        let exponent = self.at(start + HEADER, 4)?.get(..4);
        Ok(exponent.map(<[u8]>::to_vec))
    }

    /// As much of a packet's body as is needed, if its MD5 is right.
    fn proven(&mut self, start: u64, header: &Header) -> io::Result<Option<Vec<u8>>> {
        let end = start + header.length;
        let needed = match header.length - HEADER {
            long if long > header.kind.needed() && header.kind != Kind::Recovery => 0,
            length => length.min(header.kind.needed()),
        };
        let body_end = start + HEADER + needed;
        let mut body = Vec::with_capacity(needed as usize);
        let mut md5 = Md5::new();
        let mut at = start + HASHED_FROM;
        while at < end {
            let here = self.at(at, 1)?;
            let here = &here[..here.len().min((end - at) as usize)];
            if here.is_empty() {
                return Ok(None);
            }
            md5.update(here);
            let from = (start + HEADER).saturating_sub(at).min(here.len() as u64);
            let to = body_end.saturating_sub(at).min(here.len() as u64);
            body.extend_from_slice(here.get(from as usize..to as usize).unwrap_or_default());
            at += here.len() as u64;
        }
        let md5: Id = md5.finalize().into();
        Ok((md5 == header.md5).then_some(body))
    }
}
