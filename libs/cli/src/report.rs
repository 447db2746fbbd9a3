//! What the fetch tells programs: `--stats` at the end, `--metrics` meanwhile.
//!
//! Files are written by `store` on a thread of its own, never where connections
//! are served; that one cannot be written while the run lasts is told once and
//! stops nothing.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use nzbpipe_nntp::Stats;
use nzbpipe_pipeline::{Code, Event, Tally, Watch, fetch};
use nzbpipe_record::ServerProgress;
use nzbpipe_store::atomic;
use serde_json::{Value, json};

use crate::exit::Refusal;
use crate::metrics::{self, Snapshot};
use crate::ui::Ui;

/// Between two versions of the metrics.
const INTERVAL: Duration = Duration::from_secs(2);

/// Flags for files that programs read.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Reports")]
pub(crate) struct ReportArgs {
    /// Write what was done to FILE at the end, as JSON
    ///
    /// Also after a failure and after a signal that ends the program cleanly. The keys
    /// are those under STATISTICS in the manual. FILE is replaced as a whole.
    #[arg(long, value_name = "FILE")]
    pub stats: Option<PathBuf>,

    /// Keep counters in FILE, in the text format of Prometheus
    ///
    /// Replaced as a whole at the start, every two seconds and at the end, for node_exporter's
    /// textfile collector (then FILE ends in .prom) or anything that reads it. The metrics
    /// are those under METRICS in the manual.
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
}

/// The files of one run.
pub(crate) struct Report {
    source: Source,
    stage: &'static str,
    options: Value,
    stats: Option<PathBuf>,
    metrics: Option<Writer>,
    ui: Ui,
}

/// Where the figures come from.
#[derive(Clone)]
struct Source {
    counters: Arc<Stats>,
    tally: Arc<Mutex<Tally>>,
    began: Instant,
    /// The same instant on the calendar, in seconds since 1970.
    started: f64,
}

/// The thread that writes the metrics; without its sender it writes a last time.
struct Writer {
    over: SyncSender<()>,
    thread: JoinHandle<Result<(), nzbpipe_store::Error>>,
}

impl Report {
    /// Sees to it that the files can be written, and writes the first metrics.
    pub(crate) fn begin(
        args: &ReportArgs,
        stage: &'static str,
        options: Value,
        ui: &Ui,
    ) -> Result<Report, Refusal> {
        for file in args.stats.iter().chain(&args.metrics) {
            replaceable(file)?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let source = Source {
            counters: Arc::default(),
            tally: Arc::default(),
            began: Instant::now(),
            started: now.map_or(0.0, |since| since.as_secs_f64()),
        };
        let metrics = match &args.metrics {
            Some(file) => Some(source.clone().keep(file, ui)?),
            None => None,
        };
        Ok(Report {
            source,
            stage,
            options,
            stats: args.stats.clone(),
            metrics,
            ui: ui.clone(),
        })
    }

    /// What the engine has to count with.
    pub(crate) fn counters(&self) -> Arc<Stats> {
        Arc::clone(&self.source.counters)
    }

    /// Sees the fates of segments, and shows all events to `next`.
    pub(crate) fn watch(&self, next: Box<dyn Watch>) -> Box<dyn Watch> {
        Box::new(Fates {
            tally: Arc::clone(&self.source.tally),
            next,
        })
    }

    /// The run has ended with `code` and these fates: writes both files a last
    /// time. The code that follows: a file that cannot be written has its own.
    pub(crate) fn finish(self, code: Code, tally: &Tally) -> Code {
        let mut code = code;
        let written = [
            self.metrics.map(Writer::finish),
            self.stats.as_deref().map(|file| {
                let value = self.source.stats(self.stage, (code, tally), self.options);
                atomic::publish(file, format!("{value:#}\n").as_bytes())
            }),
        ];
        for error in written.into_iter().flatten().filter_map(Result::err) {
            self.ui.error(&error.to_string());
            code = code.or(refused(error).code);
        }
        code
    }
}

impl Source {
    /// Writes the metrics to `file` now, and from now on.
    fn keep(self, file: &Path, ui: &Ui) -> Result<Writer, Refusal> {
        let (over, waiting) = sync_channel(0);
        let mut last = (self.began, Vec::new());
        self.write(file, &mut last).map_err(refused)?;
        let (file, ui) = (file.to_owned(), ui.clone());
        let thread = thread::spawn(move || self.again(&file, last, &waiting, &ui));
        Ok(Writer { over, thread })
    }

    fn again(
        &self,
        file: &Path,
        mut last: (Instant, Vec<ServerProgress>),
        over: &Receiver<()>,
        ui: &Ui,
    ) -> Result<(), nzbpipe_store::Error> {
        let mut told = false;
        while let Err(RecvTimeoutError::Timeout) = over.recv_timeout(INTERVAL) {
            if let Err(error) = self.write(file, &mut last)
                && !std::mem::replace(&mut told, true)
            {
                ui.warn(&format!("{error}; the metrics are stale"));
            }
        }
        self.write(file, &mut last)
    }

    fn write(
        &self,
        file: &Path,
        last: &mut (Instant, Vec<ServerProgress>),
    ) -> Result<(), nzbpipe_store::Error> {
        let now = Instant::now();
        let seconds = now.duration_since(last.0).as_secs_f64();
        let servers = self.servers(seconds, &last.1);
        let text = metrics::text(&Snapshot {
            servers: &servers,
            tally: &self.tally.lock().unwrap_or_else(PoisonError::into_inner),
            started: self.started,
        });
        *last = (now, servers);
        atomic::publish(file, text.as_bytes())
    }

    /// The servers by now, and their rate over the `seconds` since `before`.
    fn servers(&self, seconds: f64, before: &[ServerProgress]) -> Vec<ServerProgress> {
        let mut servers = fetch::servers(&self.counters);
        for server in &mut servers {
            let then = before.iter().find(|one| one.name == server.name);
            let bytes = server.bytes.saturating_sub(then.map_or(0, |one| one.bytes));
            // Less time than that, as there may be before the last writing, makes a
            // wild rate.
            server.rate = (bytes as f64 / seconds.max(0.25)) as u64;
        }
        servers
    }

    /// A progress record's keys for the whole run, and how it went.
    fn stats(&self, stage: &str, (code, tally): (Code, &Tally), options: Value) -> Value {
        let age = self.began.elapsed();
        let bytes = self.counters.bytes();
        json!({
            "by": format!("{stage} {}", env!("CARGO_PKG_VERSION")),
            "stage": stage,
            "started": self.started as u64,
            "ms": u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            "status": code.status().as_str(),
            "code": code.number(),
            "segments": tally.segments(),
            "fates": metrics::fates(tally).into_iter().collect::<Value>(),
            "bytes": bytes,
            "payload_bytes": tally.bytes,
            "rate": (bytes as f64 / age.as_secs_f64().max(1e-3)) as u64,
            "connections": self.counters.connections(),
            "options": options,
            "servers": self.servers(age.as_secs_f64(), &[]),
        })
    }
}

impl Writer {
    fn finish(self) -> Result<(), nzbpipe_store::Error> {
        drop(self.over);
        // A thread that died has said so.
        self.thread.join().unwrap_or(Ok(()))
    }
}

/// Notes the fates that the fetching stage has counted.
struct Fates {
    tally: Arc<Mutex<Tally>>,
    next: Box<dyn Watch>,
}

impl Watch for Fates {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Fates(tally) = event {
            let mut held = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            held.clone_from(tally);
        }
        self.next.event(event);
    }
}

/// Whether a file may take the place of `path`: a device or a pipe would be
/// replaced, not written to.
fn replaceable(path: &Path) -> Result<(), Refusal> {
    let refused = |what: &str| {
        let text = format!("{}: {what}", path.display());
        Err(Refusal::new(Code::CANNOT_CREATE, text))
    };
    if path.as_os_str() == "-" {
        return refused("standard output belongs to records; name a file");
    }
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return refused("is there and is no regular file");
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match std::fs::metadata(folder) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => refused("its folder is none"),
        Err(error) => refused(&error.to_string()),
    }
}

fn refused(error: nzbpipe_store::Error) -> Refusal {
    let code = match error.is_cannot_create() {
        true => Code::CANNOT_CREATE,
        false => Code::IO,
    };
    Refusal {
        code,
        error: error.into(),
    }
}
