//! Status lines (RFC 3977 §3.2): what a server says before anything else.

use memchr::memchr;

use crate::config::Secret;

/// Octets of the longest status line that is still read. RFC 3977 §3.1 allows
/// 512; greetings in use are longer.
pub const MAX_LINE: usize = 4096;

/// A status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// Three digits, 100 to 599.
    pub code: u16,
    /// What follows, without blanks around it. Not always UTF-8.
    pub text: &'a [u8],
}

/// What is wrong with a status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadStatus {
    /// It goes on for more than [`MAX_LINE`] octets.
    #[error("a status line without end")]
    TooLong,
    /// It does not begin with three digits.
    #[error("a status line without a code")]
    NoCode,
}

/// Takes a status line from the front of `bytes`: the line and its length with
/// its line end, or `None` if it is not all there yet.
///
/// # Errors
/// What cannot become a status line however many bytes follow.
pub fn status(bytes: &[u8]) -> Result<Option<(Status<'_>, usize)>, BadStatus> {
    let window = &bytes[..bytes.len().min(MAX_LINE)];
    let Some(end) = memchr(b'\n', window) else {
        return if bytes.len() < MAX_LINE {
            Ok(None)
        } else {
            Err(BadStatus::TooLong)
        };
    };
    let line = window[..end].trim_ascii();
    let (digits, text) = line.split_at_checked(3).ok_or(BadStatus::NoCode)?;
    let code = number(digits).ok_or(BadStatus::NoCode)?;
    if text
        .first()
        .is_some_and(|&byte| byte != b' ' && byte != b'\t')
    {
        return Err(BadStatus::NoCode);
    }
    let text = text.trim_ascii();
    Ok(Some((Status { code, text }, end + 1)))
}

fn number(digits: &[u8]) -> Option<u16> {
    let code = std::str::from_utf8(digits).ok()?;
    if !code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    code.parse().ok().filter(|code| (100..600).contains(code))
}

impl Status<'_> {
    /// The message-id that the line names, without angle brackets. Some servers
    /// name none.
    pub fn message_id(&self) -> Option<&[u8]> {
        let words = self.text.split(|&byte| byte == b' ' || byte == b'\t');
        words
            .filter_map(|word| word.strip_prefix(b"<")?.strip_suffix(b">"))
            .find(|id| !id.is_empty())
    }

    /// Code and text, fit for a terminal and not too long.
    pub fn shown(&self) -> String {
        self.shown_without(None)
    }

    /// The same with `***` for `password`: some servers repeat the command that
    /// they do not like.
    pub(crate) fn shown_without(&self, password: Option<&Secret>) -> String {
        let text = String::from_utf8_lossy(self.text);
        // The line lost the blanks at its end, and with them the password's.
        let password = password.map_or("", |password| password.expose().trim());
        let words = match password {
            "" => fit(&text),
            // Before the text is cut: what is left of a password is one, too.
            _ => fit(&text.replace(password, "***")),
        };
        format!("{} {words}", self.code).trim_end().to_owned()
    }

    /// The text, fit for a terminal and not too long.
    pub fn words(&self) -> String {
        fit(&String::from_utf8_lossy(self.text))
    }
}

fn fit(text: &str) -> String {
    const LONGEST: usize = 200;
    let safe = text.chars().map(|c| if unfit(c) { '\u{fffd}' } else { c });
    safe.take(LONGEST).collect()
}

/// What moves the cursor, and what changes the order of other characters or
/// hides between them (Unicode Cf, and the line and paragraph separators).
fn unfit(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &[u8]) -> Result<Option<u16>, BadStatus> {
        Ok(status(line)?.map(|(status, _)| status.code))
    }

    // S19
    #[test]
    fn lines() {
        type Code = Result<Option<u16>, BadStatus>;
        let table: &[(&[u8], Code)] = &[
            (b"222 0 <a@b> body\r\n", Ok(Some(222))),
            (b"222\r\n", Ok(Some(222))),
            (b"430 no such article\n", Ok(Some(430))),
            (b"205\tbye\r\n", Ok(Some(205))),
            (b" 200 ok\r\n", Ok(Some(200))),
            (b"", Ok(None)),
            (b"22", Ok(None)),
            (b"222 0 <a@b>\r", Ok(None)),
            (b"2\r\n", Err(BadStatus::NoCode)),
            (b"\r\n", Err(BadStatus::NoCode)),
            (b"XYZ hello\r\n", Err(BadStatus::NoCode)),
            (b"2222 x\r\n", Err(BadStatus::NoCode)),
            (b"+22 x\r\n", Err(BadStatus::NoCode)),
            (b"099 x\r\n", Err(BadStatus::NoCode)),
            (b"600 x\r\n", Err(BadStatus::NoCode)),
            (b"\xff\xfe\x00\r\n", Err(BadStatus::NoCode)),
        ];
        for (line, expected) in table {
            assert_eq!(code(line), *expected, "{:?}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn the_length_is_capped() {
        let mut line = b"200 ".to_vec();
        line.resize(MAX_LINE - 1, b'x');
        assert_eq!(code(&line), Ok(None));
        line.push(b'\n');
        assert_eq!(code(&line), Ok(Some(200)));
        line.insert(10, b'x');
        assert_eq!(code(&line), Err(BadStatus::TooLong));
    }

    // S22
    #[test]
    fn echoed_ids() {
        let id = |line: &'static [u8]| {
            status(line)
                .unwrap()
                .unwrap()
                .0
                .message_id()
                .map(<[u8]>::to_vec)
        };
        assert_eq!(id(b"222 0 <a@b> article\r\n"), Some(b"a@b".to_vec()));
        assert_eq!(id(b"222 17 <a@b>\r\n"), Some(b"a@b".to_vec()));
        assert_eq!(id(b"222 <a@b>\r\n"), Some(b"a@b".to_vec()));
        assert_eq!(id(b"222 0 body follows\r\n"), None);
        assert_eq!(id(b"222\r\n"), None);
        assert_eq!(id(b"430 <> not found\r\n"), None);
    }

    #[test]
    fn what_a_server_says_is_harmless() {
        let (status, _) = status(b"502 \x1b[2Jgone\x07 \xff\r\n").unwrap().unwrap();
        assert!(!status.shown().chars().any(char::is_control));
        assert!(status.shown().starts_with("502 "));
        // Turned around, a text says something else than the server did.
        let line = "502 \u{202e}abc\u{200b}\u{2066}\u{feff}d\r\n";
        let (status, _) = super::status(line.as_bytes()).unwrap().unwrap();
        assert_eq!(status.words(), "\u{fffd}abc\u{fffd}\u{fffd}\u{fffd}d");
    }

    // A server may repeat the command that it does not understand.
    #[test]
    fn a_password_is_not_shown() {
        let shown = |line: &str, password: &str| {
            let line = format!("{line}\r\n");
            let (status, _) = super::status(line.as_bytes()).unwrap().unwrap();
            status.shown_without(Some(&Secret::new(password)))
        };
        let line = "500 AUTHINFO PASS hunter2 (hunter2)";
        assert_eq!(shown(line, "hunter2"), "500 AUTHINFO PASS *** (***)");
        // Cut in its middle, or without the blank at its end.
        let long = format!("500 {}hunter2", "x".repeat(197));
        assert!(!shown(&long, "hunter2").contains("hun"));
        assert_eq!(shown("500 PASS hunter2 ", "hunter2 "), "500 PASS ***");
        assert_eq!(shown("500 what", " "), "500 what");
    }
}
