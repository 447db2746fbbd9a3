//! SSE2 and SSSE3: a block is four registers, and its gaps are closed sixteen bytes at a time: by a
//! shuffle from a table or, where there is no shuffle, byte by byte.
//!
//! Where a block may be in doubt is asked with a shuffle too: the low four bits of each byte look
//! up what may not follow it. Bytes that share those bits raise the question more often than it
//! has to be, in one of seventy blocks of random data.

use std::arch::x86_64::*;

use crc32fast::Hasher;

use super::blocks::{self, Block, Place};
use super::grammar::{Last, Run};
use super::table::SQUEEZE;

/// See [`blocks::decode`].
///
/// # Safety
/// As there; the machine has the instructions of [`super::Isa::Sse2`].
#[target_feature(enable = "sse2")]
pub(super) unsafe fn decode_sse2(
    last: &mut Last,
    stuffed: bool,
    place: Place,
    crc: &mut Option<Hasher>,
) -> Run {
    // SAFETY: the caller's promise.
    unsafe { blocks::decode::<Sse2>(last, stuffed, place, crc) }
}

/// See [`blocks::decode`].
///
/// # Safety
/// As there; the machine has the instructions of [`super::Isa::Ssse3`].
#[target_feature(enable = "ssse3,popcnt")]
pub(super) unsafe fn decode_ssse3(
    last: &mut Last,
    stuffed: bool,
    place: Place,
    crc: &mut Option<Hasher>,
) -> Run {
    // SAFETY: the caller's promise.
    unsafe { blocks::decode::<Ssse3>(last, stuffed, place, crc) }
}

/// The bytes CR and LF at the place of their low four bits; elsewhere what no byte with these low
/// bits is.
pub(super) static LINE_END: [u8; 16] = {
    let mut table = [0xff; 16];
    table[b'\r' as usize & 15] = b'\r';
    table[b'\n' as usize & 15] = b'\n';
    table
};

/// What may not follow a byte with these low four bits without a closer look, by whether dots are
/// stuffed. NUL stands for nothing: well-formed data have none, and a closer look does no harm.
pub(super) static FOLLOWERS: [[u8; 16]; 2] = {
    let mut table = [0; 16];
    table[b'=' as usize & 15] = b'y';
    let unstuffed = table;
    table[b'\n' as usize & 15] = b'.';
    [unstuffed, table]
};

/// Writes the bytes of `data` that `kept` marks, sixteen at a time; returns how many they are.
///
/// # Safety
/// `to` is good for 64 bytes. SSSE3 is enabled.
#[inline(always)]
pub(super) unsafe fn store(data: [__m128i; 4], kept: u64, to: *mut u8) -> usize {
    // SAFETY: no store goes further than its own sixteen bytes would reach without gaps, which is
    // within the caller's 64. The table has sixteen aligned bytes for any `kept`.
    unsafe {
        let mut at = 0;
        for (n, data) in data.into_iter().enumerate() {
            let shuffle = _mm_load_si128(SQUEEZE.shuffle(kept, n).cast());
            _mm_storeu_si128(to.add(at).cast(), _mm_shuffle_epi8(data, shuffle));
            at = (kept & (u64::MAX >> (48 - 16 * n))).count_ones() as usize;
        }
        at
    }
}

/// The same marks, but nothing is known of them: the compiler would make dear blends of the sums
/// they go into, and take masks apart bit by bit.
#[inline]
#[target_feature(enable = "sse2")]
fn opaque(mut marks: __m128i) -> __m128i {
    // SAFETY: it is no instruction at all.
    unsafe {
        std::arch::asm!("/* {0} */", inout(xmm_reg) marks, options(pure, nomem, nostack, preserves_flags));
    }
    marks
}

/// 16 bytes four times; `SHUFFLE` tells whether there is an instruction that shuffles bytes.
#[derive(Clone, Copy)]
struct Xmm<const SHUFFLE: bool>([__m128i; 4]);

type Sse2 = Xmm<false>;
type Ssse3 = Xmm<true>;

impl<const SHUFFLE: bool> Xmm<SHUFFLE> {
    #[inline(always)]
    unsafe fn splat(byte: u8) -> __m128i {
        // SAFETY: the instructions are enabled, by the trait; so below.
        unsafe { _mm_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn table(table: &[u8; 16]) -> __m128i {
        // SAFETY: as above.
        unsafe { _mm_loadu_si128(table.as_ptr().cast()) }
    }

    /// The data behind `v`, where `escaped` marks the bytes that follow a `=`.
    #[inline(always)]
    unsafe fn data(v: __m128i, escaped: __m128i) -> __m128i {
        // SAFETY: as above.
        unsafe {
            let shift = _mm_and_si128(escaped, Self::splat(64));
            _mm_sub_epi8(_mm_sub_epi8(v, Self::splat(42)), shift)
        }
    }

    /// Marks CR and LF in `v`.
    #[inline(always)]
    unsafe fn line_ends(v: __m128i) -> __m128i {
        // SAFETY: as above.
        unsafe {
            if SHUFFLE {
                _mm_cmpeq_epi8(v, _mm_shuffle_epi8(Self::table(&LINE_END), v))
            } else {
                _mm_or_si128(
                    _mm_cmpeq_epi8(v, Self::splat(b'\r')),
                    _mm_cmpeq_epi8(v, Self::splat(b'\n')),
                )
            }
        }
    }

    /// Marks, in `v`, what may not stand behind `before` without a closer look.
    #[inline(always)]
    unsafe fn follows(v: __m128i, before: __m128i, escaped: __m128i, stuffed: bool) -> __m128i {
        // SAFETY: as above.
        unsafe {
            if SHUFFLE {
                let followers = Self::table(&FOLLOWERS[usize::from(stuffed)]);
                return _mm_cmpeq_epi8(v, _mm_shuffle_epi8(followers, before));
            }
            let y = _mm_and_si128(escaped, _mm_cmpeq_epi8(v, Self::splat(b'y')));
            if !stuffed {
                return y;
            }
            let line_start = _mm_cmpeq_epi8(before, Self::splat(b'\n'));
            let dot = _mm_and_si128(line_start, _mm_cmpeq_epi8(v, Self::splat(b'.')));
            _mm_or_si128(y, dot)
        }
    }

    #[inline(always)]
    unsafe fn store(data: [__m128i; 4], kept: u64, to: *mut u8) -> usize {
        // SAFETY: as above; `to` is good for 64 bytes.
        unsafe {
            if SHUFFLE {
                store(data, kept, to)
            } else {
                store_bytes(data, kept, to)
            }
        }
    }

    #[inline(always)]
    unsafe fn mask(marks: [__m128i; 4]) -> u64 {
        marks.into_iter().rev().fold(0, |mask, marks| {
            // SAFETY: as above.
            let bits = unsafe { _mm_movemask_epi8(opaque(marks)) };
            mask << 16 | u64::from(bits.cast_unsigned())
        })
    }
}

/// As [`store`], without shuffles: eight at once where all are kept, else byte by byte.
#[inline(always)]
unsafe fn store_bytes(data: [__m128i; 4], kept: u64, to: *mut u8) -> usize {
    let mut at = 0;
    for (n, data) in data.into_iter().enumerate() {
        let mut bytes = [0u8; 16];
        // SAFETY: `to` is good for 64 bytes, and `at` is at most 16 times `n`, plus 8 for the
        // second half.
        unsafe {
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), data);
            for (half, bytes) in bytes.as_chunks::<8>().0.iter().enumerate() {
                let kept = kept >> (16 * n + 8 * half) & 0xff;
                if kept == 0xff {
                    to.add(at).cast::<[u8; 8]>().write_unaligned(*bytes);
                    at += 8;
                    continue;
                }
                for (n, byte) in bytes.iter().enumerate() {
                    *to.add(at) = *byte;
                    at += (kept >> n & 1) as usize;
                }
            }
        }
    }
    at
}

/// The two forms differ in what the instructions may be outside of the loop.
macro_rules! impl_block {
    ($name:ident, $features:literal) => {
        impl Block for $name {
            #[inline(always)]
            unsafe fn load(from: *const u8) -> Self {
                // SAFETY: good for 64 bytes, by the trait.
                unsafe { Xmm([0, 16, 32, 48].map(|at| _mm_loadu_si128(from.add(at).cast()))) }
            }

            #[inline(always)]
            unsafe fn ahead(place: *const u8) {
                // SAFETY: a hint.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
            }

            #[inline(always)]
            unsafe fn equal(self, byte: u8) -> u64 {
                // SAFETY: as above.
                unsafe { Self::mask(self.0.map(|v| _mm_cmpeq_epi8(v, Self::splat(byte)))) }
            }

            #[inline(always)]
            unsafe fn decode(self, before: Self, stuffed: bool, to: *mut u8) -> Option<usize> {
                // SAFETY: as above.
                unsafe {
                    let (mut data, mut special) = (self.0, self.0);
                    let mut doubt = _mm_setzero_si128();
                    for n in 0..4 {
                        let (v, before) = (self.0[n], before.0[n]);
                        let equals = Self::splat(b'=');
                        special[n] =
                            opaque(_mm_or_si128(_mm_cmpeq_epi8(v, equals), Self::line_ends(v)));
                        let escaped = opaque(_mm_cmpeq_epi8(before, equals));
                        let follows = Self::follows(v, before, escaped, stuffed);
                        let malformed = _mm_and_si128(escaped, special[n]);
                        doubt = _mm_or_si128(doubt, _mm_or_si128(follows, malformed));
                        data[n] = Self::data(v, escaped);
                    }
                    if _mm_movemask_epi8(opaque(doubt)) != 0 {
                        return None;
                    }
                    Some(Self::store(data, !Self::mask(special), to))
                }
            }

            #[cold]
            #[inline(never)]
            #[target_feature(enable = $features)]
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
                        *data =
                            Self::data(*data, opaque(_mm_cmpeq_epi8(before, Self::splat(b'='))));
                    }
                    Self::store(data, kept, to);
                }
            }
        }
    };
}

impl_block!(Sse2, "sse2");
impl_block!(Ssse3, "ssse3,popcnt");
