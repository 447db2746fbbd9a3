//! From nothing to a session: address, TCP, TLS, greeting (RFC 3977 §5.1) and
//! login (RFC 4643 §2.3).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::classify::{Meaning, meaning};
use crate::command::Command;
use crate::config::{Secret, Server};
use crate::meter::{Meter, Metered};
use crate::response::Status;
use crate::route::Cause;
use crate::tls;
use crate::wire::{Stream, Tracer, Wire};
use crate::{Class, Rate, Stats, Trace};

/// Idle connections are probed, so that one the network forgot does not count
/// as open for ever.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A server and what connections to it are made with.
pub(crate) struct Endpoint {
    pub(crate) server: Server,
    pub(crate) name: Arc<str>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// How fast it may send; changed while connections are open.
    pub(crate) rate: Arc<Rate>,
    shared: Shared,
    /// Rung when there is work for a session that waits for some.
    pub(crate) work: Notify,
}

/// What the endpoints of a run have in common.
pub(crate) struct Shared {
    /// The server's place in the statistics.
    pub(crate) index: usize,
    /// How fast all may send.
    pub(crate) rate: Arc<Rate>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) trace: Option<Trace>,
}

/// Why there is no session.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) cause: Cause,
    /// Whether TLS is to blame.
    pub(crate) tls: bool,
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Refusal {
        Refusal { cause, tls: false }
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
            tls,
            rate: Arc::new(Rate::new(server.limit_rate)),
            shared,
            work: Notify::new(),
        })
    }

    /// Of its own, the server's and the run's: what a socket reads is counted.
    fn metered(&self, tcp: TcpStream) -> Metered {
        let stats = Arc::clone(&self.shared.stats);
        let index = self.shared.index;
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
        let limit = self.server.connect_timeout;
        let tcp = self.metered(self.tcp().await?);
        let stream = match &self.tls {
            None => Stream::Plain(tcp),
            Some((connector, name)) => {
                let handshake = connector.connect(name.clone(), Stream::buffered(tcp));
                let tls = timeout(limit, handshake).await;
                let tls = tls.map_err(|_| transport("the TLS handshake takes too long"))?;
                Stream::Tls(Box::new(tls.map_err(handshake_failed)?))
            }
        };
        let tracer = self.shared.trace.as_ref().map(|trace| Tracer {
            trace: Arc::clone(trace),
            server: Arc::clone(&self.name),
            connection,
            password: self.server.password.clone(),
        });
        let mut wire = Wire::new(stream, tracer);
        let password = self.server.password.as_ref();
        let mut talk = Talk {
            wire: &mut wire,
            password,
        };
        let greeting = talk.exchange(limit, "no greeting; is it a TLS port?");
        match greeting.await? {
            Reply::Code(200 | 201) => {}
            reply => return Err(reply.refusal().into()),
        }
        if let Some(user) = &self.server.username {
            talk.login(self.server.timeout, user).await?;
        }
        Ok(wire)
    }

    /// Tries the addresses one after the other, each for its share of the time.
    async fn tcp(&self) -> Result<TcpStream, Refusal> {
        let limit = self.server.connect_timeout;
        let end = Instant::now() + limit;
        let found = timeout_at(
            end,
            lookup_host((self.server.host.as_str(), self.server.port)),
        );
        let found = found
            .await
            .map_err(|_| transport("looking up the host takes too long"))?;
        let found: Vec<SocketAddr> = found
            .map_err(|e| transport(format!("the host cannot be found: {e}")))?
            .collect();
        let mut failure = transport("the host has no address");
        for (tried, address) in found.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(found.len() - tried).unwrap_or(1);
            failure = match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => {
                    tune(&tcp);
                    return Ok(tcp);
                }
                Ok(Err(error)) => transport(format!("no connection to {address}: {error}")),
                Err(_) => transport(format!("no connection to {address}: no answer")),
            };
        }
        Err(failure)
    }
}

/// What helps but is not needed.
fn tune(tcp: &TcpStream) {
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
}

fn transport(text: impl Into<String>) -> Refusal {
    Cause::new(Class::Transport, text).into()
}

fn handshake_failed(error: io::Error) -> Refusal {
    let tls = tls::is_final(&error);
    let class = if tls { Class::Login } else { Class::Transport };
    Refusal {
        cause: Cause::new(class, format!("TLS: {error}")),
        tls,
    }
}

/// A reply before the session.
enum Reply {
    /// One of the codes that may be good news here.
    Code(u16),
    /// Anything else, and what it means.
    Bad(Cause),
}

impl Reply {
    fn read(status: &Status<'_>, password: Option<&Secret>) -> Reply {
        match status.code {
            200 | 201 | 281 | 381 => Reply::Code(status.code),
            code => {
                let class = match meaning(status) {
                    Meaning::Capacity => Class::Capacity,
                    Meaning::Refused | Meaning::NeedLogin => Class::Login,
                    _ => Class::Transport,
                };
                Reply::Bad(Cause::said(class, code, status.shown_without(password)))
            }
        }
    }

    fn refusal(self) -> Cause {
        match self {
            Reply::Bad(cause) => cause,
            Reply::Code(code) => {
                Cause::said(Class::Transport, code, format!("{code} at the wrong time"))
            }
        }
    }
}

/// The conversation before the session.
struct Talk<'a> {
    wire: &'a mut Wire,
    /// Of what the server says, not to be shown.
    password: Option<&'a Secret>,
}

impl Talk<'_> {
    /// AUTHINFO, never pipelined (RFC 4643 §2.3.1). Some servers are content
    /// with the user name.
    async fn login(&mut self, limit: Duration, user: &str) -> Result<(), Refusal> {
        self.wire.send(Command::User(user));
        match self.exchange(limit, SILENT).await? {
            Reply::Code(281) => return Ok(()),
            Reply::Code(381) => {}
            reply => return Err(at_login(reply)),
        }
        let Some(password) = self.password else {
            let text = "it wants a password and there is none";
            return Err(Cause::new(Class::Login, text).into());
        };
        self.wire.send(Command::Pass(password.expose()));
        match self.exchange(limit, SILENT).await? {
            Reply::Code(281) => Ok(()),
            Reply::Code(381) => {
                let text = "381 again after the password".to_owned();
                Err(Cause::said(Class::Login, 381, text).into())
            }
            reply => Err(at_login(reply)),
        }
    }

    /// Sends what waits and reads one status line.
    async fn exchange(&mut self, limit: Duration, silent: &str) -> Result<Reply, Refusal> {
        let answer = timeout(limit, self.status_line()).await;
        answer.unwrap_or_else(|_| Err(transport(silent)))
    }

    /// Of use before the session, where servers speak only when spoken to:
    /// bytes behind the line stay for the session, where they fit no request.
    async fn status_line(&mut self) -> Result<Reply, Refusal> {
        loop {
            let found = self.wire.status().map_err(|e| transport(e.to_string()))?;
            if let Some((status, length)) = found {
                let reply = Reply::read(&status, self.password);
                self.wire.consume(length);
                return Ok(reply);
            }
            match self.wire.turn().await {
                Ok(0) => return Err(transport("the server closed the connection")),
                Ok(_) => {}
                Err(error) => return Err(transport(error.to_string())),
            }
        }
    }
}

const SILENT: &str = "no answer to the login";

/// 452 is not in RFC 4643, but sent for a bad login.
fn at_login(reply: Reply) -> Refusal {
    let mut cause = reply.refusal();
    if cause.code == Some(452) {
        cause.class = Class::Login;
    }
    cause.into()
}
