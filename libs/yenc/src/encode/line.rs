//! What a line is: which bytes are escaped where, and one line byte by byte. It ends every part:
//! what is fast for many lines is left to `stage` and the kernels.

/// The shape of the lines.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Columns, 1 to [`MAX_WIDTH`].
    pub(super) width: usize,
    /// Whether a dot in the first column is doubled.
    pub(super) stuffed: bool,
}

/// RFC 3977 section 3.1.1 advises against longer lines; an escape and a stuffed dot may come on top.
pub(super) const MAX_WIDTH: usize = 997;

/// The longest line: a stuffed dot, the second byte of an escape in the last column, CRLF.
pub(super) const WORST_LINE: usize = MAX_WIDTH + 4;

/// What is added to a byte.
pub(super) const SHIFT: u8 = 42;

/// What is added besides to a byte after `=`.
pub(super) const ESCAPED: u8 = 64;

/// The bytes that are escaped in any column: they would be NUL, LF, CR and `=`.
pub(super) const CRITICAL: [u8; 4] = [
    0u8.wrapping_sub(SHIFT),
    b'\n'.wrapping_sub(SHIFT),
    b'\r'.wrapping_sub(SHIFT),
    b'='.wrapping_sub(SHIFT),
];

const fn is_critical(byte: u8) -> bool {
    byte == CRITICAL[0] || byte == CRITICAL[1] || byte == CRITICAL[2] || byte == CRITICAL[3]
}

/// Whether an encoded byte has to be escaped at a line's ends.
pub(super) const fn is_blank(code: u8) -> bool {
    matches!(code, b'\t' | b' ')
}

/// An encoded byte: one or two bytes, and how many of them.
#[derive(Clone, Copy)]
pub(super) struct Code {
    pub(super) bytes: [u8; 2],
    pub(super) len: u8,
    /// Columns it takes: a stuffed dot takes none.
    pub(super) columns: u8,
}

impl Code {
    const fn of(byte: u8, escape: bool) -> Self {
        if escape {
            Code {
                bytes: [b'=', byte.wrapping_add(SHIFT + ESCAPED)],
                len: 2,
                columns: 2,
            }
        } else {
            Code {
                bytes: [byte.wrapping_add(SHIFT), 0],
                len: 1,
                columns: 1,
            }
        }
    }
}

/// Of a byte that is in neither the first nor the last column.
pub(super) static INNER: [Code; 256] = codes(false, false);

/// Of a byte in the last column.
static LAST: [Code; 256] = codes(true, false);

/// Of a byte in the first column; indexed by [`Shape::stuffed`].
static FIRST: [[Code; 256]; 2] = [codes(true, false), codes(true, true)];

const fn codes(edge: bool, stuffed: bool) -> [Code; 256] {
    let mut codes = [Code::of(0, false); 256];
    let mut byte = 0u8;
    loop {
        codes[byte as usize] = Code::of(
            byte,
            is_critical(byte) || edge && is_blank(byte.wrapping_add(SHIFT)),
        );
        if stuffed && byte.wrapping_add(SHIFT) == b'.' {
            codes[byte as usize] = Code {
                bytes: [b'.', b'.'],
                len: 2,
                columns: 1,
            };
        }
        if byte == 255 {
            return codes;
        }
        byte += 1;
    }
}

/// How far a kernel came.
pub(super) struct Progress {
    pub(super) read: usize,
    pub(super) written: usize,
}

/// Encodes one line, byte by byte, from the front of `src`, which is not empty, to the front of
/// `dst`. With the last of `src` the line ends, whatever its length.
pub(super) fn line(src: &[u8], dst: &mut [u8; WORST_LINE], shape: Shape) -> Progress {
    let (mut read, mut written, mut column) = (0, 0, 0);
    while read < src.len() && column < shape.width {
        let table = match (column, read + 1 == src.len() || column + 1 == shape.width) {
            (0, _) => &FIRST[usize::from(shape.stuffed)],
            (_, true) => &LAST,
            (_, false) => &INNER,
        };
        let code = table[usize::from(src[read])];
        dst[written..][..2].copy_from_slice(&code.bytes);
        read += 1;
        written += usize::from(code.len);
        column += usize::from(code.columns);
    }
    dst[written..][..2].copy_from_slice(b"\r\n");
    Progress {
        read,
        written: written + 2,
    }
}
