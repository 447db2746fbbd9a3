//! What can be wrong with a stream, and where.

use std::fmt;
use std::io;

/// Which record: where it begins in the stream, and how many came before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// The record's number in the stream, from 1; 0 for a header that was
    /// encoded outside of any stream.
    pub ordinal: u64,
    /// Offset of the first byte of its header.
    pub offset: u64,
}

impl Position {
    /// The first record of a stream.
    pub(crate) const START: Position = Position {
        ordinal: 1,
        offset: 0,
    };

    /// Where the next record begins, if this one takes `len` bytes.
    pub(crate) fn after(self, len: usize) -> Position {
        Position {
            ordinal: self.ordinal + 1,
            offset: self.offset + len as u64,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ordinal {
            0 => f.write_str("record"),
            ordinal => write!(f, "record {ordinal} at byte {}", self.offset),
        }
    }
}

/// Why a stream could not be read or written.
///
/// Nothing after an error can be trusted: there is no way to find the next
/// record again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system's: reading or writing failed.
    #[error("cannot read or write {at}")]
    Io {
        /// The record in hand.
        at: Position,
        /// What the system said.
        source: io::Error,
    },
    /// The other side's: it went away inside a record.
    #[error("stream ends inside {at}")]
    Truncated {
        /// The record that is cut short.
        at: Position,
    },
    /// The writer's: the header line is over the limit.
    #[error("{at}: header is longer than {limit} bytes")]
    HeaderTooLong {
        /// The record in hand.
        at: Position,
        /// The limit in bytes.
        limit: usize,
    },
    /// The writer's: the payload is over the limit.
    #[error("{at}: payload of {len} bytes is longer than {limit}")]
    PayloadTooLong {
        /// The record in hand.
        at: Position,
        /// Its `len`.
        len: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// The writer's: the header is not JSON, or a key of a known type is absent
    /// or has a value of another kind.
    #[error("{at}: header is not valid")]
    Json {
        /// The record in hand.
        at: Position,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The writer's: a stream of another version.
    #[error(
        "{at}: stream has version {version}, this program reads version {}",
        crate::VERSION
    )]
    Version {
        /// The `stream` record.
        at: Position,
        /// Its `v`.
        version: u64,
    },
    /// The writer's: the bytes are not framed as a record stream is.
    #[error("{at}: {fault}")]
    Framing {
        /// The record in hand.
        at: Position,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// A breach of the framing rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A line without a header.
    #[error("blank line")]
    BlankLine,
    /// The line does not begin with `{`.
    #[error("this is not a record stream: a header begins with \"{{\"")]
    NotAnObject,
    /// The line ends before the object does.
    #[error("header is not one line (with jq, use -c)")]
    Unfinished,
    /// CR LF after a header with payload: something has changed line ends, and
    /// so the payload.
    #[error("header with a payload ends with CR LF")]
    CarriageReturn,
    /// The byte after the payload is not LF.
    #[error("payload is not followed by LF: its \"len\" is wrong")]
    NoNewline,
    /// A `body` or `part` without `len`.
    #[error("type needs a payload, header has no \"len\"")]
    NoPayload,
    /// A record to be fetched, or fetched, that names no article.
    #[error("\"id\" is absent or empty")]
    NoId,
    /// A header to be written has `len` or `type` among its unknown keys.
    #[error("\"len\" or \"type\" given as an extra key")]
    ReservedKey,
}

impl Error {
    /// The record at which it happened.
    pub fn position(&self) -> Position {
        match self {
            Error::Io { at, .. }
            | Error::Truncated { at }
            | Error::HeaderTooLong { at, .. }
            | Error::PayloadTooLong { at, .. }
            | Error::Json { at, .. }
            | Error::Version { at, .. }
            | Error::Framing { at, .. } => *at,
        }
    }

    /// The stream ends inside a record: the other side was cut short.
    pub fn is_truncated(&self) -> bool {
        matches!(self, Error::Truncated { .. })
    }

    /// The system failed, not the stream.
    pub fn is_io(&self) -> bool {
        matches!(self, Error::Io { .. })
    }

    /// The reader on the other side has gone away.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The stream breaks its own rules: whoever wrote it is at fault.
    pub fn is_malformed(&self) -> bool {
        !self.is_io() && !self.is_truncated()
    }

    /// The same error, at another record.
    pub(crate) fn at(mut self, position: Position) -> Error {
        match &mut self {
            Error::Io { at, .. }
            | Error::Truncated { at }
            | Error::HeaderTooLong { at, .. }
            | Error::PayloadTooLong { at, .. }
            | Error::Json { at, .. }
            | Error::Version { at, .. }
            | Error::Framing { at, .. } => *at = position,
        }
        self
    }
}
