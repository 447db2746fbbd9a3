//! Message-ids: which text is one. Nothing else ever reaches a server, so the
//! rule is stricter than what servers accept.

use std::fmt;

use crate::error::shown;

/// Octets of the longest message-id, without its angle brackets. RFC 3977
/// §3.6 counts the brackets in; nothing in use cares about those two octets.
const LONGEST: usize = 250;

/// A segment that cannot be asked for, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{shown}\" {why}")]
pub struct BadId {
    /// The text as found, escaped to ASCII and cut: fit for a terminal.
    pub shown: String,
    /// What is wrong with it.
    pub why: Why,
}

impl BadId {
    pub(crate) fn new(text: &str, why: Why) -> BadId {
        BadId {
            shown: shown(text),
            why,
        }
    }

    /// One word for records: `bad-message-id` or `bad-number`.
    pub fn reason(&self) -> &'static str {
        match self.why {
            Why::Number => "bad-number",
            _ => "bad-message-id",
        }
    }
}

/// What makes a [`BadId`] bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Nothing, or nothing between `<` and `>`.
    Empty,
    /// More than 250 octets without its angle brackets.
    TooLong,
    /// A character that is not printable ASCII: space, CR, LF, control, 8 bit.
    Character(char),
    /// `<` or `>` inside.
    Bracket,
    /// The id may be good, but the segment has no usable number while others
    /// of its file do, so its place is unknown.
    Number,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Empty => f.write_str("is empty"),
            Why::TooLong => write!(f, "is longer than {LONGEST} octets"),
            Why::Character(c) => write!(f, "contains U+{:04X}", u32::from(*c)),
            Why::Bracket => f.write_str("contains an angle bracket"),
            Why::Number => f.write_str("has no usable segment number"),
        }
    }
}

/// The message-id in `text`, without angle brackets.
///
/// One pair of `<>` around it is taken off. What is left must be 1 to 250
/// octets of printable ASCII without space, `<` and `>` (RFC 3977 §3.6).
/// Nothing is trimmed: white space is an error here.
pub fn message_id(text: &str) -> Result<&str, BadId> {
    let id = text
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap_or(text);
    match fault(id) {
        None => Ok(id),
        Some(why) => Err(BadId::new(text, why)),
    }
}

fn fault(id: &str) -> Option<Why> {
    if id.is_empty() {
        return Some(Why::Empty);
    }
    if id.len() > LONGEST {
        return Some(Why::TooLong);
    }
    let is_good = |b: u8| b.is_ascii_graphic() && b != b'<' && b != b'>';
    // Nearly all are good, and without a short cut many octets are looked at at once.
    if id.bytes().fold(true, |all, b| all & is_good(b)) {
        return None;
    }
    let bad = id.bytes().position(|b| !is_good(b))?;
    match id[bad..].chars().next()? {
        '<' | '>' => Some(Why::Bracket),
        other => Some(Why::Character(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_ids_lose_one_pair_of_brackets() {
        for (text, id) in [
            ("a@b", "a@b"),
            ("<a@b>", "a@b"),
            ("x", "x"),
            ("a&b=+$%@c", "a&b=+$%@c"),
        ] {
            assert_eq!(message_id(text), Ok(id));
        }
        let longest = "a".repeat(250);
        assert_eq!(message_id(&longest), Ok(longest.as_str()));
    }

    #[test]
    fn illegal_ids_say_why() {
        let table: &[(&str, Why)] = &[
            ("", Why::Empty),
            ("<>", Why::Empty),
            ("a b", Why::Character(' ')),
            (" a@b", Why::Character(' ')),
            ("a@b\r\nQUIT", Why::Character('\r')),
            ("a@b\n", Why::Character('\n')),
            ("a\0b", Why::Character('\0')),
            ("a\tb", Why::Character('\t')),
            ("a\u{7f}b", Why::Character('\u{7f}')),
            ("a\u{85}b", Why::Character('\u{85}')),
            ("a\u{a0}b", Why::Character('\u{a0}')),
            ("a\u{2028}b", Why::Character('\u{2028}')),
            ("ä@b", Why::Character('ä')),
            ("a>b", Why::Bracket),
            ("<a@b", Why::Bracket),
            ("<<a@b>>", Why::Bracket),
        ];
        for (text, why) in table {
            assert_eq!(
                message_id(text).map_err(|bad| bad.why),
                Err(*why),
                "{text:?}"
            );
        }
        assert_eq!(
            message_id(&"a".repeat(251)).map_err(|bad| bad.why),
            Err(Why::TooLong)
        );
    }

    #[test]
    fn what_is_shown_is_safe_and_short() {
        let bad = BadId::new("a\r\n\u{202e}é", Why::Empty);
        assert_eq!(bad.shown, "a\\r\\n\\u{202e}\\u{e9}");
        assert!(BadId::new(&"x".repeat(9999), Why::TooLong).shown.len() < 100);
    }
}
