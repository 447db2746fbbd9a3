//! The stage `seg-write`: `part` records in, files out.
//!
//! Where a file stands and when it is complete is `store`'s; here records become
//! its pieces, and its outcomes become `file` records and the exit code.

mod arrival;
mod desk;
mod record;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use nzbpipe_record::{Class, FileReport, Header, Job, Record, Segment};
use nzbpipe_store::{FileOutcome, Ident, Kept, Status, Store};
use serde_json::{Map, Value};

use crate::decode::{never_fetched, no_payload, still_encoded};
use crate::feedback::Feedback;
use crate::split::Jobs;
use crate::stage::{Ending, close};
use crate::verdict::Verdict;
use crate::{Code, Error, Event, Inlet, Outlet, Watch, repair};
use arrival::Arrivals;
use desk::{Desk, Ticket};
pub use record::report;
pub(crate) use record::{ident, identity};

/// The stage's name.
pub const NAME: &str = "seg-write";

/// Where files go, and who looks on.
pub struct Config {
    /// The output directory and what counts as complete.
    pub store: nzbpipe_store::Options,
    /// Whether the bytes of a part are held against its CRC once more: they came
    /// through a pipe or lay in a file since the decoder saw them.
    pub check: bool,
    /// Whether the room that a job needs has to be there when it begins.
    pub room: bool,
    /// Sees each event.
    pub watch: Box<dyn Watch>,
}

/// What was written, besides how it ended.
pub struct Written {
    /// How the stage ended.
    pub ending: Ending,
    /// Every file a record named.
    pub files: Vec<FileOutcome>,
    /// Whether par2 can repair what is missing, by the name of the job. Only jobs that are
    /// not complete are judged.
    pub verdicts: Vec<(String, Verdict)>,
}

/// Writes the parts of `inlet` to files. `missing`, `failed` and `file` records
/// go to `outlet`.
pub fn run(config: Config, inlet: Inlet, outlet: Outlet) -> Written {
    match Writing::open(config, outlet, None) {
        Ok(writing) => writing.run(inlet),
        Err(refused) => *refused,
    }
}

/// The stage, ready to begin.
pub(crate) struct Writing {
    arrivals: Arc<Arrivals>,
    dir: PathBuf,
    /// What the NZBs list, where they are known.
    jobs: Option<Jobs>,
}

impl Writing {
    /// Opens the output. `feedback` is the way back to the stages before.
    pub fn open(
        config: Config,
        outlet: Outlet,
        feedback: Option<Feedback>,
    ) -> Result<Writing, Box<Written>> {
        let desk = Arc::new(Mutex::new(Desk::new(outlet, config.watch, feedback)));
        let dir = config.store.dir.clone();
        let told = Arc::clone(&desk);
        let opened = Store::open(config.store, move |fate| lock(&told).fate(fate))
            .map_err(Error::from)
            .and_then(|store| lock(&desk).outlet.begin(NAME).map(|()| store));
        match opened {
            Ok(store) => Ok(Writing {
                arrivals: Arc::new(Arrivals {
                    store: Arc::new(store),
                    desk,
                    check: config.check,
                    alone: available_parallelism().is_ok_and(|cores| cores.get() == 1),
                    room: config.room.then(|| Mutex::new(Room::new(dir.clone()))),
                }),
                dir,
                jobs: None,
            }),
            Err(error) => {
                let mut ending = Ending::default();
                ending.fail(NAME, error);
                close(NAME, &mut lock(&desk).outlet, &mut ending);
                Err(Box::new(Written {
                    ending,
                    files: Vec::new(),
                    verdicts: Vec::new(),
                }))
            }
        }
    }

    /// Has the verdict on each job take account of all that its NZB lists.
    pub fn judge_by(&mut self, jobs: Jobs) {
        self.jobs = Some(jobs);
    }

    /// Tells what an earlier run left of a file, for who decides what is asked for.
    pub fn kept(&self) -> impl Fn(&Ident<'_>) -> Result<Kept, Error> + Send + use<> {
        let store = Arc::clone(self.store());
        move |file| Ok(store.kept(file)?)
    }

    /// Every file as it is, once all that was given is in its place.
    pub fn outcomes(&self) -> impl Fn() -> Vec<FileOutcome> + Send + use<> {
        let store = Arc::clone(self.store());
        move || store.outcomes()
    }

    /// Waits until all that was given is in its place, and told.
    pub fn last_words(&self) -> impl Fn() + Send + Sync + use<> {
        // The desk has it, and the store the desk.
        let store = Arc::downgrade(self.store());
        move || {
            if let Some(store) = store.upgrade() {
                store.outcomes();
            }
        }
    }

    /// Has parts written on the thread that brings them, where that can be done without
    /// waiting; what is not comes back.
    pub fn at_once(&self) -> impl Fn(Record) -> Option<Record> + Send + use<> {
        let arrivals = Arc::clone(&self.arrivals);
        move |record| arrivals.at_once(record)
    }

    /// Writes what `inlet` brings.
    pub fn run(mut self, mut inlet: Inlet) -> Written {
        let worked = self.work(&mut inlet);
        let mut ending = Ending {
            code: inlet.inherited(),
            ..Ending::default()
        };
        // A stage before that did not come to its end did not send all there is.
        let errors = self.finish(worked.is_ok() && ending.code == Code::OK);
        let mut desk = self.desk();
        let mut failures: Vec<Error> = worked.err().into_iter().chain(errors).collect();
        failures.extend(desk.trouble().err());
        if failures.is_empty() {
            failures.extend(desk.give_up_rest().err());
        }
        ending.tally = desk.tally();
        ending.code = ending.tally.code().or(ending.code);
        if desk.files.iter().any(|f| f.status != Status::Complete) {
            ending.code = ending.code.or(Code::INCOMPLETE);
        }
        let files = std::mem::take(&mut desk.files);
        // What failed only for now may come with the next run.
        let is_final = failures.is_empty() && ending.tally.is_final();
        let verdicts = match is_final {
            true => self.judge(&files),
            false => Vec::new(),
        };
        for error in failures {
            ending.fail(NAME, error);
        }
        ending.repair = said(&verdicts);
        close(NAME, &mut desk.outlet, &mut ending);
        if let Some(feedback) = &desk.feedback {
            feedback.close();
        }
        drop(desk);
        Written {
            ending,
            files,
            verdicts,
        }
    }

    /// The verdicts on the jobs of which something is missing.
    fn judge(&self, files: &[FileOutcome]) -> Vec<(String, Verdict)> {
        if files.iter().all(|file| file.status == Status::Complete) {
            return Vec::new();
        }
        let mut verdicts = match &self.jobs {
            Some(jobs) => jobs.judge_all(files),
            None => repair::judge_all(&self.dir, files),
        };
        verdicts.retain(|(_, verdict)| verdict.incomplete);
        verdicts.sort_by(|a, b| a.0.cmp(&b.0));
        verdicts
    }

    /// Closes the store. `whole` says that all came to its end: a file that no
    /// record told the size of is complete only then.
    fn finish(&self, whole: bool) -> Vec<Error> {
        if !self.desk().is_final() {
            self.store().spare();
        }
        let (files, errors) = match whole {
            true => self.store().finish(),
            false => self.store().stop(),
        };
        let mut errors: Vec<Error> = errors.into_iter().map(Error::from).collect();
        let mut desk = self.desk();
        for file in files.into_iter().filter(|file| !file.reported) {
            if errors.is_empty() {
                let header = Header::File(Box::new(report(&file)));
                errors.extend(desk.send(header).err());
            }
            desk.files.push(file);
        }
        errors
    }

    fn work(&mut self, inlet: &mut Inlet) -> Result<(), Error> {
        while let Some(record) = inlet.next()? {
            let Record { header, payload } = record;
            match (header, payload) {
                (Header::Part(part), Some(bytes)) => self.arrivals.part(part, bytes)?,
                (Header::Part(part), None) => return Err(no_payload("part", &part.segment)),
                (Header::Segment(segment), _) => return Err(never_fetched(&segment)),
                (Header::Body(body), _) => return Err(still_encoded(&body.segment)),
                (Header::Article(article), _) => return Err(still_encoded(&article.segment)),
                (header, _) => self.other(header)?,
            }
        }
        Ok(())
    }

    fn other(&mut self, header: Header) -> Result<(), Error> {
        match &header {
            Header::Job(job) => self.job(job)?,
            Header::Progress(progress) => {
                let mut desk = self.desk();
                desk.watch.event(Event::Progress(progress));
                return desk.trouble();
            }
            Header::Missing(missing) => {
                let segment = missing.segment.clone();
                return self.lose(&segment, Class::Missing, header);
            }
            Header::Failed(failed) => {
                let (segment, class) = (failed.segment.clone(), failed.class.clone());
                return self.lose(&segment, class, header);
            }
            // An earlier stage left out what is there of it.
            Header::File(file) => return self.speak_of(file),
            _ => return Ok(()),
        }
        self.desk().send(header)
    }

    fn job(&mut self, job: &Job) -> Result<(), Error> {
        self.desk().watch.event(Event::Job(job));
        match &self.arrivals.room {
            Some(room) => {
                let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
                room.reserve(job.bytes)
            }
            None => Ok(()),
        }
    }

    fn lose(&mut self, segment: &Segment, class: Class, header: Header) -> Result<(), Error> {
        let why = self.desk().lose(segment, class, header)?;
        let id = identity(segment);
        Ok(self.store().absent(&record::absent(segment, &id, why))?)
    }

    fn speak_of(&mut self, file: &FileReport) -> Result<(), Error> {
        let segment = Segment {
            job: file.job.clone(),
            job_name: file.job_name.clone(),
            file: file.file,
            file_id: file.file_id.clone(),
            name: file.name.clone(),
            of: file.segments,
            ..Segment::default()
        };
        let id = identity(&segment);
        self.store().kept(&ident(&segment, &id))?;
        Ok(())
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.arrivals.desk)
    }

    fn store(&self) -> &Arc<Store<Ticket>> {
        &self.arrivals.store
    }
}

/// The most verdicts in the `end` record: a header has a limit.
const JUDGED: usize = 16;

/// The verdicts for the `end` record.
fn said(verdicts: &[(String, Verdict)]) -> Vec<Map<String, Value>> {
    let said = verdicts.iter().take(JUDGED).map(|(name, verdict)| {
        let mut said = verdict.json();
        said["job_name"] = name.as_str().into();
        match said {
            Value::Object(said) => said,
            _ => Map::new(),
        }
    });
    said.collect()
}

/// Whoever panicked with the desk in hand is told of elsewhere.
fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// No job is larger: NZBs say anything of sizes.
const BELIEVED: u64 = 1 << 50;

/// The room in the output directory that jobs lay claim to before anything is fetched.
pub struct Room {
    dir: PathBuf,
    /// Encoded bytes that are still to come.
    claimed: u64,
}

impl Room {
    /// None is claimed yet in `dir`.
    pub fn new(dir: PathBuf) -> Room {
        Room { dir, claimed: 0 }
    }

    /// Sees that there is room for a job of so many encoded bytes. That it cannot be told is
    /// no reason not to begin, and neither is a size that nobody means.
    pub(crate) fn reserve(&mut self, encoded: u64) -> Result<(), Error> {
        if encoded > BELIEVED {
            return Ok(());
        }
        self.claimed = self.claimed.saturating_add(encoded);
        // yEnc adds 1.5 to 4 %, and headers are counted with some NZBs: nothing is refused
        // that could have fitted.
        let needed = self.claimed - self.claimed / 20;
        match nzbpipe_store::room(&self.dir) {
            Ok(free) if free < needed => Err(Error::NoRoom {
                dir: self.dir.clone(),
                needed,
                free,
            }),
            _ => Ok(()),
        }
    }

    /// So many encoded bytes came.
    pub(crate) fn arrived(&mut self, encoded: u64) {
        self.claimed = self.claimed.saturating_sub(encoded);
    }
}

#[cfg(test)]
mod tests;
