//! The program. It uses epoll and `fallocate`, which others do not have.

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

use args::{Args, Only};
use meter::Meter;

/// What was moved.
#[derive(Default)]
struct Moved {
    decoded: u64,
    wire: u64,
    calls: u64,
}

/// Does what the flags ask for.
pub fn floor(flags: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let args = Args::parse(flags)?;
    let job = job::Job::open(&args.nzb)?;
    let mut meter = Meter::new();
    let moved = match args.only {
        Some(Only::Decode) => alone::decode(&args, &job, &mut meter)?,
        Some(Only::Write) => alone::write(&args, &job)?,
        _ => run::run(&args, &job)?,
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
