//! The stage `nzb-split`: NZB files in, `segment` records out.

mod back;
mod records;
mod task;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use globset::GlobSet;
use nzbpipe_nzb::Input;
use nzbpipe_record::Segment;
use nzbpipe_store::Peek;

use crate::inlet::Interruptible;
use crate::stage::{Ending, close};
use crate::write::{self, Room};
use crate::{Error, Outlet, Stop, Watch};

use crate::verdict::Par2;
use task::Task;

pub use back::Back;
pub(crate) use back::Jobs;
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
    /// Which par2 files are wanted; `auto` takes a way back.
    pub par2: Par2,
    /// What only the writing stage knows, in one process.
    pub back: Option<Back>,
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
    if let Err(error) = split(&mut config, &mut outlet, &mut ending) {
        ending.fail(NAME, error);
    }
    ending.code = ending.code.or(ending.tally.code());
    close(NAME, &mut outlet, &mut ending);
    ending
}

/// All NZBs, then what it takes to repair what is missing of them.
fn split(config: &mut Config, outlet: &mut Outlet, ending: &mut Ending) -> Result<(), Error> {
    let mut tasks = Vec::new();
    for source in std::mem::take(&mut config.inputs) {
        let begun = Task::open(config, &source).and_then(|mut task| {
            task.begin(config, outlet, ending)?;
            Ok(task)
        });
        match begun {
            Ok(task) => tasks.extend(Some(task).filter(|task| task.may_want_more(config))),
            Err(error @ (Error::Input(_) | Error::NoInput(_))) => ending.fail(NAME, error),
            Err(error) => return Err(error),
        }
    }
    let mut more = !tasks.is_empty();
    while more && config.wait(outlet, ending)? {
        more = false;
        for task in &mut tasks {
            more |= task.go_on(config, outlet, ending)?;
        }
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

impl Config {
    /// Waits until all that went out met its fate; says `false` if nobody can tell, or there
    /// is no more to be done.
    fn wait(&mut self, outlet: &mut Outlet, ending: &Ending) -> Result<bool, Error> {
        outlet.flush()?;
        let sent = ending.tally.ok + ending.tally.bad_input;
        let stop = self.stop.clone();
        let settled = self
            .back
            .as_ref()
            .is_some_and(|back| back.settled(sent, &stop));
        match stop.requested() {
            Some(code) => Err(Error::Stopped(code)),
            None => Ok(settled),
        }
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
