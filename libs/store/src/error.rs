//! What can go wrong with the output, and whose fault it is.
//!
//! That segments are missing or contradict each other is not an error: see
//! [`Placed`](crate::Placed) and [`FileOutcome`](crate::FileOutcome).

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Why output could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A directory or file could not be created or opened: the user's, as a rule.
    #[error("cannot create {}: {source}", path.display())]
    CannotCreate {
        /// What was to be created.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// What is in our place is not ours to write into: a symbolic link, a file with
    /// other names (hard links), a device, or a file that was exchanged under us.
    #[error("refused to write into {}: {why}", path.display())]
    Refused {
        /// What was found.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Reading, writing, syncing or renaming failed: the disk's or the system's.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A state file does not say what such a file says. It is left as it is.
    #[error("{}: line {line}: {what}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A thread of ours died with this file in hand: our fault.
    #[error("{}: internal error while it was written; please report it", path.display())]
    Bug {
        /// The data file.
        path: PathBuf,
    },
    /// Another process writes the same job into the same directory.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The file that is locked.
        path: PathBuf,
    },
}

impl Error {
    /// For what failed while making something new. A full disk is no fault of the
    /// name or the place.
    pub(crate) fn creating(path: PathBuf, source: impl Into<io::Error>) -> Error {
        let source = source.into();
        match is_full(&source) {
            true => Error::Io { path, source },
            false => Error::CannotCreate { path, source },
        }
    }

    /// Whether another process holds the output. Later it will be free.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Error::InUse { .. })
    }

    /// Whether it is nobody's fault but ours.
    pub fn is_bug(&self) -> bool {
        matches!(self, Error::Bug { .. })
    }

    /// Whether output could not be created, or what is there was refused.
    pub fn is_cannot_create(&self) -> bool {
        matches!(self, Error::CannotCreate { .. } | Error::Refused { .. })
    }

    /// Whether the disk or the user's quota is full: after room is made, the same
    /// call succeeds.
    pub fn is_full(&self) -> bool {
        match self {
            Error::CannotCreate { source, .. } | Error::Io { source, .. } => is_full(source),
            _ => false,
        }
    }

    /// Whether a state file cannot be understood: a person has to look at it.
    pub fn is_bad_state(&self) -> bool {
        matches!(self, Error::State { .. })
    }

    /// The same once more, for whoever asks next.
    pub(crate) fn again(&self) -> Error {
        let path = self.path().to_owned();
        match self {
            Error::CannotCreate { source, .. } => Error::CannotCreate {
                path,
                source: copy(source),
            },
            Error::Refused { why, .. } => Error::Refused { path, why },
            Error::Io { source, .. } => Error::Io {
                path,
                source: copy(source),
            },
            Error::State { line, what, .. } => Error::State {
                path,
                line: *line,
                what,
            },
            Error::Bug { .. } => Error::Bug { path },
            Error::InUse { .. } => Error::InUse { path },
        }
    }

    /// Whether it is about the disk or this process, not about one file: all others would
    /// meet it too.
    pub(crate) fn is_of_all(&self) -> bool {
        let (Error::CannotCreate { source, .. } | Error::Io { source, .. }) = self else {
            return false;
        };
        let ours = [
            Errno::IO,
            Errno::ROFS,
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
        ];
        let code = source.raw_os_error();
        is_full(source) || code.is_some_and(|code| ours.iter().any(|e| e.raw_os_error() == code))
    }

    /// The file or directory it is about.
    pub fn path(&self) -> &Path {
        match self {
            Error::CannotCreate { path, .. }
            | Error::Refused { path, .. }
            | Error::Io { path, .. }
            | Error::State { path, .. }
            | Error::Bug { path }
            | Error::InUse { path } => path,
        }
    }
}

fn is_full(source: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(source.kind(), StorageFull | QuotaExceeded)
}

fn copy(source: &io::Error) -> io::Error {
    match source.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(source.kind(), source.to_string()),
    }
}
