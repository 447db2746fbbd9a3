//! The few data files that are kept open, the least recently used closed first: a job
//! of 5,000 files must work where 64 descriptors are allowed. One that is in use is not
//! closed.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::{Arc, Mutex};

use rustix::process::{Resource, getrlimit};

use crate::room::lock;

/// Most files open at once.
const MOST: usize = 256;

/// Open files by the place of their lane among all.
#[derive(Debug)]
pub(crate) struct Handles {
    open: Mutex<Open>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<usize, Slot>,
    /// By when they were last used.
    idle: BTreeMap<u64, usize>,
    clock: u64,
}

#[derive(Debug)]
struct Slot {
    file: Arc<File>,
    users: usize,
    /// When it was last used, if it is not.
    rests: u64,
}

impl Handles {
    /// Room for [`MOST`], or a quarter of the descriptors this process may have:
    /// connections need the others.
    pub fn new() -> Handles {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let quarter = usize::try_from(limit / 4).unwrap_or(usize::MAX);
        Handles::with(quarter.clamp(1, MOST))
    }

    fn with(capacity: usize) -> Handles {
        Handles {
            open: Mutex::default(),
            capacity,
        }
    }

    /// The file `key`, if it is open. It stays so until it is given to
    /// [`rest`](Handles::rest), before which whoever has it drops it.
    pub fn take(&self, key: usize) -> Option<Arc<File>> {
        let mut open = lock(&self.open);
        let slot = open.files.get_mut(&key)?;
        slot.users += 1;
        let (file, rests) = (Arc::clone(&slot.file), slot.rests);
        open.idle.remove(&rests);
        Some(file)
    }

    /// Keeps `file` open as `key`, in use.
    pub fn put(&self, key: usize, file: Arc<File>) {
        let mut open = lock(&self.open);
        open.shrink(self.capacity.saturating_sub(1));
        let slot = Slot {
            file,
            users: 1,
            rests: 0,
        };
        open.files.insert(key, slot);
    }

    /// Says that one user less needs `key`.
    pub fn rest(&self, key: usize) {
        let mut open = lock(&self.open);
        open.clock += 1;
        let now = open.clock;
        let Some(slot) = open.files.get_mut(&key) else {
            return;
        };
        slot.users = slot.users.saturating_sub(1);
        if slot.users == 0 {
            slot.rests = now;
            open.idle.insert(now, key);
            open.shrink(self.capacity);
        }
    }

    /// Closes the file `key`.
    pub fn close(&self, key: usize) {
        let mut open = lock(&self.open);
        if let Some(slot) = open.files.remove(&key) {
            open.idle.remove(&slot.rests);
        }
    }
}

impl Open {
    /// Closes what was not used for longest. With the lock held: a file that is about to be
    /// closed still is locked against who opens it again.
    fn shrink(&mut self, most: usize) {
        while self.files.len() > most {
            let Some((_, oldest)) = self.idle.pop_first() else {
                break;
            };
            self.files.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Arc<File> {
        Arc::new(tempfile::tempfile().unwrap())
    }

    #[test]
    fn the_least_recently_used_is_closed() {
        let handles = Handles::with(2);
        let mut opened = Vec::new();
        for key in [1, 2, 1, 3, 1, 2, 1] {
            if handles.take(key).is_none() {
                opened.push(key);
                handles.put(key, file());
            }
            handles.rest(key);
        }
        assert_eq!(opened, [1, 2, 3, 2]);
        handles.close(1);
        assert_eq!(lock(&handles.open).files.len(), 1);
        assert_eq!(lock(&handles.open).idle.len(), 1);
    }

    // Closed under a writer it would be opened anew for each piece.
    #[test]
    fn one_in_use_stays_open() {
        let handles = Handles::with(2);
        for key in 0..4 {
            handles.put(key, file());
        }
        assert!((0..4).all(|key| handles.take(key).is_some()));
        (0..8).for_each(|key| handles.rest(key % 4));
        assert_eq!(lock(&handles.open).files.len(), 2);
        assert!(handles.take(2).is_some() && handles.take(3).is_some());
    }
}
