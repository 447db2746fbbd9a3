//! A stream with raw DEFLATE in both directions (RFC 8054 §2.2, RFC 1951).
//!
//! Nothing is inflated beyond what the reader has room for, so what a few octets
//! may unfold to costs no memory; what is too long is cut off where it would be
//! without compression.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Compressed octets taken at once.
const INPUT: usize = 64 << 10;

/// Room made for compressed commands at a time.
const STEP: usize = 4 << 10;

/// Both directions over `inner`.
pub(crate) struct Deflated<S> {
    inner: S,
    inflate: Decompress,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// The server ended its stream.
    ended: bool,
    deflate: Compress,
    output: Vec<u8>,
    sent: usize,
    /// Something was compressed that no flush has followed.
    dirty: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Deflated<S> {
    /// What it is laid over.
    pub(crate) fn inner(&self) -> &S {
        &self.inner
    }

    /// `early`: what has been read already.
    pub(crate) fn new(inner: S, early: &[u8]) -> Deflated<S> {
        let mut input = vec![0; INPUT.max(early.len())].into_boxed_slice();
        input[..early.len()].copy_from_slice(early);
        Deflated {
            inner,
            inflate: Decompress::new(false),
            input,
            start: 0,
            end: early.len(),
            ended: false,
            deflate: Compress::new(Compression::default(), false),
            output: Vec::new(),
            sent: 0,
            dirty: false,
        }
    }

    /// Inflates what is there into `into`; whether anything came out.
    fn unfold(&mut self, into: &mut ReadBuf<'_>) -> io::Result<bool> {
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(
            &self.input[self.start..self.end],
            into.initialize_unfilled(),
            FlushDecompress::None,
        );
        let status = status.map_err(|_| corrupt())?;
        self.start += usize::try_from(self.inflate.total_in() - read).unwrap_or(0);
        let count = usize::try_from(self.inflate.total_out() - written).unwrap_or(0);
        into.advance(count);
        self.ended = status == Status::StreamEnd;
        Ok(count > 0)
    }

    /// Compresses `from` into the output.
    fn fold(&mut self, mut from: &[u8], flush: FlushCompress) -> io::Result<()> {
        loop {
            self.output.reserve(STEP);
            let read = self.deflate.total_in();
            self.deflate
                .compress_vec(from, &mut self.output, flush)
                .map_err(io::Error::other)?;
            let count = usize::try_from(self.deflate.total_in() - read).unwrap_or(0);
            from = &from[count..];
            // Room left over: nothing is held back any more.
            if from.is_empty() && self.output.len() < self.output.capacity() {
                return Ok(());
            }
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.output.len() {
            let rest = &self.output[self.sent..];
            match ready!(Pin::new(&mut self.inner).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        self.output.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

fn corrupt() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the compressed data are corrupt",
    )
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Deflated<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            // Asked even without input: what did not fit last time comes first.
            if this.ended || into.remaining() == 0 || this.unfold(into)? {
                return Poll::Ready(Ok(()));
            }
            if this.start < this.end {
                continue;
            }
            let mut room = ReadBuf::new(&mut this.input);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut room))?;
            (this.start, this.end) = (0, room.filled().len());
            if this.end == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Deflated<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        this.fold(from, FlushCompress::None)?;
        this.dirty = true;
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.dirty) {
            this.fold(&[], FlushCompress::Sync)?;
        }
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn both_directions_at_any_size() {
        let text: Vec<u8> = (0..200_000_u32)
            .map(|n| (n.wrapping_mul(n) >> 5) as u8)
            .collect();
        for size in [1, 7, 100, 100_000] {
            let (ours, theirs) = duplex(size.max(64));
            let mut ours = Deflated::new(ours, b"");
            let mut theirs = Deflated::new(theirs, b"");
            let send = async {
                for piece in text.chunks(size.max(50)) {
                    ours.write_all(piece).await.unwrap();
                    ours.flush().await.unwrap();
                }
            };
            let mut got = vec![0; text.len()];
            let (_, read) = tokio::join!(send, theirs.read_exact(&mut got));
            read.unwrap();
            assert!(got == text, "{size}");
        }
    }

    #[tokio::test]
    async fn a_flush_leaves_nothing_behind() {
        let (ours, theirs) = duplex(1000);
        let mut ours = Deflated::new(ours, b"");
        let mut theirs = Deflated::new(theirs, b"");
        for _ in 0..3 {
            ours.write_all(b"DATE\r\n").await.unwrap();
            ours.flush().await.unwrap();
            ours.flush().await.unwrap();
            let mut line = [0; 6];
            theirs.read_exact(&mut line).await.unwrap();
            assert_eq!(&line, b"DATE\r\n");
        }
    }

    // S53
    #[tokio::test]
    async fn a_bomb_comes_out_in_small_pieces() {
        let mut packed = Vec::with_capacity(1 << 20);
        let mut deflate = Compress::new(Compression::best(), false);
        let zeros = vec![0; 8 << 20];
        deflate
            .compress_vec(&zeros, &mut packed, FlushCompress::Finish)
            .unwrap();
        assert!(packed.len() < 16 << 10);
        let (_theirs, ours) = duplex(10);
        let mut ours = Deflated::new(ours, &packed);
        let mut piece = [1; 1000];
        for _ in 0..100 {
            assert_eq!(ours.read(&mut piece).await.unwrap(), 1000);
        }
        assert!(ours.input.len() <= packed.len().max(INPUT));
    }

    // S53
    #[tokio::test]
    async fn what_is_corrupt_is_an_error() {
        let (_theirs, ours) = duplex(10);
        let mut ours = Deflated::new(ours, b"222 0 <a@b> in the clear\r\n");
        let error = ours.read(&mut [0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn the_end_is_the_end() {
        let mut packed = Vec::with_capacity(100);
        let mut deflate = Compress::new(Compression::fast(), false);
        deflate
            .compress_vec(b"205 bye\r\n", &mut packed, FlushCompress::Finish)
            .unwrap();
        let (_theirs, ours) = duplex(10);
        let mut ours = Deflated::new(ours, &packed);
        let mut text = Vec::new();
        ours.read_to_end(&mut text).await.unwrap();
        assert_eq!(text, b"205 bye\r\n");
    }
}
