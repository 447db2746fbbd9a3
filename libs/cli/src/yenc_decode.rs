//! `yenc-decode`: article bodies to decoded parts.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as Flags, Parser};
use nzbpipe_pipeline::{Code, decode, write_bytes};
use nzbpipe_record::{MAX_PAYLOAD, Pool};
use nzbpipe_yenc::{Encoding, Options, Verdict};

use crate::exit::{self, Refusal};
use crate::nntp_fetch::watch_signals;
use crate::ui::{Common, Ui};
use crate::{kernel, streams, summary, threads};

/// Decode yEnc and UUencoded article bodies
///
/// Reads `body` records and writes a `part` record for each: the decoded bytes,
/// their offset in the file and what their CRC says. A damaged part is written as
/// such; where no offset can be had, a `failed` record says why. All other records
/// pass. The format is that of nzbpipe-records(5).
///
/// UUencode is recognised. It has no CRC, so nothing proves it right, and no
/// offsets: its parts follow each other by their numbers.
#[derive(Parser, Debug)]
#[command(name = "yenc-decode", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Decode one article file and write its bytes
    ///
    /// ARTICLE is an article or its body, as a server or a news reader keeps it;
    /// `-` is standard input. The exit code is 0 if the CRC proves the bytes right
    /// and 1 if it does not.
    #[arg(long, value_name = "ARTICLE")]
    raw: Option<PathBuf>,

    /// Decode on at most N threads
    ///
    /// More than one work only while the input outruns one, from a fast disk for
    /// example. The default is the number of cores that this process may use. The order
    /// of the records stays, whatever N is. Each thread takes memory for an article and
    /// its part.
    #[arg(short = 'j', long, value_name = "N", value_parser = threads::parse)]
    threads: Option<NonZeroUsize>,

    #[command(flatten)]
    passing: Passing,

    #[command(flatten)]
    common: Common,
}

/// Flags of the programs that decode.
#[derive(Flags, Debug)]
pub(crate) struct Passing {
    /// Take articles in no known encoding as they are
    ///
    /// An .nfo that was posted as text, for example. Without this flag such an
    /// article has failed. Nothing proves it right, so its file gets its name only if
    /// that is accepted (--accept-unverified). Servers that may have a better copy
    /// are asked for it first.
    #[arg(long)]
    pub pass_raw: bool,
}

/// Payload memory kept for a thread: a usual article and its part.
const EACH: usize = 2 << 20;

pub(crate) const EXAMPLES: &str = "\
Examples:
  nntp-fetch < segments.jsonl | yenc-decode | seg-write -d ~/Downloads
  yenc-decode < bodies > parts
  yenc-decode --raw article.txt > part.bin";

/// The program.
pub fn main() -> ExitCode {
    exit::main(decode::NAME, run)
}

fn run(args: Args) -> Result<Code, Refusal> {
    let ui = Ui::new(decode::NAME, &args.common);
    if let Some(article) = &args.raw {
        return raw(article, &ui);
    }
    let stop = watch_signals(&ui)?;
    let threads = args.threads.unwrap_or_else(cores);
    let pool = Pool::new(streams::IDLE.max(threads.get() * EACH));
    let inlet = streams::inlet(&pool, &stop, "… | nntp-fetch | yenc-decode")?;
    let outlet = streams::outlet("… | yenc-decode | seg-write, or > FILE")?;
    let kernel = match kernel::from_environment() {
        Ok(kernel) => kernel,
        Err(refusal) => {
            // So that the last stage knows: it alone tells cron.
            nzbpipe_pipeline::refuse(decode::NAME, outlet, refusal.code);
            return Err(refusal);
        }
    };
    let config = decode::Config {
        kernel,
        raw: args.passing.pass_raw,
        threads,
    };
    let ending = decode::run(config, inlet, outlet, &pool);
    summary::failures(&ui, &ending.failures);
    let fates = summary::fates(&ending.tally);
    ui.detail(&format!("{fates} (kernel {kernel})"));
    Ok(ending.code)
}

/// How many threads can run at once: affinity and the limits of cgroups count.
fn cores() -> NonZeroUsize {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    NonZeroUsize::new(threads::MOST).map_or(cores, |most| cores.min(most))
}

fn raw(article: &Path, ui: &Ui) -> Result<Code, Refusal> {
    let name = article.display();
    let kernel = kernel::from_environment()?;
    let lines = read(article).map_err(|e| Refusal::new(Code::NO_INPUT, format!("{name}: {e}")))?;
    if lines.len() > MAX_PAYLOAD {
        return Err(Refusal::new(
            Code::DATA,
            format!("{name}: larger than any article (16 MiB)"),
        ));
    }
    let mut out = streams::bytes_out("yenc-decode --raw ARTICLE > FILE")?;
    let pool = streams::pool();
    // Files keep the dot-stuffing of the wire or do not; the CRC tells which.
    let decoded = |stuffed| {
        decode::article(
            &lines,
            Options {
                stuffed,
                kernel,
                ..Options::default()
            },
            &pool,
        )
    };
    let stuffed = decoded(true);
    let (bytes, report) = match stuffed.1.verdict {
        Verdict::Mismatch => {
            let plain = decoded(false);
            match (plain.1.verdict, &plain.1.encoding) {
                (Verdict::Ok, _) | (Verdict::Absent, Encoding::Uu(_)) => plain,
                _ => stuffed,
            }
        }
        _ => stuffed,
    };
    if let Err(error) = write_bytes(&mut out, &bytes) {
        if !error.is_quiet() {
            ui.error(&error.to_string());
        }
        return Ok(error.code());
    }
    let is_uu = matches!(report.encoding, Encoding::Uu(_));
    let (code, text) = match report.verdict {
        Verdict::Ok => (Code::OK, "the CRC is right"),
        Verdict::Mismatch if is_uu => (Code::INCOMPLETE, "damaged: a line is wrong"),
        Verdict::Mismatch => (Code::INCOMPLETE, "damaged: the CRC or the size is wrong"),
        Verdict::Absent => (Code::INCOMPLETE, "no CRC: nothing proves these bytes right"),
        Verdict::Truncated if is_uu => (Code::INCOMPLETE, "cut off within a line"),
        Verdict::Truncated => (Code::INCOMPLETE, "cut off: there is no =yend line"),
        _ => (
            Code::DATA,
            "this is no yEnc article, it has no =ybegin line; nor is it UUencode",
        ),
    };
    match code {
        Code::OK => ui.detail(&format!("{name}: {text} (kernel {kernel})")),
        _ => ui.error(&format!("{name}: {text}")),
    }
    Ok(code)
}

/// Reads an article, and little more than the largest there may be.
fn read(article: &Path) -> std::io::Result<Vec<u8>> {
    let limit = MAX_PAYLOAD as u64 + 1;
    let mut lines = Vec::new();
    if article.as_os_str() == "-" {
        std::io::stdin().take(limit).read_to_end(&mut lines)?;
    } else {
        File::open(article)?.take(limit).read_to_end(&mut lines)?;
    }
    Ok(lines)
}
