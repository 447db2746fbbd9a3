//! A socket whose octets are counted and limited, below TLS: what the line
//! carries, and the provider counts.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::{Rate, Turns};

/// What a limited socket's receive buffer holds of its share of the limit. The
/// window the server sees is about this, so the line is as smooth as our reads,
/// and it must outlast a round trip: 300 ms is the longest in the field.
const BUFFER_MILLIS: u64 = 400;
const MIN_BUFFER: u64 = 16 << 10;
/// Above this the kernel sizes the buffer: it would take no more than its own
/// bound (208 KiB, net.core.rmem_max), too little for a fast line over a distance.
const MAX_BUFFER: u64 = 128 << 10;

/// What the octets of a socket are held against.
pub(crate) struct Meter {
    /// The limits that hold: the server's own and the total.
    pub(crate) rates: [Arc<Rate>; 2],
    /// Told of octets read.
    pub(crate) count: Box<dyn Fn(usize) + Send + Sync>,
}

impl Meter {
    /// Neither counts nor limits.
    #[cfg(test)]
    pub(crate) fn none() -> Meter {
        Meter {
            rates: [Arc::default(), Arc::default()],
            count: Box::new(|_| ()),
        }
    }
}

/// A socket with its meter.
pub(crate) struct Metered {
    tcp: TcpStream,
    /// Boxed: it is some 200 octets, and idle in most sockets.
    turns: Box<Turns>,
    count: Box<dyn Fn(usize) + Send + Sync>,
    /// The receive buffer asked for; the kernel's own choice if `None`.
    buffer: Option<u64>,
}

impl Metered {
    pub(crate) fn new(tcp: TcpStream, meter: Meter) -> Metered {
        let mut metered = Metered {
            tcp,
            turns: Box::new(Turns::new(meter.rates)),
            count: meter.count,
            buffer: None,
        };
        metered.size();
        metered
    }

    /// The time reading was held back by our own limits although octets were
    /// there; it grows while it is.
    pub(crate) fn held(&self) -> Duration {
        self.turns.held()
    }

    /// Waits for octets first and then for a turn of so many: turns that are not
    /// used up leave holes, which are filled later, and the reads of 50
    /// connections swing (0.4 to 1.6 of the limit in a tenth of a second, measured).
    fn poll_read_limited(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.tcp.poll_read_ready(cx))?;
        self.size();
        let there = rustix::io::ioctl_fionread(&self.tcp).unwrap_or(u64::MAX);
        // None are there at the end of the stream, too, which is to be read.
        let there = usize::try_from(there).unwrap_or(usize::MAX).max(1);
        let most = ready!(self.turns.poll_turn(cx, into.remaining().min(there)));
        let mut part = ReadBuf::new(into.initialize_unfilled_to(most));
        let read = Pin::new(&mut self.tcp).poll_read(cx, &mut part);
        let count = part.filled().len();
        into.advance(count);
        self.turns.settle(count);
        (self.count)(count);
        read
    }

    /// Fits the receive buffer to the share, when that is half or twice what it
    /// was. A helping measure: a refusal does no harm.
    fn size(&mut self) {
        let share = self.turns.share();
        let wanted = share.map(|share| (share * BUFFER_MILLIS / 1000).max(MIN_BUFFER));
        let size = match (wanted.filter(|wanted| *wanted <= MAX_BUFFER), self.buffer) {
            (Some(wanted), None) => wanted,
            (Some(wanted), Some(now)) if wanted >= 2 * now || wanted <= now / 2 => wanted,
            // The kernel does not take the choice back; this is the most it gives.
            (None, Some(now)) if now < u64::from(u32::MAX >> 1) => u64::from(u32::MAX >> 1),
            _ => return,
        };
        let _ = SockRef::from(&self.tcp).set_recv_buffer_size(size as usize);
        self.buffer = Some(size);
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.turns.limited() {
            return self.poll_read_limited(cx, into);
        }
        // A limit was lifted.
        if self.turns.is_waiting() || self.buffer.is_some() {
            self.turns.rest();
            self.size();
        }
        let before = into.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(cx, into);
        (self.count)(into.filled().len() - before);
        read
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
