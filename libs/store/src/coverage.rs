//! The set of ranges of a file that are written: disjoint, sorted, neighbours merged.
//!
//! It says nothing about what a range holds; that is [`pieces`](crate::pieces)'s to know.

use std::collections::BTreeMap;

/// A set of half-open ranges. Memory grows with the number of gaps, not of ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Start to end.
    runs: BTreeMap<u64, u64>,
    bytes: u64,
}

impl Coverage {
    /// Whether any byte of `start..end` is in the set.
    pub fn overlaps(&self, start: u64, end: u64) -> bool {
        start < end
            && self
                .runs
                .range(..end)
                .next_back()
                .is_some_and(|(_, &run_end)| run_end > start)
    }

    /// Adds `start..end`; says `false`, and changes nothing, if any of it was there.
    pub fn insert(&mut self, start: u64, end: u64) -> bool {
        if self.overlaps(start, end) {
            return false;
        }
        if start >= end {
            return true;
        }
        self.bytes += end - start;
        let end = self.runs.remove(&end).unwrap_or(end);
        match self.runs.range_mut(..start).next_back() {
            Some((_, run_end)) if *run_end == start => *run_end = end,
            _ => {
                self.runs.insert(start, end);
            }
        }
        true
    }

    /// Takes `start..end`, all of which is in the set, out of it.
    pub fn remove(&mut self, start: u64, end: u64) {
        let Some((&run, &run_end)) = self.runs.range(..=start).next_back() else {
            return;
        };
        if start >= end || run_end < end {
            return;
        }
        self.bytes -= end - start;
        self.runs.remove(&run);
        if run < start {
            self.runs.insert(run, start);
        }
        if end < run_end {
            self.runs.insert(end, run_end);
        }
    }

    /// How many bytes are in the set.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the first hole begins.
    pub fn start(&self) -> u64 {
        self.runs.get(&0).copied().unwrap_or(0)
    }

    /// Where the last range ends; 0 for the empty set.
    pub fn end(&self) -> u64 {
        self.runs.last_key_value().map_or(0, |(_, &end)| end)
    }

    /// The ranges below `size` that are not in the set.
    pub fn gaps(&self, size: u64) -> Vec<(u64, u64)> {
        let mut at = 0;
        let mut gaps = Vec::new();
        for (&start, &end) in self.runs.range(..size) {
            if start > at {
                gaps.push((at, start));
            }
            at = end;
        }
        if at < size {
            gaps.push((at, size));
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn off_by_one_is_an_overlap_or_a_gap() {
        let mut set = Coverage::default();
        assert!(set.insert(0, 10));
        assert!(!set.insert(9, 20));
        assert!(set.insert(11, 20));
        assert_eq!(set.gaps(20), [(10, 11)]);
        assert!(set.insert(10, 11));
        assert_eq!((set.gaps(20), set.bytes(), set.end()), (vec![], 20, 20));
        assert_eq!(set.runs.len(), 1);
    }

    #[test]
    fn an_empty_range_is_always_welcome_and_nothing() {
        let mut set = Coverage::default();
        assert!(set.insert(5, 5));
        assert!(set.insert(0, 10));
        assert!(set.insert(5, 5));
        assert_eq!((set.bytes(), set.end()), (10, 10));
        assert_eq!(Coverage::default().gaps(0), []);
        assert_eq!(Coverage::default().gaps(3), [(0, 3)]);
    }

    proptest! {
        /// The model is one flag per byte.
        #[test]
        fn agrees_with_a_bitmap(ranges in prop::collection::vec((0u64..64, 0u64..16), 0..40)) {
            let mut set = Coverage::default();
            let mut model = [false; 80];
            for (start, len) in ranges {
                let end = start + len;
                let slots = &mut model[start as usize..end as usize];
                let free = slots.iter().all(|taken| !taken);
                prop_assert_eq!(set.overlaps(start, end), !free);
                prop_assert_eq!(set.insert(start, end), free);
                if free {
                    slots.fill(true);
                }
                if slots.iter().all(|taken| *taken) && start % 3 == 0 {
                    set.remove(start, end);
                    slots.fill(false);
                }
            }
            prop_assert_eq!(set.bytes(), model.iter().filter(|taken| **taken).count() as u64);
            prop_assert_eq!(set.end(), model.iter().rposition(|t| *t).map_or(0, |at| at as u64 + 1));
            for size in [0, 1, 33, 80] {
                let mut holes = [false; 80];
                for (start, end) in set.gaps(size) {
                    prop_assert!(start < end);
                    holes[start as usize..end as usize].fill(true);
                }
                for at in 0..80 {
                    prop_assert_eq!(holes[at], at < size as usize && !model[at]);
                }
            }
        }
    }
}
