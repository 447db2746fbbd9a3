//! The decoder: in which stage of an article it is, and what each stage takes and gives. The data
//! are left to `data` and the kernels, all other lines to `lines`, what it all means to `judge`.

mod data;
mod io;
mod lines;

use crate::control::{self, Begin, Keyword, PartRange};
use crate::judge;
use crate::kernel::Kernel;
use crate::kernel::grammar::Last;
use crate::report::Report;
use crate::text::Line;
use crate::uu;
use io::{Io, Step};

/// How the input is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Lines are dot-stuffed and a lone `.` ends the article, as in an NNTP reply. Otherwise dots
    /// are data and the article ends where the caller says.
    pub stuffed: bool,
    /// The kernel to decode with; by default the fastest.
    pub kernel: Kernel,
    /// Compute the CRC32. Without, nothing is ever verified: the best verdict is `Absent`.
    pub crc: bool,
}

impl Default for Options {
    /// Not stuffed, the fastest kernel, with CRC32.
    fn default() -> Self {
        Options {
            stuffed: false,
            kernel: Kernel::best(),
            crc: true,
        }
    }
}

/// What one call of [`Decoder::decode`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// Bytes written to the output.
    pub written: usize,
    /// What is needed next.
    pub state: State,
}

/// What a [`Decoder`] needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// More input: all that was given is consumed.
    More,
    /// More room: the output is full. Call again with the rest of the input.
    Full,
    /// Nothing: the line that ends the article is consumed, and nothing behind it.
    Ended,
}

/// Decodes one article, or one after the other, given in pieces of any size.
#[derive(Debug)]
pub struct Decoder {
    stuffed: bool,
    kernel: Kernel,
    stage: Stage,
    /// The kernel's state, used in [`Stage::Data`].
    last: Last,
    /// The line before only looked like a control line.
    rough: bool,
    /// The line being collected, used in all other stages.
    line: Line,
    /// `=ypart` found before its time: ahead of `=ybegin`, or stuck to the name.
    early: Option<PartRange>,
    uu: uu::Lines,
    /// Of the data so far, if it is wanted.
    crc: Option<crc32fast::Hasher>,
    /// What is known so far; the CRC and the verdict come last.
    report: Report,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Lines before `=ybegin`.
    Prolog,
    /// Data lines.
    Data,
    /// A line that began with `=y` and may become a control line; `line` holds it.
    Keyword,
    /// It did not: from here on, the bytes in `line` are still to be decoded as data.
    Replay(usize),
    /// A control line; `line` collects it.
    Control(Keyword),
    /// Lines after `=yend`.
    Epilog,
    /// Lines of UUencode, and after it.
    Uu,
    /// A line of it is done with but for its LF; what it decoded to goes out first.
    Drain,
    /// The lone `.` was consumed.
    Ended,
}

impl Decoder {
    /// The output of yEnc never gets full if it has this many bytes more than the input. The bytes
    /// of a line that only looked like a control line come out when that is known. UUencode comes
    /// out line by line, and may be more than its input if trailing blanks were cut.
    pub const SLACK: usize = 8;

    /// A decoder at the start of an article.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Decoder {
            stuffed: options.stuffed,
            kernel: options.kernel,
            stage: Stage::Prolog,
            last: Last::Lf,
            rough: false,
            line: Line::new(),
            early: None,
            uu: uu::Lines::default(),
            crc: options.crc.then(crc32fast::Hasher::new),
            report: Report::default(),
        }
    }

    /// Goes back to the start of an article, with the same options.
    pub fn reset(&mut self) {
        self.stage = Stage::Prolog;
        self.line.reset();
        self.early = None;
        self.rough = false;
        self.uu.reset();
        self.crc.iter_mut().for_each(crc32fast::Hasher::reset);
        self.report = Report::default();
    }

    /// Decodes `src` into `dst` until the input is used up, the output is full or the article
    /// ends. Bytes of `dst` behind the written ones may be overwritten too.
    ///
    /// An article in yEnc never decodes to more bytes than it has. Of one call that is true but for
    /// a line cut within `=y…` that turns out to be data: see [`Decoder::SLACK`].
    pub fn decode(&mut self, src: &[u8], dst: &mut [u8]) -> Progress {
        self.run(Io::Apart { src, dst })
    }

    /// As [`Decoder::decode`], within one buffer: what `buf` holds from `from` on is decoded to
    /// its front. `consumed` counts from `from`, `written` from 0.
    ///
    /// With `from` at least [`Decoder::SLACK`] the output of yEnc never gets full; with less it may,
    /// if the input before ended within what might have become a control line. When it is full,
    /// take out the front and call again with `from` behind what is consumed: that is the room.
    ///
    /// # Panics
    /// If `from` is behind the end of `buf`.
    pub fn decode_in_place(&mut self, buf: &mut [u8], from: usize) -> Progress {
        assert!(from <= buf.len(), "input from {from} of {}", buf.len());
        self.run(Io::Within { buf, from })
    }

    fn run(&mut self, mut io: Io<'_>) -> Progress {
        let (mut consumed, mut written) = (0, 0);
        let state = loop {
            let step = self.step(&mut io, consumed, written);
            consumed += step.consumed;
            written += step.written;
            self.report.decoded += step.written as u64;
            if let Some(state) = step.stop {
                break state;
            }
        };
        Progress {
            consumed,
            written,
            state,
        }
    }

    /// Ends the article: at [`State::Ended`], or where the input ends if there is no such line.
    /// The decoder is then ready for the next article. Output has to be taken before: at
    /// [`State::Full`] some is missing.
    pub fn finish(&mut self) -> Report {
        let crc = self.crc.clone().map(crc32fast::Hasher::finalize);
        self.report.crc32 = crc;
        match self.stage {
            Stage::Prolog => {
                self.prolog();
                self.uu.cut(b"");
            }
            Stage::Uu | Stage::Drain => self.uu.cut(self.line.content(self.stuffed)),
            // A trailer without its line end may be cut in a number: only a CRC that fits shows
            // that it is whole.
            Stage::Control(Keyword::End) => {
                let end = control::end(self.line.content(self.stuffed));
                let proven = |crc| end.pcrc32.proves(crc) || end.crc32.proves(crc);
                let whole = crc.is_some_and(proven);
                self.report.end = whole.then_some(end);
            }
            _ => {}
        }
        let mut report = std::mem::take(&mut self.report);
        report.part = report.part.or(self.early);
        if report.begin.is_some() || !self.uu.report(&mut report) {
            judge::judge(&mut report);
        }
        self.reset();
        report
    }

    /// The `=ybegin` line, once it is seen.
    #[must_use]
    pub fn begin(&self) -> Option<&Begin> {
        self.report.begin.as_ref()
    }

    /// The `=ypart` line, once it is seen.
    #[must_use]
    pub fn part(&self) -> Option<PartRange> {
        self.report.part.or(self.early)
    }

    /// The kernel in use.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    fn step(&mut self, io: &mut Io<'_>, consumed: usize, written: usize) -> Step {
        match self.stage {
            Stage::Data => self.data(io, consumed, written),
            Stage::Keyword => self.keyword(io.input(consumed)),
            Stage::Replay(from) => self.replay(from, io.output(consumed, written)),
            Stage::Prolog | Stage::Control(_) | Stage::Epilog | Stage::Uu => {
                self.collect(io.input(consumed))
            }
            Stage::Drain => {
                let next = io.input(consumed).first().copied();
                self.drain(next, io.output(consumed, written))
            }
            Stage::Ended => Step {
                stop: Some(State::Ended),
                ..Step::default()
            },
        }
    }

    /// Takes data into the CRC that no kernel wrote.
    fn sum(&mut self, data: &[u8]) {
        if let Some(crc) = &mut self.crc {
            crc.update(data);
        }
    }
}
