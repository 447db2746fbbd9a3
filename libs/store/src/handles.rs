//! The few data files that are kept open, the least recently used closed first: a job
//! of 5,000 files must work where 64 descriptors are allowed.

use std::fs::File;

use rustix::process::{Resource, getrlimit};

use crate::Error;

/// Most files open at once.
const MOST: usize = 64;

/// Open files by the store's index of them.
#[derive(Debug)]
pub(crate) struct Handles {
    /// The most recently used is last.
    open: Vec<(usize, File)>,
    capacity: usize,
}

impl Handles {
    /// Room for [`MOST`], or a quarter of the descriptors this process may have:
    /// connections need the others.
    pub fn new() -> Handles {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let quarter = usize::try_from(limit / 4).unwrap_or(usize::MAX);
        Handles {
            open: Vec::new(),
            capacity: quarter.clamp(1, MOST),
        }
    }

    /// The file `key`, opened by `open` if it is not.
    pub fn get(
        &mut self,
        key: usize,
        open: impl FnOnce() -> Result<File, Error>,
    ) -> Result<&File, Error> {
        let file = match self.take(key) {
            Some(file) => file,
            None => open()?,
        };
        self.put(key, file);
        Ok(&self.open[self.open.len() - 1].1)
    }

    /// Keeps `file` open as `key`.
    pub fn put(&mut self, key: usize, file: File) {
        if self.open.len() >= self.capacity {
            self.open.remove(0);
        }
        self.open.push((key, file));
    }

    /// Takes the file `key` out, if it is open.
    pub fn take(&mut self, key: usize) -> Option<File> {
        let at = self.open.iter().position(|(k, _)| *k == key)?;
        Some(self.open.remove(at).1)
    }

    /// Closes the file `key`.
    pub fn close(&mut self, key: usize) {
        self.open.retain(|(k, _)| *k != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_is_closed() {
        let mut handles = Handles {
            open: Vec::new(),
            capacity: 2,
        };
        let mut opened = Vec::new();
        for key in [1, 2, 1, 3, 1, 2, 1] {
            let open = || {
                opened.push(key);
                Ok(tempfile::tempfile().unwrap())
            };
            handles.get(key, open).unwrap();
        }
        assert_eq!(opened, [1, 2, 3, 2]);
        handles.close(1);
        assert_eq!(handles.open.len(), 1);
    }
}
