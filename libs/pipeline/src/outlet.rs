//! Where a stage's records go: a pipe or a channel; the stage cannot tell.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use nzbpipe_record::{End, Header, Record, Stream, Writer};
use tokio::sync::mpsc;

use crate::{Code, Error, Tally};

/// What an error of the output is called.
pub(crate) const OUTPUT: &str = "standard output";

/// The output of a stage.
pub enum Outlet {
    /// A pipe or a file.
    Pipe(Box<Writer<File>>),
    /// The next stage, in this process.
    Channel(mpsc::Sender<Record>),
    /// The same, with a way around it.
    Shortcut(Shortcut),
    /// Nobody reads.
    Nowhere,
}

/// A channel, and who may do with a record what the stage behind it would, at once and on
/// the thread that has it: what lies in its cache need not be read from memory again.
pub struct Shortcut {
    /// The next stage.
    pub channel: mpsc::Sender<Record>,
    /// Gives back what the stage has to do itself.
    pub at_once: Box<dyn FnMut(Record) -> Option<Record> + Send>,
}

impl Shortcut {
    async fn send(&mut self, record: Record) -> Result<(), Error> {
        // Nothing is done before what came before it.
        let is_next = self.channel.capacity() == self.channel.max_capacity();
        let left = match is_next && !self.channel.is_closed() {
            true => (self.at_once)(record),
            false => Some(record),
        };
        match left {
            Some(record) => self.channel.send(record).await.map_err(|_| Error::Closed),
            None => Ok(()),
        }
    }
}

impl Outlet {
    /// Records go to `fd`; a pipe is asked to be 256 KiB, best effort.
    pub fn pipe(fd: OwnedFd) -> Outlet {
        widen(&fd);
        Outlet::Pipe(Box::new(Writer::new(File::from(fd))))
    }

    /// Gives one record away.
    ///
    /// # Errors
    /// [`Error::Closed`] when nobody will read it, [`Error::Io`] when the system
    /// refuses it.
    pub fn send(&mut self, record: Record) -> Result<(), Error> {
        match self {
            Outlet::Pipe(writer) => match writer.write(&record) {
                Err(nzbpipe_record::Error::HeaderTooLong { .. }) => {
                    writer.write(&shortened(record)).map_err(refused)
                }
                result => result.map_err(refused),
            },
            Outlet::Channel(channel) | Outlet::Shortcut(Shortcut { channel, .. }) => {
                channel.blocking_send(record).map_err(|_| Error::Closed)
            }
            Outlet::Nowhere => Ok(()),
        }
    }

    /// As [`send`](Outlet::send), from a stage that runs in an async context.
    ///
    /// # Errors
    /// As for `send`.
    pub async fn send_async(&mut self, record: Record) -> Result<(), Error> {
        match self {
            Outlet::Channel(sender) => sender.send(record).await.map_err(|_| Error::Closed),
            Outlet::Shortcut(shortcut) => shortcut.send(record).await,
            other => other.send(record),
        }
    }

    /// Hands gathered records to the system.
    ///
    /// # Errors
    /// As for [`send`](Outlet::send).
    pub fn flush(&mut self) -> Result<(), Error> {
        match self {
            Outlet::Pipe(writer) => writer.flush().map_err(refused),
            Outlet::Channel(_) | Outlet::Shortcut(_) | Outlet::Nowhere => Ok(()),
        }
    }

    /// Writes the record that opens a stream.
    ///
    /// # Errors
    /// As for [`send`](Outlet::send).
    pub fn begin(&mut self, stage: &str) -> Result<(), Error> {
        self.send(Header::Stream(Stream::new(by(stage))).into())
    }

    /// Writes the record that closes a stream, and flushes.
    ///
    /// # Errors
    /// As for [`send`](Outlet::send).
    pub fn end(&mut self, stage: &str, tally: &Tally, code: Code) -> Result<(), Error> {
        self.end_with(end(stage, tally, code))
    }

    pub(crate) fn end_with(&mut self, end: End) -> Result<(), Error> {
        self.send(Header::End(Box::new(end)).into())?;
        self.flush()
    }
}

/// The `end` record of a stage that counted `tally` and ends with `code`.
pub fn end(stage: &str, tally: &Tally, code: Code) -> End {
    End {
        by: by(stage),
        status: code.status(),
        code: code.number(),
        segments: Some(tally.segments()),
        ok: Some(tally.ok),
        missing: Some(tally.missing.saturating_add(tally.unheard)),
        damaged: Some(tally.damaged.saturating_add(tally.unverified)),
        failed: Some(tally.failed()),
        bytes: Some(tally.bytes),
        ..End::default()
    }
}

/// The program's name and version, as `stream` and `end` carry it.
fn by(stage: &str) -> String {
    format!("{stage} {}", env!("CARGO_PKG_VERSION"))
}

/// A record that had just room in its header before we added what we know: it
/// loses texts for people, not what identifies it.
fn shortened(mut record: Record) -> Record {
    let (segment, tried) = match &mut record.header {
        Header::Body(body) => (&mut body.segment, None),
        Header::Article(article) => (&mut article.segment, None),
        Header::Part(part) => (&mut part.segment, None),
        Header::Missing(missing) => (&mut missing.segment, Some(&mut missing.tried)),
        Header::Failed(failed) => (&mut failed.segment, Some(&mut failed.tried)),
        _ => return record,
    };
    segment.subject.clear();
    segment.poster.clear();
    segment.groups.clear();
    segment.extra.clear();
    for tried in tried.into_iter().flatten() {
        tried.text = None;
    }
    record
}

fn refused(error: nzbpipe_record::Error) -> Error {
    match error {
        nzbpipe_record::Error::Io { source, .. } => broken(source),
        // The input's texts and what we found out about it do not fit a header.
        other => Error::Input(format!("a record cannot be written: {other}")),
    }
}

fn broken(source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::BrokenPipe {
        Error::Closed
    } else {
        Error::Io {
            what: OUTPUT.to_owned(),
            source,
        }
    }
}

/// What a pipe should hold. A writer then waits four times less often than with the
/// usual 64 KiB, and both ends still fit into a core's second-level cache: with 1 MiB a
/// hop cost a sixth more.
pub(crate) const PIPE: usize = 256 << 10;

/// Asks for a pipe of that size, unless it is larger already. Refused when the user's
/// pipes use up their pages; that costs speed only.
pub(crate) fn widen(fd: impl AsFd) {
    #[cfg(target_os = "linux")]
    if rustix::pipe::fcntl_getpipe_size(&fd).is_ok_and(|size| size < PIPE) {
        let _ = rustix::pipe::fcntl_setpipe_size(fd, PIPE);
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (fd, PIPE);
    }
}

/// Writes plain bytes (`yenc-decode --raw`), telling a closed output apart.
///
/// # Errors
/// As for [`Outlet::send`].
pub fn write_bytes(out: &mut impl Write, bytes: &[u8]) -> Result<(), Error> {
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(broken)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size, pipe};

    #[test]
    fn a_pipe_is_made_larger_and_never_smaller() {
        for (before, after) in [(64 << 10, PIPE), (512 << 10, 512 << 10)] {
            let (_reader, writer) = pipe().unwrap();
            // Refused, the user has no pages left: there is nothing to see.
            if fcntl_setpipe_size(&writer, before).is_ok() {
                widen(&writer);
                assert_eq!(fcntl_getpipe_size(&writer).unwrap(), after);
            }
        }
    }
}
