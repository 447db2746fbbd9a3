//! A command in one text, as words: what `sh` would make of it, without a shell.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A program and its arguments.
///
/// They mean what they mean to `sh`, or are refused: what a shell would expand or act on
/// cannot be had without one, and would otherwise go to the program as a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words(Vec<String>);

impl Words {
    /// The program as it was typed.
    pub fn name(&self) -> &str {
        &self.0[0]
    }

    pub fn arguments(&self) -> &[String] {
        &self.0[1..]
    }

    /// Where the program is, so that it is known now and not after the first file that
    /// there is none. It runs in another folder: a path must not depend on that.
    pub fn program(&self) -> Result<PathBuf, String> {
        let name = Path::new(self.name());
        if self.name().contains('/') {
            let path = std::path::absolute(name).map_err(|e| format!("{}: {e}", self.name()))?;
            return match is_executable(&path) {
                true => Ok(path),
                false => Err(format!("{}: no program that can be run", self.name())),
            };
        }
        let folders = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
        env::split_paths(&folders)
            .map(|folder| folder.join(name))
            .find(|path| is_executable(path))
            .and_then(|path| std::path::absolute(path).ok())
            .ok_or_else(|| format!("{}: no such program in PATH", self.name()))
    }
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

impl FromStr for Words {
    type Err = String;

    fn from_str(text: &str) -> Result<Words, String> {
        let mut words = Vec::new();
        let mut rest = text.trim_start_matches(BLANKS);
        while !rest.is_empty() {
            let (word, behind) = word(rest)?;
            words.push(word);
            rest = behind.trim_start_matches(BLANKS);
        }
        match words.first() {
            _ if text.contains('\0') => Err("a command cannot have NUL in it".to_owned()),
            Some(first) if !first.is_empty() => Ok(Words(words)),
            _ => Err("names no program".to_owned()),
        }
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The first word of a text that does not begin with blanks, and what comes after it.
fn word(text: &str) -> Result<(String, &str), String> {
    if text.starts_with(['~', '#']) {
        return Err(shell(&text[..1]));
    }
    let mut word = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next().filter(|c| !BLANKS.contains(c)) {
        let behind = &rest[c.len_utf8()..];
        rest = match c {
            '\'' => {
                let (inner, behind) = behind.split_once('\'').ok_or_else(|| open(c))?;
                word += inner;
                behind
            }
            '"' => quoted(behind, &mut word)?,
            '\\' => {
                let next = behind.chars().next().ok_or("ends with a \\")?;
                word.extend(Some(next).filter(|&c| c != '\n'));
                &behind[next.len_utf8()..]
            }
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '*' | '?' | '[' | '\n' => {
                return Err(shell(c.escape_debug().to_string().as_str()));
            }
            c => {
                word.push(c);
                behind
            }
        };
    }
    Ok((word, rest))
}

/// Reads on behind `"`, up to the next; says what comes after that.
fn quoted<'a>(text: &'a str, word: &mut String) -> Result<&'a str, String> {
    let mut rest = text;
    loop {
        let c = rest.chars().next().ok_or_else(|| open('"'))?;
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => return Ok(rest),
            '$' | '`' => return Err(shell(&c.to_string())),
            '\\' if rest.starts_with(['$', '`', '"', '\\']) => {
                word.push_str(&rest[..1]);
                rest = &rest[1..];
            }
            '\\' if rest.starts_with('\n') => rest = &rest[1..],
            c => word.push(c),
        }
    }
}

fn open(quote: char) -> String {
    format!("a {quote} is never closed")
}

fn shell(what: &str) -> String {
    format!("{what} means something to a shell, and none runs this: quote it, or use sh -c '…' sh")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn words(text: &str) -> Result<Vec<String>, String> {
        text.parse().map(|Words(words)| words)
    }

    #[test]
    fn words_are_those_of_the_shell() {
        for text in [
            "par2 verify",
            "  unrar\tx  -o-  ",
            r#"sh -c 'mv "$1" "/tmp/a b"' sh"#,
            r#"sh -c "mv \"\$1\" x\\y \`z\`" sh"#,
            r#"a"b c"'d "e'\ f\'g"#,
            r#"x "" '' "\n" '\' "it's""#,
            "x a#b a~b {} ! = é日",
            "x a\\\nb \"c\\\nd\" 'e\nf' \"g\nh\"",
        ] {
            // The shell's own word for it.
            let script = format!("printf '%s\\0' {text}");
            let out = Command::new("sh").args(["-c", &script]).output().unwrap();
            let wanted = String::from_utf8(out.stdout).unwrap();
            let wanted: Vec<_> = wanted.split_terminator('\0').collect();
            assert_eq!(words(text).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn what_only_a_shell_can_do_is_refused() {
        for text in [
            "a | b",
            "a&",
            "a; b",
            "a > b",
            "a < b",
            "(a)",
            "a $1",
            "a \"$1\"",
            "a `b`",
            "a \"`b`\"",
            "a *",
            "a ?",
            "a [b]",
            "~/a",
            "a ~b",
            "a #b",
            "a\nb",
        ] {
            let told = words(text).unwrap_err();
            assert!(told.contains("sh -c"), "{text}: {told}");
        }
        for (text, word) in [
            ("", "no program"),
            (" \t", "no program"),
            ("'' a", "no program"),
            ("a 'b", "never closed"),
            ("a \"b\\\"", "never closed"),
            ("a \\", "ends with"),
            ("a b\0c", "NUL"),
        ] {
            let told = words(text).unwrap_err();
            assert!(told.contains(word), "{text}: {told}");
        }
    }

    #[test]
    fn the_program_is_found_beforehand() {
        let find = |text: &str| text.parse::<Words>().unwrap().program();
        assert!(find("sh -c x").unwrap().is_absolute());
        assert!(find("/bin/sh").unwrap().ends_with("bin/sh"));
        for missing in ["no-such-program-here x", "./no/such", "/etc", "/dev/null"] {
            let told = find(missing).unwrap_err();
            assert!(
                told.starts_with(missing.split(' ').next().unwrap()),
                "{told}"
            );
        }
    }
}
