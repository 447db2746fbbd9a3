//! What an earlier run left of one file, as far as the data bear the journal out.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::Error;
use crate::dir::{self, Dir, Inode};
use crate::entry::Entry;
use crate::finish::changed;
use crate::name;
use crate::pieces::Pieces;
use crate::recorded::{Done, Recorded};

/// How much is read at once.
pub(crate) const BLOCK: usize = 256 << 10;

/// How many of the pieces that are trusted are read back all the same.
const SPOTS: u64 = 16;

/// What is there.
pub(crate) enum Found {
    /// The complete file.
    Whole(Done),
    /// Some pieces.
    Some(Rest),
    /// Nothing that can be used.
    Nothing,
}

/// Pieces, and the file they are in.
pub(crate) struct Rest {
    pub pieces: Box<Pieces>,
    pub file: File,
    pub inode: Inode,
    pub len: u64,
}

/// Looks what there is of what the journal claims of a file whose data are in `part`.
pub(crate) fn resume(
    dir: &Dir,
    part: &str,
    recorded: &Recorded,
    verify: bool,
) -> Result<Found, Error> {
    if let Some(done) = whole(dir, recorded, verify)? {
        dir.remove(part).map_err(|e| dir.error(part, e))?;
        return Ok(Found::Whole(done));
    }
    let on_disk = dir.size_of(part).map_err(|e| dir.error(part, e))?;
    if recorded.entries.is_empty() || on_disk.is_none() {
        return Ok(Found::Nothing);
    }
    let (file, meta) = dir.open_own(part)?;
    let pieces = survey(&file, meta.len(), recorded, verify).map_err(|e| dir.error(part, e))?;
    Ok(match pieces.is_empty() {
        true => Found::Nothing,
        false => Found::Some(Rest {
            pieces: Box::new(pieces),
            file,
            inode: dir::inode(&meta),
            len: meta.len(),
        }),
    })
}

/// Gives data that were called `away` at the end of a run the name they are written under,
/// unless there are any.
pub(crate) fn take_back(dir: &Dir, part: &str, away: &str) -> Result<(), Error> {
    let failed = |e| dir.error(away, e);
    let is_there = name::safe_name(away) == away && dir.size_of(away).map_err(failed)?.is_some();
    if is_there {
        // Says `false` if there are data under their own name: those are newer.
        dir.rename_new(away, part).map_err(failed)?;
    }
    Ok(())
}

/// Removes the name of a data file that has its final name too, as a crash leaves it
/// where renaming is two steps and the power cut took the journal's last line. The
/// data stay under the final name.
pub(crate) fn drop_twin(dir: &Dir, part: &str, names: &[String]) -> Result<(), Error> {
    let failed = |e| dir.error(part, e);
    if dir.stat(part).map_err(failed)?.is_none() {
        return Ok(());
    }
    for name in names {
        if dir.is_twin(part, name).map_err(failed)? {
            return dir.remove(part).map_err(failed);
        }
    }
    Ok(())
}

/// The complete file, if it is there. One that nobody touched since it was synced is not
/// read.
pub(crate) fn whole(dir: &Dir, recorded: &Recorded, verify: bool) -> Result<Option<Done>, Error> {
    let done = recorded.done.as_ref();
    let Some(done) = done.filter(|d| name::safe_name(&d.name) == d.name) else {
        return Ok(None);
    };
    let is_there = holds(dir, done, verify).map_err(|e| dir.error(&done.name, e))?;
    Ok(is_there.then(|| done.clone()))
}

fn holds(dir: &Dir, done: &Done, verify: bool) -> io::Result<bool> {
    if dir.size_of(&done.name)? != Some(done.size) {
        return Ok(false);
    }
    let Some(file) = dir.open_regular(&done.name)? else {
        return Ok(false);
    };
    let meta = file.metadata()?;
    if !verify && done.mtime.is_some() && changed(&meta) == done.mtime {
        return Ok(meta.len() == done.size);
    }
    let crc = crc_of(&file, 0, done.size, &mut vec![0; BLOCK])?;
    Ok(crc == Some(done.crc32))
}

/// The pieces that are in a file of `len` bytes. Those with a checksum of their own that
/// were synced, by the journal's word, are believed if nobody changed the file since and a
/// few of them are found as they should be; of all others the bytes are read, and only those whose CRC-32 is the
/// journal's count: the journal may have outlived data in a power cut, and people edit
/// files.
pub(crate) fn survey(
    file: &File,
    len: u64,
    recorded: &Recorded,
    verify: bool,
) -> io::Result<Pieces> {
    // Nothing lies beyond the end: an offset beyond what the system can address would
    // be an error to read from, and a piece without bytes has no checksum to fail.
    let within = |entry: &Entry| entry.end() <= len;
    let mut entries: Vec<(u64, Entry)> = (recorded.entries.iter())
        .filter(|(_, entry)| within(entry))
        .map(|(number, entry)| (*number, *entry))
        .collect();
    // Verified ones first: an unverified one must not take their place.
    entries.sort_unstable_by_key(|(_, entry)| (!entry.verified, entry.offset));
    let mut block = vec![0; BLOCK];
    let mut is_there = |entry: &Entry| -> io::Result<bool> {
        let crc = crc_of(file, entry.offset, entry.len.into(), &mut block)?;
        Ok(crc == Some(entry.crc32))
    };
    let tail: HashSet<u64> = recorded.tail.iter().copied().collect();
    // One without a checksum may be written over by one that has one.
    let is_synced = |number: u64, entry: &Entry| entry.verified && !tail.contains(&number);
    let synced = (entries.iter())
        .filter(|(number, entry)| is_synced(*number, entry))
        .map(|(_, entry)| *entry);
    let is_ours = was_left_so(changed(&file.metadata()?), recorded);
    let whole = recorded.entries.values().all(|e| within(e) || !e.verified);
    let mut trusts = !verify && is_ours && whole;
    for entry in spots(&synced.collect::<Vec<_>>()) {
        trusts = trusts && is_there(&entry)?;
    }
    let mut pieces = Pieces::default();
    pieces.hints = recorded.hints.clone();
    pieces.prints = recorded.prints.clone();
    for (number, entry) in entries {
        let holds = (trusts && is_synced(number, &entry)) || is_there(&entry)?;
        if holds && pieces.fits(&entry) {
            pieces.accept(number, entry);
        }
    }
    Ok(pieces)
}

/// How long after the last mark a run that was killed may have written, in nanoseconds: data
/// are synced within 2 s, and syncing takes its time.
const SOON: i64 = 10_000_000_000;

/// Whether data changed last at `mtime` are as a run of ours left them. One that was killed
/// may have written a little after the last mark; anything else is somebody else's edit.
fn was_left_so(mtime: Option<i64>, recorded: &Recorded) -> bool {
    let (Some(mtime), Some(marked)) = (mtime, recorded.mtime) else {
        return false;
    };
    let after = mtime.saturating_sub(marked);
    after == 0 || (!recorded.tail.is_empty() && (0..SOON).contains(&after))
}

/// The first, the last, and some in between: the same ones for all who look.
fn spots(entries: &[Entry]) -> impl Iterator<Item = Entry> {
    let last = entries.len().saturating_sub(1);
    let mut all: Vec<usize> = match entries.len() as u64 {
        0 => Vec::new(),
        count => (2..SPOTS)
            .map(|n| usize::try_from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % count).unwrap_or(0))
            .chain([0, last])
            .collect(),
    };
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|at| entries[at])
}

/// CRC-32 of a range of a file; `None` if the file ends before.
fn crc_of(file: &File, offset: u64, len: u64, block: &mut [u8]) -> io::Result<Option<u32>> {
    let mut hasher = crc32fast::Hasher::new();
    let mut at = 0;
    while at < len {
        let want = usize::try_from(len - at).map_or(block.len(), |left| left.min(block.len()));
        let chunk = &mut block[..want];
        match file.read_exact_at(chunk, offset.saturating_add(at)) {
            Ok(()) => hasher.update(chunk),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        at += want as u64;
    }
    Ok(Some(hasher.finalize()))
}
