//! TLS over a socket, as a client: records (RFC 8446 §5.2) are decrypted where they were
//! received, in a large buffer that connections share, and come out in one copy.
//!
//! `tokio-rustls` would read into a buffer, copy it to the session's, and that to the
//! reader's. It is still what protects a connection after STARTTLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError};
use rustls::{ClientConfig, CommonState};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::buffers::Buffers;
use crate::meter::Metered;

/// The longest record and its head.
const RECORD: usize = (16 << 10) + 256 + 5;

/// One call decrypts about so much: it is in the first-level cache when it is decoded.
const ENOUGH: usize = 32 << 10;

/// A socket with TLS.
pub(crate) struct Sealed {
    tcp: Metered,
    tls: UnbufferedClientConnection,
    incoming: Incoming,
    /// Decrypted, and more than its reader had room for.
    plain: Vec<u8>,
    /// How much of it was taken.
    taken: usize,
    /// Records to be sent.
    outgoing: Vec<u8>,
    sent: usize,
    /// The other side said that nothing more comes.
    closed: bool,
}

/// Records as they came.
struct Incoming {
    buffers: Buffers,
    /// Lent; empty while nothing is read.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// What was seen up to here holds no whole record. What follows may.
    seen: usize,
    /// The part of a record that waits for its rest while `buffer` is with others.
    rest: Vec<u8>,
}

/// What TLS waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// What is in `outgoing` is to be sent; the handshake goes on then.
    Sending,
    /// More from the other side.
    Bytes,
    /// The same, and something may be said.
    BytesOrWords,
}

impl Incoming {
    /// Has a buffer with room for a record.
    fn make_room(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = self.buffers.take();
            self.buffer[..self.rest.len()].copy_from_slice(&self.rest);
            (self.start, self.end) = (0, self.rest.len());
            self.rest.clear();
        } else if self.buffer.len() - self.end < RECORD {
            self.buffer.copy_within(self.start..self.end, 0);
            self.seen -= self.start;
            (self.start, self.end) = (0, self.end - self.start);
        }
    }

    /// Gives the buffer to others while there is nothing to read.
    fn lend(&mut self) {
        if self.end - self.start <= RECORD && !self.buffer.is_empty() {
            let rest = &self.buffer[self.start..self.end];
            self.rest.extend_from_slice(rest);
            (self.seen, self.start, self.end) = (self.rest.len(), 0, 0);
            self.buffers.give(&mut self.buffer);
        }
    }

    /// What came and was not understood: all, or only that of which there is no whole record.
    fn records(&mut self, all: bool) -> &mut [u8] {
        if self.buffer.is_empty() {
            return &mut self.rest;
        }
        let end = if all { self.end } else { self.seen };
        &mut self.buffer[self.start..end]
    }

    /// So much is done with.
    fn discard(&mut self, count: usize) {
        if self.buffer.is_empty() {
            self.rest.drain(..count);
            self.seen = self.rest.len();
            return;
        }
        self.start += count;
        self.seen = self.seen.max(self.start);
        if self.start == self.end {
            (self.start, self.end, self.seen) = (0, 0, 0);
        }
    }
}

impl Sealed {
    /// The handshake, as a client of `name`.
    ///
    /// # Errors
    /// Of the socket, or [`rustls::Error`] within.
    pub(crate) async fn connect(
        tcp: Metered,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        buffers: Buffers,
    ) -> io::Result<Sealed> {
        let tls = UnbufferedClientConnection::new(config, name).map_err(broken)?;
        let mut sealed = Sealed {
            tcp,
            tls,
            incoming: Incoming {
                buffers,
                buffer: Box::default(),
                start: 0,
                end: 0,
                seen: 0,
                rest: Vec::new(),
            },
            plain: Vec::new(),
            taken: 0,
            outgoing: Vec::new(),
            sent: 0,
            closed: false,
        };
        std::future::poll_fn(|cx| sealed.poll_handshake(cx)).await?;
        Ok(sealed)
    }

    /// What was agreed upon.
    pub(crate) fn session(&self) -> &CommonState {
        &self.tls
    }

    pub(crate) fn tcp(&self) -> &Metered {
        &self.tcp
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut none = ReadBuf::new(&mut []);
            let wants = self.process(&mut none, true);
            if let Err(error) = wants {
                // The alert says to the other side what is wrong; it is not waited for.
                let _ = self.poll_out(cx);
                return Poll::Ready(Err(broken(error)));
            }
            ready!(self.poll_out(cx))?;
            match wants {
                Ok(Wants::Sending) => {}
                Ok(Wants::BytesOrWords) => return Poll::Ready(Ok(())),
                _ if self.closed || ready!(self.poll_in(cx))? == 0 => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                _ => {}
            }
        }
    }

    /// Goes through records until `into` has enough, or more is needed; through those that
    /// came since, too, if `all`.
    fn process(&mut self, into: &mut ReadBuf<'_>, all: bool) -> Result<Wants, rustls::Error> {
        loop {
            let status = self.tls.process_tls_records(self.incoming.records(all));
            let mut done = status.discard;
            let wants = match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        done += record.discard;
                        let fits = record.payload.len().min(into.remaining());
                        into.put_slice(&record.payload[..fits]);
                        self.plain.extend_from_slice(&record.payload[fits..]);
                    }
                    None
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let encoded = with_room(&mut self.outgoing, 0, |room| data.encode(room));
                    encoded.map_err(|e| rustls::Error::General(e.to_string()))?;
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    Some(Wants::Sending)
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.closed = true;
                    Some(Wants::Bytes)
                }
                Ok(ConnectionState::WriteTraffic(_)) => Some(Wants::BytesOrWords),
                Ok(_) => Some(Wants::Bytes),
                Err(error) => {
                    self.incoming.discard(done);
                    self.closed = true;
                    self.alert();
                    return Err(error);
                }
            };
            self.incoming.discard(done);
            match wants {
                // After data nothing but whole records was seen.
                None if into.filled().len() < ENOUGH => {}
                None => return Ok(Wants::BytesOrWords),
                Some(wants) => {
                    if all && wants != Wants::Sending {
                        self.incoming.seen = self.incoming.end;
                    }
                    return Ok(wants);
                }
            }
        }
    }

    /// What the session has to say of its failure.
    fn alert(&mut self) {
        let status = self.tls.process_tls_records(&mut []);
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state {
            let _ = with_room(&mut self.outgoing, 0, |room| data.encode(room));
        }
    }

    /// Reads what is there; 0 at the end.
    fn poll_in(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Sealed { tcp, incoming, .. } = self;
        incoming.make_room();
        let mut into = ReadBuf::new(&mut incoming.buffer[incoming.end..]);
        let read = Pin::new(tcp).poll_read(cx, &mut into);
        let count = into.filled().len();
        incoming.end += count;
        if read.is_pending() {
            incoming.lend();
        }
        read.map_ok(|()| count)
    }

    /// Sends what is sealed.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outgoing.len() {
            let rest = &self.outgoing[self.sent..];
            match ready!(Pin::new(&mut self.tcp).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        self.outgoing.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Seals `text` for sending. Without a session that takes any it is refused.
    fn seal(&mut self, text: &[u8]) -> Result<(), rustls::Error> {
        let mut none = ReadBuf::new(&mut []);
        // What the other side said before is not looked at, but for what TLS knows the
        // beginning of already.
        match self.process(&mut none, false)? {
            Wants::BytesOrWords => {}
            _ => return Err(rustls::Error::HandshakeNotComplete),
        }
        let status = self.tls.process_tls_records(self.incoming.records(false));
        let done = status.discard;
        let sealed = match status.state? {
            ConnectionState::WriteTraffic(mut traffic) => {
                let spare = text.len() + RECORD;
                with_room(&mut self.outgoing, spare, |room| {
                    traffic.encrypt(text, room)
                })
                .map_err(|e| rustls::Error::General(e.to_string()))
            }
            _ => Err(rustls::Error::HandshakeNotComplete),
        };
        self.incoming.discard(done);
        sealed
    }
}

/// Why there was no room for what TLS has to say.
trait Short {
    fn wanted(&self) -> Option<usize>;
}

impl Short for EncodeError {
    fn wanted(&self) -> Option<usize> {
        match self {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Some(*required_size)
            }
            EncodeError::AlreadyEncoded => None,
        }
    }
}

impl Short for EncryptError {
    fn wanted(&self) -> Option<usize> {
        match self {
            EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
                Some(*required_size)
            }
            EncryptError::EncryptExhausted => None,
        }
    }
}

/// Lets `fill` write behind what is in `vec`, with room for `spare` bytes or what it wants.
fn with_room<E: Short>(
    vec: &mut Vec<u8>,
    spare: usize,
    mut fill: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<(), E> {
    let before = vec.len();
    vec.resize(before + spare, 0);
    let mut filled = fill(&mut vec[before..]);
    if let Err(error) = &filled
        && let Some(wanted) = error.wanted()
    {
        vec.resize(before + wanted, 0);
        filled = fill(&mut vec[before..]);
    }
    vec.truncate(before + filled.as_ref().unwrap_or(&0));
    filled.map(|_| ())
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl AsyncRead for Sealed {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let sealed = self.get_mut();
        let before = into.filled().len();
        loop {
            let plain = &sealed.plain[sealed.taken..];
            let fits = plain.len().min(into.remaining());
            into.put_slice(&plain[..fits]);
            sealed.taken += fits;
            if sealed.taken == sealed.plain.len() {
                sealed.plain.clear();
                sealed.taken = 0;
                if !sealed.closed && into.remaining() > 0 {
                    sealed.process(into, true).map_err(broken)?;
                    // An answer to a change of keys, say. If it does not go now it goes
                    // with what is said next.
                    let _ = sealed.poll_out(cx)?;
                }
            }
            if into.filled().len() > before || into.remaining() == 0 || sealed.closed {
                return Poll::Ready(Ok(()));
            }
            if ready!(sealed.poll_in(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Sealed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sealed = self.get_mut();
        // One at a time: what is sealed cannot be taken back.
        ready!(sealed.poll_out(cx))?;
        sealed.seal(from).map_err(broken)?;
        // What is left goes with `poll_flush`.
        let _ = sealed.poll_out(cx)?;
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sealed = self.get_mut();
        ready!(sealed.poll_out(cx))?;
        Pin::new(&mut sealed.tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}
