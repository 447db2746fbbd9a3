//! The control lines `=ybegin`, `=ypart` and `=yend`: which line is one, and its fields.
//!
//! Fields are taken as they stand; what they mean together is decided in `judge`. A number that is
//! missing, negative, not decimal or above 2^64-1 is `None`.

use crate::report::Problem;
use crate::uu;

/// Fields of `=ybegin`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begin {
    /// Length of the encoded lines. Advice only.
    pub line: Option<u64>,
    /// Size of the whole file in bytes.
    pub size: Option<u64>,
    /// Number of this part, from 1. Present in multi-part posts.
    pub part: Option<u64>,
    /// Number of parts (since yEnc 1.2, often absent, sometimes wrong).
    pub total: Option<u64>,
    /// Name of the file: bytes in no declared encoding, without surrounding blanks or quotes.
    /// Untrusted: may hold slashes, NUL, escape sequences.
    pub name: Option<Vec<u8>>,
}

/// Fields of `=ypart`: the part's place in the file, as on the wire, counted from 1, `end`
/// included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartRange {
    /// Position of the first byte, from 1.
    pub begin: Option<u64>,
    /// Position of the last byte.
    pub end: Option<u64>,
}

/// Fields of `=yend`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Size of the part (old tools: of the file).
    pub size: Option<u64>,
    /// Number of the part, as in `=ybegin`.
    pub part: Option<u64>,
    /// CRC32 of the part.
    pub pcrc32: CrcField,
    /// CRC32 of the whole file.
    pub crc32: CrcField,
}

/// A CRC32 as the trailer gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrcField {
    /// No such field.
    #[default]
    Absent,
    /// Empty, not hexadecimal, or of more than 16 digits.
    Unusable,
    /// Fewer than eight digits: written without leading zeros, or cut. It can prove the data
    /// right, but not wrong.
    Short(u32),
    /// Eight digits; of nine to sixteen (sign-extended by some posters) the last eight.
    Full(u32),
}

impl CrcField {
    /// The value, if it has its eight digits.
    #[must_use]
    pub fn full(self) -> Option<u32> {
        match self {
            CrcField::Full(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the field proves that `crc` is right.
    pub(crate) fn proves(self, crc: u32) -> bool {
        matches!(self, CrcField::Full(value) | CrcField::Short(value) if value == crc)
    }

    /// Whether the field proves that `crc` is wrong.
    pub(crate) fn refutes(self, crc: u32) -> bool {
        matches!(self, CrcField::Full(value) if value != crc)
    }

    fn parse(text: &[u8]) -> Self {
        let digits = text
            .strip_prefix(b"0x")
            .or(text.strip_prefix(b"0X"))
            .unwrap_or(text);
        if digits.is_empty() || digits.len() > 16 {
            return CrcField::Unusable;
        }
        let hex = std::str::from_utf8(digits)
            .ok()
            .filter(|_| digits.iter().all(u8::is_ascii_hexdigit));
        let Some(value) = hex.and_then(|hex| u64::from_str_radix(hex, 16).ok()) else {
            return CrcField::Unusable;
        };
        let value = (value & u64::from(u32::MAX)) as u32;
        if digits.len() < 8 {
            CrcField::Short(value)
        } else {
            CrcField::Full(value)
        }
    }
}

/// Which control line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Begin,
    Part,
    End,
}

/// What the beginning of a line says so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    /// It may still become a control line.
    Undecided,
    /// It is one.
    Keyword(Keyword),
    /// It is none.
    Other,
}

const KEYWORDS: [(&[u8], Keyword); 3] = [
    (b"=ybegin", Keyword::Begin),
    (b"=ypart", Keyword::Part),
    (b"=yend", Keyword::End),
];

/// Which control line `line` is, given without its line end.
pub(crate) fn keyword(line: &[u8]) -> Option<Keyword> {
    KEYWORDS
        .into_iter()
        .find_map(|(word, keyword)| match line.strip_prefix(word) {
            Some([]) => Some(keyword),
            Some([byte, ..]) if ends_word(*byte) => Some(keyword),
            _ => None,
        })
}

/// The same question asked byte by byte: what `byte` makes of `held`, the line's undecided
/// beginning.
pub(crate) fn follow(held: &[u8], byte: u8) -> Prefix {
    for (word, keyword) in KEYWORDS {
        if held == word {
            return if ends_word(byte) {
                Prefix::Keyword(keyword)
            } else {
                Prefix::Other
            };
        }
        if word.strip_prefix(held).is_some_and(|rest| rest[0] == byte) {
            return Prefix::Undecided;
        }
    }
    Prefix::Other
}

fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Parses `=ybegin`, given without its line end. `None` if it has none of the known fields: then
/// it is prose. Some posters lose the line end before `=ypart`, which then sticks to the name.
pub(crate) fn begin(line: &[u8]) -> Option<(Begin, Option<PartRange>)> {
    let (fields, name) = split_name(line);
    let mut begin = Begin::default();
    let mut known = name.is_some();
    for (key, value) in pairs(fields) {
        let field = match key {
            b"line" => &mut begin.line,
            b"size" => &mut begin.size,
            b"part" => &mut begin.part,
            b"total" => &mut begin.total,
            _ => continue,
        };
        known = true;
        *field = number(value);
    }
    let (name, glued) = name.map_or((None, None), unglue);
    begin.name = name.map(|name| unquote(name).to_vec());
    known.then_some((begin, glued))
}

/// Parses `=ypart`, given without its line end.
pub(crate) fn part(line: &[u8]) -> PartRange {
    let mut range = PartRange::default();
    for (key, value) in pairs(line) {
        match key {
            b"begin" => range.begin = number(value),
            b"end" => range.end = number(value),
            _ => {}
        }
    }
    range
}

/// Parses `=yend`, given without its line end.
pub(crate) fn end(line: &[u8]) -> End {
    let mut end = End::default();
    for (key, value) in pairs(line) {
        match key {
            b"size" => end.size = number(value),
            b"part" => end.part = number(value),
            b"pcrc32" => end.pcrc32 = CrcField::parse(value),
            b"crc32" => end.crc32 = CrcField::parse(value),
            _ => {}
        }
    }
    end
}

/// Cuts at the first `name=` that starts a word: the name goes to the end of the line and may
/// hold anything, even what looks like another field.
fn split_name(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    const NAME: &[u8] = b"name=";
    let word = memchr::memmem::find_iter(line, NAME)
        .find(|&at| at > 0 && matches!(line[at - 1], b' ' | b'\t'));
    match word {
        Some(at) => (&line[..at], Some(&line[at + NAME.len()..])),
        None => (line, None),
    }
}

fn unglue(name: &[u8]) -> (Option<&[u8]>, Option<PartRange>) {
    let Some(at) = memchr::memmem::rfind(name, b"=ypart ") else {
        return (Some(name), None);
    };
    match part(&name[at..]) {
        range @ PartRange {
            begin: Some(_),
            end: Some(_),
        } => (Some(&name[..at]), Some(range)),
        _ => (Some(name), None),
    }
}

/// Blanks around the name are not part of it (yEnc draft 1.3); some posters quote it.
fn unquote(name: &[u8]) -> &[u8] {
    let name = name.trim_ascii();
    match name {
        [b'"', inner @ .., b'"'] if !inner.is_empty() => inner,
        _ => name,
    }
}

/// `key=value` words of a control line.
fn pairs(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        .skip(1)
        .filter_map(|word| {
            let at = memchr::memchr(b'=', word)?;
            Some((&word[..at], &word[at + 1..]))
        })
}

fn number(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Recognises, by a line of its own, an article in another encoding.
pub(crate) fn foreign(line: &[u8]) -> Option<Problem> {
    const MIME: &[u8] = b"content-transfer-encoding:";
    if uu::begin(line).is_some() {
        return Some(Problem::Uuencode);
    }
    let (key, value) = line.split_at_checked(MIME.len())?;
    let mime = key.eq_ignore_ascii_case(MIME) && value.trim_ascii().eq_ignore_ascii_case(b"base64");
    mime.then_some(Problem::Mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number in the catalogue, what follows `=ybegin`, the name.
    type NameRow = (u8, &'static [u8], Option<&'static [u8]>);

    const NAMES: &[NameRow] = &[
        (36, b" line=128 size=10 name=a b.bin", Some(b"a b.bin")),
        (36, b" line=128 size=10 name= a b.bin  ", Some(b"a b.bin")),
        (36, b" line=128 size=10 name=\"a b.bin\"", Some(b"a b.bin")),
        (36, b" line=128 size=10 name=a \"b\" c", Some(b"a \"b\" c")),
        (36, b" line=128 size=10 name=a=b=.bin", Some(b"a=b=.bin")),
        (
            36,
            b" line=128 size=10 name=a size=5 part=7 line=1 total=3",
            Some(b"a size=5 part=7 line=1 total=3"),
        ),
        (36, b" line=128 size=10 name=a name=b", Some(b"a name=b")),
        (
            36,
            b" line=128 size=10 name=\xe9\xe9.bin",
            Some(b"\xe9\xe9.bin"),
        ),
        (
            36,
            b" line=128 size=10 name=\xc3\xa9.bin",
            Some(b"\xc3\xa9.bin"),
        ),
        (
            36,
            b" line=128 size=10 name=a =ypart begin=1",
            Some(b"a =ypart begin=1"),
        ),
        (
            37,
            b" line=128 size=10 name=../../etc/passwd",
            Some(b"../../etc/passwd"),
        ),
        (
            37,
            b" line=128 size=10 name=a\0b\x1b[2J",
            Some(b"a\0b\x1b[2J"),
        ),
        (38, b" line=128 size=10", None),
        (38, b" line=128 size=10 name=", Some(b"")),
        (38, b" line=128 size=10 filename=x", None),
    ];

    #[test]
    fn a_name_goes_to_the_end_of_the_line_and_fields_stand_before_it() {
        for (number, rest, name) in NAMES {
            let line = [b"=ybegin", *rest].concat();
            let (begin, glued) = begin(&line).expect("a header");
            let expected = Begin {
                line: Some(128),
                size: Some(10),
                name: name.map(<[u8]>::to_vec),
                ..Begin::default()
            };
            assert_eq!(
                (begin, glued),
                (expected, None),
                "Y{number} {}",
                line.escape_ascii()
            );
        }
    }

    #[test]
    fn prose_is_no_header() {
        for line in [
            &b"=ybegin"[..],
            b"=ybegin ",
            b"=ybegin the end",
            b"=ybegin a=b",
        ] {
            assert_eq!(begin(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_keyword_is_recognised_at_its_end_whole_or_byte_by_byte() {
        let rows: [(&[u8], Option<Keyword>); 8] = [
            (b"=ybegin x", Some(Keyword::Begin)),
            (b"=ypart\tx", Some(Keyword::Part)),
            (b"=yend\r", Some(Keyword::End)),
            (b"=yendx", None),
            (b"=ybeginn ", None),
            (b"=yEnd ", None),
            (b"=yzzz ", None),
            (b" =yend ", None),
        ];
        for (line, expected) in rows {
            assert_eq!(keyword(line), expected, "{}", line.escape_ascii());
            let first = (0..line.len()).map(|at| follow(&line[..at], line[at]));
            let decided = first
                .into_iter()
                .find(|prefix| *prefix != Prefix::Undecided);
            let expected = expected.map_or(Prefix::Other, Prefix::Keyword);
            assert_eq!(decided, Some(expected), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn other_encodings_are_recognised() {
        let rows: [(&[u8], Option<Problem>); 6] = [
            (b"begin 644 a b", Some(Problem::Uuencode)),
            (b"begin 0644 a", Some(Problem::Uuencode)),
            (b"begin 64 a", None),
            (b"begin by reading", None),
            (b"Content-Transfer-Encoding: base64", Some(Problem::Mime)),
            (b"Content-Transfer-Encoding: 8bit", None),
        ];
        for (line, expected) in rows {
            assert_eq!(foreign(line), expected, "{}", line.escape_ascii());
        }
    }
}
