//! A socket whose octets are counted and limited, below TLS: what the line
//! carries, and the provider counts.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::Rate;

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
    meter: Meter,
}

impl Metered {
    pub(crate) fn new(tcp: TcpStream, meter: Meter) -> Metered {
        Metered { tcp, meter }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(cx, into);
        (self.meter.count)(into.filled().len() - before);
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
