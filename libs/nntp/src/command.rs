//! Commands as they go out, and the only type of message-id that may be in one.

use std::fmt;
use std::sync::Arc;

/// Octets of the longest message-id, without its angle brackets (RFC 3977 §3.6).
const LONGEST_ID: usize = 250;

/// A message-id without its angle brackets that is legal on a command line:
/// 1 to 250 printable ASCII octets, no space, `<` or `>`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MessageId(Arc<str>);

/// Text that is no message-id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message-id of 1 to {LONGEST_ID} printable ASCII octets without space, '<' and '>'")]
pub struct BadMessageId;

impl MessageId {
    /// Takes `text` without angle brackets.
    ///
    /// # Errors
    /// If it is not legal: it would end the command or begin another.
    pub fn new(text: &str) -> Result<MessageId, BadMessageId> {
        let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'<' && byte != b'>';
        if text.is_empty() || text.len() > LONGEST_ID || !text.bytes().all(legal) {
            return Err(BadMessageId);
        }
        Ok(MessageId(text.into()))
    }

    /// The id, without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A command to a server.
#[derive(Clone, Copy)]
pub enum Command<'a> {
    /// The body of an article (RFC 3977 §6.2.3).
    Body(&'a MessageId),
    /// The whole article (RFC 3977 §6.2.1).
    Article(&'a MessageId),
    /// The server's clock (RFC 3977 §7.1): a question whose answer fits no other.
    Date,
    /// The first half of a login (RFC 4643 §2.3). Free of line ends.
    User(&'a str),
    /// The second half.
    Pass(&'a str),
    /// Whether an article is there (RFC 3977 §6.2.4).
    Stat(&'a MessageId),
    /// What the server can do (RFC 3977 §5.2).
    Capabilities,
    /// Goodbye to the clear (RFC 4642 §2.2).
    StartTls,
    /// Compression from here on (RFC 8054 §2.2).
    Compress,
    /// Goodbye (RFC 3977 §5.4).
    Quit,
}

impl Command<'_> {
    /// Appends the command line, with its CRLF.
    pub fn encode(self, out: &mut Vec<u8>) {
        let (verb, argument, close) = match self {
            Command::Body(id) => ("BODY <", id.as_str(), ">"),
            Command::Article(id) => ("ARTICLE <", id.as_str(), ">"),
            Command::Date => ("DATE", "", ""),
            Command::User(name) => ("AUTHINFO USER ", name, ""),
            Command::Pass(word) => ("AUTHINFO PASS ", word, ""),
            Command::Stat(id) => ("STAT <", id.as_str(), ">"),
            Command::Capabilities => ("CAPABILITIES", "", ""),
            Command::StartTls => ("STARTTLS", "", ""),
            Command::Compress => ("COMPRESS DEFLATE", "", ""),
            Command::Quit => ("QUIT", "", ""),
        };
        for piece in [verb, argument, close, "\r\n"] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_legal_ids() {
        let long = "a".repeat(250);
        for good in ["a", "part1of2.x$y@z", "!#$%&'*+/=?^_`{|}~@h", &long] {
            assert_eq!(MessageId::new(good).unwrap().as_str(), good);
        }
        let longer = "a".repeat(251);
        for bad in [
            "",
            "a b",
            "a\r\nQUIT",
            "<a@b>",
            "a>b",
            "a\tb",
            "a\0b",
            "ä@b",
            "a\x7fb",
            &longer,
        ] {
            assert_eq!(MessageId::new(bad), Err(BadMessageId), "{bad:?}");
        }
    }

    #[test]
    fn encoding() {
        let id = MessageId::new("a@b").unwrap();
        let mut out = Vec::new();
        for command in [
            Command::Body(&id),
            Command::User("u"),
            Command::Pass("p q"),
            Command::Quit,
        ] {
            command.encode(&mut out);
        }
        assert_eq!(
            out,
            b"BODY <a@b>\r\nAUTHINFO USER u\r\nAUTHINFO PASS p q\r\nQUIT\r\n"
        );
    }
}
