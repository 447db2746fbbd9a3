//! Where the text comes from, and how it is read a second time.
//!
//! A plain regular file that is valid UTF-8 is read again where it lies.
//! Everything else is copied, as the UTF-8 the parser saw, into an unlinked
//! temporary file: from the start if that is known from the start, else from
//! the first byte that needed mending, behind what came before it.

use std::fs;
use std::io::{self, Cursor, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::Limits;
use crate::chunks::{Chunks, SNIFF, Transcoder, guess};
use crate::digest::hex;
use crate::error::{Error, Fault};

/// An NZB to be read.
pub enum Input {
    /// An open file. If it is not a regular one it is read as a stream.
    File(fs::File),
    /// Anything that can be read once: standard input, a response's body.
    Stream(Box<dyn Read + Send>),
}

/// Compressed formats told by their first bytes, with the command that
/// unpacks what is not unpacked here.
const FORMATS: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "gzip", ""),
    (b"\xfd7zXZ\0", "xz", "xz -dc"),
    (b"BZh", "bzip2", "bzip2 -dc"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd -dc"),
    (b"PK\x03\x04", "zip", "unzip -p"),
];

/// Unpacked bytes from which on the ratio counts.
const RATIO_FROM: u64 = 16 << 20;

type Stream = Box<dyn Read + Send>;

/// A file and the offset at which the text begins in it.
type Origin = (Arc<fs::File>, u64);

/// The first pass's source: chunks of text, kept for the second pass.
pub struct Intake {
    transcoder: Transcoder<Hashed>,
    /// Where the text lies if it can be read again as it is.
    origin: Option<Origin>,
    spool: Option<fs::File>,
    len: u64,
}

impl Intake {
    /// Opens the source: unpacks it if need be, finds its encoding.
    pub fn new(input: Input, limits: &Limits) -> Result<Intake, Error> {
        let (raw, origin) = raw(input)?;
        let (head, raw) = peek(raw, 6)?;
        let format = FORMATS.iter().find(|(magic, _, _)| head.starts_with(magic));
        let (text, origin) = match format {
            None => (raw, origin),
            Some((_, "gzip", _)) => (Unpacked::stream(raw, limits.ratio), None),
            Some(&(_, format, command)) => return Err(Error::Compressed { format, command }),
        };
        let (head, text) = peek(text, SNIFF)?;
        let guess = guess(&head);
        let mut hashed = Hashed {
            inner: text,
            hash: Sha256::new(),
            len: 0,
            limit: limits.bytes,
        };
        io::copy(&mut (&mut hashed).take(guess.mark as u64), &mut io::sink())?;
        let origin = origin.map(|(file, start)| (file, start + guess.mark as u64));
        Ok(Intake {
            transcoder: Transcoder::new(hashed, guess.encoding),
            origin,
            spool: None,
            len: 0,
        })
    }

    /// True if there were bytes that are not UTF-8 where they should be.
    pub fn mended(&self) -> bool {
        self.transcoder.mended()
    }

    /// The text for the second pass, and the digest of the unpacked bytes.
    pub fn finish(self) -> Result<(Text, String), Error> {
        let job = hex(self.transcoder.into_inner().hash);
        let (file, start) = match (self.spool, self.origin) {
            (Some(spool), _) => (Arc::new(spool), 0),
            (None, Some(origin)) => origin,
            // Nothing came at all.
            (None, None) => (Arc::new(tempfile::tempfile()?), 0),
        };
        Ok((
            Text {
                file,
                start,
                len: self.len,
            },
            job,
        ))
    }

    fn keep(&mut self, chunk: &[u8]) -> io::Result<()> {
        if self.spool.is_none() && (self.origin.is_none() || self.transcoder.altered()) {
            self.spool = Some(self.start_spool()?);
        }
        if let Some(spool) = &mut self.spool {
            spool.write_all(chunk)?;
        }
        self.len += chunk.len() as u64;
        Ok(())
    }

    fn start_spool(&self) -> io::Result<fs::File> {
        let mut spool = tempfile::tempfile()?;
        if let Some((file, start)) = &self.origin {
            let before = At {
                file: Arc::clone(file),
                pos: *start,
            };
            io::copy(&mut before.take(self.len), &mut spool)?;
        }
        Ok(spool)
    }
}

impl Chunks for Intake {
    fn chunk(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.transcoder.chunk(out)?;
        self.keep(out)
    }
}

/// The source's bytes as they are, and where they lie if they can be read
/// again.
fn raw(input: Input) -> io::Result<(Stream, Option<Origin>)> {
    match input {
        Input::Stream(stream) => Ok((stream, None)),
        Input::File(file) if !file.metadata()?.is_file() => Ok((Box::new(file), None)),
        Input::File(mut file) => {
            let pos = file.stream_position()?;
            let file = Arc::new(file);
            Ok((
                Box::new(At {
                    file: Arc::clone(&file),
                    pos,
                }),
                Some((file, pos)),
            ))
        }
    }
}

/// The first `count` bytes, and a stream that still begins with them.
fn peek(mut stream: Stream, count: usize) -> Result<(Vec<u8>, Stream), Error> {
    let mut head = Vec::with_capacity(count);
    (&mut stream)
        .take(count as u64)
        .read_to_end(&mut head)
        .map_err(|e| Error::from_io(e, 0))?;
    let whole = Cursor::new(head.clone()).chain(stream);
    Ok((head, Box::new(whole)))
}

/// Reads a file at offsets of its own: the position a shell may share with
/// other programs stays where it is.
struct At {
    file: Arc<fs::File>,
    pos: u64,
}

impl Read for At {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buf, self.pos)?;
        self.pos += n as u64;
        Ok(n)
    }
}

/// Hashes what passes and stops it when it becomes too much.
struct Hashed {
    inner: Stream,
    hash: Sha256,
    len: u64,
    limit: u64,
}

impl Read for Hashed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.hash.update(&buf[..n]);
        self.len += n as u64;
        match self.len > self.limit {
            true => Err(Fault::Bytes(self.limit).into()),
            false => Ok(n),
        }
    }
}

/// Counts what passes.
struct Counted {
    inner: Stream,
    len: u64,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.len += n as u64;
        Ok(n)
    }
}

/// gzip unpacked, with a limit to how much may come out of how little.
struct Unpacked {
    decoder: MultiGzDecoder<Counted>,
    len: u64,
    ratio: u64,
}

impl Unpacked {
    fn stream(inner: Stream, ratio: u64) -> Stream {
        Box::new(Unpacked {
            decoder: MultiGzDecoder::new(Counted { inner, len: 0 }),
            len: 0,
            ratio,
        })
    }
}

impl Read for Unpacked {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.decoder.read(buf).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => Fault::GzipCut.into(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Fault::GzipDamaged.into(),
            _ => e,
        })?;
        self.len += n as u64;
        let allowed = self
            .decoder
            .get_ref()
            .len
            .saturating_mul(self.ratio)
            .max(RATIO_FROM);
        match self.len > allowed {
            true => Err(Fault::Ratio(self.ratio).into()),
            false => Ok(n),
        }
    }
}

/// The text as the first pass saw it, ready to be read anywhere.
#[derive(Debug)]
pub struct Text {
    file: Arc<fs::File>,
    start: u64,
    len: u64,
}

impl Text {
    /// A reader at `offset` that takes up to `step` bytes at once.
    pub fn reader(&self, offset: u64, step: usize) -> TextReader<'_> {
        TextReader {
            text: self,
            pos: offset,
            step,
        }
    }
}

/// Chunks of a [`Text`].
pub struct TextReader<'a> {
    text: &'a Text,
    pos: u64,
    step: usize,
}

impl TextReader<'_> {
    /// Goes on at `offset`.
    pub fn seek(&mut self, offset: u64) {
        self.pos = offset;
    }
}

impl Chunks for TextReader<'_> {
    fn chunk(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let left = self.text.len.saturating_sub(self.pos);
        out.clear();
        out.resize(
            self.step.min(usize::try_from(left).unwrap_or(usize::MAX)),
            0,
        );
        let n = loop {
            match self.text.file.read_at(out, self.text.start + self.pos) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                other => break other?,
            }
        };
        out.truncate(n);
        self.pos += n as u64;
        Ok(())
    }
}
