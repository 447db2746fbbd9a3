//! The portable kernel.

use super::grammar::{Last, Run, Stop, step};
use crate::swar::{equals, first, subtract};

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
    use super::super::grammar::shift;
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
