//! A server as a URL: `nntps://user@host:563/?connections=20&pipeline=8`.

use super::Entry;
use super::table::{Table, entry, without_value};
use crate::Error;

/// Keys whose value is text even if it looks like a number.
const TEXT: [&str; 8] = [
    "name",
    "cacert",
    "tls_name",
    "account",
    "password_file",
    "password_env",
    "password_command",
    "password_credential",
];

/// Keys that have their place elsewhere in the URL.
const ELSEWHERE: [&str; 3] = ["host", "port", "username"];

/// The server that `url` names: `nntp://` without TLS, `nntps://` with it. Any
/// key of the server file may be a query parameter.
///
/// # Errors
/// Anything else; above all a password, which does not belong on a command
/// line.
pub fn from_url(url: &str) -> Result<Entry, Error> {
    parse(url).map_err(|what| Error::Url {
        shown: shown(url),
        what,
    })
}

fn parse(text: &str) -> Result<Entry, String> {
    let url = url::Url::parse(text).map_err(|e| format!("this is no URL: {e}"))?;
    let tls = match url.scheme() {
        "nntp" => false,
        "nntps" => true,
        other => {
            return Err(format!(
                "{other}:// is not spoken here: use nntps:// or nntp://"
            ));
        }
    };
    if url.password().is_some() {
        return Err(SPOKEN_PASSWORD.to_owned());
    }
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err("a server has no path: keys come after /?".to_owned());
    }
    let mut table = keys(&url)?;
    let host = url.host_str().unwrap_or_default();
    table.insert(
        "host".to_owned(),
        decoded(host.trim_matches(['[', ']']))?.into(),
    );
    let starttls = table.get("tls").and_then(toml::Value::as_str) == Some("starttls");
    match table.contains_key("tls") {
        true if starttls && !tls => {}
        true => return Err(TLS_ELSEWHERE.to_owned()),
        false => drop(table.insert("tls".to_owned(), tls.into())),
    }
    if let Some(port) = url.port() {
        table.insert("port".to_owned(), i64::from(port).into());
    }
    if !url.username().is_empty() {
        table.insert("username".to_owned(), decoded(url.username())?.into());
    }
    let table: Table = table
        .try_into()
        .map_err(|e: toml::de::Error| without_value(e.message()))?;
    let entry = entry(table)?;
    match &entry.server.proxy {
        Some(proxy) if proxy.has_password() => Err(SPOKEN_PROXY_PASSWORD.to_owned()),
        _ => Ok(entry),
    }
}

const TLS_ELSEWHERE: &str = "tls: nntps:// is with TLS, nntp:// without, and \
     nntp://host/?tls=starttls begins in the clear";

const SPOKEN_PROXY_PASSWORD: &str = "a password on the command line can be read by every user of \
     the machine: put the proxy into a server file, or set ALL_PROXY";

const SPOKEN_PASSWORD: &str = "a password on the command line can be read by every user of the \
     machine: leave it out and set NZBPIPE_PASSWORD, or use password_file=";

/// The query as a table of the server file.
fn keys(url: &url::Url) -> Result<toml::Table, String> {
    let mut table = toml::Table::new();
    for (key, value) in url.query_pairs() {
        if key == "password" {
            return Err(SPOKEN_PASSWORD.to_owned());
        }
        if ELSEWHERE.contains(&&*key) {
            return Err(format!("{key}: its place is before the /?"));
        }
        if table.insert(key.to_string(), typed(&key, &value)).is_some() {
            return Err(format!("{key} is given twice"));
        }
    }
    Ok(table)
}

fn typed(key: &str, value: &str) -> toml::Value {
    if TEXT.contains(&key) {
        return value.into();
    }
    match (value.parse::<i64>(), value.parse::<bool>()) {
        (Ok(number), _) => number.into(),
        (_, Ok(flag)) => flag.into(),
        _ => value.into(),
    }
}

/// `text` without its percent signs.
pub(super) fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next(), rest.next()].map(|d| char::from(d.unwrap_or(b'?')).to_digit(16));
        match digits {
            [Some(high), Some(low)] => bytes.push((high * 16 + low) as u8),
            _ => return Err("a % without two hexadecimal digits".to_owned()),
        }
    }
    String::from_utf8(bytes).map_err(|_| "user or host is not UTF-8".to_owned())
}

/// The URL as far as it may be shown: nothing before an `@`, no query.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let place = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
    let host = place.split(['/', '?', '#']).next().unwrap_or_default();
    let host: String = host
        .chars()
        .filter(|c| c.is_ascii_graphic())
        .take(80)
        .collect();
    let scheme: String = scheme
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(10)
        .collect();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PasswordSource, Verify};

    #[test]
    fn the_parts_of_a_url() {
        let entry = from_url("nntps://us%40er@news.example:4563/?connections=20&pipeline=3&verify=none&name=7&timeout=30s&optional=true&password_env=P").unwrap();
        let server = &entry.server;
        assert_eq!((entry.name(), entry.username()), ("7", Some("us@er")));
        assert_eq!(
            (server.host.as_str(), server.port, server.tls),
            ("news.example", 4563, true)
        );
        assert_eq!((server.connections, server.pipeline), (20, Some(3)));
        assert_eq!(server.verify, Verify::None);
        assert!(server.optional);
        assert_eq!(entry.password_source, PasswordSource::Env("P".to_owned()));
    }

    #[test]
    fn short_forms() {
        assert_eq!(from_url("nntps://h").unwrap().server.port, 563);
        assert_eq!(from_url("nntp://h/").unwrap().server.port, 119);
        assert_eq!(from_url("nntp://127.0.0.1:1190").unwrap().server.port, 1190);
        assert_eq!(from_url("nntp://[::1]:1190").unwrap().server.host, "::1");
        let starttls = from_url("nntp://h/?tls=starttls").unwrap().server;
        assert!(starttls.tls && starttls.starttls && starttls.port == 119);
        let entry =
            from_url("nntps://h/?ip=4&limit_rate=10M&proxy=socks5://p:9050&quota=5").unwrap();
        assert_eq!(
            (entry.server.limit_rate, entry.server.quotas.total),
            (10_000_000, 5)
        );
        assert_eq!(entry.server.proxy.map(|proxy| proxy.port), Some(9050));
        assert_eq!(from_url("nntp://h?level=2").unwrap().server.level, 2);
    }

    #[test]
    fn refusals_say_why_and_show_no_password() {
        let table = [
            ("nntps://me:hunter2@h/", "every user of the machine"),
            (
                "nntps://me@h/?password=hunter2",
                "every user of the machine",
            ),
            ("news://h/", "nntps://"),
            ("nntps://h/group", "path"),
            ("nntps://h/?quota=hunter2", "size"),
            ("nntps://h/?colour=hunter2", "colour"),
            ("nntps://h/?proxy=socks5://u:hunter2@p", "ALL_PROXY"),
            ("nntps://h/?tls=starttls", "nntp://"),
            ("nntps://h/?level=1&level=2", "twice"),
            ("nntps://h/?tls=false", "nntp://"),
            ("nntps://h/?port=1", "before"),
            ("nntps://", ""),
            ("hunter2@host", ""),
        ];
        for (url, word) in table {
            let shown = from_url(url).unwrap_err().to_string();
            assert!(shown.contains(word), "{url}: {shown}");
            assert!(!shown.contains("hunter2"), "{url}: {shown}");
        }
    }
}
