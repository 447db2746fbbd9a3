//! The `[[server]]` table: its keys, their defaults and what is refused.

use std::num::NonZeroU16;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::value::{
    Address, CommandWords, IpWord, NetrcWord, ProxyWord, Size, Span, TlsMinWord, TlsWord,
    VerifyWord, secret,
};
use super::{Entry, Ip, MAX_SERVERS, PasswordSource, Quotas, Secret, Server, TlsVersion, Verify};
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
    pub ip: Option<IpWord>,
    pub bind: Option<Address>,
    pub proxy: Option<ProxyWord>,
    pub tls: Option<TlsWord>,
    pub verify: Option<VerifyWord>,
    pub tls_name: Option<String>,
    pub tls_min: Option<TlsMinWord>,
    pub compress: Option<bool>,
    pub cacert: Option<PathBuf>,
    pub username: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
    pub password_env: Option<String>,
    pub password_command: Option<CommandWords>,
    pub password_credential: Option<String>,
    pub netrc: Option<NetrcWord>,
    pub account: Option<String>,
    pub connections: Option<NonZeroU16>,
    pub pipeline: Option<NonZeroU16>,
    pub level: Option<u8>,
    pub optional: Option<bool>,
    pub group: Option<u32>,
    pub retention_days: Option<u32>,
    pub enabled: Option<bool>,
    pub connect_timeout: Option<Span>,
    pub timeout: Option<Span>,
    pub limit_rate: Option<Size>,
    pub quota: Option<Size>,
    pub quota_daily: Option<Size>,
    pub quota_monthly: Option<Size>,
    pub quota_rolling: Option<Size>,
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
pub(super) fn entry(mut table: Table) -> Result<Entry, String> {
    let host = table.host.take().unwrap_or_default();
    if !is_host(&host) {
        return Err(match host.as_str() {
            "" => "host is missing".to_owned(),
            _ => format!("host: {host:?} is neither a host name nor an address"),
        });
    }
    let password_source = source(&mut table)?;
    let login_elsewhere = matches!(
        password_source,
        PasswordSource::None | PasswordSource::Netrc(_)
    );
    if table.username.is_none() && !login_elsewhere {
        return Err("a password without username".to_owned());
    }
    Ok(Entry {
        password_source,
        cacert: table.cacert.take(),
        enabled: table.enabled.unwrap_or(true),
        direct: matches!(table.proxy, Some(ProxyWord(None))),
        server: share(way(&host, &mut table)?, table)?,
    })
}

/// Where the server is and how it is reached.
fn way(host: &str, table: &mut Table) -> Result<Server, String> {
    let (tls, starttls) = table.tls.take().map_or((true, false), |word| word.0);
    // STARTTLS begins on the port for the clear.
    let plain = Server::new(host, tls && !starttls);
    let ip = table.ip.take().map_or(Ip::Auto, |word| word.0);
    let bind = table.bind.take().map(|word| word.0);
    match (ip, bind) {
        (Ip::V4, Some(bind)) if bind.is_ipv6() => return Err(OTHER_FAMILY.to_owned()),
        (Ip::V6, Some(bind)) if bind.is_ipv4() => return Err(OTHER_FAMILY.to_owned()),
        _ => {}
    }
    let tls_name = table.tls_name.take();
    if tls_name.as_deref().is_some_and(|name| !is_host(name)) {
        return Err("tls_name is neither a host name nor an address".to_owned());
    }
    Ok(Server {
        name: named("name", table.name.take().unwrap_or_else(|| host.to_owned()))?,
        port: table.port.map_or(plain.port, NonZeroU16::get),
        ip,
        bind,
        proxy: table.proxy.take().and_then(|word| word.0),
        tls,
        starttls,
        verify: table.verify.take().map_or(Verify::Full, |word| word.0),
        tls_name,
        tls_min: table.tls_min.take().map_or(TlsVersion::V12, |word| word.0),
        compress: table.compress.unwrap_or(false),
        ..plain
    })
}

const OTHER_FAMILY: &str = "bind is not of the family that ip wants";

/// How much of it is used, and when.
fn share(plain: Server, table: Table) -> Result<Server, String> {
    let connections = table.connections;
    let size = |size: Option<Size>| size.map_or(0, |size| size.0);
    Ok(Server {
        username: table.username,
        account: table
            .account
            .map(|name| named("account", name))
            .transpose()?,
        connections: connections.map_or(Ok(plain.connections), |given| {
            within("connections", given, MAX_CONNECTIONS)
        })?,
        pipeline: table
            .pipeline
            .map(|given| within("pipeline", given, MAX_PIPELINE))
            .transpose()?,
        level: table.level.unwrap_or(plain.level),
        optional: table.optional.unwrap_or(plain.optional),
        group: table.group.unwrap_or(plain.group),
        retention_days: table.retention_days.unwrap_or(plain.retention_days),
        quotas: Quotas {
            total: size(table.quota),
            daily: size(table.quota_daily),
            monthly: size(table.quota_monthly),
            rolling: size(table.quota_rolling),
        },
        limit_rate: size(table.limit_rate),
        connect_timeout: table
            .connect_timeout
            .map_or(plain.connect_timeout, |span| span.0),
        timeout: table.timeout.map_or(plain.timeout, |span| span.0),
        ..plain
    })
}

/// Only what can be looked up and shown: no space, no control character.
fn is_host(host: &str) -> bool {
    rustls::pki_types::ServerName::try_from(host).is_ok()
}

/// A name goes to terminals and into records.
fn named(key: &str, name: String) -> Result<String, String> {
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err(format!("{key}: 1 to 64 octets without control characters"));
    }
    Ok(name)
}

fn within(key: &str, given: NonZeroU16, most: u16) -> Result<u16, String> {
    match given.get() {
        value if value > most => Err(format!("{key}: {value} is more than {most}")),
        value => Ok(value),
    }
}

fn source(table: &mut Table) -> Result<PasswordSource, String> {
    let netrc = table.netrc.take().and_then(|word| word.0);
    let given = [
        table.password.take().map(PasswordSource::Inline),
        table.password_file.take().map(PasswordSource::File),
        table.password_env.take().map(PasswordSource::Env),
        table
            .password_command
            .take()
            .map(|words| PasswordSource::Command(words.0)),
        table
            .password_credential
            .take()
            .map(PasswordSource::Credential),
        netrc.map(PasswordSource::Netrc),
    ];
    let mut given = given.into_iter().flatten();
    let first = given.next().unwrap_or(PasswordSource::None);
    if given.next().is_some() {
        return Err(
            "only one of password, password_file, password_env, password_command, \
                    password_credential and netrc"
                .to_owned(),
        );
    }
    match &first {
        PasswordSource::Credential(name) if !is_credential(name) => {
            Err("password_credential: the name of a credential, without /".to_owned())
        }
        _ => Ok(first),
    }
}

/// It names a file in a folder that systemd makes.
fn is_credential(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

#[cfg(test)]
mod tests;
