//! yEnc: an incremental decoder that checks what it decodes, and an encoder. UUencode: the same
//! decoder.
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
//! 16 KiB, the data go to the caller's buffer. No input makes it panic. How large an article may
//! become, which server is asked again and where the bytes are written is decided elsewhere.
//!
//! # Pieces
//!
//! [`Progress::state`] says what is needed next. The output may get full; then what it holds is
//! taken out, and the rest of the same piece is offered again:
//!
//! ```
//! use nzbpipe_yenc::{Decoder, Options, State, Verdict};
//!
//! let pieces: [&[u8]; 3] = [
//!     b"=ybegin line=128 size=5 name=x\r\n\x92",
//!     b"\x8f\x96\x96\x99\r\n=ye",
//!     b"nd size=5\r\n",
//! ];
//! let mut decoder = Decoder::new(Options::default());
//! let (mut data, mut room) = (Vec::new(), [0; 3]);
//! for mut piece in pieces {
//!     loop {
//!         let progress = decoder.decode(piece, &mut room);
//!         data.extend_from_slice(&room[..progress.written]);
//!         piece = &piece[progress.consumed..];
//!         if progress.state != State::Full {
//!             break;
//!         }
//!     }
//! }
//! assert_eq!(data, b"hello");
//! // There was no CRC32 to hold the data against.
//! assert_eq!(decoder.finish().verdict, Verdict::Absent);
//! ```
//!
//! With [`Decoder::SLACK`] bytes more room than input, that takes one call for yEnc. At
//! [`State::Ended`] the next article may follow in the same piece, behind what was consumed;
//! [`Decoder::finish`] makes the decoder ready for it. Whoever gives up an article calls
//! [`Decoder::reset`].
//!
//! No second buffer is needed: [`Decoder::decode_in_place`] writes what it decodes to the front of
//! the buffer that holds the input.
//!
//! ```
//! # use nzbpipe_yenc::{Decoder, Options};
//! # let article = b"=ybegin line=128 size=5 name=x\r\n\x92\x8f\x96\x96\x99\r\n=yend size=5\r\n";
//! let mut buffer = [&[0; Decoder::SLACK][..], article].concat();
//! let progress = Decoder::new(Options::default()).decode_in_place(&mut buffer, Decoder::SLACK);
//! assert_eq!(&buffer[..progress.written], b"hello");
//! ```
//!
//! # What the bytes are worth
//!
//! | [`Verdict`]   | the bytes                                                              |
//! |---------------|------------------------------------------------------------------------|
//! | [`Ok`]        | are proven by a CRC32, and nothing contradicts where they belong       |
//! | [`Absent`]    | are contradicted by nothing, but no CRC32 is usable, or none was asked for |
//! | [`Mismatch`]  | are contradicted, or their place is: by a CRC32, a length or a header  |
//! | [`Truncated`] | are the beginning: the trailer is missing                              |
//! | [`NoYenc`]    | are none: there is neither yEnc nor UUencode                           |
//!
//! [`Report::problems`] says why, and lists what is odd in an article that is [`Ok`], too: a right
//! CRC32 outweighs a wrong size. [`Report::offset`] is where the part belongs in the file. Names
//! and sizes are what the poster wrote: a name may hold slashes, a size any number.
//!
//! [`Options::crc`] turns the CRC32 off, for who checks in another way: then nothing is [`Ok`], and
//! a trailer whose line end is missing counts as cut.
//!
//! [`Ok`]: Verdict::Ok
//! [`Absent`]: Verdict::Absent
//! [`Mismatch`]: Verdict::Mismatch
//! [`Truncated`]: Verdict::Truncated
//! [`NoYenc`]: Verdict::NoYenc
//!
//! # Encoding
//!
//! [`Encoder::part`] makes the body of an article, [`Encoder::lines`] the data lines alone, of all
//! the data at once and behind what the output holds already. Message headers and the lone `.` are
//! the caller's. A part of several says where it belongs:
//!
//! ```
//! # use nzbpipe_yenc::{Encoder, PartSpec};
//! let file = b"hello world";
//! let spec = PartSpec {
//!     name: b"hello.txt",
//!     file_size: file.len() as u64,
//!     offset: 6,
//!     part: 2,
//!     total: 2,
//!     file_crc: None,
//! };
//! let mut body = Vec::new();
//! Encoder::default().part(&file[6..], &spec, &mut body);
//! assert!(body.starts_with(b"=ybegin part=2 total=2 line=128 size=11 name=hello.txt\r\n"));
//! assert!(body.ends_with(b"\r\n=yend size=5 part=2 pcrc32=3a771143\r\n"));
//! ```
//!
//! # Kernels
//!
//! The hot loops are there once for each instruction set, from none in particular (`scalar`) to
//! AVX-512. All of them give the same bytes for any input. The fastest that the machine can run is
//! found at run time and is the default; for tests and measurements another may be asked for, by
//! [`Options::kernel`] and [`Encoder::kernel`]:
//!
//! ```
//! # use nzbpipe_yenc::{Kernel, NoKernel, Options};
//! let options = Options { kernel: Kernel::named("scalar")?, ..Options::default() };
//! assert_eq!(Kernel::named("mmx"), Err(NoKernel::Unknown));
//! assert_eq!(Kernel::available().last(), Some(Kernel::best()));
//! # Ok::<(), NoKernel>(())
//! ```
//!
//! UUencode has no kernels.
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
//!
//! # UUencode
//!
//! ```text
//! begin 644 hello.txt
//! %:&5L;&\\
//! `
//! end
//! ```
//!
//! A data line is a length, then groups of four characters, each of which stands for three bytes;
//! characters run from blank to grave, and both of these are 0. The last group may lack what says
//! nothing, one character more may follow (a checksum, not looked at), and trailing blanks may have
//! been cut off. A line of length 0 and `end` end the file. A file in several articles has `begin`
//! in the first and `end` in the last only.
//!
//! *Recognised* are: a `begin` line, if the first line behind it that is not empty is a data line,
//! a line of length 0 or `end`; four lines in a row of exactly 45 bytes; fewer of them, with one
//! other uncut data line behind them or alone, if a line of length 0 and `end` follow. There, a line
//! of length 0 that is not a grave counts only behind a line of 45 bytes. So prose is never decoded,
//! and no more than these lines are held back. A yEnc block that comes first is the article's.
//!
//! *Believed* is nothing, for there is no checksum: the verdict is never [`Verdict::Ok`]. It is
//! [`Verdict::Mismatch`] if
//! - a line among the data, before the first that is empty or of length 0, is no data line;
//! - a line of 45 bytes comes after that one, or was passed over before the data were recognised;
//!   or the line before them begins like one or is as long as one;
//! - lines have trailing blanks cut off although others have graves in them;
//! - there is not both `begin` and `end`, and a line follows one that is shorter than the first;
//! - there is no `end`, and a line shorter than the first lacks characters.
//!
//! It is [`Verdict::Truncated`] if the input ends within a line of data, else [`Verdict::Absent`].
//! Whether `begin` and `end` have to be there is told by the article's place in the file:
//! [`Report::expect`].

mod control;
mod decoder;
mod encode;
mod judge;
mod kernel;
mod report;
mod text;
mod uu;

pub use control::{Begin, CrcField, End, PartRange};
pub use decoder::{Decoder, Options, Progress, State};
pub use encode::{Encoder, PartSpec};
pub use kernel::{Kernel, NoKernel};
pub use report::{Encoding, Problem, Report, Uu, Verdict};
