//! What goes into a [`Store`](crate::Store) and what comes out: plain data. The
//! decisions are made elsewhere.

use std::fmt;
use std::path::PathBuf;

use crate::template::Template;

/// Where and how to write.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The output directory; created when it is not there.
    pub dir: PathBuf,
    /// Write into `dir` itself, not into a folder per job.
    pub flat: bool,
    /// Let pieces without any CRC count as good.
    pub accept_unverified: bool,
    /// Write damaged pieces into the `.part` file (for a repair by par2). They never
    /// count, and never replace anything better.
    pub salvage: bool,
    /// Where final names come from.
    pub name_from: NameFrom,
    /// What final names are made of; `None` is the name itself.
    pub template: Option<Template>,
    /// Replace a file that has the name and other bytes, instead of taking another name.
    pub overwrite: bool,
    /// What becomes of the data of a file that stays incomplete.
    pub on_incomplete: OnIncomplete,
    /// How room is made for a file whose size is known.
    pub preallocate: Preallocate,
    /// When data are made to survive a power cut.
    pub sync: Sync,
    /// How long the journal is kept.
    pub journal: Journaling,
    /// Read everything back that an earlier run left, also what was synced.
    pub verify: bool,
    /// Which digests of whole files are wanted.
    pub hashes: Hashes,
    /// How many bytes may wait to be written; 0 is a usual number.
    pub queue: usize,
}

/// Which name a file gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameFrom {
    /// The pieces' where they agree and it looks like a name, else the NZB's.
    #[default]
    Auto,
    /// The pieces' where they agree, else the NZB's.
    Yenc,
    /// The NZB's.
    Subject,
}

/// What becomes of an incomplete file when the run ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnIncomplete {
    /// It stays under its `.part` name, and a later run goes on.
    #[default]
    Keep,
    /// It gets a name that says what it is; a later run goes on all the same. Not in a run
    /// that was [stopped](crate::Store::stop).
    Rename,
    /// It is removed, and a later run begins anew. Not in a run that was
    /// [stopped](crate::Store::stop).
    Delete,
}

/// How room is made for a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Preallocate {
    /// Not at all: it grows as it is written.
    None,
    /// It gets its size at once, as a hole.
    #[default]
    Sparse,
    /// It gets its blocks at once, where the file system can.
    Full,
}

/// When data are synced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sync {
    /// Never: fastest, and a power cut may cost whole files.
    Never,
    /// Every 64 MiB or 2 s, and before a file gets its name.
    #[default]
    File,
    /// After each write.
    Segment,
}

/// How long the journal is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Journaling {
    /// Also when all is complete: the same job once more then asks for nothing.
    #[default]
    Keep,
    /// Until all files it knows are complete.
    Remove,
    /// There is none; nothing can be resumed.
    Never,
}

/// Digests of a whole file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hashes {
    /// SHA-256 (FIPS 180-4).
    pub sha256: bool,
    /// BLAKE3.
    pub blake3: bool,
}

/// One decoded piece of one file.
///
/// The default is the first piece of an unnamed one-piece file without a job.
#[derive(Debug, Clone, Copy, Default)]
pub struct Piece<'a, B = &'a [u8]> {
    /// Digest of the NZB; empty for a stream made by hand.
    pub job: &'a str,
    /// Name of the job, as found. It names the folder.
    pub job_name: &'a str,
    /// Index of the file in the job, from 0.
    pub file: u64,
    /// Identity of the file; when empty, `file` and `name` stand in for it.
    pub file_id: &'a str,
    /// The NZB's name of the file, as found.
    pub name: &'a str,
    /// The name the piece itself carries, if any.
    pub yenc_name: Option<&'a str>,
    /// The piece's number. Numbers may be sparse.
    pub number: u64,
    /// How many distinct numbers the file has; 0 if that is unknown. Where pieces of
    /// one file differ, the largest counts. A file of which nobody says it is decided
    /// by [`Store::finish`](crate::Store::finish), never before.
    pub of: u64,
    /// Where the bytes belong in the file, from 0. Of no effect with `order`.
    pub offset: u64,
    /// Says that the piece does not know its place.
    pub order: Option<Order>,
    /// The size of the whole file by the piece's own word.
    pub size: Option<u64>,
    /// A checksum was there and was right. Of no effect with `order`.
    pub verified: bool,
    /// A checksum was there and was wrong, or the piece is cut short. Wins over `verified`.
    pub damaged: bool,
    /// The data.
    pub bytes: B,
    /// CRC-32 of `bytes`, computed (not quoted) by the caller.
    pub crc32: u32,
    /// CRC-32 of the whole file by the piece's own word.
    pub file_crc32: Option<u32>,
    /// No byte of the file can lie at or beyond this offset, if known. Of no effect with
    /// `order`.
    pub bound: Option<u64>,
    /// Encoded bytes of the whole file by the NZB's word, if it says so: decoded it has no
    /// more of them. Only what is not larger is made room for in advance.
    pub file_bytes: Option<u64>,
    /// Which part it is by its own word.
    pub part: Option<u64>,
    /// How many parts there are by its own word.
    pub total: Option<u64>,
    /// Message-id, for the list of what is missing.
    pub id: &'a str,
}

/// What kind of piece follows the one with the number before it. Those of a file are all of
/// one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Of a UUencoded file.
    Uu {
        /// The file's end is in it.
        ends: bool,
    },
    /// Anything else.
    Raw,
}

impl Order {
    /// Whether both are of one kind.
    pub(crate) fn is_like(self, other: Order) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// A piece that will not come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Absent<'a> {
    /// Digest of the NZB; empty for a stream made by hand.
    pub job: &'a str,
    /// Name of the job, as found.
    pub job_name: &'a str,
    /// Index of the file in the job, from 0.
    pub file: u64,
    /// Identity of the file; when empty, `file` and `name` stand in for it.
    pub file_id: &'a str,
    /// The NZB's name of the file, as found.
    pub name: &'a str,
    /// The piece's number.
    pub number: u64,
    /// How many distinct numbers the file has; 0 if that is unknown.
    pub of: u64,
    /// Message-id.
    pub id: &'a str,
    /// What happened to it.
    pub why: Why,
}

/// Why a piece will not come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// No server has it.
    #[default]
    Missing,
    /// It could not be fetched or decoded.
    Failed,
    /// Every copy is damaged, and its place is not known.
    Damaged,
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Placed {
    /// Its bytes are in the file (as unverified, if it had no checksum).
    Written,
    /// The same piece was there already.
    Duplicate,
    /// It cannot belong there; nothing was written.
    Rejected(Reason),
    /// It is damaged: counted as such, and written only with
    /// [`Options::salvage`].
    Damaged,
    /// Its file is complete already, and has a piece of this number; nothing was
    /// written. One the file was completed without is
    /// [`Rejected`](Placed::Rejected), see [`Reason::OutOfRange`].
    Late,
}

/// Why a piece was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its range overlaps that of a piece with another number.
    Overlap,
    /// It ends beyond what the file can hold; or the file is complete, and ends before
    /// it or was completed without its number.
    OutOfRange,
    /// A piece with the same number lies elsewhere, or has other bytes.
    Contradiction,
    /// By its headers it is a piece of another file. Its bytes are there, unverified.
    Foreign,
}

impl Reason {
    /// One word for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Overlap => "overlap",
            Reason::OutOfRange => "out-of-range",
            Reason::Contradiction => "contradiction",
            Reason::Foreign => "foreign",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Overlap => "its range overlaps another piece",
            Reason::OutOfRange => "it ends beyond what the file can hold",
            Reason::Contradiction => "it contradicts the piece of the same number",
            Reason::Foreign => "by its headers it is a piece of another file",
        })
    }
}

/// The state of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Whole, on disk, under its final name.
    Complete,
    /// Pieces are missing, or do not fill the file.
    Incomplete,
    /// Everything is there, but some of it has no checksum.
    Unverified,
    /// Nothing is missing, but some of it is damaged.
    Damaged,
}

impl Status {
    /// One word for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Complete => "complete",
            Status::Incomplete => "incomplete",
            Status::Unverified => "unverified",
            Status::Damaged => "damaged",
        }
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileOutcome {
    /// Digest of the NZB.
    pub job: String,
    /// Name of the job, as found.
    pub job_name: String,
    /// Index of the file in the job.
    pub file: u64,
    /// Identity of the file, as given.
    pub file_id: String,
    /// The final name if it is complete (without folder), else the one it would get
    /// now.
    pub name: String,
    /// Where the complete file is, relative to [`Options::dir`].
    pub path: Option<PathBuf>,
    /// Where the data of an incomplete file are, relative to [`Options::dir`].
    pub part_path: Option<PathBuf>,
    /// The verdict.
    pub status: Status,
    /// Size in bytes: of the complete file, else the size its pieces agree on.
    pub size: Option<u64>,
    /// How many pieces the file has; where nobody said, how many were heard of.
    pub of: u64,
    /// Pieces written and verified.
    pub ok: u64,
    /// Pieces that are not there: no server had them, they failed, were rejected, or
    /// nobody said a word about them. `ok + missing + damaged + unverified = of`.
    pub missing_count: u64,
    /// Number and message-id of the missing and damaged pieces somebody spoke of, by
    /// number. At most [`LISTED`] are kept in a store; the counts are always right.
    pub missing: Vec<(u64, String)>,
    /// Pieces that are damaged.
    pub damaged: u64,
    /// Where damaged pieces lie (start, end exclusive), as far as they say so, by offset. At
    /// most some thousands are kept.
    pub damaged_ranges: Vec<(u64, u64)>,
    /// Pieces written but without a checksum. A complete file has some only with
    /// [`Options::accept_unverified`].
    pub unverified: u64,
    /// The ranges nothing was written into (start, end exclusive), up to the end of
    /// the last piece or the size the pieces agree on. None if the pieces do not know
    /// their places: a hole among them has no length.
    pub missing_ranges: Vec<(u64, u64)>,
    /// CRC-32 of the complete file.
    pub crc32: Option<u32>,
    /// The same by the pieces' own word, where they agree. It decides nothing.
    pub crc32_declared: Option<u32>,
    /// MD5 of the first 16 KiB, or of all of a smaller file, if they are there: what a
    /// par2 file knows its files by.
    pub md5_16k: Option<[u8; 16]>,
    /// SHA-256 of the complete file, if it was wanted.
    pub sha256: Option<[u8; 32]>,
    /// BLAKE3 of the complete file, if it was wanted.
    pub blake3: Option<[u8; 32]>,
    /// Pieces that an earlier run wrote.
    pub resumed: u64,
    /// It was complete, under its final name, when this run began.
    pub was_complete: bool,
    /// It was told as an [`Event`](crate::Event) before.
    pub reported: bool,
}

/// How many missing pieces one store remembers by message-id.
pub const LISTED: usize = 100_000;

/// No piece is larger than this: the cap of an article.
pub const MAX_PIECE: u64 = 16 << 20;

/// Which file a piece or an absence speaks of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ident<'a> {
    /// Digest of the NZB; empty for a stream made by hand.
    pub job: &'a str,
    /// Name of the job, as found.
    pub job_name: &'a str,
    /// Index of the file in the job, from 0.
    pub file: u64,
    /// Identity of the file; when empty, `file` and `name` stand in for it.
    pub file_id: &'a str,
    /// The NZB's name of the file, as found.
    pub name: &'a str,
    /// How many distinct numbers the file has; 0 if that is unknown.
    pub of: u64,
}

/// What is on disk of a file.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// It is complete, under its final name.
    pub complete: bool,
    /// The numbers of the pieces that are there, as ranges (first, one after the last),
    /// ascending and apart. A complete file has `0..u64::MAX`.
    pub numbers: Vec<(u64, u64)>,
    /// It cannot be written: nothing of it is worth fetching.
    pub refused: bool,
}

impl Kept {
    /// A complete file.
    pub(crate) fn whole() -> Kept {
        Kept {
            complete: true,
            numbers: vec![(0, u64::MAX)],
            refused: false,
        }
    }

    /// How many pieces are there; of a complete file, more than any has.
    pub fn count(&self) -> u64 {
        let each = self.numbers.iter().map(|(first, end)| end - first);
        each.fold(0, u64::saturating_add)
    }

    /// Whether the piece of this number need not be fetched.
    pub fn has(&self, number: u64) -> bool {
        if self.refused {
            return true;
        }
        let after = self.numbers.partition_point(|&(_, end)| end <= number);
        self.numbers
            .get(after)
            .is_some_and(|&(first, _)| first <= number)
    }
}

/// What is told while files are written. Told on the threads that write.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<T> {
    /// What became of a piece.
    Placed {
        /// What was given with the piece.
        ticket: T,
        /// Its fate.
        placed: Placed,
    },
    /// A piece that was written is not believed any more: it is as good as
    /// [`Rejected`](Placed::Rejected), though its bytes are there, unverified. Told before the
    /// fate of the piece that gave rise to the doubt.
    Doubted {
        /// What was given with the piece.
        ticket: T,
        /// What is wrong with it.
        reason: Reason,
    },
    /// A file is complete, under its final name.
    Completed(Box<FileOutcome>),
}

impl<'a, B> From<&Piece<'a, B>> for Ident<'a> {
    fn from(p: &Piece<'a, B>) -> Self {
        Ident {
            job: p.job,
            job_name: p.job_name,
            file: p.file,
            file_id: p.file_id,
            name: p.name,
            of: p.of,
        }
    }
}

impl<'a> From<&Absent<'a>> for Ident<'a> {
    fn from(a: &Absent<'a>) -> Self {
        Ident {
            job: a.job,
            job_name: a.job_name,
            file: a.file,
            file_id: a.file_id,
            name: a.name,
            of: a.of,
        }
    }
}
