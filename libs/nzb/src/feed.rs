//! The buffer between a source of text and the XML parser. It knows where
//! the parser stands (offset, line), sums up what passed, and stops a text or
//! tag that never ends, which the parser itself would gather in memory.

use std::io::{self, BufRead, Read};

use crc32fast::Hasher;

use crate::MAX_FIELD;
use crate::chunks::Chunks;
use crate::error::Fault;

/// A [`BufRead`] over [`Chunks`].
pub struct Feed<C> {
    chunks: C,
    buf: Vec<u8>,
    pos: usize,
    /// Offset of `buf[0]` in the text.
    base: u64,
    /// Line ends before `buf[0]`.
    lines: u64,
    /// Offset at which the present event began.
    event: u64,
    crc: Hasher,
    /// Bytes of `buf` before this are in `crc`.
    summed: usize,
    ended: bool,
}

impl<C: Chunks> Feed<C> {
    /// A feed whose first byte has the offset `base`.
    pub fn new(chunks: C, base: u64) -> Feed<C> {
        Feed {
            chunks,
            buf: Vec::new(),
            pos: 0,
            base,
            lines: 0,
            event: base,
            crc: Hasher::new(),
            summed: 0,
            ended: false,
        }
    }

    /// Offset of the next byte the parser will take.
    pub fn offset(&self) -> u64 {
        self.base + self.pos as u64
    }

    /// Line of that byte, from 1.
    pub fn line(&self) -> u64 {
        1 + self.lines + count_lines(&self.buf[..self.pos])
    }

    /// True if the source has ended and nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.ended && self.pos == self.buf.len()
    }

    /// Says that a new event begins here.
    pub fn begin_event(&mut self) {
        self.event = self.offset();
    }

    /// Octets of the present event so far.
    pub fn event_len(&self) -> u64 {
        self.offset() - self.event
    }

    /// What is in the buffer, from the next byte on: perhaps nothing.
    pub fn buffered(&self) -> &[u8] {
        &self.buf[self.pos..]
    }

    /// Starts the checksum at the present offset.
    pub fn begin_sum(&mut self) {
        self.crc = Hasher::new();
        self.summed = self.pos;
    }

    /// CRC-32 of what the parser took since [`Feed::begin_sum`].
    pub fn sum(&self) -> u32 {
        let mut crc = self.crc.clone();
        crc.update(&self.buf[self.summed..self.pos]);
        crc.finalize()
    }

    /// The source.
    pub fn into_chunks(self) -> C {
        self.chunks
    }

    /// Goes on at another offset. `aim` turns the source; it is not called
    /// if the byte is in the buffer already. Lines and sum become meaningless.
    pub fn seek(&mut self, offset: u64, aim: impl FnOnce(&mut C)) {
        match offset.checked_sub(self.base).map(|ahead| ahead as usize) {
            Some(pos) if pos < self.buf.len() => self.pos = pos,
            _ => {
                self.buf.clear();
                self.pos = 0;
                self.base = offset;
                self.ended = false;
                aim(&mut self.chunks);
            }
        }
        self.summed = self.pos;
    }

    fn refill(&mut self) -> io::Result<()> {
        self.crc.update(&self.buf[self.summed..]);
        self.lines += count_lines(&self.buf);
        self.base += self.buf.len() as u64;
        self.summed = 0;
        self.pos = 0;
        self.buf.clear();
        self.chunks.chunk(&mut self.buf)?;
        self.ended = self.buf.is_empty();
        Ok(())
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

impl<C: Chunks> BufRead for Feed<C> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.pos == self.buf.len() {
            if self.event_len() > MAX_FIELD as u64 {
                return Err(Fault::Field.into());
            }
            self.refill()?;
        }
        Ok(&self.buf[self.pos..])
    }

    fn consume(&mut self, amount: usize) {
        self.pos = (self.pos + amount).min(self.buf.len());
    }
}

/// Only because [`BufRead`] demands it; the parser does not use it.
impl<C: Chunks> Read for Feed<C> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buf)?;
        self.consume(n);
        Ok(n)
    }
}
