//! `--par2`: which files of the NZB are fetched, and in which order.
//!
//! `auto` fetches everything but recovery volumes first. When all of that has been
//! written, the par2 files among it are read and the job is [judged](super::judge). If a
//! set lacks blocks, volumes for so many are fetched, and it is judged again: a volume
//! that came incomplete makes the set lack blocks once more, and further volumes are
//! asked for. It ends, for no volume is asked for twice.
//!
//! If all that the job lists would not be enough, nothing is fetched: a repair would
//! fail, and its volumes are often a tenth of the job. `--par2 all` gets them for whoever
//! hopes for more from another place.

use std::collections::HashMap;

use nzbpipe_store::par2::Volume;

use super::{Repair, Verdict};

/// Which par2 files are fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Par2 {
    /// The index, then the volumes that a repair needs.
    #[default]
    Auto,
    /// All.
    All,
    /// None, the index neither.
    None,
}

/// The most sets without an index of which a volume is fetched unasked. Where there are
/// more, each volume has a name of its own, and one tells of all.
const GUESSED: usize = 4;

/// The most volumes of unknown sets that are fetched to see what they are.
const PROBES: usize = 8;

/// The most steps of the search for the best choice of volumes.
const STEPS: u64 = 1 << 24;

/// What is to be fetched of a job, batch by batch.
#[derive(Debug, Clone)]
pub struct Plan {
    mode: Par2,
    files: Vec<Planned>,
    probes: usize,
}

#[derive(Debug, Clone)]
struct Planned {
    volume: Option<Volume>,
    bytes: u64,
    /// It may be asked for: the user wants it, and it was not asked for before.
    free: bool,
}

impl Plan {
    /// For the files of an NZB, in its order: name, encoded size (0 if unknown), whether
    /// the user wants it.
    pub fn new<'a>(mode: Par2, files: impl IntoIterator<Item = (&'a str, u64, bool)>) -> Plan {
        let planned = |(name, bytes, free): (&str, u64, bool)| Planned {
            volume: Volume::of(name),
            bytes,
            free,
        };
        Plan {
            mode,
            files: files.into_iter().map(planned).collect(),
            probes: 0,
        }
    }

    /// The first batch, by index in the NZB; par2 files come last. With `auto` that is
    /// all but recovery volumes; of a set without an index, its smallest volume.
    pub fn first(&mut self) -> Vec<usize> {
        let mode = self.mode;
        let first = |volume: &Option<Volume>| match (mode, volume) {
            (_, None) | (Par2::All, _) => true,
            (Par2::Auto, Some(volume)) => volume.is_index(),
            (Par2::None, Some(_)) => false,
        };
        let mut batch: Vec<usize> = (0..self.files.len())
            .filter(|&index| self.files[index].free && first(&self.files[index].volume))
            .collect();
        if mode == Par2::Auto {
            batch.extend(self.guesses());
        }
        batch.sort_by_key(|&index| match &self.files[index].volume {
            None => 0,
            Some(volume) if volume.is_index() => 1,
            Some(_) => 2,
        });
        self.ask(&batch);
        batch
    }

    /// Whether there are volumes that were not asked for.
    pub fn may_want_more(&self) -> bool {
        self.mode == Par2::Auto && self.files.iter().any(|file| file.free)
    }

    /// The next batch, after all files of the last one are written or lost. When it is
    /// empty, nothing more is to be fetched.
    pub fn next(&mut self, verdict: &Verdict) -> Vec<usize> {
        let mut batch = Vec::new();
        if self.mode != Par2::Auto {
            return batch;
        }
        // Something is damaged for which no known set is good.
        let mut strays = match verdict.incomplete && !verdict.unprotected.is_empty() {
            true => verdict.strays.clone(),
            false => Vec::new(),
        };
        for set in &verdict.sets {
            let free = self.free(&set.volumes);
            let chosen = match set.repair {
                Repair::No { lacking } => choose(&free, lacking),
                // The next one may tell what the set is.
                Repair::Unknown if verdict.incomplete => smallest(&free),
                Repair::Unknown | Repair::Whole | Repair::Yes => continue,
            };
            if chosen.is_empty() {
                let others = verdict.strays.iter().filter(|v| !set.volumes.contains(v));
                strays.extend(others);
            }
            self.ask(&chosen);
            batch.extend(chosen);
        }
        if batch.is_empty() && self.probes < PROBES {
            self.probes += 1;
            batch = smallest(&self.free(&strays));
            self.ask(&batch);
        }
        batch
    }

    /// One volume for each set without an index.
    fn guesses(&self) -> Vec<usize> {
        let mut sets: HashMap<String, (bool, Vec<(usize, u64)>)> = HashMap::new();
        for (index, file) in self.files.iter().enumerate().filter(|(_, file)| file.free) {
            let Some(volume) = &file.volume else {
                continue;
            };
            let (has_index, volumes) = sets.entry(volume.key()).or_default();
            *has_index |= volume.is_index();
            volumes.push((index, blocks(volume, file.bytes, 0)));
        }
        let without = sets.into_values().filter(|(has_index, _)| !has_index);
        let mut volumes: Vec<_> = without.map(|(_, volumes)| volumes).collect();
        if volumes.len() > GUESSED {
            volumes = vec![volumes.concat()];
        }
        let mut guesses: Vec<usize> = volumes.iter().flat_map(|set| smallest(set)).collect();
        guesses.sort_unstable();
        guesses
    }

    fn free(&self, volumes: &[(usize, u64)]) -> Vec<(usize, u64)> {
        let is_free = |index: usize| self.files.get(index).is_some_and(|file| file.free);
        let volumes = volumes.iter().copied();
        volumes.filter(|&(index, _)| is_free(index)).collect()
    }

    fn ask(&mut self, batch: &[usize]) {
        for &index in batch {
            self.files[index].free = false;
        }
    }
}

/// How many blocks a volume has by its name, else by its encoded size, else one.
pub fn blocks(volume: &Volume, bytes: u64, slice: u64) -> u64 {
    let by_size = bytes.checked_div(slice).unwrap_or(0).clamp(1, 65_536);
    volume.blocks.map_or(by_size, u64::from)
}

/// The volume with the fewest blocks; of those the first.
fn smallest(volumes: &[(usize, u64)]) -> Vec<usize> {
    let smallest = volumes
        .iter()
        .min_by_key(|&&(index, blocks)| (blocks, index));
    smallest.map(|&(index, _)| index).into_iter().collect()
}

/// The volumes (index and blocks) to fetch for the blocks `needed`, the largest first:
/// those with the fewest blocks that are enough, and among equals one volume rather than
/// two. None, if all together are not enough.
///
/// Bytes go by blocks, for each volume repeats the packets that describe the files.
/// The choice is exact for a hundred volumes and a need of 32,768 blocks; for more it is
/// the largest that fit, and the smallest that fills the rest.
pub fn choose(volumes: &[(usize, u64)], needed: u64) -> Vec<usize> {
    let total = volumes.iter().map(|volume| volume.1);
    if needed == 0 || total.fold(0, u64::saturating_add) < needed {
        return Vec::new();
    }
    let mut volumes: Vec<_> = volumes.iter().copied().filter(|v| v.1 > 0).collect();
    volumes.sort_by_key(|&(index, blocks)| (std::cmp::Reverse(blocks), index));
    // A choice that exceeds this has a volume it does not need.
    let limit = volumes
        .first()
        .map_or(0, |largest| needed.saturating_add(largest.1));
    let chosen = match limit.saturating_mul(volumes.len() as u64) <= STEPS {
        true => exact(&volumes, needed as usize, limit as usize),
        false => greedy(&volumes, needed),
    };
    chosen.into_iter().map(|place| volumes[place].0).collect()
}

/// The smallest sum of blocks that is enough: for each sum the first volume with which it
/// can be reached, those before being larger.
fn exact(volumes: &[(usize, u64)], needed: usize, limit: usize) -> Vec<usize> {
    let mut last: Vec<Option<u32>> = vec![None; limit + 1];
    for (place, &(_, blocks)) in (0u32..).zip(volumes) {
        let blocks = blocks as usize;
        for sum in (blocks..=limit).rev() {
            let reached = sum == blocks || last[sum - blocks].is_some();
            if reached && last[sum].is_none() {
                last[sum] = Some(place);
            }
        }
    }
    let mut sum = (needed..=limit)
        .find(|&sum| last[sum].is_some())
        .unwrap_or(0);
    let mut chosen = Vec::new();
    while let Some(place) = last.get(sum).copied().flatten().filter(|_| sum > 0) {
        chosen.push(place as usize);
        sum -= volumes[place as usize].1 as usize;
    }
    chosen.reverse();
    chosen
}

fn greedy(volumes: &[(usize, u64)], needed: u64) -> Vec<usize> {
    let (mut chosen, mut rest) = (Vec::new(), Vec::new());
    let mut lacking = needed;
    for (place, &(_, blocks)) in volumes.iter().enumerate() {
        if blocks <= lacking {
            lacking -= blocks;
            chosen.push(place);
        } else {
            rest.push(place);
        }
    }
    // Each of the rest is larger than what is lacking.
    chosen.extend(rest.last().filter(|_| lacking > 0));
    chosen
}

#[cfg(test)]
mod tests;
