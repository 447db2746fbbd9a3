//! One piece that is in a file, and what pieces say about their file. Pure data.

use crate::types::{Order, Piece};

/// A piece that is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub offset: u64,
    pub len: u32,
    pub crc32: u32,
    pub verified: bool,
    /// Given if it does not lie where it says but where its number puts it.
    pub order: Option<Order>,
    /// The number of its fingerprint among those of its file.
    pub print: u16,
}

impl Entry {
    /// The piece without its bytes. No piece that is taken in has 4 GiB.
    pub fn of(piece: &Piece<'_>) -> Entry {
        Entry {
            offset: piece.offset,
            len: u32::try_from(piece.bytes.len()).unwrap_or(u32::MAX),
            crc32: piece.crc32,
            verified: piece.verified && piece.order.is_none(),
            order: piece.order,
            print: 0,
        }
    }

    /// Whether both are the same bytes at the same place.
    pub fn is_same(&self, other: &Entry) -> bool {
        let all = |e: &Entry| (e.offset, e.len, e.crc32, e.order);
        all(self) == all(other)
    }

    /// Where it ends.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.len))
    }
}

/// What several voices say about one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Agreed<T> {
    /// Nobody said anything.
    #[default]
    Nothing,
    /// All said this.
    On(T),
    /// They differ; it cannot be told who is right.
    Split,
}

impl<T> Agreed<T> {
    /// What all agree on.
    pub fn get(&self) -> Option<&T> {
        match self {
            Agreed::On(value) => Some(value),
            _ => None,
        }
    }
}

impl<T: PartialEq> Agreed<T> {
    /// Whether this is no news.
    fn has_heard(&self, value: &T) -> bool {
        match self {
            Agreed::Nothing => false,
            Agreed::On(old) => old == value,
            Agreed::Split => true,
        }
    }

    fn hear(&mut self, value: T) {
        match self {
            Agreed::Nothing => *self = Agreed::On(value),
            Agreed::On(old) if *old != value => *self = Agreed::Split,
            _ => {}
        }
    }
}

/// What the pieces' own headers say about the file. Decoys are common here, so it is
/// used only where all agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    pub size: Agreed<u64>,
    pub name: Agreed<String>,
    pub crc32: Agreed<u32>,
}

impl Hints {
    /// The hints after one more piece, if it changes them: most say what all say.
    pub fn after(&self, piece: &Piece<'_>) -> Option<Hints> {
        let size = piece.size.is_none_or(|size| self.size.has_heard(&size));
        let name = piece.yenc_name.filter(|name| !name.is_empty());
        let name = name.is_none_or(|name| match &self.name {
            Agreed::On(old) => old == name,
            agreed => *agreed == Agreed::Split,
        });
        let crc32 = piece
            .file_crc32
            .is_none_or(|crc| self.crc32.has_heard(&crc));
        (!(size && name && crc32)).then(|| self.with(piece))
    }

    /// The hints after one more piece.
    pub fn with(&self, piece: &Piece<'_>) -> Hints {
        let mut hints = self.clone();
        if let Some(size) = piece.size {
            hints.size.hear(size);
        }
        if let Some(name) = piece.yenc_name.filter(|name| !name.is_empty()) {
            hints.name.hear(name.to_owned());
        }
        if let Some(crc32) = piece.file_crc32 {
            hints.crc32.hear(crc32);
        }
        hints
    }
}
