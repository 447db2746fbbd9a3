//! File names out of untrusted text: one safe component, never a path.
//!
//! Whether a name is free, and what to do if not, is [`finish`](crate::finish)'s.

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
/// dots only are dropped (`../x` is `x`). Control, formatting and line-separating
/// characters, `:` and a leading `-` or `@` become `_`; white space at both ends and
/// dots at the end go; names DOS or this crate reserve are changed. `unnamed` if
/// nothing is left.
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
    if name.starts_with(['-', '@']) {
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

fn is_dots(text: &str) -> bool {
    text.chars().all(|c| c == '.' || c.is_whitespace())
}

/// Characters that move the cursor, turn the direction of the text, cannot be seen,
/// end a line, or (`:`) name a stream on NTFS.
fn is_bad(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            ':' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fffd}'
        )
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
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

/// The extension with its dot, or nothing.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= MAX_EXTENSION => name.split_at(at),
        _ => (name, ""),
    }
}

/// Keeps away from our own names: `.nzbpipe…` and `….<12 characters>.part`. Lengths
/// do not change.
fn unreserved(mut name: String) -> String {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with(".nzbpipe") {
        name.replace_range(..1, "_");
    }
    if let Some(head) = lower.strip_suffix(".part")
        && let Some((_, tag)) = head.rsplit_once('.')
        && tag.len() == TAG
    {
        name.replace_range(head.len()..=head.len(), "_");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows carry the number of the fault they stand for.
    const ROWS: &[(&str, &str, &str)] = &[
        ("plain", "movie.part01.rar", "movie.part01.rar"),
        ("plain", "Ünï cödé – 日本.mkv", "Ünï cödé – 日本.mkv"),
        ("plain", ".hidden", ".hidden"),
        ("N40", "../x", "x"),
        ("N40", "a/../../x", "a_x"),
        ("N40", "/etc/x", "etc_x"),
        ("N40", "//x", "x"),
        ("N40", "..\\x", "x"),
        ("N40", "C:x", "C_x"),
        ("N40", "\\\\host\\share\\x", "host_share_x"),
        ("N40", "\\\\?\\C:\\x", "?_C__x"),
        ("N40", "a:b", "a_b"),
        ("N41", "", "unnamed"),
        ("N41", ".", "unnamed"),
        ("N41", "..", "unnamed"),
        ("N41", "...", "unnamed"),
        ("N41", ". .. .", "unnamed"),
        ("N41", "./. /../", "unnamed"),
        ("N41", "\u{a0}..\u{3000}", "unnamed"),
        ("N43", "CON", "_CON"),
        ("N43", "aux.txt", "_aux.txt"),
        ("N43", "COM¹", "_COM¹"),
        ("N43", "lpt9.log", "_lpt9.log"),
        ("N43", "com10", "com10"),
        ("N43", "console.log", "console.log"),
        ("N43", "x. . .", "x"),
        ("N43", "  x ", "x"),
        ("N44", "a\0b\nc\td", "a_b_c_d"),
        ("N44", "\u{1b}]52;c;x\u{7}", "_]52;c;x_"),
        ("N44", "a\u{202e}gpj.exe", "a_gpj.exe"),
        ("N44", "a\u{200b}b\u{2028}c\u{feff}", "a_b_c_"),
        ("N44", "a\u{85}b\u{9b}c", "a_b_c"),
        ("N45", "--help", "_-help"),
        ("N45", "-rf", "_rf"),
        ("N45", "../-rf", "_rf"),
        ("N45", "@file", "_file"),
        ("N45", "$(x) `y`", "$(x) `y`"),
        (
            "N49",
            ".nzbpipe-0123456789ab.journal",
            "_nzbpipe-0123456789ab.journal",
        ),
        ("N49", ".NZBpipe", "_NZBpipe"),
        ("N49", "x.0123456789ab.part", "x.0123456789ab_part"),
        ("N49", "x.0123456789ab.PART", "x.0123456789ab_PART"),
        ("N49", "x.part", "x.part"),
    ];

    #[test]
    fn table() {
        for (row, name, want) in ROWS {
            assert_eq!(safe_name(name), *want, "{row}: {name:?}");
            assert_eq!(safe_name(want), *want, "{row}: not stable");
        }
    }

    #[test]
    fn n42_long_names_keep_extension_and_differ() {
        for unit in ["a", "é", "日", "😀"] {
            let long = unit.repeat(300);
            let one = safe_name(&format!("{long}1.mkv"));
            let two = safe_name(&format!("{long}2.mkv"));
            assert!(one.len() <= MAX && one.len() > MAX - 4, "{unit}");
            assert!(one.ends_with(".mkv"), "{unit}");
            assert_ne!(one, two);
        }
        assert_eq!(safe_name(&"a".repeat(255)), "a".repeat(255));
        assert_eq!(safe_name(&format!("x.{}", "e".repeat(400))).len(), MAX);
        // Cutting must not make a name of our own.
        let sly = format!("{}.{}", "a".repeat(240), "b".repeat(100));
        assert!(!safe_name(&sly).ends_with(".part"));
    }

    #[test]
    fn numbers_go_before_the_extension() {
        assert_eq!(numbered("a.b.mkv", 2), "a.b (2).mkv");
        assert_eq!(numbered("README", 3), "README (3)");
        assert_eq!(numbered(".nfo", 2), ".nfo (2)");
        let long = numbered(&format!("{}.rar", "é".repeat(125)), 12);
        assert!(long.len() <= MAX && long.ends_with("é (12).rar"), "{long}");
    }

    #[test]
    fn part_names_fit() {
        assert_eq!(
            part_name("a.rar", "0123456789ab"),
            "a.rar.0123456789ab.part"
        );
        assert_eq!(part_name(&"a".repeat(255), "0123456789ab").len(), MAX);
        assert_eq!(tag("0123456789abcdef"), "0123456789ab");
        // Ids made by hand have their difference at the end: two jobs must not share a
        // journal for that.
        assert_ne!(tag("LinuxDistribution1"), tag("LinuxDistribution2"));
        for odd in [
            "",
            "short",
            "LinuxDistribution1",
            "../../../etc/passwd",
            "ééééééééééééé",
        ] {
            let tag = tag(odd);
            assert!(tag.len() == TAG && tag.bytes().all(|b| b.is_ascii_hexdigit()));
        }
    }
}
