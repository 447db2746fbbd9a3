//! `seg-write`: decoded parts to files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as Flags, Parser};
use nzbpipe_pipeline::{Code, Outlet, write};

use crate::exit::{self, Refusal};
use crate::nntp_fetch::watch_signals;
use crate::ui::{Common, Drawing, Ui};
use crate::{streams, summary};

/// Write decoded parts to files
///
/// Reads `part` records and writes each at its place, in any order. A file grows
/// under a name that ends in `.part`; it gets its own name when all its segments
/// are there, each is proven by its CRC, and they cover the file exactly. What is
/// missing stays a hole.
///
/// Parts of UUencoded files do not know their place; they are put in the order of their
/// numbers. Until all are there those behind a hole are kept where they belong if all are of
/// one size, else somewhere behind it: the `.part` file may look larger than the room it
/// takes.
///
/// The exit code tells of the whole pipe: 0 only if every file that a record named
/// is complete. A later run that brings the missing segments completes the file.
#[derive(Parser, Debug)]
#[command(name = "seg-write", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    // First: a heading holds for all flags after it.
    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    drawing: Drawing,

    #[command(flatten)]
    output: Output,
}

/// Flags of the programs that write files.
#[derive(Flags, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Write to DIR, in a folder for each job
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,

    /// Write to DIR itself
    #[arg(long)]
    pub flat: bool,

    /// Take a file as complete though some of its segments carry no CRC
    #[arg(long)]
    pub accept_unverified: bool,

    /// Write damaged bytes into the .part file, for par2 to repair
    #[arg(long)]
    pub salvage: bool,

    /// Write `missing`, `failed` and `file` records to standard output
    #[arg(long)]
    pub json: bool,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  nzb-split x.nzb | nntp-fetch | yenc-decode | seg-write -d ~/Downloads
  seg-write -d out < parts
  … | seg-write -d out --json | jq -r 'select(.type==\"file\") | .status, .path'";

/// The program.
pub fn main() -> ExitCode {
    exit::main(write::NAME, run)
}

fn run(args: Args) -> Result<Code, Refusal> {
    let ui = Ui::drawing(write::NAME, &args.common, &args.drawing, true);
    let stop = watch_signals(&ui)?;
    let pool = streams::pool();
    let inlet = streams::inlet(&pool, &stop, "… | yenc-decode | seg-write")?;
    let outlet = args.output.outlet()?;
    let written = write::run(args.output.config(&ui, true), inlet, outlet);
    summary::print(&ui, &written, &args.output.dir);
    Ok(written.ending.code)
}

impl Output {
    /// Where records of the outcome go.
    pub(crate) fn outlet(&self) -> Result<Outlet, Refusal> {
        if self.json {
            streams::text_outlet()
        } else {
            Ok(Outlet::Nowhere)
        }
    }

    /// The writing stage as the flags want it.
    pub(crate) fn config(&self, ui: &Ui, check: bool) -> write::Config {
        write::Config {
            check,
            store: nzbpipe_store::Options {
                dir: self.dir.clone(),
                flat: self.flat,
                accept_unverified: self.accept_unverified,
                salvage: self.salvage,
            },
            watch: Box::new(ui.clone()),
        }
    }
}
