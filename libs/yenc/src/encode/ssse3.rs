//! The kernels for x86-64 before AVX-512: 16 or, with AVX2, 32 bytes are classified at once, eight
//! are spread by PSHUFB.

use super::groups::{ByGroups, Groups};
use super::line::{ESCAPED, Progress, SHIFT, Shape};
use super::stage::lines;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Encodes whole lines, see [`lines`].
#[target_feature(enable = "ssse3,popcnt")]
pub(super) fn encode(src: &[u8], dst: &mut [MaybeUninit<u8>], shape: Shape) -> Progress {
    // SAFETY: this function has the instructions enabled, so its caller checked for them.
    unsafe { lines(ByGroups(Ssse3), src, dst, shape) }
}

/// Encodes whole lines, see [`lines`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn encode_avx2(src: &[u8], dst: &mut [MaybeUninit<u8>], shape: Shape) -> Progress {
    // SAFETY: this function has the instructions enabled, so its caller checked for them.
    unsafe { lines(ByGroups(Avx2), src, dst, shape) }
}

struct Ssse3;
struct Avx2;

/// Where the low four bits of an encoded byte lead to the byte itself, it is NUL, LF or CR. PSHUFB
/// gives 0 for bytes from 128 on.
static BY_LOW_BITS: [u8; 16] = {
    let mut table = [0x80; 16];
    table[0] = 0;
    table[b'\n' as usize & 15] = b'\n';
    table[b'\r' as usize & 15] = b'\r';
    table
};

impl Groups for Ssse3 {
    type Block = __m128i;

    #[inline(always)]
    unsafe fn read(&self, src: *const u8) -> ([__m128i; 2], u32) {
        // SAFETY: the caller vouches for 32 bytes to read and for the instructions; the table has
        // 16 bytes.
        unsafe {
            let table = _mm_loadu_si128(BY_LOW_BITS.as_ptr().cast());
            let read = |src: *const u8| {
                let code = _mm_add_epi8(_mm_loadu_si128(src.cast()), _mm_set1_epi8(SHIFT as i8));
                let equals = _mm_cmpeq_epi8(code, _mm_set1_epi8(b'=' as i8));
                let controls = _mm_cmpeq_epi8(code, _mm_shuffle_epi8(table, code));
                let critical = _mm_or_si128(equals, controls);
                let more = _mm_and_si128(critical, _mm_set1_epi8(ESCAPED as i8));
                (_mm_add_epi8(code, more), _mm_movemask_epi8(critical) as u32)
            };
            let (a, marks) = read(src);
            let (b, more) = read(src.add(16));
            ([a, b], marks | more << 16)
        }
    }

    #[inline(always)]
    unsafe fn low(&self, block: __m128i, row: &[u8; 16], dst: *mut u8) {
        // SAFETY: the caller vouches for 16 bytes to write and for the instructions.
        unsafe {
            let equals = _mm_castsi128_pd(_mm_set1_epi8(b'=' as i8));
            let source = _mm_castpd_si128(_mm_move_sd(equals, _mm_castsi128_pd(block)));
            let spread = _mm_shuffle_epi8(source, _mm_loadu_si128(row.as_ptr().cast()));
            _mm_storeu_si128(dst.cast(), spread);
        }
    }

    #[inline(always)]
    unsafe fn high(&self, block: __m128i, row: &[u8; 16], dst: *mut u8) {
        // SAFETY: as above.
        unsafe {
            let equals = _mm_castsi128_pd(_mm_set1_epi8(b'=' as i8));
            let source = _mm_castpd_si128(_mm_move_sd(_mm_castsi128_pd(block), equals));
            let spread = _mm_shuffle_epi8(source, _mm_loadu_si128(row.as_ptr().cast()));
            _mm_storeu_si128(dst.cast(), spread);
        }
    }
}

impl Groups for Avx2 {
    type Block = __m128i;

    #[inline(always)]
    unsafe fn read(&self, src: *const u8) -> ([__m128i; 2], u32) {
        // SAFETY: the caller vouches for 32 bytes to read and for the instructions; the table has
        // 16 bytes.
        unsafe {
            let table = _mm_loadu_si128(BY_LOW_BITS.as_ptr().cast());
            let table = _mm256_broadcastsi128_si256(table);
            let bytes = _mm256_loadu_si256(src.cast());
            let code = _mm256_add_epi8(bytes, _mm256_set1_epi8(SHIFT as i8));
            let equals = _mm256_cmpeq_epi8(code, _mm256_set1_epi8(b'=' as i8));
            let controls = _mm256_cmpeq_epi8(code, _mm256_shuffle_epi8(table, code));
            let critical = _mm256_or_si256(equals, controls);
            let more = _mm256_and_si256(critical, _mm256_set1_epi8(ESCAPED as i8));
            let code = _mm256_add_epi8(code, more);
            let halves = [
                _mm256_castsi256_si128(code),
                _mm256_extracti128_si256::<1>(code),
            ];
            (halves, _mm256_movemask_epi8(critical) as u32)
        }
    }

    #[inline(always)]
    unsafe fn low(&self, block: __m128i, row: &[u8; 16], dst: *mut u8) {
        // SAFETY: the caller's word is passed on.
        unsafe { Ssse3.low(block, row, dst) }
    }

    #[inline(always)]
    unsafe fn high(&self, block: __m128i, row: &[u8; 16], dst: *mut u8) {
        // SAFETY: the caller's word is passed on.
        unsafe { Ssse3.high(block, row, dst) }
    }
}
