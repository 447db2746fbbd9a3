//! Lines for people, on standard error: one `write` each, so that the lines of
//! four programs in one pipe do not mix.

use std::io::Write;

/// Writes `program: text` as one line. Control characters in `text` come from
/// names and servers and are not let near the terminal. That standard error is
/// closed or full must not stop a download.
pub(crate) fn line(program: &str, text: &str) {
    let text = printable(text.trim_end());
    let _ = std::io::stderr().write_all(format!("{program}: {text}\n").as_bytes());
}

/// Writes a line that a program reads, as it is.
pub(crate) fn raw(line: &[u8]) {
    let _ = std::io::stderr().write_all(line);
}

/// `text` with line ends kept and all other control characters, and those that
/// reorder text, shown escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !(c.is_control() || reorders(c)) {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}

/// Unicode's bidirectional controls: they can make a name look like another.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A size in the units disks and providers use (1 GB = 10^9 bytes).
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.2} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    // A subject with ESC ]52 would write to the clipboard of some terminals.
    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b]52;c;x\x07b"), "a\\u{1b}]52;c;x\\u{7}b");
        assert_eq!(printable("cod\u{202e}txt.exe"), "cod\\u{202e}txt.exe");
        assert_eq!(printable("zwei\nZeilen ä"), "zwei\nZeilen ä");
    }

    #[test]
    fn sizes_and_counts() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_210_000_000), "1.21 GB");
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(0, "file"), "0 files");
    }
}
