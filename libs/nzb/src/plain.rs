//! A `<segment>` as nearly every NZB writes it, read without the XML parser: attributes
//! `bytes` and `number` of digits in double quotes, a text of printable ASCII without a
//! reference, and the end tag. A list of 200 GB has 300,000 of them, and before all are read
//! nothing is fetched.
//!
//! Whatever is written in another way, has an error in it, or does not lie in the buffer as a
//! whole, is left to the parser. So this only ever says what the parser would say.

/// A segment longer than this is not plain: no limit of a field is near.
const LONGEST: usize = 1024;

/// Digits of the longest number that is plain: it fits into 64 bits.
const DIGITS: usize = 18;

/// A segment found at the start of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Plain<'b> {
    /// Octets of white space before it.
    pub before: usize,
    /// Octets up to its end, with those.
    pub len: usize,
    /// The attribute, if it is there.
    pub number: Option<u64>,
    /// The attribute, if it is there.
    pub bytes: Option<u64>,
    /// What is between the tags; not empty.
    pub text: &'b str,
}

/// The segment that `buf` begins with, white space aside.
pub fn plain(buf: &[u8]) -> Option<Plain<'_>> {
    let buf = &buf[..buf.len().min(LONGEST)];
    let before = buf.iter().position(|&b| !is_space(b))?;
    let mut rest = buf[before..].strip_prefix(b"<segment")?;
    let (mut bytes, mut number) = (None, None);
    loop {
        let (&first, behind) = rest.split_first()?;
        if first == b'>' {
            rest = behind;
            break;
        }
        // One space, as it is written; more is for the parser.
        if first != b' ' {
            return None;
        }
        let (slot, value) = match behind.strip_prefix(b"bytes=\"") {
            Some(value) => (&mut bytes, value),
            None => (&mut number, behind.strip_prefix(b"number=\"")?),
        };
        let (value, behind) = digits(value)?;
        if slot.replace(value).is_some() {
            return None;
        }
        rest = behind;
    }
    let end = memchr::memchr(b'<', rest)?;
    let (text, rest) = rest.split_at(end);
    let rest = rest.strip_prefix(b"</segment>")?;
    // Without a short cut: it is done for many octets at once.
    let is_plain = text.iter().fold(true, |all, &b| all & is_plain(b));
    let text = std::str::from_utf8(text).ok()?;
    (is_plain && !text.is_empty()).then_some(Plain {
        before,
        len: buf.len() - rest.len(),
        number,
        bytes,
        text,
    })
}

/// The number up to a quote, and what is behind that.
fn digits(value: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (count, &b) in value.iter().enumerate().take(DIGITS + 1) {
        match b {
            b'0'..=b'9' if count < DIGITS => number = number * 10 + u64::from(b - b'0'),
            b'"' if count > 0 => return Some((number, &value[count + 1..])),
            _ => return None,
        }
    }
    None
}

/// White space as XML 1.0 §2.3 has it.
fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Stands for itself, in text that is not trimmed.
fn is_plain(b: u8) -> bool {
    b.is_ascii_graphic() && b != b'&'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White space before it, length, number, bytes and text.
    type Found<'t> = (usize, usize, Option<u64>, Option<u64>, &'t str);

    fn found(text: &str) -> Option<Found<'_>> {
        let plain = plain(text.as_bytes())?;
        let Plain { before, len, .. } = plain;
        Some((before, len, plain.number, plain.bytes, plain.text))
    }

    #[test]
    fn what_nearly_all_write() {
        let one = "<segment bytes=\"795210\" number=\"7\">a@b</segment>";
        let all = Some((0, one.len(), Some(7), Some(795_210), "a@b"));
        assert_eq!(found(one), all);
        assert_eq!(found(&format!("{one}\n{one}")), all);
        let later = format!("\r\n\t {one}");
        let moved = Some((4, later.len(), Some(7), Some(795_210), "a@b"));
        assert_eq!(found(&later), moved);
        for (text, number, bytes) in [
            (
                "<segment number=\"1\" bytes=\"2\">x</segment>",
                Some(1),
                Some(2),
            ),
            ("<segment number=\"0\">x</segment>", Some(0), None),
            ("<segment>x</segment>", None, None),
        ] {
            assert_eq!(found(text), Some((0, text.len(), number, bytes, "x")));
        }
    }

    #[test]
    fn all_else_is_left() {
        let table = [
            "",
            " ",
            "</segments>",
            "<segments number=\"1\">x</segment>",
            "<segment number='1'>x</segment>",
            "<segment number=\"1\" number=\"1\">x</segment>",
            "<segment  number=\"1\">x</segment>",
            "<segment number=\"1\" >x</segment>",
            "<segment number=\"1\"bytes=\"1\">x</segment>",
            "<segment number=\"\">x</segment>",
            "<segment number=\"-1\">x</segment>",
            "<segment number=\" 1\">x</segment>",
            "<segment number=\"1234567890123456789\">x</segment>",
            "<segment x=\"1\">x</segment>",
            "<segment number=\"1\"/>",
            "<segment number=\"1\"></segment>",
            "<segment number=\"1\">a b</segment>",
            "<segment number=\"1\"> a</segment>",
            "<segment number=\"1\">&lt;a@b&gt;</segment>",
            "<segment number=\"1\">ä</segment>",
            "<segment number=\"1\">a<!-- --></segment>",
            "<segment number=\"1\">a</segment >",
            "<segment number=\"1\">a</segmen",
            "x<segment number=\"1\">a</segment>",
        ];
        for text in table {
            assert_eq!(found(text), None, "{text}");
        }
        let long = format!("<segment number=\"1\">{}</segment>", "x".repeat(LONGEST));
        assert_eq!(found(&long), None);
    }
}
