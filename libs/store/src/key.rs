//! Where the state of an account lies: a file name made of its key, in a folder
//! that only its user may look into.
//!
//! What the files say is left to [`quota`](crate::quota) and
//! [`slots`](crate::slots).

use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::Error;

/// Leaves room for what comes behind it in a name of 255 octets.
const LONGEST: usize = 160;

/// A file name for `key`, different for different keys: a shared file would
/// add up two accounts. Octets other than letters, digits, `-` and `_`, and a
/// `.` at the beginning, become `%XX`.
pub(crate) fn file_name(key: &str) -> String {
    let mut name = String::new();
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            b'.' if !name.is_empty() => name.push('.'),
            _ => {
                let _ = write!(name, "%{byte:02X}");
            }
        }
    }
    if name.len() > LONGEST {
        // `~` is in no other name.
        name.truncate(LONGEST);
        let _ = write!(name, "~{:08x}", crc32fast::hash(key.as_bytes()));
    }
    name
}

/// Makes `folder` and those above it, mode 0700 (XDG base directories).
pub(crate) fn make(folder: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| Error::creating(folder.to_owned(), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_differ() {
        let table = [
            ("main", "main"),
            ("news.example.net", "news.example.net"),
            ("..", "%2E."),
            (".x", "%2Ex"),
            ("a/b", "a%2Fb"),
            ("a%2Fb", "a%252Fb"),
            ("ä b", "%C3%A4%20b"),
            ("", ""),
        ];
        for (key, name) in table {
            assert_eq!(file_name(key), name);
        }
        let [one, two] = ["1", "2"].map(|end| file_name(&("x".repeat(300) + end)));
        assert!(one != two && one.len() < 200);
    }
}
