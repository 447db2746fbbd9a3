//! The kernel for AVX-512 with VBMI2: VPEXPANDB spreads up to 64 bytes at once and leaves room for
//! the `=` between them. Where these go, PDEP and PEXT make of a bit for each critical byte.

use super::line::{CRITICAL, ESCAPED, Progress, SHIFT, Shape};
use super::stage::{Spread, lines};
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Encodes whole lines, see [`lines`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt"
)]
pub(super) fn encode(src: &[u8], dst: &mut [MaybeUninit<u8>], shape: Shape) -> Progress {
    // SAFETY: this function has the instructions enabled, so its caller checked for them.
    unsafe { lines(Avx512, src, dst, shape) }
}

struct Avx512;

/// The critical bytes differ in their low six bits: where these lead to the byte itself, it is
/// critical. No other entry leads to itself.
static BY_LOW_BITS: [u8; 64] = {
    let mut table = [0; 64];
    table[0] = 1;
    let mut n = 0;
    while n < CRITICAL.len() {
        table[CRITICAL[n] as usize & 63] = CRITICAL[n];
        n += 1;
    }
    table
};

impl Spread for Avx512 {
    /// With their escapes, so many random bytes hardly ever take more than 64 columns.
    const BLOCK: usize = 56;

    #[inline(always)]
    unsafe fn spread(&self, src: *const u8, dst: *mut u8) -> usize {
        // SAFETY: the caller vouches for the instructions, for 64 bytes of `src`, and for 128 of
        // `dst`; the table has 64 bytes.
        unsafe {
            let table = _mm512_loadu_si512(BY_LOW_BITS.as_ptr().cast());
            let equals = _mm512_set1_epi8(b'=' as i8);
            let bytes = _mm512_loadu_si512(src.cast());
            let critical = _mm512_cmpeq_epi8_mask(_mm512_permutexvar_epi8(bytes, table), bytes);
            let code = _mm512_add_epi8(bytes, _mm512_set1_epi8(SHIFT as i8));
            let more = _mm512_set1_epi8(ESCAPED as i8);
            let code = _mm512_mask_add_epi8(code, critical, code, more);
            let marks = _bzhi_u64(critical, Self::BLOCK as u32);
            let [low, high] = columns(marks);
            let spread = _mm512_mask_expand_epi8(equals, low, code);
            _mm512_storeu_si512(dst.cast(), spread);
            let len = Self::BLOCK + marks.count_ones() as usize;
            if len > 64 {
                let later = _mm512_maskz_compress_epi8(!0 << low.count_ones(), code);
                let spread = _mm512_mask_expand_epi8(equals, high, later);
                _mm512_storeu_si512(dst.add(64).cast(), spread);
            }
            len
        }
    }
}

/// A bit for each column, set for the bytes and clear for the `=` in front of the marked.
///
/// # Safety
/// The CPU has BMI2 and POPCNT, and the function this is inlined into has them enabled.
#[inline(always)]
unsafe fn columns(marks: u64) -> [u64; 2] {
    /// Two columns for each byte, the second for itself.
    const BYTES: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    // SAFETY: the caller has the instructions.
    unsafe {
        // The columns that are taken, of two for each byte.
        let low = _pdep_u64(marks, !BYTES) | BYTES;
        let high = _pdep_u64(marks >> 32, !BYTES) | BYTES;
        // 32 to 64, so two steps: a shift by 64 is none.
        let len = low.count_ones();
        let (low, high) = (_pext_u64(BYTES, low), _pext_u64(BYTES, high));
        [low | high << (len - 1) << 1, high >> (64 - len)]
    }
}
