//! NEON: a block is four registers; the gaps of each are closed by a look-up, with the shuffles of
//! the x86 kernels.

use std::arch::aarch64::*;

use crc32fast::Hasher;

use super::blocks::{self, Block, Place};
use super::grammar::{Last, Run};
use super::table::SQUEEZE;

/// See [`blocks::decode`].
///
/// # Safety
/// As there; the machine has the instructions of [`super::Isa::Neon`].
#[target_feature(enable = "neon")]
pub(super) unsafe fn decode(
    last: &mut Last,
    stuffed: bool,
    place: Place,
    crc: &mut Option<Hasher>,
) -> Run {
    // SAFETY: the caller's promise.
    unsafe { blocks::decode::<Neon>(last, stuffed, place, crc) }
}

/// 16 bytes four times.
#[derive(Clone, Copy)]
struct Neon([uint8x16_t; 4]);

impl Neon {
    /// All bits set in the bytes of `v` that equal `byte`.
    #[inline(always)]
    unsafe fn marks(v: uint8x16_t, byte: u8) -> uint8x16_t {
        // SAFETY: the instructions are enabled, by the trait; so below.
        unsafe { vceqq_u8(v, vdupq_n_u8(byte)) }
    }

    /// The data behind `v`, where `escaped` marks the bytes that follow a `=`.
    #[inline(always)]
    unsafe fn data(v: uint8x16_t, escaped: uint8x16_t) -> uint8x16_t {
        // SAFETY: as above.
        unsafe {
            let shift = vandq_u8(escaped, vdupq_n_u8(64));
            vsubq_u8(vsubq_u8(v, vdupq_n_u8(42)), shift)
        }
    }

    /// A bit for each byte of `marks`.
    #[inline(always)]
    unsafe fn mask(marks: [uint8x16_t; 4]) -> u64 {
        const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
        // SAFETY: as above. Three rounds of adding neighbours bring the eight bits of each eight
        // bytes together.
        unsafe {
            let bits = vld1q_u8(BITS.as_ptr());
            let [a, b, c, d] = marks.map(|marks| vandq_u8(marks, bits));
            let sum = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)))
        }
    }

    /// Writes the bytes of `data` that `kept` marks, sixteen at a time; returns how many they are.
    #[inline(always)]
    unsafe fn store(data: [uint8x16_t; 4], kept: u64, to: *mut u8) -> usize {
        let mut at = 0;
        for (n, data) in data.into_iter().enumerate() {
            // SAFETY: as above; `to` is good for 64 bytes, and each store goes no further than its
            // sixteen bytes would reach without gaps. The table has sixteen for any `kept`.
            unsafe {
                let shuffle = vld1q_u8(SQUEEZE.shuffle(kept, n));
                vst1q_u8(to.add(at), vqtbl1q_u8(data, shuffle));
            }
            at = (kept & (u64::MAX >> (48 - 16 * n))).count_ones() as usize;
        }
        at
    }
}

impl Block for Neon {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: good for 64 bytes, by the trait.
        unsafe { Neon([0, 16, 32, 48].map(|at| vld1q_u8(from.add(at)))) }
    }

    #[inline(always)]
    unsafe fn ahead(_place: *const u8) {}

    #[inline(always)]
    unsafe fn equal(self, byte: u8) -> u64 {
        // SAFETY: as above.
        unsafe { Self::mask(self.0.map(|v| Self::marks(v, byte))) }
    }

    #[inline(always)]
    unsafe fn decode(self, before: Self, stuffed: bool, to: *mut u8) -> Option<usize> {
        // SAFETY: as above.
        unsafe {
            let (mut data, mut special) = (self.0, self.0);
            let mut doubt = vdupq_n_u8(0);
            for n in 0..4 {
                let (v, before) = (self.0[n], before.0[n]);
                let line_end = vorrq_u8(Self::marks(v, b'\r'), Self::marks(v, b'\n'));
                special[n] = vorrq_u8(line_end, Self::marks(v, b'='));
                let escaped = Self::marks(before, b'=');
                let malformed = vandq_u8(escaped, vorrq_u8(special[n], Self::marks(v, b'y')));
                doubt = vorrq_u8(doubt, malformed);
                if stuffed {
                    let line_start = Self::marks(before, b'\n');
                    doubt = vorrq_u8(doubt, vandq_u8(line_start, Self::marks(v, b'.')));
                }
                data[n] = Self::data(v, escaped);
            }
            if vmaxvq_u8(doubt) != 0 {
                return None;
            }
            Some(Self::store(data, !Self::mask(special), to))
        }
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
        // SAFETY: the caller's promise.
        unsafe { blocks::doubtful(self, before, behind, stuffed, to) }
    }

    #[inline(always)]
    unsafe fn keep(self, before: Self, kept: u64, to: *mut u8) {
        // SAFETY: as above.
        unsafe {
            let mut data = self.0;
            for (data, before) in data.iter_mut().zip(before.0) {
                *data = Self::data(*data, Self::marks(before, b'='));
            }
            Self::store(data, kept, to);
        }
    }
}
