//! `missing` and `failed`: segments that did not become bytes. They keep all
//! that the segment had, so that they can be fed to another fetch.

use crate::Segment;
use crate::words::words;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

words! {
    /// What kind of failure it was; decides the exit code and what may help.
    Class {
        /// The article is not there.
        Missing = "missing",
        /// The connection broke, stalled or sent what fits no request.
        Transport = "transport",
        /// The server allows no more connections, or no more for now.
        Capacity = "capacity",
        /// The server refused the login or its certificate was refused.
        Login = "login",
        /// An article arrived, but its bytes are not right.
        Damaged = "damaged",
        /// The segment itself cannot be used, such as an illegal message-id.
        BadInput = "bad-input",
        /// No session with any server became usable.
        Unreachable = "unreachable",
        /// The user or the system stopped the program.
        Interrupted = "interrupted",
        /// A bug in the program that says so.
        Internal = "internal",
    }
}

impl Default for Class {
    /// No word: the record did not say.
    fn default() -> Class {
        Class::Other(String::new())
    }
}

/// What one server answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tried {
    /// Name of the server.
    pub server: String,
    /// What kind of failure it was.
    pub class: Class,
    /// Response code (RFC 3977 section 3.2), if there was a response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Text of the response or of the error. Untrusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How often this server was asked.
    pub tries: u64,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `missing`: every server that could be asked says the article is not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Missing {
    /// What each server answered.
    pub tried: Vec<Tried>,
    /// The segment that was asked for, and all unknown keys.
    #[serde(flatten)]
    pub segment: Segment,
}

/// `failed`: the segment went no further, for another reason than absence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failed {
    /// The program that gave up.
    pub stage: String,
    /// What kind of failure it was.
    pub class: Class,
    /// Why, for people and logs; short.
    pub reason: String,
    /// Response code of the last answer, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// What each server answered; empty if none was asked.
    pub tried: Vec<Tried>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The segment that was asked for, and all unknown keys.
    #[serde(flatten)]
    pub segment: Segment,
}
