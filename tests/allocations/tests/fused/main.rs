//! What the fused download allocates for each segment once it is warm, and what it keeps of
//! each: nothing large, and little.
//!
//! The server is this program once more, in a process of its own: only the client's
//! allocations count. `NZBPIPE_ALLOCATIONS=N` shows who made every Nth of them.
//!
//! Over TLS there is one large allocation for each record, of up to 16 KiB: rustls gives
//! what it decrypts away in memory of its own. Nothing else is large there either.

// Configuration allows these in functions marked as tests only; here all is test.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod kept;
mod scene;

use std::process::ExitCode;

use nzbpipe_allocations::{Counted, Counting, LARGE};
use scene::{Scene, Shape, WARM_UP};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Large allocations that are no bodies and no records: tables that double now and then.
const FEW: usize = 8;

/// Memory for bodies: as many as the byte budget has room for (14 MiB with eight
/// connections), however many segments there are. The pool keeps them all.
const BODIES: usize = 24;

/// The most that a TLS record holds (RFC 8446 §5.1).
const RECORD: usize = 16 << 10;

/// Bytes that may be kept of each segment until its file is whole.
const KEPT: u64 = 96;

fn main() -> ExitCode {
    if scene::serve() {
        return ExitCode::SUCCESS;
    }
    // As a test of this name would do with the words of `cargo test`.
    let mut filters = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    if filters.any(|filter| !"fused".contains(&filter)) {
        return ExitCode::SUCCESS;
    }
    let mut wrong = Vec::new();
    for (files, each, tls) in [(1, 300, false), (1, 200, true), (40, 6, false)] {
        let shape = Shape { files, each };
        let counted = Scene::new(shape).download(tls);
        wrong.extend(nothing_large(shape, tls, &counted).err());
    }
    wrong.extend(little_is_kept().err());
    wrong.iter().for_each(|why| eprintln!("{why}"));
    match wrong.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn nothing_large(shape: Shape, tls: bool, counted: &Counted) -> Result<(), String> {
    let body = usize::try_from(scene::SIZE).unwrap();
    let number =
        |of: &dyn Fn(usize) -> bool| counted.large.iter().filter(|size| of(**size)).count();
    let bodies = number(&|size| size >= body);
    let records = if tls {
        number(&|size| size <= RECORD)
    } else {
        0
    };
    let others = counted.large.len() - bodies - records;
    let segments = shape.segments() - WARM_UP;
    let small = counted.number - counted.large.len() as u64;
    let small_bytes = counted.bytes - counted.large.iter().sum::<usize>() as u64;
    eprintln!(
        "{shape:?}, {}: a segment has {:.1} allocations of up to {LARGE} bytes, {:.0} bytes in \
         all; above that: {bodies} for bodies, {:.1} records a segment, {others} others",
        if tls { "TLS" } else { "plain" },
        small as f64 / segments as f64,
        small_bytes as f64 / segments as f64,
        records as f64 / segments as f64,
    );
    if std::env::var_os(scene::SHOW).is_some() {
        eprintln!("{}", told(counted, |_, _| true));
    }
    // Lines are a little longer than what they say, and the last record is not full.
    let most = segments as usize * (body + body / 16).div_ceil(RECORD);
    if bodies > BODIES || others > FEW || records > most {
        let is_odd = |size: usize, _: &str| !tls || size > RECORD;
        return Err(format!("too many:\n{}", told(counted, is_odd)));
    }
    let strange = told(counted, |size, by| {
        size <= RECORD && !by.contains("rustls::")
    });
    match tls && strange.matches("\n--- ").count() > FEW {
        true => Err(format!("records are not all:\n{strange}")),
        false => Ok(()),
    }
}

/// The callers of the allocations that were remembered, as far as they are wanted.
fn told(counted: &Counted, is_wanted: impl Fn(usize, &str) -> bool) -> String {
    let told = counted.backtraces.iter().filter_map(|(size, by)| {
        let by = by.to_string();
        is_wanted(*size, &by).then(|| format!("\n--- {size} bytes by\n{by}"))
    });
    told.collect()
}

/// What the store keeps of each piece until its file is whole: a job of 20 GiB has 30,000 of
/// them, one of 200 GB 300,000. Nobody else keeps anything; queues are bounded.
fn little_is_kept() -> Result<(), String> {
    let (few, many) = (1_000, 11_000);
    let each = (kept::of(many) - kept::of(few)) / (many - few);
    let text = format!("{each} bytes are kept of a segment");
    match each <= KEPT {
        true => {
            eprintln!("{text}");
            Ok(())
        }
        false => Err(format!("{text}: more than {KEPT}")),
    }
}
