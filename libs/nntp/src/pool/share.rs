//! Each connection's share of what is left, and of the line.

use std::sync::atomic::Ordering::Relaxed;

use super::Pool;
use crate::Sinks;
use crate::site::Site;

impl<S: Sinks> Pool<S> {
    /// How many requests a session of `server` that knows its `rate` may have
    /// in flight, whatever its window: its share of what is left, so that in the
    /// end all are done at once. 0 if others of the server are so much faster
    /// that it had better leave the last ones to them.
    pub(crate) fn fair(&self, server: usize, rate: Option<f64>) -> usize {
        let left = self.unfinished.load(Relaxed);
        let (total, rated) = self.line();
        let open = self.stats.connections().max(1);
        let (Some(rate), 1..) = (rate, rated) else {
            return left.div_ceil(self.stats.allowed().max(1) as usize).max(1);
        };
        let mean = total as f64 / rated as f64;
        let (mine, of_mine) = self.site(server).rates();
        let slow = of_mine > 1 && rate * 4.0 < mine as f64 / of_mine as f64;
        if slow && left as u64 <= open && self.is_all_in() {
            return 0;
        }
        let share = rate / (mean * open as f64).max(rate).max(1.0);
        ((left as f64 * share).ceil() as usize).max(1)
    }

    /// Octets a second over all sessions that know theirs, and their number.
    pub(crate) fn line(&self) -> (u64, u64) {
        let sum = |(a, b): (u64, u64), (c, d): (u64, u64)| (a.saturating_add(c), b + d);
        self.sites().map(Site::rates).fold((0, 0), sum)
    }
}
