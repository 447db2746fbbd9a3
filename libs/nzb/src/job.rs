//! Name and password of a job, from the head of the NZB or from the name of
//! its file.

use std::ffi::OsStr;
use std::path::Path;

/// Suffixes that are not part of a job's name, taken off in this order.
const SUFFIXES: [&str; 2] = [".gz", ".nzb"];

/// The name in the head, or the one in the file's name.
pub fn name(meta: &[(String, String)], given: Option<&OsStr>) -> Option<String> {
    let head = ["name", "title"].iter().find_map(|kind| value(meta, kind));
    head.or_else(|| given.map(|given| split(given).0))
        .filter(|name| !name.is_empty())
}

/// The password in the head, or the one in the file's name.
pub fn password(meta: &[(String, String)], given: Option<&OsStr>) -> Option<String> {
    value(meta, "password").or_else(|| given.and_then(|given| split(given).1))
}

/// The first text of that type that is not empty.
fn value(meta: &[(String, String)], kind: &str) -> Option<String> {
    let found = meta
        .iter()
        .find(|(k, text)| k.eq_ignore_ascii_case(kind) && !text.is_empty())?;
    Some(found.1.clone())
}

/// `dir/name{{password}}.nzb.gz` as name and password.
fn split(given: &OsStr) -> (String, Option<String>) {
    let base = Path::new(given)
        .file_name()
        .unwrap_or(given)
        .to_string_lossy()
        .into_owned();
    let (base, password) = match braces(&base) {
        Some((before, inside, after)) => (format!("{before}{after}"), Some(inside.to_owned())),
        None => (base, None),
    };
    let mut name = base.as_str();
    for suffix in SUFFIXES {
        name = strip_suffix(name, suffix);
    }
    (name.trim().to_owned(), password)
}

fn braces(base: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = base.split_once("{{")?;
    let (inside, after) = rest.rsplit_once("}}")?;
    (!inside.is_empty()).then_some((before.trim_end(), inside, after))
}

fn strip_suffix<'a>(name: &'a str, suffix: &str) -> &'a str {
    match name
        .len()
        .checked_sub(suffix.len())
        .and_then(|at| name.split_at_checked(at))
    {
        Some((stem, end)) if end.eq_ignore_ascii_case(suffix) => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_of_files() {
        let table = [
            ("x.nzb", "x", None),
            ("/a/b/My Show.NZB.GZ", "My Show", None),
            ("x{{secret}}.nzb", "x", Some("secret")),
            ("x {{a}}b}}.nzb.gz", "x", Some("a}}b")),
            ("x.nzb{{pw}}", "x", Some("pw")),
            ("x{{}}.nzb", "x{{}}", None),
            ("ä", "ä", None),
            ("nzb", "nzb", None),
        ];
        for (given, name, password) in table {
            assert_eq!(
                split(OsStr::new(given)),
                (name.to_owned(), password.map(str::to_owned)),
                "{given}"
            );
        }
    }

    #[test]
    fn the_head_comes_first() {
        let meta = [
            ("title", "T"),
            ("Name", "N"),
            ("password", ""),
            ("password", "p"),
            ("password", "q"),
        ];
        let meta: Vec<_> = meta
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let given = OsStr::new("x{{y}}.nzb");
        assert_eq!(super::name(&meta, Some(given)).as_deref(), Some("N"));
        assert_eq!(super::name(&meta[..1], Some(given)).as_deref(), Some("T"));
        assert_eq!(super::name(&[], Some(OsStr::new(".nzb"))), None);
        assert_eq!(super::password(&meta, Some(given)).as_deref(), Some("p"));
        assert_eq!(super::password(&[], Some(given)).as_deref(), Some("y"));
        assert_eq!(super::password(&[], None), None);
    }
}
