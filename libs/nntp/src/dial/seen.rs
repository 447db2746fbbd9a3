//! What is seen while a connection is opened, for people who look for what is
//! wrong with a server.

use std::net::SocketAddr;
use std::time::Duration;

use crate::tls::Handshake;

/// Filled in as far as it went.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What was under way last.
    pub(crate) phase: Phase,
    /// All addresses of the host, or of its proxy.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The one that answered.
    pub(crate) address: Option<SocketAddr>,
    /// How long that took.
    pub(crate) connect: Duration,
    pub(crate) tls: Option<Handshake>,
    /// Why TLS failed.
    pub(crate) fault: Option<rustls::Error>,
    /// The greeting, with its code.
    pub(crate) greeting: Option<String>,
    /// Whether there was a login, and it was accepted.
    pub(crate) login: bool,
    pub(crate) compressed: bool,
}

/// What is done, in this order, until there is a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Looking up the host.
    #[default]
    LookUp,
    /// Connecting to one of its addresses.
    Connect,
    /// Asking the proxy for a connection.
    Proxy,
    /// Waiting for the greeting.
    Greeting,
    /// Asking for TLS in the clear.
    StartTls,
    /// The TLS handshake; before the greeting, unless it was asked for.
    Tls,
    /// User and password.
    Login,
    /// Nothing more: there is a session.
    Session,
}
