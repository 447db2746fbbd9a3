//! Parts that came before their time: the nearest in memory, up to the window, those
//! farther ahead in the temporary file. Whether a part fits is left to `line`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use nzbpipe_record::Bytes;

use super::spill::{Slot, Spill};

/// Where a part belongs, an offset or, where there is none, its number; and its number.
pub(crate) type Key = (u64, u64);

/// What a part that waits takes besides its bytes, roughly.
const KEEPING: u64 = 256;

/// A smaller payload sits in a buffer that may be many times as large: it is copied.
const SMALL: usize = 64 << 10;

/// The parts ahead.
pub(crate) struct Window {
    parts: BTreeMap<Key, Held>,
    /// Which of them are in memory.
    resident: BTreeSet<Key>,
    memory: u64,
    room: u64,
    spill: Spill,
}

#[derive(Debug)]
struct Held {
    len: usize,
    crc32: u32,
    verified: bool,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Bytes),
    Spilled(Slot),
}

/// A part whose time has come.
#[derive(Debug)]
pub(crate) struct Due {
    pub key: Key,
    pub bytes: Bytes,
    pub crc32: u32,
    pub verified: bool,
}

impl Window {
    /// `room` bytes in memory, the rest in `spill`.
    pub fn new(room: u64, spill: Spill) -> Window {
        Window {
            parts: BTreeMap::new(),
            resident: BTreeSet::new(),
            memory: 0,
            room,
            spill,
        }
    }

    /// Keeps a part until its time comes. One whose place is an offset is not empty.
    pub fn put(&mut self, due: Due) -> io::Result<()> {
        let bytes = match due.bytes.len() {
            0..SMALL => Bytes::copy_from_slice(&due.bytes),
            _ => due.bytes,
        };
        self.memory += cost(bytes.len());
        self.resident.insert(due.key);
        let held = Held {
            len: bytes.len(),
            crc32: due.crc32,
            verified: due.verified,
            place: Place::Memory(bytes),
        };
        self.parts.insert(due.key, held);
        while self.memory > self.room
            && let Some(farthest) = self.resident.pop_last()
        {
            self.send_away(farthest)?;
        }
        Ok(())
    }

    fn send_away(&mut self, key: Key) -> io::Result<()> {
        if let Some(held) = self.parts.get_mut(&key)
            && let Place::Memory(bytes) = &held.place
        {
            held.place = Place::Spilled(self.spill.put(bytes)?);
            self.memory -= cost(held.len);
        }
        Ok(())
    }

    /// The nearest part.
    pub fn first(&self) -> Option<Key> {
        self.parts.first_key_value().map(|(&key, _)| key)
    }

    /// Takes a part out, with its bytes.
    pub fn take(&mut self, key: Key) -> io::Result<Option<Due>> {
        let Some(held) = self.parts.remove(&key) else {
            return Ok(None);
        };
        let bytes = match held.place {
            Place::Memory(bytes) => {
                self.resident.remove(&key);
                self.memory -= cost(held.len);
                bytes
            }
            Place::Spilled(slot) => {
                let bytes = self.spill.get(&slot, held.len)?;
                self.spill.free(slot);
                // It lay on a disk since it was checked.
                if crc32fast::hash(&bytes) != held.crc32 {
                    return Err(io::Error::other("bytes have changed in it"));
                }
                bytes.into()
            }
        };
        Ok(Some(Due {
            key,
            bytes,
            crc32: held.crc32,
            verified: held.verified,
        }))
    }

    /// Whether an unproven part of this place and length waits here.
    pub fn has_unproven(&self, key: Key, len: usize) -> bool {
        let held = self.parts.get(&key);
        held.is_some_and(|held| !held.verified && held.len == len)
    }

    /// Whether bytes of `start..end` wait here already.
    pub fn overlaps(&self, start: u64, end: u64) -> bool {
        let before = self.parts.range(..(end, 0)).next_back();
        start < end && before.is_some_and(|(&(at, _), held)| at.max(start) < at + held.len as u64)
    }
}

fn cost(len: usize) -> u64 {
    len as u64 + KEEPING
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(room: u64) -> Window {
        Window::new(room, Spill::new(Box::new(tempfile::tempfile), u64::MAX))
    }

    fn due(at: u64, len: usize) -> Due {
        let bytes = Bytes::from(vec![u8::try_from(at % 251).unwrap(); len]);
        Due {
            key: (at, at + 1),
            crc32: crc32fast::hash(&bytes),
            bytes,
            verified: true,
        }
    }

    #[test]
    fn the_nearest_stay_in_memory() {
        let mut window = window(3 * cost(1000));
        for at in [5000, 1000, 3000, 4000, 2000] {
            window.put(due(at, 1000)).unwrap();
        }
        let resident: Vec<u64> = window.resident.iter().map(|key| key.0).collect();
        assert_eq!(resident, [1000, 2000, 3000]);
        for at in [1000, 2000, 3000, 4000, 5000] {
            assert_eq!(window.first(), Some((at, at + 1)));
            let came = window.take((at, at + 1)).unwrap().unwrap();
            assert_eq!(came.bytes, due(at, 1000).bytes);
        }
        assert_eq!((window.memory, window.first()), (0, None));
    }

    #[test]
    fn without_a_window_all_goes_to_the_file() {
        let mut window = window(0);
        window.put(due(9, 100_000)).unwrap();
        assert!(window.resident.is_empty() && window.memory == 0);
        assert_eq!(
            window.take((9, 10)).unwrap().unwrap().bytes,
            due(9, 100_000).bytes
        );
    }

    #[test]
    fn bytes_that_changed_on_disk_are_not_given_out() {
        let file = tempfile::tempfile().unwrap();
        let same = file.try_clone().unwrap();
        let mut file = Some(file);
        let spill = Spill::new(Box::new(move || Ok(file.take().unwrap())), u64::MAX);
        let mut window = Window::new(0, spill);
        window.put(due(9, 100)).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&same, b"x", 50).unwrap();
        assert!(window.take((9, 10)).is_err());
    }

    #[test]
    fn overlaps_are_seen_from_both_sides() {
        let mut window = window(1 << 20);
        window.put(due(100, 50)).unwrap();
        for (start, end, overlaps) in [
            (0, 100, false),
            (0, 101, true),
            (120, 130, true),
            (149, 160, true),
            (150, 160, false),
            (90, 200, true),
            (120, 120, false),
        ] {
            assert_eq!(window.overlaps(start, end), overlaps, "{start}-{end}");
        }
    }
}
