//! The data kernels: encoded lines in, bytes out, until something that is not data; and which of
//! them this machine can run.
//!
//! A kernel knows what [`grammar`] says. What the control lines mean, and everything around the
//! data, is left to `decoder`.

pub(crate) mod grammar;
mod scalar;

use grammar::{Last, Run};

/// How the hot loops of decoder and encoder are done: with which instructions. All kernels give
/// the same bytes; they differ in speed only.
///
/// A value exists only if this machine can run it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Isa);

/// Fastest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Isa {
    Scalar,
}

const NAMES: &[(&str, Isa)] = &[("scalar", Isa::Scalar)];

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
        Kernel(Isa::Scalar)
    }

    /// All kernels that this machine can run, the fastest last. The first is `scalar`, which every
    /// machine can.
    pub fn available() -> impl Iterator<Item = Kernel> {
        NAMES.iter().map(|(_, isa)| Kernel(*isa))
    }

    /// The kernel called `name`, one of `scalar`, `sse2`, `ssse3`, `avx2`, `avx512`, `neon`.
    ///
    /// # Errors
    /// [`NoKernel`]: there is none of that name, or none that this machine can run.
    pub fn named(name: &str) -> Result<Self, NoKernel> {
        if let Some(kernel) = Kernel::available().find(|kernel| kernel.name() == name) {
            return Ok(kernel);
        }
        if ["sse2", "ssse3", "avx2", "avx512", "neon"].contains(&name) {
            Err(NoKernel::Unsupported)
        } else {
            Err(NoKernel::Unknown)
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, isa)| *isa == self.0)
            .map_or("", |(name, _)| name)
    }

    /// Decodes from `src` into `dst`, going on from `last`.
    pub(crate) fn decode(self, last: &mut Last, stuffed: bool, src: &[u8], dst: &mut [u8]) -> Run {
        match self.0 {
            Isa::Scalar => scalar::decode(last, stuffed, src, dst),
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
