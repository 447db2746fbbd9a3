//! The last steps: a whole file gets its name, a job its journal removed, and what is not
//! whole is left so that a later run goes on.

use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::Error;
use crate::dir::Dir;
use crate::finish::{self, Whole};
use crate::finished::Finished;
use crate::held::Held;
use crate::index::Index;
use crate::lane::{Job, Lane, State};
use crate::line::{Line, Lines};
use crate::name;
use crate::pieces::Pieces;
use crate::prints::Tickets;
use crate::recorded::{Done, Recorded};
use crate::room::lock;
use crate::sync::flush;
use crate::types::{Event, FileOutcome, Journaling, OnIncomplete, Reason, Sync};
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
        if !is_whole(pieces, accept) || self.doubt()? {
            return Ok(());
        }
        let State::Open(pieces) = &self.desk.state else {
            return Ok(());
        };
        let done = Done {
            size: pieces.end(),
            crc32: pieces.crc32(),
            name: String::new(),
            mtime: None,
            of: pieces.of(),
            unverified: pieces.counts().unverified,
        };
        self.gather()?;
        let data = self.data()?;
        let mtime = self.harden(&data, done.size)?;
        let digests = self.digest(done.size)?;
        let options = &self.shared.options;
        let base = self.lane.base(options, self.desk);
        let whole = Whole {
            key: &self.lane.key,
            part: &self.lane.part,
            base: &base,
            nth: (base == self.lane.called(options, None)).then_some(self.lane.nth),
            file: &data,
            done: Done { mtime, ..done },
            overwrite: options.overwrite,
        };
        let place = self.place_of_job()?;
        let done = finish::publish(place, &whole).inspect_err(|_| {
            // If it has its name already, that is not sure to last; but its data are not
            // where they were.
            if matches!(place.dir().stat(&self.lane.part), Ok(None)) {
                self.desk.inode = None;
            }
        })?;
        drop(data);
        self.close();
        self.desk.digests = digests;
        if let State::Open(pieces) = &self.desk.state {
            self.desk.state = State::Done(Finished::of_this_run(done, pieces));
        }
        self.desk.missing = Vec::new();
        self.desk.tickets = Tickets::new();
        self.tell_completed();
        Ok(())
    }

    /// Looks for pieces of another file among those that would make this one whole, and says
    /// whether there are any. Whoever brought them may find better ones.
    fn doubt(&mut self) -> Result<bool, Error> {
        let (file, lane) = (self.lane.key.as_str(), self.lane);
        let State::Open(pieces) = &mut self.desk.state else {
            return Ok(false);
        };
        let foreign = match self.shared.options.accept_unverified {
            true => Vec::new(),
            false => pieces.foreign(&lane.name),
        };
        let mut lines = Lines::default();
        for &number in &foreign {
            let Some(entry) = pieces.doubt(number) else {
                continue;
            };
            let print = pieces.prints.get(entry.print);
            lines.push(&Line::Part {
                file,
                number,
                entry,
                print,
            });
        }
        if foreign.is_empty() {
            return Ok(false);
        }
        self.append(&lines)?;
        self.rise(&foreign, 0);
        // Else a power cut could bring back that they are good, when better ones are in
        // their places.
        let place = self.place_of_job()?;
        place.journal.sync(place.dir())?;
        for number in foreign {
            if let Some(ticket) = self.desk.tickets.take(number) {
                let reason = Reason::Foreign;
                self.told.push(Event::Doubted { ticket, reason });
            }
        }
        Ok(true)
    }

    /// Cuts the file to its size and syncs it, with nobody else syncing it: of two the system
    /// tells one only that it failed.
    fn harden(&mut self, data: &File, size: u64) -> Result<Option<i64>, Error> {
        let sync = self.shared.options.sync != Sync::Never;
        let only = lock(&self.lane.syncing);
        let settled = match lock(&self.lane.tide).is_broken() {
            true => Err(io::Error::other("its data could not be synced")),
            false => finish::settle(data, self.desk.len, size, sync),
        };
        if settled.is_ok() {
            let mut tide = lock(&self.lane.tide);
            let lines = tide.with(0);
            tide.ebb(lines);
        }
        drop(only);
        settled.map_err(|e| {
            self.desk.disown(self.lane);
            self.close();
            self.failed(e)
        })
    }

    /// The end of the run for this file.
    fn end(&mut self, is_whole: IsWhole, is_over: bool) -> Result<(), Error> {
        self.open()?;
        // Whole or not by the options: the `.part` file is right, too.
        self.gather()?;
        self.complete_if(is_whole)?;
        if self.desk.inode.is_none() || matches!(self.desk.state, State::Done(_)) {
            return Ok(());
        }
        match self.shared.options.on_incomplete {
            OnIncomplete::Delete if is_over => self.delete(),
            OnIncomplete::Rename if is_over => self.ebb().and_then(|()| self.send_away()),
            _ => self.ebb(),
        }
    }

    /// Syncs what is not, so that a later run need not read it back.
    fn ebb(&mut self) -> Result<(), Error> {
        if self.shared.options.sync != Sync::File {
            return Ok(());
        }
        let Some(lines) = lock(&self.lane.tide).turn() else {
            return Ok(());
        };
        let data = self.data()?;
        if let Err(e) = flush(&data) {
            self.desk.disown(self.lane);
            return Err(self.failed(e));
        }
        self.shared.mark(self.lane, lines)
    }

    fn delete(&mut self) -> Result<(), Error> {
        let (dir, part) = (self.dir()?, &self.lane.part);
        self.close();
        let file = self.lane.key.as_str();
        self.append(&Lines::of(Line::Gone { file, number: None }))?;
        dir.remove(part).map_err(|e| self.failed(e))?;
        if let State::Open(pieces) = &mut self.desk.state {
            pieces.forget_written();
        }
        self.desk.inode = None;
        Ok(())
    }

    /// Gives the data a name that says what they are. The journal knows it first.
    fn send_away(&mut self) -> Result<(), Error> {
        let dir = self.dir()?;
        let base = self.lane.base(&self.shared.options, self.desk);
        let base = format!("{}{AWAY}", name::cut(&base, name::MAX - AWAY.len() - 8));
        for n in 1.. {
            let name = match n {
                1 => base.clone(),
                n => name::numbered(&base, n),
            };
            if dir.stat(&name).map_err(|e| dir.error(&name, e))?.is_some() {
                continue;
            }
            let file = self.lane.key.as_str();
            self.append(&Lines::of(Line::Away { file, name: &name }))?;
            let renamed = dir.rename_new(&self.lane.part, &name);
            if renamed.map_err(|e| Error::creating(dir.path_of(&name), e))? {
                self.close();
                self.desk.away = Some(name);
                return dir.sync();
            }
        }
        Ok(())
    }
}

/// What the name of incomplete data ends in.
const AWAY: &str = ".incomplete";

impl<T> Shared<T> {
    /// Ends the run, once no writer is left. `is_over` says that it came to its end.
    pub fn end(&self, is_whole: IsWhole, is_over: bool) -> (Vec<FileOutcome>, Vec<Error>) {
        let index = std::mem::take(&mut *lock(&self.index));
        for lane in &index.lanes {
            let before = lock(&lane.desk).reported;
            // What is complete now is in what is returned.
            let _ = self.with(lane, |held| held.end(is_whole, is_over));
            lock(&lane.desk).reported = before;
        }
        let outcome =
            |lane: &Arc<Lane<T>>| crate::outcome::of(&self.options, lane, &lock(&lane.desk));
        let outcomes = index.lanes.iter().map(outcome).collect();
        for opened in index.jobs.values() {
            if let Err(error) = self.close(&opened.job, &index) {
                self.trouble.note(error);
            }
        }
        (outcomes, self.trouble.rest())
    }

    /// The end of a journal. Where all is complete, it needs to say no more than that, or
    /// need not be; nor need its folder, if nothing came to be in it.
    fn close(&self, job: &Job, index: &Index<T>) -> Result<(), Error> {
        let Some(place) = &job.place else {
            return Ok(());
        };
        let (dir, journal) = (place.dir(), &place.journal);
        let mut recorded = lock(&journal.recorded);
        recorded.retain(|_, r| !r.is_nothing());
        let mut open = recorded.values().any(|r| !is_done(dir, r));
        for lane in index.lanes_of(job) {
            let desk = lock(&lane.desk);
            open |= desk.is_resumable();
            if let State::Done(finished) = &desk.state {
                let done = Some(finished.done.clone());
                let of_lane = Recorded {
                    done,
                    ..Recorded::default()
                };
                recorded.insert(lane.key.clone(), of_lane);
            }
        }
        if open && self.options.journal != Journaling::Never {
            return journal.sync(dir);
        }
        match self.options.journal {
            Journaling::Keep if !recorded.is_empty() => {
                let digest = |r: &mut Recorded| {
                    *r = Recorded {
                        done: r.done.take(),
                        ..Recorded::default()
                    }
                };
                recorded.values_mut().for_each(digest);
                journal.rewrite(dir, &mut recorded)
            }
            _ => {
                journal.remove(dir)?;
                place.folder.tidy(&self.root);
                Ok(())
            }
        }
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
