//! The encoder: a part's bytes to the body of an article.
//!
//! It escapes what the yEnc draft calls critical (NUL, LF, CR, `=`) and, because some transports
//! strip them, TAB and space at a line's ends. A dot at a line's start is stuffed, as NNTP wants
//! it. Message headers and the lone `.` are left to the caller.

use crate::kernel::Kernel;
use crate::swar;

/// What the control lines say about a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSpec<'a> {
    /// Name of the file. CR, LF and NUL are written as `_`.
    pub name: &'a [u8],
    /// Size of the whole file.
    pub file_size: u64,
    /// Position of the part's first byte in the file, from 0.
    pub offset: u64,
    /// Number of the part, from 1.
    pub part: u64,
    /// Number of parts. With 1 there is no `=ypart` and the CRC is called `crc32`.
    pub total: u64,
    /// CRC32 of the whole file, for the trailer of a part.
    pub file_crc: Option<u32>,
}

impl Default for PartSpec<'_> {
    /// A single part.
    fn default() -> Self {
        PartSpec {
            name: b"",
            file_size: 0,
            offset: 0,
            part: 1,
            total: 1,
            file_crc: None,
        }
    }
}

const DEFAULT_LINE: usize = 128;

/// RFC 3977 section 3.1.1 advises against longer lines; an escape and a stuffed dot may come on top.
const MAX_LINE: usize = 997;

/// Makes articles of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoder {
    /// Encoded bytes per line, 1 to 997; an escape may add one. 0 stands for 128.
    pub line: usize,
    /// The kernel to encode with; by default the fastest.
    pub kernel: Kernel,
}

impl Default for Encoder {
    /// Lines of 128, the fastest kernel.
    fn default() -> Self {
        Encoder {
            line: DEFAULT_LINE,
            kernel: Kernel::best(),
        }
    }
}

impl Encoder {
    /// Appends the body of an article that carries `data`: control lines and data, CRLF line ends,
    /// dot-stuffed, without the lone `.`.
    pub fn part(&self, data: &[u8], spec: &PartSpec<'_>, out: &mut Vec<u8>) {
        header(data.len() as u64, self.width(), spec, out);
        self.lines(data, out);
        trailer(data, spec, out);
    }

    /// Appends `data` as encoded lines, dot-stuffed, each ended by CRLF, without control lines.
    pub fn lines(&self, data: &[u8], out: &mut Vec<u8>) {
        let width = self.width();
        // Random data need 1.6 % for escapes and 1.6 % for the ends of lines of 128.
        out.reserve(data.len() + data.len() / 24 + data.len() / width * 2 + 16);
        let mut lines = Lines {
            buf: [0; BUFFER],
            len: 0,
        };
        let mut rest = data;
        while !rest.is_empty() {
            let taken = lines.line(rest, width);
            rest = &rest[taken..];
            if lines.len > BUFFER - WORST_LINE {
                lines.flush(out);
            }
        }
        lines.flush(out);
    }

    fn width(&self) -> usize {
        match self.line {
            0 => DEFAULT_LINE,
            line => line.min(MAX_LINE),
        }
    }
}

fn header(len: u64, line: usize, spec: &PartSpec<'_>, out: &mut Vec<u8>) {
    let number = match (is_part(spec), spec.total) {
        (false, _) => String::new(),
        (true, 0) => format!(" part={}", spec.part),
        (true, total) => format!(" part={} total={total}", spec.part),
    };
    let begin = format!("=ybegin{number} line={line} size={} name=", spec.file_size);
    out.extend_from_slice(begin.as_bytes());
    out.extend(spec.name.iter().map(|byte| {
        if matches!(byte, b'\r' | b'\n' | 0) {
            b'_'
        } else {
            *byte
        }
    }));
    out.extend_from_slice(b"\r\n");
    if is_part(spec) {
        let (begin, end) = (
            spec.offset.saturating_add(1),
            spec.offset.saturating_add(len),
        );
        let range = format!("=ypart begin={begin} end={end}\r\n");
        out.extend_from_slice(range.as_bytes());
    }
}

fn trailer(data: &[u8], spec: &PartSpec<'_>, out: &mut Vec<u8>) {
    let (size, crc) = (data.len(), crc32fast::hash(data));
    let end = match (is_part(spec), spec.file_crc) {
        (false, _) => format!("=yend size={size} crc32={crc:08x}\r\n"),
        (true, None) => format!("=yend size={size} part={} pcrc32={crc:08x}\r\n", spec.part),
        (true, Some(file)) => {
            format!(
                "=yend size={size} part={} pcrc32={crc:08x} crc32={file:08x}\r\n",
                spec.part
            )
        }
    };
    out.extend_from_slice(end.as_bytes());
}

fn is_part(spec: &PartSpec<'_>) -> bool {
    spec.total != 1 || spec.part > 1 || spec.offset > 0
}

const BUFFER: usize = 8 << 10;

/// The second byte of an escape in the last column, a stuffed dot and CRLF come on top.
const WORST_LINE: usize = MAX_LINE + 4;

/// Whole lines on their way out: appending to a `Vec` byte by byte is several times slower.
struct Lines {
    buf: [u8; BUFFER],
    len: usize,
}

impl Lines {
    /// Encodes one line from the front of `data`, which is not empty. Returns the bytes it took.
    fn line(&mut self, data: &[u8], width: usize) -> usize {
        if data[0].wrapping_add(42) == b'.' {
            self.put(b'.');
        }
        let full = self.len + width;
        self.byte(data[0], true);
        let mut taken = 1;
        while self.len < full && taken < data.len() {
            taken += self.run(&data[taken..], full - self.len);
            if self.len < full && taken < data.len() {
                let edge = self.len + 1 == full || taken + 1 == data.len();
                self.byte(data[taken], edge);
                taken += 1;
            }
        }
        self.put(b'\r');
        self.put(b'\n');
        taken
    }

    /// Encodes bytes that need no escape, eight at a time, while `room` columns and the bytes last
    /// for more than that.
    fn run(&mut self, data: &[u8], room: usize) -> usize {
        let mut taken = 0;
        let most = data.len().min(room).saturating_sub(1);
        for chunk in data[..most].as_chunks::<8>().0 {
            let word = swar::add(u64::from_le_bytes(*chunk), 42);
            self.buf[self.len + taken..][..8].copy_from_slice(&word.to_le_bytes());
            let critical = swar::equals(word, 0)
                | swar::equals(word, b'\n')
                | swar::equals(word, b'\r')
                | swar::equals(word, b'=');
            taken += swar::first(critical);
            if critical != 0 {
                break;
            }
        }
        self.len += taken;
        taken
    }

    /// Encodes one byte; `edge` is the first or last column.
    fn byte(&mut self, byte: u8, edge: bool) {
        let code = byte.wrapping_add(42);
        match code {
            0 | b'\n' | b'\r' | b'=' => self.escape(code),
            b'\t' | b' ' if edge => self.escape(code),
            _ => self.put(code),
        }
    }

    fn escape(&mut self, code: u8) {
        self.put(b'=');
        self.put(code.wrapping_add(64));
    }

    fn put(&mut self, byte: u8) {
        self.buf[self.len] = byte;
        self.len += 1;
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.buf[..self.len]);
        self.len = 0;
    }
}
