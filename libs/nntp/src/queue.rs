//! Segments that wait for a server again: by the set of servers that may take them,
//! oldest first. A server looks at one head per set, never at the segments of
//! others.

use std::collections::VecDeque;

use crate::route::ServerSet;

/// What waits, as pairs of turn and item.
pub(crate) struct Queue<J> {
    lanes: Vec<Lane<J>>,
}

struct Lane<J> {
    servers: ServerSet,
    /// Ascending turns.
    waiting: VecDeque<(u64, J)>,
}

impl<J> Queue<J> {
    pub(crate) fn new() -> Queue<J> {
        Queue { lanes: Vec::new() }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting.len()).sum()
    }

    /// How many items any of `servers` may take.
    pub(crate) fn ready(&self, servers: ServerSet) -> usize {
        let lanes = self.lanes.iter().filter(|l| l.servers.meets(servers));
        lanes.map(|lane| lane.waiting.len()).sum()
    }

    /// Lets `item` wait for any of `servers`; lower turns are taken first.
    pub(crate) fn push(&mut self, servers: ServerSet, turn: u64, item: J) {
        let lane = self.lane(servers);
        let at = match lane.waiting.back() {
            Some((last, _)) if *last > turn => lane.waiting.partition_point(|(t, _)| *t <= turn),
            _ => lane.waiting.len(),
        };
        lane.waiting.insert(at, (turn, item));
    }

    fn lane(&mut self, servers: ServerSet) -> &mut Lane<J> {
        let known = self.lanes.iter().position(|lane| lane.servers == servers);
        let at = known.unwrap_or_else(|| {
            self.lanes.push(Lane {
                servers,
                waiting: VecDeque::new(),
            });
            self.lanes.len() - 1
        });
        &mut self.lanes[at]
    }

    /// The oldest item that `server` may take, and who else might have.
    pub(crate) fn take(&mut self, server: usize) -> Option<(ServerSet, J)> {
        let mine = self
            .lanes
            .iter_mut()
            .filter(|lane| lane.servers.has(server));
        let oldest = mine.filter(|lane| !lane.waiting.is_empty());
        let lane = oldest.min_by_key(|lane| lane.waiting.front().map(|(turn, _)| *turn))?;
        let (_, item) = lane.waiting.pop_front()?;
        Some((lane.servers, item))
    }

    /// Takes everything out, to be routed anew.
    pub(crate) fn drain(&mut self) -> Vec<J> {
        let lanes = std::mem::take(&mut self.lanes);
        let mut all: Vec<(u64, J)> = lanes.into_iter().flat_map(|lane| lane.waiting).collect();
        all.sort_by_key(|(turn, _)| *turn);
        all.into_iter().map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_first_over_all_sets() {
        let mut queue = Queue::new();
        let both: ServerSet = [0, 1].into_iter().collect();
        queue.push(both, 1, "b");
        queue.push(both, 2, "c");
        queue.push(ServerSet::one(1), 0, "a");
        queue.push(both, 0, "again");
        assert_eq!(queue.len(), 4);
        assert_eq!(queue.ready(ServerSet::one(0)), 3);
        assert_eq!(queue.ready(both), 4);
        assert_eq!(queue.ready(ServerSet::one(2)), 0);
        let mut take = |server| queue.take(server).map(|(_, item)| item);
        assert_eq!(take(0), Some("again"));
        assert_eq!(take(1), Some("a"));
        assert_eq!(take(1), Some("b"));
        assert_eq!(take(0), Some("c"));
        assert_eq!(take(0), None);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn drained_in_turn() {
        let mut queue = Queue::new();
        queue.push(ServerSet::one(0), 2, "c");
        queue.push(ServerSet::one(1), 1, "b");
        queue.push(ServerSet::one(0), 0, "a");
        assert_eq!(queue.drain(), ["a", "b", "c"]);
        assert_eq!(queue.len(), 0);
    }
}
