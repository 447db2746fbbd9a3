//! The data kernel: encoded lines in, bytes out, until something that is not data.
//!
//! It knows line ends, escapes, stuffed dots, the lone `.` and that a line beginning with `=y` may
//! be a control line. What the control lines say, and everything around the data, is left to
//! `decoder`. Other kernels have to do exactly what [`step`] says, byte for byte.

use crate::swar::{equals, first, subtract};

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

/// Name of the kernel that [`crate::Decoder`] uses on this machine.
#[must_use]
pub fn name() -> &'static str {
    "scalar"
}

/// Decodes from `src` into `dst`, going on from `last`. Never reads past the end it reports.
pub(crate) fn decode(last: &mut Last, stuffed: bool, src: &[u8], dst: &mut [u8]) -> Run {
    let (mut i, mut o) = (0, 0);
    let mut state = *last;
    let stop = loop {
        if state == Last::Plain {
            let n = plain(&src[i..], &mut dst[o..]);
            i += n;
            o += n;
        }
        let Some(&byte) = src.get(i) else {
            break Stop::Input;
        };
        let (next, data) = step(state, byte, stuffed);
        if let Some(data) = data {
            let Some(slot) = dst.get_mut(o) else {
                break Stop::Output;
            };
            *slot = data;
            o += 1;
        }
        i += 1;
        state = next;
        match state {
            Last::LineEqY => break Stop::Control,
            Last::End => break Stop::End,
            _ => {}
        }
    };
    *last = state;
    Run {
        consumed: i,
        written: o,
        stop,
    }
}

/// The whole grammar: what `byte` makes of the bytes before it, and the data byte it yields.
#[inline(always)]
fn step(last: Last, byte: u8, stuffed: bool) -> (Last, Option<u8>) {
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

/// Decodes bytes from within a line up to the next `=`, CR or LF, eight at a time.
///
/// Eight are written even if fewer count: the rest is overwritten by what follows. Near the end of
/// either buffer it stops early and leaves the rest to [`step`].
#[inline(always)]
fn plain(src: &[u8], dst: &mut [u8]) -> usize {
    let mut n = 0;
    for (from, to) in src
        .as_chunks::<8>()
        .0
        .iter()
        .zip(dst.as_chunks_mut::<8>().0)
    {
        let word = u64::from_le_bytes(*from);
        *to = subtract(word, 42).to_le_bytes();
        let stops = equals(word, b'=') | equals(word, b'\r') | equals(word, b'\n');
        n += first(stops);
        if stops != 0 {
            break;
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_stops_at_every_special_byte() {
        for byte in 0..=255u8 {
            for at in 0..16 {
                let mut src = [b'a'; 16];
                src[at] = byte;
                let mut dst = [0; 16];
                let n = plain(&src, &mut dst);
                let special = matches!(byte, b'=' | b'\r' | b'\n');
                assert_eq!(n, if special { at } else { 16 }, "byte {byte} at {at}");
                assert_eq!(dst[..n], src.map(shift)[..n]);
            }
        }
    }

    #[test]
    fn output_stops_before_the_byte_that_needs_room() {
        let mut last = Last::Plain;
        let run = decode(&mut last, true, b"ab\r\nc", &mut [0; 2]);
        assert_eq!(
            run,
            Run {
                consumed: 4,
                written: 2,
                stop: Stop::Output
            }
        );
        assert_eq!(last, Last::CrLf);
    }
}
