//! TLS over a socket, as a client: records (RFC 8446 §5.2) are decrypted where they were
//! received, in a large buffer that connections share, and come out in one copy.
//!
//! `tokio-rustls` would read into a buffer, copy it to the session's, and that to the
//! reader's. It is still what protects a connection after STARTTLS.

mod incoming;
#[cfg(test)]
mod tests;

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
use incoming::Incoming;

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
    /// Or why it does not. What was decrypted before is read first.
    failed: Option<rustls::Error>,
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
            incoming: Incoming::new(buffers),
            plain: Vec::new(),
            taken: 0,
            outgoing: Vec::new(),
            sent: 0,
            closed: false,
            failed: None,
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
            let open = self.process(&mut none, true);
            if let Err(error) = open {
                // The alert says to the other side what is wrong; it is not waited for.
                let _ = self.poll_out(cx);
                return Poll::Ready(Err(broken(error)));
            }
            ready!(self.poll_out(cx))?;
            match open {
                Ok(true) => return Poll::Ready(Ok(())),
                _ if self.closed || ready!(self.poll_in(cx))? == 0 => {
                    let end = io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof");
                    return Poll::Ready(Err(end));
                }
                _ => {}
            }
        }
    }

    /// Goes through records until `into` got enough, or more is needed; through those that
    /// came since, too, if `all`. Whether something may be said now.
    fn process(&mut self, into: &mut ReadBuf<'_>, all: bool) -> Result<bool, rustls::Error> {
        let processed = self.go_through(into, all);
        if let Err(error) = &processed {
            self.fail(error);
        }
        processed
    }

    fn go_through(&mut self, into: &mut ReadBuf<'_>, all: bool) -> Result<bool, rustls::Error> {
        let before = into.filled().len();
        loop {
            if all && self.incoming.is_done() {
                self.incoming.show();
            }
            let status = self.tls.process_tls_records(self.incoming.shown());
            let mut done = status.discard;
            let open = match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        done += record.discard;
                        let fits = record.payload.len().min(into.remaining());
                        into.put_slice(&record.payload[..fits]);
                        self.plain.extend_from_slice(&record.payload[fits..]);
                    }
                    // Who reads data may speak.
                    (into.filled().len() - before >= ENOUGH).then_some(true)
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let encoded = with_room(&mut self.outgoing, 0, |room| data.encode(room));
                    encoded.map_err(|e| rustls::Error::General(e.to_string()))?;
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // It goes before anything that is sealed later.
                    data.done();
                    None
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.closed = true;
                    Some(false)
                }
                Ok(state) => {
                    let open = matches!(state, ConnectionState::WriteTraffic(_));
                    drop(state);
                    self.incoming.discard(std::mem::take(&mut done));
                    (!all || !self.incoming.show()).then_some(open)
                }
                Err(error) => {
                    self.incoming.discard(done);
                    return Err(error);
                }
            };
            self.incoming.discard(done);
            if let Some(open) = open {
                return Ok(open);
            }
        }
    }

    /// Ends it, with what the session has to say of that. Nothing more is shown to it: it may
    /// have kept places in what it was shown.
    fn fail(&mut self, error: &rustls::Error) {
        self.closed = true;
        self.failed = Some(error.clone());
        while self.tls.wants_write() {
            let status = self.tls.process_tls_records(&mut []);
            let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state else {
                return;
            };
            if with_room(&mut self.outgoing, 0, |room| data.encode(room)).is_err() {
                return;
            }
        }
    }

    /// Reads what is there; 0 at the end.
    fn poll_in(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(self.incoming.room());
        let read = Pin::new(&mut self.tcp).poll_read(cx, &mut into);
        let count = into.filled().len();
        self.incoming.came(count);
        if read.is_pending() {
            self.incoming.lend();
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
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut none = ReadBuf::new(&mut []);
        // Records that the session was not shown are not looked at now: who reads gets them
        // without another copy.
        if !self.process(&mut none, false)? {
            return Err(rustls::Error::HandshakeNotComplete);
        }
        let status = self.tls.process_tls_records(self.incoming.shown());
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
                    let _ = sealed.process(into, true);
                    // An alert, say. If it does not go now it goes with what is said next;
                    // if it cannot go at all, what was said to us is to be read nevertheless.
                    let _ = sealed.poll_out(cx);
                }
            }
            if into.filled().len() > before || into.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = &sealed.failed {
                return Poll::Ready(Err(broken(error.clone())));
            }
            if sealed.closed {
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
