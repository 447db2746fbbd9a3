//! The netrc file: user and password for a host, as ftp and curl read them.
//!
//! There is no standard. What all agree on is taken: `machine`, `default`, `login`,
//! `password`, `account`, `macdef`, separated by white space; and curl's quotes, in
//! which `\` escapes. `#` begins a comment where a word of ours is expected, for
//! passwords begin with it, too. Words not known are passed over. Reading the file
//! is left to the caller; no message quotes it.

use std::iter::Peekable;
use std::str::Chars;

/// What one `machine` or `default` says.
#[derive(Debug, Default, PartialEq)]
struct Login {
    /// `None`: of any host.
    machine: Option<String>,
    login: Option<String>,
    password: Option<Hidden>,
}

/// A password, not to be printed by accident.
#[derive(PartialEq)]
struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// A netrc file that was read.
#[derive(Debug, Default)]
pub(crate) struct Netrc {
    logins: Vec<Login>,
}

impl Netrc {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is wrong, and the line.
    pub(crate) fn parse(text: &str) -> Result<Netrc, String> {
        let mut words = Words {
            rest: text.chars().peekable(),
            line: 1,
        };
        let mut netrc = Netrc::default();
        while let Some(word) = words.next(true)? {
            match word.as_str() {
                "machine" => {
                    let machine = Some(words.value("machine")?);
                    let login = Login {
                        machine,
                        ..Login::default()
                    };
                    netrc.logins.push(login);
                }
                "default" => netrc.logins.push(Login::default()),
                "macdef" => words.skip_macro(),
                "account" => drop(words.value("account")?),
                "login" => {
                    let user = words.value("login")?;
                    words.last(&mut netrc.logins, "login")?.login = Some(user);
                }
                "password" => {
                    let password = Hidden(words.value("password")?);
                    words.last(&mut netrc.logins, "password")?.password = Some(password);
                }
                _ => {}
            }
        }
        Ok(netrc)
    }

    /// Whether there is anything to keep from others.
    pub(crate) fn has_password(&self) -> bool {
        self.logins.iter().any(|login| login.password.is_some())
    }

    /// User and password for `host`, the first that is said; of `user`, if one is
    /// given. `default` is for hosts that have nothing of their own.
    pub(crate) fn find(&self, host: &str, user: Option<&str>) -> Option<(Option<&str>, &str)> {
        let named = |login: &&Login| {
            let machine = login.machine.as_deref();
            machine.is_some_and(|machine| machine.eq_ignore_ascii_case(host))
        };
        let any = |login: &&Login| login.machine.is_none();
        let named = self.logins.iter().filter(named);
        named
            .chain(self.logins.iter().filter(any))
            .find_map(|login| {
                let password = login.password.as_ref()?;
                let theirs = login.login.as_deref();
                let fits = user.is_none() || theirs.is_none() || user == theirs;
                fits.then_some((theirs, password.0.as_str()))
            })
    }
}

struct Words<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl Words<'_> {
    /// The next word, unless the text is over.
    fn next(&mut self, comments: bool) -> Result<Option<String>, String> {
        while let Some(&c) = self.rest.peek() {
            match c {
                '#' if comments => self.skip_line(),
                '"' => return self.quoted().map(Some),
                c if blank(c) => drop(self.take()),
                _ => return Ok(Some(self.plain())),
            }
        }
        Ok(None)
    }

    fn value(&mut self, of: &str) -> Result<String, String> {
        let line = self.line;
        self.next(false)?
            .ok_or_else(|| format!("line {line}: nothing follows {of}"))
    }

    /// What a `login` or `password` belongs to.
    fn last<'l>(&self, logins: &'l mut [Login], word: &str) -> Result<&'l mut Login, String> {
        let line = self.line;
        logins
            .last_mut()
            .ok_or_else(|| format!("line {line}: {word} before any machine"))
    }

    fn plain(&mut self) -> String {
        std::iter::from_fn(|| {
            let more = self.rest.peek().is_some_and(|c| !blank(*c));
            more.then(|| self.take()).flatten()
        })
        .collect()
    }

    /// A word in quotes, which may contain white space.
    fn quoted(&mut self) -> Result<String, String> {
        let line = self.line;
        let mut word = String::new();
        self.take();
        loop {
            match self.take() {
                Some('"') => return Ok(word),
                Some('\\') => word.extend(self.take().map(|c| match c {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    c => c,
                })),
                Some('\n') | None => return Err(format!("line {line}: a quote is not closed")),
                Some(c) => word.push(c),
            }
        }
    }

    /// A macro lasts until an empty line.
    fn skip_macro(&mut self) {
        self.skip_line();
        while self.rest.peek().is_some_and(|c| !matches!(c, '\n' | '\r')) {
            self.skip_line();
        }
    }

    fn skip_line(&mut self) {
        while self.take().is_some_and(|c| c != '\n') {}
    }

    fn take(&mut self) -> Option<char> {
        let c = self.rest.next();
        self.line += usize::from(c == Some('\n'));
        c
    }
}

/// White space as C has it, and every other control character, as in curl.
fn blank(c: char) -> bool {
    c <= ' '
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# machine news.example login no password no
machine news.example
\tlogin me\tpassword first account x

machine news.example login you password \"a \\\"b\\\" \\\\ #c\"
macdef init
machine trap login me password wrong
password wrong

machine NEWS.Example.NET password nobody login-not-known 3
machine hash login # password #five  # the rest is a comment
default login anonymous password guest\r\n";

    #[test]
    fn by_host_and_user() {
        let netrc = Netrc::parse(FILE).unwrap();
        let table = [
            ("news.example", None, Some((Some("me"), "first"))),
            ("NEWS.EXAMPLE", Some("me"), Some((Some("me"), "first"))),
            (
                "news.example",
                Some("you"),
                Some((Some("you"), "a \"b\" \\ #c")),
            ),
            ("news.example", Some("her"), None),
            ("news.example.net", Some("her"), Some((None, "nobody"))),
            ("hash", None, Some((Some("#"), "#five"))),
            ("trap", None, Some((Some("anonymous"), "guest"))),
            (
                "elsewhere",
                Some("anonymous"),
                Some((Some("anonymous"), "guest")),
            ),
            ("elsewhere", Some("me"), None),
        ];
        for (host, user, wanted) in table {
            assert_eq!(netrc.find(host, user), wanted, "{host} {user:?}");
        }
        assert!(netrc.has_password());
    }

    #[test]
    fn odd_white_space() {
        for text in [
            "machine h login u password p",
            "machine\nh\nlogin\nu\npassword\np\n",
            "\r\n\t machine h\r\n\tlogin\tu\u{b}\u{c} password  p\r\n\r\n",
            "default login x password y machine h password p login u",
            "machine \"h\" login \"u\" password \"p\"",
            "machine h login u password p\nmacdef last\nls",
            "macdef one\nls\n\nmachine h login u password p",
            "unknown machine h port 563 login u password p",
        ] {
            let netrc = Netrc::parse(text).unwrap();
            assert_eq!(netrc.find("h", None), Some((Some("u"), "p")), "{text:?}");
        }
    }

    #[test]
    fn without_a_password_there_is_nothing() {
        for text in ["", "#", "machine h login u", "default", "macdef x", "\n\n"] {
            let netrc = Netrc::parse(text).unwrap();
            assert_eq!(netrc.find("h", None), None, "{text:?}");
            assert!(!netrc.has_password());
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_no_secret() {
        let table = [
            ("\nmachine h password", "line 2: nothing follows password"),
            ("machine", "line 1: nothing follows machine"),
            ("machine h\npassword \"s3cret\n", "line 2: a quote"),
            ("password \"s3cret\\", "line 1: a quote"),
            ("password s3cret", "line 1: password before any machine"),
        ];
        for (text, wanted) in table {
            let told = Netrc::parse(text).unwrap_err();
            assert!(
                told.starts_with(wanted) && !told.contains("s3cret"),
                "{told}"
            );
        }
        let netrc = Netrc::parse("machine h password s3cret").unwrap();
        assert!(!format!("{netrc:?}").contains("s3cret"));
    }
}
