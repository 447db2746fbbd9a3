//! A SOCKS5 proxy as a URL: `socks5://user:password@host:1080`.

use std::fmt;

use super::Secret;
use super::url::decoded;

/// The port registered for SOCKS.
const PORT: u16 = 1080;

/// RFC 1929 §2 has one octet for the length of each.
const LONGEST_CREDENTIAL: usize = 255;

/// A SOCKS5 proxy (RFC 1928). It is given the name of the host, not its
/// address.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User name and password (RFC 1929).
    pub(crate) login: Option<(String, Secret)>,
}

impl Proxy {
    /// Reads `socks5://` or `socks5h://`, which mean the same here: the proxy
    /// looks up the host.
    ///
    /// # Errors
    /// What is wrong, without quoting it: there may be a password in it.
    pub fn parse(text: &str) -> Result<Proxy, &'static str> {
        let url = url::Url::parse(text).map_err(|_| EXPECTED)?;
        if !matches!(url.scheme(), "socks5" | "socks5h") {
            return Err(EXPECTED);
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(EXPECTED);
        }
        let host = url.host_str().unwrap_or_default();
        let host = decoded(host.trim_matches(['[', ']'])).map_err(|_| EXPECTED)?;
        if rustls::pki_types::ServerName::try_from(host.as_str()).is_err() {
            return Err("the proxy's host is neither a name nor an address");
        }
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some((credential(user)?, credential(password.unwrap_or(""))?)),
        };
        Ok(Proxy {
            host,
            port: url.port().unwrap_or(PORT),
            login: login.map(|(user, password)| (user, Secret::new(password))),
        })
    }

    /// Whether a password is part of it.
    pub fn has_password(&self) -> bool {
        self.login.is_some()
    }
}

fn credential(text: &str) -> Result<String, &'static str> {
    let text = decoded(text).map_err(|_| "the proxy's user or password is badly encoded")?;
    match text.len() {
        1..=LONGEST_CREDENTIAL => Ok(text),
        _ => Err("the proxy's user or password is missing or longer than 255 octets"),
    }
}

const EXPECTED: &str = "expected a proxy like \"socks5://host:1080\"";

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_proxy() {
        let table = [
            ("socks5://h", "h:1080", false),
            ("socks5h://h:9050/", "h:9050", false),
            ("socks5://[::1]:9050", "[::1]:9050", false),
            ("socks5://127.0.0.1:1", "127.0.0.1:1", false),
            ("socks5://u:hunter2@h:1", "h:1", true),
        ];
        for (text, shown, secret) in table {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(proxy.to_string(), shown, "{text}");
            assert_eq!(proxy.has_password(), secret, "{text}");
        }
        let (user, password) = Proxy::parse("socks5://a%40b:c%20d@h")
            .unwrap()
            .login
            .unwrap();
        assert_eq!((user.as_str(), password.expose()), ("a@b", "c d"));
    }

    #[test]
    fn refusals_quote_nothing() {
        let long = format!("socks5://u:{}@h", "hunter2".repeat(40));
        for bad in [
            "http://u:hunter2@h",
            "socks5://u:hunter2@",
            "socks5://u:hunter2@h/path",
            "socks5://u:hunter2@h b",
            "socks5://hunter2@h",
            "hunter2",
            "",
            &long,
        ] {
            let error = Proxy::parse(bad).unwrap_err();
            assert!(!error.contains("hunter2"), "{bad}: {error}");
        }
        let proxy = Proxy::parse("socks5://me:hunter2@h").unwrap();
        assert_eq!(format!("{proxy:?}"), "Proxy(h:1080)");
    }
}
