//! Records from a `Read`: the [`Decoder`] and the loop around it.

use crate::{Decoder, Error, Limits, Pool, Record};
use std::io::{ErrorKind, Read};

/// Reads records.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    decoder: Decoder,
}

impl<R: Read> Reader<R> {
    /// A reader at the start of a stream. `inner` needs no buffer of its own;
    /// payloads come from `pool` and go back to it.
    pub fn new(inner: R, limits: Limits, pool: Pool) -> Reader<R> {
        Reader {
            inner,
            decoder: Decoder::new(limits, pool),
        }
    }

    /// The next record; `None` at the end of the input between two records. An
    /// end inside a record is [`Error::Truncated`].
    ///
    /// Blocks in `read` of the inner reader only, and only if no whole record
    /// has been read yet.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator's items would be results twice"
    )]
    pub fn next(&mut self) -> Result<Option<Record>, Error> {
        loop {
            if let Some(record) = self.decoder.next()? {
                return Ok(Some(record));
            }
            match self.inner.read(self.decoder.space()) {
                Ok(0) if self.decoder.is_clean() => return Ok(None),
                Ok(0) => {
                    return Err(Error::Truncated {
                        at: self.decoder.position(),
                    });
                }
                Ok(n) => self.decoder.advance(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Error::Io {
                        at: self.decoder.position(),
                        source,
                    });
                }
            }
        }
    }

    /// The inner reader, to look at.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The inner reader. What was read ahead of the last record is lost to it.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::io;

    /// Answers each read from its script, then with the end of the input.
    struct Scripted(VecDeque<io::Result<&'static [u8]>>);

    impl Read for Scripted {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let bytes = self.0.pop_front().unwrap_or(Ok(b""))?;
            out[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        }
    }

    fn reader<const N: usize>(script: [io::Result<&'static [u8]>; N]) -> Reader<Scripted> {
        Reader::new(Scripted(script.into()), Limits::default(), Pool::new(0))
    }

    #[test]
    fn a_record_is_handed_out_before_more_is_read() {
        let mut reader = reader([
            Ok(b"{\"type\":\"a\"}\n{\"type\":\"b\"}\n{"),
            Ok(b"\"type\":\"c\"}\n"),
        ]);
        for (kind, reads_left) in [("a", 1), ("b", 1), ("c", 0)] {
            assert_eq!(reader.next().unwrap().unwrap().header.kind(), kind);
            assert_eq!(reader.get_mut().0.len(), reads_left);
        }
        assert_eq!(reader.next().unwrap(), None);
        assert_eq!(reader.next().unwrap(), None);
    }

    #[test]
    fn an_interrupted_read_is_repeated_and_other_errors_are_told() {
        let interrupted = Err(ErrorKind::Interrupted.into());
        let broken = Err(ErrorKind::Other.into());
        let mut reader = reader([interrupted, Ok(b"{\"type\":\"a\"}\n"), broken]);
        assert!(reader.next().unwrap().is_some());
        let error = reader.next().unwrap_err();
        assert!(error.is_io() && !error.is_broken_pipe());
        assert_eq!(
            error.to_string(),
            "cannot read or write record 2 at byte 13"
        );
    }
}
