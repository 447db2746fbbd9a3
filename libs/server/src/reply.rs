//! What the server answers, before it is bytes on the wire.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;

use crate::shelf::Shelf;

/// A reply. Lines come without CRLF.
pub(crate) enum Reply {
    /// One line.
    Line(String),
    /// A line, and the session ends.
    Last(Cow<'static, str>),
    /// A line and a short block; the lines start with no dot.
    Block(String, Vec<String>),
    /// A line and the numbers of the articles that exist in the range. There
    /// may be millions, so the text is made while it is sent.
    Numbers(String, RangeInclusive<u64>, Arc<Shelf>),
    /// A line, then `header` as it stands, then the body if wanted.
    Article {
        line: String,
        header: String,
        body: Option<Bytes>,
    },
}

impl Reply {
    pub(crate) fn last(text: impl Into<Cow<'static, str>>) -> Reply {
        Reply::Last(text.into())
    }

    pub(crate) fn line(text: impl Into<String>) -> Reply {
        Reply::Line(text.into())
    }
}
