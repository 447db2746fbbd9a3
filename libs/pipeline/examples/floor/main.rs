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

#![expect(clippy::print_stdout, reason = "an example prints")]

mod alone;
mod args;
mod files;
mod job;
mod meter;
mod records;
mod run;
mod talk;
mod tls;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use args::{Args, Only};
use meter::Meter;

/// What was moved.
#[derive(Default)]
struct Moved {
    decoded: u64,
    wire: u64,
    calls: u64,
}

fn main() -> ExitCode {
    match Args::parse(std::env::args().skip(1)).and_then(|args| floor(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = std::io::stderr().write_all(format!("floor: {error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn floor(args: &Args) -> Result<(), Box<dyn Error>> {
    let job = job::Job::open(&args.nzb)?;
    let mut meter = Meter::new();
    let moved = match args.only {
        Some(Only::Decode) => alone::decode(args, &job, &mut meter)?,
        Some(Only::Write) => alone::write(args, &job)?,
        _ => run::run(args, &job)?,
    };
    let took = meter.took();
    let line = serde_json::json!({
        "wall": took.wall,
        "user": took.user,
        "sys": took.sys,
        "cpu": took.cpu,
        "decoded": moved.decoded,
        "wire": moved.wire,
        "calls": moved.calls,
        "peak_kib": took.peak_kib,
    });
    println!("{line}");
    Ok(())
}
