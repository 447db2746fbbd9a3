//! File names out of untrusted text: one safe component, never a path.
//!
//! Which of its names a file gets is [`choose`]'s; whether that is free among the files of
//! this run is [`names`](crate::names)'s, and on the disk [`finish`](crate::finish)'s.

mod choose;

use sha2::{Digest, Sha256};

pub(crate) use choose::choose;

/// The longest component Linux, macOS and the BSDs take, in bytes (`NAME_MAX`).
pub(crate) const MAX: usize = 255;

/// What [`safe_name`] says where no usable character is left.
const UNNAMED: &str = "unnamed";

/// Longer endings are not extensions, and are cut like the rest of the name.
const MAX_EXTENSION: usize = 16;

/// Names DOS reserved, with or without an extension. A share served to Windows
/// cannot open them.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Makes one safe path component of any text: at most 255 bytes, keeping the
/// extension.
///
/// Folders in the name become part of it (`a/b` is `a_b`), and those that consist of
/// dots only are dropped (`../x` is `x`). Control, formatting, invisible and
/// line-separating characters, `:` and a leading `-`, `@` or `.` become `_`; white space
/// at both ends and dots at the end go; names DOS or this crate reserve are changed.
/// `unnamed` if nothing is left. A safe name stays as it is.
///
/// Hidden names are not for downloads: with [`Options::flat`](crate::Options) `.profile`
/// may be one that a shell reads, and our own names begin so.
pub fn safe_name(name: &str) -> String {
    clean(name).unwrap_or_else(|| UNNAMED.to_owned())
}

/// As [`safe_name`]; `None` if nothing usable is left.
pub(crate) fn clean(name: &str) -> Option<String> {
    let mut joined = String::new();
    for component in name.split(['/', '\\']).filter(|c| !is_dots(c)) {
        if !joined.is_empty() {
            joined.push('_');
        }
        joined.extend(component.chars().map(|c| if is_bad(c) { '_' } else { c }));
    }
    let mut name = trimmed(&joined).to_owned();
    if is_dots(&name) {
        return None;
    }
    if name.starts_with(['-', '@', '.']) {
        name.replace_range(..1, "_");
    }
    if is_device(&name) {
        name.insert(0, '_');
    }
    Some(unreserved(shortened(name)))
}

/// `name` with ` (n)` before its extension, still within 255 bytes.
pub(crate) fn numbered(name: &str, n: u64) -> String {
    let (stem, extension) = split_extension(name);
    let tail = format!(" ({n}){extension}");
    format!("{}{tail}", cut(stem, MAX - tail.len()))
}

/// As much of `text` as fits into `max` bytes, cut between characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The name of the data file of `name` while it is not complete.
pub(crate) fn part_name(name: &str, tag: &str) -> String {
    let tail = format!(".{tag}.part");
    format!("{}{tail}", cut(name, MAX - tail.len()))
}

/// The tag of the data file of `key`, a file of `job`. Two jobs may share a folder and list
/// the same file: the journal of one must never speak of the data of the other.
pub(crate) fn data_tag(job: &str, key: &str) -> String {
    if job.is_empty() {
        return tag(key);
    }
    let digest = Sha256::digest(format!("{job}\n{key}"));
    let head = digest.iter().take(TAG / 2);
    head.map(|byte| format!("{byte:02x}")).collect()
}

/// The names the journal of a job may have, the preferred one first: another job's tag
/// may be the same.
pub(crate) fn journals(job: &str) -> [String; JOURNALS] {
    std::array::from_fn(|n| {
        let tag = match (job, n) {
            ("", 0) => "nojob".to_owned(),
            (job, 0) => tag(job),
            (job, n) => tag(&format!("{job}#{}", n + 1)),
        };
        format!(".nzbpipe-{tag}.journal")
    })
}

const JOURNALS: usize = 4;

/// Twelve characters that stand for an identity in our own file names. A digest in hex
/// can be shortened; what people make up differs at its end.
pub(crate) fn tag(id: &str) -> String {
    match id.get(..TAG) {
        Some(head) if id.bytes().all(|b| b.is_ascii_hexdigit()) => head.to_owned(),
        _ => format!(
            "{:08x}{:04x}",
            crc32fast::hash(id.as_bytes()),
            id.len() & 0xffff
        ),
    }
}

const TAG: usize = 12;

/// Dots and white space only: no name, or one that leads elsewhere.
fn is_dots(text: &str) -> bool {
    text.chars().all(|c| c == '.' || c.is_whitespace())
}

/// Characters that move the cursor, turn the direction of the text, cannot be seen,
/// end a line, or (`:`) name a stream on NTFS. Those that choose the look of the
/// character before them stay: they are part of many an emoji.
fn is_bad(c: char) -> bool {
    c.is_control()
        || matches!(c, ':' | '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{fffd}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(
            c,
            '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        )
        || matches!(c, '\u{180e}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
        || matches!(c, '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}')
        || matches!(c, '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}')
}

/// Without white space at both ends and dots at the end. One pass over both kinds, so
/// that no order of trimming leaves anything behind.
fn trimmed(name: &str) -> &str {
    name.trim_start()
        .trim_end_matches(|c: char| c == '.' || c.is_whitespace())
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let stem = stem.to_lowercase();
    DEVICES.contains(&stem.as_str())
        || ["com", "lpt"].iter().any(|port| {
            stem.strip_prefix(port)
                .is_some_and(|n| n.chars().count() == 1 && n.contains(is_port_digit))
        })
}

/// Windows takes superscript digits for digits here.
fn is_port_digit(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '\u{b9}' | '\u{b2}' | '\u{b3}')
}

/// At most 255 bytes. A digest of the whole name keeps those that differ only in
/// what was cut apart.
fn shortened(name: String) -> String {
    if name.len() <= MAX {
        return name;
    }
    let (stem, extension) = split_extension(&name);
    let tail = format!("~{:08x}{extension}", crc32fast::hash(name.as_bytes()));
    format!("{}{tail}", cut(stem, MAX - tail.len()))
}

/// What comes before the extension, and that with its dot, or nothing.
pub(crate) fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= MAX_EXTENSION => name.split_at(at),
        _ => (name, ""),
    }
}

/// Keeps away from our own names: `….<12 hexadecimal digits>.part`. The others begin
/// with a dot, as no name does here. The length does not change.
fn unreserved(mut name: String) -> String {
    let lower = name.to_ascii_lowercase();
    if let Some(head) = lower.strip_suffix(".part")
        && let Some((_, tag)) = head.rsplit_once('.')
        && tag.len() == TAG
        && tag.bytes().all(|b| b.is_ascii_hexdigit())
    {
        name.replace_range(head.len()..=head.len(), "_");
    }
    name
}

#[cfg(test)]
mod tests;
