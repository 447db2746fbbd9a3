//! The ends: a whole file gets its name, a job its journal removed, and every file its
//! report.

use crate::Error;
use crate::core::{Core, Job, Output, State};
use crate::dir::Dir;
use crate::finish::{self, Whole};
use crate::finished::Finished;
use crate::journal::Recorded;
use crate::line::Line;
use crate::name;
use crate::pieces::Pieces;
use crate::types::{FileOutcome, Status};

impl Core {
    /// Gives the file its final name if it is whole by `is_whole`, which is asked with
    /// [`Options::accept_unverified`](crate::Options), and has none yet.
    pub(crate) fn complete_if(
        &mut self,
        at: usize,
        is_whole: fn(&Pieces, bool) -> bool,
    ) -> Result<(), Error> {
        let accept = self.options.accept_unverified;
        let State::Open(pieces) = &self.files[at].state else {
            return Ok(());
        };
        if !is_whole(pieces, accept) {
            return Ok(());
        }
        let (size, crc32) = (pieces.end(), pieces.crc32());
        self.gather(at)?;
        let settled = finish::settle(self.data(at)?, size);
        if let Err(e) = settled {
            return Err(self.distrust(at, e));
        }
        let Some(data) = self.handles.take(at) else {
            return Ok(());
        };
        let output = &self.files[at];
        let job = &mut self.jobs[output.job];
        let done = finish::publish(
            &mut self.folders[job.folder],
            &mut job.journal,
            &Whole {
                key: &output.key,
                part: &output.part,
                base: &output.base(),
                file: &data,
                size,
                crc32,
            },
        )?;
        let output = &mut self.files[at];
        if let State::Open(pieces) = &output.state {
            output.state = State::Done(Finished::of_this_run(done, pieces));
        }
        output.missing = Vec::new();
        self.fresh.push(at);
        Ok(())
    }

    /// Takes all that was written of a file for lost.
    fn distrust(&mut self, at: usize, source: std::io::Error) -> Error {
        let output = &mut self.files[at];
        if let State::Open(pieces) = &mut output.state {
            pieces.forget_written();
        }
        self.handles.close(at);
        let job = &mut self.jobs[output.job];
        let dir = &self.folders[job.folder].dir;
        // If this fails too, the data are read back by the next run before they count.
        let _ = job.journal.append(
            dir,
            &[Line::Gone {
                file: &output.key,
                number: None,
            }],
        );
        dir.error(&output.part, source)
    }

    /// What is to be said of a file now.
    pub(crate) fn outcome(&self, at: usize) -> FileOutcome {
        let output = &self.files[at];
        let job = &self.jobs[output.job];
        let folder = &self.folders[job.folder];
        let mut outcome = FileOutcome {
            job: job.id.clone(),
            job_name: job.name.clone(),
            file: output.index,
            file_id: output.file_id.clone(),
            name: output.base(),
            path: None,
            part_path: None,
            status: Status::Complete,
            size: None,
            of: 0,
            ok: 0,
            missing_count: 0,
            missing: Vec::new(),
            damaged: 0,
            unverified: 0,
            missing_ranges: Vec::new(),
            crc32: None,
            crc32_declared: None,
            md5_16k: None,
            sha256: None,
            blake3: None,
            resumed: 0,
            reported: output.reported,
        };
        match &output.state {
            State::Done(finished) => {
                let done = &finished.done;
                outcome.name.clone_from(&done.name);
                outcome.path = Some(folder.relative(&done.name));
                outcome.size = Some(done.size);
                outcome.crc32 = Some(done.crc32);
                outcome.crc32_declared = finished.declared();
                outcome.of = finished.of();
                outcome.unverified = finished.unverified().min(outcome.of);
                outcome.ok = outcome.of - outcome.unverified;
            }
            State::Open(pieces) => {
                outcome.part_path = output.inode.map(|_| folder.relative(&output.part));
                self.describe(output, pieces, &mut outcome);
            }
        }
        outcome
    }

    fn describe(&self, output: &Output, pieces: &Pieces, outcome: &mut FileOutcome) {
        let accept = self.options.accept_unverified;
        let counts = pieces.counts();
        outcome.status = pieces.status(accept);
        outcome.size = pieces.hints.size.get().copied();
        outcome.crc32_declared = pieces.hints.crc32.get().copied();
        outcome.of = pieces.of();
        outcome.ok = counts.ok;
        outcome.missing_count = counts.missing;
        outcome.damaged = counts.damaged;
        outcome.unverified = counts.unverified;
        outcome.missing_ranges = pieces.missing_ranges();
        let gone = output
            .missing
            .iter()
            .filter(|(number, _)| !pieces.has(*number));
        outcome.missing = gone.cloned().collect();
        outcome.missing.sort_unstable();
    }

    /// Removes the journal of a job that needs none any more, and its folder if nothing
    /// came to be in it.
    pub(crate) fn close(&self, job: Job) -> Result<(), Error> {
        let folder = &self.folders[job.folder];
        let open = job.files.values().any(|&at| self.files[at].is_resumable());
        let waiting = job
            .journal
            .recorded
            .values()
            .any(|r| !is_done(&folder.dir, r));
        if open || waiting {
            return Ok(());
        }
        job.journal.remove(&folder.dir)?;
        folder.tidy(&self.root);
        Ok(())
    }
}

impl Output {
    /// The safe name the file should get: the one its parts agree on, else the NZB's.
    fn base(&self) -> String {
        let agreed = match &self.state {
            State::Open(pieces) => pieces.hints.name.get(),
            State::Done(_) => None,
        };
        agreed
            .and_then(|n| name::clean(n))
            .unwrap_or_else(|| self.name.clone())
    }

    fn is_resumable(&self) -> bool {
        matches!(&self.state, State::Open(pieces) if !pieces.is_empty())
    }
}

/// Whether a file of an earlier run that nobody spoke of still is complete. Its size
/// will do: nothing is claimed about it.
fn is_done(dir: &Dir, recorded: &Recorded) -> bool {
    recorded.done.as_ref().is_some_and(|done| {
        name::safe_name(&done.name) == done.name
            && dir
                .size_of(&done.name)
                .is_ok_and(|size| size == Some(done.size))
    })
}
