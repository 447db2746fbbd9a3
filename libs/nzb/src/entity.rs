//! Entities: the five of XML, character references, and the HTML Latin-1
//! names that indexers put into subjects. Everything else stays as it stands;
//! nothing a document declares is ever expanded.

use std::borrow::Cow;

/// HTML 4 names of U+00A0 to U+00FF, in order (HTML 4.01 §24.2).
const LATIN1: [&str; 96] = [
    "nbsp", "iexcl", "cent", "pound", "curren", "yen", "brvbar", "sect", "uml", "copy", "ordf",
    "laquo", "not", "shy", "reg", "macr", "deg", "plusmn", "sup2", "sup3", "acute", "micro",
    "para", "middot", "cedil", "sup1", "ordm", "raquo", "frac14", "frac12", "frac34", "iquest",
    "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring", "AElig", "Ccedil", "Egrave", "Eacute",
    "Ecirc", "Euml", "Igrave", "Iacute", "Icirc", "Iuml", "ETH", "Ntilde", "Ograve", "Oacute",
    "Ocirc", "Otilde", "Ouml", "times", "Oslash", "Ugrave", "Uacute", "Ucirc", "Uuml", "Yacute",
    "THORN", "szlig", "agrave", "aacute", "acirc", "atilde", "auml", "aring", "aelig", "ccedil",
    "egrave", "eacute", "ecirc", "euml", "igrave", "iacute", "icirc", "iuml", "eth", "ntilde",
    "ograve", "oacute", "ocirc", "otilde", "ouml", "divide", "oslash", "ugrave", "uacute", "ucirc",
    "uuml", "yacute", "thorn", "yuml",
];

/// The longest reference looked for: `&thetasym;` and `&#x10FFFF;` are shorter.
const LONGEST: usize = 16;

/// The character behind `name` in `&name;`, if it is a known one.
///
/// Numbers that are no character (NUL, surrogates, beyond U+10FFFF) give
/// U+FFFD, which no message-id may contain.
pub fn resolve(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#') {
            Some(number) => code_point(number),
            None => latin1(name),
        },
    }
}

fn code_point(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).unwrap_or(0);
    Some(
        char::from_u32(code)
            .filter(|&c| c != '\0')
            .unwrap_or(char::REPLACEMENT_CHARACTER),
    )
}

fn latin1(name: &str) -> Option<char> {
    let index = LATIN1.iter().position(|&known| known == name)?;
    u8::try_from(0xa0 + index).ok().map(char::from)
}

/// An attribute's value: references resolved, line ends and tabs turned into
/// spaces (XML 1.0 §3.3.3). Unknown references and lone `&` stay.
pub fn attribute(raw: &str) -> Cow<'_, str> {
    if !raw
        .bytes()
        .any(|b| matches!(b, b'&' | b'\t' | b'\r' | b'\n'))
    {
        return Cow::Borrowed(raw);
    }
    let spaced = raw.replace("\r\n", " ").replace(['\t', '\r', '\n'], " ");
    let mut out = String::with_capacity(spaced.len());
    let mut rest = spaced.as_str();
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let (text, len) = reference(&rest[at..]);
        match text {
            Some(c) => out.push(c),
            None => out.push('&'),
        }
        rest = &rest[at + len..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What the reference at the start of `text` stands for, and its length.
fn reference(text: &str) -> (Option<char>, usize) {
    let Some(end) = text.bytes().take(LONGEST).position(|b| b == b';') else {
        return (None, 1);
    };
    match resolve(&text[1..end]) {
        Some(c) => (Some(c), end + 1),
        None => (None, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latin1_table_is_in_order() {
        for (name, c) in [
            ("nbsp", '\u{a0}'),
            ("iquest", '¿'),
            ("Agrave", 'À'),
            ("szlig", 'ß'),
            ("auml", 'ä'),
            ("divide", '÷'),
            ("yuml", 'ÿ'),
        ] {
            assert_eq!(resolve(name), Some(c), "{name}");
        }
    }

    #[test]
    fn references_resolve_and_the_rest_stays() {
        let table = [
            ("plain", "plain"),
            ("&quot;a&quot; &amp; b", "\"a\" & b"),
            ("&lt;&gt;&apos;", "<>'"),
            ("M&uuml;ller&nbsp;x", "Müller\u{a0}x"),
            ("&#65;&#x42;&#X43;", "ABC"),
            ("&unknown; &custom; AT&T &", "&unknown; &custom; AT&T &"),
            ("&#0;&#xD800;&#99999999999;", "\u{fffd}\u{fffd}\u{fffd}"),
            ("&#;&#x;&#+1;&;", "&#;&#x;&#+1;&;"),
            ("a\tb\r\nc\nd&#10;e", "a b c d\ne"),
            ("&amp;quot;", "&quot;"),
            (
                "&ä;&aaaaaaaaaaaaaaaaaaaaaaaaaaa;",
                "&ä;&aaaaaaaaaaaaaaaaaaaaaaaaaaa;",
            ),
        ];
        for (raw, text) in table {
            assert_eq!(attribute(raw), text, "{raw}");
        }
    }
}
