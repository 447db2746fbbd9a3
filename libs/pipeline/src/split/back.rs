//! What only the writing stage knows, for who decides what is fetched.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nzbpipe_store::FileOutcome;

use crate::Stop;
use crate::feedback::Feedback;
use crate::repair::{Entry, Survey};
use crate::verdict::Verdict;

/// The way back from the writing stage. [`fuse::run`](crate::fuse::run) makes it.
pub struct Back {
    pub(crate) feedback: Feedback,
    pub(crate) outcomes: Box<dyn Fn() -> Vec<FileOutcome> + Send>,
    pub(crate) jobs: Jobs,
}

impl Back {
    /// Waits until as many segments as `sent` met their fate; says whether they did.
    pub(crate) fn settled(&self, sent: u64, stop: &Stop) -> bool {
        self.feedback.settled(sent, || stop.requested().is_some())
    }

    /// Notes what a job lists.
    pub(crate) fn note(&self, job: &str, name: &str, entries: Vec<Entry>) {
        let listed = Listed {
            name: name.to_owned(),
            entries,
            survey: Survey::default(),
        };
        let mut jobs = self.jobs.lock();
        if !jobs.contains_key(job) {
            jobs.insert(job.to_owned(), listed);
        }
    }

    /// Judges a job by what is on disk now.
    pub(crate) fn judge(&self, job: &str) -> Verdict {
        self.jobs.judge(job, &(self.outcomes)())
    }
}

/// The jobs of a run, as their NZBs list them.
#[derive(Clone)]
pub(crate) struct Jobs {
    dir: PathBuf,
    listed: Arc<Mutex<HashMap<String, Listed>>>,
}

struct Listed {
    name: String,
    entries: Vec<Entry>,
    survey: Survey,
}

impl Jobs {
    /// None yet; their files are in `dir`.
    pub fn new(dir: PathBuf) -> Jobs {
        Jobs {
            dir,
            listed: Arc::default(),
        }
    }

    /// Judges all of them by these files.
    pub fn judge_all(&self, files: &[FileOutcome]) -> Vec<(String, Verdict)> {
        let ids: Vec<(String, String)> = self
            .lock()
            .iter()
            .map(|(job, listed)| (job.clone(), listed.name.clone()))
            .collect();
        let judged = ids
            .into_iter()
            .map(|(job, name)| (name, self.judge(&job, files)));
        judged.collect()
    }

    fn judge(&self, job: &str, files: &[FileOutcome]) -> Verdict {
        let own: Vec<FileOutcome> = files.iter().filter(|f| f.job == job).cloned().collect();
        match self.lock().get_mut(job) {
            Some(listed) => listed.survey.judge(&self.dir, &listed.entries, &own),
            None => Verdict::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Listed>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
