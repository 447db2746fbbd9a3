//! The stage `nzb-split`: NZB files in, `segment` records out.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use globset::GlobSet;
use nzbpipe_nzb::{Input, Nzb};
use nzbpipe_record::{Class, Failed, Header, Job, Segment};

use crate::inlet::Interruptible;
use crate::stage::{Ending, close};
use crate::{Error, Event, Outlet, Stop, Watch};

/// The stage's name.
pub const NAME: &str = "nzb-split";

/// Which NZBs, and which of their files.
pub struct Config {
    /// The NZBs, each a job, in this order.
    pub inputs: Vec<Source>,
    /// Only files whose name matches one of these; an empty set is all.
    pub include: GlobSet,
    /// None of the files whose name matches one of these.
    pub exclude: GlobSet,
    /// Told of what an NZB says wrong and we put right.
    pub warn: Box<dyn FnMut(String) + Send>,
    /// Sees each job.
    pub watch: Box<dyn Watch>,
    /// When to give up.
    pub stop: Stop,
}

/// Where an NZB comes from.
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    Path(PathBuf),
}

/// Writes the segments of all NZBs. A bad NZB does not keep the others from
/// being split; the code tells of it.
pub fn run(mut config: Config, mut outlet: Outlet) -> Ending {
    let mut ending = Ending::default();
    if let Err(error) = outlet.begin(NAME) {
        ending.fail(NAME, error);
        return ending;
    }
    for input in std::mem::take(&mut config.inputs) {
        match split(&mut config, &input, &mut outlet, &mut ending) {
            Ok(()) => {}
            Err(error @ (Error::Input(_) | Error::NoInput(_))) => ending.fail(NAME, error),
            Err(error) => {
                ending.fail(NAME, error);
                break;
            }
        }
    }
    ending.code = ending.code.or(ending.tally.code());
    close(NAME, &mut outlet, &mut ending);
    ending
}

fn split(
    config: &mut Config,
    source: &Source,
    outlet: &mut Outlet,
    ending: &mut Ending,
) -> Result<(), Error> {
    let name = source.shown();
    let stop = config.stop.clone();
    let malformed = |e: nzbpipe_nzb::Error| refused(&name, e, &stop);
    let (input, given) = source.open(&stop)?;
    let mut nzb =
        Nzb::open(input, given.as_deref(), nzbpipe_nzb::Limits::default()).map_err(malformed)?;
    for warning in nzb.warnings() {
        (config.warn)(format!("{name}: {warning}"));
    }
    if nzb
        .password()
        .is_some_and(|password| password.len() > LONGEST)
    {
        (config.warn)(format!(
            "{name}: its password is longer than {LONGEST} bytes and is left out of the `job` record"
        ));
    }
    if nzb.files().is_empty() {
        return Err(Error::Input(format!(
            "{name}: this NZB lists no files: there is nothing to fetch"
        )));
    }
    let order: Vec<usize> = nzb
        .order()
        .into_iter()
        .filter(|&file| config.wants(&nzb.files()[file].name))
        .collect();
    if order.is_empty() {
        (config.warn)(format!(
            "{name}: none of its files is chosen by --include and --exclude"
        ));
    }
    let job = job(&nzb, &order);
    config.watch.event(Event::Job(&job));
    outlet.send(job.into())?;
    outlet.flush()?;
    for file in order {
        let template = template(&nzb, file);
        if template.of == 0 {
            ending.tally.bad_input += 1;
            outlet.send(no_segments(template).into())?;
            continue;
        }
        let segments = nzb.segments(file).map_err(malformed)?;
        let records = segments.map(|segment| Ok(record(&template, segment.map_err(malformed)?)));
        emit(records, &config.stop, outlet, ending)?;
    }
    Ok(())
}

/// Whose fault it is that an NZB cannot be read.
fn refused(name: &str, error: nzbpipe_nzb::Error, stop: &Stop) -> Error {
    match error {
        _ if stop.requested().is_some() => Error::Stopped(stop.requested().unwrap_or_default()),
        nzbpipe_nzb::Error::Io(source) => Error::Io {
            what: format!("{name} (or its copy in {})", std::env::temp_dir().display()),
            source,
        },
        other => Error::Input(format!("{name}: {other}")),
    }
}

/// Writes the records of one file.
fn emit(
    records: impl Iterator<Item = Result<Header, Error>>,
    stop: &Stop,
    outlet: &mut Outlet,
    ending: &mut Ending,
) -> Result<(), Error> {
    for header in records {
        if let Some(code) = stop.requested() {
            return Err(Error::Stopped(code));
        }
        let header = header?;
        match &header {
            Header::Failed(_) => ending.tally.bad_input += 1,
            _ => ending.tally.ok += 1,
        }
        outlet.send(header.into())?;
    }
    Ok(())
}

impl Config {
    fn wants(&self, name: &str) -> bool {
        (self.include.is_empty() || self.include.is_match(name)) && !self.exclude.is_match(name)
    }
}

impl Source {
    fn shown(&self) -> String {
        match self {
            Source::Stdin => "standard input".to_owned(),
            Source::Path(path) => path.display().to_string(),
        }
    }

    fn open(&self, stop: &Stop) -> Result<(Input, Option<OsString>), Error> {
        let failed = |e| Error::NoInput(format!("{}: {e}", self.shown()));
        let (file, given) = match self {
            Source::Stdin => {
                let stdin = std::io::stdin().as_fd().try_clone_to_owned();
                (File::from(stdin.map_err(failed)?), None)
            }
            Source::Path(path) => {
                let file = open_at_once(path).map_err(failed)?;
                (file, path.file_name().map(OsStr::to_owned))
            }
        };
        let kind = file.metadata().map_err(failed)?.file_type();
        if kind.is_dir() {
            return Err(failed(std::io::ErrorKind::IsADirectory.into()));
        }
        let input = match (self, kind.is_file()) {
            (Source::Path(_), true) => Input::File(file),
            // Somebody else may have read from standard input before: it is
            // read from where it stands.
            _ => Input::Stream(Box::new(Interruptible {
                file,
                stop: stop.clone(),
            })),
        };
        Ok((input, given))
    }
}

/// Opens a file without waiting for the other end of a FIFO: reading waits, and
/// that can be stopped.
fn open_at_once(path: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let fd = open(path, flags | OFlags::NONBLOCK, Mode::empty())?;
    fcntl_setfl(&fd, OFlags::RDONLY)?;
    Ok(File::from(fd))
}

fn job(nzb: &Nzb, order: &[usize]) -> Job {
    let files = || order.iter().map(|&i| &nzb.files()[i]);
    let text = |(key, value): &(String, String)| (cut(key), cut(value).into());
    Job {
        job: nzb.job().to_owned(),
        name: cut(nzb.name()),
        files: order.len() as u64,
        segments: files().map(|f| f.segments).sum(),
        bytes: files().filter_map(|f| f.bytes).fold(0, u64::saturating_add),
        // Whole or not at all: the beginning of a password opens nothing.
        password: nzb
            .password()
            .filter(|password| password.len() <= LONGEST)
            .map(str::to_owned),
        meta: nzb.meta().iter().take(META).map(text).collect(),
        ..Job::default()
    }
}

/// What all segments of one file have in common.
fn template(nzb: &Nzb, file: usize) -> Segment {
    let entry = &nzb.files()[file];
    Segment {
        job: nzb.job().to_owned(),
        job_name: cut(nzb.name()),
        file: entry.index as u64,
        file_id: entry.file_id.clone(),
        name: cut(&entry.name),
        name_from: entry.name_from.as_str().to_owned(),
        of: entry.segments,
        file_bytes: entry.bytes,
        date: entry.date,
        poster: cut(&entry.poster),
        groups: entry.groups.iter().take(GROUPS).map(|g| cut(g)).collect(),
        subject: cut(&entry.subject),
        ..Segment::default()
    }
}

/// The longest text and the most groups and metadata that go into a header, so
/// that it stays under its limit though JSON writes a control character with six.
/// The longest subject in 270 real NZBs has 326 bytes, the longest metadata 260.
const LONGEST: usize = 512;
const GROUPS: usize = 8;
const META: usize = 8;

/// The beginning of `text`, whole characters of it.
fn cut(text: &str) -> String {
    let end = (0..=LONGEST.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    text[..end.unwrap_or(0)].to_owned()
}

fn record(template: &Segment, entry: nzbpipe_nzb::Segment) -> Header {
    let mut segment = Segment {
        number: entry.number,
        bytes: entry.bytes,
        alt: entry.alternates,
        ..template.clone()
    };
    match entry.id {
        Ok(id) => {
            segment.id = id;
            Header::Segment(Box::new(segment))
        }
        Err(bad) => {
            segment.id.clone_from(&bad.shown);
            failed(segment, bad.reason())
        }
    }
}

/// A segment whose message-id must never reach a server: it could carry commands.
pub(crate) fn bad_id(segment: Segment) -> Header {
    failed(segment, "bad-message-id")
}

fn no_segments(file: Segment) -> Header {
    let segment = Segment {
        number: 1,
        of: 1,
        ..file
    };
    failed(segment, "no-segments")
}

fn failed(segment: Segment, reason: &str) -> Header {
    Header::Failed(Box::new(Failed {
        segment,
        stage: NAME.to_owned(),
        class: Class::BadInput,
        reason: reason.to_owned(),
        ..Failed::default()
    }))
}
