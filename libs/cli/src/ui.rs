//! What a person sees while a program works: messages, one bar, a status line.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nzbpipe_pipeline::{Event, Watch};

use crate::message::{self, count, size};

/// Flags every program has.
#[derive(Args, Debug, Clone)]
pub(crate) struct Common {
    /// Print nothing on success and one line on failure
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Tell more about what is going on
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// The flag of programs that can be the last of a pipe.
#[derive(Args, Debug, Clone)]
pub(crate) struct Drawing {
    /// Draw a progress bar
    ///
    /// `auto` draws one if standard error is a terminal, the program is in its
    /// foreground and is the last of the pipe.
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub progress: Progress,
}

/// When to draw a bar.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// If a person is likely to look
    Auto,
    /// Always
    Bar,
    /// Never
    Never,
}

/// Messages and progress of one program. Clones share both.
#[derive(Clone)]
pub(crate) struct Ui {
    program: &'static str,
    quiet: bool,
    verbose: bool,
    bar: Option<ProgressBar>,
    state: Arc<Mutex<State>>,
}

/// What the bar and the status line tell.
struct State {
    began: Instant,
    total: u64,
    done: u64,
    lost: u64,
    files: u64,
    rate: u64,
    connections: u64,
    /// Whether the bar is on the screen.
    shown: bool,
}

impl Ui {
    /// Messages only.
    pub(crate) fn new(program: &'static str, common: &Common) -> Ui {
        Ui::build(program, common, false)
    }

    /// Messages and a bar. `last` says that no program of ours reads what this
    /// one writes.
    pub(crate) fn drawing(
        program: &'static str,
        common: &Common,
        drawing: &Drawing,
        last: bool,
    ) -> Ui {
        let draw = match drawing.progress {
            Progress::Never => false,
            Progress::Bar => true,
            Progress::Auto => last && watched(),
        };
        Ui::build(program, common, draw && !common.quiet)
    }

    fn build(program: &'static str, common: &Common, draw: bool) -> Ui {
        Ui {
            program,
            quiet: common.quiet,
            verbose: common.verbose,
            bar: draw.then(bar),
            state: Arc::new(Mutex::new(State {
                began: Instant::now(),
                total: 0,
                done: 0,
                lost: 0,
                files: 0,
                rate: 0,
                connections: 0,
                shown: false,
            })),
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

    /// Takes the bar away before the last words.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
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

impl State {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Job(job) => self.total += job.bytes,
            Event::Arrived { bytes } => self.done += bytes,
            Event::Lost { bytes } => {
                self.done += bytes;
                self.lost += 1;
            }
            Event::Progress(progress) => {
                // Smoothed: single samples of half a second jump too much to read.
                self.rate = match self.rate {
                    0 => progress.rate,
                    rate => (rate * 3 + progress.rate) / 4,
                };
                self.connections = progress.connections;
            }
            Event::File(_) => self.files += 1,
            _ => {}
        }
    }

    /// `118 MB/s  0:53 left  20 connections  3 segments lost`.
    fn details(&self) -> String {
        let mut parts = Vec::new();
        if self.rate > 0 {
            parts.push(format!("{}/s", size(self.rate)));
            let left = self.total.saturating_sub(self.done) / self.rate;
            if self.total > 0 {
                parts.push(format!("{} left", clock(left)));
            }
        }
        if self.connections > 0 {
            parts.push(count(self.connections, "connection"));
        }
        if self.lost > 0 {
            parts.push(format!("{} lost", count(self.lost, "segment")));
        }
        parts.join("  ")
    }

    fn line(&self) -> String {
        let percent = match self.total {
            0 => String::new(),
            total => format!(" ({}%)", self.done.saturating_mul(100) / total),
        };
        format!(
            "{}{percent} in {}, {}  {}",
            size(self.done),
            clock(self.began.elapsed().as_secs()),
            count(self.files, "complete file"),
            self.details(),
        )
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

/// `53:07`, `1:02:03`.
fn clock(seconds: u64) -> String {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if h > 0 {
        format!("{h}:{m:02}:{s:02}")
    } else {
        format!("{m}:{s:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_reads_like_one() {
        assert_eq!(clock(53), "0:53");
        assert_eq!(clock(3723), "1:02:03");
    }
}
