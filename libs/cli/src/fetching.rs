//! What `nntp-fetch` and `nzbpipe` have in common: the flags of the fetching
//! stage, how it is made ready, and what is to be done when it has ended.

use std::sync::Arc;

use clap::Args;
use nzbpipe_nntp::Notice;
use nzbpipe_pipeline::{Code, Stop, Tally, Watch, fetch};

use crate::accounts::Accounts;
use crate::engine::EngineArgs;
use crate::exit::Refusal;
use crate::kernel;
use crate::reload::{self, Reload};
use crate::report::{Report, ReportArgs};
use crate::servers::ServerArgs;
use crate::signals;
use crate::trace::{self, Printer};
use crate::ui::Ui;

/// Flags of the programs that fetch.
#[derive(Args, Clone, Debug)]
pub(crate) struct Fetching {
    #[command(flatten)]
    pub servers: ServerArgs,

    #[command(flatten)]
    pub engine: EngineArgs,

    #[command(flatten)]
    pub reports: ReportArgs,
}

/// Who fetches, and in what form.
pub(crate) struct Setup<'a> {
    /// The program's name.
    pub program: &'static str,
    /// What becomes of the articles.
    pub form: fetch::Form,
    /// Its messages.
    pub ui: &'a Ui,
    /// When it is to stop.
    pub stop: &'a Stop,
}

/// What waits for the end of the fetch.
pub(crate) struct Run {
    report: Report,
    printer: Option<Printer>,
    /// Quotas are written down when it is dropped.
    _accounts: Arc<Accounts>,
}

impl Fetching {
    /// The fetching stage as the flags want it; `watch` sees its events. What
    /// refuses is in the reports, where there are any.
    pub(crate) fn ready(
        &self,
        setup: &Setup<'_>,
        watch: Box<dyn Watch>,
        reload: Reload,
    ) -> Result<(fetch::Config, Run), Refusal> {
        let options = self.engine.told(self.servers.retries);
        let report = Report::begin(&self.reports, setup.program, options, setup.ui)?;
        let accounts = Arc::new(Accounts::new(setup.ui));
        let resolved = kernel::from_environment().and_then(|kernel| {
            let servers = self
                .servers
                .resolve(setup.ui, setup.stop, &accounts, true)?;
            Ok((kernel, servers))
        });
        let (kernel, servers) = match resolved {
            Ok(both) => both,
            Err(refusal) => {
                report.finish(refusal.code, &Tally::default());
                return Err(refusal);
            }
        };
        if setup.form.decodes() {
            setup.ui.detail(&format!("yEnc kernel: {kernel}"));
        }
        let (trace, printer) = trace::start(setup.ui).unzip();
        let config = fetch::Config {
            options: self.engine.options(self.servers.retries.saturating_add(1)),
            threads: self.engine.threads,
            rate: self.engine.rate(),
            changes: Some(reload.start(&self.servers, &accounts, setup.stop, setup.ui)),
            servers,
            trace,
            form: setup.form,
            kernel,
            stats: report.counters(),
            notices: notices(setup.ui),
            watch: report.watch(watch),
            stop: setup.stop.clone(),
        };
        let run = Run {
            report,
            printer,
            _accounts: accounts,
        };
        Ok((config, run))
    }
}

impl Run {
    /// Shows what is left of the conversation, before the last words.
    pub(crate) fn drain(&mut self) {
        if let Some(printer) = self.printer.take() {
            printer.finish();
        }
    }

    /// Writes the reports of a run that ended with `code`; the code that follows.
    pub(crate) fn finish(self, code: Code, tally: &Tally) -> Code {
        self.report.finish(code, tally)
    }
}

/// Signals stop the program; SIGUSR1 prints a line; SIGUSR2 is kept until
/// somebody reads the servers again.
pub(crate) fn watch_signals(ui: &Ui) -> Result<(Stop, Reload), Refusal> {
    let ui = ui.clone();
    let (bell, reload) = reload::pair();
    let stop = signals::watch(move || ui.status(), move || bell.ring())?;
    Ok((stop, reload))
}

fn notices(ui: &Ui) -> Arc<dyn Fn(Notice) + Send + Sync> {
    let ui = ui.clone();
    Arc::new(move |notice| ui.warn(&notice.to_string()))
}
