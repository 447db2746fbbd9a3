//! The kernel that the environment names for decoding and encoding, in all
//! programs that do either.

use std::ffi::OsStr;

use nzbpipe_yenc::{Kernel, NoKernel};

use crate::exit::Refusal;

const VARIABLE: &str = "NZBPIPE_YENC_KERNEL";

/// The row of a man page's ENVIRONMENT section.
pub(crate) const ENVIRONMENT: (&str, &str) = (
    VARIABLE,
    "The instructions to decode and encode yEnc with: scalar, sse2, ssse3, avx2, avx512 or neon. \
     Without it, or if it is empty, the fastest that the machine can run; -v tells which. All \
     give the same bytes.",
);

/// The kernel that the environment wants, or the fastest.
pub(crate) fn from_environment() -> Result<Kernel, Refusal> {
    match std::env::var_os(VARIABLE) {
        Some(name) => wanted(&name),
        None => Ok(Kernel::best()),
    }
}

fn wanted(name: &OsStr) -> Result<Kernel, Refusal> {
    if name.is_empty() {
        return Ok(Kernel::best());
    }
    let found = name.to_str().ok_or(NoKernel::Unknown);
    found.and_then(Kernel::named).map_err(|why| {
        let here: Vec<&str> = Kernel::available().map(Kernel::name).collect();
        Refusal::config(format!(
            "{VARIABLE}={}: {why}; this machine can run: {}",
            name.to_string_lossy().escape_debug(),
            here.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use nzbpipe_pipeline::Code;

    use super::*;

    #[test]
    fn nothing_is_the_fastest_and_names_are_exact() {
        assert_eq!(wanted("".as_ref()).unwrap(), Kernel::best());
        for kernel in Kernel::available() {
            assert_eq!(wanted(kernel.name().as_ref()).unwrap(), kernel);
        }
        let foreign = if cfg!(target_arch = "x86_64") {
            "neon"
        } else {
            "avx512"
        };
        for name in [
            &b"SCALAR"[..],
            b" scalar",
            b"fast",
            b"\xff",
            foreign.as_bytes(),
        ] {
            let refusal = wanted(OsStr::from_bytes(name)).unwrap_err();
            assert_eq!(refusal.code, Code::CONFIG, "{name:?}");
        }
    }
}
