//! What a person sees while a program works: messages, one bar or lines in its
//! place, a status line. What they tell is `progress`'s.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nzbpipe_pipeline::{Event, Watch};

use crate::message::{self, count, size};
use crate::progress::State;

/// Flags every program has.
#[derive(Args, Debug, Clone)]
pub(crate) struct Common {
    /// Print nothing on success and one line on failure
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Tell more about what is going on
    ///
    /// nntp-fetch and nzbpipe show the conversation with the servers, each line with the
    /// server's name and the number of the connection, and the password left out.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// The flag of programs that can be the last of a pipe.
#[derive(Args, Debug, Clone)]
pub(crate) struct Drawing {
    /// Show progress, on standard error
    ///
    /// An object of `json` is a `progress` record, see nzbpipe-records(5), with `total`
    /// and `done` (encoded bytes of the job), `lost` (segments) and `files` (complete
    /// ones) besides. -q turns all of it off.
    #[arg(long, value_name = "HOW", default_value = "auto", global = true)]
    pub progress: Progress,
}

/// How to show progress.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A bar if standard error is a terminal, the program is in its foreground and the
    /// last of the pipe
    Auto,
    /// A bar
    Bar,
    /// A line every two seconds
    Line,
    /// An object of JSON on one line every two seconds
    Json,
    /// Not at all
    Never,
}

/// Messages and progress of one program. Clones share both.
#[derive(Clone)]
pub(crate) struct Ui {
    program: &'static str,
    quiet: bool,
    verbose: bool,
    bar: Option<ProgressBar>,
    lines: Option<Lines>,
    state: Arc<Mutex<State>>,
}

/// Progress line by line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// For people.
    Plain,
    /// For programs.
    Json,
}

impl Ui {
    /// Messages only.
    pub(crate) fn new(program: &'static str, common: &Common) -> Ui {
        Ui::build(program, common, Progress::Never)
    }

    /// Messages and progress. `last` says that no program of ours reads what this
    /// one writes.
    pub(crate) fn drawing(
        program: &'static str,
        common: &Common,
        drawing: &Drawing,
        last: bool,
    ) -> Ui {
        let progress = match drawing.progress {
            _ if common.quiet => Progress::Never,
            Progress::Auto if last && watched() => Progress::Bar,
            chosen => chosen,
        };
        Ui::build(program, common, progress)
    }

    fn build(program: &'static str, common: &Common, progress: Progress) -> Ui {
        Ui {
            program,
            quiet: common.quiet,
            verbose: common.verbose,
            bar: (progress == Progress::Bar).then(bar),
            lines: match progress {
                Progress::Line => Some(Lines::Plain),
                Progress::Json => Some(Lines::Json),
                _ => None,
            },
            state: Arc::new(Mutex::new(State::new())),
        }
    }

    /// Whether a person wants to know more.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Something went wrong.
    pub(crate) fn error(&self, text: &str) {
        self.print(text);
    }

    /// Something to know, though the work goes on.
    pub(crate) fn warn(&self, text: &str) {
        if !self.quiet {
            self.print(text);
        }
    }

    /// A detail.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            self.print(text);
        }
    }

    /// One line about how far the work is (SIGUSR1).
    pub(crate) fn status(&self) {
        let line = self.state().line();
        self.print(&line);
    }

    /// Takes the bar away before the last words, or says how far it came.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if let Some(lines) = self.lines {
            self.tell_progress(lines, &self.state());
        }
    }

    fn tell_progress(&self, lines: Lines, state: &State) {
        match lines {
            Lines::Plain => self.print(&state.line()),
            Lines::Json => message::raw(&state.json().unwrap_or_default()),
        }
    }

    fn print(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| message::line(self.program, text)),
            None => message::line(self.program, text),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Ui {
    fn event(&mut self, event: Event<'_>) {
        self.tell(&event);
        let mut state = self.state();
        state.note(&event);
        if let (Some(lines), Event::Progress(_)) = (self.lines, &event)
            && state.due()
        {
            self.tell_progress(lines, &state);
        }
        if let Some(bar) = &self.bar {
            if !std::mem::replace(&mut state.shown, true) {
                show(bar);
            }
            if state.total > 0 && bar.length() != Some(state.total) {
                bar.set_length(state.total);
                bar.set_style(style(BAR));
            }
            bar.set_position(state.done);
            bar.set_message(state.details());
        }
    }
}

impl Ui {
    /// What `-v` adds.
    fn tell(&self, event: &Event<'_>) {
        match event {
            Event::Job(job) => self.detail(&format!(
                "job {}: {}, {}, {} encoded",
                job.name,
                count(job.files, "file"),
                count(job.segments, "segment"),
                size(job.bytes)
            )),
            Event::File(file) => {
                let path = file.path.as_deref().unwrap_or(file.name.as_ref());
                self.detail(&format!("complete: {}", path.display()));
            }
            _ => {}
        }
    }
}

const BAR: &str = "{percent:>3}% [{bar:16}] {decimal_bytes}/{decimal_total_bytes}  {wide_msg}";
const SPINNER: &str = "{spinner} {decimal_bytes}  {wide_msg}";

/// A bar that is not drawn before there is something to show.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_style(style(SPINNER));
    bar
}

fn show(bar: &ProgressBar) {
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    bar.enable_steady_tick(Duration::from_millis(200));
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// Whether somebody looks: a terminal that understands cursor movement, and we
/// are in its foreground (a background job that draws would be stopped or spoil
/// the shell's prompt).
fn watched() -> bool {
    let stderr = std::io::stderr();
    stderr.is_terminal()
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        && std::env::var_os("CI").is_none()
        && rustix::termios::tcgetpgrp(&stderr)
            .is_ok_and(|group| group == rustix::process::getpgrp())
}
