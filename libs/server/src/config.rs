//! What the server is told before it starts, and whether that can work.
//! Reading flags and password files is the caller's.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use nzbpipe_yenc::Kernel;

use crate::{Error, Stage};

/// Decoded bytes per article; the size most posting programs use.
const ARTICLE_SIZE: usize = 716_800;
/// An encoded article is at most twice this and a little, and the record
/// stream takes payloads up to 16 MiB.
const MAX_ARTICLE_SIZE: usize = 7 << 20;
/// RFC 3977, section 3.1: at least three minutes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
const CACHE_BYTES: usize = 32 << 20;
/// A message-id has at most 250 octets (RFC 3977, section 3.6); the part, the
/// digest and the brackets leave this for the domain.
const MAX_WORD: usize = 200;

/// How to serve. All fields may be set freely; [`Server::bind`](crate::Server::bind)
/// checks them. No `Debug`: it holds a password.
#[derive(Clone)]
pub struct Config {
    /// Directory whose regular files are served, recursively. Symbolic links
    /// are not followed.
    pub files: PathBuf,
    /// Where the NZBs are written: one for each file at the top of `files`,
    /// one for each directory there. Created if absent. When it lies below
    /// `files` it is not served itself.
    pub nzb_out: Option<PathBuf>,
    /// Plain addresses; port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Addresses with implicit TLS. Their certificate is made at the start and
    /// holds for `localhost`, `127.0.0.1`, `::1` and the addresses given here.
    pub listen_tls: Vec<SocketAddr>,
    /// User and password. When set, articles are given out after a login only.
    pub credentials: Option<(String, String)>,
    /// Where the certificate of the CA (PEM) is written, for the client. Not
    /// served either.
    pub ca_out: Option<PathBuf>,
    /// Delay line: a reply leaves no earlier than this after its command came.
    /// Replies to pipelined commands overlap, as over a long distance. The
    /// greeting is delayed as well, the TLS handshake is not.
    pub latency: Duration,
    /// Part of the articles that are answered as missing, 0 to 100. Which ones
    /// is decided by the message-id alone, so it is the same on every run.
    pub missing_percent: f64,
    /// Decoded bytes per article.
    pub article_size: usize,
    /// The one newsgroup all articles are in.
    pub group: String,
    /// The `From` of all articles.
    pub poster: String,
    /// Right side of the message-ids.
    pub domain: String,
    /// Sessions at a time; one more is told so and closed. Without a number the
    /// server's own bound (4096) holds.
    pub max_connections: Option<u32>,
    /// What one too many is told: a reply line, code first, without CRLF.
    pub too_many: String,
    /// When it is told so, and when a session begins to count.
    pub too_many_at: Stage,
    /// Octets a second that each connection is sent, TLS included; 0: no limit.
    pub limit_rate: u64,
    /// Octets a second that all connections together are sent; 0: no limit.
    pub total_rate: u64,
    /// A session without a command for that long is closed, silently
    /// (RFC 3977, section 3.1); so is one that takes no bytes for that long.
    pub idle_timeout: Duration,
    /// Bytes of encoded articles kept for the next client.
    pub cache_bytes: usize,
    /// What encodes them.
    pub kernel: Kernel,
}

impl Config {
    /// Serves `files`, with no address, no login and no NZBs yet.
    #[must_use]
    pub fn new(files: impl Into<PathBuf>) -> Config {
        Config {
            files: files.into(),
            nzb_out: None,
            listen: Vec::new(),
            listen_tls: Vec::new(),
            credentials: None,
            ca_out: None,
            latency: Duration::ZERO,
            missing_percent: 0.0,
            article_size: ARTICLE_SIZE,
            group: "alt.binaries.test".to_owned(),
            poster: "nntp-serve <poster@nntp-serve.invalid>".to_owned(),
            domain: "nntp-serve.invalid".to_owned(),
            max_connections: None,
            too_many: "502 too many connections".to_owned(),
            too_many_at: Stage::Greeting,
            limit_rate: 0,
            total_rate: 0,
            idle_timeout: IDLE_TIMEOUT,
            cache_bytes: CACHE_BYTES,
            kernel: Kernel::best(),
        }
    }

    /// The first setting that cannot work, if any.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match RULES.iter().find(|rule| !(rule.holds)(self)) {
            Some(&Rule { setting, why, .. }) => Err(Error::Config { setting, why }),
            None => Ok(()),
        }
    }
}

struct Rule {
    setting: &'static str,
    why: &'static str,
    holds: fn(&Config) -> bool,
}

const RULES: [Rule; 10] = [
    Rule {
        setting: "listen",
        why: "no address to listen on",
        holds: |config| !config.listen.is_empty() || !config.listen_tls.is_empty(),
    },
    Rule {
        setting: "ca_out",
        why: "there is no certificate without an address with TLS",
        holds: |config| config.ca_out.is_none() || !config.listen_tls.is_empty(),
    },
    Rule {
        setting: "missing_percent",
        why: "must be from 0 to 100",
        holds: |config| (0.0..=100.0).contains(&config.missing_percent),
    },
    Rule {
        setting: "article_size",
        why: "must be from 1 byte to 7 MiB",
        holds: |config| (1..=MAX_ARTICLE_SIZE).contains(&config.article_size),
    },
    Rule {
        setting: "group",
        why: "must be one word without wildcards",
        holds: |config| is_word(&config.group, b"*?,!\\[]"),
    },
    Rule {
        setting: "poster",
        why: "must be one line of text",
        holds: |config| is_header_text(&config.poster),
    },
    Rule {
        setting: "domain",
        why: "must be one word that can stand in a message-id",
        holds: |config| is_word(&config.domain, b"<>@()\"\\"),
    },
    Rule {
        setting: "max_connections",
        why: "must be at least 1",
        holds: |config| config.max_connections != Some(0),
    },
    Rule {
        setting: "too_many",
        why: "must be one line that begins with a code from 400 to 599 and a space",
        holds: |config| is_refusal(&config.too_many),
    },
    Rule {
        setting: "credentials",
        why: "user and password must be text on one line that fits a command",
        holds: |config| {
            let pair = config.credentials.as_ref();
            pair.is_none_or(|(user, password)| is_argument(user) && is_argument(password))
        },
    },
];

/// RFC 3977, sections 3.1 and 3.2: a code, a space, at most 510 octets in all.
fn is_refusal(text: &str) -> bool {
    let code = text.split_once(' ').map(|(code, _)| code.as_bytes());
    matches!(code, Some([b'4' | b'5', b'0'..=b'9', b'0'..=b'9']))
        && text.len() <= 510
        && !text.contains(|c: char| c.is_control())
}

/// RFC 3977, section 3.1: arguments of a command have at most 497 octets.
/// Blanks at the ends would not survive the command line.
fn is_argument(text: &str) -> bool {
    (1..=480).contains(&text.len())
        && text.trim() == text
        && !text.contains(|c: char| c.is_control())
}

fn is_word(text: &str, without: &[u8]) -> bool {
    (1..=MAX_WORD).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !without.contains(&byte))
}

/// RFC 5536, section 2.2: a header line has at most 998 octets.
fn is_header_text(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= 900 && !text.contains(|c: char| c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable() -> Config {
        let mut config = Config::new("files");
        config.listen.push(([127, 0, 0, 1], 0).into());
        config
    }

    #[test]
    fn names_the_setting_that_cannot_work() {
        type Change = fn(&mut Config);
        let cases: [(&str, Change); 15] = [
            ("listen", |c| c.listen.clear()),
            ("ca_out", |c| c.ca_out = Some("ca.pem".into())),
            ("missing_percent", |c| c.missing_percent = 100.5),
            ("missing_percent", |c| c.missing_percent = f64::NAN),
            ("article_size", |c| c.article_size = 0),
            ("article_size", |c| c.article_size = 8 << 20),
            ("group", |c| c.group = "alt.*".into()),
            ("group", |c| c.group = "two words".into()),
            ("poster", |c| c.poster = "a\r\nApproved: yes".into()),
            ("domain", |c| c.domain = "a>b".into()),
            ("max_connections", |c| c.max_connections = Some(0)),
            ("too_many", |c| c.too_many = "502".into()),
            ("too_many", |c| c.too_many = "200 welcome".into()),
            ("too_many", |c| c.too_many = "502 a\r\n200 b".into()),
            ("credentials", |c| {
                c.credentials = Some(("u".into(), "a\nb".into()));
            }),
        ];
        usable().check().unwrap();
        for (setting, change) in cases {
            let mut config = usable();
            change(&mut config);
            let error = config.check().unwrap_err();
            assert!(error.is_config());
            assert!(error.to_string().starts_with(setting), "{error}");
        }
    }
}
