//! The layout of packets: bytes to fields. Finding them, and whether they are to be
//! believed, is left to [`read`](super::read).
//!
//! All numbers are little endian. Every packet has a header of 64 bytes: the magic, its
//! length (header included, a multiple of 4), the MD5 of all that follows this MD5, the
//! set id, the type.

use super::{Id, Protected};

/// How every packet begins.
pub const MAGIC: &[u8; 8] = b"PAR2\0PKT";

/// Bytes of a header.
pub const HEADER: u64 = 64;

/// From where in a packet the MD5 is taken.
pub const HASHED_FROM: u64 = 32;

/// The length of a recovery packet is that of its block and this: header and exponent.
pub const RECOVERY: u64 = HEADER + 4;

/// The fixed head of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub length: u64,
    pub md5: Id,
    pub set: Id,
    pub kind: Kind,
}

/// The types of packets that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Slice size, and the ids of the files.
    Main,
    /// Name, length and digests of a file.
    File,
    /// A file's name in UTF-16.
    UnicodeName,
    /// A recovery block.
    Recovery,
    /// Anything else: checksums of slices, the creator, comments.
    Other,
}

impl Header {
    /// The header in `bytes`, if they begin with the magic and its length can be true.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (length, rest) = u64_of(rest)?;
        let (md5, rest) = id_of(rest)?;
        let (set, rest) = id_of(rest)?;
        let kind = Kind::of(rest.first_chunk::<16>()?);
        (length >= HEADER && length.is_multiple_of(4)).then_some(Header {
            length,
            md5,
            set,
            kind,
        })
    }
}

impl Kind {
    fn of(kind: &[u8; 16]) -> Kind {
        match kind {
            b"PAR 2.0\0Main\0\0\0\0" => Kind::Main,
            b"PAR 2.0\0FileDesc" => Kind::File,
            b"PAR 2.0\0UniFileN" => Kind::UnicodeName,
            b"PAR 2.0\0RecvSlic" => Kind::Recovery,
            _ => Kind::Other,
        }
    }

    /// How much of the body of such a packet is needed, at most. A longer one means
    /// nothing: it claims more files than a set can have, or a name of a megabyte.
    pub fn needed(self) -> u64 {
        match self {
            Kind::Main => 1 << 20,
            Kind::File | Kind::UnicodeName => 1 << 16,
            Kind::Recovery => 4,
            Kind::Other => 0,
        }
    }
}

/// The body of a main packet: slice size, and the ids of the protected files. The ids
/// behind those, of files that are only listed, are passed over.
pub fn main(body: &[u8]) -> Option<(u64, Vec<Id>)> {
    let (slice, rest) = u64_of(body)?;
    let (count, rest) = u32_of(rest)?;
    if slice == 0 || !slice.is_multiple_of(4) {
        return None;
    }
    let ids = rest.as_chunks::<16>().0.get(..count as usize)?;
    Some((slice, ids.to_vec()))
}

/// The body of a file description.
pub fn file(body: &[u8]) -> Option<Protected> {
    let (id, rest) = id_of(body)?;
    let (md5, rest) = id_of(rest)?;
    let (md5_16k, rest) = id_of(rest)?;
    let (size, name) = u64_of(rest)?;
    Some(Protected {
        id,
        name: text(name),
        size,
        md5_16k,
        md5,
    })
}

/// The body of a Unicode name: the file's id and the name.
pub fn unicode_name(body: &[u8]) -> Option<(Id, String)> {
    let (id, rest) = id_of(body)?;
    let units = rest.as_chunks::<2>().0.iter().copied();
    let units = units.map(u16::from_le_bytes).take_while(|&unit| unit != 0);
    let name: Result<String, _> = char::decode_utf16(units).collect();
    Some((id, name.ok().filter(|name| !name.is_empty())?))
}

/// The exponent of a recovery block.
pub fn exponent(body: &[u8]) -> Option<u32> {
    Some(u32_of(body)?.0)
}

/// A name padded with zeros. It should be ASCII; tools write UTF-8, old ones the code
/// page of their system.
fn text(padded: &[u8]) -> String {
    let name = padded.split(|&byte| byte == 0).next().unwrap_or_default();
    match std::str::from_utf8(name) {
        Ok(name) => name.to_owned(),
        Err(_) => name.iter().map(|&byte| char::from(byte)).collect(),
    }
}

fn u64_of(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

fn u32_of(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

fn id_of(bytes: &[u8]) -> Option<(Id, &[u8])> {
    let (id, rest) = bytes.split_first_chunk()?;
    Some((*id, rest))
}
