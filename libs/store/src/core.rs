//! The store: which file a piece belongs to, and in which order data, journal and
//! memory are changed. The judgement is [`pieces`](crate::pieces)'s, the last steps
//! are [`finish`](crate::finish)'s.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::Error;
use crate::dir::{self, Dir, Inode};
use crate::entry::{Entry, Hints};
use crate::finished::Finished;
use crate::folder::Folder;
use crate::handles::Handles;
use crate::journal::Journal;
use crate::line::Line;
use crate::pieces::{Judgement, Pieces};
use crate::types::{Absent, FileOutcome, Ident, LISTED, Options, Piece, Placed, Reason, Why};

/// Writes pieces to their files, and tells when a file is complete.
///
/// Blocking, for one thread. When a call fails the store can still be used: the same
/// piece may be given again, and other files are not touched. Dropping it without
/// [`finish`](Core::finish) is safe at any time; the next store for the same
/// directory goes on where it was left.
#[derive(Debug)]
pub struct Core {
    pub(crate) options: Options,
    pub(crate) root: Dir,
    pub(crate) folders: Vec<Folder>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) job_index: HashMap<String, usize>,
    pub(crate) files: Vec<Output>,
    pub(crate) handles: Handles,
    /// Files complete since the last [`Core::completed`].
    pub(crate) fresh: Vec<usize>,
    /// How many missing pieces are listed by message-id.
    pub(crate) listed: usize,
}

#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) folder: usize,
    pub(crate) journal: Journal,
    /// By identity: index into the store's files.
    pub(crate) files: HashMap<String, usize>,
}

/// One file of a job.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) job: usize,
    pub(crate) index: u64,
    pub(crate) file_id: String,
    /// What the file is called in journal and index: its id, or what stands for it.
    pub(crate) key: String,
    /// The NZB's name made safe, or one made of the index.
    pub(crate) name: String,
    pub(crate) part: String,
    pub(crate) state: State,
    /// Which file `part` is, once it was opened.
    pub(crate) inode: Option<Inode>,
    pub(crate) missing: Vec<(u64, String)>,
    pub(crate) reported: bool,
}

#[derive(Debug)]
pub(crate) enum State {
    Open(Box<Pieces>),
    Done(Finished),
}

impl Core {
    /// Opens the output directory, creating it if need be.
    ///
    /// # Errors
    ///
    /// [`Error::CannotCreate`] if it cannot be made, is no directory, or cannot be
    /// written into.
    pub fn open(options: Options) -> Result<Core, Error> {
        let root = Dir::open(&options.dir)?;
        Ok(Core {
            options,
            root,
            folders: Vec::new(),
            jobs: Vec::new(),
            job_index: HashMap::new(),
            files: Vec::new(),
            handles: Handles::new(),
            fresh: Vec::new(),
            listed: 0,
        })
    }

    /// Puts a piece in its place. If it was the last one, its file is complete and
    /// under its final name when this returns; but see [`Piece::of`].
    ///
    /// # Errors
    ///
    /// Whatever the disk says; [`Error::InUse`] and [`Error::CannotCreate`] with the
    /// first piece of a job or file. The piece may be given again. If it was its file's
    /// last and is in, but the rename failed, [`finish`](Core::finish) tries that again.
    pub fn piece(&mut self, piece: &Piece<'_>) -> Result<Placed, Error> {
        let at = self.output(&Ident::from(piece))?;
        let (judgement, piece) = match &self.files[at].state {
            State::Open(pieces) => {
                let offset = pieces.place(piece);
                let piece = Piece { offset, ..*piece };
                (pieces.judge(&piece), piece)
            }
            State::Done(finished) => return Ok(finished.judge(piece)),
        };
        let piece = &piece;
        match judgement {
            Judgement::Duplicate => Ok(Placed::Duplicate),
            Judgement::Rejected(reason) => Ok(self.reject(at, piece, reason)),
            Judgement::Damaged { free } => {
                self.lose(at, piece.number, piece.id, Why::Damaged);
                if free && self.options.salvage {
                    self.write(at, piece)?;
                }
                Ok(Placed::Damaged)
            }
            Judgement::Write(way) => {
                self.place(at, piece, &way)?;
                self.complete_if(at, Pieces::is_whole)?;
                Ok(Placed::Written)
            }
        }
    }

    /// Notes that a piece will not come, so that its file is known and it is listed.
    ///
    /// # Errors
    ///
    /// As [`piece`](Core::piece): the job is opened, and what an earlier run left of
    /// the file may be complete.
    pub fn absent(&mut self, absent: &Absent<'_>) -> Result<(), Error> {
        let at = self.output(&Ident::from(absent))?;
        self.lose(at, absent.number, absent.id, absent.why);
        Ok(())
    }

    /// The files that became complete since this was last called.
    pub fn completed(&mut self) -> Vec<FileOutcome> {
        let fresh = std::mem::take(&mut self.fresh);
        let outcomes = fresh.iter().map(|&at| self.outcome(at)).collect();
        for at in fresh {
            self.files[at].reported = true;
        }
        outcomes
    }

    /// Ends the run: every file any piece or absence spoke of, in order of appearance,
    /// those [`completed`](Core::completed) gave out included. Incomplete files keep
    /// their `.part` file and the journal; a journal all of whose files are complete is
    /// removed.
    ///
    /// A file of which nobody said how many pieces it has is decided here: what came
    /// is taken for all there is. If the stream broke off, call [`stop`](Core::stop).
    ///
    /// # Errors
    ///
    /// The first thing that failed, after everything was tried. The outcomes are there
    /// all the same: a file whose last steps failed is in them as not complete.
    pub fn finish(self) -> (Vec<FileOutcome>, Result<(), Error>) {
        self.end(Pieces::is_whole_at_last)
    }

    /// Ends a run whose pieces did not all come, because the stream broke off or the
    /// user did: as [`finish`](Core::finish), but a file of which nobody said how many
    /// pieces it has stays incomplete.
    ///
    /// # Errors
    ///
    /// As [`finish`](Core::finish).
    pub fn stop(self) -> (Vec<FileOutcome>, Result<(), Error>) {
        self.end(Pieces::is_whole)
    }

    fn end(mut self, is_whole: fn(&Pieces, bool) -> bool) -> (Vec<FileOutcome>, Result<(), Error>) {
        let mut result = Ok(());
        for at in 0..self.files.len() {
            // Whole or not by the options: the `.part` file is right, too.
            let ended = self
                .gather(at)
                .and_then(|()| self.complete_if(at, is_whole));
            result = result.and(ended);
        }
        let outcomes = (0..self.files.len()).map(|at| self.outcome(at)).collect();
        for job in std::mem::take(&mut self.jobs) {
            result = result.and(self.close(job));
        }
        (outcomes, result)
    }

    /// Data first, then the journal, then memory: whatever fails or dies in between,
    /// nothing is believed to be there that is not.
    fn place(&mut self, at: usize, piece: &Piece<'_>, way: &[u64]) -> Result<(), Error> {
        if let State::Open(pieces) = &mut self.files[at].state {
            way.iter().for_each(|&number| pieces.evict(number));
            if pieces.is_empty() && !way.is_empty() {
                pieces.hints = Hints::default();
                self.clear(at)?;
            }
        }
        self.write(at, piece)?;
        let entry = Entry::of(piece);
        self.record(at, piece, entry, way)?;
        if let State::Open(pieces) = &mut self.files[at].state {
            pieces.hints = pieces.hints.with(piece);
            pieces.accept(piece.number, entry);
        }
        Ok(())
    }

    /// Empties the data file: what lies in it belongs nowhere any more.
    fn clear(&mut self, at: usize) -> Result<(), Error> {
        let cleared = self.data(at)?.set_len(0);
        cleared.map_err(|e| self.failed(at, e))
    }

    fn record(
        &mut self,
        at: usize,
        piece: &Piece<'_>,
        entry: Entry,
        way: &[u64],
    ) -> Result<(), Error> {
        let output = &self.files[at];
        let file = output.key.as_str();
        let gone = |&number: &u64| Line::Gone {
            file,
            number: Some(number),
        };
        let mut lines: Vec<Line<'_>> = way.iter().map(gone).collect();
        let hints = match &output.state {
            State::Open(pieces) => Some(pieces.hints.with(piece))
                .filter(|hints| *hints != pieces.hints || !way.is_empty()),
            State::Done(_) => None,
        };
        lines.extend(hints.iter().map(|hints| Line::Hint { file, hints }));
        lines.push(Line::Part {
            file,
            number: piece.number,
            entry,
        });
        let job = &mut self.jobs[output.job];
        job.journal.append(&self.folders[job.folder].dir, &lines)
    }

    fn write(&mut self, at: usize, piece: &Piece<'_>) -> Result<(), Error> {
        let part = self.data(at)?;
        let written = part.write_all_at(piece.bytes, piece.offset);
        written.map_err(|e| self.failed(at, e))
    }

    pub(crate) fn failed(&self, at: usize, source: io::Error) -> Error {
        let output = &self.files[at];
        let folder = &self.folders[self.jobs[output.job].folder];
        folder.dir.error(&output.part, source)
    }

    /// The open `.part` file. What is in it when it is opened first is no use, unless
    /// pieces were read back from it.
    pub(crate) fn data(&mut self, at: usize) -> Result<&File, Error> {
        let output = &mut self.files[at];
        let dir = &self.folders[self.jobs[output.job].folder].dir;
        let open = || {
            let failed = |e| dir.error(&output.part, e);
            if output.inode.is_some() && dir.stat(&output.part).map_err(failed)?.is_none() {
                return Err(failed(io::ErrorKind::NotFound.into()));
            }
            let file = dir.open_own(&output.part)?;
            let inode = dir::inode(&file).map_err(failed)?;
            match output.inode {
                None => file.set_len(0).map_err(failed)?,
                Some(before) if before != inode => {
                    return Err(dir.refused(&output.part, "it was exchanged while in use"));
                }
                Some(_) => {}
            }
            output.inode = Some(inode);
            Ok(file)
        };
        self.handles.get(at, open)
    }

    fn reject(&mut self, at: usize, piece: &Piece<'_>, reason: Reason) -> Placed {
        self.lose(at, piece.number, piece.id, Why::Failed);
        Placed::Rejected(reason)
    }

    fn lose(&mut self, at: usize, number: u64, id: &str, why: Why) {
        let output = &mut self.files[at];
        let State::Open(pieces) = &mut output.state else {
            return;
        };
        if pieces.lose(number, why) && self.listed < LISTED {
            self.listed += 1;
            output.missing.push((number, id.to_owned()));
        }
    }
}
