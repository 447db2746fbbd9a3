//! What can stop the server from starting or running, by whose fault it is.
//! What goes wrong inside a session is answered there, never an [`Error`].

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's: a setting that cannot work.
    #[error("{setting}: {why}")]
    Config {
        /// Field of [`Config`](crate::Config).
        setting: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The directory of files, or something in it, cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// An NZB or the certificate of the CA cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// What was written.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The address is taken, not ours, or its port needs a privilege.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// No connection can be accepted any more.
    #[error("cannot accept connections")]
    Accept(#[source] io::Error),
    /// Ours: the certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
    /// Ours: the work on a blocking thread ended in a panic.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

impl Error {
    /// Whether the caller's settings are at fault.
    #[must_use]
    pub fn is_config(&self) -> bool {
        matches!(self, Error::Config { .. })
    }

    /// Whether the files to be served could not be read.
    #[must_use]
    pub fn is_input(&self) -> bool {
        matches!(self, Error::Read { .. })
    }

    /// Whether an NZB or the certificate could not be written.
    #[must_use]
    pub fn is_output(&self) -> bool {
        matches!(self, Error::Write { .. })
    }

    /// Whether an address could not be listened on.
    #[must_use]
    pub fn is_listen(&self) -> bool {
        matches!(self, Error::Listen { .. } | Error::Accept(_))
    }

    /// Makes a [`Error::Read`] for `map_err`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        |source| Error::Read { path, source }
    }

    /// Makes a [`Error::Write`] for `map_err`.
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        |source| Error::Write { path, source }
    }
}
