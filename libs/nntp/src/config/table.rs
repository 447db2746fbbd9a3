//! The `[[server]]` table: its keys, their defaults and what is refused.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};
use toml::Spanned;

use super::{Entry, MAX_SERVERS, PasswordSource, Secret, Server, Verify};
use crate::Error;

/// More connections to one server than any account allows.
const MAX_CONNECTIONS: u16 = 500;

/// A window beyond this only makes a lost connection dearer.
const MAX_PIPELINE: u16 = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    server: Vec<Spanned<Table>>,
}

/// One server as written down. A key that is not here is an error: keys of
/// other versions must not be taken for understood.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    pub name: Option<String>,
    pub host: Option<String>,
    pub port: Option<NonZeroU16>,
    pub tls: Option<bool>,
    pub verify: Option<VerifyWord>,
    pub cacert: Option<PathBuf>,
    pub username: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
    pub password_env: Option<String>,
    pub connections: Option<NonZeroU16>,
    pub pipeline: Option<NonZeroU16>,
    pub level: Option<u8>,
    pub optional: Option<bool>,
    pub group: Option<u32>,
    pub retention_days: Option<u32>,
    pub enabled: Option<bool>,
    pub connect_timeout: Option<Span>,
    pub timeout: Option<Span>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(Secret::new(text)))
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum VerifyWord {
    Full,
    None,
}

/// A time: seconds as a number, or `"30s"`, `"500ms"`, `"2m"`, `"30"`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Seconds(u32),
            Text(String),
        }
        let span = match Either::deserialize(deserializer) {
            Ok(Either::Seconds(seconds)) => Some(Duration::from_secs(seconds.into())),
            Ok(Either::Text(text)) => duration(&text),
            Err(_) => None,
        };
        span.filter(|span| !span.is_zero())
            .map(Span)
            .ok_or_else(|| {
                de::Error::custom("expected a time like \"30s\", \"2m\" or 30 (seconds)")
            })
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u32 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "" | "s" => Some(Duration::from_secs(number.into())),
        "ms" => Some(Duration::from_millis(number.into())),
        "m" => Some(Duration::from_secs(60 * u64::from(number))),
        _ => None,
    }
}

/// The servers of a server file. `origin` is its name, for messages.
///
/// # Errors
/// Anything that is not as nzbpipe-servers(5) has it, with its line; a file
/// without a server, too.
pub fn from_toml(text: &str, origin: &str) -> Result<Vec<Entry>, Error> {
    let refuse = |at: usize, what: String| Error::File {
        origin: origin.to_owned(),
        line: line_of(text, at),
        what,
    };
    let file: File = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        refuse(at, message(text, at, &error))
    })?;
    if file.server.is_empty() {
        return Err(refuse(0, "there is no [[server]] table".to_owned()));
    }
    if let Some(over) = file.server.get(MAX_SERVERS) {
        let what = format!("more than {MAX_SERVERS} servers");
        return Err(refuse(over.span().start, what));
    }
    file.server
        .into_iter()
        .map(|table| {
            let at = table.span().start;
            entry(table.into_inner()).map_err(|what| refuse(at, what))
        })
        .collect()
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|&&byte| byte == b'\n').count()
}

/// The parser's message, with the key it is about, if it is known.
fn message(text: &str, at: usize, error: &toml::de::Error) -> String {
    let before = text.get(..at).unwrap_or_default().trim_end();
    let line = text.lines().nth(line_of(text, at) - 1).unwrap_or_default();
    let key = match before.strip_suffix('=') {
        // A value: its key stands before it, perhaps in an inline table.
        Some(before) => before.rsplit(['\n', ',', '{']).next(),
        None => line.split('=').next(),
    };
    let quotes = |c: char| c.is_whitespace() || c == '"' || c == '\'';
    let key = key.unwrap_or_default().trim_matches(quotes);
    if key == "password" {
        return "password: this is no text in quotes".to_owned();
    }
    let message = without_value(error.message());
    // The line may be part of a text: only what looks like a key and stands
    // before its value is shown.
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match plain && !message.contains(key) {
        true => format!("{key}: {message}"),
        false => message,
    }
}

/// The parser quotes a value that it does not like, which must not happen to a
/// password, whatever key it stands at: only what was expected is shown.
pub(super) fn without_value(message: &str) -> String {
    let quotes_value = message.starts_with("invalid ") || message.starts_with("unknown variant");
    match message.rsplit_once("expected ") {
        Some((_, expected)) if quotes_value => format!("expected {expected}"),
        _ => message.to_owned(),
    }
}

/// Checks what single keys cannot tell and fills in the defaults.
pub(super) fn entry(table: Table) -> Result<Entry, String> {
    let host = table.host.unwrap_or_default();
    if !is_host(&host) {
        return Err(match host.as_str() {
            "" => "host is missing".to_owned(),
            _ => format!("host: {host:?} is neither a host name nor an address"),
        });
    }
    let password_source = source(table.password, table.password_file, table.password_env)?;
    if table.username.is_none() && password_source != PasswordSource::None {
        return Err("a password without username".to_owned());
    }
    let plain = Server::new(&host, table.tls.unwrap_or(true));
    let server = Server {
        name: name(table.name, &host)?,
        port: table.port.map_or(plain.port, NonZeroU16::get),
        verify: table.verify.map_or(Verify::Full, VerifyWord::meaning),
        username: table.username,
        connections: within(
            "connections",
            table.connections,
            plain.connections,
            MAX_CONNECTIONS,
        )?,
        pipeline: match table.pipeline {
            Some(_) => Some(within("pipeline", table.pipeline, 1, MAX_PIPELINE)?),
            None => None,
        },
        level: table.level.unwrap_or(plain.level),
        optional: table.optional.unwrap_or(plain.optional),
        group: table.group.unwrap_or(plain.group),
        retention_days: table.retention_days.unwrap_or(plain.retention_days),
        connect_timeout: table
            .connect_timeout
            .map_or(plain.connect_timeout, |span| span.0),
        timeout: table.timeout.map_or(plain.timeout, |span| span.0),
        ..plain
    };
    Ok(Entry {
        server,
        password_source,
        cacert: table.cacert,
        enabled: table.enabled.unwrap_or(true),
    })
}

impl VerifyWord {
    fn meaning(self) -> Verify {
        match self {
            VerifyWord::Full => Verify::Full,
            VerifyWord::None => Verify::None,
        }
    }
}

/// Only what can be looked up and shown: no space, no control character.
fn is_host(host: &str) -> bool {
    rustls::pki_types::ServerName::try_from(host).is_ok()
}

/// A name goes to terminals and into records.
fn name(given: Option<String>, host: &str) -> Result<String, String> {
    let name = given.unwrap_or_else(|| host.to_owned());
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err("name: 1 to 64 octets without control characters".to_owned());
    }
    Ok(name)
}

fn within(key: &str, given: Option<NonZeroU16>, usual: u16, most: u16) -> Result<u16, String> {
    let value = given.map_or(usual, NonZeroU16::get);
    if value > most {
        return Err(format!("{key}: {value} is more than {most}"));
    }
    Ok(value)
}

fn source(
    inline: Option<Secret>,
    file: Option<PathBuf>,
    env: Option<String>,
) -> Result<PasswordSource, String> {
    match (inline, file, env) {
        (None, None, None) => Ok(PasswordSource::None),
        (Some(text), None, None) => Ok(PasswordSource::Inline(text)),
        (None, Some(path), None) => Ok(PasswordSource::File(path)),
        (None, None, Some(variable)) => Ok(PasswordSource::Env(variable)),
        _ => Err("only one of password, password_file and password_env".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Entry {
        from_toml(text, "f").unwrap().remove(0)
    }

    fn refused(text: &str) -> String {
        from_toml(text, "servers.toml").unwrap_err().to_string()
    }

    #[test]
    fn defaults() {
        let entry = one("[[server]]\nhost = \"h.example\"\n");
        assert!(entry.enabled());
        assert_eq!((entry.name(), entry.server.port), ("h.example", 563));
        assert!(entry.server.tls);
        assert_eq!(entry.server.pipeline, None);
        assert_eq!(entry.server.timeout, Duration::from_secs(60));
        let entry = one("[[server]]\nhost = \"::1\"\ntls = false\n");
        assert_eq!(entry.server.port, 119);
    }

    #[test]
    fn all_keys() {
        let entry = one(
            "[[server]]\nname=\"n\"\nhost=\"h\"\nport=1\ntls=false\nverify=\"none\"\ncacert=\"c\"\n\
             username=\"u\"\npassword_env=\"V\"\nconnections=3\npipeline=4\nlevel=5\noptional=true\n\
             group=6\nretention_days=7\nenabled=false\nconnect_timeout=\"500ms\"\ntimeout=9\n",
        );
        let server = &entry.server;
        assert_eq!(entry.password_source, PasswordSource::Env("V".to_owned()));
        assert_eq!(server.verify, Verify::None);
        assert_eq!(
            (server.port, server.connections, server.pipeline),
            (1, 3, Some(4))
        );
        assert_eq!(
            (server.level, server.group, server.retention_days),
            (5, 6, 7)
        );
        assert_eq!(server.connect_timeout, Duration::from_millis(500));
        assert_eq!(server.timeout, Duration::from_secs(9));
        assert!(server.optional && !entry.enabled());
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_line() {
        let table = [
            (
                "[[server]]\nhost = \"h\"\nquota = 1\n",
                "servers.toml:3",
                "quota",
            ),
            (
                "[[server]]\nhost = \"h\"\n\nlevel = 300\n",
                "servers.toml:4",
                "level",
            ),
            (
                "[[server]]\nhost = \"h\"\nconnections = 0\n",
                "servers.toml:3",
                "connections",
            ),
            (
                "[[server]]\nhost = \"h\"\nconnections = 501\n",
                "servers.toml:1",
                "connections",
            ),
            (
                "[[server]]\nhost = \"h\"\ntimeout = \"soon\"\n",
                "servers.toml:3",
                "timeout",
            ),
            (
                "[[server]]\nhost = \"h\"\ntls = \"starttls\"\n",
                "servers.toml:3",
                "tls",
            ),
            (
                "[[server]]\nhost = \"h\"\nverify = \"chain\"\n",
                "servers.toml:3",
                "verify",
            ),
            (
                "\n[[server]]\nlevel = 1\n",
                "servers.toml:2",
                "host is missing",
            ),
            ("[[server]]\nhost = \"a b\"\n", "servers.toml:1", "neither"),
            (
                "[[server]]\nhost = \"h\"\npassword=\"x\"\n",
                "servers.toml:1",
                "username",
            ),
            ("[defaults]\ndir = 1\n", "servers.toml:1", "defaults"),
            ("", "servers.toml:1", "no [[server]]"),
        ];
        for (text, place, word) in table {
            let shown = refused(text);
            assert!(
                shown.starts_with(place) && shown.contains(word),
                "{text:?} gave {shown:?}"
            );
        }
    }

    #[test]
    fn a_password_is_never_quoted() {
        for text in [
            "[[server]]\nhost = \"h\"\nusername = \"u\"\npassword = 31337\n",
            "[[server]]\nhost = \"h\"\nusername = \"u\"\npassword = 31337x\n",
            "[[server]]\nhost = \"h\"\n\"password\" = 31337\n",
            "[[server]]\nhost = \"h\"\n'password' = [31337]\n",
            "server = [{ host = \"h\", password = 31337 }]\n",
            "server = [\"31337\"]\n",
            "[[server]]\nhost = \"h\"\nlevel = \"31337\"\n",
            "[[server]]\nhost = \"h\"\nverify = \"31337, expected x\"\n",
            "[[server]]\nhost = \"h\"\npassword = \"\"\"\n31337=1\n",
            "[[server]]\nhost = \"h\"\nusername = \"u\"\npassword = \"31337\"\npassword_env = \"X\"\n",
        ] {
            let error = from_toml(text, "f").unwrap_err();
            assert!(!error.to_string().contains("31337"), "{error}");
            assert!(!format!("{error:?}").contains("31337"), "{error:?}");
        }
    }
}
