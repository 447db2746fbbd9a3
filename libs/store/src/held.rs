//! A file in the hand of the one who has its lane: opening it, and the order in which
//! data, journal and memory are changed. Judging and placing pieces is
//! [`place`](crate::place)'s, the last steps are [`ending`](crate::ending)'s.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::Error;
use crate::dir::{self, Dir};
use crate::entry::Entry;
use crate::finish::changed;
use crate::finished::Finished;
use crate::lane::{Desk, Item, Lane, Place, State, Told};
use crate::line::{Line, Lines};
use crate::pieces::Pieces;
use crate::place::Run;
use crate::prints::Print;
use crate::recorded::Recorded;
use crate::resume::{self, Found};
use crate::room::lock;
use crate::sync::{Tide, flush};
use crate::types::{Event, Kept, LISTED, Placed, Sync, Why};
use crate::writer::Shared;

/// A lane in hand.
pub(crate) struct Held<'a, T> {
    pub shared: &'a Shared<T>,
    pub lane: &'a Arc<Lane<T>>,
    pub desk: &'a mut Desk<T>,
    pub told: Told<T>,
    /// What is to be told before that: who is told of a file's last piece takes all for settled.
    pub doubted: Told<T>,
    /// The numbers of pieces that are to be told as written, and which of `told` each is.
    pub fresh: Vec<(u64, usize)>,
    /// Pieces that lie one behind the other, to be written at once.
    pub run: Run<T>,
    /// What is written, and is to be in the journal before it is told.
    pub draft: Draft<T>,
    /// The data file, for as long as the lane is in hand.
    file: Option<Arc<File>>,
}

/// What is in the file and in memory, but not in the journal.
pub(crate) struct Draft<T> {
    pub lines: Lines,
    pub numbers: Vec<u64>,
    pub bytes: u64,
    pub tickets: Vec<T>,
}

impl<'a, T> Held<'a, T> {
    pub fn new(shared: &'a Shared<T>, lane: &'a Arc<Lane<T>>, desk: &'a mut Desk<T>) -> Self {
        Held {
            shared,
            lane,
            desk,
            told: Vec::new(),
            doubted: Vec::new(),
            fresh: Vec::new(),
            run: Run::new(),
            draft: Draft {
                lines: Lines::default(),
                numbers: Vec::new(),
                bytes: 0,
                tickets: Vec::new(),
            },
            file: None,
        }
    }

    /// Ends the work in hand; what is to be told comes back.
    pub fn put_down(mut self) -> Told<T> {
        if self.file.take().is_some() {
            self.shared.handles.rest(self.lane.at);
        }
        if self.doubted.is_empty() {
            return self.told;
        }
        self.doubted.append(&mut self.told);
        self.doubted
    }

    pub fn expect(&mut self, of: u64) {
        match &mut self.desk.state {
            State::Open(pieces) => pieces.expect(of),
            State::Done(finished) => finished.expect(of),
            State::Unknown => {}
        }
    }

    /// Where the job's files go. A job without a place has no lanes that come into a hand.
    pub fn place_of_job(&self) -> Result<&'a Place, Error> {
        let lane = self.lane;
        lane.job.place.as_ref().ok_or_else(|| {
            self.shared
                .root
                .error(&lane.part, io::Error::from(io::ErrorKind::NotFound))
        })
    }

    pub fn dir(&self) -> Result<&'a Dir, Error> {
        Ok(self.place_of_job()?.dir())
    }

    /// An error about the data file.
    pub fn failed(&self, source: io::Error) -> Error {
        match self.dir() {
            Ok(dir) => dir.error(&self.lane.part, source),
            Err(error) => error,
        }
    }

    /// Looks what an earlier run left, if nobody did yet.
    pub fn open(&mut self) -> Result<(), Error> {
        if !matches!(self.desk.state, State::Unknown) {
            return Ok(());
        }
        let lane = self.lane;
        let Place { folder, journal } = self.place_of_job()?;
        let recorded = lock(&journal.recorded).remove(&lane.key);
        let found = match self.find(recorded.as_ref()) {
            Ok(found) => found,
            Err(error) => {
                // So that the journal stays for the next run.
                let recorded = recorded.map(|r| (lane.key.clone(), r));
                lock(&journal.recorded).extend(recorded);
                return Err(error);
            }
        };
        let mut recorded = recorded.unwrap_or_default();
        if let (Some(claim), Found::Some(_) | Found::Nothing) = (&recorded.done, &found) {
            lock(&folder.names).release(&claim.name);
        }
        let tail = std::mem::take(&mut recorded.tail);
        *lock(&lane.tide) = Tide::of(recorded.lines, tail);
        self.take_over(found, &recorded)
    }

    fn find(&self, recorded: Option<&Recorded>) -> Result<Found, Error> {
        let (lane, dir, options) = (self.lane, self.dir()?, &self.shared.options);
        let agreed = recorded.and_then(|r| r.hints.name.get());
        let voices = [None, agreed.map(String::as_str)];
        let names = voices.map(|agreed| lane.called(options, agreed));
        resume::drop_twin(dir, &lane.part, &names)?;
        let Some(recorded) = recorded else {
            return Ok(Found::Nothing);
        };
        if let Some(away) = &recorded.away {
            resume::take_back(dir, &lane.part, away)?;
        }
        resume::resume(dir, &lane.part, recorded, options.verify)
    }

    /// Goes on where an earlier run was; what is not there any more is said to be gone, or a
    /// later mark would speak for it.
    fn take_over(&mut self, found: Found, recorded: &Recorded) -> Result<(), Error> {
        let file = self.lane.key.as_str();
        let mut lines = Lines::default();
        if recorded.away.is_some() {
            lines.push(&Line::Away { file, name: "" });
        }
        self.desk.state = State::Open(Box::default());
        match found {
            Found::Whole(done) => {
                let finished = Finished::of_earlier_run(done.clone(), recorded);
                self.desk.resumed = finished.of();
                // Known before it is read: if that fails, the journal still has it.
                self.desk.state = State::Done(finished);
                self.desk.digests = self.digest_of(&done)?;
                self.tell_completed();
            }
            Found::Some(found) => {
                let gone = recorded.entries.keys().filter(|n| !found.pieces.has(**n));
                for number in gone.copied().map(Some) {
                    lines.push(&Line::Gone { file, number });
                }
                self.desk.inode = Some(found.inode);
                self.desk.len = found.len;
                self.desk.resumed = found.pieces.numbers().count() as u64;
                self.keep(Arc::new(found.file));
                self.desk.state = State::Open(found.pieces);
            }
            Found::Nothing if recorded.is_nothing() => {}
            Found::Nothing => lines.push(&Line::Gone { file, number: None }),
        }
        self.append(&lines)
    }

    fn keep(&mut self, file: Arc<File>) {
        self.shared.handles.put(self.lane.at, Arc::clone(&file));
        self.file = Some(file);
    }

    /// The open `.part` file. What is in it when it is opened first is no use, unless
    /// pieces were read back from it.
    pub fn data(&mut self) -> Result<Arc<File>, Error> {
        if self.file.is_none() {
            self.file = self.shared.handles.take(self.lane.at);
        }
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.open_data()?);
        self.keep(Arc::clone(&file));
        Ok(file)
    }

    fn open_data(&mut self) -> Result<File, Error> {
        let (lane, dir) = (self.lane, self.dir()?);
        let Some(before) = self.desk.inode else {
            let (file, meta) = dir.open_own(&lane.part)?;
            if meta.len() > 0 {
                file.set_len(0).map_err(|e| self.failed(e))?;
            }
            self.desk.inode = Some(dir::inode(&meta));
            self.desk.len = 0;
            return Ok(file);
        };
        let (file, meta) = dir.open_again(&lane.part)?;
        match dir::inode(&meta) == before {
            true => Ok(file),
            false => Err(dir.refused(&lane.part, "it was exchanged while in use")),
        }
    }

    /// Closes the data file.
    pub fn close(&mut self) {
        self.file = None;
        self.shared.handles.close(self.lane.at);
    }

    /// Puts into the journal what was written, then tells it.
    pub fn commit(&mut self) -> Result<(), Error> {
        if self.draft.lines.is_empty() {
            return Ok(());
        }
        let written = self.write_down_draft();
        self.draft.lines.clear();
        let numbers = std::mem::take(&mut self.draft.numbers);
        let bytes = std::mem::take(&mut self.draft.bytes);
        if let Err(error) = written {
            if let State::Open(pieces) = &mut self.desk.state {
                numbers.iter().for_each(|&number| pieces.forget(number));
            }
            return Err(error);
        }
        self.rise(&numbers, bytes);
        for (number, ticket) in numbers.into_iter().zip(self.draft.tickets.drain(..)) {
            self.fresh.push((number, self.told.len()));
            let placed = Placed::Written;
            self.told.push(Event::Placed { ticket, placed });
        }
        Ok(())
    }

    fn write_down_draft(&mut self) -> Result<(), Error> {
        let is_each = self.shared.options.sync == Sync::Segment;
        if !is_each || self.draft.numbers.is_empty() {
            return self.append(&self.draft.lines);
        }
        let data = self.data()?;
        flush(&data).map_err(|e| self.failed(e))?;
        let meta = data.metadata().map_err(|e| self.failed(e))?;
        let (file, mtime) = (self.lane.key.as_str(), changed(&meta));
        let lines = lock(&self.lane.tide).with(self.draft.numbers.len());
        self.draft.lines.push(&Line::Sync { file, lines, mtime });
        self.append(&self.draft.lines)?;
        let place = self.place_of_job()?;
        place.journal.sync(place.dir())
    }

    /// Notes that the data of so many lines wait to be synced.
    pub fn rise(&self, numbers: &[u64], bytes: u64) {
        let noted = lock(&self.lane.tide).rise(numbers, bytes);
        match (self.shared.options.sync, noted) {
            (Sync::File, Some(urgent)) => self.shared.tides.note(self.lane, urgent),
            (Sync::Segment, _) => {
                let mut tide = lock(&self.lane.tide);
                let lines = tide.with(0);
                tide.ebb(lines);
            }
            _ => {}
        }
    }

    /// Adds lines to the journal.
    pub fn append(&self, lines: &Lines) -> Result<(), Error> {
        if lines.is_empty() {
            return Ok(());
        }
        let place = self.place_of_job()?;
        let is_first = place.journal.append(place.dir(), lines)?;
        if is_first && self.shared.options.sync == Sync::File {
            self.shared.tides.note_journal(&self.lane.job);
        }
        Ok(())
    }

    /// One line about a piece that moved, at once.
    pub fn moved(&mut self, number: u64, entry: Entry) -> Result<(), Error> {
        let file = self.lane.key.as_str();
        let line = Line::Part {
            file,
            number,
            entry,
            print: Print::default(),
        };
        self.append(&Lines::of(line))?;
        self.rise(&[number], u64::from(entry.len));
        Ok(())
    }

    /// Notes that a piece is not there.
    pub fn lose(&mut self, number: u64, id: &str, why: Why) {
        let State::Open(pieces) = &mut self.desk.state else {
            return;
        };
        let listed = &self.shared.listed;
        if pieces.lose(number, why) && listed.load(Ordering::Relaxed) < LISTED {
            listed.fetch_add(1, Ordering::Relaxed);
            self.desk.missing.push((number, id.to_owned()));
        }
    }

    /// Tells that the file is complete.
    pub fn tell_completed(&mut self) {
        let outcome = crate::outcome::of(&self.shared.options, self.lane, self.desk);
        self.desk.reported = true;
        self.told.push(Event::Completed(Box::new(outcome)));
    }
}

impl<T> Held<'_, T> {
    /// What of the file need not be fetched.
    pub fn kept(&self) -> Kept {
        let accept = self.shared.options.accept_unverified;
        match &self.desk.state {
            State::Unknown => Kept::default(),
            State::Done(_) => Kept::whole(),
            State::Open(pieces) => Kept {
                complete: false,
                numbers: pieces.kept(&self.lane.name, accept),
                refused: false,
            },
        }
    }
}

impl<T: Clone> Held<'_, T> {
    /// Does what waited.
    pub fn batch(&mut self, items: Vec<Item<T>>) -> Result<(), Error> {
        if matches!(self.desk.state, State::Unknown) {
            self.open()?;
            items.iter().for_each(|item| self.expect(item.of()));
            // The earlier run may have died between the last piece and the rename.
            self.complete_if(Pieces::is_whole)?;
        }
        for item in crate::place::in_order(items) {
            match item {
                Item::Piece(given) => self.piece(given)?,
                Item::Absent {
                    number,
                    of,
                    id,
                    why,
                } => {
                    self.flush()?;
                    self.expect(of);
                    self.lose(number, &id, why);
                }
                Item::Tell(outcome) => self.told.push(Event::Completed(outcome)),
            }
        }
        self.flush()?;
        self.commit()?;
        self.hash_rest();
        self.complete_if(Pieces::is_whole)
    }
}
