//! How many octets an account has sent, counted by several processes at once in
//! one small file.
//!
//! Each process adds what it took itself: under a lock the file is read, the
//! difference added, and the file replaced. What the others took is known as of
//! the last [`Ledger::flush`]; how often that is called is left to the caller, and
//! what is between two of them is lost when the process is killed. A file that
//! cannot be understood is refused and stays as it is: to begin at 0 would let a
//! block account be overdrawn.

mod counts;
#[cfg(test)]
mod tests;
mod text;

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::dir::Dir;
use crate::{Error, atomic, key};
use counts::Counts;
pub use counts::{Bound, Bounds, Date, Moment};

/// A file of ours has a fifth of that.
const LONGEST_FILE: u64 = 64 << 10;

/// Another process holds the lock for one small write; one that holds it longer was
/// stopped, or its disk was.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a lock is tried for.
const BETWEEN: Duration = Duration::from_millis(10);

/// What tells the time: injected, for neither the time zone nor a test's clock is
/// known here.
pub type Clock = Box<dyn Fn() -> Moment + Send + Sync>;

/// The count of one account. [`left`](Ledger::left), [`spend`](Ledger::spend) and
/// [`nearest`](Ledger::nearest) are a few atomic operations; the others take a lock
/// and touch the disk.
#[derive(Debug)]
pub struct Ledger {
    /// Octets this process took since it began.
    spent: AtomicU64,
    /// At this value of `spent` the nearest bound is reached.
    limit: AtomicU64,
    /// Which that is, and its octets.
    bound: (AtomicU8, AtomicU64),
    book: Mutex<Book>,
}

/// What only the thread that flushes asks for.
struct Book {
    folder: PathBuf,
    name: String,
    clock: Clock,
    bounds: Bounds,
    /// What the file said when it was last seen.
    known: Counts,
    /// What this process took and the file does not have yet.
    pending: Counts,
    /// How much of `spent` is in one of the two.
    noted: u64,
    /// Whether drafts of killed processes were looked for.
    swept: bool,
}

impl Ledger {
    /// The count of the account `key`, whose file is in `folder`. Neither needs to
    /// be there; nothing is written yet.
    ///
    /// # Errors
    /// [`Error::State`] if the file cannot be understood, [`Error::Io`] if it cannot
    /// be read.
    pub fn open(
        folder: &Path,
        key: &str,
        bounds: Bounds,
        clock: impl Fn() -> Moment + Send + Sync + 'static,
    ) -> Result<Ledger, Error> {
        let mut book = Book {
            folder: folder.to_owned(),
            name: format!("{}.quota", key::file_name(key)),
            clock: Box::new(clock),
            bounds,
            known: Counts::default(),
            pending: Counts::default(),
            noted: 0,
            swept: false,
        };
        book.known = book.read()?;
        let ledger = Ledger {
            spent: AtomicU64::new(0),
            limit: AtomicU64::new(0),
            bound: (AtomicU8::new(0), AtomicU64::new(0)),
            book: Mutex::new(book),
        };
        ledger.publish(&ledger.book());
        Ok(ledger)
    }

    /// Octets that may still be taken.
    pub fn left(&self) -> u64 {
        let limit = self.limit.load(Ordering::Relaxed);
        limit.saturating_sub(self.spent.load(Ordering::Relaxed))
    }

    /// The bound that is or will be reached first, and its octets.
    pub fn nearest(&self) -> (Bound, u64) {
        let which = match self.bound.0.load(Ordering::Relaxed) {
            1 => Bound::Daily,
            2 => Bound::Monthly,
            3 => Bound::Rolling,
            _ => Bound::Total,
        };
        (which, self.bound.1.load(Ordering::Relaxed))
    }

    /// Notes octets that were taken.
    pub fn spend(&self, octets: u64) {
        self.spent.fetch_add(octets, Ordering::Relaxed);
    }

    /// Adds what was taken since the last time to the file, and learns what others
    /// took.
    ///
    /// # Errors
    /// The file could not be read, understood or replaced. Nothing is lost: the count
    /// goes on in memory, and the next call tries again.
    pub fn flush(&self) -> Result<(), Error> {
        let mut book = self.book();
        let spent = self.spent.load(Ordering::Relaxed);
        let now = (book.clock)();
        let taken = spent.saturating_sub(book.noted);
        book.pending.add(now, taken);
        book.noted = spent;
        let result = book.settle(now);
        self.publish(&book);
        result
    }

    /// Other bounds from now on.
    pub fn set_bounds(&self, bounds: Bounds) {
        let mut book = self.book();
        book.bounds = bounds;
        self.publish(&book);
    }

    /// The file, for messages.
    pub fn path(&self) -> PathBuf {
        self.book().path()
    }

    /// One store decides: whoever asks meanwhile sees the room before or after, never
    /// a sum with parts of both.
    fn publish(&self, book: &Book) {
        let mut all = book.known.clone();
        all.merge(&book.pending);
        let (room, which, octets) = all.room(&book.bounds, (book.clock)());
        self.bound.0.store(which as u8, Ordering::Relaxed);
        self.bound.1.store(octets, Ordering::Relaxed);
        let limit = book.noted.saturating_add(room);
        self.limit.store(limit, Ordering::Relaxed);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Brings file and memory together.
    fn settle(&mut self, now: Moment) -> Result<(), Error> {
        if self.pending == Counts::default() {
            self.known = self.read()?;
            return Ok(());
        }
        key::make(&self.folder)?;
        let dir = Dir::open(&self.folder)?;
        let _lock = lock(&dir, &format!("{}.lock", self.name))?;
        if !std::mem::replace(&mut self.swept, true) {
            sweep(&self.folder, &self.name);
        }
        let mut all = self.read()?;
        all.merge(&self.pending);
        all.prune(now);
        atomic::write(&self.path(), text::write(&all).as_bytes())?;
        self.known = all;
        self.pending = Counts::default();
        Ok(())
    }

    /// Readers need no lock: the file is replaced whole. None is an empty one.
    fn read(&self) -> Result<Counts, Error> {
        let path = self.path();
        // Without NONBLOCK, opening a FIFO would wait for its other end.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        #[allow(clippy::unnecessary_cast, reason = "the type differs between systems")]
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits() as i32)
            .open(&path);
        let mut bytes = Vec::new();
        let read = file.and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut bytes));
        match read {
            Ok(_) => text::read(&bytes).map_err(|(line, what)| Error::State { path, line, what }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Counts::default()),
            Err(source) => Err(Error::Io { path, source }),
        }
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book")
            .field("file", &self.path())
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

/// Takes the lock, which lasts as long as the file is open. It is a file of its own:
/// the one with the counts is another after each rename.
fn lock(dir: &Dir, name: &str) -> Result<fs::File, Error> {
    let began = Instant::now();
    loop {
        match dir.open_own(name) {
            Err(error) if error.is_in_use() && began.elapsed() < PATIENCE => {
                thread::sleep(BETWEEN);
            }
            done => return done.map(|(file, _)| file),
        }
    }
}

/// Removes the drafts of processes that were killed while they wrote: whoever has
/// the lock knows that nobody writes now.
fn sweep(folder: &Path, name: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let rest = found.to_str().and_then(|found| found.strip_prefix(name));
        if rest.is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".tmp")) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
