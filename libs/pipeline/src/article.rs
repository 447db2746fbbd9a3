//! The header of an article: where it ends, and its fields (RFC 5536 §2.2).
//!
//! Only what every article has is known here. What a field means is left to
//! whoever reads the record.

use nzbpipe_record::{Article, Field, Header, MAX_HEADER, encode_header};

/// Finds the empty line that ends the header, in pieces of any size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    line: Line,
    over: bool,
}

/// What has come of the line at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Nothing,
    /// A CR.
    Return,
    Text,
}

impl Head {
    /// How many of `bytes`, from the front, belong to the header, its empty line
    /// included. What follows is the body.
    pub(crate) fn skip(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while !self.over && at < bytes.len() {
            let rest = &bytes[at..];
            let end = rest.iter().position(|&b| b == b'\n');
            let text = &rest[..end.unwrap_or(rest.len())];
            self.line = match (self.line, text) {
                (line, []) => line,
                (Line::Nothing, b"\r") => Line::Return,
                _ => Line::Text,
            };
            at += text.len();
            if end.is_some() {
                at += 1;
                self.over = self.line != Line::Text;
                self.line = Line::Nothing;
            }
        }
        at
    }
}

/// The body of an article, given its lines: what follows the first empty one.
pub(crate) fn body(lines: &[u8]) -> &[u8] {
    &lines[Head::default().skip(lines)..]
}

/// Fills in the header fields of `article` from its `lines`: as many as a
/// record's header has room for.
pub(crate) fn describe(article: Article, lines: &[u8]) -> Header {
    /// What `"headers_cut":true,` and the brackets add.
    const FRAME: usize = 64;
    let stuffed = article.stuffed;
    let mut header = Header::Article(Box::new(article));
    let mut bare = Vec::new();
    let room = match encode_header(&header, Some(lines.len()), &mut bare) {
        Ok(()) => MAX_HEADER.saturating_sub(bare.len() + FRAME),
        Err(_) => 0,
    };
    if let Header::Article(article) = &mut header {
        (article.headers, article.headers_cut) = fields(lines, stuffed, room);
    }
    header
}

/// The header fields in `lines`, as far as they fit into `room` bytes of JSON,
/// and whether there are more. What is no field is left out.
fn fields(lines: &[u8], stuffed: bool, mut room: usize) -> (Vec<Field>, bool) {
    let head = &lines[..Head::default().skip(lines)];
    let mut lines = head.split(|&b| b == b'\n').map(|line| plain(line, stuffed));
    let mut fields = Vec::new();
    let mut next = lines.next();
    while let Some(first) = next {
        let mut whole = first.to_vec();
        // Unfolding takes the line ends away and nothing else (RFC 5322 §2.2.3).
        next = lines.next();
        while let Some(more) = next.filter(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
        {
            whole.extend_from_slice(more);
            next = lines.next();
        }
        let Some((name, value)) = split(&whole) else {
            continue;
        };
        if whole.len() > room {
            return (fields, true);
        }
        let field = Field::new(name, value);
        let Some(left) = room.checked_sub(cost(&field)) else {
            return (fields, true);
        };
        room = left;
        fields.push(field);
    }
    (fields, false)
}

/// A line without its CR and without the dot that the wire added.
fn plain(line: &[u8], stuffed: bool) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match stuffed {
        true => line.strip_prefix(b".").unwrap_or(line),
        false => line,
    }
}

/// Name and value; a name is printable ASCII (RFC 5322 §2.2).
fn split(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|&b| b == b':')?;
    let name = line[..colon].trim_ascii_end();
    let name = std::str::from_utf8(name).ok()?;
    let legal = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    legal.then(|| (name, line[colon + 1..].trim_ascii()))
}

/// No less than the bytes of a field as JSON: each control character may take
/// six, a quote or a backslash two.
fn cost(Field(name, value, raw): &Field) -> usize {
    let escaped = |text: &str| -> usize {
        let bytes = text.bytes().map(|b| match b {
            0..0x20 => 6,
            b'"' | b'\\' => 2,
            _ => 1,
        });
        bytes.sum::<usize>() + 3
    };
    3 + escaped(name) + escaped(value) + raw.as_deref().map_or(0, escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: &[u8] = b"From: a\r\nSubject: b\r\n\r\n=ybegin\r\n\r\nend\r\n";

    #[test]
    fn the_header_ends_at_its_empty_line_however_it_comes() {
        assert_eq!(body(ARTICLE), b"=ybegin\r\n\r\nend\r\n");
        for cut in 0..=ARTICLE.len() {
            let mut head = Head::default();
            let (first, second) = ARTICLE.split_at(cut);
            let skipped = head.skip(first) + head.skip(second);
            assert_eq!(&ARTICLE[skipped..], body(ARTICLE), "cut at {cut}");
        }
        let table: [(&[u8], &[u8]); 5] = [
            (b"", b""),
            (b"a: b\r\n", b""),
            (b"\r\nx", b"x"),
            (b"a: b\n\nx", b"x"),
            (b"a: b\r\n\r\r\n\r\nx", b"x"),
        ];
        for (lines, wanted) in table {
            assert_eq!(body(lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn fields_are_unfolded_and_keep_their_bytes() {
        let lines = b"From: a\r\nSubject: one\r\n\ttwo \r\n..odd: c\r\nno field\r\n: d\r\n\
            X:\xe9\r\nEmpty:\r\n\r\nbody: no\r\n";
        let (fields, cut) = fields(lines, true, MAX_HEADER);
        let wanted = [
            Field::new("From", b"a"),
            Field::new("Subject", b"one\ttwo"),
            Field::new(".odd", b"c"),
            Field::new("X", b"\xe9"),
            Field::new("Empty", b""),
        ];
        assert_eq!((&fields[..], cut), (&wanted[..], false));
    }

    #[test]
    fn more_fields_than_a_header_holds_are_cut() {
        let mut lines = Vec::new();
        for _ in 0..4_000 {
            lines.extend_from_slice(b"X-Long: \x01\"\\\xff and so on\r\n");
        }
        lines.extend_from_slice(b"\r\nbody\r\n");
        let header = describe(Article::default(), &lines);
        let mut line = Vec::new();
        encode_header(&header, Some(lines.len()), &mut line).unwrap();
        assert!(line.len() > MAX_HEADER / 2, "{}", line.len());
        let Header::Article(article) = header else {
            panic!("{header:?}")
        };
        assert!(article.headers_cut);
    }

    #[test]
    fn a_field_larger_than_all_room_is_cut() {
        let mut lines = b"A: b\r\nX: ".to_vec();
        lines.resize(MAX_HEADER + 9, b'x');
        let (fields, cut) = fields(&lines, true, MAX_HEADER);
        assert_eq!((fields.len(), cut), (1, true));
    }
}
