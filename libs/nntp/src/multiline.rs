//! Where a multi-line block ends (RFC 3977 §3.1.1).
//!
//! One of two places that know; the other is the yEnc decoder. Both are tested
//! with the same table.

use memchr::memmem;

/// Finds the end of a multi-line block in raw bytes, however they are cut.
///
/// The block ends with a line that is a lone `.`. Servers that send bare LF
/// exist: there `.` LF ends the block if the line before ended with a bare LF
/// as well; in a block with CR LF it is data. An empty block is the terminator
/// alone.
#[derive(Debug)]
pub struct Framer {
    seen: Seen,
    terminator: usize,
}

/// The bytes last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Nothing of interest.
    Other,
    /// CR.
    Cr,
    /// The end of a line, or the beginning of the block; without CR?
    LineEnd { bare: bool },
    /// The same and `.`.
    Dot { bare: bool },
    /// The same and `.` CR.
    DotCr,
}

impl Default for Framer {
    fn default() -> Framer {
        Framer::new()
    }
}

impl Framer {
    /// At the beginning of a block, after its status line.
    pub fn new() -> Framer {
        Framer {
            seen: Seen::LineEnd { bare: true },
            terminator: 0,
        }
    }

    /// Takes the next bytes: how many of them belong to the block, with its
    /// terminator, and whether it ended with them. Not to be called again then.
    pub fn feed(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while at < bytes.len() {
            if matches!(self.seen, Seen::Other | Seen::Cr) {
                at += self.skip(&bytes[at..]);
                continue;
            }
            let ended = self.step(bytes[at]);
            at += 1;
            if ended {
                return (at, true);
            }
        }
        (bytes.len(), false)
    }

    /// Octets of the terminator found: 3, or 2 if it came with a bare LF; 0
    /// before. It may be longer than what the last call was given.
    pub fn terminator_len(&self) -> usize {
        self.terminator
    }

    /// One byte at or near the beginning of a line; whether it ends the block.
    fn step(&mut self, byte: u8) -> bool {
        self.seen = match (self.seen, byte) {
            (Seen::DotCr, b'\n') => return self.end(3),
            (Seen::Dot { bare: true }, b'\n') => return self.end(2),
            (Seen::LineEnd { bare }, b'.') => Seen::Dot { bare },
            (Seen::Dot { .. }, b'\r') => Seen::DotCr,
            (_, b'\n') => Seen::LineEnd { bare: true },
            (_, b'\r') => Seen::Cr,
            _ => Seen::Other,
        };
        false
    }

    fn end(&mut self, terminator: usize) -> bool {
        self.terminator = terminator;
        true
    }

    /// Passes over whole lines that do not begin with a dot. Returns how many
    /// bytes are done with: all, or up to and including the next LF before a dot.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        let line_end = memmem::find(bytes, b"\n.");
        let done = line_end.map_or(bytes.len(), |at| at + 1);
        let before = match done {
            0 | 1 => self.seen == Seen::Cr,
            _ => bytes[done - 2] == b'\r',
        };
        self.seen = match bytes[done - 1] {
            b'\n' => Seen::LineEnd { bare: !before },
            b'\r' => Seen::Cr,
            _ => Seen::Other,
        };
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(chunks: &[&[u8]]) -> Option<usize> {
        let mut framer = Framer::new();
        let mut total = 0;
        for chunk in chunks {
            let (consumed, ended) = framer.feed(chunk);
            total += consumed;
            if ended {
                return Some(total);
            }
            assert_eq!(consumed, chunk.len());
        }
        None
    }

    #[test]
    fn the_terminator_is_told() {
        for (block, length) in [(&b"ab\r\n.\r\n"[..], 3), (b".\r\n", 3), (b"ab\n.\n", 2)] {
            let mut framer = Framer::new();
            assert_eq!(framer.feed(block), (block.len(), true));
            assert_eq!(framer.terminator_len(), length);
        }
    }

    // S31–S34: the same end however the bytes are cut.
    #[test]
    fn every_cut_in_two_and_three_and_single_bytes() {
        let table: &[(&str, &[u8], Option<usize>)] = include!("../../yenc/testdata/block_ends.rs");
        for &(name, input, expected) in table {
            assert_eq!(run(&[input]), expected, "{name}");
            let single: Vec<&[u8]> = input.chunks(1).collect();
            assert_eq!(run(&single), expected, "{name}, byte by byte");
            for first in 0..=input.len() {
                let (a, rest) = input.split_at(first);
                assert_eq!(run(&[a, rest]), expected, "{name}, cut at {first}");
                for second in 0..=rest.len() {
                    let (b, c) = rest.split_at(second);
                    assert_eq!(run(&[a, b, c]), expected, "{name}, cut at {first}+{second}");
                }
            }
        }
    }
}
