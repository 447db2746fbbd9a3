//! A small map that forgets what was not used for longest, bounded by the sum
//! of the costs of what it holds (bytes, file handles).

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Holds values while their costs fit; see the module.
pub(crate) struct Lru<K, V> {
    entries: HashMap<K, Entry<V>>,
    by_age: BTreeMap<u64, K>,
    clock: u64,
    cost: usize,
    limit: usize,
}

struct Entry<V> {
    value: V,
    used: u64,
    cost: usize,
}

impl<K: Copy + Eq + Hash, V: Clone> Lru<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        Lru {
            entries: HashMap::new(),
            by_age: BTreeMap::new(),
            clock: 0,
            cost: 0,
            limit,
        }
    }

    /// The value, which is now the youngest.
    pub(crate) fn get(&mut self, key: K) -> Option<V> {
        self.clock += 1;
        let entry = self.entries.get_mut(&key)?;
        self.by_age.remove(&entry.used);
        entry.used = self.clock;
        self.by_age.insert(self.clock, key);
        Some(entry.value.clone())
    }

    /// Takes a value in and drops the oldest until the costs fit. A value that
    /// alone is over the limit is not kept.
    pub(crate) fn insert(&mut self, key: K, value: V, cost: usize) {
        self.remove(key);
        if cost > self.limit {
            return;
        }
        while self.cost + cost > self.limit {
            let Some((_, oldest)) = self.by_age.first_key_value() else {
                break;
            };
            self.remove(*oldest);
        }
        self.clock += 1;
        self.cost += cost;
        self.by_age.insert(self.clock, key);
        let used = self.clock;
        self.entries.insert(key, Entry { value, used, cost });
    }

    /// Forgets a value.
    pub(crate) fn remove(&mut self, key: K) {
        if let Some(entry) = self.entries.remove(&key) {
            self.by_age.remove(&entry.used);
            self.cost -= entry.cost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_the_one_not_used_for_longest() {
        let mut lru = Lru::new(10);
        lru.insert(1, 'a', 4);
        lru.insert(2, 'b', 4);
        assert_eq!(lru.get(1), Some('a'));
        lru.insert(3, 'c', 4);
        assert_eq!(
            [lru.get(1), lru.get(2), lru.get(3)],
            [Some('a'), None, Some('c')]
        );
        assert_eq!(lru.cost, 8);
    }

    #[test]
    fn counts_a_replaced_value_once_and_refuses_one_over_the_limit() {
        let mut lru = Lru::new(10);
        lru.insert(1, 'a', 6);
        lru.insert(1, 'b', 7);
        assert_eq!((lru.get(1), lru.cost), (Some('b'), 7));
        lru.insert(2, 'c', 11);
        assert_eq!((lru.get(2), lru.get(1)), (None, Some('b')));
        lru.remove(1);
        assert_eq!((lru.cost, lru.by_age.len()), (0, 0));
    }
}
