//! The portable kernel: no intrinsics, but loops over bytes that compilers turn into whatever the
//! machine has.
//!
//! Eight bytes of which all are kept are written at once, others one by one without a branch on
//! each: data full of escapes must not be many times slower.

use crc32fast::Hasher;

use super::blocks::{self, BLOCK, Block, Place};
use super::grammar::{Last, Run, shift};

/// See [`blocks::decode`].
///
/// # Safety
/// As there.
pub(super) unsafe fn decode(
    last: &mut Last,
    stuffed: bool,
    place: Place,
    crc: &mut Option<Hasher>,
) -> Run {
    // SAFETY: the caller's promise.
    unsafe { blocks::decode::<Bytes>(last, stuffed, place, crc) }
}

#[derive(Clone, Copy)]
struct Bytes([u8; BLOCK]);

/// Bytes that are written at once if all are kept.
const STEP: usize = 8;

/// All bits set, or none: what comparisons give where there are instructions for many bytes.
#[inline(always)]
fn mark(holds: bool) -> u8 {
    if holds { 0xff } else { 0 }
}

impl Bytes {
    /// The data of a block, and the bytes that are none of `=`, CR and LF marked.
    #[inline(always)]
    fn data(self, before: Self) -> ([u8; BLOCK], [u8; BLOCK]) {
        let (mut data, mut kept) = ([0; BLOCK], [0; BLOCK]);
        for n in 0..BLOCK {
            let v = self.0[n];
            data[n] = shift(v).wrapping_sub(mark(before.0[n] == b'=') & 64);
            kept[n] = !(mark(v == b'=') | mark(v == b'\r') | mark(v == b'\n'));
        }
        (data, kept)
    }

    #[inline(always)]
    unsafe fn store(data: [u8; BLOCK], kept: [u8; BLOCK], to: *mut u8) -> usize {
        let mut at = 0;
        for (data, kept) in data.as_chunks::<STEP>().0.iter().zip(kept.as_chunks().0) {
            // SAFETY: `to` is good for 64 bytes, and `at` is not above the place of `data`.
            unsafe {
                if u64::from_ne_bytes(*kept) == u64::MAX {
                    to.add(at).cast::<[u8; STEP]>().write_unaligned(*data);
                    at += STEP;
                    continue;
                }
                for (data, kept) in data.iter().zip(kept) {
                    *to.add(at) = *data;
                    at += usize::from(*kept & 1);
                }
            }
        }
        at
    }
}

impl Block for Bytes {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: good for 64 bytes, by the trait.
        Bytes(unsafe { from.cast::<[u8; BLOCK]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn ahead(_place: *const u8) {}

    #[inline(always)]
    unsafe fn equal(self, byte: u8) -> u64 {
        let marks = self.0.iter().rev();
        marks.fold(0, |mask, v| mask << 1 | u64::from(*v == byte))
    }

    #[inline(always)]
    unsafe fn decode(self, before: Self, stuffed: bool, to: *mut u8) -> Option<usize> {
        let (data, kept) = self.data(before);
        // LF behind LF is never data: where dots are not stuffed, they are looked for in vain.
        let dot = if stuffed { b'.' } else { b'\n' };
        let mut doubt = 0;
        for ((v, before), kept) in self.0.into_iter().zip(before.0).zip(kept) {
            let malformed = mark(before == b'=') & (!kept | mark(v == b'y'));
            doubt |= malformed | (mark(before == b'\n') & mark(v == dot));
        }
        if doubt != 0 {
            return None;
        }
        // SAFETY: as the caller promises.
        Some(unsafe { Self::store(data, kept, to) })
    }

    #[cold]
    #[inline(never)]
    unsafe fn doubtful(
        self,
        before: Self,
        behind: u8,
        stuffed: bool,
        to: *mut u8,
    ) -> Option<usize> {
        let (data, mut kept) = self.data(before);
        // As in `decode`; what it finds in vain is not ordinary.
        let dot = if stuffed { b'.' } else { b'\n' };
        // Not `=`, CR or LF.
        let ordinary = kept;
        let (mut hard, mut next) = (0, !mark(matches!(behind, b'=' | b'\r' | b'\n')));
        for n in (0..BLOCK).rev() {
            let (v, before) = (self.0[n], before.0[n]);
            let malformed = mark(before == b'=') & (!ordinary[n] | mark(v == b'y'));
            let dot = mark(before == b'\n') & mark(v == dot) & ordinary[n];
            hard |= malformed | (dot & !next);
            kept[n] &= !dot;
            next = ordinary[n];
        }
        if hard != 0 {
            return None;
        }
        // SAFETY: the caller's promise.
        Some(unsafe { Self::store(data, kept, to) })
    }

    #[inline(always)]
    unsafe fn keep(self, before: Self, kept: u64, to: *mut u8) {
        let (data, mut marks) = self.data(before);
        for (n, byte) in marks.iter_mut().enumerate() {
            *byte = mark(kept >> n & 1 == 1);
        }
        // SAFETY: `to` is good for 64 bytes.
        unsafe { Self::store(data, marks, to) };
    }
}
