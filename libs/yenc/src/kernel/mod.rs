//! The data kernels: encoded lines in, bytes out, until something that is not data; and which of
//! them this machine can run.
//!
//! A kernel knows what [`grammar`] says. What the control lines mean, and everything around the
//! data, is left to `decoder`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod blocks;
pub(crate) mod grammar;
#[cfg(target_arch = "aarch64")]
mod neon;
mod rest;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sse;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod table;
#[cfg(test)]
mod tests;

use blocks::Place;
use crc32fast::Hasher;
use grammar::{Last, Run};

/// How the hot loops of decoder and encoder are done: with which instructions. All kernels give
/// the same bytes; they differ in speed only.
///
/// A value exists only if this machine can run it. See [the crate's page](crate#kernels).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Isa);

/// The instruction sets, the fastest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    /// No intrinsics.
    Scalar,
    /// What every x86-64 has.
    #[cfg(target_arch = "x86_64")]
    Sse2,
    /// SSSE3 and POPCNT.
    #[cfg(target_arch = "x86_64")]
    Ssse3,
    /// AVX2, BMI1, BMI2, LZCNT and POPCNT.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, VL, VBMI and VBMI2, and all of `Avx2`.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// What every AArch64 has.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// Those that this kind of machine may have.
const ALL: &[Isa] = &[
    Isa::Scalar,
    #[cfg(target_arch = "x86_64")]
    Isa::Sse2,
    #[cfg(target_arch = "x86_64")]
    Isa::Ssse3,
    #[cfg(target_arch = "x86_64")]
    Isa::Avx2,
    #[cfg(target_arch = "x86_64")]
    Isa::Avx512,
    #[cfg(target_arch = "aarch64")]
    Isa::Neon,
];

/// On any kind of machine.
const NAMES: [&str; 6] = ["scalar", "sse2", "ssse3", "avx2", "avx512", "neon"];

impl Isa {
    fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Isa::Sse2 => "sse2",
            #[cfg(target_arch = "x86_64")]
            Isa::Ssse3 => "ssse3",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
        }
    }

    /// Whether this very machine has it. Asks the standard library, which asks the CPU once.
    fn is_here(self) -> bool {
        match self {
            Isa::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Sse2 => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Ssse3 => is_x86_feature_detected!("ssse3") && is_x86_feature_detected!("popcnt"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                Isa::Ssse3.is_here()
                    && is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("lzcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                Isa::Avx2.is_here()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("avx512vbmi2")
            }
            // Masks are read from registers as numbers, the first byte in the lowest bits.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => cfg!(target_endian = "little"),
        }
    }
}

/// What the lines are like.
#[derive(Clone, Copy)]
pub(crate) struct Lines {
    /// Dots at their starts are stuffed.
    pub stuffed: bool,
    /// The last one was odd: one that only looked like a control line.
    pub rough: bool,
}

/// Why there is no kernel of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoKernel {
    /// No kernel is called that, on any machine.
    #[error("there is no such kernel")]
    Unknown,
    /// This machine lacks the instructions.
    #[error("this machine cannot run that kernel")]
    Unsupported,
}

impl Kernel {
    /// The fastest kernel for this machine.
    #[must_use]
    pub fn best() -> Self {
        let here = ALL.iter().rev().find(|isa| isa.is_here());
        Kernel(here.copied().unwrap_or(Isa::Scalar))
    }

    /// All kernels that this machine can run, the fastest last. The first is `scalar`, which every
    /// machine can.
    pub fn available() -> impl Iterator<Item = Kernel> {
        ALL.iter()
            .filter(|isa| isa.is_here())
            .map(|isa| Kernel(*isa))
    }

    /// The kernel called `name`, one of `scalar`, `sse2`, `ssse3`, `avx2`, `avx512`, `neon`.
    ///
    /// # Errors
    /// [`NoKernel`]: there is none of that name, or none that this machine can run.
    pub fn named(name: &str) -> Result<Self, NoKernel> {
        if let Some(kernel) = Kernel::available().find(|kernel| kernel.name() == name) {
            return Ok(kernel);
        }
        if NAMES.contains(&name) {
            Err(NoKernel::Unsupported)
        } else {
            Err(NoKernel::Unknown)
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The instructions it uses; this machine has them.
    pub(crate) fn isa(self) -> Isa {
        self.0
    }

    /// Decodes from `src` into `dst`, going on from `last`; what is written goes into `crc`. Bytes
    /// of `dst` behind the written ones may be overwritten.
    pub(crate) fn decode(
        self,
        last: &mut Last,
        Lines { stuffed, rough }: Lines,
        (src, dst): (&[u8], &mut [u8]),
        crc: &mut Option<Hasher>,
    ) -> Run {
        let place = Place {
            src: src.as_ptr(),
            len: src.len(),
            dst: dst.as_mut_ptr(),
            room: dst.len(),
            within: false,
            rough,
        };
        // SAFETY: the borrows keep the slices apart.
        unsafe { self.run(last, stuffed, place, crc) }
    }

    /// The same within `buf`: from `from` on, to `to` on.
    ///
    /// # Panics
    /// If `to` is above `from`, or `from` behind the end.
    pub(crate) fn decode_within(
        self,
        last: &mut Last,
        Lines { stuffed, rough }: Lines,
        (buf, from, to): (&mut [u8], usize, usize),
        crc: &mut Option<Hasher>,
    ) -> Run {
        assert!(to <= from && from <= buf.len());
        let dst = buf[to..].as_mut_ptr();
        let place = Place {
            src: dst.wrapping_add(from - to),
            len: buf.len() - from,
            dst,
            room: buf.len() - to,
            within: true,
            rough,
        };
        // SAFETY: both pointers are made of one borrow of the buffer, and the assertion keeps them
        // within it and in order.
        unsafe { self.run(last, stuffed, place, crc) }
    }

    /// # Safety
    /// `place` holds what it says.
    unsafe fn run(
        self,
        last: &mut Last,
        stuffed: bool,
        place: Place,
        crc: &mut Option<Hasher>,
    ) -> Run {
        // SAFETY: the caller's promise. An `Isa` in a `Kernel` was found on this machine.
        unsafe {
            match self.0 {
                Isa::Scalar => scalar::decode(last, stuffed, place, crc),
                #[cfg(target_arch = "x86_64")]
                Isa::Sse2 => sse::decode_sse2(last, stuffed, place, crc),
                #[cfg(target_arch = "x86_64")]
                Isa::Ssse3 => sse::decode_ssse3(last, stuffed, place, crc),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => avx2::decode(last, stuffed, place, crc),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => avx512::decode(last, stuffed, place, crc),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => neon::decode(last, stuffed, place, crc),
            }
        }
    }
}

impl Default for Kernel {
    fn default() -> Self {
        Kernel::best()
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernel({})", self.name())
    }
}

impl std::fmt::Display for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
