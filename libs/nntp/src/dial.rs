//! From nothing to a session: address, TCP, proxy, TLS, greeting (RFC 3977 §5.1),
//! login (RFC 4643 §2.3), compression. Each phase has its own bound and its own
//! words for what goes wrong in it.

mod address;
pub(crate) mod race;
mod reach;
pub(crate) mod seen;
mod socks;
pub(crate) mod talk;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::check::TlsTrouble;
use crate::command::Command;
use crate::config::Server;
use crate::meter::{Meter, Metered};
use crate::route::Cause;
use crate::tls;
use crate::wire::buffers::Buffers;
use crate::wire::{Sealed, Stream, Tracer, Wire};
use crate::{Class, Rate, Stats, Trace};
use address::Book;
use seen::{Phase, Seen};
use talk::Talk;

/// A server and what connections to it are made with.
pub(crate) struct Endpoint {
    pub(crate) server: Server,
    pub(crate) name: Arc<str>,
    /// The server's place in the statistics.
    pub(crate) index: usize,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    book: Book,
    /// How fast it may send; changed while connections are open.
    pub(crate) rate: Arc<Rate>,
    shared: Shared,
}

/// What the endpoints of a run have in common.
#[derive(Clone)]
pub(crate) struct Shared {
    /// How fast all may send.
    pub(crate) rate: Arc<Rate>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) trace: Option<Trace>,
    pub(crate) buffers: Buffers,
}

/// Why there is no session.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) cause: Cause,
    pub(crate) from: Origin,
}

/// Where there was no going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// At the server, or on the way to it.
    Server,
    /// In the TLS handshake, or before it could begin.
    Tls,
    /// At the proxy; the server was not reached.
    Proxy,
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Refusal {
        Refusal {
            cause,
            from: Origin::Server,
        }
    }
}

impl Refusal {
    /// There are too many connections, for a reason of our own.
    pub(crate) fn capacity(text: &str) -> Refusal {
        Cause::new(Class::Capacity, text).into()
    }
}

impl Endpoint {
    /// Prepares `server`.
    ///
    /// # Errors
    /// What about its configuration cannot work.
    pub(crate) fn new(
        server: &Server,
        system: &[CertificateDer<'static>],
        shared: Shared,
    ) -> Result<Endpoint, String> {
        let tls = match server.tls {
            false => None,
            true => Some((tls::connector(server, system)?, tls::name(server)?)),
        };
        Ok(Endpoint {
            name: server.name.as_str().into(),
            server: server.clone(),
            index: 0,
            tls,
            book: Book::default(),
            rate: Arc::new(Rate::new(server.limit_rate)),
            shared,
        })
    }

    /// Whether a limit holds for what it sends.
    pub(crate) fn is_limited(&self) -> bool {
        self.rate.limited() || self.shared.rate.limited()
    }

    /// Of its own, the server's and the run's: what a socket reads is counted.
    fn metered(&self, tcp: TcpStream) -> Metered {
        let stats = Arc::clone(&self.shared.stats);
        let index = self.index;
        let quota = self.server.quota.clone();
        let meter = Meter {
            rates: [Arc::clone(&self.rate), Arc::clone(&self.shared.rate)],
            count: Box::new(move |octets| {
                stats.read(index, octets);
                if let Some(quota) = &quota {
                    quota.spend(octets as u64);
                }
            }),
        };
        Metered::new(tcp, meter)
    }

    /// Opens the connection that the run calls `connection`, and logs in.
    pub(crate) async fn open(&self, connection: u64) -> Result<Wire, Refusal> {
        self.open_seen(connection, &mut Seen::default()).await
    }

    /// The same, noting in `seen` what is seen on the way.
    pub(crate) async fn open_seen(
        &self,
        connection: u64,
        seen: &mut Seen,
    ) -> Result<Wire, Refusal> {
        let tcp = self.tcp(seen).await?;
        let pace = seen.connect;
        let tcp = self.metered(tcp);
        let tracer = self.tracer(connection);
        let mut wire = match &self.tls {
            Some(tls) if !self.server.starttls => self.encrypt(tcp, tls, tracer, seen).await?,
            _ => self.wire(Stream::Plain(tcp), tracer),
        };
        self.greeting(&mut wire, seen).await?;
        if let Some(tls) = self.tls.as_ref().filter(|_| self.server.starttls) {
            let (tcp, tracer) = self.start_tls(wire, seen).await?;
            wire = self.encrypt(tcp, tls, tracer, seen).await?;
        }
        // Of a proxy it is only a part of the way.
        wire.took(pace);
        self.login(&mut wire, seen).await?;
        match self.server.compress {
            true => self.compress(wire, seen).await,
            false => Ok(wire),
        }
    }

    fn tracer(&self, connection: u64) -> Option<Tracer> {
        self.shared.trace.as_ref().map(|trace| Tracer {
            trace: Arc::clone(trace),
            server: Arc::clone(&self.name),
            connection,
            password: self.server.password.clone(),
        })
    }

    /// The TLS handshake.
    async fn encrypt(
        &self,
        tcp: Metered,
        (connector, name): &(TlsConnector, ServerName<'static>),
        tracer: Option<Tracer>,
        seen: &mut Seen,
    ) -> Result<Wire, Refusal> {
        seen.phase = Phase::Tls;
        let began = Instant::now();
        let limit = self.server.connect_timeout;
        let handshake = async {
            if self.server.starttls {
                let tls = connector.connect(name.clone(), Stream::buffered(tcp));
                let tls = tls.await?;
                let handshake = tls::Handshake::of(tls.get_ref().1, began.elapsed());
                return Ok((Stream::Tls(Box::new(tls)), handshake));
            }
            let (config, buffers) = (Arc::clone(connector.config()), &self.shared.buffers);
            let sealed = Sealed::connect(tcp, config, name.clone(), buffers.clone()).await?;
            let handshake = tls::Handshake::of(sealed.session(), began.elapsed());
            Ok((Stream::Sealed(Box::new(sealed)), handshake))
        };
        let agreed = timeout(limit, handshake).await;
        let agreed = agreed.map_err(|_| transport("the TLS handshake takes too long"))?;
        let (stream, handshake) = agreed.map_err(|error| {
            seen.fault = tls::fault(&error).cloned();
            handshake_failed(&error, seen.fault.as_ref())
        })?;
        seen.tls = Some(handshake);
        Ok(self.wire(stream, tracer))
    }

    fn wire(&self, stream: Stream, tracer: Option<Tracer>) -> Wire {
        Wire::new(stream, tracer, self.shared.buffers.clone())
    }

    fn talk<'a>(&'a self, wire: &'a mut Wire) -> Talk<'a> {
        Talk::new(wire, self.server.password.as_ref())
    }

    async fn greeting(&self, wire: &mut Wire, seen: &mut Seen) -> Result<(), Refusal> {
        seen.phase = Phase::Greeting;
        let silent = match self.tls.is_some() && !self.server.starttls {
            true => "no greeting",
            false => "no greeting; is it a TLS port?",
        };
        let mut talk = self.talk(wire);
        let reply = talk.exchange(self.server.connect_timeout, silent).await?;
        seen.greeting = Some(reply.shown.clone());
        reply.among(&[200, 201]).map(drop).map_err(Refusal::from)
    }

    /// STARTTLS (RFC 4642 §2.2). Without it there is no conversation: what was
    /// to be encrypted is never said in the clear.
    async fn start_tls(
        &self,
        mut wire: Wire,
        seen: &mut Seen,
    ) -> Result<(Metered, Option<Tracer>), Refusal> {
        seen.phase = Phase::StartTls;
        wire.send(Command::StartTls);
        let mut talk = self.talk(&mut wire);
        let limit = self.server.connect_timeout;
        let reply = talk.exchange(limit, "no answer to STARTTLS").await?;
        let refused = |text: String| Refusal {
            cause: Cause::new(Class::Login, text),
            from: Origin::Tls,
        };
        match reply.among(&[382]) {
            Ok(_) => {}
            Err(cause) if cause.class == Class::Capacity => return Err(cause.into()),
            Err(cause) => {
                let text = format!("the server does not begin TLS: {}", cause.text);
                return Err(refused(text));
            }
        }
        // Said by somebody in between, it would seem to come from the server.
        wire.into_plain()
            .ok_or_else(|| refused("something was said in the clear before TLS began".to_owned()))
    }

    async fn login(&self, wire: &mut Wire, seen: &mut Seen) -> Result<(), Refusal> {
        seen.phase = Phase::Login;
        if let Some(user) = &self.server.username {
            self.talk(wire).login(self.server.timeout, user).await?;
            seen.login = true;
        }
        seen.phase = Phase::Session;
        Ok(())
    }

    /// COMPRESS (RFC 8054) if the server offers it now, after the login.
    async fn compress(&self, mut wire: Wire, seen: &mut Seen) -> Result<Wire, Refusal> {
        let limit = self.server.timeout;
        let offered = self.talk(&mut wire).capabilities(limit).await?;
        if !offered.iter().any(|line| offers_deflate(line)) {
            return Ok(wire);
        }
        wire.send(Command::Compress);
        let mut talk = self.talk(&mut wire);
        let reply = talk.exchange(limit, "no answer to COMPRESS").await?;
        // It may change its mind (RFC 8054 §2.2.2).
        seen.compressed = reply.code == 206;
        Ok(match seen.compressed {
            true => wire.deflated(),
            false => wire,
        })
    }
}

/// Whether a line of capabilities offers what [`Command::Compress`] asks for.
fn offers_deflate(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("COMPRESS"))
        && words.any(|word| word.eq_ignore_ascii_case("DEFLATE"))
}

/// `error` without the number that the system has for it.
fn message(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

fn transport(text: impl Into<String>) -> Refusal {
    Cause::new(Class::Transport, text).into()
}

fn handshake_failed(error: &io::Error, fault: Option<&rustls::Error>) -> Refusal {
    let (class, from) = match fault.is_some_and(tls::is_final) {
        true => (Class::Login, Origin::Tls),
        false => (Class::Transport, Origin::Server),
    };
    let plain = fault.and_then(TlsTrouble::words);
    let text = plain.unwrap_or_else(|| message(error));
    Refusal {
        cause: Cause::new(class, format!("TLS: {text}")),
        from,
    }
}
