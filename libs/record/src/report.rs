//! Records about the stream, the job, the files and the run, not about one
//! segment.

use crate::keys;
use crate::words::words;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `stream`: the first record of a stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stream {
    /// Version of the stream; [`VERSION`](crate::VERSION) or the record is refused.
    pub v: u64,
    /// Program and version that wrote it.
    pub by: String,
    /// Keys that this version does not know.
    #[serde(flatten, deserialize_with = "keys::rest")]
    pub extra: Map<String, Value>,
}

impl Stream {
    /// The first record of a program's own output; `by` is `"name version"`.
    pub fn new(by: impl Into<String>) -> Stream {
        Stream {
            v: crate::VERSION,
            by: by.into(),
            extra: Map::new(),
        }
    }
}

/// `job`: one NZB. Its counts are for display and never compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Digest of the NZB.
    pub job: String,
    /// Name for people and for the output folder.
    pub name: String,
    /// Files that will be named.
    pub files: u64,
    /// Segments that will follow.
    pub segments: u64,
    /// Sum of the encoded sizes that are known.
    pub bytes: u64,
    /// Password of the archive inside, if the NZB or its name states one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The NZB's `<meta>` entries by type: a text, or an array of texts.
    pub meta: Map<String, Value>,
    /// Keys that this version does not know.
    #[serde(flatten, deserialize_with = "keys::rest")]
    pub extra: Map<String, Value>,
}

/// The state of a file when the writer let go of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileStatus {
    /// Every byte is there and checked.
    Complete,
    /// Bytes are missing.
    #[default]
    Incomplete,
    /// Every byte is there, some without a checksum to check.
    Unverified,
    /// Pieces arrived whose bytes are not right.
    Damaged,
}

impl FileStatus {
    /// The word as it stands in the stream.
    pub fn as_str(self) -> &'static str {
        match self {
            FileStatus::Complete => "complete",
            FileStatus::Incomplete => "incomplete",
            FileStatus::Unverified => "unverified",
            FileStatus::Damaged => "damaged",
        }
    }
}

/// `file`: a file is complete, or what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileReport {
    /// Digest of the NZB.
    pub job: String,
    /// Name of the job.
    pub job_name: String,
    /// Index of the file in its NZB.
    pub file: u64,
    /// Digest of the file's ordered numbers and message-ids.
    pub file_id: String,
    /// The name that it got, or would get.
    pub name: String,
    /// Where the complete file is, from the output directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What became of it.
    pub status: FileStatus,
    /// Size of the whole file in bytes, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Segments of the file (`of`); the four counts below are shares of it.
    pub segments: u64,
    /// Segments written and checked.
    pub ok: u64,
    /// Segments that did not arrive.
    pub missing: u64,
    /// Segments whose bytes are not right.
    pub damaged: u64,
    /// Segments written without a checksum to check.
    pub unverified: u64,
    /// Bytes that are not on disk: first offset, and the one after the last.
    pub missing_ranges: Vec<[u64; 2]>,
    /// Of them, those that only damaged copies were found of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged_ranges: Vec<[u64; 2]>,
    /// CRC-32 of the whole file, 8 lower-case hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc32: Option<String>,
    /// The same as the articles state it, where they agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc32_declared: Option<String>,
    /// Whether both are there and are the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc32_matches: Option<bool>,
    /// MD5 of the first 16 KiB, 32 lower-case hexadecimal digits: par2 files know their
    /// files by it, whatever they are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub md5_16k: Option<String>,
    /// SHA-256 of the whole file, 64 lower-case hexadecimal digits, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// BLAKE3 of the whole file, 64 lower-case hexadecimal digits, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    /// Segments that an earlier run wrote.
    #[serde(skip_serializing_if = "is_zero")]
    pub resumed: u64,
    /// Keys that this version does not know.
    #[serde(flatten, deserialize_with = "keys::rest")]
    pub extra: Map<String, Value>,
}

/// What serde asks by reference.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

words! {
    /// How a stage ended.
    Status {
        /// All done.
        Ok = "ok",
        /// Finished, but not everything is there.
        Partial = "partial",
        /// Stopped by the user or the system.
        Interrupted = "interrupted",
        /// Stopped by an error.
        Error = "error",
    }
}

impl Default for Status {
    /// A bare `end` says that the stream came to its end, and nothing else.
    fn default() -> Status {
        Status::Ok
    }
}

/// `end`: the last record of a stream. Its counts are for display and never
/// compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct End {
    /// Program and version that wrote it.
    pub by: String,
    /// How the stage ended.
    pub status: Status,
    /// Exit code of the stage.
    pub code: u8,
    /// Segments seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<u64>,
    /// Of them: done and checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ok: Option<u64>,
    /// Of them: on no server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<u64>,
    /// Of them: failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<u64>,
    /// Of them: with bytes that are not right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<u64>,
    /// Payload bytes written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What to tell people, if `status` does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Keys that this version does not know.
    #[serde(flatten, deserialize_with = "keys::rest")]
    pub extra: Map<String, Value>,
}

/// A record of a type that this version does not know. Filters pass it on with
/// its payload.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unknown {
    /// Its `type`.
    pub kind: String,
    /// All its keys but `type` and `len`, in order.
    pub map: Map<String, Value>,
}
