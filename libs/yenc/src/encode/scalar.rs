//! The portable kernel: a table gives the one or two bytes of each byte. Two are always written,
//! the next byte overwrites the second if it was none, so no branch depends on the data.

use super::line::{INNER, Progress, Shape};
use super::stage::{Spread, lines};
use std::mem::MaybeUninit;

/// Encodes whole lines, see [`lines`].
pub(super) fn encode(src: &[u8], dst: &mut [MaybeUninit<u8>], shape: Shape) -> Progress {
    // SAFETY: the kernel needs no special instructions.
    unsafe { lines(Scalar, src, dst, shape) }
}

struct Scalar;

impl Spread for Scalar {
    const BLOCK: usize = 8;

    #[inline(always)]
    unsafe fn spread(&self, src: *const u8, dst: *mut u8) -> usize {
        let mut written = 0;
        for at in 0..Self::BLOCK {
            // SAFETY: two bytes of each of eight are no more than `READS` and `WRITES`.
            unsafe {
                let code = INNER[usize::from(*src.add(at))];
                dst.add(written).cast::<[u8; 2]>().write(code.bytes);
                written += usize::from(code.len);
            }
        }
        written
    }
}
