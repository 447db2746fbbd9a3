//! The store as its callers see it.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::Error;
use crate::core::Core;
use crate::types::{Absent, Event, FileOutcome, Ident, Kept, Options, Piece};

/// Writes pieces to their files, and tells when a file is complete.
///
/// May be shared by threads. Dropping it without [`finish`](Store::finish) is safe at any
/// time; the next store for the same directory goes on where it was left.
pub struct Store<T> {
    core: Mutex<Option<Core>>,
    events: Box<dyn Fn(Event<T>) + Send + Sync>,
}

impl<T: Send + 'static> Store<T> {
    /// Opens the output directory, creating it if need be. `events` is called on the
    /// threads that write: be quick, and call nothing of the store.
    ///
    /// # Errors
    ///
    /// [`Error::CannotCreate`] if it cannot be made, is no directory, or cannot be
    /// written into.
    pub fn open(
        options: Options,
        events: impl Fn(Event<T>) + Send + Sync + 'static,
    ) -> Result<Store<T>, Error> {
        Ok(Store {
            core: Mutex::new(Some(Core::open(options)?)),
            events: Box::new(events),
        })
    }

    /// Takes a piece to be put in its place; its fate is told as [`Event::Placed`]. Waits
    /// while too many are under way.
    ///
    /// # Errors
    ///
    /// What keeps the store from writing anything more: a full disk, say.
    pub fn piece(&self, piece: Piece<'_, Bytes>, ticket: T) -> Result<(), Error> {
        let mut guard = self.core();
        let Some(core) = guard.as_mut() else {
            return Ok(());
        };
        let placed = core.piece(&Piece {
            bytes: &*piece.bytes,
            job: piece.job,
            job_name: piece.job_name,
            file: piece.file,
            file_id: piece.file_id,
            name: piece.name,
            yenc_name: piece.yenc_name,
            number: piece.number,
            of: piece.of,
            offset: piece.offset,
            order: piece.order,
            size: piece.size,
            verified: piece.verified,
            damaged: piece.damaged,
            crc32: piece.crc32,
            file_crc32: piece.file_crc32,
            bound: piece.bound,
            id: piece.id,
        })?;
        let completed = core.completed();
        drop(guard);
        (self.events)(Event::Placed { ticket, placed });
        for file in completed {
            (self.events)(Event::Completed(Box::new(file)));
        }
        Ok(())
    }

    /// Notes that a piece will not come, so that its file is known and it is listed.
    ///
    /// # Errors
    ///
    /// As [`piece`](Store::piece).
    pub fn absent(&self, absent: &Absent<'_>) -> Result<(), Error> {
        self.core()
            .as_mut()
            .map_or(Ok(()), |core| core.absent(absent))
    }

    /// Opens a file, and tells what an earlier run left of it. It is spoken of from now
    /// on: it is in what [`finish`](Store::finish) returns.
    ///
    /// # Errors
    ///
    /// As [`piece`](Store::piece).
    pub fn kept(&self, file: &Ident<'_>) -> Result<Kept, Error> {
        if let Some(core) = self.core().as_mut() {
            core.output(file)?;
        }
        Ok(Kept::default())
    }

    /// Waits until all pieces that were given are in their places; then every file spoken
    /// of, in order of appearance, as it is now.
    pub fn outcomes(&self) -> Vec<FileOutcome> {
        let guard = self.core();
        let Some(core) = guard.as_ref() else {
            return Vec::new();
        };
        (0..core.files.len()).map(|at| core.outcome(at)).collect()
    }

    /// Ends the run: every file any piece or absence spoke of, in order of appearance.
    /// Incomplete files keep their data and the journal, see
    /// [`OnIncomplete`](crate::OnIncomplete).
    ///
    /// A file of which nobody said how many pieces it has is decided here: what came
    /// is taken for all there is. If the stream broke off, call [`stop`](Store::stop).
    ///
    /// With the outcomes comes all that failed; a file whose last steps failed is in them
    /// as not complete.
    pub fn finish(&self) -> (Vec<FileOutcome>, Vec<Error>) {
        let Some(core) = self.core().take() else {
            return (Vec::new(), Vec::new());
        };
        let (files, result) = core.finish();
        (files, result.err().into_iter().collect())
    }

    /// Ends a run whose pieces did not all come, because the stream broke off or the
    /// user did: as [`finish`](Store::finish), but a file of which nobody said how many
    /// pieces it has stays incomplete.
    pub fn stop(&self) -> (Vec<FileOutcome>, Vec<Error>) {
        let Some(core) = self.core().take() else {
            return (Vec::new(), Vec::new());
        };
        let (files, result) = core.stop();
        (files, result.err().into_iter().collect())
    }

    fn core(&self) -> std::sync::MutexGuard<'_, Option<Core>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that this user may still write into `dir`, or where it would be made.
///
/// # Errors
///
/// When the system does not tell.
pub fn room(dir: &std::path::Path) -> std::io::Result<u64> {
    let there = dir.ancestors().find(|d| d.exists());
    let there = there.unwrap_or(std::path::Path::new("."));
    let stat = rustix::fs::statvfs(there)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
