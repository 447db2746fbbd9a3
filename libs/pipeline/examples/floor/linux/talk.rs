//! What is said on a connection, and what becomes of the answers: decoded and written, or
//! only counted. Sockets and TLS are left to `run`.

use std::collections::VecDeque;
use std::error::Error;

use nzbpipe_yenc::{Decoder, Options, State, Verdict};

use crate::linux::Moved;
use crate::linux::files::Files;
use crate::linux::job::{Job, Segment};

/// What all connections share.
pub struct Shared<'a> {
    pub job: &'a Job,
    /// The first segment that nobody has asked for.
    next: usize,
    connections: usize,
    window: usize,
    /// Bodies are not looked at.
    count: bool,
    files: Option<Files>,
    /// Buffers for parts. The last one used is the hottest and is taken first.
    pool: Vec<Vec<u8>>,
    room: usize,
    pub moved: Moved,
    /// Parts that are done with.
    pub done: usize,
}

/// One side of a conversation.
pub struct Talk<'a> {
    /// To be sent.
    pub out: Vec<u8>,
    asked: VecDeque<&'a Segment>,
    greeted: bool,
    bye: bool,
    /// A line that has no end yet.
    line: Vec<u8>,
    decoder: Decoder,
    part: Option<Part>,
    /// Of the body at the front, when only counting.
    counted: u64,
}

struct Part {
    data: Vec<u8>,
    len: usize,
}

impl<'a> Shared<'a> {
    pub fn new(
        job: &'a Job,
        connections: usize,
        window: usize,
        count: bool,
        files: Option<Files>,
        read: usize,
    ) -> Shared<'a> {
        Shared {
            job,
            next: 0,
            connections,
            window,
            count,
            files,
            pool: Vec::new(),
            room: job.largest() + read + Decoder::SLACK,
            moved: Moved::default(),
            done: 0,
        }
    }

    /// All system calls.
    pub fn calls(&self) -> u64 {
        self.moved.calls + self.files.as_ref().map_or(0, |files| files.calls)
    }

    fn take(&mut self, room: usize) -> &'a [Segment] {
        let rest = &self.job.segments[self.next..];
        let share = rest.len().div_ceil(self.connections).min(room);
        self.next += share;
        &rest[..share]
    }
}

impl<'a> Talk<'a> {
    pub fn new() -> Talk<'a> {
        Talk {
            out: Vec::new(),
            asked: VecDeque::new(),
            greeted: false,
            bye: false,
            line: Vec::new(),
            decoder: Decoder::new(Options {
                stuffed: true,
                ..Options::default()
            }),
            part: None,
            counted: 0,
        }
    }

    /// Takes what was received.
    pub fn feed(&mut self, mut bytes: &[u8], all: &mut Shared<'a>) -> Result<(), Box<dyn Error>> {
        while !bytes.is_empty() {
            if self.greeted && all.count {
                self.count(bytes.len() as u64, all);
                return Ok(());
            }
            let used = match &mut self.part {
                None => self.status(bytes, all)?,
                Some(part) => {
                    let progress = self.decoder.decode(bytes, &mut part.data[part.len..]);
                    part.len += progress.written;
                    match progress.state {
                        State::More => {}
                        State::Full => return Err("an article is too large".into()),
                        State::Ended => self.end(all)?,
                    }
                    progress.consumed
                }
            };
            bytes = &bytes[used..];
        }
        Ok(())
    }

    /// Whether the server may close.
    pub fn finished(&self, all: &Shared) -> bool {
        self.bye && (all.count || self.asked.is_empty())
    }

    fn status(&mut self, bytes: &[u8], all: &mut Shared<'a>) -> Result<usize, Box<dyn Error>> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(bytes.len(), |end| end + 1);
        self.line.extend_from_slice(&bytes[..used]);
        if end.is_none() {
            return Ok(used);
        }
        let expected: &[u8] = match (self.greeted, self.asked.is_empty()) {
            (false, _) => b"20",
            (true, false) => b"222",
            (true, true) => b"205",
        };
        if !self.line.starts_with(expected) {
            return Err(
                format!("the server said {:?}", String::from_utf8_lossy(&self.line)).into(),
            );
        }
        self.line.clear();
        if !self.greeted {
            self.greeted = true;
            self.ask(all);
        } else if !self.asked.is_empty() {
            let data = all.pool.pop().unwrap_or_else(|| vec![0; all.room]);
            self.part = Some(Part { data, len: 0 });
        }
        Ok(used)
    }

    /// A body is whole.
    fn end(&mut self, all: &mut Shared<'a>) -> Result<(), Box<dyn Error>> {
        let (Some(segment), Some(part)) = (self.asked.pop_front(), self.part.take()) else {
            return Err("an answer to nothing".into());
        };
        let report = self.decoder.finish();
        let (Verdict::Ok, Some(offset), Some(size)) =
            (report.verdict, report.offset(), report.size())
        else {
            return Err(format!("{}: {:?}", segment.id, report.problems).into());
        };
        if let Some(files) = &mut all.files {
            files.put(segment.file, size, offset, &part.data[..part.len])?;
        }
        all.moved.decoded += part.len as u64;
        all.pool.push(part.data);
        all.done += 1;
        self.ask(all);
        Ok(())
    }

    /// Guesses by the bytes which answers have come.
    fn count(&mut self, bytes: u64, all: &mut Shared<'a>) {
        self.counted += bytes;
        while let Some(segment) = self.asked.front().filter(|s| s.bytes <= self.counted) {
            self.counted -= segment.bytes;
            self.asked.pop_front();
            all.done += 1;
        }
        self.ask(all);
    }

    /// Asks for more when half of what was asked for has come.
    fn ask(&mut self, all: &mut Shared<'a>) {
        if self.bye || self.asked.len() > all.window / 2 {
            return;
        }
        for segment in all.take(all.window - self.asked.len()) {
            self.out.extend_from_slice(b"BODY <");
            self.out.extend_from_slice(segment.id.as_bytes());
            self.out.extend_from_slice(b">\r\n");
            self.asked.push_back(segment);
        }
        if all.next == all.job.segments.len() {
            self.out.extend_from_slice(b"QUIT\r\n");
            self.bye = true;
        }
    }
}
