//! When data are made to survive a power cut, and what says so. A thread of its own does it:
//! writers go on meanwhile, also in the same file.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::Error;
use crate::dir::Dir;
use crate::finish::changed;
use crate::lane::{Job, Lane, State};
use crate::line::{Line, Lines};
use crate::room::lock;
use crate::writer::Shared;

/// After how many bytes a file is synced.
const BYTES: u64 = 64 << 20;

/// How long after a write it is, at most.
const AFTER: Duration = Duration::from_secs(2);

/// How much of a file is on the disk.
#[derive(Debug, Default)]
pub(crate) struct Tide {
    /// Lines about pieces in the journal; their data were written before.
    lines: u64,
    /// The numbers in the last of them, whose data are not known to be on the disk.
    tail: VecDeque<u64>,
    bytes: u64,
    /// It is known to who syncs, and as urgent.
    noted: (bool, bool),
    /// A sync failed: what the system still has of the tail is anybody's guess.
    broken: bool,
}

impl Tide {
    /// What an earlier run left.
    pub fn of(lines: u64, tail: VecDeque<u64>) -> Tide {
        Tide {
            lines,
            tail,
            ..Tide::default()
        }
    }

    /// Notes pieces that are written and journalled; says whether, and how urgently, the
    /// lane has to be noted.
    pub fn rise(&mut self, numbers: &[u64], bytes: u64) -> Option<bool> {
        self.lines += numbers.len() as u64;
        self.tail.extend(numbers);
        self.bytes += bytes;
        let urgent = self.bytes >= BYTES;
        let is_news = match urgent {
            true => !std::mem::replace(&mut self.noted.1, true),
            false => !std::mem::replace(&mut self.noted.0, true),
        };
        is_news.then_some(urgent)
    }

    /// How many lines there are; they are about to be synced. `None` if all is.
    pub fn turn(&mut self) -> Option<u64> {
        self.noted = (false, false);
        self.bytes = 0;
        (!self.tail.is_empty() && !self.broken).then_some(self.lines)
    }

    /// So many lines are synced.
    pub fn ebb(&mut self, lines: u64) {
        let left = self.lines.saturating_sub(lines);
        while self.tail.len() as u64 > left {
            self.tail.pop_front();
        }
    }

    /// How many lines there would be with so many more.
    pub fn with(&self, more: usize) -> u64 {
        self.lines + more as u64
    }

    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The numbers that are not known to be on the disk.
    pub fn lose(&mut self) -> Vec<u64> {
        self.broken = true;
        self.tail.drain(..).collect()
    }
}

/// What is to be synced.
enum Due<T> {
    Data(Arc<Lane<T>>),
    Journal(Arc<Job>),
}

/// What is to be synced, and when.
pub(crate) struct Tides<T> {
    state: Mutex<Waiting<T>>,
    ready: Condvar,
}

struct Waiting<T> {
    /// In the order in which it is due: all wait for the same time.
    later: VecDeque<(Instant, Due<T>)>,
    urgent: VecDeque<Due<T>>,
    idle: bool,
    closed: bool,
}

impl<T> Tides<T> {
    pub fn new() -> Tides<T> {
        Tides {
            state: Mutex::new(Waiting {
                later: VecDeque::new(),
                urgent: VecDeque::new(),
                idle: false,
                closed: false,
            }),
            ready: Condvar::new(),
        }
    }

    pub fn note(&self, lane: &Arc<Lane<T>>, urgent: bool) {
        let due = Due::Data(Arc::clone(lane));
        self.push(due, urgent);
    }

    pub fn note_journal(&self, job: &Arc<Job>) {
        self.push(Due::Journal(Arc::clone(job)), false);
    }

    fn push(&self, due: Due<T>, urgent: bool) {
        let mut state = lock(&self.state);
        // Who sleeps until a time is woken for what comes before it only.
        let wake = state.idle && (urgent || state.later.is_empty());
        match urgent {
            true => state.urgent.push_back(due),
            false => state.later.push_back((Instant::now() + AFTER, due)),
        }
        if wake {
            self.ready.notify_one();
        }
    }

    /// What is due; `None` once it is closed. Nothing is lost with what is not synced then:
    /// the end of the run does it.
    fn next(&self) -> Option<Due<T>> {
        let mut state = lock(&self.state);
        while !state.closed {
            if let Some(due) = state.urgent.pop_front() {
                return Some(due);
            }
            let wait = match state.later.front() {
                Some((at, _)) => at.saturating_duration_since(Instant::now()),
                None => Duration::MAX,
            };
            if wait.is_zero() {
                return state.later.pop_front().map(|(_, due)| due);
            }
            state.idle = true;
            state = match wait {
                Duration::MAX => self
                    .ready
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                wait => {
                    let woken = self.ready.wait_timeout(state, wait);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.idle = false;
        }
        None
    }

    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        // A journal is locked for as long as anybody has its job.
        (state.later, state.urgent) = Default::default();
        drop(state);
        self.ready.notify_all();
    }
}

impl<T> Shared<T> {
    /// The life of the one who syncs.
    pub fn sync(&self) {
        while let Some(due) = self.tides.next() {
            let synced = match due {
                Due::Data(lane) => self.sync_lane(&lane),
                Due::Journal(job) => match &job.place {
                    Some(place) => place.journal.sync(place.dir()),
                    None => Ok(()),
                },
            };
            if let Err(error) = synced {
                self.trouble.end(error);
                self.room.stir();
            }
        }
    }

    /// Syncs what was written of a file so far, and says so in the journal.
    fn sync_lane(&self, lane: &Arc<Lane<T>>) -> Result<(), Error> {
        let Some(place) = &lane.job.place else {
            return Ok(());
        };
        let failed = |e| place.dir().error(&lane.part, e);
        {
            let _only = lock(&lane.syncing);
            let Some(lines) = lock(&lane.tide).turn() else {
                return Ok(());
            };
            match self.flush(lane, place.dir()) {
                // It got its name meanwhile.
                Ok(None) => return Ok(()),
                Ok(Some(mtime)) => return self.mark(lane, lines, mtime),
                Err(e) => {
                    self.trouble.end(failed(e));
                    lock(&lane.tide).broken = true;
                }
            }
        }
        lock(&lane.desk).disown(lane);
        Ok(())
    }

    /// Syncs the data of a file, if they still are where they are written, and tells when they
    /// were changed last.
    fn flush(&self, lane: &Lane<T>, dir: &Dir) -> io::Result<Option<Option<i64>>> {
        if let Some(file) = self.handles.take(lane.at) {
            let flushed = flush(&file).and_then(|()| Ok(changed(&file.metadata()?)));
            drop(file);
            self.handles.rest(lane.at);
            return flushed.map(Some);
        }
        // Closed for others. Synced it is all the same, whoever opens it.
        match dir.open_regular(&lane.part)? {
            Some(file) => flush(&file).and_then(|()| Ok(Some(changed(&file.metadata()?)))),
            None => Ok(None),
        }
    }

    /// Says in the journal that the data of so many lines are on the disk, in a file that was
    /// changed last at `mtime`.
    pub fn mark(&self, lane: &Lane<T>, lines: u64, mtime: Option<i64>) -> Result<(), Error> {
        if let Some(place) = &lane.job.place {
            let file = lane.key.as_str();
            let line = Lines::of(Line::Sync { file, lines, mtime });
            let is_first = place.journal.append(place.dir(), &line)?;
            lock(&lane.tide).ebb(lines);
            if is_first {
                self.tides.note_journal(&lane.job);
            }
        }
        Ok(())
    }
}

impl<T> crate::lane::Desk<T> {
    /// Takes all that was not synced for lost: the system may have dropped it, and would say
    /// next time that all is well.
    pub fn disown(&mut self, lane: &Lane<T>) {
        let numbers = lock(&lane.tide).lose();
        self.failed = true;
        let State::Open(pieces) = &mut self.state else {
            return;
        };
        let file = lane.key.as_str();
        let mut lines = Lines::default();
        for number in numbers {
            pieces.forget(number);
            let number = Some(number);
            lines.push(&Line::Gone { file, number });
        }
        if let Some(place) = &lane.job.place {
            // If this fails too, they are after the last mark, and read back by the next run.
            let _ = place.journal.append(place.dir(), &lines);
        }
    }
}

/// Makes the data of a file survive a power cut, where the file system can do that at all.
pub(crate) fn flush(file: &File) -> io::Result<()> {
    let cannot = [Errno::INVAL, Errno::NOTSUP, Errno::NOSYS].map(|e| Some(e.raw_os_error()));
    match file.sync_data() {
        Err(e) if !cannot.contains(&e.raw_os_error()) => Err(e),
        _ => Ok(()),
    }
}
