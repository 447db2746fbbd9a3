//! The kernel for AArch64: TBL spreads eight bytes as PSHUFB does, with the same tables.

use super::groups::{ByGroups, Groups};
use super::line::{ESCAPED, Progress, SHIFT, Shape};
use super::stage::lines;
use std::arch::aarch64::*;
use std::mem::MaybeUninit;

/// Encodes whole lines, see [`lines`].
#[target_feature(enable = "neon")]
pub(super) fn encode(src: &[u8], dst: &mut [MaybeUninit<u8>], shape: Shape) -> Progress {
    // SAFETY: this function has the instructions enabled, so its caller checked for them.
    unsafe { lines(ByGroups(Neon), src, dst, shape) }
}

struct Neon;

/// One bit for each byte of a group.
static BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

impl Groups for Neon {
    type Block = uint8x16_t;

    #[inline(always)]
    unsafe fn read(&self, src: *const u8) -> ([uint8x16_t; 2], u32) {
        // SAFETY: the caller vouches for 32 bytes to read and for the instructions; `BITS` has 16.
        unsafe {
            let bits = vld1q_u8(BITS.as_ptr());
            let read = |src: *const u8| {
                let code = vaddq_u8(vld1q_u8(src), vdupq_n_u8(SHIFT));
                let is = |byte: u8| vceqq_u8(code, vdupq_n_u8(byte));
                let controls = vorrq_u8(is(0), vorrq_u8(is(b'\n'), is(b'\r')));
                let critical = vorrq_u8(controls, is(b'='));
                let more = vandq_u8(critical, vdupq_n_u8(ESCAPED));
                (vaddq_u8(code, more), vandq_u8(critical, bits))
            };
            let (a, of_a) = read(src);
            let (b, of_b) = read(src.add(16));
            // Three sums of neighbours bring the bits of each group into one byte.
            let sums = vpaddq_u8(of_a, of_b);
            let sums = vpaddq_u8(sums, sums);
            let sums = vpaddq_u8(sums, sums);
            ([a, b], vgetq_lane_u32::<0>(vreinterpretq_u32_u8(sums)))
        }
    }

    #[inline(always)]
    unsafe fn low(&self, block: uint8x16_t, row: &[u8; 16], dst: *mut u8) {
        // SAFETY: the caller vouches for 16 bytes to write and for the instructions.
        unsafe {
            let source = vcombine_u8(vget_low_u8(block), vdup_n_u8(b'='));
            vst1q_u8(dst, vqtbl1q_u8(source, vld1q_u8(row.as_ptr())));
        }
    }

    #[inline(always)]
    unsafe fn high(&self, block: uint8x16_t, row: &[u8; 16], dst: *mut u8) {
        // SAFETY: as above.
        unsafe {
            let source = vcombine_u8(vdup_n_u8(b'='), vget_high_u8(block));
            vst1q_u8(dst, vqtbl1q_u8(source, vld1q_u8(row.as_ptr())));
        }
    }
}
