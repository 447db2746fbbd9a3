//! What can end a stage before its input did.

use crate::Code;

/// Why a stage could not go on. That segments are missing is no error: it is in
/// the [`Tally`](crate::Tally).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The reader of our output went away; there is nobody to tell.
    #[error("the reader of the output went away")]
    Closed,
    /// The user or the system asked us to stop.
    #[error("interrupted")]
    Stopped(Code),
    /// The stream on the input is malformed: upstream's fault.
    #[error("standard input: {0}")]
    Stream(String),
    /// The stream ended in the middle of a record, without its `end`, or was empty.
    #[error("standard input: {0}")]
    Truncated(String),
    /// A record that this stage cannot take: a stage is missing or out of order.
    #[error("standard input: {0}")]
    Order(String),
    /// An NZB could not be opened.
    #[error("{0}")]
    NoInput(String),
    /// An NZB is malformed.
    #[error("{0}")]
    Input(String),
    /// Output could not be created or written.
    #[error(transparent)]
    Store(#[from] nzbpipe_store::Error),
    /// A job does not fit into the output directory.
    #[error(
        "{}: the job needs about {needed} bytes and {free} are free: make room, choose another \
         directory, or go on all the same with --no-space-check",
        dir.display()
    )]
    NoRoom {
        /// The output directory.
        dir: std::path::PathBuf,
        /// Bytes still to be written, about.
        needed: u64,
        /// Bytes free to this user.
        free: u64,
    },
    /// Reading or writing a stream failed in the system.
    #[error("{what}: {source}")]
    Io {
        /// What was read or written.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A thread of ours died: our fault.
    #[error("internal error: {0}; please report it")]
    Bug(String),
}

impl Error {
    /// The exit code this error stands for.
    pub fn code(&self) -> Code {
        match self {
            Error::Closed => Code::CLOSED,
            Error::Stopped(code) => *code,
            Error::Stream(_) | Error::Order(_) | Error::Input(_) => Code::DATA,
            Error::Truncated(_) => Code::TRUNCATED,
            Error::NoInput(_) => Code::NO_INPUT,
            Error::Store(e) if e.is_bug() => Code::BUG,
            Error::Store(e) if e.is_in_use() => Code::TEMPORARY,
            Error::Store(e) if e.is_cannot_create() => Code::CANNOT_CREATE,
            Error::Store(_) | Error::NoRoom { .. } | Error::Io { .. } => Code::IO,
            Error::Bug(_) => Code::BUG,
        }
    }

    /// Whether nothing more can be written to the output.
    pub(crate) fn is_output(&self) -> bool {
        match self {
            Error::Closed => true,
            Error::Io { what, .. } => what == crate::outlet::OUTPUT,
            _ => false,
        }
    }

    /// Whether there is anything a person should be told: a closed output and a
    /// signal are known to whoever caused them.
    pub fn is_quiet(&self) -> bool {
        matches!(self, Error::Closed | Error::Stopped(_))
    }
}
