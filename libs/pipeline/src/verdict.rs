//! The verdict on a job: what is missing of it, and whether par2 can repair that.
//!
//! Counting only: nothing is read, fetched or repaired here. [`store::par2`](nzbpipe_store::par2)
//! reads the par2 files, [`Sets`] collects what they say, [`Plan`] says which of them are
//! worth fetching. Whoever drives them knows the [`Fate`] of each file of the NZB.
//!
//! A protected file is found among the files of the job by its name, else by the MD5 of
//! its first 16 KiB, else by its size if no other has that. Its blocks that are hit are
//! the slices that its holes touch. If it is not found, all its blocks are hit. Blocks
//! are counted as if damaged bytes were holes: par2 may find more good slices than we
//! count, when what is missing are zeros, but never fewer, if the articles are right.

mod hits;
mod matching;
mod plan;
mod sets;
mod words;

use std::collections::{BTreeSet, HashMap, HashSet};

use nzbpipe_store::par2::{Id, Volume};
use nzbpipe_store::{FileOutcome, Status};

use sets::Known;

pub use plan::{Par2, Plan, choose};
pub use sets::Sets;

#[cfg(test)]
mod tests;

/// One file of the NZB, and what became of it. Its place in the slice is its index.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listed<'a> {
    /// The NZB's name of it.
    pub name: &'a str,
    /// Its encoded size by the NZB; 0 if that is unknown.
    pub bytes: u64,
    /// The user wants it. What he left out is not missing, but par2 lacks its blocks.
    pub chosen: bool,
    /// What is on disk; `None` if there is nothing.
    pub fate: Option<&'a Fate>,
}

/// What is on disk of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fate {
    /// Its final name, or the one it would get.
    pub name: String,
    /// It is whole and under its final name.
    pub complete: bool,
    /// Its size, if that is known.
    pub size: Option<u64>,
    /// MD5 of its first 16 KiB, or of all of a smaller file, if they are there.
    pub md5_16k: Option<Id>,
    /// Where bytes are missing or damaged: start and end, that not included.
    pub holes: Vec<(u64, u64)>,
    /// `holes` tells all of it. Otherwise nobody knows where bytes are missing, and all
    /// blocks of the file are taken for hit.
    pub located: bool,
    /// Some bytes have no checksum. They count as there.
    pub unproven: bool,
}

impl From<&FileOutcome> for Fate {
    fn from(file: &FileOutcome) -> Fate {
        let ranges = [&file.missing_ranges, &file.damaged_ranges];
        let holes: Vec<_> = ranges.into_iter().flatten().copied().collect();
        let whole = matches!(file.status, Status::Complete | Status::Unverified);
        Fate {
            name: file.name.clone(),
            complete: file.status == Status::Complete,
            size: file.size,
            md5_16k: file.md5_16k,
            // A file in which something is wrong, and nobody can say where: UUencode.
            located: whole || file.size.is_some() && !holes.is_empty(),
            holes,
            unproven: file.unverified > 0,
        }
    }
}

/// Whether something can be repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Nothing needs it.
    Whole,
    /// There are blocks enough.
    Yes,
    /// There are not.
    No {
        /// How many more it would take.
        lacking: u64,
    },
    /// Too little of the par2 files is there to say.
    Unknown,
}

/// What is known of one set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetVerdict {
    /// What the names of its par2 files have in common, as posted.
    pub base: String,
    /// Bytes in a block; 0 if that is unknown.
    pub slice: u64,
    /// Blocks of the protected files that are not there.
    pub hit: u64,
    /// Of these: blocks of files that the user did not choose.
    pub left_out: u64,
    /// Recovery blocks that the job lists, by the names of its files, or more if more
    /// are there.
    pub carried: u64,
    /// Recovery blocks that are on disk.
    pub there: u64,
    /// Names of protected files of which nothing was found.
    pub unmatched: Vec<String>,
    /// Protected files of which not even the name is known.
    pub undescribed: u64,
    /// Files that count as there but have bytes without a checksum.
    pub unproven: u64,
    /// Its recovery volumes, by index in the NZB, and the blocks of each by its name (or
    /// its size).
    pub volumes: Vec<(usize, u64)>,
    /// The judgement.
    pub repair: Repair,
}

/// What is known of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Bytes that are missing or damaged in the files that were chosen, par2 files not
    /// counted. Where not even the size is known, the encoded size.
    pub missing_bytes: u64,
    /// The sets, in the order of the files they were found in.
    pub sets: Vec<SetVerdict>,
    /// Names of chosen files that are not whole and that no set protects.
    pub unprotected: Vec<String>,
    /// Recovery volumes, by index and blocks, that belong to no known set for certain.
    pub strays: Vec<(usize, u64)>,
    /// Some chosen file that is no par2 file is not complete.
    pub incomplete: bool,
    /// The job lists par2 files.
    pub has_par2: bool,
}

/// Judges a job by all that is known now: its files, and what its par2 files say. Sets
/// are judged one by one.
pub fn judge(files: &[Listed<'_>], sets: &Sets) -> Verdict {
    let job = Job::new(files, sets);
    let mut verdict = Verdict {
        has_par2: job.data.len() < files.len(),
        ..Verdict::default()
    };
    // The size of each file by the sets that protect it.
    let mut protected: HashMap<usize, u64> = HashMap::new();
    for known in job.sets {
        let (set, matches) = job.judge(known);
        for (file, size) in matches {
            let known = protected.entry(file).or_default();
            *known = size.max(*known);
        }
        verdict.sets.push(set);
    }
    verdict.strays = job.strays();
    for &index in &job.data {
        let file = &files[index];
        if !file.chosen || file.fate.is_some_and(|fate| fate.complete) {
            continue;
        }
        verdict.incomplete = true;
        let size = protected.get(&index).copied();
        let missing = hits::missing(file, size);
        verdict.missing_bytes = verdict.missing_bytes.saturating_add(missing);
        if size.is_none() {
            verdict.unprotected.push(file.name.to_owned());
        }
    }
    verdict
}

/// The files of a job, sorted by what they are for.
struct Job<'a> {
    files: &'a [Listed<'a>],
    /// By file: what its name says, if it is a par2 file's.
    names: Vec<Option<Volume>>,
    /// The files that are no par2 files.
    data: Vec<usize>,
    /// The files that par2 packets were read of.
    read: HashSet<usize>,
    sets: &'a [Known],
}

impl<'a> Job<'a> {
    fn new(files: &'a [Listed<'a>], sets: &'a Sets) -> Job<'a> {
        let name = |file: &Listed<'_>| {
            Volume::of(file.name).or_else(|| Volume::of(&file.fate.as_ref()?.name))
        };
        let names: Vec<_> = files.iter().map(name).collect();
        let sets = sets.known();
        let read: HashSet<usize> = sets.iter().flat_map(Known::files).collect();
        let is_data = |index: &usize| names[*index].is_none() && !read.contains(index);
        Job {
            files,
            data: (0..files.len()).filter(is_data).collect(),
            names,
            read,
            sets,
        }
    }

    /// The verdict on a set, and which files it protects with which sizes.
    fn judge(&self, known: &Known) -> (SetVerdict, Vec<(usize, u64)>) {
        let set = &known.set;
        let volumes = self.volumes(known);
        let there = set.recovery.len() as u64;
        let mut verdict = SetVerdict {
            base: self.base(known),
            slice: set.slice,
            hit: 0,
            left_out: 0,
            carried: self.carried(known, &volumes).max(there),
            there,
            unmatched: Vec::new(),
            undescribed: set.undescribed() as u64,
            unproven: 0,
            volumes,
            repair: Repair::Unknown,
        };
        let matches = matching::assign(&set.files, self.files, &self.data);
        // A file left out may have a name that tells nothing.
        let taken: HashSet<_> = matches.iter().flatten().collect();
        let is_left_out = |file: &usize| !self.files[*file].chosen && !taken.contains(file);
        let some_left_out = self.data.iter().any(is_left_out);
        for (protected, file) in set.files.iter().zip(&matches) {
            let listed = file.map(|file| &self.files[file]);
            let fate = listed.and_then(|listed| listed.fate);
            let hit = hits::blocks(protected, set.slice, fate);
            verdict.hit = verdict.hit.saturating_add(hit);
            if listed.map_or(some_left_out, |listed| !listed.chosen) {
                verdict.left_out = verdict.left_out.saturating_add(hit);
            }
            if listed.is_none() && protected.size > 0 {
                verdict.unmatched.push(protected.name.clone());
            }
            verdict.unproven += u64::from(fate.is_some_and(|fate| fate.unproven));
        }
        verdict.repair = repair(&verdict);
        let sizes = set.files.iter().map(|protected| protected.size);
        let matches = matches.into_iter().zip(sizes);
        (
            verdict,
            matches
                .filter_map(|(file, size)| Some((file?, size)))
                .collect(),
        )
    }

    /// The name of a set: that of an index, if there is one.
    fn base(&self, known: &Known) -> String {
        let names = || {
            known
                .files()
                .filter_map(|file| self.names.get(file)?.as_ref())
        };
        let index = names().find(|name| name.is_index());
        if let Some(name) = index.or_else(|| names().next()) {
            return name.base.clone();
        }
        let file = known.files().find_map(|file| self.files.get(file));
        file.map_or(String::new(), |file| file.name.to_owned())
    }

    /// The recovery volumes of a set: those that have blocks of it, and those named as a
    /// file that told of it. If only one set is known, also those with names of their
    /// own: where names are made unreadable, each file gets another one.
    fn volumes(&self, known: &Known) -> Vec<(usize, u64)> {
        let keys = self.keys(known);
        let alone = match self.sets.len() {
            1 => self.alone(),
            _ => HashSet::new(),
        };
        self.named(known.set.slice, |index, name| {
            known.has(index)
                || keys.contains(&name.key())
                || alone.contains(&index) && !self.read.contains(&index)
        })
    }

    /// Recovery volumes that belong to no known set, or only by guessing.
    fn strays(&self) -> Vec<(usize, u64)> {
        let keys: BTreeSet<String> = self.sets.iter().flat_map(|set| self.keys(set)).collect();
        self.named(0, |index, name| {
            !self.read.contains(&index) && !keys.contains(&name.key())
        })
    }

    /// The par2 files that share their base name with no other.
    fn alone(&self) -> HashSet<usize> {
        let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, name) in self.names.iter().enumerate() {
            if let Some(name) = name {
                groups.entry(name.key()).or_default().push(index);
            }
        }
        let alone = groups.into_values().filter(|group| group.len() == 1);
        alone.flatten().collect()
    }

    fn keys(&self, known: &Known) -> BTreeSet<String> {
        let names = known
            .files()
            .filter_map(|file| self.names.get(file)?.as_ref());
        names.map(Volume::key).collect()
    }

    /// Files whose names are those of recovery volumes, with their blocks.
    fn named(&self, slice: u64, wanted: impl Fn(usize, &Volume) -> bool) -> Vec<(usize, u64)> {
        let volumes = self.names.iter().enumerate();
        let volumes = volumes.filter_map(|(index, name)| Some((index, name.as_ref()?)));
        volumes
            .filter(|(index, name)| !name.is_index() && wanted(*index, name))
            .map(|(index, name)| (index, plan::blocks(name, self.files[index].bytes, slice)))
            .collect()
    }

    /// The blocks the job lists: by names, or as many as were read of a file. A volume
    /// that is listed twice counts once.
    fn carried(&self, known: &Known, volumes: &[(usize, u64)]) -> u64 {
        let mut blocks: HashMap<String, u64> = HashMap::new();
        let listed = volumes.iter().copied();
        for (index, count) in listed.chain(known.blocks()) {
            let key = match self.names.get(index).and_then(Option::as_ref) {
                Some(name) => format!("{}\n{:?}{:?}", name.key(), name.first, name.blocks),
                None => format!("\n{index}"),
            };
            let most = blocks.entry(key).or_default();
            *most = count.max(*most);
        }
        blocks.into_values().fold(0, u64::saturating_add)
    }
}

/// The judgement by the numbers. What is not known can only make it worse.
fn repair(set: &SetVerdict) -> Repair {
    let lacking = set.hit.saturating_sub(set.there);
    let known = set.slice > 0 && set.undescribed == 0;
    match known {
        false if set.hit <= set.carried => Repair::Unknown,
        true if set.hit == set.left_out => Repair::Whole,
        true if lacking == 0 => Repair::Yes,
        _ => Repair::No { lacking },
    }
}
