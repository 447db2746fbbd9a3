//! The stage `seg-write`: `part` records in, files out.
//!
//! Where a file stands and when it is complete is `store`'s; here records become
//! its pieces, and its outcomes become `file` records and the exit code.

use std::borrow::Cow;
use std::collections::HashMap;

use nzbpipe_record::{
    Bytes, Class, Crc, Encoding, Failed, FileReport, FileStatus, Header, Part, Record, Segment,
};
use nzbpipe_store::{Absent, FileOutcome, Order, Piece, Placed, Status, Store, Why};

use crate::decode::{never_fetched, no_payload};
use crate::stage::{Ending, close};
use crate::{Code, Error, Event, Inlet, Outlet, Tally, Watch, tally};

/// The stage's name.
pub const NAME: &str = "seg-write";

/// Where files go, and who looks on.
pub struct Config {
    /// The output directory and what counts as complete.
    pub store: nzbpipe_store::Options,
    /// Whether the bytes of a part are held against its CRC once more: they came
    /// through a pipe or lay in a file since the decoder saw them.
    pub check: bool,
    /// Sees each event.
    pub watch: Box<dyn Watch>,
}

/// What was written, besides how it ended.
pub struct Written {
    /// How the stage ended.
    pub ending: Ending,
    /// Every file a record named.
    pub files: Vec<FileOutcome>,
}

/// Writes the parts of `inlet` to files. `missing`, `failed` and `file` records
/// go to `outlet`.
pub fn run(config: Config, mut inlet: Inlet, mut outlet: Outlet) -> Written {
    let mut ending = Ending::default();
    let mut stage = match open(config, &mut outlet) {
        Ok(stage) => stage,
        Err(error) => {
            ending.fail(NAME, error);
            close(NAME, &mut outlet, &mut ending);
            return Written {
                ending,
                files: Vec::new(),
            };
        }
    };
    let result = stage.work(&mut inlet, &mut outlet);
    let (files, tally, finished) = stage.finish(result.is_ok(), &mut outlet);
    let incomplete = files.iter().any(|file| file.status != Status::Complete);
    ending.code = tally.code().or(inlet.inherited());
    if incomplete {
        ending.code = ending.code.or(Code::INCOMPLETE);
    }
    ending.tally = tally;
    for error in [result, finished].into_iter().filter_map(Result::err) {
        ending.fail(NAME, error);
    }
    close(NAME, &mut outlet, &mut ending);
    Written { ending, files }
}

fn open(config: Config, outlet: &mut Outlet) -> Result<Stage, Error> {
    let store = Store::open(config.store)?;
    outlet.begin(NAME)?;
    Ok(Stage {
        store,
        check: config.check,
        watch: config.watch,
        lost: HashMap::new(),
        files: Vec::new(),
        bytes: 0,
        quota: false,
    })
}

/// Job, index and digest: files with the same segments have the same digest.
type Identity = (String, u64, String);

struct Stage {
    store: Store,
    check: bool,
    watch: Box<dyn Watch>,
    /// Segments that will not come, by file: they count only if the file stays
    /// incomplete, for an earlier run may have written them.
    lost: HashMap<Identity, HashMap<u64, Class>>,
    files: Vec<FileOutcome>,
    bytes: u64,
    /// Whether a quota kept a segment from being asked for.
    quota: bool,
}

impl Stage {
    fn work(&mut self, inlet: &mut Inlet, outlet: &mut Outlet) -> Result<(), Error> {
        while let Some(record) = inlet.next()? {
            let Record { header, payload } = record;
            match (header, payload) {
                (Header::Part(part), Some(bytes)) => self.part(&part, &bytes, outlet)?,
                (Header::Part(part), None) => return Err(no_payload("part", &part.segment)),
                (Header::Segment(segment), _) => return Err(never_fetched(&segment)),
                (Header::Body(body), _) => return Err(not_decoded(&body.segment)),
                (Header::Article(article), _) => return Err(not_decoded(&article.segment)),
                (header, _) => self.other(header, outlet)?,
            }
        }
        Ok(())
    }

    fn other(&mut self, header: Header, outlet: &mut Outlet) -> Result<(), Error> {
        match &header {
            Header::Job(job) => self.watch.event(Event::Job(job)),
            Header::Progress(progress) => self.watch.event(Event::Progress(progress)),
            Header::Missing(missing) => self.lose(&missing.segment, &Class::Missing)?,
            Header::Failed(failed) => {
                self.quota |= tally::over_quota(failed);
                self.lose(&failed.segment, &failed.class)?;
            }
            _ => return Ok(()),
        }
        if matches!(header, Header::Progress(_)) {
            return Ok(());
        }
        outlet.send(header.into())
    }

    fn part(&mut self, part: &Part, bytes: &Bytes, outlet: &mut Outlet) -> Result<(), Error> {
        let segment = &part.segment;
        self.watch.event(Event::Arrived {
            bytes: segment.bytes.unwrap_or(bytes.len() as u64),
        });
        self.bytes += bytes.len() as u64;
        let id = identity(segment);
        let crc32 = self.crc32(part, bytes);
        let placed = self.store.piece(&piece(part, bytes, (&id, crc32)))?;
        match refusal(part, &placed) {
            Some(reason) => {
                self.lost(segment).insert(segment.number, Class::Damaged);
                outlet.send(refused(segment, reason).into())?;
            }
            // It may have failed earlier in the stream.
            None if self.lost.is_empty() => {}
            None => {
                self.lost(segment).remove(&segment.number);
            }
        }
        self.report_completed(outlet)
    }

    /// The CRC-32 of the bytes: the decoder's figure where nothing came between,
    /// else our own. `None` if the two differ.
    fn crc32(&self, part: &Part, bytes: &Bytes) -> Option<u32> {
        let told = part.crc32.as_deref().map(hex);
        match told {
            Some(told) if !self.check => told,
            Some(told) => told.filter(|&crc| crc == crc32fast::hash(bytes)),
            None => Some(crc32fast::hash(bytes)),
        }
    }

    fn lose(&mut self, segment: &Segment, class: &Class) -> Result<(), Error> {
        self.watch.event(Event::Lost {
            bytes: segment.bytes.unwrap_or(0),
        });
        self.lost(segment).insert(segment.number, class.clone());
        let id = identity(segment);
        self.store.absent(&Absent {
            job: &segment.job,
            job_name: &segment.job_name,
            file: segment.file,
            file_id: &id,
            name: &segment.name,
            number: segment.number,
            of: segment.of,
            id: &segment.id,
            why: match class {
                Class::Missing => Why::Missing,
                Class::Damaged => Why::Damaged,
                _ => Why::Failed,
            },
        })?;
        Ok(())
    }

    fn lost(&mut self, segment: &Segment) -> &mut HashMap<u64, Class> {
        let id = identity(segment).into_owned();
        let file = (segment.job.clone(), segment.file, id);
        self.lost.entry(file).or_default()
    }

    fn report_completed(&mut self, outlet: &mut Outlet) -> Result<(), Error> {
        for file in self.store.completed() {
            self.watch.event(Event::File(&file));
            outlet.send(report(&file).into())?;
            outlet.flush()?;
            self.files.push(file);
        }
        Ok(())
    }

    /// Closes the store and sums up: a complete file's losses are forgotten, an
    /// incomplete one's are what is left to explain.
    /// `whole` says that the stream came to its end: a file that no record told
    /// the size of is complete only then.
    fn finish(
        mut self,
        whole: bool,
        outlet: &mut Outlet,
    ) -> (Vec<FileOutcome>, Tally, Result<(), Error>) {
        let mut result = self.report_completed(outlet);
        let (files, closed) = match whole {
            true => self.store.finish(),
            false => self.store.stop(),
        };
        for file in files.into_iter().filter(|file| !file.reported) {
            if result.is_ok() {
                result = outlet.send(report(&file).into());
            }
            self.files.push(file);
        }
        let result = result.and(closed.map_err(Error::from));
        let mut tally = Tally {
            bytes: self.bytes,
            quota: self.quota,
            ..Tally::default()
        };
        for file in &self.files {
            let key = (file.job.clone(), file.file, file.file_id.clone());
            add(&mut tally, file, self.lost.get(&key));
        }
        (self.files, tally, result)
    }
}

fn add(tally: &mut Tally, file: &FileOutcome, lost: Option<&HashMap<u64, Class>>) {
    tally.ok = tally.ok.saturating_add(file.ok);
    if file.status == Status::Complete {
        tally.ok = tally.ok.saturating_add(file.unverified);
        return;
    }
    tally.unverified += file.unverified;
    let mut heard_of = file.ok + file.unverified;
    for class in lost.into_iter().flat_map(HashMap::values) {
        tally.failure(class);
        heard_of += 1;
    }
    let unheard = file.of.saturating_sub(heard_of);
    tally.unheard = tally.unheard.saturating_add(unheard);
}

fn piece<'a>(
    part: &'a Part,
    bytes: &'a Bytes,
    (file_id, crc32): (&'a str, Option<u32>),
) -> Piece<'a> {
    let segment = &part.segment;
    Piece {
        job: &segment.job,
        job_name: &segment.job_name,
        file: segment.file,
        file_id,
        name: &segment.name,
        yenc_name: part.yenc_name.as_deref(),
        number: segment.number,
        of: segment.of,
        offset: part.offset.unwrap_or_default(),
        order: match part.encoding {
            Some(Encoding::Uu) => Some(Order::Uu { ends: part.ends }),
            Some(Encoding::Raw) => Some(Order::Raw),
            _ => None,
        },
        size: part.size,
        verified: part.crc == Crc::Ok && crc32.is_some(),
        damaged: matches!(part.crc, Crc::Mismatch | Crc::Truncated) || crc32.is_none(),
        bytes,
        crc32: crc32.unwrap_or_default(),
        file_crc32: part.file_crc32.as_deref().and_then(hex),
        bound: None,
        id: &segment.id,
    }
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

/// What tells files apart. A stream made by hand may lack the digest; then the
/// job, the index and the name must do.
fn identity(segment: &Segment) -> Cow<'_, str> {
    if !segment.file_id.is_empty() {
        return Cow::Borrowed(&segment.file_id);
    }
    let words = format!("{}\n{}\n{}", segment.job, segment.file, segment.name);
    Cow::Owned(format!("{:08x}", crc32fast::hash(words.as_bytes())))
}

/// Why a part does not count, in the words of a `failed` record.
fn refusal(part: &Part, placed: &Placed) -> Option<String> {
    match placed {
        Placed::Rejected(reason) => Some(reason.as_str().to_owned()),
        Placed::Damaged if part.crc == Crc::Truncated => Some("truncated".to_owned()),
        Placed::Damaged if part.encoding.is_some() => Some("damaged".to_owned()),
        Placed::Damaged => Some("crc".to_owned()),
        _ => None,
    }
}

fn refused(segment: &Segment, reason: String) -> Header {
    Header::Failed(Box::new(Failed {
        segment: segment.clone(),
        stage: NAME.to_owned(),
        class: Class::Damaged,
        reason,
        ..Failed::default()
    }))
}

fn not_decoded(segment: &Segment) -> Error {
    Error::Order(format!(
        "the body of <{}> is still encoded: put yenc-decode before this stage",
        segment.id.escape_debug()
    ))
}

/// The most ranges a `file` record lists: its header has a limit.
const RANGES: usize = 1000;

/// The `file` record of an outcome.
fn report(file: &FileOutcome) -> Header {
    Header::File(Box::new(FileReport {
        job: file.job.clone(),
        job_name: file.job_name.clone(),
        file: file.file,
        file_id: file.file_id.clone(),
        name: file.name.clone(),
        path: file.path.as_ref().map(|p| p.to_string_lossy().into_owned()),
        status: match file.status {
            Status::Complete => FileStatus::Complete,
            Status::Damaged => FileStatus::Damaged,
            Status::Unverified => FileStatus::Unverified,
            _ => FileStatus::Incomplete,
        },
        size: file.size,
        segments: file.of,
        ok: file.ok,
        missing: file.missing_count,
        damaged: file.damaged,
        unverified: file.unverified,
        missing_ranges: file
            .missing_ranges
            .iter()
            .take(RANGES)
            .map(|&(start, end)| [start, end])
            .collect(),
        crc32: file.crc32.map(|crc| format!("{crc:08x}")),
        crc32_declared: file.crc32_declared.map(|crc| format!("{crc:08x}")),
        crc32_matches: file.crc32.zip(file.crc32_declared).map(|(a, b)| a == b),
        ..FileReport::default()
    }))
}
