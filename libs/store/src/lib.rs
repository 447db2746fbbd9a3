//! Output files: pieces of many files come in any order, and whole files come out.
//! And the small files of state that processes share: [`quota`], [`slots`].
//!
//! A [`Store`] owns one output directory. Each [`Piece`] is written to its place in a
//! `.part` file that belongs to the file's identity; when the last one is in, the file
//! is synced and renamed. What is missing stays a hole at its right place and is
//! listed in the [`FileOutcome`].
//!
//! Fetching, decoding and checksums are left to others, and so is every word to a
//! person. The crate is blocking, and is not for Windows.
//!
//! # Threads
//!
//! Each file has a lane: pieces that wait for it, and what only one thread at a time may
//! touch. Callers find the lane and add to it; four writers take lanes with work from one
//! queue, do some of it, and put back what has more. So no two threads wait for each other
//! in one file, and a file that is slow, or is just being synced, keeps one writer and no
//! other file. One more thread syncs while writers go on. What waits is bounded
//! ([`Options::queue`]): then callers wait.
//!
//! What goes wrong with one file or job ends that: its pieces are dropped, and the error is
//! told at the end. What goes wrong with the disk ends the run, and is told by the next call.
//!
//! # When a file is complete
//!
//! When `of` distinct numbers are in, all verified, and their ranges fill `[0, S)`
//! without gap or overlap. If the pieces' own `size` fields agree on more than `S`,
//! the NZB is short of pieces and the file incomplete; otherwise `S` decides, for
//! false sizes are common. If nobody says `of` (it is 0), the file is decided when the
//! store is [finished](Store::finish), by the pieces that came. A piece is identified by number and offset, and its
//! checksum decides: the first verified one stays, and one that contradicts it is
//! [`Rejected`](Placed::Rejected). A file never grows beyond what accepted pieces
//! make it, and no piece is accepted that ends beyond [`Piece::bound`] or beyond
//! `of` times [`MAX_PIECE`]. It gets its size with the first piece, if what that says is not
//! more than [`Piece::file_bytes`] either.
//!
//! When it would be complete, the pieces' names and sizes are held against each other. Where
//! more than half agree (at least two; the NZB's name is one more voice for who bears it), a
//! piece that says something else and is right in itself, as the piece of another file would
//! be, becomes unverified and is [doubted](Event::Doubted). One whose headers fit nothing is
//! a decoy and stays; and all stay if the `crc32` that most agree on is that of the file.
//!
//! Pieces without a checksum are written but do not count, unless
//! [`Options::accept_unverified`] is set. Damaged ones leave a hole, unless
//! [`Options::salvage`] is set; they never count.
//!
//! Pieces with an [`Order`] do not say where they lie: each follows the one with the
//! number before it. Their file is whole when the numbers from 1 on are there, and, in
//! UUencode, the last and no other has the end. One that comes before its time is kept
//! where it belongs if all have the size of the largest, else behind all others, and is
//! moved to its place when all are there: the `.part` file has at most 256 MiB of holes
//! more than a whole one. They are unverified, and a verified piece that knows its place sweeps
//! them away: its file was never theirs.
//!
//! # Names
//!
//! Data lie in `DIR/JOB/NAME.ID.part`, `ID` being the first twelve digits of the file's
//! identity if that is a digest in hex, else twelve made of it; the journal in
//! `DIR/JOB/.nzbpipe-ID.journal`. The journal of another job is never touched: if it
//! has that name, ours gets another. The final name is
//! the one the pieces carry, where they agree, else the NZB's, made safe by
//! [`safe_name`]. If the name is taken by a file with the same bytes, that stays and
//! is reported; if by anything else, ` (2)`, ` (3)`… goes before the extension. No
//! two files of a run share a name, also if they differ only in case or in how Unicode
//! writes the same text. Nothing is replaced but, with [`Options::overwrite`], a regular
//! file; and nothing outside `DIR` is touched: all names are single components
//! looked up relative to an open directory, links are not followed, and data files
//! with a second (hard) link are refused.
//!
//! # Order on disk
//!
//! Each step begins when the one before it is done:
//!
//! 1. The bytes of some pieces are written.
//! 2. A line for each in the journal says so, with its CRC-32.
//! 3. Every 64 MiB or 2 s the data are synced (`fdatasync`).
//! 4. A mark in the journal says how many lines that covers, those that were there when the
//!    sync began, and when the file was changed last. Within another 2 s the journal is
//!    synced.
//! 5. When the file is whole, it is cut to its size and its data are synced.
//! 6. A line in the journal says under which name it will be, and when it was changed last.
//! 7. It is renamed without replacing anything.
//! 8. The directory is synced.
//!
//! | the process dies, or the power goes, after | the next run finds |
//! |---|---|
//! | 1 | bytes no line speaks of: a hole, fetched again |
//! | 2 | lines behind the last mark: the bytes are read, and count if the CRC-32 is theirs |
//! | 4 | lines before the mark: believed, if the file is long enough, nobody changed it since, and some 16 of them hold |
//! | 5 | as after 4, and all is there: steps 5 to 8 |
//! | 6 | no file of that name, or another one: as after 5 |
//! | 7 | the complete file under its name, known by size and time, else by its CRC-32 |
//!
//! A power cut may also take lines, the last ones or all: then there is less to find. If it,
//! or anything, takes some in the middle, no mark is believed; nor ever one for pieces
//! without a checksum. What a run does not find it says to be gone, before it writes
//! anything. After a sync that failed, all that it should have covered counts as not
//! written: the system may have dropped it. With [`Sync::Never`] there are no steps 3 and 4,
//! and all is read back.
//!
//! The journal is locked while in use, and a second process gets [`Error::InUse`]; the lock
//! dies with its process. It may be deleted at any time between runs: what it spoke of is
//! fetched again. When all the files it knows are complete, it says no more than that, or is
//! removed: see [`Journaling`].

pub mod atomic;
mod coverage;
mod digest;
mod dir;
mod ending;
mod entry;
mod error;
mod finish;
mod finished;
mod folder;
mod gather;
mod handles;
mod hash;
mod held;
mod index;
mod journal;
mod key;
mod lane;
mod line;
mod name;
mod names;
mod outcome;
pub mod par2;
mod peek;
mod pieces;
mod place;
mod prints;
pub mod quota;
mod recorded;
mod resume;
mod room;
mod sequence;
pub mod slots;
mod store;
mod sync;
mod template;
mod turn;
mod types;
mod writer;

pub use error::Error;
pub use name::safe_name;
pub use peek::Peek;
pub use store::{Store, room};
pub use template::Template;
pub use turn::Turn;
pub use types::{
    Absent, Event, FileOutcome, Hashes, Ident, Journaling, Kept, LISTED, MAX_PIECE, NameFrom,
    OnIncomplete, Options, Order, Piece, Placed, Preallocate, Reason, Status, Sync, Why,
};

#[cfg(test)]
mod tests;
