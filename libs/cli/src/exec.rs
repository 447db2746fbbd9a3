//! `--exec`: a command for each file that is complete, while the others still arrive.
//!
//! Which files those are, and what is in their record, is decided elsewhere. Nothing the
//! command does reaches the download: it has threads of its own, and what waits for it is
//! a path and a record.

mod words;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use clap::Args;
use nzbpipe_pipeline::{Code, Event, Stop, Watch, write};
use nzbpipe_record::{FileReport, Header, encode_header};
use nzbpipe_store::safe_name;

use crate::exit::Refusal;
use crate::message::count;
use crate::ui::Ui;

pub(crate) use words::Words;

/// Flags of programs that write files.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    /// Run CMD for each file as soon as it is complete
    ///
    /// The file's absolute path comes behind CMD as its last argument, and its `file`
    /// record, see nzbpipe-records(5), as one line on standard input; NZBPIPE_FILE is the
    /// path, too, NZBPIPE_NAME its last component, NZBPIPE_JOB the job's name and
    /// NZBPIPE_STATUS the record's `status`. It runs in the file's folder, and what it
    /// prints goes to standard error. CMD is split into words as sh(1) does, but no
    /// shell runs it: for a pipe or a variable, write a script or use sh -c '…' sh, where
    /// the path is $1. The download does not wait for CMD; the program does, at its end.
    /// That CMD fails is reported and leaves the file as it is; the exit code is then 1
    /// if it would be 0. After the first signal CMD is not begun any more.
    #[arg(long, value_name = "CMD")]
    pub exec: Option<Words>,

    /// Run CMD of --exec for up to N files at once
    ///
    /// With 1, files come in the order in which they were completed.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        requires = "exec",
        value_parser = clap::value_parser!(u16).range(1..=64)
    )]
    pub exec_jobs: u16,
}

impl Flags {
    /// Gets ready to run the command, if there is one.
    pub(crate) fn start(&self, ui: &Ui, stop: &Stop) -> Result<Option<Exec>, Refusal> {
        let start = |words: &Words| Exec::start(words.clone(), self.exec_jobs, ui, stop);
        self.exec.as_ref().map(start).transpose()
    }
}

/// The command, at work. Clones share it.
#[derive(Clone)]
pub(crate) struct Exec {
    desk: Arc<Desk>,
    workers: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

struct Desk {
    words: Words,
    program: PathBuf,
    ui: Ui,
    stop: Stop,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// As many as the job has files, at most.
    waiting: VecDeque<Task>,
    /// No more will come.
    closed: bool,
    failed: usize,
    dropped: usize,
}

/// One file to run the command for.
struct Task {
    path: PathBuf,
    line: Vec<u8>,
    job: String,
    status: &'static str,
}

impl Exec {
    /// Looks for the program and gets `jobs` threads ready.
    pub(crate) fn start(words: Words, jobs: u16, ui: &Ui, stop: &Stop) -> Result<Exec, Refusal> {
        let program = words.program();
        let program = program.map_err(|what| Refusal::usage(format!("--exec: {what}")))?;
        let desk = Arc::new(Desk {
            words,
            program,
            ui: ui.clone(),
            stop: stop.clone(),
            state: Mutex::default(),
            wake: Condvar::new(),
        });
        let work = |_| {
            let desk = desk.clone();
            thread::spawn(move || desk.work())
        };
        let workers = Arc::new(Mutex::new((0..jobs).map(work).collect()));
        Ok(Exec { desk, workers })
    }

    /// Has the command run for the file at `path`, which is absolute. Never blocks.
    pub(crate) fn file(&self, report: &FileReport, path: &Path) {
        let task = Task {
            path: path.to_owned(),
            line: line(report),
            job: safe_name(&report.job_name),
            status: report.status.as_str(),
        };
        self.desk.state().waiting.push_back(task);
        self.desk.wake.notify_one();
    }

    /// Waits until the command ran for all files, or, once a stop is asked for, until
    /// those that run have ended. Says for how many files it failed or did not run.
    pub(crate) fn finish(self) -> usize {
        self.desk.state().closed = true;
        self.desk.wake.notify_all();
        let workers = {
            let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *workers)
        };
        for worker in workers {
            // A panic has printed what it is.
            let _ = worker.join();
        }
        self.desk.conclude()
    }
}

impl Desk {
    /// One thread's life.
    fn work(&self) {
        while let Some(task) = self.next() {
            if let Err(what) = self.run(&task) {
                self.state().failed += 1;
                self.ui.warn(&format!(
                    "--exec: {} for {}: {what}; the file is whole all the same",
                    self.words.name(),
                    task.path.display()
                ));
            }
        }
    }

    /// The next file; `None` if there are no more to come.
    fn next(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if self.stop.requested().is_some() {
                state.dropped += state.waiting.drain(..).count();
            }
            if let Some(task) = state.waiting.pop_front() {
                return Some(task);
            }
            if state.closed {
                return None;
            }
            let woken = self.wake.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Runs the command and waits for it, not for what it leaves behind.
    fn run(&self, task: &Task) -> Result<(), String> {
        let folder = task.path.parent().unwrap_or(Path::new("/"));
        let name = task.path.file_name().map(OsString::from);
        // Signal dispositions need no care: std resets SIGPIPE, exec those with handlers.
        let mut child = Command::new(&self.program)
            .args(self.words.arguments())
            .arg(&task.path)
            .current_dir(folder)
            .env("NZBPIPE_FILE", &task.path)
            .env("NZBPIPE_NAME", name.unwrap_or_default())
            .env("NZBPIPE_JOB", &task.job)
            .env("NZBPIPE_STATUS", task.status)
            .stdin(Stdio::piped())
            .stdout(Stdio::from(io::stderr()))
            .spawn()
            .map_err(|e| e.to_string())?;
        feed(&mut child, &task.line);
        match child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(e) => Err(e.to_string()),
        }
    }

    /// The last words. With `-q` they are the only ones.
    fn conclude(&self) -> usize {
        let state = self.state();
        if state.dropped > 0 {
            self.ui.warn(&format!(
                "--exec: interrupted, {} not run for {}",
                self.words.name(),
                count(state.dropped as u64, "file")
            ));
        }
        if state.failed > 0 && self.ui.is_quiet() {
            self.ui.error(&format!(
                "--exec: {} failed for {}",
                self.words.name(),
                count(state.failed as u64, "file")
            ));
        }
        state.failed + state.dropped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the command. The code to end with where it would be `code` without; who has
/// cron run this wants to hear that the command failed.
pub(crate) fn end(exec: Option<Exec>, code: Code) -> Code {
    match exec.map_or(0, Exec::finish) {
        0 => code,
        _ => code.or(Code::INCOMPLETE),
    }
}

/// `watch`, and who has the command run for each file that this run completes in `dir`.
pub(crate) fn watch(watch: Box<dyn Watch>, exec: Option<&Exec>, dir: &Path) -> Box<dyn Watch> {
    match exec {
        Some(exec) => Box::new(Completed {
            watch,
            exec: exec.clone(),
            // The command runs in another folder.
            dir: std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()),
        }),
        None => watch,
    }
}

struct Completed {
    watch: Box<dyn Watch>,
    exec: Exec,
    dir: PathBuf,
}

impl Watch for Completed {
    fn event(&mut self, event: Event<'_>) {
        if let Event::File(file) = &event
            && let Some(path) = &file.path
        {
            self.exec.file(&write::report(file), &self.dir.join(path));
        }
        self.watch.event(event);
    }
}

/// The record as a line. One that is too long for a stream is too long for everybody who
/// reads records: then there is none.
fn line(report: &FileReport) -> Vec<u8> {
    let mut line = Vec::new();
    let header = Header::File(Box::new(report.clone()));
    if encode_header(&header, None, &mut line).is_ok() {
        line.push(b'\n');
    }
    line
}

/// Writes the command's input. On a thread that nobody waits for: the command may not
/// read it, and something it leaves behind may keep the pipe open for ever.
fn feed(child: &mut Child, line: &[u8]) {
    if let Some(mut stdin) = child.stdin.take() {
        let line = line.to_owned();
        thread::spawn(move || {
            let _ = stdin.write_all(&line);
        });
    }
}

#[cfg(test)]
mod tests;
