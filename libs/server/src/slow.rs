//! A socket that sends no faster than allowed: each on its own, and all of them
//! together. Below TLS, so the limit is what the line carries.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use nzbpipe_nntp::{Rate, Turns};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket under the server's limits.
pub(crate) struct Slow {
    tcp: TcpStream,
    turns: Turns,
}

impl Slow {
    /// At most `own` octets a second (0: no limit), and no more than `total` with
    /// all others.
    pub(crate) fn new(tcp: TcpStream, own: u64, total: &Arc<Rate>) -> Slow {
        let rates = [Arc::new(Rate::new(own)), Arc::clone(total)];
        Slow {
            tcp,
            turns: Turns::new(rates),
        }
    }

    /// A turn is asked for when the socket takes something; what it did not take
    /// goes to others.
    fn poll_write_limited(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.tcp.poll_write_ready(cx))?;
        let most = ready!(self.turns.poll_turn(cx, bytes.len()));
        let written = Pin::new(&mut self.tcp).poll_write(cx, &bytes[..most]);
        self.turns.settle(match written {
            Poll::Ready(Ok(count)) => count,
            _ => 0,
        });
        written
    }
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, into)
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.turns.limited() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            return self.poll_write_limited(cx, first.map_or(&[], |slice| slice));
        }
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Seconds for `octets` over each of `count` sockets.
    async fn send(octets: usize, count: usize, own: u64, total: u64) -> Duration {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let total = Arc::new(Rate::new(total));
        let began = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..count {
            let mut client = TcpStream::connect(address).await.unwrap();
            let (tcp, _) = listener.accept().await.unwrap();
            let mut slow = Slow::new(tcp, own, &total);
            tasks.spawn(async move {
                let bytes = vec![b'x'; octets];
                let half = IoSlice::new(&bytes[..octets / 2]);
                let count = slow.write_vectored(&[IoSlice::new(&[]), half]).await;
                slow.write_all(&bytes[count.unwrap()..]).await.unwrap();
            });
            tasks.spawn(async move {
                let mut received = Vec::new();
                client.read_to_end(&mut received).await.unwrap();
                assert_eq!(received, vec![b'x'; octets]);
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        began.elapsed()
    }

    #[tokio::test]
    async fn sends_no_faster_than_either_limit() {
        let least = Duration::from_millis(350);
        let each = send(200_000, 4, 500_000, 0).await;
        assert!(each >= least && each < 4 * least, "{each:?}");
        let all = send(50_000, 4, 0, 500_000).await;
        assert!(all >= least, "{all:?}");
        let both = send(50_000, 4, 400_000, 500_000).await;
        assert!(both >= least, "{both:?}");
        assert!(send(1_000_000, 4, 0, 0).await < Duration::from_secs(10));
    }
}
