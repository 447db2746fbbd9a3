//! Records as they came, and how far the session was shown them. What they mean is the
//! session's.

use super::{Buffers, RECORD};

/// What comes before a record: its type, a version, its length.
const HEAD: usize = 5;

/// Received, and not done with.
#[derive(Default)]
pub(super) struct Incoming {
    buffers: Buffers,
    /// Lent; empty while nothing is read.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// What is there of a record, while `buffer` is with others.
    rest: Vec<u8>,
    /// The session was shown so much of it.
    shown: usize,
    /// And so much of that is whole records.
    whole: usize,
}

impl Incoming {
    pub(super) fn new(buffers: Buffers) -> Incoming {
        Incoming {
            buffers,
            ..Incoming::default()
        }
    }

    /// Where more is to be read to: room for a record, if there is any.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer = self.buffers.take();
            self.buffer[..self.rest.len()].copy_from_slice(&self.rest);
            (self.start, self.end) = (0, self.rest.len());
            self.rest.clear();
        } else if self.buffer.len() - self.end < RECORD {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.buffer[self.end..]
    }

    /// So much was read.
    pub(super) fn came(&mut self, count: usize) {
        self.end += count;
    }

    /// Gives the buffer to others while there is nothing to read.
    pub(super) fn lend(&mut self) {
        if self.end - self.start <= RECORD && !self.buffer.is_empty() {
            let rest = &self.buffer[self.start..self.end];
            self.rest.extend_from_slice(rest);
            (self.start, self.end) = (0, 0);
            self.buffers.give(&mut self.buffer);
        }
    }

    fn all(&mut self) -> &mut [u8] {
        match self.buffer.is_empty() {
            true => &mut self.rest,
            false => &mut self.buffer[self.start..self.end],
        }
    }

    /// What the session was shown. It keeps places in it: it must never be shown less.
    pub(super) fn shown(&mut self) -> &mut [u8] {
        let shown = self.shown;
        &mut self.all()[..shown]
    }

    /// Whether that is nothing.
    pub(super) fn is_done(&self) -> bool {
        self.shown == 0
    }

    /// Shows one record more, or what there is of it. `false` if that was shown.
    pub(super) fn show(&mut self) -> bool {
        let whole = self.whole;
        let all = self.all();
        let (there, next) = (all.len(), all.get(whole..).and_then(record));
        let shown = match next {
            Some(record) => {
                self.whole += record;
                self.whole
            }
            None => there,
        };
        std::mem::replace(&mut self.shown, shown) != shown
    }

    /// So much of what was shown is done with.
    pub(super) fn discard(&mut self, count: usize) {
        self.shown -= count;
        self.whole = self.whole.saturating_sub(count);
        if self.buffer.is_empty() {
            self.rest.drain(..count);
            return;
        }
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }
}

/// The length of the record at the front, if it is all there. One that is none is of some
/// length, too: who is shown its head will say so.
fn record(bytes: &[u8]) -> Option<usize> {
    let &[_, _, _, high, low] = bytes.first_chunk::<HEAD>()?;
    let length = HEAD + usize::from(u16::from_be_bytes([high, low]));
    (length <= bytes.len()).then_some(length)
}
