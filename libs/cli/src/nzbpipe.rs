//! `nzbpipe`: the four stages in one process.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use nzbpipe_pipeline::{Code, Stop, fetch, fuse, split, write};

use crate::exec::{self, Exec};
use crate::exit::{self, Refusal};
use crate::fetching::{self, Fetching, Setup};
use crate::globs::{self, Selection};
use crate::nntp_fetch::print_example;
use crate::nzb_split::{sources, warnings};
use crate::seg_write::Output;
use crate::ui::{Common, Drawing, Ui};
use crate::yenc_decode::Passing;
use crate::{streams, summary};

const NAME: &str = "nzbpipe";

/// Download what NZB files list
///
/// Does in one process what nzb-split, nntp-fetch, yenc-decode and seg-write do in
/// four, with the same flags, the same files and the same exit code: articles are
/// decoded while they arrive and written at their place. A file gets its name when
/// every byte of it is there and proven by a CRC; until then it ends in `.part`.
///
/// SIGUSR2 makes it read the server file again: servers, passwords and limits change
/// while it runs, and no segment is lost.
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
    passing: Passing,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    fetching: Fetching,
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
    if args.fetching.servers.example_servers {
        return print_example();
    }
    let ui = Ui::drawing(NAME, &args.common, &args.drawing, true);
    let inputs = sources(&args.nzbs)?;
    let (stop, reload) = fetching::watch_signals(&ui)?;
    let setup = Setup {
        program: NAME,
        form: fetch::Form::Parts {
            raw: args.passing.pass_raw,
        },
        ui: &ui,
        stop: &stop,
    };
    // The writing stage shows all that the fetching one does.
    let unseen = Box::new(nzbpipe_pipeline::Silent);
    let (fetch, mut run) = match args.fetching.ready(&setup, unseen, reload) {
        Ok(ready) => ready,
        Err(refusal) => {
            // As the last stage of the pipe would: whoever reads must not wait.
            nzbpipe_pipeline::refuse(NAME, args.output.outlet()?, refusal.code);
            return Err(refusal);
        }
    };
    let exec = args.output.exec.start(&ui, &stop)?;
    let config = fused(&args, &ui, (fetch, exec.as_ref()), (inputs, stop))?;
    let written = fuse::run(config, args.output.outlet()?, &streams::pool());
    run.drain();
    summary::print(&ui, &written, &args.output.dir);
    let code = exec::end(exec, written.ending.code);
    Ok(run.finish(code, &written.ending.tally))
}

/// All four stages as the flags want them.
fn fused(
    args: &Args,
    ui: &Ui,
    (fetch, exec): (fetch::Config, Option<&Exec>),
    (inputs, stop): (Vec<split::Source>, Stop),
) -> Result<fuse::Config, Refusal> {
    Ok(fuse::Config {
        split: split::Config {
            inputs,
            include: globs::set(&args.selection.include)?,
            exclude: globs::set(&args.selection.exclude)?,
            kept: None,
            tell: false,
            room: args.output.room(),
            warn: warnings(ui),
            watch: Box::new(nzbpipe_pipeline::Silent),
            stop: stop.clone(),
        },
        fetch,
        write: write::Config {
            room: false,
            ..args.output.config(ui, false, exec)
        },
        stop,
    })
}
