//! What can be wrong before a connection is made: the configuration and the
//! material for TLS. What goes wrong on the network is a result, not an error
//! (see [`Outcome`](crate::Outcome) and [`Notice`](crate::Notice)).

/// A server configuration that cannot be used. All variants are the fault of
/// whoever wrote it; none of them shows a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server file is not what nzbpipe-servers(5) describes.
    #[error("{origin}:{line}: {what}")]
    File {
        /// The name of the file as the caller gave it.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong, naming the key.
        what: String,
    },
    /// The URL of a server cannot be used.
    #[error("server {shown}: {what}")]
    Url {
        /// The URL without its user information.
        shown: String,
        /// What is wrong.
        what: String,
    },
    /// A user name or password that cannot be sent.
    #[error("server {server}: {what}")]
    Credentials {
        /// The server's name.
        server: String,
        /// What is wrong, without the value.
        what: &'static str,
    },
    /// The certificate authorities cannot be used.
    #[error("server {server}: {what}")]
    Certificates {
        /// The server's name.
        server: String,
        /// What is wrong.
        what: String,
    },
}
