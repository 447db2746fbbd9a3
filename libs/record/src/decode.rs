//! Bytes to records, in pieces of any size. Where the bytes come from is for
//! the caller, or for [`Reader`](crate::Reader).

use crate::error::Fault;
use crate::{Buffer, Error, Header, MAX_HEADER, MAX_PAYLOAD, Pool, Position, Record, header};

/// Room for header lines to begin with. It grows if a line needs more, up to
/// the limit.
const ROOM: usize = 64 << 10;

/// How far a read may go past a payload. It fetches the LF and the next header
/// without a call of their own, and bounds what is copied: of each payload at
/// most this much was read behind its header.
const AHEAD: usize = 4 << 10;

/// What is refused before memory is taken for it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest header line, without its LF.
    pub header: usize,
    /// The longest payload, without its LF.
    pub payload: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            header: MAX_HEADER,
            payload: MAX_PAYLOAD,
        }
    }
}

/// Turns the bytes of a stream into records.
///
/// Read into [`space`](Decoder::space), say how much with
/// [`advance`](Decoder::advance), and take records with [`next`](Decoder::next)
/// until there are none.
///
/// ```
/// use nzbpipe_record::{Decoder, Limits, Pool};
/// let mut input: &[u8] = b"{\"len\":2,\"type\":\"x\"}\nhi\n";
/// let mut decoder = Decoder::new(Limits::default(), Pool::new(0));
/// let record = loop {
///     if let Some(record) = decoder.next()? {
///         break record;
///     }
///     let n = std::io::Read::read(&mut input, decoder.space())?;
///     decoder.advance(n);
/// };
/// assert_eq!(record.payload.as_deref(), Some(&b"hi"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    pool: Pool,
    /// Bytes read and not yet decoded are `lines[start..end]`.
    lines: Vec<u8>,
    start: usize,
    end: usize,
    /// No LF before this index.
    scanned: usize,
    /// How much to read while a header is due.
    gulp: usize,
    payload: Option<Pending>,
    at: Position,
}

/// A record whose payload is on its way.
#[derive(Debug)]
struct Pending {
    header: Header,
    /// Bytes of the header line, with its LF.
    line: usize,
    len: usize,
    /// Payload, LF, and what was read past it.
    buffer: Buffer,
}

impl Pending {
    /// Bytes that may still be read into the buffer.
    fn room(&self) -> usize {
        (self.len + 1 + AHEAD).saturating_sub(self.buffer.len())
    }
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: Limits, pool: Pool) -> Decoder {
        Decoder {
            limits,
            pool,
            lines: vec![0; ROOM],
            start: 0,
            end: 0,
            scanned: 0,
            gulp: ROOM,
            payload: None,
            at: Position::START,
        }
    }

    /// Where to put the next bytes of the stream. Never empty if the last call
    /// of [`next`](Decoder::next) returned `None`; may be empty otherwise.
    ///
    /// During a payload this is the payload's own memory.
    pub fn space(&mut self) -> &mut [u8] {
        if self.payload.is_none() {
            self.make_room();
        }
        match &mut self.payload {
            Some(pending) => {
                let room = pending.room();
                &mut pending.buffer.spare()[..room]
            }
            None => {
                let end = self.lines.len().min(self.end + self.gulp);
                &mut self.lines[self.end..end]
            }
        }
    }

    /// Says that `n` bytes were put at the front of [`space`](Decoder::space).
    pub fn advance(&mut self, n: usize) {
        match &mut self.payload {
            Some(pending) => pending.buffer.advance(n.min(pending.room())),
            None => self.end = (self.end + n).min(self.lines.len()),
        }
    }

    /// The next record, or `None` if more bytes are needed. An error comes
    /// again if it is asked again.
    #[expect(
        clippy::should_implement_trait,
        reason = "`None` asks for bytes, it is not the end"
    )]
    pub fn next(&mut self) -> Result<Option<Record>, Error> {
        if self.payload.is_none() {
            let Some(line) = self.line()? else {
                return Ok(None);
            };
            let (header, len) = self.header(line)?;
            let size = line + 1;
            self.start += size;
            let Some(len) = len else {
                self.at = self.at.after(size);
                self.gulp = ROOM;
                return Ok(Some(Record {
                    header,
                    payload: None,
                }));
            };
            self.begin_payload(header, size, len);
        }
        self.end_payload()
    }

    /// Whether all bytes so far belong to records that were taken: the input
    /// may end here.
    pub fn is_clean(&self) -> bool {
        self.payload.is_none() && self.start == self.end
    }

    /// Bytes of the records taken so far, which is where the next one begins.
    pub fn offset(&self) -> u64 {
        self.at.offset
    }

    /// The record that is due.
    pub fn position(&self) -> Position {
        self.at
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.lines.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.scanned = self.scanned.saturating_sub(self.start);
            self.start = 0;
        }
        // Not while a line is ready to be taken: only a long line needs more.
        if self.end == self.lines.len() && self.scanned == self.end {
            self.lines.resize(self.lines.len() * 2, 0);
        }
    }

    /// Length of the line that is due, without its LF, if it is all there.
    fn line(&mut self) -> Result<Option<usize>, Error> {
        let from = self.scanned.max(self.start);
        let found = memchr::memchr(b'\n', &self.lines[from..self.end]);
        self.scanned = found.map_or(self.end, |at| from + at);
        let len = self.scanned - self.start;
        // The first byte tells apart what was never a record stream, long
        // before a line end turns up in it.
        match self.lines[self.start..self.end].first() {
            None => return Ok(None),
            Some(b'\n' | b'\r') => return Err(self.fault(Fault::BlankLine)),
            Some(b'{') => {}
            Some(_) => return Err(self.fault(Fault::NotAnObject)),
        }
        if len > self.limits.header {
            return Err(Error::HeaderTooLong {
                at: self.at,
                limit: self.limits.header,
            });
        }
        Ok(found.map(|_| len))
    }

    /// Reads the line that is due and checks what the types ask for.
    fn header(&self, line: usize) -> Result<(Header, Option<usize>), Error> {
        let line = &self.lines[self.start..self.start + line];
        let (header, len) = header::parse(line).map_err(|source| match source.is_eof() {
            true => self.fault(Fault::Unfinished),
            false => Error::Json {
                at: self.at,
                source,
            },
        })?;
        let fault = match &header {
            Header::Stream(stream) if stream.v != crate::VERSION => {
                return Err(Error::Version {
                    at: self.at,
                    version: stream.v,
                });
            }
            _ if header.needs_payload() && len.is_none() => Fault::NoPayload,
            _ if header.needs_id() && header.segment().is_some_and(|s| s.id.is_empty()) => {
                Fault::NoId
            }
            _ if len.is_some() && line.ends_with(b"\r") => Fault::CarriageReturn,
            _ => return Ok((header, len.map(|len| self.checked(len)).transpose()?)),
        };
        Err(self.fault(fault))
    }

    fn checked(&self, len: u64) -> Result<usize, Error> {
        let limit = self.limits.payload;
        match usize::try_from(len) {
            Ok(len) if len <= limit => Ok(len),
            _ => Err(Error::PayloadTooLong {
                at: self.at,
                len,
                limit,
            }),
        }
    }

    fn begin_payload(&mut self, header: Header, line: usize, len: usize) {
        let mut buffer = self.pool.take(len + 1 + AHEAD);
        let ready = (len + 1).min(self.end - self.start);
        buffer.extend_from_slice(&self.lines[self.start..self.start + ready]);
        self.start += ready;
        self.gulp = AHEAD;
        self.payload = Some(Pending {
            header,
            line,
            len,
            buffer,
        });
    }

    fn end_payload(&mut self) -> Result<Option<Record>, Error> {
        let pending = self.payload.as_ref();
        match pending.and_then(|pending| pending.buffer.get(pending.len)) {
            None => return Ok(None),
            Some(b'\n') => {}
            Some(_) => return Err(self.fault(Fault::NoNewline)),
        }
        let Some(mut pending) = self.payload.take() else {
            return Ok(None);
        };
        self.put_back(&pending.buffer[pending.len + 1..]);
        pending.buffer.truncate(pending.len);
        self.at = self.at.after(pending.line + pending.len + 1);
        Ok(Some(Record {
            header: pending.header,
            payload: Some(pending.buffer.into()),
        }))
    }

    /// What was read past a payload is the begin of the next header. Reads go
    /// past a payload only if no line was left when it began.
    fn put_back(&mut self, ahead: &[u8]) {
        if ahead.is_empty() {
            return;
        }
        self.lines[..ahead.len()].copy_from_slice(ahead);
        (self.start, self.end, self.scanned) = (0, ahead.len(), 0);
    }

    fn fault(&self, fault: Fault) -> Error {
        Error::Framing { at: self.at, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_header_takes_bounded_memory() {
        let mut decoder = Decoder::new(Limits::default(), Pool::new(0));
        let mut fed = 0;
        let error = loop {
            match decoder.next() {
                Ok(_) => {
                    let space = decoder.space();
                    space.fill(b'{');
                    let n = space.len();
                    decoder.advance(n);
                    fed += n;
                }
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::HeaderTooLong { .. }));
        assert!(fed <= 2 * MAX_HEADER && decoder.lines.len() <= 2 * MAX_HEADER);
    }

    #[test]
    fn a_payload_is_read_into_its_own_memory() {
        let pool = Pool::new(1 << 20);
        let mut decoder = Decoder::new(Limits::default(), pool.clone());
        let put = |decoder: &mut Decoder, bytes: &[u8]| {
            let space = decoder.space();
            space[..bytes.len()].copy_from_slice(bytes);
            let memory = space.as_ptr();
            decoder.advance(bytes.len());
            memory
        };
        let header = b"{\"len\":500000,\"type\":\"a\"}\n";
        put(&mut decoder, header);
        assert_eq!(decoder.next().unwrap(), None);
        let memory = put(&mut decoder, &[7; 500_000]);
        assert_eq!(decoder.next().unwrap(), None);
        put(&mut decoder, b"\n{\"type\":\"b\"}\n{\"ty");
        let payload = decoder.next().unwrap().unwrap().payload.unwrap();
        assert_eq!((payload.as_ptr(), payload.len()), (memory, 500_000));
        assert_eq!(decoder.offset(), header.len() as u64 + 500_001);
        assert!(!decoder.is_clean());

        drop(payload);
        assert!(pool.idle_bytes() >= 500_000);
        assert_eq!(decoder.next().unwrap().unwrap().header.kind(), "b");
        assert_eq!(decoder.next().unwrap(), None);
        put(&mut decoder, b"pe\":\"c\"}\n");
        assert_eq!(decoder.next().unwrap().unwrap().header.kind(), "c");
        assert!(decoder.is_clean());
    }

    #[test]
    fn after_a_payload_little_of_the_next_one_is_copied() {
        let mut decoder = Decoder::new(Limits::default(), Pool::new(0));
        let record = b"{\"len\":1,\"type\":\"a\"}\nx\n";
        decoder.space()[..record.len()].copy_from_slice(record);
        decoder.advance(record.len());
        assert!(decoder.next().unwrap().is_some());
        assert_eq!(decoder.space().len(), AHEAD);
    }

    #[test]
    fn records_that_nobody_takes_do_not_pile_up() {
        let mut decoder = Decoder::new(Limits::default(), Pool::new(0));
        let line = b"{\"type\":\"a\"}\n";
        loop {
            let space = decoder.space();
            let n = space.len();
            if n == 0 {
                break;
            }
            let lines = line.iter().cycle();
            space
                .iter_mut()
                .zip(lines)
                .for_each(|(to, byte)| *to = *byte);
            decoder.advance(n);
        }
        assert_eq!(decoder.lines.len(), ROOM);
        for _ in 0..ROOM / line.len() {
            assert!(decoder.next().unwrap().is_some());
        }
        assert_eq!(decoder.next().unwrap(), None);
        assert!(!decoder.space().is_empty());
    }

    #[test]
    fn an_error_comes_again() {
        let mut decoder = Decoder::new(Limits::default(), Pool::new(0));
        decoder.space()[..2].copy_from_slice(b"<?");
        decoder.advance(2);
        for _ in 0..2 {
            let error = decoder.next().unwrap_err();
            assert!(matches!(
                error,
                Error::Framing {
                    fault: Fault::NotAnObject,
                    ..
                }
            ));
        }
    }
}
