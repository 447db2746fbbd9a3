//! `article`: a whole article, its header lines parsed beside it.
//!
//! Finding the header in the lines of an article is for whoever has them.

use crate::{Crc, Provenance, Segment, text};
use serde::{Deserialize, Serialize};

/// `article`: an article as the server sent it. The payload is its lines, header
/// lines first, then an empty one, then the body, without the line that ends the
/// block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Article {
    /// Whether lines that begin with a dot still carry a second one (RFC 3977
    /// section 3.1.1).
    pub stuffed: bool,
    /// What the check during the fetch said, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc: Option<Crc>,
    /// Why the fetch calls the article damaged, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Server, tries and time.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Its header fields, in their order.
    pub headers: Vec<Field>,
    /// Whether there are more of them than a record's header has room for; the
    /// payload has them all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub headers_cut: bool,
    /// The segment that was asked for, and all unknown keys. Its `id` may be
    /// empty: an article that was never posted may have none.
    #[serde(flatten)]
    pub segment: Segment,
}

/// A header field (RFC 5536 section 2.2): an array of its name, its value, and,
/// only if the value was not UTF-8, the value's bytes in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field(
    /// The name, as it is written there.
    pub String,
    /// The value, unfolded, without the blanks around it. Untrusted.
    pub String,
    /// The value's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub Option<String>,
);

impl Field {
    /// A field whose value is `bytes`.
    pub fn new(name: impl Into<String>, bytes: &[u8]) -> Field {
        let (value, raw) = text(bytes);
        Field(name.into(), value, raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_an_array_of_two_or_three() {
        let article = Article {
            headers: vec![Field::new("From", b"a@b"), Field::new("Subject", b"\xe9")],
            ..Article::default()
        };
        let json = serde_json::to_value(&article).unwrap();
        let wanted = serde_json::json!([["From", "a@b"], ["Subject", "\u{fffd}", "6Q=="]]);
        assert_eq!(json["headers"], wanted);
        assert_eq!(json.get("headers_cut"), None);
        let read: Article = serde_json::from_value(json).unwrap();
        assert_eq!(read, article);
    }
}
