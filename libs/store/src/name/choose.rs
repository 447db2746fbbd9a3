//! Which of its names a file gets. Whether that is free is not asked here.

use super::{clean, split_extension};
use crate::types::NameFrom;

/// Shorter names may be words.
const NOISE: usize = 24;

/// The safe name of file `index` (from 0) of a job: `agreed` is what its pieces call it,
/// given if all of them agree; `nzb` is the NZB's name of it. Both as found.
///
/// - [`NameFrom::Yenc`]: the pieces' name, else the NZB's.
/// - [`NameFrom::Subject`]: the NZB's and no other, so that it is known beforehand.
/// - [`NameFrom::Auto`]: as `Yenc`, but the NZB's where the pieces' is evidently noise: it
///   has no letter or digit and the NZB's has; or it is a digest or random (at least 24
///   letters and digits without anything between them, hexadecimal or mixed, or a UUID),
///   has no extension, and the NZB's has one.
///
/// `file-0001` and so on where nothing usable is left.
pub(crate) fn choose(from: NameFrom, agreed: Option<&str>, nzb: &str, index: u64) -> String {
    let agreed = agreed.and_then(clean);
    let nzb = clean(nzb);
    let name = match (from, agreed, nzb) {
        (NameFrom::Subject, _, nzb) => nzb,
        (NameFrom::Auto, Some(agreed), Some(nzb)) if is_better(&nzb, &agreed) => Some(nzb),
        (_, agreed, nzb) => agreed.or(nzb),
    };
    name.unwrap_or_else(|| numbered_name(index))
}

/// For a file whose name has nothing usable in it.
fn numbered_name(index: u64) -> String {
    format!("file-{:04}", index.saturating_add(1))
}

/// Whether the NZB's name says more than the one that the pieces agree on.
fn is_better(nzb: &str, agreed: &str) -> bool {
    if !says_anything(agreed) {
        return says_anything(nzb);
    }
    is_random(agreed) && has_extension(nzb)
}

fn says_anything(name: &str) -> bool {
    name.contains(char::is_alphanumeric)
}

/// A digest, a UUID, or what a program makes up. There is no dot in any of these.
fn is_random(name: &str) -> bool {
    let all = |is: fn(&u8) -> bool| name.bytes().all(|b| is(&b));
    let any = |is: fn(&u8) -> bool| name.bytes().any(|b| is(&b));
    name.len() >= NOISE
        && (all(|&b| b.is_ascii_hexdigit() || b == b'-')
            || all(u8::is_ascii_alphanumeric)
                && any(u8::is_ascii_digit)
                && any(u8::is_ascii_alphabetic))
}

/// `.mkv`, `.7z`, `.001`; not `. Robot`.
fn has_extension(name: &str) -> bool {
    let (_, extension) = split_extension(name);
    extension.len() > 1 && extension[1..].bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0f343b0931126a20f133d67c2b018a3b";
    const RANDOM: &str = "a8DxXnwq0mKc2LpRz91TbVhE";

    /// The pieces' name, the NZB's, and what becomes of them: by the pieces, by the NZB,
    /// by both.
    const ROWS: &[(Option<&str>, &str, [&str; 3])] = &[
        (Some("a.bin"), "b.mkv", ["a.bin", "b.mkv", "a.bin"]),
        (None, "b.mkv", ["b.mkv", "b.mkv", "b.mkv"]),
        (Some("a.bin"), "", ["a.bin", "file-0008", "a.bin"]),
        (Some(""), " .. ", ["file-0008", "file-0008", "file-0008"]),
        (Some("../.."), "b", ["b", "b", "b"]),
        (Some("../a"), "x/y", ["a", "x_y", "a"]),
        // N48: noise in the articles, a name in the NZB.
        (Some(HASH), "b.mkv", [HASH, "b.mkv", "b.mkv"]),
        (Some(RANDOM), "b.7z", [RANDOM, "b.7z", "b.7z"]),
        (Some("--- ---"), "b", ["_-- ---", "b", "b"]),
        // Noise in both, or in the NZB only.
        (Some(HASH), RANDOM, [HASH, RANDOM, HASH]),
        (Some(HASH), "Mr. Robot", [HASH, "Mr. Robot", HASH]),
        (Some("a.rar"), HASH, ["a.rar", HASH, "a.rar"]),
        (Some("---"), "+++", ["_--", "+++", "_--"]),
        // No noise: an extension, words, letters only, short.
        (
            Some("0f343b0931126a20f133d67c2b018a3b.rar"),
            "b.mkv",
            [
                "0f343b0931126a20f133d67c2b018a3b.rar",
                "b.mkv",
                "0f343b0931126a20f133d67c2b018a3b.rar",
            ],
        ),
        (
            Some("a film from the year 2024"),
            "b.mkv",
            [
                "a film from the year 2024",
                "b.mkv",
                "a film from the year 2024",
            ],
        ),
        (
            Some("AnUnusuallyLongReadmeName"),
            "b.mkv",
            [
                "AnUnusuallyLongReadmeName",
                "b.mkv",
                "AnUnusuallyLongReadmeName",
            ],
        ),
        (Some("README1"), "b.txt", ["README1", "b.txt", "README1"]),
    ];

    #[test]
    fn table() {
        let policies = [NameFrom::Yenc, NameFrom::Subject, NameFrom::Auto];
        for (agreed, nzb, wanted) in ROWS {
            for (from, want) in policies.into_iter().zip(wanted) {
                let name = choose(from, *agreed, nzb, 7);
                assert_eq!(name, *want, "{from:?}: {agreed:?}, {nzb:?}");
            }
        }
    }

    #[test]
    fn a_uuid_is_noise() {
        let uuid = "3f2b8c1e-90ab-4cde-8f12-34567890abcd";
        assert_eq!(choose(NameFrom::Auto, Some(uuid), "b.mkv", 0), "b.mkv");
    }
}
