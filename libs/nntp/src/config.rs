//! Which servers there are and how they are used: the server table, read from
//! TOML text or a URL.
//!
//! Nothing is opened here. Where a password or a certificate file is only
//! named, the [`Entry`] says so, and the caller reads it before the runtime
//! starts.

mod password;
mod proxy;
mod size;
mod table;
mod url;
mod value;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{Error, Quota, Slots, tls};

pub use password::{PasswordSource, Secret};
pub use proxy::Proxy;
pub use size::size;
pub use table::from_toml;
pub use url::from_url;

/// A commented server file, as a person would start from.
pub const EXAMPLE: &str = include_str!("config/example.toml");

/// More servers than this cannot be used at once: a set of servers is one
/// machine word.
pub const MAX_SERVERS: usize = 64;

/// RFC 3977 §3.1 allows a command line of 512 octets; what is left of it for a
/// user name or a password.
const LONGEST_CREDENTIAL: usize = 480;

/// A server, ready to be used.
#[derive(Clone, Debug)]
pub struct Server {
    /// What people call it; the host unless the configuration says otherwise.
    pub name: String,
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Which addresses of the host are used.
    pub ip: Ip,
    /// The local address that connections come from.
    pub bind: Option<IpAddr>,
    /// Connects on our behalf; it looks up the host, too.
    pub proxy: Option<Proxy>,
    /// Whether the conversation is encrypted: from its first octet (RFC 8143)
    /// unless `starttls` is set.
    pub tls: bool,
    /// Whether TLS begins after the greeting, at our request (RFC 4642). Without
    /// `tls` it means nothing.
    pub starttls: bool,
    /// How its certificate is checked.
    pub verify: Verify,
    /// The name its certificate must bear, if that is not the host.
    pub tls_name: Option<String>,
    /// The oldest version of TLS that is spoken.
    pub tls_min: TlsVersion,
    /// Whether the conversation is compressed, if the server can (RFC 8054).
    pub compress: bool,
    /// Certificate authorities trusted besides the system's, PEM.
    pub extra_ca: Option<Vec<u8>>,
    /// The user name; without one no login is tried.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// How many connections the account allows.
    pub connections: u16,
    /// Requests in flight on each connection; without it their number follows
    /// rate and round trip.
    pub pipeline: Option<u16>,
    /// Servers of level 0 are asked first, those of higher levels for what
    /// the lower ones do not have.
    pub level: u8,
    /// Whether it is passed over as soon as it cannot be reached, and its
    /// absence leaves nothing to retry.
    pub optional: bool,
    /// Servers of the same group, other than 0, have the same articles: what
    /// one misses is not asked of the others.
    pub group: u32,
    /// Articles older than this many days are not asked for; 0: no limit.
    pub retention_days: u32,
    /// The account, if other processes use it as well: its connections are shared
    /// with them.
    pub account: Option<String>,
    /// The free slots of the account; the caller's to fill in.
    pub slots: Option<Arc<dyn Slots>>,
    /// How much it may send.
    pub quotas: Quotas,
    /// The count of what it sent; the caller's to fill in.
    pub quota: Option<Arc<dyn Quota>>,
    /// Octets a second it may send; 0: no limit.
    pub limit_rate: u64,
    /// How long each of looking up the host and connecting, the TLS handshake
    /// and the greeting may take.
    pub connect_timeout: Duration,
    /// How long a connection with requests in flight may send nothing.
    pub timeout: Duration,
}

impl Server {
    /// A server with the defaults of the server file. TLS decides the port.
    pub fn new(host: &str, tls: bool) -> Server {
        Server {
            name: host.to_owned(),
            host: host.to_owned(),
            port: if tls { 563 } else { 119 },
            ip: Ip::Auto,
            bind: None,
            proxy: None,
            tls,
            starttls: false,
            verify: Verify::Full,
            tls_name: None,
            tls_min: TlsVersion::V12,
            compress: false,
            extra_ca: None,
            username: None,
            password: None,
            connections: 8,
            pipeline: None,
            level: 0,
            optional: false,
            group: 0,
            retention_days: 0,
            account: None,
            slots: None,
            quotas: Quotas::default(),
            quota: None,
            limit_rate: 0,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
        }
    }
}

impl Server {
    /// Whether sessions made for `self` are as good for `other`: the same
    /// account at the same place, reached in the same way.
    pub(crate) fn same_sessions(&self, other: &Server) -> bool {
        self.host == other.host
            && self.port == other.port
            && self.ip == other.ip
            && self.bind == other.bind
            && self.proxy == other.proxy
            && self.compress == other.compress
            && self.tls == other.tls
            && self.starttls == other.starttls
            && self.tls_name == other.tls_name
            && self.tls_min == other.tls_min
            && self.verify == other.verify
            && self.extra_ca == other.extra_ca
            && self.username == other.username
            && self.password == other.password
            && self.account == other.account
    }
}

/// How many octets a server may send; 0: as many as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// In all (a block account).
    pub total: u64,
    /// A calendar day, in local time.
    pub daily: u64,
    /// A calendar month, in local time.
    pub monthly: u64,
    /// Any 24 hours.
    pub rolling: u64,
}

impl Quotas {
    /// Whether there is any.
    pub fn any(&self) -> bool {
        *self != Quotas::default()
    }
}

/// How a server's certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Chain, name and dates.
    #[default]
    Full,
    /// Chain and dates, not the name: whoever has any certificate can read the
    /// password.
    Chain,
    /// Not at all: anybody on the way can read the password.
    None,
}

/// Which addresses of a host are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ip {
    /// All, those that answer first (RFC 8305).
    #[default]
    Auto,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2 (RFC 5246).
    #[default]
    V12,
    /// 1.3 (RFC 8446).
    V13,
}

/// A server as it is written down: files and variables are named, not read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The server, without password and certificate authorities.
    pub server: Server,
    /// Where its password comes from.
    pub password_source: PasswordSource,
    /// A PEM file of certificate authorities to trust as well.
    pub cacert: Option<PathBuf>,
    /// Whether it is to be used.
    pub enabled: bool,
    /// Whether no proxy is to be used, whatever the environment says.
    pub direct: bool,
}

impl Entry {
    /// Uses `proxy`, unless the entry names one or wants none.
    pub fn default_proxy(&mut self, proxy: &Proxy) {
        if self.server.proxy.is_none() && !self.direct {
            self.server.proxy = Some(proxy.clone());
        }
    }

    /// Whether a secret stands in the entry itself: whoever may read the file
    /// knows it.
    pub fn holds_secret(&self) -> bool {
        let proxy = self.server.proxy.as_ref();
        matches!(self.password_source, PasswordSource::Inline(_))
            || proxy.is_some_and(Proxy::has_password)
    }

    /// What people call the server.
    pub fn name(&self) -> &str {
        &self.server.name
    }

    /// The user name, if a login is needed.
    pub fn username(&self) -> Option<&str> {
        self.server.username.as_deref()
    }

    /// Whether it is to be used.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// The server, with its password and certificate authorities (PEM). An
    /// inline password is used when `password` is `None`.
    ///
    /// # Errors
    /// Credentials that would be more than one line, and a PEM file without a
    /// certificate.
    pub fn resolve(
        self,
        password: Option<Secret>,
        extra_ca: Option<Vec<u8>>,
    ) -> Result<Server, Error> {
        let inline = match self.password_source {
            PasswordSource::Inline(secret) => Some(secret),
            _ => None,
        };
        let server = Server {
            password: password.or(inline),
            extra_ca,
            ..self.server
        };
        let refused = |what| Error::Credentials {
            server: server.name.clone(),
            what,
        };
        let user = server.username.as_deref().map(sendable);
        user.unwrap_or(Ok(())).map_err(refused)?;
        let word = server.password.as_ref().map(|word| sendable(word.expose()));
        word.unwrap_or(Ok(())).map_err(refused)?;
        let authorities = server
            .extra_ca
            .as_deref()
            .map(tls::certificates)
            .transpose();
        match authorities {
            Ok(_) => Ok(server),
            Err(what) => Err(Error::Certificates {
                server: server.name,
                what,
            }),
        }
    }
}

/// CR or LF in a credential would begin a second command.
fn sendable(credential: &str) -> Result<(), &'static str> {
    if credential.contains(['\r', '\n', '\0']) {
        return Err("user name or password contains a line end or NUL");
    }
    match credential.len() {
        1..=LONGEST_CREDENTIAL => Ok(()),
        _ => Err("user name or password is empty or longer than 480 octets"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_server_file() {
        let entries = from_toml(EXAMPLE, "example").unwrap();
        assert_eq!(entries.len(), 1);
        // Every commented key works, too.
        let all: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("#") {
                Some(rest) if rest.contains(['=', '[']) && !rest.starts_with(' ') => rest,
                _ => line,
            })
            .filter(|line| {
                let key = line.split(' ').next().unwrap_or_default();
                let one_of_many = key.starts_with("password") && key != "password_file";
                !one_of_many && key != "netrc"
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let entries = from_toml(&all, "example").unwrap();
        assert_eq!(entries.len(), 2);
    }

    // S12
    #[test]
    fn credentials_are_one_word_of_one_line() {
        let entry = from_url("nntp://user@host").unwrap();
        for bad in ["a\r\nQUIT", "a\nb", "a\0b", ""] {
            let error = entry
                .clone()
                .resolve(Some(Secret::new(bad)), None)
                .unwrap_err();
            assert!(matches!(error, Error::Credentials { .. }), "{bad:?}");
        }
        let server = entry.resolve(Some(Secret::new("p ä")), None).unwrap();
        assert_eq!(server.password.unwrap().expose(), "p ä");
        let entry = from_url("nntp://us%0D%0Aer@host").unwrap();
        assert!(entry.resolve(Some(Secret::new("x")), None).is_err());
    }

    #[test]
    fn authorities_are_looked_at() {
        let entry = from_url("nntps://host").unwrap();
        let error = entry.resolve(None, Some(b"no PEM".to_vec())).unwrap_err();
        assert!(matches!(error, Error::Certificates { .. }));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let server = Server {
            password: Some(Secret::new("hunter2")),
            ..Server::new("h", true)
        };
        assert!(!format!("{server:?}").contains("hunter2"));
    }
}
