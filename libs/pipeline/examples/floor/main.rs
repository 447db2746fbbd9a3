//! What a download costs at least: receive, decrypt, decode, check the CRC32, write, and
//! nothing else. One thread, raw sockets, no retries, no journal. The benchmarks hold
//! `nzbpipe` against it.
//!
//!     cargo run --release -p nzbpipe-pipeline --example floor -- \
//!         job.nzb --connect 127.0.0.1:1119 --connections 8 --out data.bin
//!
//! `--only` measures one part of it alone: `recv` and `tls` throw away what they have
//! received, `decode` and `write` need no server. What it took goes to standard output as
//! one line of JSON.

#![cfg_attr(
    target_os = "linux",
    expect(clippy::print_stdout, reason = "an example prints")
)]

#[cfg(target_os = "linux")]
mod linux;

use std::io::Write;
use std::process::ExitCode;

#[cfg(target_os = "linux")]
use linux::floor;

fn main() -> ExitCode {
    match floor(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = std::io::stderr().write_all(format!("floor: {error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn floor(_flags: impl Iterator<Item = String>) -> Result<(), &'static str> {
    Err("only for Linux")
}
