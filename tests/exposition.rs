//! Reads the text format of Prometheus (exposition format 0.0.4) by its grammar,
//! strictly: what a collector would refuse is an error here.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of `text`: `name{label="value",…}` with labels in order of name.
pub fn parse(text: &str) -> Result<BTreeMap<String, f64>, String> {
    if !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let mut samples = BTreeMap::new();
    let mut families = BTreeSet::new();
    let mut family = String::new();
    for line in text.lines() {
        let wrong = |what: &str| format!("{what}: {line}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or(wrong("no text"))?;
            unescaped(help, false).ok_or(wrong("bad escape"))?;
            legal(name, true).then_some(()).ok_or(wrong("bad name"))?;
            if !families.insert(name.to_owned()) {
                return Err(wrong("a second family of this name"));
            }
            family = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or(wrong("no type"))?;
            let known = matches!(
                kind,
                "counter" | "gauge" | "histogram" | "summary" | "untyped"
            );
            if name != family || !known {
                return Err(wrong("no type of the family at hand"));
            }
            if (kind == "counter") != name.ends_with("_total") {
                return Err(wrong("counters, and they alone, end in _total"));
            }
        } else {
            let (series, value) = sample(line).ok_or(wrong("no sample"))?;
            if series.split('{').next() != Some(&family) {
                return Err(wrong("a sample outside of its family"));
            }
            if samples.insert(series, value).is_some() {
                return Err(wrong("twice"));
            }
        }
    }
    Ok(samples)
}

fn sample(line: &str) -> Option<(String, f64)> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    if !legal(name, true) {
        return None;
    }
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let end = closing(after)?;
            let value = unescaped(&after[..end], true)?;
            if !legal(label, false) || labels.insert(label, value).is_some() {
                return None;
            }
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}')?;
    }
    let value: f64 = rest.strip_prefix(' ')?.parse().ok()?;
    let labels: Vec<_> = labels.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
    Some((format!("{name}{{{}}}", labels.join(",")), value))
}

/// Where the quote stands that no backslash makes part of the text.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices()
        .find(|(_, c)| {
            let found = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            found
        })
        .map(|(at, _)| at)
}

fn unescaped(text: &str, quoted: bool) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                '\\' => out.push('\\'),
                'n' => out.push('\n'),
                '"' if quoted => out.push('"'),
                _ => return None,
            },
            '"' if quoted => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

/// A metric's name may have colons, a label's may not.
fn legal(name: &str, metric: bool) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || (metric && c == ':');
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

#[test]
fn the_reader_is_strict() {
    let family = "# HELP a_total b\n# TYPE a_total counter\n";
    for (line, good) in [
        (r#"a_total{x="y"} 1"#, true),
        (r#"a_total{x="y\"z\\\n",w="é"} 1.5e3"#, true),
        ("a_total 1", true),
        ("b_total 1", false),
        (r#"a_total{x="y} 1"#, false),
        (r#"a_total{x="\y"} 1"#, false),
        (r#"a_total{1x="y"} 1"#, false),
        (r#"a_total{x="y"}1"#, false),
        ("a_total one", false),
        ("a_total 1\na_total 2", false),
        ("", false),
    ] {
        let read = parse(&format!("{family}{line}\n"));
        assert_eq!(read.is_ok(), good, "{line}: {read:?}");
    }
}
