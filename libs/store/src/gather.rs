//! Moves the pieces of a [sequence](crate::sequence) to their places, once all are there.
//!
//! After each one the journal says where it is now, and the others still lie where it says:
//! whenever this is interrupted, no more than the piece in hand is lost.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::Error;
use crate::line::Line;
use crate::resume::BLOCK;
use crate::sequence::Move;
use crate::store::{State, Store};

impl Store {
    /// Does nothing for a file that is not whole, or whose pieces all lie right.
    pub(crate) fn gather(&mut self, at: usize) -> Result<(), Error> {
        let State::Open(pieces) = &self.files[at].state else {
            return Ok(());
        };
        let moves = pieces.moves();
        if moves.is_empty() {
            return Ok(());
        }
        let end = pieces.end();
        for step in moves {
            self.shift(at, &step)?;
        }
        let cut = self.data(at)?.set_len(end);
        cut.map_err(|e| self.failed(at, e))
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
            pieces.evict(number);
            // Its bytes may be half overwritten. If this fails too, they are read back by the
            // next run before they count.
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
        job.journal.append(dir, &[line])
    }
}

/// Towards the beginning, from the beginning: what is overwritten was read.
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
