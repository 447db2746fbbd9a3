//! What people should know about a server, each at most once per run: who is
//! at fault and what to do. The text is fit for a terminal; what a server said
//! is quoted without control characters, credentials are never in it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Something about a server that people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The server's name; empty when it is about none.
    pub server: Arc<str>,
    /// What it is.
    pub kind: NoticeKind,
}

/// What a [`Notice`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoticeKind {
    /// It refused the login, or its services to this account.
    Refused {
        /// What it said.
        said: String,
    },
    /// The TLS handshake failed for good, or its certificate was refused.
    Tls {
        /// What was wrong.
        reason: String,
    },
    /// The proxy on the way to it refused us.
    Proxy {
        /// What was wrong.
        reason: String,
    },
    /// It allows fewer connections than configured.
    Capacity {
        /// What it said.
        said: String,
    },
    /// It cannot be reached; it is tried again and again.
    Down {
        /// The last failure.
        reason: String,
    },
    /// It works again.
    Back,
    /// No server could be reached for too long: it is not used any more in this
    /// run.
    GaveUp {
        /// The last failure.
        reason: String,
        /// For how long.
        after: Duration,
    },
    /// It has sent all that it may.
    Quota {
        /// What is used up.
        spent: String,
    },
    /// The time for the run is over; about no server in particular.
    Deadline {
        /// How long it was.
        after: Duration,
    },
    /// It answered with an article that was not asked for.
    Mismatch,
    /// Its configuration cannot be used.
    Unusable {
        /// What is wrong.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.server.is_empty() {
            write!(f, "server {}: ", self.server)?;
        }
        match &self.kind {
            NoticeKind::Refused { said } => write!(
                f,
                "login refused ({said}); check user name, password and account. The server is \
                 not asked any more"
            ),
            NoticeKind::Tls { reason } => write!(
                f,
                "no trusted TLS connection ({reason}); `nntp-fetch --check` says what to do. The \
                 server is not asked any more"
            ),
            NoticeKind::Proxy { reason } => write!(
                f,
                "no way to it ({reason}); check user and password of the proxy. The server is \
                 not asked any more"
            ),
            // How many it allows is not known at the first refusal.
            NoticeKind::Capacity { said } => write!(
                f,
                "too many connections ({said}); going on with those it allows. Lower `connections`"
            ),
            NoticeKind::Down { reason } => write!(f, "out of reach ({reason}); trying again"),
            NoticeKind::Back => f.write_str("works again"),
            NoticeKind::GaveUp { reason, after } => {
                let seconds = after.as_secs_f32();
                write!(f, "given up: nothing has worked for {seconds} s ({reason})")
            }
            NoticeKind::Quota { spent } => {
                write!(f, "{spent}. The server is not asked any more")
            }
            NoticeKind::Deadline { after } => write!(
                f,
                "the deadline of {} s has passed; what is missing can be fetched by another run",
                after.as_secs_f32()
            ),
            NoticeKind::Mismatch => f.write_str(
                "sent an article that was not asked for; the connection was dropped and the \
                 articles are asked for again",
            ),
            NoticeKind::Unusable { reason } => write!(f, "cannot be used: {reason}"),
        }
    }
}
