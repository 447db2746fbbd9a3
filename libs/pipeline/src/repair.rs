//! What par2 can do for the jobs of a run: reads the par2 files that are on disk and has the
//! jobs judged. Nothing is repaired here.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use nzbpipe_store::par2;
use nzbpipe_store::{FileOutcome, Status};

use crate::verdict::{self, Fate, Listed, Sets, Verdict};

/// A file of a job, as its NZB lists it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its index in the NZB.
    pub file: u64,
    /// The NZB's name of it.
    pub name: String,
    /// Its encoded size; 0 if that is unknown.
    pub bytes: u64,
    /// Whether the user wants it.
    pub chosen: bool,
}

/// One job and what its par2 files say. Each is read once, when it is complete.
#[derive(Default)]
pub(crate) struct Survey {
    sets: Sets,
    /// How much was there of each par2 file when it was read.
    read: HashMap<u64, u64>,
}

impl Survey {
    /// Judges the job with these files by what is in `dir`.
    pub fn judge(&mut self, dir: &Path, entries: &[Entry], outcomes: &[FileOutcome]) -> Verdict {
        let fates: HashMap<u64, (Fate, &FileOutcome)> = outcomes
            .iter()
            .map(|outcome| (outcome.file, (Fate::from(outcome), outcome)))
            .collect();
        for (place, entry) in entries.iter().enumerate() {
            if let Some((_, outcome)) = fates.get(&entry.file) {
                self.read(dir, place, entry, outcome);
            }
        }
        let listed =
            |entry: &'_ Entry| -> Option<&Fate> { fates.get(&entry.file).map(|(fate, _)| fate) };
        let files: Vec<Listed<'_>> = entries
            .iter()
            .map(|entry| Listed {
                name: &entry.name,
                bytes: entry.bytes,
                chosen: entry.chosen,
                fate: listed(entry),
            })
            .collect();
        verdict::judge(&files, &self.sets)
    }

    fn read(&mut self, dir: &Path, place: usize, entry: &Entry, outcome: &FileOutcome) {
        let Some(path) = path(dir, outcome) else {
            return;
        };
        if self
            .read
            .get(&entry.file)
            .is_some_and(|&ok| ok >= outcome.ok)
        {
            return;
        }
        let is_whole = outcome.status == Status::Complete;
        let names = [entry.name.as_str(), outcome.name.as_str()];
        let is_named = names.iter().any(|name| par2::Volume::of(name).is_some());
        let sets = open(&path).and_then(|file| {
            // Where names are made unreadable, the content tells.
            match is_named || is_whole && par2::is_par2(&file)? {
                true => par2::read(&file, !is_whole).map(Some),
                false => Ok(None),
            }
        });
        // What cannot be read is not known; nothing else follows from it.
        if let Ok(Some(sets)) = sets {
            self.sets.add(place, sets);
        }
        self.read.insert(entry.file, outcome.ok);
    }
}

/// Judges the jobs that files belong to, by these files alone: there is no NZB at hand.
pub(crate) fn judge_all(dir: &Path, files: &[FileOutcome]) -> Vec<(String, Verdict)> {
    let mut jobs: Vec<(&FileOutcome, Vec<FileOutcome>)> = Vec::new();
    for file in files {
        match jobs.iter_mut().find(|(first, _)| first.job == file.job) {
            Some((_, all)) => all.push(file.clone()),
            None => jobs.push((file, vec![file.clone()])),
        }
    }
    let judged = jobs.into_iter().map(|(first, all)| {
        let entries: Vec<Entry> = all
            .iter()
            .map(|file| Entry {
                file: file.file,
                name: file.name.clone(),
                bytes: file.size.unwrap_or(0),
                chosen: true,
            })
            .collect();
        let verdict = Survey::default().judge(dir, &entries, &all);
        (first.job_name.clone(), verdict)
    });
    judged.collect()
}

/// Where the data of a file are.
fn path(dir: &Path, outcome: &FileOutcome) -> Option<PathBuf> {
    let path = outcome.path.as_ref().or(outcome.part_path.as_ref());
    path.map(|path| dir.join(path))
}

/// Opens a file to read, and nothing that would wait.
fn open(path: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::ErrorKind::InvalidInput.into()),
    }
}
