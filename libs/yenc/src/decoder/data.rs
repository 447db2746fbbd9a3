//! Data lines: the kernel, and what it stops at that only looks like a control line.

use super::io::{Io, Step};
use super::{Decoder, Stage, State};
use crate::control::{self, Prefix};
use crate::kernel::Lines;
use crate::kernel::grammar::{self, Last, Stop};

impl Decoder {
    /// Runs the kernel.
    pub(super) fn data(&mut self, io: &mut Io<'_>, consumed: usize, written: usize) -> Step {
        let (last, crc) = (&mut self.last, &mut self.crc);
        let lines = Lines {
            stuffed: self.stuffed,
            rough: std::mem::take(&mut self.rough),
        };
        let run = match io {
            Io::Apart { src, dst } => {
                let places = (&src[consumed..], &mut dst[written..]);
                self.kernel.decode(last, lines, places, crc)
            }
            Io::Within { buf, from } => {
                let places = (&mut **buf, *from + consumed, written);
                self.kernel.decode_within(last, lines, places, crc)
            }
        };
        let stop = match run.stop {
            Stop::Input => Some(State::More),
            Stop::Output => Some(State::Full),
            Stop::End => {
                self.stage = Stage::Ended;
                None
            }
            Stop::Control => {
                self.line.clear();
                self.line.push(b"=y");
                self.stage = Stage::Keyword;
                None
            }
        };
        Step {
            consumed: run.consumed,
            written: run.written,
            stop,
        }
    }

    /// Takes a line that begins with `=y` until it is known whether it is a control line.
    pub(super) fn keyword(&mut self, src: &[u8]) -> Step {
        for (consumed, byte) in src.iter().enumerate() {
            self.stage = match control::follow(self.line.raw(), *byte) {
                Prefix::Undecided => {
                    self.line.push(&[*byte]);
                    continue;
                }
                Prefix::Keyword(keyword) => Stage::Control(keyword),
                // The first byte is `=`.
                Prefix::Other => Stage::Replay(1),
            };
            return Step {
                consumed,
                ..Step::default()
            };
        }
        Step {
            consumed: src.len(),
            stop: Some(State::More),
            ..Step::default()
        }
    }

    /// Decodes what `line` holds. Behind `=y` these are letters of a keyword, so that the kernel is
    /// not needed.
    pub(super) fn replay(&mut self, from: usize, dst: &mut [u8]) -> Step {
        let held = &self.line.raw()[from..];
        let written = held.len().min(dst.len());
        for (slot, byte) in dst.iter_mut().zip(held) {
            *slot = grammar::shift(*byte);
        }
        if from == 1 && written > 0 {
            dst[0] = grammar::unescape(held[0]);
        }
        let stop = if written < held.len() {
            self.stage = Stage::Replay(from + written);
            Some(State::Full)
        } else {
            self.last = Last::Plain;
            self.rough = true;
            self.stage = Stage::Data;
            None
        };
        self.sum(&dst[..written]);
        Step {
            written,
            stop,
            ..Step::default()
        }
    }
}
