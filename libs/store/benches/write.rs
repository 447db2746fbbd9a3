//! How much the writer costs: bytes from ready parts, or very many small pieces of very many
//! files. No test, for it measures; run it beside `dd bs=1M` on the same file system:
//!
//! ```text
//! cargo bench -p nzbpipe-store --bench write -- DIR [--gib N]
//! cargo bench -p nzbpipe-store --bench write -- DIR --pieces 1000000 --size 1024 --files 5000
//! ```

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use nzbpipe_store::{Event, Options, Piece, Preallocate, Status, Store, Sync};

/// Bytes of a usual article.
const USUAL: usize = 716_800;

struct Args {
    dir: PathBuf,
    pieces: u64,
    size: usize,
    files: u64,
    /// Files whose pieces come in turns, as a download has some of them.
    together: usize,
    sync: Sync,
    preallocate: Preallocate,
}

fn main() {
    let Some(args) = args(std::env::args().skip(1)) else {
        say(
            "usage: write DIR [--gib N | --pieces N] [--size BYTES] [--files N] \
             [--together N] [--sync never|segment] [--preallocate none|full]",
        );
        return;
    };
    let (before, began) = (cpu(), Instant::now());
    let (complete, worst) = write(&args);
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu() - before);
    let bytes = args.pieces as f64 * args.size as f64;
    say(&format!(
        "{complete} of {} files, {} pieces of {} bytes in {seconds:.2} s: {:.0} pieces/s, \
         {:.0} MB/s, {cpu:.2} CPU-s, {:.3} CPU-s/GB, peak RSS {} KiB, slowest call {worst} us",
        args.files,
        args.pieces,
        args.size,
        args.pieces as f64 / seconds,
        bytes / seconds / 1e6,
        cpu / (bytes / 1e9),
        status("VmHWM:"),
    ));
}

/// Writes it all; how many files are complete, and how long the slowest call took.
fn write(args: &Args) -> (u64, u128) {
    let done = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&done);
    let options = Options {
        dir: args.dir.clone(),
        sync: args.sync,
        preallocate: args.preallocate,
        ..Options::default()
    };
    let tell = move |event: Event<u64>| {
        if let Event::Completed(file) = event {
            assert_eq!(file.status, Status::Complete);
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let store = Store::open(options, tell).expect("the directory can be written");
    let bytes = Bytes::from((0..args.size).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    let crc32 = crc32fast::hash(&bytes);
    let of = args.pieces / args.files;
    let mut worst = 0;
    for first in (0..args.files).step_by(args.together) {
        let files = first..args.files.min(first + args.together as u64);
        for number in 1..=of {
            for file in files.clone() {
                let (id, name) = (format!("{file:032x}"), format!("file{file}.bin"));
                let message = format!("{number}.{file}@bench");
                let began = Instant::now();
                let piece = piece((file, &id, &name), (number, of), (&bytes, crc32), &message);
                store.piece(piece, number).expect("the disk has room");
                worst = began.elapsed().as_micros().max(worst);
            }
        }
    }
    let (outcomes, errors) = store.finish();
    assert!(errors.is_empty(), "{errors:?}");
    let whole = |file: &&nzbpipe_store::FileOutcome| file.status == Status::Complete;
    let complete = outcomes.iter().filter(whole).count() as u64;
    assert_eq!(complete, done.load(Ordering::Relaxed));
    (complete, worst)
}

fn piece<'a>(
    (file, file_id, name): (u64, &'a str, &'a str),
    (number, of): (u64, u64),
    (bytes, crc32): (&Bytes, u32),
    id: &'a str,
) -> Piece<'a, Bytes> {
    let size = of * bytes.len() as u64;
    Piece {
        job: "0123456789abcdef0123456789abcdef",
        job_name: "bench",
        file,
        file_id,
        name,
        yenc_name: Some(name),
        number,
        of,
        offset: (number - 1) * bytes.len() as u64,
        order: None,
        size: Some(size),
        verified: true,
        damaged: false,
        bytes: bytes.clone(),
        crc32,
        file_crc32: None,
        bound: None,
        file_bytes: Some(size + size / 20),
        part: Some(number),
        total: Some(of),
        id,
    }
}

fn args(given: impl Iterator<Item = String>) -> Option<Args> {
    // Cargo adds this.
    let mut given = given.filter(|arg| arg != "--bench");
    let mut args = Args {
        dir: PathBuf::from(given.next()?),
        pieces: 0,
        size: USUAL,
        files: 1,
        together: 8,
        sync: Sync::File,
        preallocate: Preallocate::Sparse,
    };
    let mut gib = 4;
    while let Some(flag) = given.next() {
        let text = given.next()?;
        match (flag.as_str(), text.as_str()) {
            ("--sync", "never") => args.sync = Sync::Never,
            ("--sync", "segment") => args.sync = Sync::Segment,
            ("--preallocate", "none") => args.preallocate = Preallocate::None,
            ("--preallocate", "full") => args.preallocate = Preallocate::Full,
            _ => {}
        }
        if matches!(flag.as_str(), "--sync" | "--preallocate") {
            continue;
        }
        let value: u64 = text.parse().ok()?;
        match flag.as_str() {
            "--gib" => gib = value,
            "--pieces" => args.pieces = value,
            "--size" => args.size = usize::try_from(value).ok()?,
            "--files" => args.files = value,
            "--together" => args.together = usize::try_from(value).ok()?.max(1),
            _ => return None,
        }
    }
    if args.pieces == 0 {
        args.pieces = (gib << 30).div_ceil(args.size as u64);
    }
    Some(args)
}

/// Seconds of CPU this process had, user and system.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string(Path::new("/proc/self/stat")).unwrap_or_default();
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks = behind.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn status(field: &str) -> String {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap_or("?").to_owned()
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
