//! Moves the pieces of a [sequence](crate::sequence) to their places, once all are there or
//! no more will come.
//!
//! After each one the journal says where it is now, and the others still lie where it says:
//! whenever this is interrupted, no more than the piece in hand is lost, and that only if its
//! place overlaps where it was.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::Error;
use crate::core::{Core, State};
use crate::line::Line;
use crate::resume::BLOCK;
use crate::sequence::Move;

impl Core {
    /// Does nothing for a file whose pieces all lie right.
    pub(crate) fn gather(&mut self, at: usize) -> Result<(), Error> {
        let State::Open(pieces) = &self.files[at].state else {
            return Ok(());
        };
        let moves = pieces.moves();
        if moves.is_empty() {
            return Ok(());
        }
        for step in &moves {
            self.shift(at, step)?;
        }
        let State::Open(pieces) = &self.files[at].state else {
            return Ok(());
        };
        let filled = pieces.filled();
        let (end, holes) = (filled.end(), filled.gaps(filled.end()));
        let tidied = tidy(self.data(at)?, end, &holes, &moves);
        tidied.map_err(|e| self.failed(at, e))
    }

    /// Moves one piece.
    pub(crate) fn shift(&mut self, at: usize, step: &Move) -> Result<(), Error> {
        let copied = copy(self.data(at)?, step);
        let output = &mut self.files[at];
        let job = &mut self.jobs[output.job];
        let dir = &self.folders[job.folder].dir;
        let State::Open(pieces) = &mut output.state else {
            return Ok(());
        };
        let (file, number) = (output.key.as_str(), step.number);
        if let Err(e) = copied {
            if step.spares() && e.kind() != io::ErrorKind::UnexpectedEof {
                return Err(self.failed(at, e));
            }
            pieces.evict(number);
            // Its bytes are half overwritten, or gone. If this fails too, they are read back by
            // the next run before they count.
            let gone = Line::Gone {
                file,
                number: Some(number),
            };
            let _ = job.journal.append(dir, &[gone]);
            return Err(self.failed(at, e));
        }
        let entry = pieces.moved(step);
        let line = Line::Part {
            file,
            number,
            entry,
        };
        job.journal.append(dir, &[line])?;
        release(self.data(at)?, step.vacated());
        Ok(())
    }
}

/// Cuts the file to its end, and makes the holes holes again where pieces lay in them.
fn tidy(file: &File, end: u64, holes: &[(u64, u64)], moves: &[Move]) -> io::Result<()> {
    file.set_len(end)?;
    let zeros = vec![0; BLOCK];
    for entry in moves.iter().map(|step| step.entry) {
        let first = holes.partition_point(|&(_, hole_end)| hole_end <= entry.offset);
        let over = holes[first..].iter().take_while(|h| h.0 < entry.end());
        for &(from, to) in over {
            let (mut from, to) = (from.max(entry.offset), to.min(entry.end()));
            while from < to {
                let len = usize::try_from(to - from).map_or(BLOCK, |left| left.min(BLOCK));
                file.write_all_at(&zeros[..len], from)?;
                from += len as u64;
            }
        }
    }
    Ok(())
}

/// Gives the room of a range back: a disk need not have twice that of the file. That it cannot
/// on some file systems costs no more than that.
fn release(file: &File, range: Range<u64>) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(file, flags, range.start, range.end - range.start);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (file, range);
}

/// From the beginning: where a piece overlaps its place it moves towards the beginning, and
/// what is overwritten was read.
fn copy(file: &File, step: &Move) -> io::Result<()> {
    let len = u64::from(step.entry.len);
    let mut block = vec![0; BLOCK];
    let mut done = 0;
    while done < len {
        let want = usize::try_from(len - done).map_or(BLOCK, |left| left.min(BLOCK));
        file.read_exact_at(&mut block[..want], step.entry.offset + done)?;
        file.write_all_at(&block[..want], step.to + done)?;
        done += want as u64;
    }
    Ok(())
}
