//! How far the work is: what the events of a stage add up to, as the line and
//! the object that tell it. Where they are shown is `ui`'s.

use std::time::{Duration, Instant};

use nzbpipe_pipeline::Event;
use nzbpipe_record::{Header, Progress, encode_header};
use serde_json::json;

use crate::message::{count, size};

/// Between two lines of `--progress line` and `json`: less than two seconds, that
/// reports of half a second do not make it two and a half.
const INTERVAL: Duration = Duration::from_millis(1900);

/// What the bar and the status line tell.
pub(crate) struct State {
    began: Instant,
    pub(crate) total: u64,
    pub(crate) done: u64,
    lost: u64,
    files: u64,
    rate: u64,
    connections: u64,
    /// The last report of the fetching stage.
    latest: Option<Progress>,
    /// When a line was last due.
    told: Instant,
    /// Whether the bar is on the screen.
    pub(crate) shown: bool,
}

impl State {
    pub(crate) fn new() -> State {
        State {
            began: Instant::now(),
            total: 0,
            done: 0,
            lost: 0,
            files: 0,
            rate: 0,
            connections: 0,
            latest: None,
            told: Instant::now(),
            shown: false,
        }
    }

    pub(crate) fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Job(job) => self.total = self.total.saturating_add(job.bytes),
            Event::Arrived { bytes } => self.done = self.done.saturating_add(*bytes),
            Event::Lost { bytes } => {
                self.done = self.done.saturating_add(*bytes);
                self.lost += 1;
            }
            Event::Progress(progress) => {
                // Smoothed: single samples of half a second jump too much to read.
                self.rate = match self.rate {
                    0 => progress.rate,
                    rate => (rate.saturating_mul(3)).saturating_add(progress.rate) / 4,
                };
                self.connections = progress.connections;
                self.latest = Some((*progress).clone());
            }
            Event::File(_) => self.files += 1,
            _ => {}
        }
    }

    /// `118 MB/s  0:53 left  20 connections  3 segments lost`.
    pub(crate) fn details(&self) -> String {
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

    pub(crate) fn line(&self) -> String {
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

    /// Whether it is time for another line.
    pub(crate) fn due(&mut self) -> bool {
        let due = self.told.elapsed() >= INTERVAL;
        if due {
            self.told = Instant::now();
        }
        due
    }

    /// The last `progress` record with what is known of the job besides: `total`
    /// and `done` (encoded bytes), `lost` (segments), `files` (complete ones).
    /// One line of JSON with its end; `None` before the first report.
    pub(crate) fn json(&self) -> Option<Vec<u8>> {
        let mut progress = self.latest.clone()?;
        let known = [
            ("total", self.total),
            ("done", self.done),
            ("lost", self.lost),
            ("files", self.files),
        ];
        for (key, value) in known {
            progress.extra.insert(key.to_owned(), json!(value));
        }
        let mut line = Vec::new();
        encode_header(&Header::from(progress), None, &mut line).ok()?;
        line.push(b'\n');
        Some(line)
    }
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

    #[test]
    fn the_object_is_a_progress_record_and_more() {
        let mut state = State::new();
        assert_eq!(state.json(), None);
        let progress = Progress {
            bytes: 3,
            ..Progress::default()
        };
        state.note(&Event::Progress(&progress));
        state.note(&Event::Arrived { bytes: 2 });
        state.note(&Event::Lost { bytes: 1 });
        let line = state.json().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["type"], "progress");
        assert_eq!(
            [&value["bytes"], &value["done"], &value["lost"]],
            [&json!(3), &json!(3), &json!(1)]
        );
        assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
    }
}
