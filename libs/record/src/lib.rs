//! The record stream between the programs: its specification, types, framing
//! and limits.
//!
//! This crate reads and writes single records. Whether a stream was begun and
//! ended, and what a record means for files and exit codes, is for the stages.
//! It does no I/O beyond [`Read`](std::io::Read) and [`Write`](std::io::Write).
//! The manual page `nzbpipe-records(5)` says the same as this page.
//!
//! # Framing
//!
//! ```text
//! stream  = record*
//! record  = header LF [ payload LF ]
//! header  = one JSON object on one line, UTF-8, at most 64 KiB
//! payload = exactly `len` bytes, present if and only if the header has "len"
//! ```
//!
//! ```text
//! {"type":"stream","v":1,"by":"yenc-decode 0.1.0"}
//! {"len":3,"type":"part","offset":0,"size":6,"crc":"ok","job":"j","file":0,"number":1,"of":2}
//! abc
//! {"type":"missing","tried":[{"server":"main","class":"missing","code":430,"tries":1}],"job":"j","file":0,"number":2,"of":2,"id":"b@news.example"}
//! {"type":"end","by":"yenc-decode 0.1.0","status":"partial","code":1,"ok":1,"missing":1}
//! ```
//!
//! (The headers here leave out keys that a program would write.)
//!
//! A writer
//! - begins a header with a payload literally with `{"len":<decimal>,"type":"`,
//!   and one without with `{"type":"`, so that sh, awk and C need no JSON
//!   parser;
//! - writes no line break and no byte order mark into a header, and ends it
//!   with LF;
//! - keeps to the limits: 65,536 bytes for a header without its LF
//!   ([`MAX_HEADER`]), 16,777,216 for a payload ([`MAX_PAYLOAD`]).
//!
//! A reader
//! - takes the keys in any order, `len` too; a key it does not need may be
//!   absent, a key it does not know is kept;
//! - takes CR LF for the LF of a header without payload, and nowhere else;
//! - refuses blank lines, a line that does not begin with `{`, a value of the
//!   wrong kind, a known key given twice, `"len":null`, and a payload that is
//!   not followed by LF;
//! - refuses what is over the limits before it takes memory for it;
//! - calls an end of input inside a record, and that includes its last LF,
//!   truncated; never reads such a record in part;
//! - stops at the first error: the next record cannot be found again.
//!
//! Without payloads a stream is plain JSON Lines, and `jq -c` is a filter for
//! it.
//!
//! # Streams
//!
//! The first record of a stream is `stream`, the last is `end`. A stage with
//! nothing to do still writes both. A stream that was begun and not ended is
//! truncated, and so is one without any record: a reader handles what it got
//! and never calls it success. Records without payload that no `stream` begins
//! (hand-made, or picked out by grep) are accepted and end with the input.
//! Streams may be concatenated: each begins and ends for itself.
//!
//! Every header is self-contained. The order of records has no meaning: parts
//! are written where their `offset` says. Every `segment` that goes into a
//! stage comes out as exactly one of `body`, `article`, `part`, `missing` and
//! `failed`, which repeat all its keys, unknown ones too; fed back into a fetch,
//! `missing` and `failed` are segments again. What yenc-decode or seg-write
//! refused is then asked of other servers than those whose `class` is `damaged`
//! in `tried`, by their names, as long as another one is left.
//!
//! Records of unknown type pass through filters with their payload. A new
//! optional key or a new type leaves the version as it is; a reader refuses a
//! version it does not know. `present` is reserved. Whole numbers of unknown
//! keys are exact up to 64 bits.
//!
//! # Types and keys
//!
//! Counts, sizes, indexes and times are whole numbers from 0 to 2^64-1, response
//! codes to 65535, exit codes to 255. All other values are texts, unless another
//! kind is named. A key marked `!` is required. One marked `?` is left out when
//! it has no value. All others are always written; absent, they read as empty,
//! 0, `false` or `null`, except where a default is named. Names, subjects and texts come from strangers: they may hold control
//! characters and `../`.
//!
//! ## `stream` – [`Stream`]
//!
//! | key | value |
//! |---|---|
//! | `v` ! | 1, the version of the stream |
//! | `by` | program and version that wrote it, such as `nzb-split 0.1.0` |
//!
//! ## `job` – [`Job`]: one NZB; its counts are for display and never compared
//!
//! They leave out what is not asked for because it is there.
//!
//! | key | value |
//! |---|---|
//! | `job` | digest of the NZB |
//! | `name` | its name, for people and for the output folder |
//! | `files`, `segments` | how many of them follow |
//! | `bytes` | sum of the encoded sizes that are known |
//! | `password` ? | password of the archive inside |
//! | `meta` | object: the NZB's `<meta>` entries by type, each a text or an array of texts |
//!
//! ## `segment` – [`Segment`]: one piece of a file, to be fetched
//!
//! | key | value |
//! |---|---|
//! | `job`, `job_name` | digest and name of the NZB |
//! | `file` | index of the file in the NZB, from 0 |
//! | `file_id` | digest of the file's ordered numbers and message-ids |
//! | `name` | file name |
//! | `name_b64` ? | its bytes in base64, if they were not UTF-8 |
//! | `name_from` | where it was found: `subject-quoted`, `extension`, `subject`, `index` |
//! | `number` | number of the piece, from 1 (default 1) |
//! | `of` | how many distinct numbers the NZB lists for the file; a file is judged by it. 0 (default): unknown, the file is judged at the end of the stream by what it covers |
//! | `file_bytes` ? | encoded size of the whole file, as the NZB states it |
//! | `bytes` | encoded size of the piece as the NZB states it, or `null` |
//! | `id` ! | message-id without `<>` |
//! | `alt` | array: message-ids of other articles with the same piece, in order |
//! | `date` ? | when it was posted, in seconds since 1970 (may be negative) |
//! | `poster`, `subject` | as the NZB has them |
//! | `groups` | array: newsgroups |
//!
//! ## `body` – [`Body`]: an article's body; has a payload
//!
//! All keys of `segment`, and:
//!
//! | key | value |
//! |---|---|
//! | `stuffed` | `true` or `false`; true: lines that begin with a dot have a second one before it, as they came (RFC 3977 section 3.1.1) |
//! | `crc` ? | what the check during the fetch said, as in `part` |
//! | `damage` ? | why the fetch calls the body damaged |
//! | `server`, `tries`, `ms` | who sent it, after how many requests in all, in how many milliseconds |
//!
//! The payload is the lines of the body, without the line `.` that ends them.
//!
//! ## `article` – [`Article`]: a whole article; has a payload
//!
//! All keys of `segment`, of which none is required, and:
//!
//! | key | value |
//! |---|---|
//! | `stuffed`, `crc` ?, `damage` ? | as in `body` |
//! | `headers` | array of header fields in their order, each an array: name, unfolded value and, if the value was not UTF-8, its bytes in base64 |
//! | `headers_cut` ? | `true` if there are more of them than this header has room for |
//! | `server`, `tries`, `ms` | as in `body` |
//!
//! The payload is the lines of the article, headers first, then an empty line,
//! then the body, without the line `.` that ends them. Where a `body` is taken,
//! an `article` is.
//!
//! ## `part` – [`Part`]: a decoded piece; has a payload
//!
//! All keys of `segment`, of which none is required, and:
//!
//! | key | value |
//! |---|---|
//! | `offset` ? | where the payload belongs in the file, in bytes from 0; required if there is no `encoding` |
//! | `encoding` ? | `uu`: the article was in UUencode, not in yEnc; `raw`: it was in neither, and the payload is its lines; see below |
//! | `ends` ? | `true` if the article has the line that ends a UUencoded file |
//! | `size` ? | size of the whole file, as the article states it |
//! | `crc` ! | `ok`; `mismatch`: a checksum, size or range is wrong; `absent`: there was none to check; `truncated`: the data end before their trailer |
//! | `crc32` ? | CRC-32 of the payload, 8 lower-case hexadecimal digits |
//! | `file_crc32` ? | CRC-32 of the whole file as an article of several states it, 8 lower-case hexadecimal digits; not there if it is that of the payload |
//! | `yenc_name` ? | file name, as the article states it |
//! | `yenc_name_b64` ? | its bytes in base64, if they were not UTF-8 |
//! | `yenc_part`, `total` ? | number of the part and how many there are, as the article states them |
//! | `server`, `tries`, `ms` | as in `body` |
//!
//! A piece with an `encoding` follows the one with the `number` before it, whatever
//! `offset` says; it is there if the article has the line that begins the file. The file is
//! whole if its pieces are there from number 1 to `of`, all in the same encoding, and, in
//! UUencode, the last one and no other has `ends`. Nothing proves such pieces right: their file is `unverified` at best, or
//! `complete` if the user says that this will do. Other encodings may follow, and are read
//! as if the key were not there.
//!
//! ## `missing` – [`Missing`]: every server that could be asked says it is not there
//!
//! All keys of `segment`, and:
//!
//! | key | value |
//! |---|---|
//! | `tried` | array of objects, one for each server: `server`, `class`, `code` ?, `text` ?, `tries` |
//!
//! ## `failed` – [`Failed`]: a segment that went no further
//!
//! All keys of `segment`, of which none is required, and:
//!
//! | key | value |
//! |---|---|
//! | `stage` | the program that gave up |
//! | `class` | see below |
//! | `reason` | why, for people and logs |
//! | `code` ? | response code of the last answer |
//! | `tried` | as in `missing` |
//! | `retryable` | `true` or `false`: whether the same request may succeed later |
//!
//! Classes, here and in `tried`: `missing`, `transport` (the connection broke,
//! stalled or made no sense), `capacity` (no more connections, or not now),
//! `login` (login or certificate refused), `damaged` (the bytes are not right),
//! `bad-input` (the segment cannot be used), `unreachable` (no session with any
//! server), `interrupted`, `internal` (a bug). Others may follow.
//!
//! `seg-write` gives `damaged` as class, the servers whose copies were refused in
//! `tried`, and one of these words in `reason`: `crc` (the bytes are not those of the
//! checksum), `truncated` (the data end before their trailer), `damaged` (a piece with an
//! `encoding` is not right), `overlap` (it lies over a piece with another number),
//! `out-of-range` (it ends beyond what the file can hold, or came after the file was
//! complete without it), `contradiction` (a piece with the same number lies elsewhere or
//! has other bytes), `foreign` (by its headers it is a piece of another file; it lies there
//! as `unverified`). In `nzbpipe` the last four are asked of other servers first.
//!
//! ## `file` – [`FileReport`]: a file is complete, or what is wrong with it
//!
//! `seg-write` writes one for each file that a record named: when it is complete, else at
//! the end. With `--resume`, `nzb-split` writes one ahead of the segments of each file of
//! which it leaves some out, with the state as it is then, and without `path` and anything
//! that would have to be read. It tells `seg-write` of the file; that looks for itself, and
//! writes its own record later.
//!
//! | key | value |
//! |---|---|
//! | `job`, `job_name`, `file`, `file_id` | as in `segment` |
//! | `name` | the name that it got, or would get; from `nzb-split` as in `segment` |
//! | `path` ? | where the complete file is, from the output directory |
//! | `status` | `complete`, `incomplete` (the default), `unverified` or `damaged` |
//! | `size` ? | size of the whole file in bytes |
//! | `segments` | segments of the file (`of`), which are: |
//! | `ok`, `missing`, `damaged`, `unverified` | checked and written; not there; wrong; written without a checksum |
//! | `missing_ranges` | bytes that are not on disk: array of pairs, each the first offset and the one after the last; empty for a file whose pieces have an `encoding`: the length of a hole in it is not known |
//! | `crc32` ? | CRC-32 of the whole file, 8 lower-case hexadecimal digits |
//! | `crc32_declared` ? | the same as its articles state it, where they agree |
//! | `crc32_matches` ? | `true` or `false`: whether the two are equal. What makes a file complete are the checksums of its parts; posters write anything here |
//! | `md5_16k` ? | MD5 of the first 16 KiB, or of all of a smaller file, 32 lower-case hexadecimal digits: par2 files know their files by it. Not there if they are not, or if an earlier run wrote them and the file is not complete |
//! | `sha256` ?, `blake3` ? | the whole file's, 64 lower-case hexadecimal digits, if it is complete and they were asked for |
//! | `damaged_ranges` ? | those of `missing_ranges` that only damaged copies were found of |
//! | `resumed` ? | segments that an earlier run wrote; 0 if absent |
//!
//! ## `progress` – [`Progress`]: telemetry, at most twice a second and once at the end
//!
//! | key | value |
//! |---|---|
//! | `stage` | the program that reports |
//! | `bytes`, `segments` | received and finished since the start |
//! | `connections` | open now |
//! | `rate` | bytes per second, lately |
//! | `ms` | milliseconds since the start |
//! | `servers` ? | array of objects, one for each server, with the keys below |
//!
//! A server's object has `name` (a second one of the same name has ` (2)` behind
//! it); `bytes`, `rate`, `connections` as above;
//! `allowed` (connections that may be open); `window` (requests that may be in
//! flight on a connection, on average) and `rtt_ms` (milliseconds from a command
//! to the first byte of the answer, 0 if not known), which may have a fraction;
//! `bodies`, `missing`, `damaged` (answers, by kind; `bodies` counts damaged ones,
//! too); `errors`, an object that counts what went wrong by class: `transport`,
//! `capacity`, `login`, `damaged`, `missing`; `hedged` (bytes asked for a second
//! time near the end); `recycled` (connections given up because they were slow).
//! All of it counts from the start. Others may follow.
//!
//! ## `end` – [`End`]: the last record; its counts are for display and never compared
//!
//! | key | value |
//! |---|---|
//! | `by` | program and version that wrote it |
//! | `status` | `ok` (the default), `partial`, `interrupted` or `error` |
//! | `code` | exit code of the stage |
//! | `segments`, `ok`, `missing`, `failed`, `damaged` ? | segments by fate |
//! | `bytes` ? | payload bytes |
//! | `message` ? | what to tell people, if `status` does not say it |
//! | `repair` ? | array of objects, one for each job that is not complete, of at most 16: what is missing of it, and whether par2 can repair that. Only `seg-write` and `nzbpipe` write it, and only if nothing failed for now |
//!
//! An object of `repair` has `job_name`; `missing_bytes` (missing or damaged, par2 files not
//! counted; encoded ones of a file whose size is not known); `repair`, that of the worst set:
//! `yes` (there are blocks enough), `no` (there are not, or a file is in no set), `unknown`
//! (too little of the par2 files is there to say) or `whole` (nothing that a set protects
//! needs it); `unprotected` (names of files that are not whole and in no set) and
//! `unprotected_count`; `sets`, an array of objects, one for each set of par2 files: `name`
//! (what the names of its par2 files begin with), `repair`, `slice` (bytes in a block, 0 if
//! that is not known), `hit` (blocks of protected files that are missing, in whole or in
//! part), `there` and `carried` (recovery blocks on disk; those that the job lists),
//! `lacking` (with `no`: how many more it would take), `unmatched` (names of protected files
//! of which nothing was found), `unmatched_count`, and, if not 0, `left_out` (those of `hit`
//! in files that the user did not choose), `undescribed` (protected files of which not even
//! the name is known) and `unproven` (files that count as there but have bytes without a
//! checksum). Arrays in it have at most 100 entries. Others may follow.
//!
//! # Use
//!
//! ```
//! use nzbpipe_record::{Crc, Header, Limits, Part, Pool, Reader, Record, Stream, Writer};
//!
//! let mut writer = Writer::new(Vec::new());
//! writer.write(&Stream::new("example 1.0").into())?;
//! let part = Part { offset: Some(0), crc: Crc::Ok, ..Part::default() };
//! writer.write(&Record::with_payload(part, "abc"))?;
//! let stream = writer.into_inner()?;
//!
//! let mut reader = Reader::new(&stream[..], Limits::default(), Pool::new(1 << 20));
//! while let Some(record) = reader.next()? {
//!     if let (Header::Part(part), Some(payload)) = (record.header, record.payload) {
//!         assert_eq!((part.offset, &payload[..]), (Some(0), &b"abc"[..]));
//!     }
//! }
//! # Ok::<(), nzbpipe_record::Error>(())
//! ```

mod article;
mod buffer;
mod decode;
mod encode;
mod error;
mod failure;
mod header;
mod keys;
mod piece;
mod progress;
mod reader;
mod report;
mod segment;
mod text;
mod words;
mod writer;

pub use bytes::Bytes;
pub use serde_json::{Map, Value};

pub use crate::article::{Article, Field};
pub use crate::buffer::{Buffer, Pool};
pub use crate::decode::{Decoder, Limits};
pub use crate::encode::encode_header;
pub use crate::error::{Error, Fault, Position};
pub use crate::failure::{Class, Failed, Missing, Tried};
pub use crate::header::Header;
pub use crate::piece::{Body, Crc, Encoding, Part, Provenance};
pub use crate::progress::{Progress, ServerErrors, ServerProgress};
pub use crate::reader::Reader;
pub use crate::report::{End, FileReport, FileStatus, Job, Status, Stream, Unknown};
pub use crate::segment::Segment;
pub use crate::text::{base64, text};
pub use crate::writer::Writer;

/// The version of the stream that this crate reads and writes (`v` of `stream`).
pub const VERSION: u64 = 1;

/// The longest header line in bytes, without its LF.
pub const MAX_HEADER: usize = 64 << 10;

/// The longest payload in bytes, without its LF.
pub const MAX_PAYLOAD: usize = 16 << 20;

/// One record: a header and, if the header has `len`, the bytes that follow it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What the record says.
    pub header: Header,
    /// The bytes it carries. `None` (no `len`) differs from no bytes (`"len":0`).
    pub payload: Option<Bytes>,
}

impl Record {
    /// A record that carries bytes.
    pub fn with_payload(header: impl Into<Header>, payload: impl Into<Bytes>) -> Record {
        Record {
            header: header.into(),
            payload: Some(payload.into()),
        }
    }
}

impl<H: Into<Header>> From<H> for Record {
    /// A record without payload.
    fn from(header: H) -> Record {
        Record {
            header: header.into(),
            payload: None,
        }
    }
}
