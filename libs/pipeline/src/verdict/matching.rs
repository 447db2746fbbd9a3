//! Which file of the job a protected file is.
//!
//! Posters rename: the NZB may have another name than the par2 set, or nothing but
//! digits. The digest of the first 16 KiB then tells, and for a file that lacks them its
//! size, if no other has that. A name counts for nothing if the digest is another one's,
//! and for less if the size is.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

use nzbpipe_store::par2::{Id, Protected};
use nzbpipe_store::safe_name;

use super::Listed;

/// What the digest of a file's beginning is taken of.
const BEGINNING: u64 = 16 << 10;

/// Of files that have a name or a digest in common, only so many are looked at: all against
/// all takes time by the square.
const ALIKE: usize = 100;

/// For each protected file the index of the file it is. `data` are the files that can
/// be one; none of them is two of them.
pub fn assign(protected: &[Protected], files: &[Listed<'_>], data: &[usize]) -> Vec<Option<usize>> {
    let mut matching = Matching {
        protected,
        files,
        found: vec![None; protected.len()],
        taken: vec![false; files.len()],
        lost: files.iter().map(lost).collect(),
        digests: files.iter().map(digest).collect(),
    };
    // That it is the right one is no accident, whatever it was taken of.
    let stated = |file: &Listed<'_>| file.fate.and_then(|fate| fate.md5_16k);
    let size = |file: &Listed<'_>| file.fate.and_then(|fate| fate.size);
    let fits = |file: &Listed<'_>, p: &Protected| size(file).is_none_or(|size| size == p.size);
    matching.by_name(data, fits);
    matching.by(
        data,
        |file| stated(file).zip(size(file)).into_iter().collect(),
        |protected| vec![(protected.md5_16k, protected.size)],
        |_, _| true,
    );
    matching.by(
        data,
        |file| stated(file).into_iter().collect(),
        |protected| vec![protected.md5_16k],
        |_, _| true,
    );
    // Sizes that articles state may be wrong.
    matching.by_name(data, |_, _| true);
    matching.by_size(data);
    matching.found
}

struct Matching<'a> {
    protected: &'a [Protected],
    files: &'a [Listed<'a>],
    found: Vec<Option<usize>>,
    taken: Vec<bool>,
    /// Bytes in the holes of each file.
    lost: Vec<u64>,
    /// The digest of each file's beginning, where that is sound.
    digests: Vec<Option<Id>>,
}

impl Matching<'_> {
    /// Matches by names, whole ones first.
    fn by_name(&mut self, data: &[usize], fits: impl Fn(&Listed<'_>, &Protected) -> bool) {
        for variants in [whole, last] {
            self.by(
                data,
                |file| {
                    let mut names = variants(file.name);
                    names.extend(file.fate.map(|fate| fate.name.to_lowercase()));
                    names.sort_unstable();
                    names.dedup();
                    names
                },
                |protected| variants(&protected.name),
                &fits,
            );
        }
    }

    /// Matches what has a key in common and fits; of several files the best one.
    fn by<K: Hash + Eq>(
        &mut self,
        data: &[usize],
        keys: impl Fn(&Listed<'_>) -> Vec<K>,
        wanted: impl Fn(&Protected) -> Vec<K>,
        fits: impl Fn(&Listed<'_>, &Protected) -> bool,
    ) {
        let mut places: HashMap<K, Vec<usize>> = HashMap::new();
        for &file in data.iter().filter(|&&file| !self.taken[file]) {
            for key in keys(&self.files[file]) {
                let place = places.entry(key).or_default();
                if place.len() < ALIKE {
                    place.push(file);
                }
            }
        }
        for (index, protected) in self.protected.iter().enumerate() {
            if self.found[index].is_some() {
                continue;
            }
            let mut best = None;
            for key in wanted(protected) {
                let Some(candidates) = places.get_mut(&key) else {
                    continue;
                };
                candidates.retain(|&file| !self.taken[file]);
                let fitting = candidates.iter().copied();
                let fitting = fitting.filter(|&file| {
                    !self.contradicts(file, protected) && fits(&self.files[file], protected)
                });
                best = best
                    .into_iter()
                    .chain(fitting)
                    .max_by_key(|&file| self.worth(file, protected));
            }
            self.take(index, best);
        }
    }

    /// Matches what has a size that no other has, on either side.
    fn by_size(&mut self, data: &[usize]) {
        let mut sizes: HashMap<u64, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for (index, protected) in self.protected.iter().enumerate() {
            if self.found[index].is_none() {
                sizes.entry(protected.size).or_default().0.push(index);
            }
        }
        for &file in data.iter().filter(|&&file| !self.taken[file]) {
            let size = self.files[file].fate.and_then(|fate| fate.size);
            if let Some(place) = size.and_then(|size| sizes.get_mut(&size)) {
                place.1.push(file);
            }
        }
        for (protected, files) in sizes.into_values() {
            if let ([index], [file]) = (protected.as_slice(), files.as_slice())
                && !self.contradicts(*file, &self.protected[*index])
            {
                self.take(*index, Some(*file));
            }
        }
    }

    fn take(&mut self, index: usize, file: Option<usize>) {
        self.found[index] = file;
        if let Some(file) = file {
            self.taken[file] = true;
        }
    }

    /// The beginning of the file is another one's.
    fn contradicts(&self, file: usize, protected: &Protected) -> bool {
        self.digests[file].is_some_and(|digest| digest != protected.md5_16k)
    }

    /// More is better: whole, of the right size, with few bytes missing, listed early.
    fn worth(&self, file: usize, protected: &Protected) -> impl Ord + use<> {
        let fate = self.files[file].fate;
        let complete = fate.is_some_and(|fate| fate.complete);
        let fits = fate.is_some_and(|fate| fate.size == Some(protected.size));
        (
            complete && fits,
            fits,
            fate.is_some(),
            Reverse((self.lost[file], file)),
        )
    }
}

/// The digest of a file's beginning, if what it was taken of can be believed.
fn digest(file: &Listed<'_>) -> Option<Id> {
    let fate = file.fate?;
    let sound = fate.complete
        || fate.located && !fate.unproven && fate.holes.iter().all(|hole| hole.0 >= BEGINNING);
    fate.md5_16k.filter(|_| sound)
}

/// How many bytes are in the holes of a file.
fn lost(file: &Listed<'_>) -> u64 {
    let holes = file.fate.into_iter().flat_map(|fate| &fate.holes);
    let lengths = holes.map(|(start, end)| end.saturating_sub(*start));
    lengths.fold(0, u64::saturating_add)
}

/// A name and what our output would make of it, in small letters.
fn whole(name: &str) -> Vec<String> {
    let mut names = vec![name.to_lowercase(), safe_name(name).to_lowercase()];
    names.retain(|name| !name.is_empty());
    names.dedup();
    names
}

/// The same without folders: some tools put them before the name, some posters drop them.
fn last(name: &str) -> Vec<String> {
    whole(name.rsplit(['/', '\\']).next().unwrap_or_default())
}
