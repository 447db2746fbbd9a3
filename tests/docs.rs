//! Man pages and completions are made from the command lines and committed; these
//! tests fail when they are stale. `UPDATE=1 cargo test --test tests docs` makes
//! them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use nzbpipe_cli::{Page, catalogue};

#[test]
fn man_pages_are_current() {
    for page in catalogue() {
        let name = page.command.get_name().to_owned();
        current(&Path::new("man").join(format!("{name}.1")), &man(&page));
    }
}

#[test]
fn completions_are_current() {
    for page in catalogue() {
        let name = page.command.get_name().to_owned();
        for (shell, file) in [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ] {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut page.command.clone(), &name, &mut out);
            current(&Path::new("completions").join(file), &out);
        }
    }
}

/// Pages written by hand must at least be there and name every program.
#[test]
fn the_overview_names_every_program() {
    let text = fs::read_to_string(root("man/nzbpipe.7")).unwrap();
    let text = text.replace("\\-", "-");
    for page in catalogue() {
        let name = page.command.get_name();
        assert!(text.contains(name), "man/nzbpipe.7 does not name {name}");
    }
    for page in ["man/nzbpipe-records.5", "man/nzbpipe-servers.5"] {
        assert!(root(page).exists(), "{page} is missing");
    }
}

fn root(file: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn current(file: &Path, wanted: &[u8]) {
    let path = root(file);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, wanted).unwrap();
    }
    let found = fs::read(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{} is stale: run UPDATE=1 cargo test --test tests docs",
        file.display()
    );
}

fn man(page: &Page) -> Vec<u8> {
    let source = format!("nzbpipe {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(without_summary(&page.command))
        .manual("nzbpipe")
        .source(source)
        .date("");
    let mut out = Vec::new();
    man.render_title(&mut out).unwrap();
    man.render_name_section(&mut out).unwrap();
    let mut text = String::from_utf8(out).unwrap();
    let _ = writeln!(text, ".SH SYNOPSIS\n{}", synopsis(&page.command));
    let mut out = text.into_bytes();
    man.render_description_section(&mut out).unwrap();
    man.render_options_section(&mut out).unwrap();
    let mut text = String::from_utf8(out).unwrap();
    table(&mut text, "EXIT STATUS", &page.exit_status);
    table(&mut text, "ENVIRONMENT", &page.environment);
    table(&mut text, "FILES", &page.files);
    for (heading, rows) in &page.sections {
        let rows: Vec<_> = rows.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        table(&mut text, heading, &rows);
    }
    examples(&mut text, page.examples);
    let _ = writeln!(text, ".SH \"SEE ALSO\"\n{}", escaped(page.see_also));
    text.into_bytes()
}

/// The NAME section has said what the first paragraph says.
fn without_summary(command: &Command) -> Command {
    let command = command.clone();
    let about = command.get_long_about().map(ToString::to_string);
    match about.as_deref().and_then(|text| text.split_once("\n\n")) {
        Some((_, rest)) => command.long_about(rest.to_owned()),
        None => command,
    }
}

/// clap's own line: the generator's would list every flag without its value.
fn synopsis(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let words = usage.trim_start_matches("Usage: ");
    let (name, rest) = words.split_once(' ').unwrap_or((words, ""));
    format!("\\fB{}\\fR {}", escaped(name), escaped(rest))
}

fn table(text: &mut String, heading: &str, rows: &[(&str, &str)]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, ".SH \"{heading}\"");
    for (term, meaning) in rows {
        let _ = writeln!(text, ".TP\n\\fB{}\\fR\n{}", escaped(term), escaped(meaning));
    }
}

fn examples(text: &mut String, help: &str) {
    let _ = writeln!(text, ".SH EXAMPLES\n.nf");
    for line in help.lines().skip(1) {
        let _ = writeln!(text, "{}", escaped(line.strip_prefix("  ").unwrap_or(line)));
    }
    let _ = writeln!(text, ".fi");
}

/// `text` with what troff would read otherwise: backslashes, hyphens that must
/// stay hyphens when copied, dots and quotes that begin a line.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let text = text.replace('\'', "\\(aq").replace('~', "\\(ti");
    match text.starts_with('.') {
        true => format!("\\&{text}"),
        false => text,
    }
}
