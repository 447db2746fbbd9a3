//! `segment`: one piece of a file that an NZB asks for. All later records about
//! the piece repeat these keys.

use crate::keys;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An entry of an NZB, with all that is needed to fetch it and to say which
/// file it belongs to.
///
/// Records made from a segment ([`Body`](crate::Body), [`Part`](crate::Part),
/// [`Missing`](crate::Missing), [`Failed`](crate::Failed)) hold it as a field
/// and keep their unknown keys in its `extra`, so that a key added upstream
/// arrives downstream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Segment {
    /// Digest of the NZB; empty in a hand-made stream.
    pub job: String,
    /// Name of the job, for people and for the output folder.
    pub job_name: String,
    /// Index of the file in its NZB, from 0.
    pub file: u64,
    /// Digest of the file's ordered numbers and message-ids.
    pub file_id: String,
    /// File name, as text. Untrusted.
    pub name: String,
    /// The raw bytes of `name` in base64, if they were not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_b64: Option<String>,
    /// Where the name was found: `subject-quoted`, `extension`, `subject`, `index`.
    pub name_from: String,
    /// Number of the piece in its file, from 1.
    pub number: u64,
    /// How many distinct numbers the NZB lists for the file; 0 if that is unknown.
    pub of: u64,
    /// Encoded size of the whole file as the NZB states it, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
    /// Encoded size of this piece as the NZB states it; written as `null` if it
    /// does not, so that every segment has the key.
    pub bytes: Option<u64>,
    /// Message-id without `<>`.
    pub id: String,
    /// Message-ids of other articles with the same piece, in the NZB's order.
    pub alt: Vec<String>,
    /// When the article was posted, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<i64>,
    /// Who posted it, as the NZB says.
    pub poster: String,
    /// Newsgroups it was posted to.
    pub groups: Vec<String>,
    /// Subject of the article, as the NZB says.
    pub subject: String,
    /// Keys that this version does not know.
    #[serde(flatten, deserialize_with = "keys::rest")]
    pub extra: Map<String, Value>,
}

impl Default for Segment {
    /// An unnamed piece, number 1 of a file of which nothing is known.
    fn default() -> Segment {
        Segment {
            job: String::new(),
            job_name: String::new(),
            file: 0,
            file_id: String::new(),
            name: String::new(),
            name_b64: None,
            name_from: String::new(),
            number: 1,
            of: 0,
            file_bytes: None,
            bytes: None,
            id: String::new(),
            alt: Vec::new(),
            date: None,
            poster: String::new(),
            groups: Vec::new(),
            subject: String::new(),
            extra: Map::new(),
        }
    }
}
