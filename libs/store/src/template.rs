//! What final names are made of: a text with `{fields}`.

use std::fmt::{self, Write};
use std::str::FromStr;

use crate::name::{clean, safe_name, split_extension};

/// A template for the name of a file in its folder, as `--name` gives it.
///
/// | field | is |
/// |---|---|
/// | `{name}` | the name the file would have without a template |
/// | `{stem}` | that without its extension |
/// | `{ext}` | its extension with the dot, or nothing |
/// | `{job}` | the name of the job |
/// | `{index}` | the file's place in the NZB, from 1; `{index:03}` has at least three digits |
///
/// `{{` and `}}` are braces. One of `{name}`, `{stem}` and `{index}` is needed: without
/// them all files of a job would have one name. The outcome is one safe component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    bits: Vec<Bit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Bit {
    Text(String),
    Name,
    Stem,
    Ext,
    Job,
    Index { width: usize },
}

/// What may stand in braces, for messages.
const FIELDS: &str = "{name}, {stem}, {ext}, {job}, {index} and {index:03}";

const NO_FOLDERS: &str = "a name cannot lead into a folder; -d and --flat say where files go";

const ALIKE: &str = "all files would have one name: use {name}, {stem} or {index} in it";

impl Template {
    /// The name of the file that would be called `name` without a template; `index` is
    /// its place in the job `job`, from 0. Safe whatever they are.
    pub fn render(&self, name: &str, job: &str, index: u64) -> String {
        let name = safe_name(name);
        let (stem, ext) = split_extension(&name);
        let mut out = String::new();
        for bit in &self.bits {
            match bit {
                Bit::Text(text) => out += text,
                Bit::Name => out += &name,
                Bit::Stem => out += stem,
                Bit::Ext => out += ext,
                Bit::Job => out += &clean(job).unwrap_or_default(),
                Bit::Index { width } => {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "{:0width$}", index.saturating_add(1));
                }
            }
        }
        safe_name(&out)
    }

    fn tells_files_apart(&self) -> bool {
        self.bits
            .iter()
            .any(|bit| matches!(bit, Bit::Name | Bit::Stem | Bit::Index { .. }))
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Template, String> {
        let mut bits = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let wrong = |what: &str| wrong(text, rest, what);
            let behind = &rest[c.len_utf8()..];
            rest = match c {
                '{' | '}' if behind.starts_with(c) => {
                    literal(&mut bits, c);
                    &behind[1..]
                }
                '{' => {
                    let (bit, behind) = field(behind).map_err(|what| wrong(&what))?;
                    bits.push(bit);
                    behind
                }
                '}' => return Err(wrong("} without {; a brace is written }}")),
                '/' | '\\' => return Err(wrong(NO_FOLDERS)),
                c => {
                    literal(&mut bits, c);
                    behind
                }
            };
        }
        let text = text.to_owned();
        let template = Template { text, bits };
        match template.tells_files_apart() {
            true => Ok(template),
            false => Err(ALIKE.to_owned()),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn literal(bits: &mut Vec<Bit>, c: char) {
    match bits.last_mut() {
        Some(Bit::Text(text)) => text.push(c),
        _ => bits.push(Bit::Text(c.into())),
    }
}

/// The field whose brace stands before `text`, and what comes after it.
fn field(text: &str) -> Result<(Bit, &str), String> {
    let end = text
        .find(['{', '}'])
        .filter(|&n| text[n..].starts_with('}'));
    let (inner, behind) = end
        .map(|end| (&text[..end], &text[end + 1..]))
        .ok_or("{ without }; a brace is written {{")?;
    let bit = match inner {
        "name" => Some(Bit::Name),
        "stem" => Some(Bit::Stem),
        "ext" => Some(Bit::Ext),
        "job" => Some(Bit::Job),
        _ => width(inner).map(|width| Bit::Index { width }),
    };
    bit.map(|bit| (bit, behind))
        .ok_or_else(|| format!("{{{inner}}} is not known; there are {FIELDS}"))
}

/// The digits that `index` or `index:0N` asks for.
fn width(field: &str) -> Option<usize> {
    if field == "index" {
        return Some(1);
    }
    let digits = field.strip_prefix("index:0")?;
    match digits.as_bytes() {
        [n @ b'1'..=b'9'] => Some(usize::from(n - b'0')),
        _ => None,
    }
}

/// Names the place where `rest` begins, as people count.
fn wrong(text: &str, rest: &str, what: &str) -> String {
    let before = &text[..text.len() - rest.len()];
    format!("at character {}: {what}", before.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "a/Job: 1";

    #[test]
    fn what_is_made_of_a_name() {
        for (template, name, want) in [
            ("{name}", "film.mkv", "film.mkv"),
            ("{stem}{ext}", "film.part01.rar", "film.part01.rar"),
            ("{stem} [{job}]{ext}", "film.mkv", "film [a_Job_ 1].mkv"),
            ("{index}-{name}", "film.mkv", "8-film.mkv"),
            ("{index:03}{ext}", "film.mkv", "008.mkv"),
            ("{index:09}", "film.mkv", "000000008"),
            ("{stem}{ext}", "README", "README"),
            ("{{{name}}}", "film.mkv", "{film.mkv}"),
            ("{{name}} {index}", "film.mkv", "{name} 8"),
            // The outcome is as safe as any name.
            ("-{name}", "film.mkv", "_film.mkv"),
            (".{name}", "film.mkv", "_film.mkv"),
            ("{name}. ", "film.mkv", "film.mkv"),
            ("a\u{1b}\0{index}:", "film.mkv", "a__8_"),
            ("com{index}{ext}", "film.mkv", "_com8.mkv"),
            ("{stem}.0123456789ab.part", "x", "x.0123456789ab_part"),
            ("{name}", "../../etc/passwd", "etc_passwd"),
            ("{ext}{stem}", "film.mkv", "_mkvfilm"),
        ] {
            let name = template.parse::<Template>().unwrap().render(name, JOB, 7);
            assert_eq!(name, want, "{template}");
            assert_eq!(safe_name(&name), name, "{template}");
        }
    }

    #[test]
    fn long_names_keep_the_extension_and_differ() {
        let template: Template = "{job} {stem}{ext}".parse().unwrap();
        let render = |index: u64| template.render(&format!("{index}.mkv"), &"j".repeat(300), index);
        assert!(render(1).len() <= 255 && render(1).ends_with(".mkv"));
        assert_ne!(render(1), render(2));
        let all = "{index:09}".parse::<Template>().unwrap();
        assert_eq!(all.render("x", "", u64::MAX), u64::MAX.to_string());
        let job = "{index}{job}".parse::<Template>().unwrap();
        assert_eq!(job.render("x", "..", 0), "1");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (template, words) in [
            ("", "all files would have one name"),
            ("film", "{name}, {stem} or {index}"),
            ("{job}{ext}", "all files would have one name"),
            ("{{name}}", "all files would have one name"),
            (
                "ä {nam}",
                "at character 3: {nam} is not known; there are {name}",
            ),
            ("{poster}{name}", "at character 1: {poster} is not known"),
            ("{}", "at character 1: {} is not known"),
            ("{name:03}", "at character 1: {name:03} is not known"),
            ("{index:3}", "at character 1: {index:3} is not known"),
            ("{index:00}", "at character 1"),
            ("{index:012}", "at character 1"),
            ("{index:}", "at character 1"),
            ("{name", "at character 1: { without }"),
            ("{na{me}", "at character 1: { without }"),
            ("{name}}", "at character 7: } without {"),
            ("a}b{name}", "at character 2: } without {"),
            (
                "{job}/{name}",
                "at character 6: a name cannot lead into a folder",
            ),
            (
                "{job}\\{name}",
                "at character 6: a name cannot lead into a folder",
            ),
        ] {
            let told = template.parse::<Template>().unwrap_err();
            assert!(told.contains(words), "{template}: {told}");
        }
    }

    #[test]
    fn it_prints_as_it_was_typed() {
        let text = "{{{index:03}}} {name}";
        assert_eq!(text.parse::<Template>().unwrap().to_string(), text);
    }
}
