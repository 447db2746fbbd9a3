//! `body` and `part`: the records that carry the bytes of a piece, first as the
//! article had them, then decoded.

use crate::Segment;
use crate::words::words;
use serde::{Deserialize, Serialize};

// In every struct here `segment` is the last field: serde gives the flattened
// fields their keys in order, and the segment keeps all that are left over.

/// Where the bytes came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Name of the server that sent the article.
    pub server: String,
    /// Requests it took, all servers together.
    pub tries: u64,
    /// Milliseconds from the first request to the last byte.
    pub ms: u64,
}

/// What the check of a piece against its checksum said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crc {
    /// A checksum was there and is right.
    Ok,
    /// A checksum, size or range was there and is wrong.
    Mismatch,
    /// There was no checksum.
    #[default]
    Absent,
    /// The data end before their trailer.
    Truncated,
}

impl Crc {
    /// The word as it stands in the stream.
    pub fn as_str(self) -> &'static str {
        match self {
            Crc::Ok => "ok",
            Crc::Mismatch => "mismatch",
            Crc::Absent => "absent",
            Crc::Truncated => "truncated",
        }
    }
}

words! {
    /// How an article carried a piece, if not in yEnc. Such pieces do not say where they
    /// belong: they follow each other by their numbers.
    Encoding {
        /// In UUencode.
        Uu = "uu",
        /// In none that is known: the payload is the article's lines.
        Raw = "raw",
    }
}

/// `body`: the body of an article. The payload is its lines as they came from
/// the server, without the line that ends the block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Body {
    /// Whether lines that begin with a dot still carry a second one (RFC 3977
    /// section 3.1.1), so that the decoder has to remove it.
    pub stuffed: bool,
    /// What the check during the fetch said, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc: Option<Crc>,
    /// Why the fetch calls the body damaged, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Server, tries and time.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The segment that was asked for, and all unknown keys.
    #[serde(flatten)]
    pub segment: Segment,
}

/// `part`: a decoded piece. The default lies at the file's beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Where the payload belongs in the file, in bytes from 0. Required if there is no
    /// `encoding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// How the article carried the piece, if not in yEnc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Whether the file ends in this piece, where the encoding tells.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends: bool,
    /// Size of the whole file as the article states it (yEnc `=ybegin size=`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What the check of the piece said. Required. In UUencode there is nothing to
    /// prove a piece right: at best it is `Absent`.
    pub crc: Crc,
    /// CRC-32 of the payload, 8 lower-case hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32: Option<String>,
    /// CRC-32 of the whole file as a part of several states it (yEnc `=yend crc32=`),
    /// 8 lower-case hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_crc32: Option<String>,
    /// File name as the article states it, as text. Untrusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yenc_name: Option<String>,
    /// The raw bytes of `yenc_name` in base64, if they were not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yenc_name_b64: Option<String>,
    /// Part number as the article states it (yEnc `=ybegin part=`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yenc_part: Option<u64>,
    /// Number of parts as the article states it (yEnc `=ybegin total=`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Server, tries and time, as the `body` had them.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The segment that was asked for, and all unknown keys. Its `id` may be
    /// empty: nothing is fetched any more.
    #[serde(flatten)]
    pub segment: Segment,
}

impl Default for Part {
    fn default() -> Part {
        Part {
            // Without one no reader takes it.
            offset: Some(0),
            encoding: None,
            ends: false,
            size: None,
            crc: Crc::default(),
            crc32: None,
            file_crc32: None,
            yenc_name: None,
            yenc_name_b64: None,
            yenc_part: None,
            total: None,
            provenance: Provenance::default(),
            segment: Segment::default(),
        }
    }
}
