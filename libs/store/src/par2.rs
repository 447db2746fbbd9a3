//! PAR2 files, as far as they tell what can be repaired: which files a set protects, in
//! slices of which size, and how many recovery blocks there are (Parity Volume Set
//! Specification 2.0, 2003).
//!
//! Repairing is left to par2 itself, what the numbers mean for a job to `pipeline`.
//! Checksums of single slices are not kept: which slices are hit follows from the ranges
//! that a file lacks.
//!
//! All of this comes from the network. A packet counts only if its MD5 is right, names
//! are as found and only good for comparing, and no claim in a file makes us take more
//! memory than the caps in `gather` allow.

mod gather;
mod packet;
mod read;
mod volume;

use std::collections::{BTreeSet, HashMap, HashSet};

pub use read::{is_par2, read};
pub use volume::Volume;

#[cfg(test)]
mod tests;

/// The most files of a set when several files tell of it. A set has at most 32,768
/// slices, and only empty files have none.
const FILES: usize = 65_536;

/// What tells sets and files apart: an MD5.
pub type Id = [u8; 16];

/// What is known of one recovery set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set {
    /// The recovery set id.
    pub id: Id,
    /// Bytes in a slice (and in a recovery block); 0 if the main packet was not found.
    pub slice: u64,
    /// The ids of the protected files; empty if the main packet was not found.
    pub members: Vec<Id>,
    /// The protected files that were described, by rising id. Without the main packet
    /// all that were described.
    pub files: Vec<Protected>,
    /// The exponents of the recovery blocks that were found; none is above 65,535.
    pub recovery: BTreeSet<u32>,
}

/// A file that a set protects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protected {
    /// The id that the main packet lists.
    pub id: Id,
    /// The name, as found: it may hold anything, separators and `..` included. Bytes
    /// that are no UTF-8 are read as Latin-1.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// MD5 of the first 16 KiB, or of all of a smaller file.
    pub md5_16k: Id,
    /// MD5 of the whole.
    pub md5: Id,
}

impl Protected {
    /// How many slices of this size it has; 0 if the size is unknown (0).
    pub fn slices(&self, slice: u64) -> u64 {
        match slice {
            0 => 0,
            slice => self.size.div_ceil(slice),
        }
    }
}

impl Set {
    /// How many of the protected files nobody described.
    pub fn undescribed(&self) -> usize {
        self.members.len().saturating_sub(self.files.len())
    }

    /// Whether the slice size and all protected files are known.
    pub fn is_known(&self) -> bool {
        self.slice > 0 && self.undescribed() == 0
    }

    /// Adds what another file says of the same set. What was known stays; `false`, and
    /// nothing is added, if it is another set.
    pub fn merge(&mut self, other: Set) -> bool {
        if self.id != other.id {
            return false;
        }
        if self.slice == 0 {
            (self.slice, self.members) = (other.slice, other.members);
        }
        let mut files: HashMap<Id, Protected> = other.files.into_iter().map(by_id).collect();
        files.extend(std::mem::take(&mut self.files).into_iter().map(by_id));
        self.files = files.into_values().collect();
        self.recovery.extend(other.recovery);
        self.settle();
        self.files.truncate(FILES);
        true
    }

    /// Sorts the files, and drops those that the main packet, if there is one, does not
    /// list as protected.
    fn settle(&mut self) {
        if self.slice > 0 {
            let members: HashSet<&Id> = self.members.iter().collect();
            self.files.retain(|file| members.contains(&file.id));
        }
        self.files.sort_by_key(|file| file.id);
    }
}

fn by_id(file: Protected) -> (Id, Protected) {
    (file.id, file)
}
