//! Time and peak memory of the two passes for the sizes that matter: one line
//! each on standard output. The peak only grows from line to line.

#![allow(missing_docs)]

mod common;

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::time::{Duration, Instant};

use nzbpipe_nzb::{Input, Limits, Nzb};

use common::Shape;

const SHAPES: [(&str, Shape); 5] = [
    (
        "300,000 in 600 files",
        Shape {
            segments: 300_000,
            per_file: 500,
            scattered: false,
        },
    ),
    (
        "1,000,000 in 2,000 files",
        Shape {
            segments: 1_000_000,
            per_file: 500,
            scattered: false,
        },
    ),
    (
        "1,000,000 in one file",
        Shape {
            segments: 1_000_000,
            per_file: 1_000_000,
            scattered: false,
        },
    ),
    (
        "1,000,000 scattered in 2,000 files",
        Shape {
            segments: 1_000_000,
            per_file: 500,
            scattered: true,
        },
    ),
    (
        "1,000,000 scattered in one file",
        Shape {
            segments: 1_000_000,
            per_file: 1_000_000,
            scattered: true,
        },
    ),
];

fn main() -> io::Result<()> {
    for (name, shape) in SHAPES {
        let file = generated(shape)?;
        let bytes = file.metadata()?.len();
        report(name, bytes, "file", Input::File(file.try_clone()?))?;
        let mut file = file;
        file.rewind()?;
        report(name, bytes, "stream", Input::Stream(Box::new(file)))?;
    }
    Ok(())
}

fn generated(shape: Shape) -> io::Result<File> {
    let mut out = BufWriter::new(tempfile::tempfile()?);
    common::write_nzb(shape, &mut out)?;
    let mut file = out.into_inner()?;
    file.rewind()?;
    Ok(file)
}

fn report(name: &str, bytes: u64, kind: &str, input: Input) -> io::Result<()> {
    let start = Instant::now();
    let mut nzb = Nzb::open(input, None, Limits::default()).map_err(io::Error::other)?;
    let (mut first, mut count) = (Duration::ZERO, 0_u64);
    for file in nzb.order() {
        for segment in nzb.segments(file).map_err(io::Error::other)? {
            segment.map_err(io::Error::other)?;
            if count == 0 {
                first = start.elapsed();
            }
            count += 1;
        }
    }
    let (all, mib) = (start.elapsed(), bytes >> 20);
    let rate = bytes as f64 / first.as_secs_f64() / 1e6;
    let out = &mut io::stdout().lock();
    writeln!(
        out,
        "{name}, {kind} of {mib} MiB: first segment after {first:.0?} ({rate:.0} MB/s), all {count} after {all:.0?}, peak {}",
        peak()
    )
}

/// Peak resident memory as the kernel tells it; Linux only.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".into(), |value| value.trim().to_owned())
}
