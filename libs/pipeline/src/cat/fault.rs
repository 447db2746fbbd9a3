//! Why what was written is not the whole file, in words for people.

use std::fmt;

use nzbpipe_record::Class;

/// Something that keeps the output from being the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The output ends before this.
    Gap {
        /// What would come next.
        lack: Lack,
        /// Bytes written before it.
        written: u64,
    },
    /// The output goes on behind what is not there.
    Lacks {
        /// How many segments are not there.
        segments: u64,
        /// One of them.
        first: Lack,
        /// Bytes of zeros in their place.
        zeros: u64,
    },
    /// The articles agree that the file is longer than its segments.
    Short {
        /// Where its last segment ends.
        written: u64,
        /// What the articles say.
        size: u64,
    },
    /// By their headers, some of what was written are pieces of another file.
    Foreign {
        /// How many segments.
        segments: u64,
        /// The number of one of them.
        first: u64,
    },
    /// The line that ends a UUencoded file is not in its last segment, or in another too.
    NoEnd,
}

/// A segment that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// Its number; `None` if no segment claims the place.
    pub number: Option<u64>,
    /// Its message-id, or nothing.
    pub id: String,
    /// Why it is not there.
    pub why: Why,
}

/// Why a segment is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// No server has it.
    Missing,
    /// It went no further: what its record says.
    Failed(Class, String),
    /// It came, and its bytes are wrong.
    Damaged(&'static str),
    /// It came, and nothing proves it right.
    Unproven,
    /// It came, and contradicts the others.
    Contradicts(&'static str),
    /// Nothing was heard of it.
    Silent,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Gap { lack, written } => {
                write!(f, "{lack}: the output ends before it, at byte {written}")
            }
            Fault::Lacks {
                segments,
                first,
                zeros,
            } => {
                write!(f, "{first}")?;
                match segments {
                    0 | 1 => {}
                    2 => f.write_str(", and so is another")?,
                    n => write!(f, ", and so are {} others", n - 1)?,
                }
                match zeros {
                    0 => Ok(()),
                    n => write!(f, "; {n} bytes are zeros instead"),
                }
            }
            Fault::Short { written, size } => write!(
                f,
                "the NZB is short: its segments end at byte {written}, its articles say that \
                 the file has {size}"
            ),
            Fault::Foreign { segments, first } => {
                let others = match segments {
                    0 | 1 => String::new(),
                    n => format!(" and {} more", n - 1),
                };
                write!(
                    f,
                    "what was written for segment {first}{others} is of another file, by its own \
                     headers (--accept-unverified takes it)"
                )
            }
            Fault::NoEnd => f.write_str(
                "the line that ends a UUencoded file is not where its last segment ends",
            ),
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(number) = self.number else {
            return f.write_str("the bytes that come next are in none of its segments");
        };
        write!(f, "segment {number} ")?;
        if !self.id.is_empty() {
            write!(f, "<{}> ", self.id.escape_debug())?;
        }
        match &self.why {
            Why::Missing => f.write_str("is not there (no server has it)"),
            Why::Failed(_, reason) => write!(f, "is not there ({})", reason.escape_debug()),
            Why::Damaged(reason) => write!(f, "is not there (damaged: {reason})"),
            Why::Unproven => f.write_str(
                "is not there (it has no CRC, nothing proves it right; --accept-unverified \
                 takes it)",
            ),
            Why::Contradicts(reason) => write!(f, "is not there (it contradicts others: {reason})"),
            Why::Silent => f.write_str("is not there (nothing was heard of it)"),
        }
    }
}
