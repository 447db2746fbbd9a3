//! `nntp-fetch`: segment records to article bodies.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use nzbpipe_nntp::config::EXAMPLE;
use nzbpipe_pipeline::{Code, Stop, fetch};

use crate::accounts::Accounts;
use crate::exit::{self, Refusal};
use crate::fetching::{self, Fetching, Setup};
use crate::ui::{Common, Drawing, Ui};
use crate::{check, signals, streams, summary};

/// Fetch article bodies from news servers
///
/// Reads segment records and writes, for each of them, one record: `body` with
/// the article's lines as they came, `missing` when no server has it, or `failed`.
/// Records of the last two kinds can be read again, by a nntp-fetch with other
/// servers. The format is that of nzbpipe-records(5).
///
/// Servers of the lowest level are asked first, those of the next one for what is
/// missing there. Bodies are checked while they arrive: a damaged one is asked of
/// the next server.
///
/// SIGUSR2 makes it read the server file again: servers, passwords and limits change
/// while it runs, and no segment is lost.
#[derive(Parser, Debug)]
#[command(name = "nntp-fetch", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Do not check bodies: damage is left for yenc-decode to find
    #[arg(long)]
    no_verify: bool,

    /// Fetch whole articles, headers included: `article` records
    #[arg(long)]
    article: bool,

    /// Look at each server, say what is wrong with it, and fetch nothing
    ///
    /// Writes a line for each server to standard output, and below it, what to
    /// do about what is wrong; with -v what was found out as well. Standard input
    /// is not read. Opens as many connections as the server file wants, to see
    /// how many are let in. The exit status is 0 if all servers that are not
    /// optional can be used, 75 if some can, 77 if all refused login or
    /// certificate, else 69.
    #[arg(long)]
    check: bool,

    /// With --check: a JSON object for each server
    #[arg(long, requires = "check")]
    json: bool,

    // First: a heading holds for all flags after it.
    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    drawing: Drawing,

    #[command(flatten)]
    fetching: Fetching,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  umask 077; mkdir -p ~/.config/nzbpipe
  nntp-fetch --example-servers > ~/.config/nzbpipe/servers.toml
  nntp-fetch --check
  nzb-split x.nzb | nntp-fetch | yenc-decode | seg-write -d ~/Downloads
  nntp-fetch -s 'nntps://me@news.example/?connections=20' < segments.jsonl > bodies
  nntp-fetch --servers fill.toml < failed.jsonl | yenc-decode | seg-write -d ~/Downloads";

/// The program.
pub fn main() -> ExitCode {
    exit::main(fetch::NAME, run)
}

fn run(args: Args) -> Result<Code, Refusal> {
    if args.fetching.servers.example_servers {
        return print_example();
    }
    let ui = Ui::drawing(fetch::NAME, &args.common, &args.drawing, reads_nobody());
    let (stop, reload) = fetching::watch_signals(&ui)?;
    if args.check {
        let accounts = Accounts::new(&ui);
        let servers = args.fetching.servers.resolve(&ui, &stop, &accounts, true)?;
        return check::run(&servers, args.json, &ui, &stop);
    }
    let pool = streams::pool();
    let inlet = streams::inlet(&pool, &stop, "nzb-split x.nzb | nntp-fetch")?;
    let outlet = streams::outlet("… | nntp-fetch | yenc-decode, or > FILE")?;
    let verify = !args.no_verify;
    let setup = Setup {
        program: fetch::NAME,
        form: match args.article {
            true => fetch::Form::Articles { verify },
            false => fetch::Form::Raw { verify },
        },
        ui: &ui,
        stop: &stop,
    };
    let ready = args.fetching.ready(&setup, Box::new(ui.clone()), reload);
    let (config, mut run) = match ready {
        Ok(ready) => ready,
        Err(refusal) => {
            // So that the last stage knows: it alone tells cron.
            nzbpipe_pipeline::refuse(fetch::NAME, outlet, refusal.code);
            return Err(refusal);
        }
    };
    let ending = fetch::run(config, inlet, outlet);
    run.drain();
    ui.finish();
    summary::failures(&ui, &ending.failures);
    ui.detail(&summary::fates(&ending.tally));
    Ok(run.finish(ending.code, &ending.tally))
}

/// Answers `--example-servers`.
pub(crate) fn print_example() -> Result<Code, Refusal> {
    match std::io::stdout().write_all(EXAMPLE.as_bytes()) {
        Ok(()) => Ok(Code::OK),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(Code::CLOSED),
        Err(e) => Err(Refusal::new(Code::IO, format!("standard output: {e}"))),
    }
}

/// Signals stop the program; SIGUSR1 prints a line.
pub(crate) fn watch_signals(ui: &Ui) -> Result<Stop, Refusal> {
    let ui = ui.clone();
    signals::watch(move || ui.status(), || {})
}

/// Whether no other program shows progress for us: output to a file.
pub(crate) fn reads_nobody() -> bool {
    let stdout = std::io::stdout();
    !stdout.is_terminal()
        && rustix::fs::fstat(&stdout).is_ok_and(|stat| {
            rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile
        })
}
