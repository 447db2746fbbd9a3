//! AVX2: as SSSE3 (`sse`), but a block is two registers, whose halves are written one by one.

use std::arch::x86_64::*;

use crc32fast::Hasher;

use super::blocks::{self, Block, Place};
use super::grammar::{Last, Run};
use super::sse::{self, FOLLOWERS, LINE_END};

/// See [`blocks::decode`].
///
/// # Safety
/// As there; the machine has the instructions of [`super::Isa::Avx2`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) unsafe fn decode(
    last: &mut Last,
    stuffed: bool,
    place: Place,
    crc: &mut Option<Hasher>,
) -> Run {
    // SAFETY: the caller's promise.
    unsafe { blocks::decode::<Avx2>(last, stuffed, place, crc) }
}

/// 32 bytes twice.
#[derive(Clone, Copy)]
struct Avx2([__m256i; 2]);

impl Avx2 {
    #[inline(always)]
    unsafe fn splat(byte: u8) -> __m256i {
        // SAFETY: the instructions are enabled, by the trait; so below.
        unsafe { _mm256_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn table(table: &[u8; 16]) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) }
    }

    /// The data behind `v`, where `escaped` marks the bytes that follow a `=`.
    #[inline(always)]
    unsafe fn data(v: __m256i, escaped: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe {
            let shift = _mm256_and_si256(escaped, Self::splat(64));
            _mm256_sub_epi8(_mm256_sub_epi8(v, Self::splat(42)), shift)
        }
    }

    #[inline(always)]
    unsafe fn store(data: [__m256i; 2], kept: u64, to: *mut u8) -> usize {
        // SAFETY: as above; `to` is good for 64 bytes.
        unsafe {
            let quarters = [
                _mm256_castsi256_si128(data[0]),
                _mm256_extracti128_si256::<1>(data[0]),
                _mm256_castsi256_si128(data[1]),
                _mm256_extracti128_si256::<1>(data[1]),
            ];
            sse::store(quarters, kept, to)
        }
    }
}

impl Block for Avx2 {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: good for 64 bytes, by the trait.
        unsafe {
            Avx2([
                _mm256_loadu_si256(from.cast()),
                _mm256_loadu_si256(from.add(32).cast()),
            ])
        }
    }

    #[inline(always)]
    unsafe fn ahead(place: *const u8) {
        // SAFETY: a hint.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
    }

    #[inline(always)]
    unsafe fn equal(self, byte: u8) -> u64 {
        // SAFETY: as above.
        unsafe { mask(self.0.map(|v| _mm256_cmpeq_epi8(v, Self::splat(byte)))) }
    }

    #[inline(always)]
    unsafe fn decode(self, before: Self, stuffed: bool, to: *mut u8) -> Option<usize> {
        // SAFETY: as above.
        unsafe {
            let line_end = Self::table(&LINE_END);
            let followers = Self::table(&FOLLOWERS[usize::from(stuffed)]);
            let (mut data, mut special) = (self.0, self.0);
            let mut doubt = _mm256_setzero_si256();
            for n in 0..2 {
                let (v, before) = (self.0[n], before.0[n]);
                let equals = Self::splat(b'=');
                special[n] = opaque(_mm256_or_si256(
                    _mm256_cmpeq_epi8(v, equals),
                    _mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(line_end, v)),
                ));
                let escaped = opaque(_mm256_cmpeq_epi8(before, equals));
                let follows = _mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(followers, before));
                let malformed = _mm256_and_si256(escaped, special[n]);
                doubt = _mm256_or_si256(doubt, _mm256_or_si256(follows, malformed));
                data[n] = Self::data(v, escaped);
            }
            if _mm256_movemask_epi8(opaque(doubt)) != 0 {
                return None;
            }
            Some(Self::store(data, !mask(special), to))
        }
    }

    #[cold]
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn doubtful(
        self,
        before: Self,
        behind: u8,
        stuffed: bool,
        to: *mut u8,
    ) -> Option<usize> {
        // SAFETY: the caller's promise.
        unsafe { blocks::doubtful(self, before, behind, stuffed, to) }
    }

    #[inline(always)]
    unsafe fn keep(self, before: Self, kept: u64, to: *mut u8) {
        // SAFETY: as above.
        unsafe {
            let mut data = self.0;
            for (data, before) in data.iter_mut().zip(before.0) {
                *data = Self::data(*data, opaque(_mm256_cmpeq_epi8(before, Self::splat(b'='))));
            }
            Self::store(data, kept, to);
        }
    }
}

#[inline(always)]
unsafe fn mask(marks: [__m256i; 2]) -> u64 {
    // SAFETY: the callers have AVX2.
    let [low, high] =
        unsafe { marks.map(|marks| _mm256_movemask_epi8(opaque(marks)).cast_unsigned()) };
    u64::from(low) | u64::from(high) << 32
}

/// The same marks, but nothing is known of them: see `sse`.
#[inline]
#[target_feature(enable = "avx2")]
fn opaque(mut marks: __m256i) -> __m256i {
    // SAFETY: it is no instruction at all.
    unsafe {
        std::arch::asm!("/* {0} */", inout(ymm_reg) marks, options(pure, nomem, nostack, preserves_flags));
    }
    marks
}
