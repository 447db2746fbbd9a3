//! Where parts wait that the window has no room for: one temporary file, its room used
//! again and again. Which parts go there is left to `window`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Opens the file when the first part needs it; most streams never do.
pub type Opener = Box<dyn FnMut() -> io::Result<File> + Send>;

/// Room is given out in steps of this, so that parts of nearly the same size can take
/// each other's.
const STEP: u64 = 4 << 10;

/// The temporary file.
pub(crate) struct Spill {
    open: Opener,
    file: Option<File>,
    /// The longest it may become.
    limit: u64,
    end: u64,
    /// Room that was given back: its length, and where it begins.
    free: BTreeMap<u64, Vec<u64>>,
    used: usize,
}

/// Room in the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    at: u64,
    room: u64,
}

impl Spill {
    pub fn new(open: Opener, limit: u64) -> Spill {
        Spill {
            open,
            file: None,
            limit,
            end: 0,
            free: BTreeMap::new(),
            used: 0,
        }
    }

    /// Writes `bytes` somewhere. `QuotaExceeded` is our own limit, anything else the
    /// system's answer.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<Slot> {
        let slot = self.room(bytes.len() as u64)?;
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert((self.open)()?),
        };
        file.write_all_at(bytes, slot.at)?;
        self.used += 1;
        Ok(slot)
    }

    /// Reads `len` bytes back.
    pub fn get(&self, slot: &Slot, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        match &self.file {
            Some(file) => file.read_exact_at(&mut bytes, slot.at)?,
            None => return Err(io::ErrorKind::NotFound.into()),
        }
        Ok(bytes)
    }

    /// Gives room back. When none is in use, the disk gets all of it.
    pub fn free(&mut self, slot: Slot) {
        self.used -= 1;
        if self.used > 0 {
            self.free.entry(slot.room).or_default().push(slot.at);
            return;
        }
        self.free.clear();
        self.end = 0;
        if let Some(file) = &self.file {
            // Refused, it only keeps what it has until the program ends.
            let _ = file.set_len(0);
        }
    }

    fn room(&mut self, len: u64) -> io::Result<Slot> {
        let room = len.next_multiple_of(STEP).max(STEP);
        let found = self.free.range_mut(room..=2 * room).next();
        if let Some((&room, places)) = found
            && let Some(at) = places.pop()
        {
            if places.is_empty() {
                self.free.remove(&room);
            }
            return Ok(Slot { at, room });
        }
        let end = self.end.saturating_add(room);
        if end > self.limit {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let at = std::mem::replace(&mut self.end, end);
        Ok(Slot { at, room })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spill(limit: u64) -> Spill {
        Spill::new(Box::new(tempfile::tempfile), limit)
    }

    #[test]
    fn what_was_put_comes_back() {
        let mut spill = spill(u64::MAX);
        let slots: Vec<Slot> = (0..20u8)
            .map(|n| spill.put(&vec![n; 5000 + usize::from(n)]).unwrap())
            .collect();
        for (n, slot) in (0..20u8).zip(&slots) {
            let len = 5000 + usize::from(n);
            assert_eq!(spill.get(slot, len).unwrap(), vec![n; len]);
        }
    }

    // Parts come and go for hours: the file must not be as long as all of them.
    #[test]
    fn room_is_used_again() {
        let mut spill = spill(40_000);
        let mut waiting: Vec<Slot> = Vec::new();
        for turn in 0..1000 {
            waiting.push(spill.put(&vec![1; 6000 + turn]).unwrap());
            if waiting.len() == 3 {
                let first = waiting.remove(0);
                spill.free(first);
            }
        }
        for slot in waiting {
            spill.free(slot);
        }
        assert_eq!((spill.end, spill.free.len()), (0, 0));
        assert_eq!(spill.file.unwrap().metadata().unwrap().len(), 0);
    }

    #[test]
    fn the_limit_is_the_length_of_the_file() {
        let mut spill = spill(8192);
        let first = spill.put(&[1; 8192]).unwrap();
        let full = spill.put(&[1]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::QuotaExceeded);
        spill.free(first);
        assert!(spill.put(&[1]).is_ok());
        // With no room at all nothing is opened.
        let mut none = Spill::new(Box::new(|| panic!("opened")), 0);
        assert!(none.put(&[1]).is_err());
    }
}
