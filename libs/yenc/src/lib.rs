//! yEnc: an incremental decoder that checks what it decodes, and an encoder.
//!
//! The format is the yEnc draft 1.3 of 2002 (<http://www.yenc.org/yenc-draft.1.3.txt>). A block is
//!
//! ```text
//! =ybegin part=1 total=2 line=128 size=1000000 name=some file.bin
//! =ypart begin=1 end=716800
//! …lines of (byte + 42) mod 256, critical bytes as '=' and (byte + 42 + 64) mod 256…
//! =yend size=716800 part=1 pcrc32=abcdef12
//! ```
//!
//! and a Usenet article carries one block in its body, dot-stuffed and ended by a lone `.`
//! (RFC 3977 section 3.1.1). [`Decoder`] takes such a body in pieces of any size, straight from a
//! socket or a record, and does all of it in one pass: unstuffs dots, drops line ends, resolves
//! escapes, finds the control lines and the end of the article, and computes the CRC32.
//! [`Decoder::finish`] says in a [`Report`] what the bytes are worth.
//!
//! ```
//! use nzbpipe_yenc::{Decoder, Options, PartSpec, State, Encoder, Verdict};
//!
//! let spec = PartSpec { name: b"hello.txt", file_size: 5, ..PartSpec::default() };
//! let mut article = Vec::new();
//! Encoder::default().part(b"hello", &spec, &mut article);
//! article.extend_from_slice(b".\r\n");
//!
//! let mut decoder = Decoder::new(Options { stuffed: true, ..Options::default() });
//! let mut data = vec![0; article.len()];
//! let progress = decoder.decode(&article, &mut data);
//! assert_eq!(progress.state, State::Ended);
//! assert_eq!(&data[..progress.written], b"hello");
//!
//! let report = decoder.finish();
//! assert_eq!(report.verdict, Verdict::Ok);
//! assert_eq!(report.offset(), Some(0));
//! assert_eq!(report.name(), Some(&b"hello.txt"[..]));
//! ```
//!
//! The crate does no I/O and takes no memory that the input can set: headers are kept up to
//! 16 KiB, the data go to the caller's buffer. How large an article may become, which server is
//! asked again and where the bytes are written is decided elsewhere.
//!
//! # Where an article ends
//!
//! With [`Options::stuffed`] a line that is nothing but `.` ends the article. A line starts at the
//! beginning of the article and after every LF. `.` CR LF at a line's start always ends it. `.` LF
//! ends it only after a line that itself ended with a bare LF, or at the very start: a peer that
//! sends LF alone does so throughout, while a single LF among CRLF lines is damage. The table
//! `testdata/block_ends.rs` holds the cases and is shared with the NNTP framer.
//!
//! # One rule for malformed data
//!
//! The CRC decides; so that every kernel gives the same bytes, the rules are: CR and LF are never
//! data; `=` before CR or LF is dropped and the line ends; a line that starts with `=y` is a
//! control line only if `begin`, `part` or `end` and a blank or a line end follow, else data; one
//! dot at a line's start is removed (if stuffed), and what follows it counts as the line's start.

mod control;
mod decoder;
mod encode;
mod judge;
mod kernel;
mod report;
mod text;

pub use control::{Begin, CrcField, End, PartRange};
pub use decoder::{Decoder, Options, Progress, State};
pub use encode::{Encoder, PartSpec};
pub use kernel::{Kernel, NoKernel};
pub use report::{Problem, Report, Verdict};
