//! What an earlier run left of one file, as far as the data bear the journal out.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::Error;
use crate::dir::{self, Dir, Inode};
use crate::journal::{Done, Recorded};
use crate::name;
use crate::pieces::Pieces;

/// How much is read at once.
pub(crate) const BLOCK: usize = 256 << 10;

/// What is there.
pub(crate) enum Found {
    /// The complete file.
    Whole(Done),
    /// These pieces, in this file.
    Some(Box<Pieces>, File, (Inode, u64)),
    /// Nothing that can be used.
    Nothing,
}

/// Reads back what the journal claims of a file whose data are in `part`.
///
/// Only bytes whose CRC-32 is the one in the journal count: the journal may have
/// outlived data in a power cut, and people edit files.
pub(crate) fn resume(dir: &Dir, part: &str, recorded: &Recorded) -> Result<Found, Error> {
    if let Some(done) = recorded
        .done
        .as_ref()
        .filter(|d| name::safe_name(&d.name) == d.name)
    {
        let is_there = holds(dir, done).map_err(|e| dir.error(&done.name, e))?;
        if is_there {
            dir.remove(part).map_err(|e| dir.error(part, e))?;
            return Ok(Found::Whole(done.clone()));
        }
    }
    let on_disk = dir.size_of(part).map_err(|e| dir.error(part, e))?;
    if recorded.entries.is_empty() || on_disk.is_none() {
        return Ok(Found::Nothing);
    }
    let (file, meta) = dir.open_own(part)?;
    let failed = |e| dir.error(part, e);
    let pieces = read_back(&file, recorded).map_err(failed)?;
    Ok(match pieces.is_empty() {
        true => Found::Nothing,
        false => Found::Some(Box::new(pieces), file, (dir::inode(&meta), meta.len())),
    })
}

/// Removes the name of a data file that has its final name too, as a crash leaves it
/// where renaming is two steps and the power cut took the journal's last line. The
/// data stay under the final name.
pub(crate) fn drop_twin(
    dir: &Dir,
    part: &str,
    name: &str,
    recorded: Option<&Recorded>,
) -> Result<(), Error> {
    let agreed = recorded.and_then(|r| name::clean(r.hints.name.get()?));
    let failed = |e| dir.error(part, e);
    for name in [Some(name), agreed.as_deref()].into_iter().flatten() {
        if dir.is_twin(part, name).map_err(failed)? {
            return dir.remove(part).map_err(failed);
        }
    }
    Ok(())
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

fn holds(dir: &Dir, done: &Done) -> io::Result<bool> {
    if dir.size_of(&done.name)? != Some(done.size) {
        return Ok(false);
    }
    let Some(file) = dir.open_regular(&done.name)? else {
        return Ok(false);
    };
    let crc = crc_of(&file, 0, done.size, &mut vec![0; BLOCK])?;
    Ok(crc == Some(done.crc32))
}

fn read_back(file: &File, recorded: &Recorded) -> io::Result<Pieces> {
    let mut entries: Vec<_> = recorded.entries.iter().collect();
    // Verified ones first: an unverified one must not take their place.
    entries.sort_unstable_by_key(|(_, entry)| (!entry.verified, entry.offset));
    let mut block = vec![0; BLOCK];
    let mut pieces = Pieces::default();
    pieces.hints = recorded.hints.clone();
    let on_disk = file.metadata()?.len();
    // Nothing lies beyond the end: an offset beyond what the system can address would
    // be an error to read from, and a piece without bytes has no checksum to fail.
    for (number, entry) in entries.into_iter().filter(|(_, e)| e.end() <= on_disk) {
        let crc = crc_of(file, entry.offset, entry.len.into(), &mut block)?;
        if crc == Some(entry.crc32) && pieces.fits(entry) {
            pieces.accept(*number, *entry);
        }
    }
    Ok(pieces)
}
