//! The last steps: a whole file gets its name, a job its journal removed, and what is not
//! whole is left so that a later run goes on.

use crate::Error;
use crate::dir::Dir;
use crate::finish::{self, Whole};
use crate::finished::Finished;
use crate::held::Held;
use crate::index::Index;
use crate::journal::Recorded;
use crate::lane::{Job, Lane, State};
use crate::line::Line;
use crate::name;
use crate::pieces::Pieces;
use crate::room::lock;
use crate::types::FileOutcome;
use crate::writer::Shared;

/// Whether a file is whole, given that unverified pieces count or not.
pub(crate) type IsWhole = fn(&Pieces, bool) -> bool;

impl<T> Held<'_, T> {
    /// Gives the file its final name if it is whole by `is_whole`, which is asked with
    /// [`Options::accept_unverified`](crate::Options), and has none yet.
    pub fn complete_if(&mut self, is_whole: IsWhole) -> Result<(), Error> {
        let accept = self.shared.options.accept_unverified;
        let State::Open(pieces) = &self.desk.state else {
            return Ok(());
        };
        if !is_whole(pieces, accept) {
            return Ok(());
        }
        let (size, crc32) = (pieces.end(), pieces.crc32());
        self.gather()?;
        let data = self.data()?;
        if let Err(e) = finish::settle(&data, size) {
            return Err(self.distrust(e));
        }
        let whole = Whole {
            key: &self.lane.key,
            part: &self.lane.part,
            base: &self.desk.base(&self.lane.name),
            file: &data,
            size,
            crc32,
        };
        let done = finish::publish(self.place_of_job()?, &whole)?;
        drop(data);
        self.close();
        if let State::Open(pieces) = &self.desk.state {
            self.desk.state = State::Done(Finished::of_this_run(done, pieces));
        }
        self.desk.missing = Vec::new();
        self.tell_completed();
        Ok(())
    }

    /// Takes all that was written of a file for lost.
    fn distrust(&mut self, source: std::io::Error) -> Error {
        if let State::Open(pieces) = &mut self.desk.state {
            pieces.forget_written();
        }
        self.close();
        // If this fails too, the data are read back by the next run before they count.
        let file = self.lane.key.as_str();
        let _ = self.write_down(Line::Gone { file, number: None });
        self.failed(source)
    }

    /// The end of the run for this file.
    fn end(&mut self, is_whole: IsWhole) -> Result<(), Error> {
        self.open()?;
        // Whole or not by the options: the `.part` file is right, too.
        self.gather()?;
        self.complete_if(is_whole)
    }
}

impl<T> Shared<T> {
    /// Ends the run, once no writer is left.
    pub fn end(&self, is_whole: IsWhole) -> (Vec<FileOutcome>, Vec<Error>) {
        let index = std::mem::take(&mut *lock(&self.index));
        for lane in &index.lanes {
            let before = lock(&lane.desk).reported;
            // What is complete now is in what is returned.
            let _ = self.with(lane, |held| held.end(is_whole));
            lock(&lane.desk).reported = before;
        }
        let outcome = |lane: &std::sync::Arc<Lane<T>>| {
            crate::outcome::of(&self.options, lane, &lock(&lane.desk))
        };
        let outcomes = index.lanes.iter().map(outcome).collect();
        for job in index.jobs.values() {
            if let Err(error) = self.close(&job.job, &index) {
                self.trouble.note(error);
            }
        }
        (outcomes, self.trouble.rest())
    }

    /// Removes the journal of a job that needs none any more, and its folder if nothing
    /// came to be in it.
    fn close(&self, job: &Job, index: &Index<T>) -> Result<(), Error> {
        let Some(place) = &job.place else {
            return Ok(());
        };
        let open = index
            .lanes_of(job)
            .any(|lane| lock(&lane.desk).is_resumable());
        let recorded = lock(&place.journal.recorded);
        if open || recorded.values().any(|r| !is_done(place.dir(), r)) {
            return Ok(());
        }
        place.journal.remove(place.dir())?;
        place.folder.tidy(&self.root);
        Ok(())
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
