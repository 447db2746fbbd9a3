//! The stage `nzb-split`: NZB files in, `segment` records out.

mod records;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use globset::GlobSet;
use nzbpipe_nzb::{Input, Nzb};
use nzbpipe_record::{Header, Segment};
use nzbpipe_store::Peek;

use crate::inlet::Interruptible;
use crate::stage::{Ending, close};
use crate::write::{self, Room};
use crate::{Error, Event, Outlet, Stop, Watch};

use records::LONGEST;
pub(crate) use records::bad_id;

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
    /// Tells what is there of a file already; those segments are left out.
    pub kept: Option<Kept>,
    /// Whether a `file` record tells of each file that segments were left out of: who
    /// writes would not hear of it otherwise.
    pub tell: bool,
    /// Sees that there is room for a job before its segments go out.
    pub room: Option<Room>,
    /// Told of what an NZB says wrong and we put right.
    pub warn: Box<dyn FnMut(String) + Send>,
    /// Sees each job.
    pub watch: Box<dyn Watch>,
    /// When to give up.
    pub stop: Stop,
}

/// Asked for what is there of a file, which the segment stands for.
pub type Kept = Box<dyn FnMut(&Segment) -> Result<nzbpipe_store::Kept, Error> + Send>;

/// Asks the journals in an output directory, without keeping anybody else from it.
pub fn peek(options: nzbpipe_store::Options) -> Kept {
    let mut opened: Option<(String, Peek)> = None;
    Box::new(move |segment| {
        let peek = match opened.take() {
            Some((job, peek)) if job == segment.job => peek,
            _ => Peek::open(&options, &segment.job, &segment.job_name)?,
        };
        let kept = peek.kept(&write::ident(segment, &write::identity(segment)));
        opened = Some((segment.job.clone(), peek));
        Ok(kept?)
    })
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
    let chosen: Vec<usize> = nzb
        .order()
        .into_iter()
        .filter(|&file| config.wants(&nzb.files()[file].name))
        .collect();
    if chosen.is_empty() {
        (config.warn)(format!(
            "{name}: none of its files is chosen by --include and --exclude"
        ));
    }
    let left = config.left(&nzb, chosen)?;
    let job = records::job(&nzb, &left);
    if let Some(room) = &mut config.room {
        room.reserve(job.bytes)?;
    }
    config.watch.event(Event::Job(&job));
    outlet.send(job.into())?;
    outlet.flush()?;
    for Left { file, kept } in left {
        let template = records::template(&nzb, file);
        if config.tell && kept.count() > 0 {
            outlet.send(records::state(&template, &kept).into())?;
        }
        if template.of == 0 {
            ending.tally.bad_input += 1;
            outlet.send(records::no_segments(template).into())?;
            continue;
        }
        let segments = nzb.segments(file).map_err(malformed)?;
        let wanted = segments.filter(|s| s.as_ref().map_or(true, |s| !kept.has(s.number)));
        let records =
            wanted.map(|segment| Ok(records::record(&template, segment.map_err(malformed)?)));
        emit(records, &config.stop, outlet, ending)?;
    }
    Ok(())
}

/// A file of which not all is there.
struct Left {
    /// Its index in the NZB.
    file: usize,
    /// What is there of it.
    kept: nzbpipe_store::Kept,
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
    /// The files that are chosen, with what is there of each.
    fn left(&mut self, nzb: &Nzb, chosen: Vec<usize>) -> Result<Vec<Left>, Error> {
        let mut ask = |file: usize| match &mut self.kept {
            Some(kept) => kept(&records::template(nzb, file)),
            None => Ok(nzbpipe_store::Kept::default()),
        };
        let left = chosen.into_iter().map(|file| {
            Ok(Left {
                file,
                kept: ask(file)?,
            })
        });
        left.collect()
    }

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
