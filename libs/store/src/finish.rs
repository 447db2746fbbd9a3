//! From a whole `.part` file to a file under its final name, in an order that no crash
//! can make a lie of.
//!
//! 1. Cut the file to its size and sync its data.
//! 2. Write to the journal under which name it will be.
//! 3. Rename it, never replacing anything.
//! 4. Sync the directory.
//!
//! A crash before 3 leaves a `.part` file with all its journal entries; after 3, the
//! line of step 2 leads to the file.
//!
//! A file that is there already with the same bytes takes the place of ours: it, and
//! its name, are synced before ours goes.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use crate::Error;
use crate::lane::Place;
use crate::line::{Line, Lines};
use crate::recorded::Done;
use crate::resume::BLOCK;
use crate::room::lock;
use crate::sync::flush;

/// A file whose pieces are all there.
pub(crate) struct Whole<'a> {
    /// Its identity in the journal.
    pub key: &'a str,
    /// Where its data are.
    pub part: &'a str,
    /// The safe name it should get.
    pub base: &'a str,
    pub file: &'a File,
    /// What is to be said of it, but for the name.
    pub done: Done,
    /// What has the name may be replaced.
    pub overwrite: bool,
}

/// Step 1: from `len` bytes to `size`. When it was changed comes back, if it was synced. An
/// error means that the data are to be taken for lost: after a failed sync the kernel may
/// have dropped them and will report success next time.
pub(crate) fn settle(file: &File, len: u64, size: u64, sync: bool) -> io::Result<Option<i64>> {
    if len > size {
        file.set_len(size)?;
    }
    if sync {
        flush(file)?;
    }
    let meta = file.metadata()?;
    if meta.len() != size {
        return Err(io::Error::other("the file was changed while in use"));
    }
    Ok(changed(&meta).filter(|_| sync))
}

/// When a file was changed last, in nanoseconds.
pub(crate) fn changed(meta: &Metadata) -> Option<i64> {
    let whole = meta.mtime().checked_mul(1_000_000_000)?;
    whole.checked_add(meta.mtime_nsec())
}

/// Steps 2 to 4, with the first name that is free.
pub(crate) fn publish(place: &Place, whole: &Whole<'_>) -> Result<Done, Error> {
    let names = &place.folder.names;
    let mut n = 1;
    loop {
        // Claimed first: while it is tried, which may take a while, others look elsewhere.
        let (found, name) = {
            let mut names = lock(names);
            let (found, name) = names.candidate(whole.base, n);
            names.claim(&name);
            (found, name)
        };
        let mut done = Done {
            name,
            ..whole.done.clone()
        };
        let tried = try_name(place, whole, &mut done);
        let mut names = lock(names);
        match tried {
            Ok(true) => names.take(whole.base, found, &done.name),
            Ok(false) | Err(_) => names.release(&done.name),
        }
        drop(names);
        if tried? {
            place.dir().sync()?;
            return Ok(done);
        }
        n = found + 1;
    }
}

/// Says `false` if something else has the name. A file with the same bytes is as good
/// as ours: it stays, and ours goes.
fn try_name(place: &Place, whole: &Whole<'_>, done: &mut Done) -> Result<bool, Error> {
    let (dir, name) = (place.dir(), done.name.clone());
    let say = |done: &Done| {
        let file = whole.key;
        let lines = Lines::of(Line::Done { file, done });
        place.journal.append(dir, &lines).map(|_| ())
    };
    let failed = |e| Error::creating(dir.path_of(&name), e);
    if dir.stat(&name).map_err(failed)?.is_none() {
        say(done)?;
        return dir.rename_new(whole.part, &name).map_err(failed);
    }
    // What cannot be read cannot be compared, and is not ours; nor is what is no file.
    let Ok(Some(there)) = dir.open_regular(&name) else {
        return Ok(false);
    };
    let good = as_good(whole.file, &there, whole.done.size).map_err(|e| dir.error(&name, e))?;
    if let Some(meta) = good {
        done.mtime = changed(&meta);
        dir.sync()?;
        say(done)?;
        let removed = dir.remove(whole.part);
        return removed.map(|()| true).map_err(|e| dir.error(whole.part, e));
    }
    if whole.overwrite {
        say(done)?;
        dir.rename_over(whole.part, &name).map_err(failed)?;
    }
    Ok(whole.overwrite)
}

/// `there` if it has the same bytes, and has them on the disk too: ours are, and are
/// about to go. One that cannot be synced is not as good.
fn as_good(ours: &File, there: &File, size: u64) -> io::Result<Option<Metadata>> {
    let is_good = is_same(ours, there, size)? && there.sync_all().is_ok();
    is_good.then(|| there.metadata()).transpose()
}

fn is_same(ours: &File, there: &File, size: u64) -> io::Result<bool> {
    if there.metadata()?.len() != size {
        return Ok(false);
    }
    let (mut a, mut b) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut at = 0;
    while at < size {
        let want = usize::try_from(size - at).map_or(BLOCK, |left| left.min(BLOCK));
        ours.read_exact_at(&mut a[..want], at)?;
        there.read_exact_at(&mut b[..want], at)?;
        if a[..want] != b[..want] {
            return Ok(false);
        }
        at += want as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    // If ours went before the other file is on the disk, a power cut would take both.
    // That something was synced cannot be seen, so take a file that cannot be: it has
    // the same (no) bytes, and must not be taken all the same.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_cannot_be_synced_does_not_replace_ours() {
        let ours = tempfile::tempfile().unwrap();
        let there = File::open("/proc/self/status").unwrap();
        assert!(there.metadata().unwrap().is_file());
        assert!(is_same(&ours, &there, 0).unwrap());
        assert!(as_good(&ours, &there, 0).unwrap().is_none());
        let twin = tempfile::tempfile().unwrap();
        assert!(as_good(&ours, &twin, 0).unwrap().is_some());
    }
}
