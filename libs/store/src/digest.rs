//! When a file in hand is hashed: as it is written where the order allows, else soon after,
//! while the system still has the bytes in memory. The hashing is [`hash`](crate::hash)'s.

use crate::Error;
use crate::hash::{Digests, Running};
use crate::held::Held;
use crate::lane::State;
use crate::recorded::Done;

/// With more to be read back than this, there was an earlier run, and the file may never
/// come to be whole: it can wait.
const SOON: u64 = 64 << 20;

impl<T> Held<'_, T> {
    /// Hears of bytes that were written where they stay.
    pub fn hash(&mut self, offset: u64, bytes: &[u8]) {
        let hashes = self.shared.options.hashes;
        let running = &mut self.desk.hashing;
        let running = running.get_or_insert_with(|| Box::new(Running::new(hashes)));
        running.take(offset, bytes);
    }

    /// Bytes that were heard of are not in the file any more.
    pub fn unhash(&mut self) {
        if let Some(running) = &mut self.desk.hashing {
            running.forget();
        }
    }

    /// Reads back what did not come in order, as far as there is no hole.
    pub fn hash_rest(&mut self) {
        let (State::Open(pieces), Some(_)) = (&self.desk.state, &self.desk.hashing) else {
            return;
        };
        let filled = pieces.proven_start();
        let is_soon = |running: &Running| (1..=SOON).contains(&running.lag(filled));
        if !self.desk.hashing.as_deref().is_some_and(is_soon) {
            return;
        }
        let Ok(file) = self.data() else {
            return;
        };
        if let Some(running) = &mut self.desk.hashing {
            // Read again at the end, and if that fails it is said.
            let _ = running.catch_up(&file, filled);
        }
    }

    /// The digests of the whole file, which has `size` bytes.
    pub fn digest(&mut self, size: u64) -> Result<Digests, Error> {
        let hashes = self.shared.options.hashes;
        let running = self.desk.hashing.take();
        let running = running.map_or_else(|| Running::new(hashes), |running| *running);
        let file = self.data()?;
        running.finish(&file, size).map_err(|e| self.failed(e))
    }

    /// Those of one that an earlier run completed.
    pub fn digest_of(&self, done: &Done) -> Result<Digests, Error> {
        let dir = self.dir()?;
        let failed = |e| dir.error(&done.name, e);
        match dir.open_regular(&done.name).map_err(failed)? {
            Some(file) => Running::new(self.shared.options.hashes)
                .finish(&file, done.size)
                .map_err(failed),
            None => Ok(Digests::default()),
        }
    }
}
