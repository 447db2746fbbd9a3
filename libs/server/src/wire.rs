//! The sending half of a session: replies into bytes. Short replies gather, a
//! body goes out in one vectored write with the lines around it; nothing is
//! sent line by line.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::reply::Reply;
use crate::stats::Counters;

/// Gathered replies beyond this are sent before more is added.
const GATHER: usize = 64 << 10;
const END: &[u8] = b".\r\n";

/// Writes replies to a client.
pub(crate) struct Wire<W> {
    out: W,
    pending: BytesMut,
    /// A client that takes nothing for that long is gone.
    patience: Duration,
    counters: Arc<Counters>,
}

impl<W: AsyncWrite + Unpin> Wire<W> {
    pub(crate) fn new(out: W, patience: Duration, counters: Arc<Counters>) -> Wire<W> {
        let pending = BytesMut::new();
        Wire {
            out,
            pending,
            patience,
            counters,
        }
    }

    /// Sends a reply, or keeps it until [`Wire::flush`] if it is short.
    pub(crate) async fn reply(&mut self, reply: Reply) -> io::Result<()> {
        match reply {
            Reply::Line(line) => self.line(&line),
            Reply::Last(line) => self.line(&line),
            Reply::Block(line, block) => {
                self.line(&line);
                block.iter().for_each(|line| self.line(line));
                self.pending.extend_from_slice(END);
            }
            Reply::Numbers(line, range, shelf) => {
                self.line(&line);
                let there = |number: &u64| shelf.catalog.by_number(*number).is_some();
                for number in range.filter(there) {
                    self.line(&number.to_string());
                    self.send_if_full().await?;
                }
                self.pending.extend_from_slice(END);
            }
            Reply::Article { line, header, body } => {
                self.line(&line);
                self.pending.extend_from_slice(header.as_bytes());
                match body {
                    Some(body) => self.body(body).await?,
                    None => self.pending.extend_from_slice(END),
                }
            }
        }
        self.send_if_full().await
    }

    /// Sends what is kept. To be called before waiting for a command: a client
    /// may wait for this very reply, and TLS keeps bytes as well.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.send_pending().await?;
        patiently(self.patience, self.out.flush()).await
    }

    /// Sends what is kept and ends the stream, for TLS with its own farewell.
    pub(crate) async fn finish(mut self) -> io::Result<()> {
        self.flush().await?;
        patiently(self.patience, self.out.shutdown()).await
    }

    fn line(&mut self, line: &str) {
        self.pending.extend_from_slice(line.as_bytes());
        self.pending.extend_from_slice(b"\r\n");
    }

    async fn body(&mut self, body: Bytes) -> io::Result<()> {
        let before = self.pending.split().freeze();
        self.send(before.chain(body).chain(END)).await
    }

    async fn send_if_full(&mut self) -> io::Result<()> {
        if self.pending.len() < GATHER {
            return Ok(());
        }
        self.send_pending().await
    }

    async fn send_pending(&mut self) -> io::Result<()> {
        let pending = self.pending.split().freeze();
        self.send(pending).await
    }

    /// The patience is for each step, not for the whole: a slow line may take
    /// long for an article as long as it takes something.
    async fn send(&mut self, mut bytes: impl Buf) -> io::Result<()> {
        self.counters.bytes.add(bytes.remaining() as u64);
        while bytes.has_remaining() {
            if patiently(self.patience, self.out.write_buf(&mut bytes)).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

async fn patiently<T>(
    patience: Duration,
    step: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match timeout(patience, step).await {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::*;
    use crate::catalog::tests::sample;
    use crate::shelf::Shelf;
    use nzbpipe_yenc::Kernel;

    /// Takes at most `most` bytes a write, counts the writes and, like TLS,
    /// keeps the bytes until it is flushed.
    struct Sink {
        most: usize,
        writes: usize,
        kept: Vec<u8>,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Sink {
        fn poll_write(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(context, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let bytes: Vec<u8> = slices
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .collect();
            let count = bytes.len().min(self.most);
            self.kept.extend_from_slice(&bytes[..count]);
            self.writes += 1;
            Poll::Ready(Ok(count))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            let kept = std::mem::take(&mut self.kept);
            self.taken.extend(kept);
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn send(most: usize, replies: Vec<Reply>) -> Sink {
        let sink = Sink {
            most,
            writes: 0,
            kept: Vec::new(),
            taken: Vec::new(),
        };
        let mut wire = Wire::new(sink, Duration::from_secs(1), Arc::default());
        for reply in replies {
            wire.reply(reply).await.unwrap();
        }
        wire.flush().await.unwrap();
        assert_eq!(wire.counters.stats().bytes, wire.out.taken.len() as u64);
        wire.out
    }

    fn replies() -> Vec<Reply> {
        let article = Reply::Article {
            line: "220 0 <a@b>".into(),
            header: "From: x\r\n\r\n".into(),
            body: Some(Bytes::from_static(b"..body\r\n")),
        };
        let head = Reply::Article {
            line: "221 0 <a@b>".into(),
            header: "From: x\r\n".into(),
            body: None,
        };
        let list = Reply::Block("215 list".into(), vec!["a 1 1 n".into()]);
        vec![
            Reply::line("200 a"),
            article,
            head,
            list,
            Reply::Numbers(
                "211".into(),
                2..=3,
                Arc::new(Shelf::new(sample(), 0, Kernel::best())),
            ),
        ]
    }

    const EXPECTED: &str = "200 a\r\n\
        220 0 <a@b>\r\nFrom: x\r\n\r\n..body\r\n.\r\n\
        221 0 <a@b>\r\nFrom: x\r\n.\r\n\
        215 list\r\na 1 1 n\r\n.\r\n\
        211\r\n2\r\n3\r\n.\r\n";

    #[tokio::test]
    async fn a_body_takes_one_write_with_all_before_it() {
        let sink = send(usize::MAX, replies()).await;
        assert_eq!(String::from_utf8(sink.taken).unwrap(), EXPECTED);
        assert_eq!(sink.writes, 2);
    }

    #[tokio::test]
    async fn short_writes_go_on_where_they_stopped() {
        let sink = send(7, replies()).await;
        assert_eq!(String::from_utf8(sink.taken).unwrap(), EXPECTED);
    }
}
