//! NZB text to files and segments, an NZB writer, names out of subjects.
//!
//! An NZB ([newzbin's DTD 1.1](https://sabnzbd.org/wiki/extra/nzb-spec)) lists
//! files, and for each file the message-ids of its segments. [`Nzb::open`]
//! reads the whole text once, checks it, and keeps per file only what
//! [`File`] shows; [`Nzb::segments`] reads the text of one file again. So
//! memory grows with the number of files, not of segments.
//!
//! Input is plain or gzip (by content), UTF-8, UTF-16 or any declared legacy
//! encoding; bytes that do not fit are read as windows-1252. What real NZBs
//! get wrong is tolerated and listed in [`Nzb::warnings`]. What cannot be an
//! NZB is an [`Error`] that names the line.
//!
//! Left to others: making names safe for a file system, choosing files,
//! records, fetching. Nothing here touches the network.

mod chunks;
mod digest;
mod entity;
mod error;
mod feed;
mod field;
mod id;
mod input;
mod item;
mod job;
mod merge;
mod name;
mod open;
mod plain;
mod scan;
mod segments;
mod shelf;
mod warnings;
pub mod write;

use std::ffi::OsStr;

pub use error::Error;
pub use id::{BadId, Why, message_id};
pub use input::Input;
pub use name::{NameFrom, name_from_subject};
pub use segments::Segments;

/// Octets of the longest tag, text, comment or joined field.
pub const MAX_FIELD: usize = 64 << 10;

/// Elements that may be open at once.
pub const MAX_DEPTH: usize = 64;

/// Alternates kept per segment number.
pub const MAX_ALTERNATES: usize = 15;

/// What [`Nzb::open`] takes before it gives up with [`Error::Limit`]. The
/// defaults are far above any real NZB: the largest known has 157,639 segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of unpacked text.
    pub bytes: u64,
    /// Unpacked bytes per byte of gzip, looked at from 16 MiB of text on.
    pub ratio: u64,
    /// `<file>` elements.
    pub files: u64,
    /// `<segment>` elements.
    pub segments: u64,
    /// Bytes of subjects, posters, groups and meta kept in memory.
    pub text: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes: 8 << 30,
            ratio: 200,
            files: 250_000,
            segments: 50_000_000,
            text: 256 << 20,
        }
    }
}

/// One NZB, checked and ready to be read file by file.
#[derive(Debug)]
pub struct Nzb {
    job: String,
    name: String,
    password: Option<String>,
    meta: Vec<(String, String)>,
    files: Vec<File>,
    warnings: Vec<String>,
    text: input::Text,
}

/// One `<file>` of an NZB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// Place in the NZB, from 0.
    pub index: usize,
    /// File name out of the subject, trimmed but not made safe; `file-0001`
    /// (from 1) if the subject has none.
    pub name: String,
    /// Where the name was found.
    pub name_from: NameFrom,
    /// The subject, empty if absent.
    pub subject: String,
    /// The poster, empty if absent.
    pub poster: String,
    /// Seconds since 1970; `None` if absent, zero, negative or no number.
    pub date: Option<i64>,
    /// Newsgroups, as listed.
    pub groups: Vec<String>,
    /// Segments [`Nzb::segments`] yields: distinct numbers, and one for each
    /// `<segment>` without usable number.
    pub segments: u64,
    /// Sum of the known encoded sizes, `None` if no size is known. A hint.
    pub bytes: Option<u64>,
    /// The first 32 hex digits of the SHA-256 of the lines `number id` of all
    /// segments in order, alternates on lines of their own behind their
    /// primary, each ended by LF. A bad id counts as the text it is shown by.
    pub file_id: String,
    /// `<segment>` elements in the document, duplicates included.
    pub declared: u64,
    place: Place,
}

/// Where a file lies in the text and how its segments are ordered there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Place {
    offset: u64,
    crc: u32,
    layout: Layout,
}

/// How the second pass gets segments by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Layout {
    /// Numbers never fall: read straight through.
    #[default]
    Ordered,
    /// No segment has a usable number: the document's order counts.
    Ordinal,
    /// Gather and sort in memory.
    Sorted,
    /// Too many for that: sort (number, offset), then read one by one.
    Indexed,
}

/// One segment: a number and the message-ids it can be had by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Number in its file, from 1; 0 if the NZB gives no usable one.
    pub number: u64,
    /// Encoded size; `None` if absent or impossible. A hint.
    pub bytes: Option<u64>,
    /// The message-id without angle brackets, or why there is none.
    pub id: Result<String, BadId>,
    /// Further ids under the same number, in the document's order.
    pub alternates: Vec<String>,
}

impl Nzb {
    /// Reads `input` to its end and checks it: the first pass.
    ///
    /// `given_name` is the file's name as the user gave it; it serves as name
    /// of the job and may carry a `{{password}}`. A regular file is read from
    /// its present position, which is left alone. What cannot be read twice
    /// (a pipe, gzip, other encodings) is spooled as UTF-8 into an unlinked
    /// temporary file. An NZB without files is no error.
    pub fn open(input: Input, given_name: Option<&OsStr>, limits: Limits) -> Result<Nzb, Error> {
        open::open(input, given_name, &limits)
    }

    /// Identity of the job: the first 32 hex digits of the SHA-256 of the
    /// unpacked bytes.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// Name of the job: meta `name` or `title`, else the given file name
    /// without `.nzb`, `.gz` and `{{password}}`, else `job-` and 12 digits of
    /// [`Nzb::job`]. Not made safe.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Password: meta `password`, else what stood in `{{}}` in the given name.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The `<meta>` elements of the head as (type, text), in order.
    pub fn meta(&self) -> &[(String, String)] {
        &self.meta
    }

    /// The files in the document's order.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// What was odd but tolerated: one line each, safe for a terminal, the
    /// first hundred and a count of the rest.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Indexes of the files in the order to fetch them: as in the NZB, but
    /// par2 volumes (`.volN+M.par2`) last.
    pub fn order(&self) -> Vec<usize> {
        let volume = |&index: &usize| name::is_par2_volume(&self.files[index].name);
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        order.sort_by_key(volume);
        order
    }

    /// The segments of one file by rising number: the second pass.
    ///
    /// Errors: [`Error::NoSuchFile`]; [`Error::Changed`] if the text is not
    /// the one [`Nzb::open`] read, which may show only at the file's end.
    pub fn segments(&mut self, file: usize) -> Result<Segments<'_>, Error> {
        let file = self.files.get(file).ok_or(Error::NoSuchFile(file))?;
        Segments::new(&self.text, file)
    }
}
