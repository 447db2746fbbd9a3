//! The store as its callers see it, and its threads.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use bytes::Bytes;

use crate::Error;
use crate::dir::Dir;
use crate::ending::IsWhole;
use crate::lane::{Given, Item};
use crate::pieces::Pieces;
use crate::room::lock;
use crate::turn::Turn;
use crate::types::{Absent, Event, FileOutcome, Ident, Kept, Options, Piece, Sync};
use crate::writer::Shared;

/// How many files are written at once. More wait for the same disk.
const WRITERS: usize = 4;

/// Writes pieces to their files, and tells when a file is complete.
///
/// May be shared by threads. Dropping it without [`finish`](Store::finish) is safe at any
/// time; the next store for the same directory goes on where it was left.
pub struct Store<T> {
    pub(crate) shared: Arc<Shared<T>>,
    writers: Threads,
    syncer: Threads,
}

type Threads = Mutex<Vec<JoinHandle<()>>>;

impl<T: Clone + Send + 'static> Store<T> {
    /// Opens the output directory, creating it if need be. `events` is called on the
    /// threads that write: be quick, and call nothing of the store.
    ///
    /// # Errors
    ///
    /// [`Error::CannotCreate`] if it cannot be made, is no directory, or cannot be
    /// written into.
    pub fn open(
        options: Options,
        events: impl Fn(Event<T>) + Send + std::marker::Sync + 'static,
    ) -> Result<Store<T>, Error> {
        let root = Dir::open(&options.dir)?;
        let store = Store {
            shared: Arc::new(Shared::new(options, root, Box::new(events))),
            writers: Threads::default(),
            syncer: Threads::default(),
        };
        for n in 1..=WRITERS {
            store.spawn(&store.writers, &format!("writer {n}"), Shared::write)?;
        }
        if store.shared.options.sync == Sync::File {
            store.spawn(&store.syncer, "syncer", Shared::sync)?;
        }
        Ok(store)
    }

    fn spawn(&self, threads: &Threads, name: &str, run: fn(&Shared<T>)) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || run(&shared));
        let failed = |e: io::Error| self.shared.root.error("", e);
        lock(threads).push(thread.map_err(failed)?);
        Ok(())
    }

    /// Takes a piece to be put in its place; its fate is told as [`Event::Placed`]. Waits
    /// while too many are under way. A piece of a file that failed is dropped with its
    /// ticket, and nothing is told of it.
    ///
    /// # Errors
    ///
    /// What keeps the store from writing anything more: a full disk, say.
    pub fn piece(&self, piece: Piece<'_, Bytes>, ticket: T) -> Result<(), Error> {
        let ident = Ident::from(&piece);
        self.give(&ident, Item::Piece(Box::new(Given::new(piece, ticket))))
    }

    /// The right to write a piece of so many bytes on this thread, in no more time than it
    /// takes to copy them; `None` where more may be to do, or the disk was slow of late.
    /// Then it is [`piece`](Store::piece)'s work.
    pub fn turn(&self, file: &Ident<'_>, bytes: usize) -> Option<Turn<'_, T>> {
        Turn::take(&self.shared, file, bytes)
    }

    /// Notes that a piece will not come, so that its file is known and it is listed.
    ///
    /// # Errors
    ///
    /// As [`piece`](Store::piece).
    pub fn absent(&self, absent: &Absent<'_>) -> Result<(), Error> {
        let item = Item::Absent {
            number: absent.number,
            of: absent.of,
            id: absent.id.to_owned(),
            why: absent.why,
        };
        self.give(&Ident::from(absent), item)
    }

    fn give(&self, ident: &Ident<'_>, item: Item<T>) -> Result<(), Error> {
        let shared = &self.shared;
        if shared.trouble.is_over() {
            return shared.trouble.check();
        }
        let Some(lane) = shared.lane(ident)? else {
            return Ok(());
        };
        if !shared.room.take(item.bytes(), || shared.trouble.is_over()) {
            return shared.trouble.check();
        }
        shared.give(&lane, item);
        Ok(())
    }

    /// Opens a file, and tells what an earlier run left of it. It is spoken of from now
    /// on: it is in what [`finish`](Store::finish) returns.
    ///
    /// # Errors
    ///
    /// As [`piece`](Store::piece).
    pub fn kept(&self, file: &Ident<'_>) -> Result<Kept, Error> {
        let shared = &self.shared;
        shared.trouble.check()?;
        let refused = Kept {
            refused: true,
            ..Kept::default()
        };
        let Some(lane) = shared.lane(file)? else {
            return Ok(refused);
        };
        let (kept, told) = shared.with(&lane, |held| {
            held.open()?;
            held.expect(file.of);
            held.complete_if(Pieces::is_whole)?;
            Ok(held.kept())
        });
        // Events are told by writers only.
        for event in told {
            if let Event::Completed(outcome) = event {
                shared.give(&lane, Item::Tell(outcome));
            }
        }
        shared.trouble.check()?;
        Ok(kept.unwrap_or(refused))
    }

    /// Waits until all pieces that were given are in their places; then every file spoken
    /// of, in order of appearance, as it is now.
    pub fn outcomes(&self) -> Vec<FileOutcome> {
        let shared = &self.shared;
        let lanes = lock(&shared.index).lanes.clone();
        let outcome = |lane: &Arc<_>| {
            self.wait_for(lane);
            crate::outcome::of(&shared.options, lane, &lock(&lane.desk))
        };
        lanes.iter().map(outcome).collect()
    }

    fn wait_for(&self, lane: &crate::lane::Lane<T>) {
        let given = lane.given();
        self.shared.room.until(|| lane.has_done(given));
    }

    /// What is missing may come with another run: incomplete files stay as they are at the
    /// end, whatever [`Options::on_incomplete`] says.
    pub fn spare(&self) {
        self.shared
            .spare
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Ends the run: every file any piece or absence spoke of, in order of appearance.
    /// Incomplete files keep their data and the journal, see
    /// [`OnIncomplete`](crate::OnIncomplete).
    ///
    /// A file of which nobody said how many pieces it has is decided here: what came
    /// is taken for all there is. If the stream broke off, call [`stop`](Store::stop).
    ///
    /// With the outcomes comes all that failed and was not told by another call; a file
    /// whose last steps failed is in them as not complete.
    pub fn finish(&self) -> (Vec<FileOutcome>, Vec<Error>) {
        self.end(Pieces::is_whole_at_last, true)
    }

    /// Ends a run whose pieces did not all come, because the stream broke off or the
    /// user did: as [`finish`](Store::finish), but a file of which nobody said how many
    /// pieces it has stays incomplete, and all data stay as they are. Nothing may be given to the store after either.
    pub fn stop(&self) -> (Vec<FileOutcome>, Vec<Error>) {
        self.end(Pieces::is_whole, false)
    }

    fn end(&self, is_whole: IsWhole, is_over: bool) -> (Vec<FileOutcome>, Vec<Error>) {
        self.join();
        let ended = self.shared.end(is_whole, is_over);
        self.shared.trouble.stop();
        ended
    }
}

impl<T> Store<T> {
    /// Waits until the writers did all there is to do.
    fn join(&self) {
        self.shared.room.close();
        self.shared.work.close();
        join(&self.writers);
        self.shared.tides.close();
        join(&self.syncer);
    }
}

impl<T> Drop for Store<T> {
    fn drop(&mut self) {
        self.shared.trouble.stop();
        self.join();
    }
}

fn join(threads: &Threads) {
    let threads = std::mem::take(&mut *lock(threads));
    for thread in threads {
        // One that panicked is a bug, and its lane stays as it is.
        let _ = thread.join();
    }
}

/// Bytes that this user may still write into `dir`, or where it would be made.
///
/// # Errors
///
/// When the system does not tell.
pub fn room(dir: &Path) -> io::Result<u64> {
    let there = dir.ancestors().find(|d| d.exists());
    let stat = rustix::fs::statvfs(there.unwrap_or(Path::new(".")))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
