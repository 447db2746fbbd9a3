//! Output files: pieces of many files come in any order, and whole files come out.
//! And the small files of state that processes share: [`quota`], [`slots`].
//!
//! A [`Store`] owns one output directory. Each [`Piece`] is written to its place in a
//! `.part` file that belongs to the file's identity; when the last one is in, the file
//! is synced and renamed. What is missing stays a hole at its right place and is
//! listed in the [`FileOutcome`].
//!
//! Fetching, decoding and checksums are left to others, and so is every word to a
//! person. The crate is blocking, starts no threads, and is not for Windows.
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
//! `of` times [`MAX_PIECE`].
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
//! writes the same text. Nothing is
//! replaced, and nothing outside `DIR` is touched: all names are single components
//! looked up relative to an open directory, links are not followed, and data files
//! with a second (hard) link are refused.
//!
//! # Order on disk
//!
//! 1. The bytes of a piece are written.
//! 2. A line in the journal says so, with their CRC-32. It is not synced.
//! 3. When the file is whole, its data are synced.
//! 4. A line in the journal says under which name it will be.
//! 5. It is renamed without replacing anything.
//! 6. The directory is synced.
//!
//! So no line is written before its data, but after a power cut a line may be on disk
//! whose data are not. Hence a later run reads the data back and trusts those lines
//! only whose CRC-32 is found; it then needs only the missing pieces. The journal is
//! locked while in use, and a second process gets [`Error::InUse`]; the lock dies with
//! its process. The journal is removed when all the files it knows are complete.

pub mod atomic;
mod coverage;
mod dir;
mod ending;
mod entry;
mod error;
mod finish;
mod finished;
mod folder;
mod gather;
mod handles;
#[cfg_attr(not(test), allow(dead_code))]
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
mod types;
mod writer;

pub use error::Error;
pub use name::safe_name;
pub use peek::Peek;
pub use store::{Store, room};
pub use template::Template;
pub use types::{
    Absent, Event, FileOutcome, Hashes, Ident, Journaling, Kept, LISTED, MAX_PIECE, NameFrom,
    OnIncomplete, Options, Order, Piece, Placed, Preallocate, Reason, Status, Sync, Why,
};

#[cfg(test)]
mod tests;
