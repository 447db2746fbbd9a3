//! The grammar of encoded lines, byte by byte: line ends, escapes, stuffed dots, the lone `.` and
//! that a line beginning with `=y` may be a control line.
//!
//! It is the reference: every kernel has to do exactly what [`step`] says.

/// The bytes last seen: all that has to be known to go on after a cut at any place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// A bare LF, or nothing yet: at a line's start.
    Lf,
    /// CR LF: at a line's start.
    CrLf,
    /// `.` at the start of a line that follows [`Last::Lf`].
    LfDot,
    /// `.` at the start of a line that follows [`Last::CrLf`].
    CrLfDot,
    /// `.` CR at a line's start.
    DotCr,
    /// `=` at a line's start.
    LineEq,
    /// `=y` at a line's start: perhaps a control line, the kernel stops behind it.
    LineEqY,
    /// CR within a line.
    Cr,
    /// `=` within a line.
    Eq,
    /// Any other byte.
    Plain,
    /// The lone `.` with its line end: the kernel stops behind it.
    End,
}

/// Why the kernel stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// All input is consumed.
    Input,
    /// The next input byte gives an output byte and there is no room.
    Output,
    /// `=y` at a line's start was consumed.
    Control,
    /// The lone `.` was consumed.
    End,
}

/// What one call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub consumed: usize,
    pub written: usize,
    pub stop: Stop,
}

/// The whole grammar: what `byte` makes of the bytes before it, and the data byte it yields.
#[inline(always)]
pub(crate) fn step(last: Last, byte: u8, stuffed: bool) -> (Last, Option<u8>) {
    match (last, byte) {
        (Last::Lf, b'.') if stuffed => (Last::LfDot, None),
        (Last::CrLf, b'.') if stuffed => (Last::CrLfDot, None),
        (Last::LfDot, b'\n') | (Last::DotCr, b'\n') => (Last::End, None),
        (Last::LfDot | Last::CrLfDot, b'\r') => (Last::DotCr, None),
        (Last::Lf | Last::CrLf | Last::LfDot | Last::CrLfDot, b'=') => (Last::LineEq, None),
        (Last::LineEq, b'y') => (Last::LineEqY, None),
        (Last::Cr, b'\n') => (Last::CrLf, None),
        (_, b'\r') => (Last::Cr, None),
        (_, b'\n') => (Last::Lf, None),
        (Last::Eq | Last::LineEq, _) => (Last::Plain, Some(unescape(byte))),
        (_, b'=') => (Last::Eq, None),
        _ => (Last::Plain, Some(shift(byte))),
    }
}

/// The data byte behind an encoded one.
pub(crate) fn shift(byte: u8) -> u8 {
    byte.wrapping_sub(42)
}

/// The data byte behind an encoded one that follows `=`.
pub(crate) fn unescape(byte: u8) -> u8 {
    byte.wrapping_sub(42 + 64)
}
