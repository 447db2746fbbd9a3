//! What the par2 files of a job say, put together. Each volume describes all files once
//! more, so they are not kept side by side.

use std::collections::BTreeMap;

use nzbpipe_store::par2::Set;

/// The most sets of a job. One is usual, a season posted as one job has a dozen or two.
const SETS: usize = 128;

/// The most files that they list or describe, all together, in bounds that one set keeps
/// by itself.
const FILES: usize = 1 << 18;

/// The sets of a job.
#[derive(Debug, Default)]
pub struct Sets {
    known: Vec<Known>,
}

/// A set, and what each file that told of it had.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) set: Set,
    /// Recovery blocks by the file's index in the NZB.
    sources: BTreeMap<usize, u64>,
}

impl Sets {
    /// Takes what was read of the file with this index in the NZB: [`read`] in full if it
    /// is complete, with its check if it is not. Reading it once more, when more of it is
    /// there, does no harm. A job may have so many sets and no more; others are passed over.
    ///
    /// [`read`]: nzbpipe_store::par2::read
    pub fn add(&mut self, file: usize, sets: Vec<Set>) {
        for set in sets {
            let blocks = set.recovery.len() as u64;
            let place = self.known.iter().position(|known| known.set.id == set.id);
            if let Some(known) = place.and_then(|place| self.known.get_mut(place)) {
                let most = known.sources.entry(file).or_default();
                *most = blocks.max(*most);
                known.set.merge(set);
            } else if self.has_room_for(&set) {
                let sources = BTreeMap::from([(file, blocks)]);
                self.known.push(Known { set, sources });
            }
        }
    }

    fn has_room_for(&self, set: &Set) -> bool {
        let files = |set: &Set| set.members.len().max(set.files.len());
        let taken: usize = self.known.iter().map(|known| files(&known.set)).sum();
        self.known.len() < SETS && taken + files(set) <= FILES
    }

    /// In the order in which they were met.
    pub(super) fn known(&self) -> &[Known] {
        &self.known
    }
}

impl Known {
    /// The files that told of it.
    pub(super) fn files(&self) -> impl Iterator<Item = usize> {
        self.sources.keys().copied()
    }

    /// Whether this file told of it.
    pub(super) fn has(&self, file: usize) -> bool {
        self.sources.contains_key(&file)
    }

    /// The recovery blocks of each file.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (usize, u64)> {
        self.sources.iter().map(|(&file, &blocks)| (file, blocks))
    }
}
