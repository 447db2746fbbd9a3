//! Where the password of a server comes from: file, variable, program, systemd,
//! netrc, terminal.
//!
//! Which of them it is, the server file says. No message quotes what was found
//! there.

mod command;
mod terminal;

use std::path::{Path, PathBuf};

use nzbpipe_nntp::config::{Entry, PasswordSource, Secret};
use nzbpipe_pipeline::Stop;

use crate::accounts::Accounts;
use crate::exit::Refusal;
use crate::netrc::Netrc;

/// Variable that holds a password when the server file names none.
const PASSWORD_VARIABLE: &str = "NZBPIPE_PASSWORD";

/// What a password may be had with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    /// The folder that relative paths start from.
    pub base: &'a Path,
    /// Ends every waiting.
    pub stop: &'a Stop,
    /// What was typed in before.
    pub accounts: &'a Accounts,
    /// Whether a person may be asked.
    pub ask: bool,
}

/// The password of a server, from where its entry says; else from the environment;
/// else from the person at the terminal. A netrc may name the user as well.
pub(crate) fn find(entry: &mut Entry, means: Means<'_>) -> Result<Option<Secret>, Refusal> {
    let refused = |what: String| Refusal::config(format!("server {}: {what}", entry.name()));
    match &entry.password_source {
        PasswordSource::Inline(secret) => Ok(Some(secret.clone())),
        PasswordSource::File(path) => {
            let bytes = contents(&means.base.join(path), "password_file")?;
            first_line(&bytes, "password_file")
                .map(Some)
                .map_err(refused)
        }
        PasswordSource::Env(variable) => match from_environment(variable)? {
            None => Err(refused(format!("the variable {variable} is not set"))),
            found => Ok(found),
        },
        PasswordSource::Command(words) => from_command(words, means.stop)
            .map(Some)
            .map_err(|what| interrupted(means.stop).unwrap_or_else(|| refused(what))),
        PasswordSource::Credential(name) => {
            let path = credential(name).map_err(refused)?;
            let bytes = contents(&path, "password_credential")?;
            first_line(&bytes, "password_credential")
                .map(Some)
                .map_err(refused)
        }
        PasswordSource::Netrc(path) => {
            let path = path.as_ref().map(|path| means.base.join(path));
            from_netrc(entry, path).map(Some)
        }
        PasswordSource::None => unnamed(entry, means),
    }
}

/// A file with a password in it must not be readable by others.
pub(crate) fn private(file: &Path, instead: &str) -> Result<(), Refusal> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file)
        .map_err(|e| Refusal::config(format!("{}: {e}", file.display())))?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Refusal::config(format!(
        "{0}: holds a password but others may read it (mode {1:04o}): run chmod 600 {0}{instead}",
        file.display(),
        mode & 0o7777
    )))
}

/// The file `path`, called `what` in messages.
pub(crate) fn contents(path: &Path, what: &str) -> Result<Vec<u8>, Refusal> {
    std::fs::read(path).map_err(|e| Refusal::config(format!("{what} {}: {e}", path.display())))
}

/// The password of an entry that names no source.
fn unnamed(entry: &Entry, means: Means<'_>) -> Result<Option<Secret>, Refusal> {
    let (name, Some(user)) = (entry.name(), entry.username()) else {
        return Ok(None);
    };
    if let Some(secret) = from_environment(PASSWORD_VARIABLE)? {
        return Ok(Some(secret));
    }
    if !means.ask {
        if let Some(secret) = means.accounts.typed(user, name) {
            return Ok(Some(secret));
        }
    } else if let Some(password) = terminal::ask(user, name, means.stop) {
        let secret = Secret::new(password);
        means.accounts.remember(user, name, &secret);
        return Ok(Some(secret));
    }
    Err(interrupted(means.stop).unwrap_or_else(|| {
        Refusal::config(format!(
            "server {name}: no password for user {user}, and no terminal to ask on. Set \
             password_file (or password_command, password_env, or password in a file with mode \
             0600) in the server file, or the variable {PASSWORD_VARIABLE}"
        ))
    }))
}

fn interrupted(stop: &Stop) -> Option<Refusal> {
    stop.requested()
        .map(|code| Refusal::new(code, "interrupted"))
}

fn from_environment(variable: &str) -> Result<Option<Secret>, Refusal> {
    match std::env::var(variable) {
        Ok(value) => Ok(Some(Secret::new(value))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        // Its value would be in the error's own words.
        Err(_) => Err(Refusal::config(format!(
            "the variable {variable} is no UTF-8 text"
        ))),
    }
}

fn from_command(words: &[String], stop: &Stop) -> Result<Secret, String> {
    let bytes = command::output(words, command::LIMIT, stop)
        .map_err(|what| format!("password_command: {what}"))?;
    first_line(&bytes, "what password_command prints")
}

/// Where systemd puts the credential `name` (`LoadCredential=`).
fn credential(name: &str) -> Result<PathBuf, String> {
    if name.is_empty() || name.contains('/') || matches!(name, "." | "..") {
        return Err("password_credential: a name, not a path".to_owned());
    }
    match std::env::var_os("CREDENTIALS_DIRECTORY") {
        Some(folder) => Ok(Path::new(&folder).join(name)),
        None => Err(format!(
            "password_credential: systemd passed none (CREDENTIALS_DIRECTORY is not set): the \
             unit needs LoadCredential={name}:FILE"
        )),
    }
}

/// User and password for the host of `entry`.
fn from_netrc(entry: &mut Entry, path: Option<PathBuf>) -> Result<Secret, Refusal> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let path = path
        .or_else(|| variable("NETRC"))
        .or_else(|| variable("HOME").map(|home| home.join(".netrc")))
        .ok_or_else(|| Refusal::config("netrc: neither NETRC nor HOME is set: name the file"))?;
    let shown = path.display();
    let refused = |what: &str| Refusal::config(format!("netrc {shown}: {what}"));
    let bytes = contents(&path, "netrc")?;
    let text = std::str::from_utf8(&bytes).map_err(|_| refused("this is no UTF-8 text"))?;
    let netrc = Netrc::parse(text).map_err(|what| refused(&what))?;
    if netrc.has_password() {
        private(&path, "")?;
    }
    let host = &entry.server.host;
    let Some((user, password)) = netrc.find(host, entry.username()) else {
        let whose = match entry.username() {
            Some(user) => format!("no password of {user} for {host}"),
            None => format!("no password for {host}"),
        };
        return Err(refused(&whose));
    };
    if entry.server.username.is_none() {
        let user = user.ok_or_else(|| refused(&format!("no login for {host}")))?;
        entry.server.username = Some(user.to_owned());
    }
    Ok(Secret::new(password))
}

/// The password in what a file or a program holds ready.
fn first_line(bytes: &[u8], what: &str) -> Result<Secret, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| format!("{what} is no UTF-8 text"))?;
    match text.lines().next() {
        None | Some("") => Err(format!("{what} is empty")),
        Some(line) => Ok(Secret::new(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        for text in ["p ä", "p ä\n", "p ä\r\nuser: me\n"] {
            assert_eq!(first_line(text.as_bytes(), "x").unwrap().expose(), "p ä");
        }
        for bytes in [&b""[..], b"\n", b"\r\np", b"\xff"] {
            assert!(first_line(bytes, "x").is_err());
        }
    }

    #[test]
    fn who_was_asked_once_is_not_asked_again() {
        let common = crate::ui::Common {
            quiet: true,
            verbose: false,
        };
        let accounts = Accounts::new(&crate::ui::Ui::new("test", &common));
        let stop = Stop::new().unwrap();
        let means = Means {
            base: Path::new(""),
            stop: &stop,
            accounts: &accounts,
            ask: false,
        };
        let mut entry = nzbpipe_nntp::config::from_url("nntp://me@h").unwrap();
        assert!(find(&mut entry, means).is_err());
        accounts.remember("me", "h", &Secret::new("p"));
        let found = find(&mut entry, means).unwrap().unwrap();
        assert_eq!(found.expose(), "p");
        let mut other = nzbpipe_nntp::config::from_url("nntp://you@h").unwrap();
        assert!(find(&mut other, means).is_err());
    }

    #[test]
    fn a_credential_is_a_name() {
        for name in ["", "..", ".", "a/b", "/etc/shadow"] {
            assert!(
                credential(name).unwrap_err().contains("not a path"),
                "{name}"
            );
        }
    }
}
