//! Lines that are collected before they are looked at: prose, control lines, UUencode.

use super::io::Step;
use super::{Decoder, Stage, State};
use crate::control::{self, Keyword, PartRange};
use crate::kernel::grammar::Last;
use crate::report::Problem;
use crate::text::Kind;

impl Decoder {
    /// Collects a line; what a complete one means depends on the stage.
    pub(super) fn collect(&mut self, src: &[u8]) -> Step {
        let (mut consumed, complete) = self.line.push(src);
        if !complete {
            return Step {
                consumed,
                stop: Some(State::More),
                ..Step::default()
            };
        }
        match (self.line.ended(self.stuffed), self.stage) {
            (Kind::End, _) => self.stage = Stage::Ended,
            (Kind::Text, Stage::Prolog) => self.prolog(),
            (Kind::Text, Stage::Control(keyword)) => self.control(keyword),
            (Kind::Text, Stage::Uu) => self.uu.line(self.line.content(self.stuffed)),
            (Kind::Text, _) => self.epilog(),
        }
        self.line.clear();
        if self.stage == Stage::Uu && self.uu.owes() {
            self.stage = Stage::Drain;
            // Its LF is done with when all is written.
            consumed -= 1;
        }
        Step {
            consumed,
            ..Step::default()
        }
    }

    /// Writes what a line of UUencode decoded to. `next` is the byte that the input goes on with:
    /// the line's LF, if it is there.
    pub(super) fn drain(&mut self, next: Option<u8>, dst: &mut [u8]) -> Step {
        let written = self.uu.drain(dst);
        self.sum(&dst[..written]);
        let stop = match next {
            _ if self.uu.owes() => Some(State::Full),
            None => Some(State::More),
            Some(_) => {
                self.stage = Stage::Uu;
                None
            }
        };
        Step {
            consumed: usize::from(stop.is_none() && next == Some(b'\n')),
            written,
            stop,
        }
    }

    pub(super) fn prolog(&mut self) {
        let line = self.line.content(self.stuffed);
        // Some tools put a UTF-8 byte order mark in front of the article.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        match control::keyword(line) {
            Some(Keyword::Part) => self.early = Some(control::part(line)),
            Some(Keyword::Begin) => {
                if let Some((begin, glued)) = control::begin(line) {
                    self.report.begin = Some(begin);
                    self.early = glued.or(self.early);
                    self.note_long();
                    self.enter_data();
                }
            }
            _ => {
                if self.uu.seek(line) {
                    self.stage = Stage::Uu;
                } else if let Some(problem) = control::foreign(line) {
                    self.note(problem);
                }
            }
        }
    }

    fn control(&mut self, keyword: Keyword) {
        let line = self.line.content(self.stuffed);
        match keyword {
            Keyword::Part => self.found_part(control::part(line)),
            Keyword::End => self.report.end = Some(control::end(line)),
            Keyword::Begin if self.report.decoded == 0 => self.note(Problem::DuplicateBegin),
            Keyword::Begin => self.note(Problem::ExtraBlock),
        }
        self.note_long();
        match keyword {
            Keyword::End => self.stage = Stage::Epilog,
            Keyword::Begin if self.report.decoded > 0 => self.stage = Stage::Epilog,
            _ => self.enter_data(),
        }
    }

    fn found_part(&mut self, range: PartRange) {
        if self.report.part.is_some_and(|known| known != range) {
            self.note(Problem::DuplicatePart);
        } else {
            self.report.part = Some(range);
        }
    }

    fn epilog(&mut self) {
        let line = self.line.content(self.stuffed);
        if control::keyword(line) == Some(Keyword::Begin) && control::begin(line).is_some() {
            self.note(Problem::ExtraBlock);
        }
    }

    fn enter_data(&mut self) {
        self.last = if self.line.after_bare_lf() {
            Last::Lf
        } else {
            Last::CrLf
        };
        self.stage = Stage::Data;
    }

    fn note_long(&mut self) {
        if self.line.is_long() {
            self.note(Problem::HeaderTooLong);
        }
    }

    fn note(&mut self, problem: Problem) {
        if !self.report.problems.contains(&problem) {
            self.report.problems.push(problem);
        }
    }
}
