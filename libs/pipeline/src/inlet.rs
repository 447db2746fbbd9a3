//! Where a stage's records come from, and whether that stream is whole.
//!
//! A stream begins with `stream` and ends with `end`; one that began and did not
//! end was cut off, and one without a single record is what a mistyped or
//! crashed upstream leaves behind. Neither is ever success. What the records
//! mean is left to the stages.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use nzbpipe_record::{End, Header, Limits, Pool, Reader, Record, Status};
use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc;

use crate::outlet::widen;
use crate::{Code, Error, Stop};

/// The input of a stage.
pub struct Inlet {
    source: Source,
    state: State,
    inherited: Code,
    stop: Stop,
}

enum Source {
    Pipe(Box<Reader<Watchful>>),
    Channel(mpsc::Receiver<Record>),
}

/// How far the stream at hand has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was read.
    Empty,
    /// `stream` was read.
    Begun,
    /// `end` was read; another stream may follow (`cat a b`).
    Ended,
    /// Records came without `stream`: hand-made or grepped JSON lines.
    Bare,
    /// As `Bare`, and one had a payload: then the end of the file proves nothing.
    BarePayload,
}

impl Inlet {
    /// Records come from `fd`. `pool` recycles the memory of payloads.
    pub fn pipe(fd: OwnedFd, pool: Pool, stop: Stop) -> Inlet {
        widen(&fd);
        let input = Interruptible {
            file: File::from(fd),
            stop: stop.clone(),
        };
        let source = Watchful {
            input,
            output: None,
        };
        let reader = Reader::new(source, Limits::default(), pool);
        Inlet::over(Source::Pipe(Box::new(reader)), stop)
    }

    /// Records come from the stage before, in this process.
    pub fn channel(receiver: mpsc::Receiver<Record>, stop: Stop) -> Inlet {
        Inlet::over(Source::Channel(receiver), stop)
    }

    fn over(source: Source, stop: Stop) -> Inlet {
        Inlet {
            source,
            state: State::Empty,
            inherited: Code::OK,
            stop,
        }
    }

    /// Ends with [`Code::CLOSED`] as soon as nobody reads `output`, even while it waits
    /// for input. Best effort: at the latest the next write tells.
    pub fn end_with(&mut self, output: &File) {
        if let Source::Pipe(reader) = &mut self.source {
            reader.get_mut().output = output.try_clone().ok();
        }
    }

    /// Takes [`end_with`](Inlet::end_with) back: nothing more will be written.
    pub fn outlive(&mut self) {
        if let Source::Pipe(reader) = &mut self.source {
            reader.get_mut().output = None;
        }
    }

    /// Whether more waits to be read than a reader that keeps up would find: a pipe that
    /// is half full, or a file.
    pub(crate) fn outruns(&self) -> bool {
        let Source::Pipe(reader) = &self.source else {
            return false;
        };
        let file = &reader.get_ref().input.file;
        let waiting = rustix::io::ioctl_fionread(file).unwrap_or(0);
        waiting >= crate::outlet::PIPE as u64 / 2
    }

    /// What ends a read that waits.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// The next record a stage has to care for: `stream` and `end` are seen to
    /// here. `None` is the end of a whole stream.
    ///
    /// # Errors
    /// [`Error::Stopped`] between records when a stop was asked for;
    /// [`Error::Truncated`] when the input is empty or lacks its `end`;
    /// [`Error::Stream`] when it is malformed.
    #[expect(
        clippy::should_implement_trait,
        reason = "after an error there is nothing more, and the end may be one"
    )]
    pub fn next(&mut self) -> Result<Option<Record>, Error> {
        loop {
            match self.next_of_any_kind()? {
                Some(record) if matches!(record.header, Header::Stream(_) | Header::End(_)) => {}
                other => return Ok(other),
            }
        }
    }

    /// As [`next`](Inlet::next), but hands out `stream` and `end` as well.
    ///
    /// # Errors
    /// As for `next`.
    pub fn next_of_any_kind(&mut self) -> Result<Option<Record>, Error> {
        if let Some(code) = self.stop.requested() {
            return Err(Error::Stopped(code));
        }
        let Some(record) = self.read()? else {
            return self.finished().map(|()| None);
        };
        match &record.header {
            Header::Stream(_) => self.begin()?,
            Header::End(end) => {
                self.inherited = self.inherited.or(handed_down(end));
                self.state = State::Ended;
            }
            _ => self.note(record.payload.is_some()),
        }
        Ok(Some(record))
    }

    /// The gravest code that the `end` records read so far hand down.
    pub fn inherited(&self) -> Code {
        self.inherited
    }

    fn read(&mut self) -> Result<Option<Record>, Error> {
        match &mut self.source {
            Source::Channel(receiver) => Ok(receiver.blocking_recv()),
            Source::Pipe(reader) => match reader.next() {
                Ok(record) => Ok(record),
                Err(e) => Err(self.failed(e)),
            },
        }
    }

    fn failed(&self, error: nzbpipe_record::Error) -> Error {
        match self.stop.requested() {
            Some(code) => Error::Stopped(code),
            None if error.is_truncated() => Error::Truncated(told(&error)),
            None => match error {
                nzbpipe_record::Error::Io { source, .. } => Error::Io {
                    what: "standard input".to_owned(),
                    source,
                },
                other => Error::Stream(told(&other)),
            },
        }
    }

    fn begin(&mut self) -> Result<(), Error> {
        if self.state == State::Begun {
            return Err(Error::Truncated(
                "a second stream begins before the first one's `end` record: \
                 the first was cut off"
                    .to_owned(),
            ));
        }
        self.state = State::Begun;
        Ok(())
    }

    fn note(&mut self, payload: bool) {
        self.state = match self.state {
            State::Begun => State::Begun,
            State::BarePayload => State::BarePayload,
            _ if payload => State::BarePayload,
            _ => State::Bare,
        };
    }

    fn finished(&self) -> Result<(), Error> {
        let why = match self.state {
            State::Ended | State::Bare => return Ok(()),
            State::Empty => {
                "empty: the program before this one in the pipe was not found, crashed \
                 or was not given"
            }
            State::Begun => {
                "cut off: the stream has no `end` record, so the program before this one \
                 did not finish; run the pipeline again"
            }
            State::BarePayload => {
                "no `end` record: records with a payload must stand in a stream that \
                 begins with `stream` and finishes with `end`"
            }
        };
        Err(Error::Truncated(why.to_owned()))
    }
}

/// The code of an `end`. One made by hand may say how it ended and no code.
fn handed_down(end: &End) -> Code {
    match (end.code, &end.status) {
        (0, Status::Error) => Code::DATA,
        (0, Status::Interrupted) => Code::signal(2),
        (code, _) => Code::inherited(code),
    }
}

/// An error with its causes, in one line.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", told(cause)),
        None => error.to_string(),
    }
}

/// A file whose reads give up when a stop is asked for.
pub(crate) struct Interruptible {
    pub file: File,
    pub stop: Stop,
}

impl Read for Interruptible {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A read that has begun cannot be called back, so wait for either first.
        // Regular files are always ready.
        loop {
            let mut fds = [
                PollFd::new(&self.file, PollFlags::IN),
                PollFd::new(&self.stop, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        if self.stop.requested().is_some() {
            return Err(io::Error::other("stopped"));
        }
        self.file.read(buffer)
    }
}

impl AsFd for Interruptible {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The input of a stage that has nothing to do once nobody reads its output.
struct Watchful {
    input: Interruptible,
    output: Option<File>,
}

impl Read for Watchful {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(output) = &self.output {
            let mut fds = [
                PollFd::new(&self.input.file, PollFlags::IN),
                PollFd::new(&self.input.stop, PollFlags::IN),
                // Errors are always told; of a pipe, that its last reader is gone.
                PollFd::new(output, PollFlags::empty()),
            ];
            while let Err(e) = poll(&mut fds, None) {
                if e != rustix::io::Errno::INTR {
                    return Err(e.into());
                }
            }
            if fds[2].revents().intersects(PollFlags::ERR) {
                self.input.stop.request(Code::CLOSED);
            }
        }
        self.input.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    /// Reads all of `text`; the number of records a stage sees, and the outcome.
    fn read(text: &str) -> (usize, Result<Code, Error>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        let mut inlet = Inlet::pipe(file.into(), Pool::new(0), Stop::new().unwrap());
        let mut records = 0;
        loop {
            match inlet.next() {
                Ok(Some(_)) => records += 1,
                Ok(None) => return (records, Ok(inlet.inherited())),
                Err(error) => return (records, Err(error)),
            }
        }
    }

    const STREAM: &str = "{\"type\":\"stream\",\"v\":1}\n";
    const SEGMENT: &str = "{\"type\":\"segment\",\"id\":\"a@b\"}\n";
    const PART: &str = "{\"len\":1,\"type\":\"part\",\"offset\":0,\"crc\":\"ok\"}\nx\n";
    const END: &str = "{\"type\":\"end\"}\n";
    const BAD_END: &str = "{\"type\":\"end\",\"status\":\"error\",\"code\":65}\n";

    #[test]
    fn a_stream_is_whole_or_it_is_not() {
        let whole = [
            (vec![STREAM, END], 0),
            (vec![STREAM, SEGMENT, END], 1),
            // Grepped and hand-made lines.
            (vec![SEGMENT], 1),
            (vec![SEGMENT, END], 1),
            // `cat a b`.
            (vec![STREAM, PART, END, STREAM, SEGMENT, END], 2),
            (vec![STREAM, END, SEGMENT], 1),
        ];
        for (parts, records) in whole {
            let (seen, result) = read(&parts.concat());
            assert_eq!(seen, records, "{parts:?}");
            assert_eq!(result.unwrap(), Code::OK, "{parts:?}");
        }
        let cut = [
            (vec![], 0),
            (vec![STREAM], 0),
            (vec![STREAM, SEGMENT], 1),
            (vec![STREAM, &PART[..PART.len() - 1]], 0),
            (vec![PART], 1),
            (vec![STREAM, SEGMENT, STREAM, END], 1),
            (vec![STREAM, END, STREAM, PART], 1),
        ];
        for (parts, records) in cut {
            let (seen, result) = read(&parts.concat());
            assert_eq!(seen, records, "{parts:?}");
            assert_eq!(result.unwrap_err().code(), Code::TRUNCATED, "{parts:?}");
        }
    }

    #[test]
    fn the_code_of_an_end_comes_down() {
        let (_, result) = read(&[STREAM, BAD_END, STREAM, END].concat());
        assert_eq!(result.unwrap(), Code::DATA);
        let (_, result) = read("{\"type\":\"end\",\"status\":\"error\"}\n");
        assert_eq!(result.unwrap(), Code::DATA);
    }

    #[test]
    fn a_malformed_record_is_named() {
        let (_, result) = read("{\"type\":\"stream\",\"v\":1}\n<html>\n");
        let error = result.unwrap_err();
        assert_eq!(error.code(), Code::DATA);
        assert!(error.to_string().contains("record 2"), "{error}");
    }

    // Nobody writes and nobody closes the other end: only the stop can wake us.
    #[test]
    fn a_stop_ends_a_read_that_waits() {
        let (end, _other) = rustix::pipe::pipe().unwrap();
        let stop = Stop::new().unwrap();
        let mut inlet = Inlet::pipe(end, Pool::new(0), stop.clone());
        let reader = std::thread::spawn(move || inlet.next().unwrap_err().code());
        stop.request(Code::signal(2));
        assert_eq!(reader.join().unwrap(), Code::signal(2));
    }

    // Whoever read the output is gone: nothing that may still come matters.
    #[test]
    fn a_reader_that_goes_away_ends_a_read_that_waits() {
        let (end, _other) = rustix::pipe::pipe().unwrap();
        let (reader, output) = rustix::pipe::pipe().unwrap();
        let mut inlet = Inlet::pipe(end, Pool::new(0), Stop::new().unwrap());
        inlet.end_with(&File::from(output));
        let waiting = std::thread::spawn(move || inlet.next().unwrap_err().code());
        drop(reader);
        assert_eq!(waiting.join().unwrap(), Code::CLOSED);
    }
}
