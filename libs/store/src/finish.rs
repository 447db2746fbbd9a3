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

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::Error;
use crate::journal::Done;
use crate::lane::Place;
use crate::line::{Line, Lines};
use crate::resume::BLOCK;
use crate::room::lock;

/// A file whose pieces are all there.
pub(crate) struct Whole<'a> {
    /// Its identity in the journal.
    pub key: &'a str,
    /// Where its data are.
    pub part: &'a str,
    /// The safe name it should get.
    pub base: &'a str,
    pub file: &'a File,
    pub size: u64,
    pub crc32: u32,
}

/// Step 1. An error means that the data are to be taken for lost: after a failed sync
/// the kernel may have dropped them and will report success next time.
pub(crate) fn settle(file: &File, size: u64) -> io::Result<()> {
    let len = file.metadata()?.len();
    if len < size {
        return Err(io::Error::other("the file was shortened while in use"));
    }
    if len > size {
        file.set_len(size)?;
    }
    file.sync_data()
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
        let done = Done {
            size: whole.size,
            crc32: whole.crc32,
            name,
        };
        let tried = try_name(place, whole, &done);
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
fn try_name(place: &Place, whole: &Whole<'_>, done: &Done) -> Result<bool, Error> {
    let (dir, name) = (place.dir(), done.name.as_str());
    let line = Lines::of(Line::Done {
        file: whole.key,
        done,
    });
    let failed = |e| Error::creating(dir.path_of(name), e);
    if dir.stat(name).map_err(failed)?.is_none() {
        place.journal.append(dir, &line)?;
        return dir.rename_new(whole.part, name).map_err(failed);
    }
    let same = match dir.open_regular(name) {
        Ok(Some(there)) => is_as_good(whole.file, &there, whole.size),
        // What cannot be read cannot be compared, and is not ours.
        Ok(None) | Err(_) => Ok(false),
    };
    if !same.map_err(|e| dir.error(name, e))? {
        return Ok(false);
    }
    dir.sync()?;
    place.journal.append(dir, &line)?;
    dir.remove(whole.part)
        .map_err(|e| dir.error(whole.part, e))?;
    Ok(true)
}

/// Whether `there` has the same bytes, and has them on the disk too: ours are, and are
/// about to go. One that cannot be synced is not as good.
fn is_as_good(ours: &File, there: &File, size: u64) -> io::Result<bool> {
    Ok(is_same(ours, there, size)? && there.sync_all().is_ok())
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
        assert!(!is_as_good(&ours, &there, 0).unwrap());
        let twin = tempfile::tempfile().unwrap();
        assert!(is_as_good(&ours, &twin, 0).unwrap());
    }
}
