//! AVX-512 with VBMI2: a block is one register, and one instruction closes its gaps.
//!
//! Bytes are classified by a look-up in a table of 64, by their low six bits, and one comparison:
//! where the looked-up byte equals the looked-at one, it is special. The gaps are closed within a
//! register and a whole register is stored: to memory, with a mask, the instruction takes several
//! times as long.

use std::arch::x86_64::*;

use super::blocks::{self, Block, Place};
use super::grammar::{Last, Run};

/// See [`blocks::decode`].
///
/// # Safety
/// As there; the machine has the instructions of [`super::Isa::Avx512`].
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt"
)]
pub(super) unsafe fn decode(
    last: &mut Last,
    stuffed: bool,
    place: Place,
    crc: &mut Option<crc32fast::Hasher>,
) -> Run {
    // SAFETY: the caller's promise.
    unsafe { blocks::decode::<Zmm>(last, stuffed, place, crc) }
}

#[derive(Clone, Copy)]
struct Zmm(__m512i);

#[repr(align(64))]
struct Table([u8; 64]);

/// The special byte with these low six bits; elsewhere a byte with others.
static SPECIAL: Table = {
    let mut table = [0xff; 64];
    // No byte with these low bits is 0xff but 0xff itself.
    table[0x3f] = 0;
    table[b'\r' as usize] = b'\r';
    table[b'\n' as usize] = b'\n';
    table[b'=' as usize] = b'=';
    Table(table)
};

/// What may not follow a byte with these low six bits without a closer look, by whether dots are
/// stuffed. NUL stands for nothing: well-formed data have none, and a closer look does no harm.
static FOLLOWERS: [Table; 2] = {
    let mut table = [0; 64];
    table[b'=' as usize & 63] = b'y';
    let unstuffed = Table(table);
    table[b'\n' as usize] = b'.';
    [unstuffed, Table(table)]
};

impl Zmm {
    /// Whether doubt has a reason. `kept` are the bytes that are none of `=`, CR and LF.
    #[inline(always)]
    unsafe fn is_hard(self, before: Self, kept: u64, stuffed: bool) -> bool {
        // SAFETY: the instructions are enabled, by the trait.
        unsafe {
            let malformed = before.equal(b'=') & (!kept | self.equal(b'y'));
            let dots = before.equal(b'\n') & self.equal(b'.');
            malformed != 0 || (stuffed && dots != 0)
        }
    }
}

impl Block for Zmm {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: good for 64 bytes, by the trait.
        unsafe { Zmm(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn ahead(place: *const u8) {
        // SAFETY: a hint.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
    }

    #[inline(always)]
    unsafe fn equal(self, byte: u8) -> u64 {
        // SAFETY: the instructions are enabled, by the trait; so below.
        unsafe { _mm512_cmpeq_epi8_mask(self.0, _mm512_set1_epi8(byte.cast_signed())) }
    }

    /// In assembly, because the loop is bound by the port of comparisons and permutations, and
    /// compilers add to its work: they make the same mask twice, or send it through a general
    /// register and back.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,popcnt")]
    unsafe fn decode(self, before: Self, stuffed: bool, to: *mut u8) -> Option<usize> {
        let data: __m512i;
        let (kept, doubt): (u64, u64);
        // SAFETY: the tables have 64 bytes. In the assembly there are registers only, none but those
        // declared, no instruction sets flags, and this function enables all of them. `to` is good
        // for 64 bytes.
        unsafe {
            let special = _mm512_loadu_si512(SPECIAL.0.as_ptr().cast());
            let followers = _mm512_loadu_si512(FOLLOWERS[usize::from(stuffed)].0.as_ptr().cast());
            std::arch::asm!(
                "vpermb {t}, {v}, {special}",
                "vpcmpneqb {keep}, {t}, {v}",
                "vpcmpeqb {esc}, {before}, {equals}",
                "vpermb {t}, {before}, {followers}",
                "vpcmpeqb {doubts}, {t}, {v}",
                "vpsubb {data}, {v}, {shift}",
                "vpsubb {data}{{{esc}}}, {data}, {shift_escaped}",
                "kandnq {esc}, {keep}, {esc}",
                "korq {doubts}, {doubts}, {esc}",
                "kmovq {doubt}, {doubts}",
                "kmovq {kept}, {keep}",
                "vpcompressb {data}{{{keep}}}{{z}}, {data}",
                v = in(zmm_reg) self.0,
                before = in(zmm_reg) before.0,
                special = in(zmm_reg) special,
                followers = in(zmm_reg) followers,
                equals = in(zmm_reg) _mm512_set1_epi8(b'='.cast_signed()),
                shift = in(zmm_reg) _mm512_set1_epi8(42),
                shift_escaped = in(zmm_reg) _mm512_set1_epi8(64),
                t = out(zmm_reg) _,
                data = out(zmm_reg) data,
                keep = out(kreg) _,
                esc = out(kreg) _,
                doubts = out(kreg) _,
                kept = out(reg) kept,
                doubt = out(reg) doubt,
                options(pure, nomem, nostack, preserves_flags)
            );
            // Most doubt comes from bytes that share their low bits with what is looked for.
            if doubt != 0 && self.is_hard(before, kept, stuffed) {
                return None;
            }
            _mm512_storeu_si512(to.cast(), data);
        }
        Some(kept.count_ones() as usize)
    }

    #[cold]
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
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
        // SAFETY: as above; `to` is good for 64 bytes.
        unsafe {
            let data = _mm512_sub_epi8(self.0, _mm512_set1_epi8(42));
            let escaped = before.equal(b'=');
            let data = _mm512_mask_sub_epi8(data, escaped, data, _mm512_set1_epi8(64));
            _mm512_storeu_si512(to.cast(), _mm512_maskz_compress_epi8(kept, data));
        }
    }
}
