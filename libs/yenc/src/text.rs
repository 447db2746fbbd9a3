//! Lines that are not data: what stands before and after a block, and the control lines.
//!
//! It frames them by the same rule as the kernel, and keeps of each line no more than
//! [`MAX_LINE`].

/// Longest line that is kept, line end included. Names are at most 255 bytes on any file system;
/// what is longer is an attack or no header.
pub(crate) const MAX_LINE: usize = 16 << 10;

/// Collects one line at a time.
#[derive(Debug)]
pub(crate) struct Line {
    buf: Vec<u8>,
    /// The line went on after `buf` was full.
    long: bool,
    /// The line's last byte, which is not in `buf` if it is long.
    tail: u8,
    /// The line before ended with a bare LF (or there was none).
    after_bare_lf: bool,
}

/// What a complete line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The lone `.`.
    End,
    /// Any other line.
    Text,
}

impl Line {
    pub(crate) fn new() -> Self {
        Line {
            buf: Vec::new(),
            long: false,
            tail: 0,
            after_bare_lf: true,
        }
    }

    /// Makes it as new, but keeps the memory.
    pub(crate) fn reset(&mut self) {
        self.clear();
        self.after_bare_lf = true;
    }

    /// Forgets the line but not how it ended.
    pub(crate) fn clear(&mut self) {
        self.buf.clear();
        self.long = false;
        self.tail = 0;
    }

    /// Takes bytes up to and including the next LF. Returns how many, and whether LF was there.
    pub(crate) fn push(&mut self, src: &[u8]) -> (usize, bool) {
        let lf = memchr::memchr(b'\n', src);
        let taken = lf.map_or(src.len(), |at| at + 1);
        let kept = taken.min(MAX_LINE - self.buf.len());
        self.buf.extend_from_slice(&src[..kept]);
        self.long |= kept < taken;
        match lf {
            Some(0) => {}
            Some(at) => self.tail = src[at - 1],
            None => self.tail = src.last().copied().unwrap_or(self.tail),
        }
        (taken, lf.is_some())
    }

    /// To be called once when the LF was there.
    pub(crate) fn ended(&mut self, stuffed: bool) -> Kind {
        let bare = self.tail != b'\r';
        let after_bare_lf = std::mem::replace(&mut self.after_bare_lf, bare);
        match self.buf.as_slice() {
            b".\r\n" if stuffed => Kind::End,
            b".\n" if stuffed && after_bare_lf => Kind::End,
            _ => Kind::Text,
        }
    }

    /// The bytes as they came, at most [`MAX_LINE`].
    pub(crate) fn raw(&self) -> &[u8] {
        &self.buf
    }

    /// Without the stuffed dot and without the line end.
    pub(crate) fn content(&self, stuffed: bool) -> &[u8] {
        let line = match self.buf.strip_prefix(b".") {
            Some(rest) if stuffed => rest,
            _ => &self.buf,
        };
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// More came than was kept.
    pub(crate) fn is_long(&self) -> bool {
        self.long
    }

    /// The last complete line ended with LF alone.
    pub(crate) fn after_bare_lf(&self) -> bool {
        self.after_bare_lf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_beginning_and_its_kind_of_end() {
        for (end, bare) in [(&b"\r\n"[..], false), (b"\n", true)] {
            let mut line = Line::new();
            for _ in 0..3 {
                assert_eq!(line.push(&[b'x'; MAX_LINE]), (MAX_LINE, false));
            }
            for byte in end {
                line.push(&[*byte]);
            }
            assert_eq!(line.ended(true), Kind::Text);
            assert!(line.is_long());
            assert_eq!(line.raw().len(), MAX_LINE);
            assert_eq!(line.after_bare_lf(), bare);
        }
    }
}
