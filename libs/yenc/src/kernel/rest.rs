//! What no whole block takes: the ends of input and room, and bytes that go through the grammar one
//! by one.

use super::blocks::{At, BLOCK, Block, CONTEXT, Place, before, settle};
use super::grammar::{Last, Stop, step};

/// The next `n` bytes, at most a block, by way of a copy; fewer if one of them has to go through
/// the grammar. Returns whether it took them all.
///
/// # Safety
/// As of [`super::blocks::decode`], and `at` is within `place`; input and room have `n` bytes.
#[inline(always)]
pub(super) unsafe fn part<B: Block>(
    context: &mut [u8; CONTEXT],
    stuffed: bool,
    place: Place,
    at: &mut At,
    n: usize,
) -> bool {
    // What it is filled up with is ordinary data, but for the byte behind the last: that one is
    // not known, and a dot in front of it may be more than a stuffed one.
    let mut window = [b'a'; CONTEXT + BLOCK + 1];
    window[..CONTEXT].copy_from_slice(context);
    window[CONTEXT + n] = b'\n';
    let mut out = [0; BLOCK];
    // SAFETY: `at.src + n <= len` and `at.dst + n <= room`, by the caller's choice of `n`.
    unsafe {
        let from = place.src.add(at.src);
        from.copy_to(window.as_mut_ptr().add(CONTEXT), n);
        let v = B::load(window.as_ptr().add(CONTEXT));
        let before = B::load(window.as_ptr().add(CONTEXT - 1));
        let (kept, hard) = settle(v, before, b'\n', stuffed);
        let taken = n.min(hard.trailing_zeros() as usize);
        let first = u64::MAX.checked_shr((BLOCK - taken) as u32).unwrap_or(0);
        let kept = kept & first;
        v.keep(before, kept, out.as_mut_ptr());
        let written = kept.count_ones() as usize;
        out.as_ptr().copy_to(place.dst.add(at.dst), written);
        context.copy_from_slice(&window[taken..taken + CONTEXT]);
        at.src += taken;
        at.dst += written;
        taken == n
    }
}

/// At least one byte, and all up to `until`, then as many as it takes until a block can go on.
/// Returns why that cannot be.
///
/// # Safety
/// As of [`super::blocks::decode`], and `at` is within `place`.
#[inline(never)]
pub(super) unsafe fn bytes(
    last: &mut Last,
    stuffed: bool,
    place: Place,
    at: &mut At,
    until: usize,
) -> Option<Stop> {
    let (mut i, mut o, mut state) = (at.src, at.dst, *last);
    let stop = loop {
        if i == place.len {
            break Some(Stop::Input);
        }
        // SAFETY: `i` is below `len`, `o` below `room` where it is written.
        unsafe {
            let (next, data) = step(state, *place.src.add(i), stuffed);
            if let Some(data) = data {
                if o == place.room {
                    break Some(Stop::Output);
                }
                *place.dst.add(o) = data;
                o += 1;
            }
            state = next;
        }
        i += 1;
        match state {
            Last::LineEqY => break Some(Stop::Control),
            Last::End => break Some(Stop::End),
            _ if i >= until && before(state).is_some() => break None,
            _ => {}
        }
    };
    (at.src, at.dst, *last) = (i, o, state);
    stop
}
