//! `nzb-split`: NZB files to segment records.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use nzbpipe_pipeline::verdict::Par2;
use nzbpipe_pipeline::{Code, split};

use crate::exit::{self, Refusal};
use crate::globs::{self, Selection};
use crate::ui::{Common, Ui};
use crate::{signals, streams, summary};

/// Turn NZB files into segment records
///
/// Reads NZB files (plain or gzip, recognised by their content) and writes what
/// has to be fetched as JSON lines, one record for each segment, in the format of
/// nzbpipe-records(5). Each NZB is a job. Files keep the order of the NZB, except
/// that par2 recovery volumes come last; segments come by number.
#[derive(Parser, Debug)]
#[command(name = "nzb-split", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// NZB files; `-` or none is standard input
    #[arg(value_name = "NZB")]
    nzbs: Vec<PathBuf>,

    #[command(flatten)]
    selection: Selection,

    /// Leave out the segments that an earlier run wrote to DIR, the same as for seg-write
    ///
    /// What is complete or was written there needs no fetching. A `file` record tells
    /// seg-write of each file that segments were left out of.
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,

    /// With --resume: seg-write writes to DIR itself
    #[arg(long, requires = "resume")]
    flat: bool,

    #[command(flatten)]
    common: Common,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  nzb-split x.nzb | nntp-fetch | yenc-decode | seg-write -d ~/Downloads
  nzb-split x.nzb > segments.jsonl
  nzb-split --resume ~/Downloads x.nzb | nntp-fetch | yenc-decode | seg-write -d ~/Downloads
  curl -fsS https://indexer.example/x.nzb | nzb-split - > segments.jsonl
  nzb-split --include '*.mkv' x.nzb | jq -c 'select(.type==\"segment\") | .id'";

/// The program.
pub fn main() -> ExitCode {
    exit::main(split::NAME, run)
}

fn run(args: Args) -> Result<Code, Refusal> {
    let ui = Ui::new(split::NAME, &args.common);
    let inputs = sources(&args.nzbs)?;
    let stop = signals::watch(
        {
            let ui = ui.clone();
            move || ui.status()
        },
        || {},
    )?;
    let config = split::Config {
        inputs,
        include: globs::set(&args.selection.include)?,
        exclude: globs::set(&args.selection.exclude)?,
        kept: args.resume.as_deref().map(|dir| kept(dir, args.flat)),
        tell: true,
        par2: Par2::All,
        back: None,
        room: None,
        warn: warnings(&ui),
        watch: Box::new(ui.clone()),
        stop,
    };
    let ending = split::run(config, streams::text_outlet()?);
    summary::failures(&ui, &ending.failures);
    Ok(ending.code)
}

/// What is there of a file in the output directory.
fn kept(dir: &Path, flat: bool) -> split::Kept {
    let options = nzbpipe_store::Options {
        dir: dir.to_owned(),
        flat,
        ..nzbpipe_store::Options::default()
    };
    split::peek(options)
}

/// The NZBs of a command line.
pub(crate) fn sources(nzbs: &[PathBuf]) -> Result<Vec<split::Source>, Refusal> {
    let stdin = [PathBuf::from("-")];
    let nzbs = if nzbs.is_empty() { &stdin[..] } else { nzbs };
    let dashes = nzbs.iter().filter(|path| path.as_os_str() == "-").count();
    if dashes > 1 {
        return Err(Refusal::usage("standard input (-) can be read only once"));
    }
    if dashes == 1 && std::io::stdin().is_terminal() {
        return Err(Refusal::usage(
            "standard input is a terminal: name an NZB file, or redirect one (see --help)",
        ));
    }
    let source = |path: &PathBuf| match path.as_os_str() == "-" {
        true => split::Source::Stdin,
        false => split::Source::Path(path.clone()),
    };
    Ok(nzbs.iter().map(source).collect())
}

/// Says what an NZB got wrong.
pub(crate) fn warnings(ui: &Ui) -> Box<dyn FnMut(String) + Send> {
    let ui = ui.clone();
    Box::new(move |text| ui.warn(&text))
}
