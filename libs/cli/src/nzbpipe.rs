//! `nzbpipe`: the four stages in one process.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use nzbpipe_pipeline::{Code, fetch, fuse, split};

use crate::accounts::Accounts;
use crate::exit::{self, Refusal};
use crate::globs::{self, Selection};
use crate::nntp_fetch::{self, watch_signals};
use crate::nzb_split::{sources, warnings};
use crate::seg_write::Output;
use crate::servers::ServerArgs;
use crate::ui::{Common, Drawing, Ui};
use crate::{streams, summary};

const NAME: &str = "nzbpipe";

/// Download what NZB files list
///
/// Does in one process what nzb-split, nntp-fetch, yenc-decode and seg-write do in
/// four, with the same flags, the same files and the same exit code: articles are
/// decoded while they arrive and written at their place. A file gets its name when
/// every byte of it is there and proven by a CRC; until then it ends in `.part`.
#[derive(Parser, Debug)]
#[command(name = "nzbpipe", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// NZB files; `-` is standard input
    #[arg(value_name = "NZB", required_unless_present = "example_servers")]
    nzbs: Vec<PathBuf>,

    // First: a heading holds for all flags after it.
    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    drawing: Drawing,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    servers: ServerArgs,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  nzbpipe -d ~/Downloads x.nzb
  nzbpipe --exclude '*.par2' --flat -d out a.nzb b.nzb.gz
  curl -fsS https://indexer.example/x.nzb | nzbpipe -d ~/Downloads -
  nzbpipe -q -d /srv/media x.nzb || echo \"exit code $?\"";

/// The program.
pub fn main() -> ExitCode {
    exit::main(NAME, run)
}

fn run(args: Args) -> Result<Code, Refusal> {
    if args.servers.example_servers {
        return nntp_fetch::print_example();
    }
    let ui = Ui::drawing(NAME, &args.common, &args.drawing, true);
    let inputs = sources(&args.nzbs)?;
    let stop = watch_signals(&ui)?;
    let accounts = Accounts::new(&ui);
    let form = fetch::Form::Parts;
    let mut fetch = match nntp_fetch::config(&args.servers, form, &ui, &stop, &accounts) {
        Ok(fetch) => fetch,
        Err(refusal) => {
            // As the last stage of the pipe would: whoever reads must not wait.
            nzbpipe_pipeline::refuse(NAME, args.output.outlet()?, refusal.code);
            return Err(refusal);
        }
    };
    // The writing stage sees all that the fetching one does.
    fetch.watch = Box::new(nzbpipe_pipeline::Silent);
    let config = fuse::Config {
        split: split::Config {
            inputs,
            include: globs::set(&args.selection.include)?,
            exclude: globs::set(&args.selection.exclude)?,
            warn: warnings(&ui),
            watch: Box::new(nzbpipe_pipeline::Silent),
            stop: stop.clone(),
        },
        fetch,
        write: args.output.config(&ui, false),
        stop,
    };
    let written = fuse::run(config, args.output.outlet()?, &streams::pool());
    summary::print(&ui, &written, &args.output.dir);
    Ok(written.ending.code)
}
