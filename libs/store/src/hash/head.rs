//! MD5 of a file's first 16 KiB, out of pieces in any order and of any size.

use md5::{Digest, Md5};

use crate::coverage::Coverage;

/// How much of a file it is about, in bytes.
pub(super) const HEAD: u64 = 16 << 10;

/// The digest as far as it is, and what came ahead of it.
#[derive(Debug, Default)]
pub(super) struct Head {
    md5: Md5,
    /// How many bytes are in the digest.
    at: u64,
    /// What came ahead, where it belongs. Usual pieces are larger than the head, so that
    /// this stays empty.
    ahead: Vec<u8>,
    filled: Coverage,
    /// All is in; kept, for it is asked for more than once.
    done: Option<[u8; 16]>,
}

impl Head {
    /// How many bytes from the beginning are known.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Where what is known ends.
    pub fn end(&self) -> u64 {
        self.filled.end().max(self.at)
    }

    /// The digest of all of the head.
    pub fn digest(&self) -> Option<[u8; 16]> {
        self.done
    }

    /// The digest of what is known: the file has no more bytes.
    pub fn digest_so_far(&self) -> [u8; 16] {
        let so_far = || self.md5.clone().finalize().into();
        self.done.unwrap_or_else(so_far)
    }

    /// Notes bytes that lie at `offset`. Of no effect, and no cost, behind the head.
    pub fn take(&mut self, offset: u64, bytes: &[u8]) {
        if offset >= HEAD || self.done.is_some() {
            return;
        }
        let room = usize::try_from(HEAD - offset).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        match usize::try_from(self.at.saturating_sub(offset)) {
            _ if offset > self.at => self.keep(offset, bytes),
            Ok(known) if known < bytes.len() => self.hash(&bytes[known..]),
            _ => {}
        }
    }

    /// Hashes what comes next, and what came ahead and comes next now.
    fn hash(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.at += bytes.len() as u64;
        if self.filled.overlaps(self.at, self.at + 1) {
            let gaps = self.filled.gaps(HEAD);
            let next = gaps.iter().map(|gap| gap.0).find(|&gap| gap > self.at);
            let end = next.unwrap_or(HEAD);
            self.md5.update(&self.ahead[self.at as usize..end as usize]);
            self.at = end;
        }
        if self.at == HEAD {
            self.done = Some(self.digest_so_far());
            (self.ahead, self.filled) = Default::default();
        }
    }

    /// Keeps bytes for later. Those that overlap others do not belong to a whole file;
    /// the file is read where they were.
    fn keep(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset + bytes.len() as u64;
        if self.filled.insert(offset, end) {
            let (start, end) = (offset as usize, end as usize);
            self.ahead.resize(self.ahead.len().max(end), 0);
            self.ahead[start..end].copy_from_slice(bytes);
        }
    }
}
