//! What a decoded article is worth: the verdict, its reasons, and the part's place in the file.

use crate::control::{Begin, End, PartRange};
use crate::judge;

/// Everything known about an article at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What the article is encoded with.
    pub encoding: Encoding,
    /// The `=ybegin` line. `None`: the article holds no yEnc block.
    pub begin: Option<Begin>,
    /// The `=ypart` line.
    pub part: Option<PartRange>,
    /// The `=yend` line.
    pub end: Option<End>,
    /// Number of bytes decoded.
    pub decoded: u64,
    /// CRC32 (IEEE) of the decoded bytes, unless it was not wanted.
    pub crc32: Option<u32>,
    /// Whether the bytes may be trusted.
    pub verdict: Verdict,
    /// What is wrong or odd, each kind once.
    pub problems: Vec<Problem>,
}

/// How an article carries its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// In no way that is known here.
    #[default]
    None,
    /// In a yEnc block.
    Yenc,
    /// In UUencode, all of the file or a piece of it.
    Uu(Uu),
}

/// What an article in UUencode says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uu {
    /// The name in its `begin` line, without surrounding blanks. Untrusted bytes.
    pub name: Option<Vec<u8>>,
    /// The `begin` line is there: the file begins in this article.
    pub begins: bool,
    /// The `end` line is there: the file ends in this article.
    pub ends: bool,
}

/// Whether decoded bytes may be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// A CRC32 was there and is right, and nothing contradicts it.
    Ok,
    /// Damaged: the CRC32 is wrong, or lengths and headers contradict the data or each other.
    Mismatch,
    /// No usable CRC32, and nothing contradicts the data: unverified. UUencode is never more.
    Absent,
    /// There is no complete `=yend`, or no `end` where one has to be: the article was cut.
    Truncated,
    /// There is neither a yEnc block nor UUencode.
    #[default]
    NoYenc,
}

/// Something wrong or odd in an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A second block; it is not decoded.
    #[error("the article holds a second block")]
    ExtraBlock,
    /// A second `=ybegin` before any data.
    #[error("two =ybegin lines before the data")]
    DuplicateBegin,
    /// `=ypart` lines that differ.
    #[error("two different =ypart lines")]
    DuplicatePart,
    /// A control line longer than 16 KiB.
    #[error("a yEnc header line is longer than 16 KiB")]
    HeaderTooLong,
    /// `=ybegin` has `part=` but there is no `=ypart`: the place in the file is unknown.
    #[error("part of a file without =ypart, its offset is unknown")]
    NoRange,
    /// `=ypart` is incomplete, begins at 0, ends before it begins, or is beyond 2^63.
    #[error("the =ypart range is unusable")]
    BadRange,
    /// The number of decoded bytes is not what `=ypart` says.
    #[error("the decoded length differs from the =ypart range")]
    RangeLength,
    /// The part reaches beyond the size in `=ybegin`, which is advice: some posters lie in it.
    #[error("the part reaches beyond the size in =ybegin")]
    BeyondSize,
    /// The number of decoded bytes is not the size in `=yend`.
    #[error("the decoded length differs from the size in =yend")]
    EndSize,
    /// The number of decoded bytes is not the size in `=ybegin` of a single-part post.
    #[error("the decoded length differs from the size in =ybegin")]
    BeginSize,
    /// `=ybegin` and `=yend` name different parts.
    #[error("=ybegin and =yend name different parts")]
    PartNumber,
    /// The CRC32 is wrong.
    #[error("the crc32 is wrong")]
    Crc,
    /// A CRC field is there but is no CRC, or too short to say anything.
    #[error("the crc32 in =yend is unusable")]
    CrcUnusable,
    /// A line of the UUencode contradicts its length or has illegal characters; or lines that may
    /// be data stand where there should be none.
    #[error("a line of the uuencoded data is wrong")]
    UuLine,
    /// `begin` is missing in a file's first article, or is in another one.
    #[error("the uuencoded file does not begin in its first article")]
    UuPlace,
    /// There is a `begin` line, as of UUencode, but no data follow it.
    #[error("the article looks like uuencode")]
    Uuencode,
    /// Not yEnc: the article looks like MIME base64.
    #[error("the article looks like mime base64")]
    Mime,
}

impl Problem {
    /// Whether the bytes are not to be trusted even if the CRC32 is right: they may be whole, but
    /// where they belong is contradicted.
    #[must_use]
    pub fn is_fatal(self) -> bool {
        matches!(
            self,
            Problem::DuplicateBegin
                | Problem::DuplicatePart
                | Problem::HeaderTooLong
                | Problem::NoRange
                | Problem::BadRange
                | Problem::RangeLength
                | Problem::PartNumber
        )
    }
}

impl Report {
    /// Position of the first decoded byte in the file, from 0. From `=ypart`; 0 for a single-part
    /// post; `None` if the post is a part and says nothing usable about its place. In UUencode only
    /// the article with `begin` has a place.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        if let Encoding::Uu(uu) = &self.encoding {
            return uu.begins.then_some(0);
        }
        let begin = self.begin.as_ref()?;
        match self.part {
            Some(range) => judge::span(range, self.decoded).map(|span| span.offset),
            None if begin.is_part() => None,
            None => Some(0),
        }
    }

    /// Size of the whole file by `=ybegin`. Advice: see [`Problem::BeyondSize`].
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.begin
            .as_ref()?
            .size
            .filter(|&size| size > 0 || self.decoded == 0)
    }

    /// CRC32 of the whole file by the `=yend` of one of its parts, of which there are several.
    /// `None` also if it is that of the part, which many tools write there. Advice: posters write
    /// anything.
    #[must_use]
    pub fn file_crc32(&self) -> Option<u32> {
        let total = self.begin.as_ref()?.total;
        let of_several = self.is_part() && total != Some(1);
        let declared = self.end?.crc32.full().filter(|_| of_several);
        declared.filter(|&crc| Some(crc) != self.crc32)
    }

    /// Name of the file by `=ybegin` or `begin`, if it is not empty. Untrusted bytes.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        if let Encoding::Uu(uu) = &self.encoding {
            return uu.name.as_deref();
        }
        self.begin
            .as_ref()?
            .name
            .as_deref()
            .filter(|name| !name.is_empty())
    }

    /// Holds UUencode against what is known of its place: whether the article is the `first` of
    /// its file, which has to have `begin` and alone may have it, and whether it is the `last`,
    /// which has to have `end`. Changes nothing about yEnc, which says itself where it belongs.
    pub fn expect(&mut self, first: bool, last: bool) {
        let Encoding::Uu(uu) = &self.encoding else {
            return;
        };
        if uu.begins != first {
            self.problems.push(Problem::UuPlace);
            self.verdict = Verdict::Mismatch;
        } else if last && !uu.ends && self.verdict == Verdict::Absent {
            self.verdict = Verdict::Truncated;
        }
    }

    /// Why the article is damaged (or no yEnc at all), for people; `None` if it is verified or
    /// unverified.
    #[must_use]
    pub fn damage(&self) -> Option<String> {
        match self.verdict {
            Verdict::Ok | Verdict::Absent => None,
            Verdict::Truncated => Some(match self.encoding {
                Encoding::Uu(_) => "the article is cut, its end is missing".to_owned(),
                _ => "the article is cut, =yend is missing".to_owned(),
            }),
            Verdict::NoYenc => Some(self.reason("the article holds no yEnc block")),
            Verdict::Mismatch => Some(self.reason("the article contradicts itself")),
        }
    }

    fn reason(&self, otherwise: &str) -> String {
        let gravest = self.problems.iter().find(|problem| problem.is_fatal());
        gravest
            .or(self.problems.first())
            .map_or(otherwise.to_owned(), Problem::to_string)
    }

    /// Whether the post is one part of several.
    pub(crate) fn is_part(&self) -> bool {
        self.part.is_some() || self.begin.as_ref().is_some_and(Begin::is_part)
    }
}

impl Begin {
    /// `part=0` is what some posters write for "none".
    fn is_part(&self) -> bool {
        self.part.is_some_and(|part| part > 0)
    }
}
