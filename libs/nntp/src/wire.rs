//! One connection as two byte streams that advance independently: what waits to
//! be sent never keeps what arrives from being read, so that neither side can
//! block the other (RFC 3977 §3.5).

pub(crate) mod buffers;
mod deflate;
mod sealed;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::command::Command;
use crate::config::Secret;
use crate::meter::Metered;
use crate::response::{self, BadStatus, MAX_LINE, Status};
use crate::{Line, Trace};
use buffers::Buffers;
use deflate::Deflated;
pub(crate) use sealed::Sealed;

/// Reads go on until this much is there, because TLS gives one record of
/// 16 KiB at a time.
const ENOUGH: usize = 64 << 10;

/// Ciphertext per read: rustls alone asks for 4 KiB to 18 KiB.
const CIPHERTEXT: usize = 256 << 10;

/// A connection, with TLS or without.
pub(crate) enum Stream {
    Plain(Metered),
    Sealed(Box<Sealed>),
    /// After STARTTLS.
    Tls(Box<TlsStream<BufReader<Metered>>>),
    Deflated(Box<Deflated<Stream>>),
}

impl Stream {
    /// What a TLS session is to be laid over.
    pub(crate) fn buffered(tcp: Metered) -> BufReader<Metered> {
        BufReader::with_capacity(CIPHERTEXT, tcp)
    }

    fn socket(&self) -> &Metered {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Sealed(sealed) => sealed.tcp(),
            Stream::Tls(tls) => tls.get_ref().0.get_ref(),
            Stream::Deflated(deflated) => deflated.inner().socket(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, into),
            Stream::Sealed(sealed) => Pin::new(sealed).poll_read(cx, into),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, into),
            Stream::Deflated(deflated) => Pin::new(deflated).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, from),
            Stream::Sealed(sealed) => Pin::new(sealed).poll_write(cx, from),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, from),
            Stream::Deflated(deflated) => Pin::new(deflated).poll_write(cx, from),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Sealed(sealed) => Pin::new(sealed).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
            Stream::Deflated(deflated) => Pin::new(deflated).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Sealed(sealed) => Pin::new(sealed).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
            Stream::Deflated(deflated) => Pin::new(deflated).poll_shutdown(cx),
        }
    }
}

/// Tells people the conversation of one connection.
pub(crate) struct Tracer {
    pub(crate) trace: Trace,
    pub(crate) server: Arc<str>,
    pub(crate) connection: u64,
    /// Not to be shown, whoever says it.
    pub(crate) password: Option<Secret>,
}

impl Tracer {
    fn tell(&self, sent: bool, text: &str) {
        (self.trace)(Line {
            server: &self.server,
            connection: self.connection,
            sent,
            text,
        });
    }

    fn sent(&self, command: Command<'_>) {
        let mut line = Vec::new();
        match command {
            Command::Pass(_) => Command::Pass("***").encode(&mut line),
            command => command.encode(&mut line),
        }
        self.tell(true, String::from_utf8_lossy(&line).trim_end());
    }
}

/// A connection with its buffers.
pub(crate) struct Wire {
    stream: Stream,
    tracer: Option<Tracer>,
    /// The longest of what the handshakes took that is one way there and back.
    rtt: Option<Duration>,
    buffers: Buffers,
    /// Lent from there while there is anything in it.
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// Octets consumed since the beginning.
    consumed: u64,
    output: Vec<u8>,
    sent: usize,
    /// TLS may hold sealed bytes that the socket did not take.
    unflushed: bool,
    /// Writing failed; what the server said before may still be read.
    mute: bool,
}

impl Wire {
    pub(crate) fn new(stream: Stream, tracer: Option<Tracer>, buffers: Buffers) -> Wire {
        Wire {
            stream,
            tracer,
            rtt: None,
            buffers,
            input: Box::default(),
            start: 0,
            end: 0,
            consumed: 0,
            output: Vec::new(),
            sent: 0,
            unflushed: false,
            mute: false,
        }
    }

    /// The bare stream, to lay TLS over it; `None` if anything has arrived that
    /// was not consumed: it would be taken for part of what TLS protects.
    pub(crate) fn into_plain(self) -> Option<(Metered, Option<Tracer>)> {
        match self.stream {
            Stream::Plain(tcp) if self.start == self.end => Some((tcp, self.tracer)),
            _ => None,
        }
    }

    /// The same conversation, compressed from here on in both directions.
    pub(crate) fn deflated(self) -> Wire {
        let early = &self.input[self.start..self.end];
        let stream = Stream::Deflated(Box::new(Deflated::new(self.stream, early)));
        Wire {
            stream,
            start: 0,
            end: 0,
            ..self
        }
    }

    /// What has arrived and was not consumed.
    pub(crate) fn arrived(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// Takes `count` bytes off the front of [`Wire::arrived`].
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        self.consumed += count as u64;
        if self.start >= self.end {
            self.lend();
        }
    }

    /// There is nothing in the buffer: others may have it.
    fn lend(&mut self) {
        (self.start, self.end) = (0, 0);
        self.buffers.give(&mut self.input);
    }

    /// Octets consumed since the beginning.
    pub(crate) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// How long reading was held back by our own limits so far.
    pub(crate) fn held(&self) -> Duration {
        self.stream.socket().held()
    }

    /// The status line at the front, if it is all there. Asked once for each.
    pub(crate) fn status(&self) -> Result<Option<(Status<'_>, usize)>, BadStatus> {
        let found = response::status(self.arrived())?;
        if let (Some(tracer), Some((status, _))) = (&self.tracer, &found) {
            tracer.tell(false, &status.shown_without(tracer.password.as_ref()));
        }
        Ok(found)
    }

    /// What opening the connection says of the way to the server and back: the
    /// longest of the exchanges that both sides answer at once.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Notes that one such exchange took `time`.
    pub(crate) fn took(&mut self, time: Duration) {
        self.rtt = self.rtt.max(Some(time));
    }

    /// Lets `command` wait to be sent with the next [`Wire::turn`].
    pub(crate) fn send(&mut self, command: Command<'_>) {
        if let Some(tracer) = &self.tracer {
            tracer.sent(command);
        }
        command.encode(&mut self.output);
    }

    /// Whether anything waits to be sent.
    pub(crate) fn unsent(&self) -> bool {
        !self.mute && (self.sent < self.output.len() || self.unflushed)
    }

    /// Sends what waits, as far as it goes without waiting for it, and waits for
    /// bytes. How many came; 0 at the end of the stream. Safe to cancel.
    pub(crate) async fn turn(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_turn(cx)).await
    }

    /// Waits for the answer to QUIT (RFC 3977 §5.4) or the end of the stream:
    /// some servers leave the closing to the client.
    pub(crate) async fn farewell(&mut self) {
        loop {
            let found = match self.status() {
                Ok(found) => found.map(|(status, length)| (status.code, length)),
                Err(_) => return,
            };
            match found {
                Some((205, _)) => return,
                Some((_, length)) => self.consume(length),
                None if matches!(self.turn().await, Ok(1..)) => {}
                None => return,
            }
        }
    }

    /// Sends what waits now, without waiting for the socket.
    pub(crate) async fn push(&mut self) {
        std::future::poll_fn(|cx| {
            let _ = self.poll_send(cx);
            Poll::Ready(())
        })
        .await;
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let _ = self.poll_send(cx);
        self.make_room();
        let read = self.poll_fill(cx);
        if self.start == self.end {
            self.lend();
        }
        read
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let before = self.end;
        while self.end - self.start < ENOUGH {
            let mut into = ReadBuf::new(&mut self.input[self.end..]);
            match Pin::new(&mut self.stream).poll_read(cx, &mut into) {
                Poll::Ready(Ok(())) if !into.filled().is_empty() => self.end += into.filled().len(),
                Poll::Ready(Ok(())) => break,
                // What came before the failure is handled first; it will be
                // met again.
                Poll::Ready(Err(error)) if self.end == before => return Poll::Ready(Err(error)),
                Poll::Ready(Err(_)) => break,
                Poll::Pending if self.end == before => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(self.end - before))
    }

    /// A failure to write is not told here: the server may have said why, and
    /// reading ends soon.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.unsent() {
            let rest = self.output.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                self.mute = ready!(Pin::new(&mut self.stream).poll_flush(cx)).is_err();
                self.unflushed = false;
                continue;
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest)) {
                // 0 is a stream that takes nothing any more.
                Ok(0) | Err(_) => self.mute = true,
                Ok(count) => {
                    self.sent += count;
                    self.unflushed = true;
                }
            }
        }
        self.output.clear();
        self.sent = 0;
        Poll::Ready(())
    }

    /// Makes room for at least a status line.
    fn make_room(&mut self) {
        if self.input.is_empty() {
            self.input = self.buffers.take();
        } else if self.start > 0 && self.input.len() - self.end < MAX_LINE.max(ENOUGH) {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }
}
