//! Reads parts of served files, and makes sure they are still the files that
//! were found at the start. Blocking: called from the shelf's bounded tasks
//! only. Files are kept open, a bounded number of them.
#![expect(
    clippy::disallowed_methods,
    reason = "runs on a blocking thread, called by `shelf`"
)]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::{Entry, Stamp};
use crate::lru::Lru;

/// Open files kept for the next part.
const HANDLES: usize = 64;

/// Why a part cannot be had.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The file was changed, replaced or removed: its articles are gone.
    Changed,
    /// The file is there, but the system does not let us read it.
    Io(io::ErrorKind),
}

/// The open files.
pub(crate) struct Disk {
    handles: Mutex<Lru<u64, Arc<File>>>,
}

impl Disk {
    pub(crate) fn new() -> Disk {
        Disk {
            handles: Mutex::new(Lru::new(HANDLES)),
        }
    }

    /// Fills `into` from `offset` of the file.
    pub(crate) fn read(
        &self,
        entry: &Entry,
        offset: u64,
        into: &mut [u8],
    ) -> Result<(), Unreadable> {
        let file = self.open(entry)?;
        match file.read_exact_at(into, offset) {
            // Looked at after the read: a change before it shows in the time.
            Ok(()) => self.check(entry),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Unreadable::Changed),
            Err(error) => Err(Unreadable::Io(error.kind())),
        }
    }

    /// Whether the file is still the one that was found at the start.
    pub(crate) fn check(&self, entry: &Entry) -> Result<(), Unreadable> {
        let result = compare(entry, &fs::symlink_metadata(&entry.path).map_err(missing)?);
        if result.is_err() {
            self.lock().remove(entry.digest);
        }
        result
    }

    fn open(&self, entry: &Entry) -> Result<Arc<File>, Unreadable> {
        if let Some(file) = self.lock().get(entry.digest) {
            return Ok(file);
        }
        // Before the open as well: it would wait for ever on a FIFO put there.
        self.check(entry)?;
        let file = open(&entry.path)?;
        compare(entry, &file.metadata().map_err(missing)?)?;
        let file = Arc::new(file);
        self.lock().insert(entry.digest, Arc::clone(&file), 1);
        Ok(file)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lru<u64, Arc<File>>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> Result<File, Unreadable> {
    File::open(path).map_err(missing)
}

fn missing(error: io::Error) -> Unreadable {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unreadable::Changed,
        kind => Unreadable::Io(kind),
    }
}

fn compare(entry: &Entry, metadata: &fs::Metadata) -> Result<(), Unreadable> {
    if metadata.is_file() && Stamp::from(metadata) == entry.stamp {
        Ok(())
    } else {
        Err(Unreadable::Changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::{Config, scan};

    fn served(content: &[u8]) -> (tempfile::TempDir, Catalog) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), content).unwrap();
        let catalog = scan::scan(&Config::new(dir.path())).unwrap();
        (dir, catalog)
    }

    fn read(disk: &Disk, catalog: &Catalog) -> Result<[u8; 3], Unreadable> {
        let mut buffer = [0; 3];
        disk.read(&catalog.files[0], 1, &mut buffer)?;
        Ok(buffer)
    }

    #[test]
    fn reads_at_an_offset_from_a_file_kept_open() {
        let (_dir, catalog) = served(b"abcde");
        let disk = Disk::new();
        assert_eq!(&read(&disk, &catalog).unwrap(), b"bcd");
        assert!(disk.lock().get(catalog.files[0].digest).is_some());
        assert_eq!(&read(&disk, &catalog).unwrap(), b"bcd");
    }

    #[test]
    fn notices_each_kind_of_change() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 5] = [
            ("removed", |path| fs::remove_file(path).unwrap()),
            ("shortened", |path| fs::write(path, b"ab").unwrap()),
            ("replaced", |path| {
                let other = path.with_extension("new");
                fs::write(&other, b"vwxyz").unwrap();
                fs::rename(other, path).unwrap();
            }),
            ("a link now", |path| {
                let other = path.with_extension("old");
                fs::rename(path, &other).unwrap();
                std::os::unix::fs::symlink(other, path).unwrap();
            }),
            ("same size, other time", |path| {
                let file = File::options().write(true).open(path).unwrap();
                file.set_modified(std::time::UNIX_EPOCH).unwrap();
            }),
        ];
        for (what, change) in changes {
            for open_before in [false, true] {
                let (dir, catalog) = served(b"abcde");
                let disk = Disk::new();
                if open_before {
                    read(&disk, &catalog).unwrap();
                }
                change(&dir.path().join("a"));
                let result = read(&disk, &catalog);
                assert!(matches!(result, Err(Unreadable::Changed)), "{what}");
            }
        }
    }
}
