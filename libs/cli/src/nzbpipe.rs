//! `nzbpipe`: the four stages in one process.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use nzbpipe_pipeline::{Code, Stop, fetch, fuse, split, verdict, write};
use nzbpipe_record::Pool;

use crate::exec::{self, Exec};
use crate::exit::{self, Refusal};
use crate::fetching::{self, Fetching, Setup};
use crate::globs::{self, Selection};
use crate::nntp_fetch::print_example;
use crate::nzb_split::{sources, warnings};
use crate::seg_write::Output;
use crate::summary;
use crate::ui::{Common, Drawing, Ui};
use crate::yenc_decode::Passing;

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
    par2: Par2Args,

    #[command(flatten)]
    passing: Passing,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    fetching: Fetching,
}

/// Which par2 files are fetched.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Selection")]
struct Par2Args {
    /// Fetch of the par2 files the index and then as many recovery volumes as a repair
    /// needs (auto), all of them, or none
    ///
    /// With auto, volumes are fetched when all else is there or lost, and none if all that
    /// the NZB lists would not be enough.
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    par2: Par2,
}

/// `--par2`.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
enum Par2 {
    #[default]
    Auto,
    All,
    None,
}

impl From<Par2Args> for verdict::Par2 {
    fn from(args: Par2Args) -> verdict::Par2 {
        match args.par2 {
            Par2::Auto => verdict::Par2::Auto,
            Par2::All => verdict::Par2::All,
            Par2::None => verdict::Par2::None,
        }
    }
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
    let pool = Pool::new(fetch::budget(&config.fetch.servers));
    let written = fuse::run(config, args.output.outlet()?, &pool);
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
            par2: args.par2.into(),
            back: None,
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
