//! The journal of a job: what was written, so that a later run need not fetch it
//! again. It also is the lock that keeps two processes apart.
//!
//! Text, appended to, one line per fact, each line ending in the CRC-32 of what stands
//! before it: a torn or flipped line is skipped. Reading it is
//! [`recorded`](crate::recorded)'s.
//!
//! ```text
//! nzbpipe-journal 2 JOB CRC
//! part FILE NUMBER OFFSET LEN CRC32 STATE PRINT CRC
//!     written; v = verified, u = unverified, or without a place of its own: m = UUencode,
//!     e = the end of it, r = raw. PRINT is what its headers say of the file, as
//!     NAME.SIZE.FITS.CRC32, or -
//! hint FILE SIZE NAME CRC32 CRC      what the pieces' headers agree on
//! gone FILE NUMBER|* CRC             no longer true
//! sync FILE N MTIME CRC              the data of its first N part lines are on the disk, in
//!                                    a file that was changed last at MTIME
//! done FILE SIZE CRC32 NAME MTIME OF UNVERIFIED CRC
//!     is about to be, or is, complete as NAME
//! away FILE NAME CRC                 its data are about to be, or are, called NAME
//! ```
//!
//! One of which most is no longer of use is written anew beside the old one, synced, and
//! renamed over it; both are locked meanwhile.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::Error;
use crate::dir::Dir;
use crate::line::{self, Line, Lines};
pub(crate) use crate::recorded::Owner;
use crate::recorded::{MAX_LINE, Recorded, replay};
use crate::room::lock;
use crate::types::Journaling;

/// How often a journal that vanishes between opening and locking is opened again.
const TRIES: usize = 16;

/// An open, locked journal.
#[derive(Debug)]
pub(crate) struct Journal {
    name: String,
    job: String,
    /// Nothing is written into it: it is a lock and no more.
    is_mute: bool,
    end: Mutex<End>,
    /// Something in it is not synced.
    is_dirty: AtomicBool,
    /// Held while it is synced: who finds it clean meanwhile must wait.
    syncing: Mutex<()>,
    /// By file identity: what earlier runs left and nobody asked for yet.
    pub recorded: Mutex<HashMap<String, Recorded>>,
}

/// Where lines are added.
#[derive(Debug)]
struct End {
    file: Arc<File>,
    /// The last line may lack its end.
    torn: bool,
}

impl Journal {
    /// Opens, locks and reads the journal of `job`: the one among `names` that is its
    /// own, or else the first that is not another job's. One that is not readable, or
    /// of another version, is started over; so is any that is not to be kept at all.
    pub fn open(
        dir: &Dir,
        names: &[String],
        job: &str,
        keep: Journaling,
    ) -> Result<Journal, Error> {
        for _ in 0..TRIES {
            let name = choose(dir, names, job)?;
            if let Some(journal) = Journal::open_one(dir, name, job, keep)? {
                return Ok(journal);
            }
        }
        Err(taken(dir, names))
    }

    /// `None` if it came to be another job's meanwhile.
    fn open_one(
        dir: &Dir,
        name: &str,
        job: &str,
        keep: Journaling,
    ) -> Result<Option<Journal>, Error> {
        let failed = |e| dir.error(name, e);
        let file = open_locked(dir, name)?;
        let mut replay = replay(&file, job).map_err(failed)?;
        let is_mute = keep == Journaling::Never;
        let start_over = match replay.owner {
            Owner::Us => is_mute,
            Owner::Another => return Ok(None),
            Owner::Nobody => true,
        };
        let (end, torn) = match start_over {
            true => (0, false),
            false => (replay.end, !replay.is_ended),
        };
        // A torn line at the end is cut off, lest it lies in the middle some day.
        file.set_len(end).map_err(failed)?;
        (&file).seek(SeekFrom::Start(end)).map_err(failed)?;
        let is_wasteful = !start_over && replay.is_wasteful();
        let files = match start_over {
            true => HashMap::new(),
            false => std::mem::take(&mut replay.files),
        };
        let journal = Journal {
            name: name.to_owned(),
            job: job.to_owned(),
            is_mute,
            end: Mutex::new(End {
                file: Arc::new(file),
                torn,
            }),
            is_dirty: AtomicBool::new(false),
            syncing: Mutex::default(),
            recorded: Mutex::new(files),
        };
        if start_over {
            journal.add(dir, &Lines::of(Line::Head { job }))?;
        } else if is_wasteful {
            // It may fail, the old one will do.
            let _ = journal.rewrite(dir, &mut lock(&journal.recorded));
        }
        Ok(Some(journal))
    }

    /// Appends lines in one write. Says whether it was all synced before.
    pub fn append(&self, dir: &Dir, lines: &Lines) -> Result<bool, Error> {
        if self.is_mute {
            return Ok(false);
        }
        self.add(dir, lines)
    }

    fn add(&self, dir: &Dir, lines: &Lines) -> Result<bool, Error> {
        let mut end = lock(&self.end);
        let failed = |e| dir.error(&self.name, e);
        let mut file = &*end.file;
        if end.torn {
            file.write_all(b"\n").map_err(failed)?;
        }
        let written = file.write_all(lines.as_bytes());
        end.torn = written.is_err();
        written.map_err(failed)?;
        Ok(!self.is_dirty.swap(true, Ordering::AcqRel))
    }

    /// Makes what was appended survive a power cut, and the folder it is in.
    pub fn sync(&self, dir: &Dir) -> Result<(), Error> {
        let _only = lock(&self.syncing);
        if !self.is_dirty.swap(false, Ordering::AcqRel) || self.is_mute {
            return Ok(());
        }
        // Others may append meanwhile.
        let file = Arc::clone(&lock(&self.end).file);
        let flush = || crate::sync::flush(&file).map_err(|e| dir.error(&self.name, e));
        let synced = dir.settle().and_then(|()| flush());
        synced.inspect_err(|_| self.is_dirty.store(true, Ordering::Release))
    }

    /// Writes it anew, with no more than this in it.
    pub fn rewrite(&self, dir: &Dir, files: &mut HashMap<String, Recorded>) -> Result<(), Error> {
        let mut lines = Lines::of(Line::Head { job: &self.job });
        for (file, recorded) in files.iter_mut() {
            recorded.write(file, &mut lines);
        }
        let mut end = lock(&self.end);
        let draft = format!("{}.new", self.name);
        let result = self.draft(dir, &draft, &lines);
        let file = result.inspect_err(|_| {
            let _ = dir.remove(&draft);
        })?;
        dir.sync()?;
        end.file = Arc::new(file);
        end.torn = false;
        Ok(())
    }

    fn draft(&self, dir: &Dir, draft: &str, lines: &Lines) -> Result<File, Error> {
        let failed = |e| dir.error(draft, e);
        dir.remove(draft).map_err(failed)?;
        let (mut file, _) = dir.open_own(draft)?;
        file.write_all(lines.as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        dir.rename_over(draft, &self.name).map_err(failed)?;
        Ok(file)
    }

    /// Removes the journal, while still holding its lock.
    pub fn remove(&self, dir: &Dir) -> Result<(), Error> {
        dir.remove(&self.name)
            .map_err(|e| dir.error(&self.name, e))?;
        dir.sync()
    }
}

/// Our own journal comes first: the job that kept us from a better name may be done.
fn choose<'a>(dir: &Dir, names: &'a [String], job: &str) -> Result<&'a str, Error> {
    let mut free = None;
    for name in names {
        match owner_of(dir, name, job) {
            Owner::Us => return Ok(name),
            Owner::Nobody => free = free.or(Some(name.as_str())),
            Owner::Another => {}
        }
    }
    free.ok_or_else(|| taken(dir, names))
}

/// Whose the journal `name` is, read without its lock: it may be in use. What cannot
/// be read is nobody's here; opening it will tell why.
pub(crate) fn owner_of(dir: &Dir, name: &str, job: &str) -> Owner {
    let Ok(Some(file)) = dir.open_regular(name) else {
        return Owner::Nobody;
    };
    let mut head = Vec::new();
    match BufReader::new(file.take(MAX_LINE)).read_until(b'\n', &mut head) {
        Ok(_) => Owner::of(line::parse(&head).as_ref(), job),
        Err(_) => Owner::Nobody,
    }
}

fn taken(dir: &Dir, names: &[String]) -> Error {
    let name = names.first().map_or("", String::as_str);
    dir.refused(name, "it is the journal of another job")
}

/// The one who held the lock may have removed or replaced the file while we waited to open
/// it: a lock on a nameless file keeps nobody out.
fn open_locked(dir: &Dir, name: &str) -> Result<File, Error> {
    for _ in 0..TRIES {
        let (file, _) = dir.open_own(name)?;
        if dir.is_same(name, &file).map_err(|e| dir.error(name, e))? {
            return Ok(file);
        }
    }
    Err(Error::InUse {
        path: dir.path_of(name),
    })
}

#[cfg(test)]
mod tests;
