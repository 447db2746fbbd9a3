//! The stage `seg-cat`: `part` records in, the bytes of one file out, in order and as
//! they arrive. Looking into a stream is `look`'s and `check`'s.
//!
//! What was written cannot be taken back, so a part is written only when all before it
//! is: parts ahead wait in the window and, beyond it, in a temporary file. A part whose
//! bytes are wrong, or that contradicts what came before, counts as missing.

mod agreed;
mod check;
mod choose;
mod fault;
mod finish;
mod line;
mod look;
mod part;
mod ranges;
mod spill;
mod voices;
mod window;

use std::fs::File;
use std::io;

use nzbpipe_record::{Bytes, Class, Crc, Header, Part, Record, Segment};

use crate::decode::{never_fetched, no_payload, still_encoded};
use crate::stage::Ending;
use crate::{Code, Error, Event, Inlet, Stop, Watch, write_bytes};
use agreed::Agreed;
use choose::Chooser;
use line::{Judgement, Line, Step};
use spill::Spill;
use voices::Voices;
use window::{Due, Window};

pub use check::{Checked, FileChecked, check};
pub use choose::Pick;
pub use fault::{Fault, Lack, Why};
pub use look::{failed, headers};
pub use spill::Opener;

/// The stage's name.
pub const NAME: &str = "seg-cat";

/// Which file, and how.
pub struct Config {
    /// The file that is wanted.
    pub pick: Pick,
    /// Whether parts without a CRC are taken.
    pub accept_unverified: bool,
    /// Whether zeros are written for what is missing.
    pub zero_fill: bool,
    /// Bytes of parts ahead that are kept in memory.
    pub window: u64,
    /// The longest the temporary file may become.
    pub spill: u64,
    /// Opens the temporary file, when it is needed.
    pub open: Opener,
    /// Where the bytes go. Closed when nothing more will be written, though the input
    /// may go on: whoever reads it need not wait.
    pub out: File,
    /// When to give up.
    pub stop: Stop,
    /// Sees each event.
    pub watch: Box<dyn Watch>,
}

/// What was written, besides how it ended.
#[derive(Debug, Default)]
pub struct Catted {
    /// How the stage ended.
    pub ending: Ending,
    /// The file's name, if there was such a file.
    pub name: Option<String>,
    /// Bytes written.
    pub bytes: u64,
    /// Segments among them that nothing proves right.
    pub unproven: u64,
    /// Why that is not the whole file.
    pub faults: Vec<Fault>,
    /// The CRC-32 of what was written and the one its articles declare, if they differ.
    pub contradicted: Option<(u32, u32)>,
}

/// Writes the bytes of one file of `inlet`.
pub fn run(config: Config, mut inlet: Inlet) -> Catted {
    let mut stage = Stage::new(config);
    let result = stage.work(&mut inlet);
    stage.finish(result, inlet.inherited())
}

struct Stage {
    chooser: Chooser,
    line: Line,
    window: Window,
    /// `None` when nothing more will be written.
    out: Option<File>,
    stop: Stop,
    watch: Box<dyn Watch>,
    accept_unverified: bool,
    zero_fill: bool,
    size: Agreed<u64>,
    declared: Agreed<u32>,
    voices: Voices,
    crc32: crc32fast::Hasher,
    zeros: u64,
    catted: Catted,
}

impl Stage {
    fn new(config: Config) -> Stage {
        Stage {
            chooser: Chooser::new(config.pick),
            line: Line::default(),
            window: Window::new(config.window, Spill::new(config.open, config.spill)),
            out: Some(config.out),
            stop: config.stop,
            watch: config.watch,
            accept_unverified: config.accept_unverified,
            zero_fill: config.zero_fill,
            size: Agreed::default(),
            declared: Agreed::default(),
            voices: Voices::default(),
            crc32: crc32fast::Hasher::new(),
            zeros: 0,
            catted: Catted::default(),
        }
    }

    /// Ends before its input does if what comes next will not come.
    fn work(&mut self, inlet: &mut Inlet) -> Result<(), Error> {
        if let Some(out) = &self.out {
            inlet.end_with(out);
        }
        while let Some(record) = inlet.next()? {
            self.record(record)?;
            if self.out.is_none() {
                if !self.catted.faults.is_empty() {
                    return Ok(());
                }
                inlet.outlive();
            }
        }
        match self.chooser.name() {
            Some(_) => self.settle(true),
            // What upstream handed down says why.
            None if inlet.inherited() != Code::OK => Ok(()),
            None => Err(self.chooser.not_found()),
        }
    }

    fn record(&mut self, record: Record) -> Result<(), Error> {
        let Record { header, payload } = record;
        match (header, payload) {
            (Header::Part(part), Some(bytes)) => self.part(&part, bytes),
            (Header::Part(part), None) => Err(no_payload("part", &part.segment)),
            (Header::Segment(segment), _) => Err(never_fetched(&segment)),
            (Header::Body(body), _) => Err(still_encoded(&body.segment)),
            (Header::Article(article), _) => Err(still_encoded(&article.segment)),
            (Header::Missing(missing), _) => self.lose(&missing.segment, Why::Missing),
            (Header::Failed(failed), _) => {
                let why = match failed.class {
                    Class::Missing => Why::Missing,
                    class => Why::Failed(class, failed.reason),
                };
                self.lose(&failed.segment, why)
            }
            (Header::Job(job), _) => {
                self.watch.event(Event::Job(&job));
                Ok(())
            }
            (Header::Progress(progress), _) => {
                self.watch.event(Event::Progress(&progress));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn lose(&mut self, segment: &Segment, why: Why) -> Result<(), Error> {
        self.watch.event(Event::Lost {
            bytes: segment.bytes.unwrap_or(0),
        });
        if !self.chooser.wants(segment, None)? || self.out.is_none() {
            return Ok(());
        }
        self.line.expect(segment.of);
        self.line.lose(segment.number, why, &segment.id);
        self.settle(false)
    }

    fn part(&mut self, part: &Part, bytes: Bytes) -> Result<(), Error> {
        let segment = &part.segment;
        self.watch.event(Event::Arrived {
            bytes: segment.bytes.unwrap_or(bytes.len() as u64),
        });
        if !self.chooser.wants(segment, part.yenc_name.as_deref())? || self.out.is_none() {
            return Ok(());
        }
        self.line.expect(segment.of);
        let crc32 = crc32fast::hash(&bytes);
        match self.flaw(part, crc32) {
            Some(why) => self.line.lose(segment.number, why, &segment.id),
            None => self.place(part, bytes, crc32)?,
        }
        self.settle(false)
    }

    /// Why the part's bytes cannot be taken, if they cannot. They came through a pipe or
    /// lay in a file since the decoder saw them.
    fn flaw(&self, part: &Part, crc32: u32) -> Option<Why> {
        match part.crc {
            _ if part::differs(part, crc32) => {
                Some(Why::Damaged("not the bytes that were decoded"))
            }
            Crc::Mismatch => Some(Why::Damaged("crc")),
            Crc::Truncated => Some(Why::Damaged("truncated")),
            Crc::Absent if !self.accept_unverified => Some(Why::Unproven),
            Crc::Absent | Crc::Ok => None,
        }
    }

    /// Puts a part whose bytes are right into its place.
    fn place(&mut self, part: &Part, bytes: Bytes, crc32: u32) -> Result<(), Error> {
        let piece = part::piece(part, bytes.len());
        let verified = part.crc == Crc::Ok;
        let key = Line::key(&piece);
        let due = Due {
            key,
            bytes,
            crc32,
            verified,
        };
        let window = &self.window;
        match self
            .line
            .judge(&piece, |start, end| window.overlaps(start, end))
        {
            // One that is proven takes the place of one that is not, as long as it can.
            Judgement::Skip if verified && window.has_unproven(key, due.bytes.len()) => {
                self.window.take(key).map_err(spilled)?;
                self.catted.unproven -= 1;
                self.wait(due)
            }
            Judgement::Skip => Ok(()),
            Judgement::Refuse(why) => {
                self.line.lose(piece.number, why, &part.segment.id);
                Ok(())
            }
            Judgement::Take => {
                self.line.take(&piece);
                self.hear(part, piece.len);
                self.catted.unproven += u64::from(!verified);
                match () {
                    () if self.line.is_due(key) => self.write(&due),
                    () if piece.len == 0 && piece.encoding.is_none() => Ok(()),
                    () => self.wait(due),
                }
            }
        }
    }

    /// Takes note of what a part says of the file.
    fn hear(&mut self, part: &Part, len: u64) {
        let file_crc32 = part.file_crc32.as_deref().and_then(part::hex);
        self.size.hear(part.size);
        self.declared.hear(file_crc32);
        self.voices.hear(part, len, file_crc32);
    }

    fn wait(&mut self, due: Due) -> Result<(), Error> {
        let name = self.chooser.name().unwrap_or_default();
        let next = self.line.next();
        self.window.put(due).map_err(|e| match e.kind() {
            io::ErrorKind::QuotaExceeded => Error::Io {
                what: format!("\"{}\" is not there from {next} on", name.escape_debug()),
                source: io::Error::other(
                    "what is behind it has filled --window and --spill: allow for more, or save \
                     the stream to a file and look for the missing segment with --check",
                ),
            },
            _ => spilled(e),
        })
    }

    /// Writes what is due, and decides about what is not there.
    fn settle(&mut self, over: bool) -> Result<(), Error> {
        while self.out.is_some() {
            let first = self.window.first();
            if let Some(key) = first.filter(|&key| self.line.is_due(key)) {
                if let Some(due) = self.window.take(key).map_err(spilled)? {
                    self.write(&due)?;
                }
                continue;
            }
            let size = self.size.get();
            match self.line.step(first, size, over, self.zero_fill) {
                Step::Wait => break,
                Step::Zeros(end) => self.zeros(end)?,
                Step::Gap(lack) => {
                    self.out = None;
                    let written = self.catted.bytes;
                    self.catted.faults.push(Fault::Gap { lack, written });
                }
                Step::Done => self.out = None,
            }
        }
        Ok(())
    }

    fn write(&mut self, due: &Due) -> Result<(), Error> {
        let len = due.bytes.len() as u64;
        self.put(&due.bytes)?;
        self.line.wrote(due.key, len);
        let part = crc32fast::Hasher::new_with_initial_len(due.crc32, len);
        self.crc32.combine(&part);
        Ok(())
    }

    /// Writes zeros up to the offset `end`.
    fn zeros(&mut self, end: u64) -> Result<(), Error> {
        const ZEROS: &[u8] = &[0; 64 << 10];
        let mut left = end - self.line.next();
        self.zeros += left;
        while left > 0 {
            if let Some(code) = self.stop.requested() {
                return Err(Error::Stopped(code));
            }
            let some = ZEROS.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.put(&ZEROS[..some])?;
            left -= some as u64;
        }
        self.line.skip_to(end);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(out) = &mut self.out
            && !bytes.is_empty()
        {
            write_bytes(out, bytes)?;
            self.catted.bytes += bytes.len() as u64;
        }
        Ok(())
    }
}

fn spilled(source: io::Error) -> Error {
    Error::Io {
        what: format!(
            "the temporary file for parts ahead (in {})",
            std::env::temp_dir().display()
        ),
        source,
    }
}

#[cfg(test)]
mod tests;
