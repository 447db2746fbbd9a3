//! Digests of a file while it is written: what comes in order is hashed from memory, the
//! rest is read back. What belongs in a file, and when it is whole, is decided elsewhere.

mod head;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::types::Hashes;
use head::{HEAD, Head};

/// How much is read back at once.
const BLOCK: usize = 256 << 10;

/// The digests of one file, as far as they are.
///
/// It hears of every piece that is written ([`take`](Running::take)), and now and then up
/// to where the file has no hole ([`catch_up`](Running::catch_up)): best soon after the
/// hole was filled, as long as the kernel has the bytes in memory. Bytes it heard of are
/// not read again, so whoever writes others in their place says so
/// ([`forget`](Running::forget)).
#[derive(Debug)]
pub(crate) struct Running {
    head: Head,
    whole: Option<Box<Whole>>,
}

/// The digests of all of a file.
#[derive(Debug)]
struct Whole {
    sha256: Option<Sha256>,
    blake3: Option<blake3::Hasher>,
    /// How far they are.
    at: u64,
}

/// What came out. `None` is what nobody asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Digests {
    pub md5_16k: Option<[u8; 16]>,
    pub sha256: Option<[u8; 32]>,
    pub blake3: Option<[u8; 32]>,
}

impl Running {
    /// Digests of a file of which nothing was heard yet. MD5 of the first 16 KiB is
    /// always one of them.
    pub fn new(hashes: Hashes) -> Running {
        Running {
            head: Head::default(),
            whole: Whole::new(hashes),
        }
    }

    /// Notes what was written at `offset`. Bytes that come ahead are not kept, but those
    /// of the first 16 KiB.
    pub fn take(&mut self, offset: u64, bytes: &[u8]) {
        self.head.take(offset, bytes);
        if let Some(whole) = &mut self.whole {
            whole.take(offset, bytes);
        }
    }

    /// How many bytes [`catch_up`](Running::catch_up) would read.
    pub fn lag(&self, filled: u64) -> u64 {
        let (from, end) = self.behind(filled);
        end.saturating_sub(from)
    }

    /// Hashes what lies before `filled` and did not come in order. There must be no hole
    /// before `filled`.
    ///
    /// # Errors
    /// As reading has them; the file being shorter is one. What was read counts.
    pub fn catch_up(&mut self, file: &File, filled: u64) -> io::Result<()> {
        let (mut at, end) = self.behind(filled);
        let mut block = Vec::new();
        while at < end {
            let want = usize::try_from(end - at).map_or(BLOCK, |left| left.min(BLOCK));
            block.resize(want, 0);
            file.read_exact_at(&mut block, at)?;
            self.take(at, &block);
            at += want as u64;
        }
        Ok(())
    }

    /// From where to where has to be read back. The head is behind the whole only where it
    /// begins anew: it hears the same, and keeps more.
    fn behind(&self, filled: u64) -> (u64, u64) {
        match &self.whole {
            Some(whole) if self.head.at() < HEAD => (whole.at.min(self.head.at()), filled),
            Some(whole) => (whole.at, filled),
            None => (self.head.at(), filled.min(HEAD)),
        }
    }

    /// MD5 of the first 16 KiB, once all of them were heard of. Of a file that is
    /// smaller only [`finish`](Running::finish) can tell.
    pub fn md5_16k(&self) -> Option<[u8; 16]> {
        self.head.digest()
    }

    /// Begins anew: bytes that were heard of are not what is in the file.
    pub fn forget(&mut self) {
        self.head = Head::default();
        if let Some(whole) = &mut self.whole {
            whole.forget();
        }
    }

    /// The digests of the whole file, which has `size` bytes.
    ///
    /// # Errors
    /// As for [`catch_up`](Running::catch_up).
    pub fn finish(mut self, file: &File, size: u64) -> io::Result<Digests> {
        // What lay behind the end was cut off.
        if self.head.end() > size.min(HEAD) {
            self.head = Head::default();
        }
        if let Some(whole) = self.whole.as_mut().filter(|whole| whole.at > size) {
            whole.forget();
        }
        self.catch_up(file, size)?;
        let mut digests = Digests {
            md5_16k: Some(self.head.digest_so_far()),
            ..Digests::default()
        };
        if let Some(whole) = self.whole {
            digests.sha256 = whole.sha256.map(|hasher| hasher.finalize().into());
            digests.blake3 = whole.blake3.map(|hasher| hasher.finalize().into());
        }
        Ok(digests)
    }
}

impl Whole {
    /// `None` if nothing is wanted.
    fn new(hashes: Hashes) -> Option<Box<Whole>> {
        let Hashes { sha256, blake3 } = hashes;
        (sha256 || blake3).then(|| {
            Box::new(Whole {
                sha256: sha256.then(Sha256::new),
                blake3: blake3.then(blake3::Hasher::new),
                at: 0,
            })
        })
    }

    fn take(&mut self, offset: u64, bytes: &[u8]) {
        let known = self.at.checked_sub(offset);
        let known = known.and_then(|known| usize::try_from(known).ok());
        let Some(bytes) = known.and_then(|known| bytes.get(known..)) else {
            return;
        };
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.blake3 {
            hasher.update(bytes);
        }
        self.at += bytes.len() as u64;
    }

    fn forget(&mut self) {
        if let Some(hasher) = &mut self.sha256 {
            hasher.reset();
        }
        if let Some(hasher) = &mut self.blake3 {
            hasher.reset();
        }
        self.at = 0;
    }
}

#[cfg(test)]
mod tests;
