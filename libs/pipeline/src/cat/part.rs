//! What a `part` record says, as the other rooms here need it.

use nzbpipe_record::{Encoding, Part};

use super::line::Piece;

/// A part of `len` bytes as it has to be put in line.
pub(super) fn piece(part: &Part, len: usize) -> Piece {
    Piece {
        number: part.segment.number,
        offset: part.offset.unwrap_or_default(),
        len: len as u64,
        encoding: encoding(part),
        ends: part.ends,
    }
}

/// The encoding of a part that has no place of its own; any other is read as if it were
/// not there.
pub(super) fn encoding(part: &Part) -> Option<Encoding> {
    match part.encoding {
        Some(Encoding::Uu) => Some(Encoding::Uu),
        Some(Encoding::Raw) => Some(Encoding::Raw),
        _ => None,
    }
}

/// Whether the bytes are not those that the record speaks of.
pub(super) fn differs(part: &Part, crc32: u32) -> bool {
    let told = part.crc32.as_deref();
    told.is_some_and(|told| hex(told) != Some(crc32))
}

pub(super) fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}
