//! What can go wrong with an NZB, and whose fault it is. Oddities that do not
//! stop the reading are warnings ([`crate::Nzb::warnings`]) or a
//! [`crate::BadId`] at the segment concerned.

use std::io;

use crate::{BadId, MAX_FIELD};

/// Why an NZB could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine's fault: reading, writing or spooling failed.
    #[error("cannot read the NZB or spool it: {0}")]
    Io(#[from] io::Error),
    /// The input's fault: nothing but white space.
    #[error("the NZB is empty")]
    Empty,
    /// The input's fault: an HTML error page, JSON, plain text, other XML.
    #[error("line {line}: not an NZB: {found}")]
    NotNzb {
        /// Line of the first thing that does not belong into an NZB.
        line: u64,
        /// That thing, escaped and cut.
        found: String,
    },
    /// The input's fault: compressed in a way that is not read here.
    #[error("the NZB is compressed with {format}: unpack it first ({command})")]
    Compressed {
        /// Name of the format.
        format: &'static str,
        /// Command that unpacks it to standard output.
        command: &'static str,
    },
    /// The input's fault: a gzip stream with damaged contents.
    #[error("the gzip data are damaged")]
    Gzip,
    /// The input's fault: it ends too early.
    #[error("line {line}: the NZB is truncated inside {inside}")]
    Truncated {
        /// Number of the last line.
        line: u64,
        /// What was open, for example `<segment>`.
        inside: String,
    },
    /// The input's fault: XML that is not well formed, or elements where an
    /// NZB cannot have them.
    #[error("line {line}: {reason}")]
    Malformed {
        /// Line the parser had reached.
        line: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The input's fault: a DOCTYPE that declares entities. They are never
    /// expanded, and no NZB needs them.
    #[error("line {line}: the DOCTYPE declares entities, which is refused")]
    Entities {
        /// Line of the DOCTYPE's end.
        line: u64,
    },
    /// The input's fault: more than the reader takes.
    #[error("line {line}: more than {limit} {what}")]
    Limit {
        /// Line reached, 0 where the text has none yet.
        line: u64,
        /// What there is too much of, in the plural.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The environment's fault: the second pass met another text than the first.
    #[error("the NZB changed while it was read")]
    Changed,
    /// The caller's fault: there is no file with this index.
    #[error("the NZB has no file {0}")]
    NoSuchFile(usize),
    /// The caller's fault: a message-id that no NZB may carry.
    #[error("message-id {0}")]
    Id(#[from] BadId),
    /// The caller's fault: writer methods called in an impossible order.
    #[error("{0}")]
    Order(&'static str),
}

impl Error {
    /// What a failed read means once the text had come to `line`.
    pub(crate) fn from_io(error: io::Error, line: u64) -> Error {
        let limit = |what, limit| Error::Limit { line, what, limit };
        match Fault::of(&error) {
            None => Error::Io(error),
            Some(Fault::Field) => limit("octets in one text, tag or comment", MAX_FIELD as u64),
            Some(Fault::Bytes(bytes)) => limit("bytes of text", bytes),
            Some(Fault::Ratio(ratio)) => limit("bytes out of one byte of gzip", ratio),
            Some(Fault::GzipCut) => Error::Truncated {
                line,
                inside: "the gzip data".into(),
            },
            Some(Fault::GzipDamaged) => Error::Gzip,
        }
    }

    /// True if the machine failed, not the document.
    pub fn is_io(&self) -> bool {
        matches!(self, Error::Io(_))
    }

    /// True if the document ends too early: fetched again it may be whole.
    pub fn is_truncated(&self) -> bool {
        matches!(self, Error::Truncated { .. })
    }

    /// True if the document is at fault, whatever it is that is wrong with it.
    pub fn is_malformed(&self) -> bool {
        match self {
            Error::Io(_) | Error::Changed | Error::NoSuchFile(_) | Error::Order(_) => false,
            Error::Empty
            | Error::NotNzb { .. }
            | Error::Compressed { .. }
            | Error::Gzip
            | Error::Truncated { .. }
            | Error::Malformed { .. }
            | Error::Entities { .. }
            | Error::Limit { .. }
            | Error::Id(_) => true,
        }
    }
}

/// A reason that has to travel through [`io::Error`], because the readers
/// below the XML parser can report nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("a text, tag or comment is too long")]
    Field,
    #[error("the text is too long")]
    Bytes(u64),
    #[error("the compression ratio is too high")]
    Ratio(u64),
    #[error("the gzip data end too early")]
    GzipCut,
    #[error("corrupt deflate stream or checksum")]
    GzipDamaged,
}

impl Fault {
    /// The fault inside an [`io::Error`], if one of ours.
    pub fn of(error: &io::Error) -> Option<Fault> {
        error.get_ref()?.downcast_ref::<Fault>().copied()
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> io::Error {
        io::Error::other(fault)
    }
}

/// Text from outside made fit for a message: escaped to ASCII, cut.
pub(crate) fn shown(text: &str) -> String {
    const KEEP: usize = 80;
    let mut out: String = text
        .chars()
        .take(KEEP)
        .flat_map(char::escape_default)
        .collect();
    if text.chars().nth(KEEP).is_some() {
        out.push_str("...");
    }
    out
}
