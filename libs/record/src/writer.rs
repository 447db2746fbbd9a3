//! Records onto a `Write`, with as few system calls as they allow.

use crate::{Error, Header, MAX_PAYLOAD, Position, Record, encode_header};
use std::io::{self, ErrorKind, IoSlice, Write};

/// Records without payload are gathered up to this many bytes.
const GATHER: usize = 64 << 10;

/// Writes records.
///
/// Records without payload are gathered and go out when 64 KiB have come
/// together, with the next payload, or on [`flush`](Writer::flush). A record
/// with payload goes out at once, in one vectored write together with all that
/// was gathered before it; the payload is not copied.
///
/// Dropping a writer does not flush it: the error would be lost. After an error
/// the stream may end inside a record, and no more must be written to it.
#[derive(Debug)]
pub struct Writer<W> {
    inner: W,
    gathered: Vec<u8>,
    at: Position,
}

impl<W: Write> Writer<W> {
    /// A writer at the start of a stream. `inner` needs no buffer of its own.
    pub fn new(inner: W) -> Writer<W> {
        Writer {
            inner,
            gathered: Vec::new(),
            at: Position::START,
        }
    }

    /// Writes one record.
    pub fn write(&mut self, record: &Record) -> Result<(), Error> {
        match &record.payload {
            Some(payload) => self.write_payload(&record.header, payload),
            None => self.write_header(&record.header),
        }
    }

    /// Writes a record without payload.
    pub fn write_header(&mut self, header: &Header) -> Result<(), Error> {
        let size = self.gather(header, None)?;
        self.at = self.at.after(size);
        if self.gathered.len() >= GATHER {
            self.send(&[])
        } else {
            Ok(())
        }
    }

    /// Writes a record with payload.
    pub fn write_payload(&mut self, header: &Header, payload: &[u8]) -> Result<(), Error> {
        if payload.len() > MAX_PAYLOAD {
            let len = payload.len() as u64;
            return Err(Error::PayloadTooLong {
                at: self.at,
                len,
                limit: MAX_PAYLOAD,
            });
        }
        let size = self.gather(header, Some(payload.len()))?;
        self.send(&[payload, b"\n"])?;
        self.at = self.at.after(size + payload.len() + 1);
        Ok(())
    }

    /// Writes what was gathered and flushes the inner writer.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.send(&[])?;
        self.inner.flush().map_err(|source| Error::Io {
            at: self.at,
            source,
        })
    }

    /// The inner writer. Writing to it directly breaks the stream.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The inner writer, after a [`flush`](Writer::flush).
    pub fn into_inner(mut self) -> Result<W, Error> {
        self.flush()?;
        Ok(self.inner)
    }

    /// Appends a header line and returns its size.
    fn gather(&mut self, header: &Header, len: Option<usize>) -> Result<usize, Error> {
        let start = self.gathered.len();
        encode_header(header, len, &mut self.gathered).map_err(|error| error.at(self.at))?;
        self.gathered.push(b'\n');
        Ok(self.gathered.len() - start)
    }

    /// Writes what was gathered, then `more`.
    fn send(&mut self, more: &[&[u8]]) -> Result<(), Error> {
        let mut slices = [
            IoSlice::new(&self.gathered),
            IoSlice::new(&[]),
            IoSlice::new(&[]),
        ];
        for (slice, bytes) in slices[1..].iter_mut().zip(more) {
            *slice = IoSlice::new(bytes);
        }
        write_all(&mut self.inner, &mut slices).map_err(|source| Error::Io {
            at: self.at,
            source,
        })?;
        self.gathered.clear();
        Ok(())
    }
}

/// `Write::write_all_vectored` is not stable. A pipe takes what it has room
/// for, so a short write is the normal case.
fn write_all(inner: &mut impl Write, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match inner.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut slices, n),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Progress, Stream};
    use std::collections::VecDeque;

    /// Takes as many bytes as its script says, all if the script is at its end.
    #[derive(Default)]
    struct Scripted {
        script: VecDeque<io::Result<usize>>,
        calls: Vec<Vec<u8>>,
        flushed: usize,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(bytes)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let mut bytes: Vec<u8> = slices
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .collect();
            bytes.truncate(self.script.pop_front().unwrap_or(Ok(usize::MAX))?);
            self.calls.push(bytes);
            Ok(self.calls.last().unwrap().len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.flushed += 1;
            Ok(())
        }
    }

    fn body(payload: &'static [u8]) -> Record {
        Record::with_payload(
            Body {
                stuffed: true,
                ..Body::default()
            },
            payload,
        )
    }

    fn encoded(records: &[Record]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        records
            .iter()
            .for_each(|record| writer.write(record).unwrap());
        writer.into_inner().unwrap()
    }

    #[test]
    fn what_was_gathered_goes_out_with_the_next_payload_in_one_write() {
        let records = [
            Stream::new("me").into(),
            body(b"abc\n"),
            Progress::default().into(),
        ];
        let mut writer = Writer::new(Scripted::default());
        writer.write(&records[0]).unwrap();
        assert!(writer.get_mut().calls.is_empty());
        writer.write(&records[1]).unwrap();
        assert_eq!(writer.get_mut().calls, [encoded(&records[..2])]);
        writer.write(&records[2]).unwrap();
        assert_eq!(writer.get_mut().calls.len(), 1);
        let inner = writer.into_inner().unwrap();
        assert_eq!(
            (inner.calls.concat(), inner.flushed),
            (encoded(&records), 1)
        );
    }

    #[test]
    fn gathering_ends_at_its_bound() {
        let record = Record::from(Progress::default());
        let size = encoded(std::slice::from_ref(&record)).len();
        let mut writer = Writer::new(Scripted::default());
        for _ in 0..GATHER / size {
            writer.write(&record).unwrap();
        }
        assert!(writer.get_mut().calls.is_empty());
        writer.write(&record).unwrap();
        assert_eq!(writer.get_mut().calls[0].len(), (GATHER / size + 1) * size);
    }

    #[test]
    fn short_and_interrupted_writes_are_continued_at_every_byte() {
        let records = [Stream::new("me").into(), body(b"abc"), body(b"")];
        let whole = encoded(&records);
        for step in 1..whole.len() {
            let interrupted = || Err(ErrorKind::Interrupted.into());
            let script = (0..whole.len())
                .flat_map(|_| [interrupted(), Ok(step)])
                .collect();
            let mut writer = Writer::new(Scripted {
                script,
                ..Scripted::default()
            });
            records
                .iter()
                .for_each(|record| writer.write(record).unwrap());
            assert_eq!(
                writer.into_inner().unwrap().calls.concat(),
                whole,
                "{step} at a time"
            );
        }
    }

    #[test]
    fn errors_say_at_which_record() {
        let script = [Ok(usize::MAX), Err(ErrorKind::BrokenPipe.into())].into();
        let mut writer = Writer::new(Scripted {
            script,
            ..Scripted::default()
        });
        writer.write(&body(b"abc")).unwrap();
        let error = writer.write(&body(b"def")).unwrap_err();
        let offset = encoded(&[body(b"abc")]).len() as u64;
        assert_eq!(error.position(), Position { ordinal: 2, offset });
        assert!(error.is_io() && error.is_broken_pipe() && !error.is_malformed());

        let script = [Ok(0)].into();
        let mut writer = Writer::new(Scripted {
            script,
            ..Scripted::default()
        });
        let error = writer.write(&body(b"abc")).unwrap_err();
        assert!(matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::WriteZero));
    }

    #[test]
    fn a_refused_record_leaves_nothing_behind() {
        let mut writer = Writer::new(Vec::new());
        let large = vec![0; MAX_PAYLOAD + 1];
        let error = writer
            .write_payload(&Body::default().into(), &large)
            .unwrap_err();
        assert!(matches!(
            error,
            Error::PayloadTooLong {
                len: 16_777_217,
                ..
            }
        ));
        let long = Stream::new("x".repeat(crate::MAX_HEADER));
        assert!(writer.write(&long.into()).unwrap_err().is_malformed());
        assert!(writer.into_inner().unwrap().is_empty());
    }
}
