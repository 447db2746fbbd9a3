//! The stages in one process, joined by channels.
//!
//! Nothing is decided here: the same functions run as in the pipe, so the files,
//! the tally and the exit code are the same. Payloads move, they are not copied,
//! and the byte budget bounds them; the channels only bound headers.

use std::thread;

use tokio::sync::mpsc;

use crate::feedback::Feedback;
use crate::stage::Failure;
use crate::write::{Writing, Written};
use crate::{Ending, Error, Inlet, Outlet, Shortcut, Stop, fetch, split, write};

/// Records between two stages. Payloads are bounded by the budget, not by this.
const RECORDS: usize = 1024;

/// What the stages are to do.
pub struct Config {
    /// The first stage.
    pub split: split::Config,
    /// The second stage, and with [`fetch::Form::Parts`] the third.
    pub fetch: fetch::Config,
    /// The last stage.
    pub write: write::Config,
    /// When to give up.
    pub stop: Stop,
}

/// Runs all stages to their end. The last stage's records go to `outlet`.
pub fn run(mut config: Config, outlet: Outlet) -> Written {
    let (segments, to_fetch) = mpsc::channel(RECORDS);
    let (parts, to_write) = mpsc::channel(RECORDS);
    let stop = config.stop.clone();
    let feedback = Feedback::default();
    let dir = config.write.store.dir.clone();
    let mut writing = match Writing::open(config.write, outlet, Some(feedback.clone())) {
        Ok(writing) => writing,
        Err(refused) => return *refused,
    };
    feedback.last_words(writing.last_words());
    let jobs = split::Jobs::new(dir);
    writing.judge_by(jobs.clone());
    config.split.back = Some(split::Back {
        feedback: feedback.clone(),
        outcomes: Box::new(writing.outcomes()),
        jobs,
    });
    let kept = writing.kept();
    config.split.kept = Some(Box::new(move |segment| {
        kept(&write::ident(segment, &write::identity(segment)))
    }));
    let parts = Shortcut {
        channel: parts,
        at_once: Box::new(writing.at_once()),
    };
    thread::scope(|scope| {
        let split = scope.spawn(|| split::run(config.split, Outlet::Channel(segments)));
        let inlet = Inlet::channel(to_fetch, config.stop.clone());
        let ends = (inlet, Outlet::Shortcut(parts));
        let fetch = scope.spawn(move || fetch::run_with(config.fetch, ends, Some(feedback)));
        let inlet = Inlet::channel(to_write, config.stop);
        let mut written = writing.run(inlet);
        // The disk is full, say: nobody needs what is still to be read.
        if !written.ending.failures.is_empty() {
            stop.request(written.ending.code);
        }
        let upstream = [(split::NAME, split.join()), (fetch::NAME, fetch.join())];
        for (stage, joined) in upstream {
            merge(&mut written.ending, stage, joined);
        }
        written
    })
}

/// An upstream failure weighs as it would in the pipe: the code of its `end`
/// has come down already, what it printed there is kept here. That a stage found
/// its reader gone is the reader's story.
fn merge(ending: &mut Ending, stage: &'static str, joined: thread::Result<Ending>) {
    match joined {
        Ok(upstream) => {
            let told = |failure: &Failure| !matches!(failure.error, Error::Closed);
            for failure in upstream.failures.into_iter().filter(told) {
                ending.code = ending.code.or(failure.error.code());
                ending.failures.push(failure);
            }
        }
        Err(_) => ending.fail(stage, Error::Bug(format!("{stage} panicked"))),
    }
}
