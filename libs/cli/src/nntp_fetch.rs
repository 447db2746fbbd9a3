//! `nntp-fetch`: segment records to article bodies.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use nzbpipe_nntp::Notice;
use nzbpipe_nntp::config::EXAMPLE;
use nzbpipe_pipeline::{Code, Ending, Stop, Tally, fetch};

use crate::engine::EngineArgs;
use crate::exit::{self, Refusal};
use crate::reload::{self, Reload};
use crate::report::{Report, ReportArgs};
use crate::servers::{Asked, ServerArgs};
use crate::trace::{self, Printer};
use crate::ui::{Common, Drawing, Ui};
use crate::{signals, streams, summary};

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

    // First: a heading holds for all flags after it.
    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    drawing: Drawing,

    #[command(flatten)]
    servers: ServerArgs,

    #[command(flatten)]
    fetching: Fetching,
}

/// Flags of the programs that fetch, besides those that name servers.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Fetching {
    #[command(flatten)]
    pub engine: EngineArgs,

    #[command(flatten)]
    pub reports: ReportArgs,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  umask 077; mkdir -p ~/.config/nzbpipe
  nntp-fetch --example-servers > ~/.config/nzbpipe/servers.toml
  nzb-split x.nzb | nntp-fetch | yenc-decode | seg-write -d ~/Downloads
  nntp-fetch -s 'nntps://me@news.example/?connections=20' < segments.jsonl > bodies
  nntp-fetch --servers fill.toml < failed.jsonl | yenc-decode | seg-write -d ~/Downloads";

/// The program.
pub fn main() -> ExitCode {
    exit::main(fetch::NAME, run)
}

fn run(args: Args) -> Result<Code, Refusal> {
    if args.servers.example_servers {
        return print_example();
    }
    let ui = Ui::drawing(fetch::NAME, &args.common, &args.drawing, reads_nobody());
    let (stop, reload) = watch_all(&ui)?;
    let pool = streams::pool();
    let inlet = streams::inlet(&pool, &stop, "nzb-split x.nzb | nntp-fetch")?;
    let outlet = streams::outlet("… | nntp-fetch | yenc-decode, or > FILE")?;
    let verify = !args.no_verify;
    let form = match args.article {
        true => fetch::Form::Articles { verify },
        false => fetch::Form::Raw { verify },
    };
    let report = report(&args.fetching, &args.servers, fetch::NAME, &ui)?;
    let setup = Setup {
        servers: &args.servers,
        engine: &args.fetching.engine,
        form,
        ui: &ui,
        stop: &stop,
        report: &report,
    };
    let (mut config, printer) = match setup.config(reload) {
        Ok(ready) => ready,
        Err(refusal) => {
            // So that the last stage knows: it alone tells cron.
            nzbpipe_pipeline::refuse(fetch::NAME, outlet, refusal.code);
            report.finish(refusal.code, &Tally::default());
            return Err(refusal);
        }
    };
    config.watch = report.watch(Box::new(ui.clone()));
    let ending = fetch::run(config, inlet, outlet, &pool);
    if let Some(printer) = printer {
        printer.finish();
    }
    Ok(told(&ui, &ending, report))
}

/// The last words; the code to end with.
fn told(ui: &Ui, ending: &Ending, report: Report) -> Code {
    ui.finish();
    summary::failures(ui, &ending.failures);
    ui.detail(&summary::fates(&ending.tally));
    report.finish(ending.code, &ending.tally)
}

/// The files that are to tell of the run.
pub(crate) fn report(
    fetching: &Fetching,
    servers: &ServerArgs,
    program: &'static str,
    ui: &Ui,
) -> Result<Report, Refusal> {
    let options = fetching.engine.told(servers.retries);
    Report::begin(&fetching.reports, program, options, ui)
}

/// What the fetching stage is made from.
pub(crate) struct Setup<'a> {
    pub servers: &'a ServerArgs,
    pub engine: &'a EngineArgs,
    pub form: fetch::Form,
    pub ui: &'a Ui,
    pub stop: &'a Stop,
    pub report: &'a Report,
}

impl Setup<'_> {
    /// The fetching stage as the flags want it, watched by nobody, and who prints
    /// the conversation if that is wanted.
    pub(crate) fn config(
        &self,
        reload: Reload,
    ) -> Result<(fetch::Config, Option<Printer>), Refusal> {
        let servers = self.servers.resolve(self.ui, &Asked::Person(self.stop))?;
        let (trace, printer) = trace::start(self.ui).unzip();
        let config = fetch::Config {
            options: self.engine.options(self.servers.retries.saturating_add(1)),
            rate: self.engine.rate(),
            changes: Some(reload.start(self.servers, &servers, self.ui)),
            servers,
            trace,
            form: self.form,
            stats: self.report.counters(),
            notices: notices(self.ui),
            watch: Box::new(nzbpipe_pipeline::Silent),
            stop: self.stop.clone(),
        };
        Ok((config, printer))
    }
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

/// The same, and SIGUSR2 is kept until somebody reads the servers again.
pub(crate) fn watch_all(ui: &Ui) -> Result<(Stop, Reload), Refusal> {
    let ui = ui.clone();
    let (bell, reload) = reload::pair();
    let stop = signals::watch(move || ui.status(), move || bell.ring())?;
    Ok((stop, reload))
}

fn notices(ui: &Ui) -> Arc<dyn Fn(Notice) + Send + Sync> {
    let ui = ui.clone();
    Arc::new(move |notice| ui.warn(&notice.to_string()))
}

/// Whether no other program shows progress for us: output to a file.
fn reads_nobody() -> bool {
    let stdout = std::io::stdout();
    !stdout.is_terminal()
        && rustix::fs::fstat(&stdout).is_ok_and(|stat| {
            rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile
        })
}
