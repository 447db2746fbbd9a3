//! File names out of subjects, by the rules the field uses.
//!
//! A poster's subject is mostly `Title [01/10] - "name.ext" yEnc (1/50)`. The
//! quoted name wins. Without one, what looks like a name with an extension is
//! taken, and without that the subject itself, its counters stripped: an
//! obfuscated post has nothing else.

/// Characters of a subject looked at: the longest real one known has 326.
const LONGEST: usize = 2048;

/// Where a file's name was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameFrom {
    /// Between double quotes in the subject.
    Quoted,
    /// Something with an extension in the subject.
    Extension,
    /// The subject without counters, sizes and `yEnc`.
    Subject,
    /// Nowhere: made from the place in the NZB.
    #[default]
    Index,
}

impl NameFrom {
    /// The word for records.
    pub fn as_str(self) -> &'static str {
        match self {
            NameFrom::Quoted => "subject-quoted",
            NameFrom::Extension => "subject-extension",
            NameFrom::Subject => "subject",
            NameFrom::Index => "index",
        }
    }
}

/// The file name in a subject: trimmed, otherwise as it stands there, so not
/// safe for a file system. `None` if nothing is left that could be a name.
pub fn name_from_subject(subject: &str) -> Option<(String, NameFrom)> {
    let subject: String = subject.chars().take(LONGEST).collect();
    // Some indexers escape the quotes twice.
    let subject = subject.replace("&quot;", "\"");
    let core = core(&subject);
    let found = |name: Option<&str>, from| name.map(|name| (name.to_owned(), from));
    found(quoted(&subject), NameFrom::Quoted)
        .or_else(|| found(with_extension(core), NameFrom::Extension))
        .or_else(|| found(bare(core), NameFrom::Subject))
}

/// The name in the subject, or one made from the index.
pub(crate) fn file_name(subject: &str, index: usize) -> (String, NameFrom) {
    name_from_subject(subject)
        .unwrap_or_else(|| (format!("file-{:04}", index + 1), NameFrom::Index))
}

/// True for `name.vol12+34.par2`: data for repair, needed only if the rest is
/// damaged. Old tools write `-` for `+`.
pub(crate) fn is_par2_volume(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let Some(at) = name
        .strip_suffix(".par2")
        .and_then(|stem| stem.rfind(".vol").map(|at| &stem[at + 4..]))
    else {
        return false;
    };
    at.split_once(['+', '-'])
        .is_some_and(|(from, count)| is_digits(from) && is_digits(count))
}

/// The last quoted text with an extension, else the last quoted text.
fn quoted(subject: &str) -> Option<&str> {
    let pieces: Vec<&str> = subject.split('"').collect();
    let closed = pieces.get(1..pieces.len() - 1).unwrap_or_default();
    let mut names: Vec<&str> = closed.iter().step_by(2).map(|piece| piece.trim()).collect();
    names.retain(|name| !name.is_empty());
    if names.is_empty() {
        names = doubled(&pieces);
    }
    names
        .iter()
        .rev()
        .find(|name| has_extension(name))
        .or(names.last())
        .copied()
}

/// Texts between pairs of double quotes: `""name""`.
fn doubled<'a>(pieces: &[&'a str]) -> Vec<&'a str> {
    let marked = pieces
        .windows(3)
        .filter(|w| w[0].is_empty() && w[2].is_empty());
    marked
        .map(|w| w[1].trim())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The subject without `yEnc`, part counters and sizes at its end.
fn core(subject: &str) -> &str {
    let mut rest = without_yenc(subject);
    while let Some(shorter) = shorter(rest) {
        rest = shorter;
    }
    rest
}

/// What stands before the last word `yEnc`, or behind it if that is nothing.
fn without_yenc(subject: &str) -> &str {
    let lower = subject.to_ascii_lowercase();
    let Some(at) = lower.rfind("yenc") else {
        return subject;
    };
    let (before, after) = (&subject[..at], &subject[at + 4..]);
    if before.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric) {
        return subject;
    }
    if has_word(before) { before } else { after }
}

/// One thing less at the end: white space, `""`, a dangling dash, a counter,
/// a size. `None` if there is none of them.
fn shorter(text: &str) -> Option<&str> {
    let trimmed = text.trim_end();
    if trimmed.len() < text.len() {
        return Some(trimmed);
    }
    if let Some(rest) = text.strip_suffix("\"\"") {
        return Some(rest);
    }
    if let Some(rest) = text
        .strip_suffix('-')
        .filter(|rest| rest.ends_with([' ', ']', ')']))
    {
        return Some(rest);
    }
    if let Some((rest, _)) =
        last_group(text).filter(|(_, inside)| is_counter(inside) || is_size(inside))
    {
        return Some(rest);
    }
    let mut words = text
        .rmatch_indices(char::is_whitespace)
        .take(2)
        .map(|(at, _)| text.split_at(at));
    words.find(|(_, word)| is_size(word)).map(|(rest, _)| rest)
}

/// The text before, and inside of, the brackets that end `text`.
fn last_group(text: &str) -> Option<(&str, &str)> {
    let (inner, open) = match text.strip_suffix(')') {
        Some(inner) => (inner, '('),
        None => (text.strip_suffix(']')?, '['),
    };
    inner.rsplit_once(open)
}

/// `1/50`, `1 of 50`.
fn is_counter(text: &str) -> bool {
    let parts = text.split_once('/').or_else(|| text.split_once(" of "));
    parts.is_some_and(|(n, of)| is_digits(n.trim()) && is_digits(of.trim()))
}

/// `443,42 MB`, `1.2GiB`, `123456 bytes`.
fn is_size(text: &str) -> bool {
    const UNITS: [&str; 8] = ["kb", "mb", "gb", "kib", "mib", "gib", "byte", "bytes"];
    let text = text.trim();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ','));
    text.starts_with(|c: char| c.is_ascii_digit())
        && UNITS.contains(&unit.trim().to_ascii_lowercase().as_str())
}

/// What follows the last counter in the text, if that is anything.
fn after_counters(core: &str) -> &str {
    let ends = core.match_indices([')', ']']).map(|(at, _)| at + 1);
    let counters =
        ends.filter(|&end| last_group(&core[..end]).is_some_and(|(_, inside)| is_counter(inside)));
    let rest = counters.max().map_or(core, |end| &core[end..]);
    let rest = if has_word(rest) { rest } else { core };
    rest.trim_start_matches(|c: char| c.is_whitespace() || c == '-')
        .trim_end()
}

/// Something with an extension: all that follows the last counter, or what is
/// in square brackets (`[PRiVATE]-[tag]-[name.ext]`), or what ends there.
fn with_extension(core: &str) -> Option<&str> {
    let rest = last_component(after_counters(core));
    Some(rest)
        .filter(|name| has_extension(name))
        .or_else(|| bracketed(core))
        .or_else(|| up_to_extension(rest))
}

/// What follows the last character that file names do not have.
fn last_component(text: &str) -> &str {
    text.rsplit([':', '"', '<', '>', '|', '/', '\\', '*', '?'])
        .next()
        .unwrap_or(text)
        .trim()
}

/// The last outermost `[name.ext]`. Names of web sites are no file names.
fn bracketed(core: &str) -> Option<&str> {
    let (mut depth, mut start, mut found) = (0_usize, 0, None);
    for (at, c) in core.char_indices() {
        match c {
            '[' => {
                start = if depth == 0 { at + 1 } else { start };
                depth += 1;
            }
            ']' if depth == 1 => {
                depth = 0;
                let name = last_component(&core[start..at]);
                found = Some(name)
                    .filter(|name| has_extension(name) && !name.starts_with("www."))
                    .or(found);
            }
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

/// `name.ext` out of `name.ext by poster`.
fn up_to_extension(text: &str) -> Option<&str> {
    let ends = text
        .match_indices(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .map(|(at, _)| at);
    ends.map(|end| text[..end].trim())
        .rfind(|name| has_extension(name))
}

/// Two to four letters and digits behind a dot, `.7z`, `.mkv`, `.001`. Two or
/// four digits are more often a version or a year.
fn has_extension(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else {
        return false;
    };
    let shape =
        (2..=4).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    shape && has_word(stem) && (extension.len() == 3 || !is_digits(extension))
}

fn bare(core: &str) -> Option<&str> {
    Some(after_counters(core)).filter(|name| has_word(name))
}

fn has_word(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::NameFrom::*;
    use super::*;

    /// Subjects in the shapes posters use, with the name each stands for.
    const SUBJECTS: &[(&str, &str, NameFrom)] = &[
        (
            r#"Great stuff (001/143) - "Some File.txt" yEnc (1/1)"#,
            "Some File.txt",
            Quoted,
        ),
        (
            r#""0a1b2c3d4e5f.vol01-03.par2" yEnc (1/3)"#,
            "0a1b2c3d4e5f.vol01-03.par2",
            Quoted,
        ),
        (
            r#"[02/30] - ""doubled.part.nzb"" yEnc"#,
            "doubled.part.nzb",
            Quoted,
        ),
        (
            r#"x [1/6] - "20b9152c-57eb-4d02" yEnc (1/22) 15728640"#,
            "20b9152c-57eb-4d02",
            Quoted,
        ),
        (
            r#""The Title" - "file.part01.rar" - 12,34 GB yEnc (1/9)"#,
            "file.part01.rar",
            Quoted,
        ),
        (
            r#""file.part01.rar" - "a comment" yEnc (1/9)"#,
            "file.part01.rar",
            Quoted,
        ),
        (r#"" spaced.bin " yEnc"#, "spaced.bin", Quoted),
        ("&quot;twice.rar&quot; yEnc (1/2)", "twice.rar", Quoted),
        (r#"an "unclosed.rar yEnc (1/2)"#, "unclosed.rar", Extension),
        ("name.ext (1/50)", "name.ext", Extension),
        ("name.ext yEnc (1/50)", "name.ext", Extension),
        (
            "[1/9] - My File.part1.rar yEnc (01/50) 123456",
            "My File.part1.rar",
            Extension,
        ),
        (
            "Title (2005) - [04/25] - 02 A Song (I Know).flac",
            "02 A Song (I Know).flac",
            Extension,
        ),
        (
            "Re: REQ Somebody - The Book.epub (1/1)",
            "REQ Somebody - The Book.epub",
            Extension,
        ),
        (
            "[011/116] - [AB-C] Show - 02 [BD][1080p] FLAC][442E].mkv yEnc (1/2401) 1720916370",
            "[AB-C] Show - 02 [BD][1080p] FLAC][442E].mkv",
            Extension,
        ),
        (
            r#"[PRiVATE]-[tag]-[Show-_S03E11_+_x.mkv]-[4/12] - "" yEnc 9786 (1/1366)"#,
            "Show-_S03E11_+_x.mkv",
            Extension,
        ),
        (
            r#"[N] X\::[PRiVATE]-[tag]-[Show.S04.x264-G.mkv]-[1/2] - "" yEnc  29 (1/573)"#,
            "Show.S04.x264-G.mkv",
            Extension,
        ),
        (
            r#"[PRiVATE]-[tag]-[24]-[12/inner.name.mkv] - "" yEnc  0 (1/0)"#,
            "inner.name.mkv",
            Extension,
        ),
        (
            r#"[PRiVATE]-[tag]-[/lead.mkv]-[1/6] - "" yEnc (1/2)"#,
            "lead.mkv",
            Extension,
        ),
        (
            r#"[PRiVATE]-[tag]-[Video_(2001)_[Grp].mkv]-[1/23] - "" yEnc 1 (1/2)"#,
            "Video_(2001)_[Grp].mkv",
            Extension,
        ),
        ("Bla [Now it's done.exe]", "Now it's done.exe", Extension),
        ("foo.7z.001 12.5 MB (1/3)", "foo.7z.001", Extension),
        ("archive.rar by somebody (1/50)", "archive.rar", Extension),
        (
            "[www.site.com] - foo bar (1/2)",
            "[www.site.com] - foo bar",
            Subject,
        ),
        (
            "Bla [Now it's done.123nonsense]",
            "Bla [Now it's done.123nonsense]",
            Subject,
        ),
        ("a8f7d6e5c4b3a291 yEnc (1/50)", "a8f7d6e5c4b3a291", Subject),
        ("[3/9] a8f7d6e5c4b3a291 (1/50)", "a8f7d6e5c4b3a291", Subject),
        (
            "a8f7d6e5c4b3a291 [3/9] yEnc (1/50)",
            "a8f7d6e5c4b3a291",
            Subject,
        ),
        ("<>random!>", "<>random!>", Subject),
        ("yEnc solo.rar (1/2)", "solo.rar", Extension),
        ("release 1.20 (1/5)", "release 1.20", Subject),
        ("myyEncfile (1/5)", "myyEncfile", Subject),
        ("Größe äöü.mkv yEnc (1/5)", "Größe äöü.mkv", Extension),
    ];

    #[test]
    fn subjects_give_the_names_the_field_expects() {
        for (subject, name, from) in SUBJECTS {
            assert_eq!(
                name_from_subject(subject),
                Some((name.to_string(), *from)),
                "{subject}"
            );
        }
    }

    #[test]
    fn no_name_is_made_from_the_place() {
        for subject in [
            "",
            "  ",
            "(1/50)",
            "[1/9] - \"\" yEnc (1/50)",
            "yEnc",
            "\"\"",
            "...",
            "- -",
        ] {
            assert_eq!(name_from_subject(subject), None, "{subject}");
            assert_eq!(
                file_name(subject, 0),
                ("file-0001".into(), Index),
                "{subject}"
            );
        }
    }

    #[test]
    fn par2_volumes_are_known() {
        for name in ["a.vol0+1.par2", "a.VOL012+34.PAR2", "b.rar.vol01-03.par2"] {
            assert!(is_par2_volume(name), "{name}");
        }
        for name in [
            "a.par2",
            "a.vol0+1.rar",
            "a.vol+.par2",
            "volume.par2",
            "a.vol1.par2",
        ] {
            assert!(!is_par2_volume(name), "{name}");
        }
    }
}
