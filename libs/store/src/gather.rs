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
use crate::held::Held;
use crate::lane::State;
use crate::line::{Line, Lines};
use crate::resume::BLOCK;
use crate::sequence::Move;

impl<T> Held<'_, T> {
    /// Does nothing for a file whose pieces all lie right.
    pub fn gather(&mut self) -> Result<(), Error> {
        let State::Open(pieces) = &self.desk.state else {
            return Ok(());
        };
        let moves = pieces.moves();
        if moves.is_empty() {
            return Ok(());
        }
        for step in &moves {
            self.shift(step)?;
        }
        let State::Open(pieces) = &self.desk.state else {
            return Ok(());
        };
        let filled = pieces.filled();
        let (end, holes) = (filled.end(), filled.gaps(filled.end()));
        let file = self.data()?;
        tidy(&file, end, &holes, &moves).map_err(|e| self.failed(e))?;
        self.desk.len = end;
        Ok(())
    }

    /// Moves one piece.
    pub fn shift(&mut self, step: &Move) -> Result<(), Error> {
        let file = self.data()?;
        let (key, number) = (self.lane.key.as_str(), step.number);
        let State::Open(pieces) = &mut self.desk.state else {
            return Ok(());
        };
        if let Err(e) = copy(&file, step) {
            if step.spares() && e.kind() != io::ErrorKind::UnexpectedEof {
                return Err(self.failed(e));
            }
            pieces.evict(number);
            // Its bytes are half overwritten, or gone. If this fails too, they are read back by
            // the next run before they count.
            let number = Some(number);
            let _ = self.append(&Lines::of(Line::Gone { file: key, number }));
            return Err(self.failed(e));
        }
        let entry = pieces.moved(step);
        self.desk.len = self.desk.len.max(entry.end());
        self.moved(number, entry)?;
        release(&file, step.vacated());
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
