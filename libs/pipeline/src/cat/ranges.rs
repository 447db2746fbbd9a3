//! A set of numbers or of bytes as ranges: memory grows with the holes in it, not with
//! what is in it. What the numbers count is left to others.

use std::collections::BTreeMap;

/// Half-open ranges, disjoint, neighbours merged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    /// Start to end.
    runs: BTreeMap<u64, u64>,
    total: u64,
}

impl Ranges {
    /// Whether anything of `start..end` is in the set.
    pub fn overlaps(&self, start: u64, end: u64) -> bool {
        let last = self.runs.range(..end).next_back();
        start < end && last.is_some_and(|(_, &run_end)| run_end > start)
    }

    /// Whether all of `start..end` is in the set.
    pub fn covers(&self, start: u64, end: u64) -> bool {
        let run = self.runs.range(..=start).next_back();
        start >= end || run.is_some_and(|(_, &run_end)| run_end >= end)
    }

    /// Adds `start..end`; says `false`, and changes nothing, if any of it was there.
    pub fn insert(&mut self, start: u64, end: u64) -> bool {
        if self.overlaps(start, end) {
            return false;
        }
        if start >= end {
            return true;
        }
        self.total += end - start;
        let end = self.runs.remove(&end).unwrap_or(end);
        match self.runs.range_mut(..start).next_back() {
            Some((_, run_end)) if *run_end == start => *run_end = end,
            _ => {
                self.runs.insert(start, end);
            }
        }
        true
    }

    /// Whether `number` is in the set.
    pub fn has(&self, number: u64) -> bool {
        self.overlaps(number, number.saturating_add(1))
    }

    /// Adds one number; says whether it is new.
    pub fn add(&mut self, number: u64) -> bool {
        self.insert(number, number.saturating_add(1))
    }

    /// Takes one number out.
    pub fn remove(&mut self, number: u64) {
        if !self.has(number) {
            return;
        }
        let Some((&start, &end)) = self.runs.range(..=number).next_back() else {
            return;
        };
        self.total -= 1;
        self.runs.remove(&start);
        if start < number {
            self.runs.insert(start, number);
        }
        if number + 1 < end {
            self.runs.insert(number + 1, end);
        }
    }

    /// How much is in the set.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Where the last range ends; 0 for the empty set.
    pub fn end(&self) -> u64 {
        self.runs.last_key_value().map_or(0, |(_, &end)| end)
    }

    /// The first range below `end` that is not in the set.
    pub fn first_gap(&self, end: u64) -> Option<(u64, u64)> {
        let start = match self.runs.first_key_value() {
            Some((0, &first)) => first,
            _ => 0,
        };
        let next = self.runs.range(start..).next();
        let gap_end = next.map_or(end, |(&next, _)| next.min(end));
        (start < gap_end).then_some((start, gap_end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[u64]) -> Ranges {
        let mut set = Ranges::default();
        for &number in numbers {
            assert!(set.add(number));
        }
        set
    }

    #[test]
    fn numbers_come_and_go() {
        let mut numbers = set(&[3, 1, 2, 7]);
        assert!(!numbers.add(2));
        assert_eq!((numbers.total(), numbers.end()), (4, 8));
        assert!(numbers.covers(1, 4) && !numbers.covers(1, 5) && numbers.covers(9, 9));
        numbers.remove(2);
        numbers.remove(5);
        assert!(!numbers.has(2) && numbers.has(1) && numbers.has(3));
        assert_eq!((numbers.total(), numbers.runs.len()), (3, 3));
        assert!(numbers.add(2));
        assert_eq!(numbers, set(&[1, 2, 3, 7]));
    }

    #[test]
    fn the_largest_number_is_no_panic() {
        let mut numbers = Ranges::default();
        numbers.add(u64::MAX);
        numbers.remove(u64::MAX);
        assert!(!numbers.has(u64::MAX));
        assert!(numbers.add(u64::MAX - 1) && numbers.has(u64::MAX - 1));
    }

    #[test]
    fn the_first_gap() {
        let mut bytes = Ranges::default();
        assert_eq!(bytes.first_gap(0), None);
        assert_eq!(bytes.first_gap(9), Some((0, 9)));
        assert!(bytes.insert(4, 6));
        assert_eq!(bytes.first_gap(9), Some((0, 4)));
        assert!(bytes.insert(0, 4) && !bytes.insert(5, 7));
        assert_eq!(bytes.first_gap(9), Some((6, 9)));
        assert_eq!(bytes.first_gap(6), None);
    }
}
