//! Accepting connections, bounding how many there are, and ending them. All
//! session tasks are spawned here.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::Config;
use crate::login::Login;
use crate::session::{self, Session};
use crate::shelf::Shelf;
use crate::stats::{Counters, Stats};
use crate::talk::{Manner, talk};

/// Sessions at a time when the settings say nothing.
const MAX_SESSIONS: u32 = 4096;
/// Clients being told at a time that there are too many; more are dropped.
const MAX_REFUSALS: usize = 64;
const TOO_MANY: &[u8] = b"502 too many connections\r\n";
/// For the TLS handshake, and for a refusal.
const BRIEF: Duration = Duration::from_secs(10);
/// What sessions get to end their reply when the server stops.
const FAREWELL: Duration = Duration::from_secs(1);
/// After a failed accept, mostly for want of descriptors: a loop without a
/// pause would keep a processor busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const ACCEPT_FAILURES: u32 = 100;

/// A socket that listens, and how to begin TLS on it.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
}

/// What all sessions share.
pub(crate) struct Host {
    pub(crate) shelf: Arc<Shelf>,
    counters: Arc<Counters>,
    credentials: Option<Arc<(String, String)>>,
    manner: Manner,
    stopper: watch::Sender<bool>,
    started: i64,
    seats: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

/// How a connection is received. The permit is held as long as it lasts.
enum Visit {
    Guest(Box<Session>, Manner, OwnedSemaphorePermit),
    Refused(OwnedSemaphorePermit),
}

impl Host {
    pub(crate) fn new(shelf: Arc<Shelf>, config: &Config) -> Host {
        let (stopper, stop) = watch::channel(false);
        let seats = config.max_connections.unwrap_or(MAX_SESSIONS) as usize;
        Host {
            shelf,
            counters: Arc::default(),
            credentials: config.credentials.clone().map(Arc::new),
            manner: Manner {
                latency: config.latency,
                idle: config.idle_timeout,
                stop,
            },
            stopper,
            started: session::now(),
            seats: Arc::new(Semaphore::new(seats.min(Semaphore::MAX_PERMITS))),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
        }
    }

    /// Serves until `stop`, or until nothing can be accepted any more.
    pub(crate) async fn run(
        self,
        listeners: Vec<Listener>,
        stop: impl Future<Output = ()>,
    ) -> io::Result<Stats> {
        let mut visits = JoinSet::new();
        let result = tokio::select! {
            () = stop => Ok(()),
            error = self.receive(&listeners, &mut visits) => Err(error),
        };
        drop(listeners);
        self.stopper.send_replace(true);
        let ended = async { while visits.join_next().await.is_some() {} };
        // Whoever takes longer is cut off.
        let _ = timeout(FAREWELL, ended).await;
        visits.shutdown().await;
        result.map(|()| self.counters.stats())
    }

    async fn receive(
        &self,
        listeners: &[Listener],
        visits: &mut JoinSet<io::Result<()>>,
    ) -> io::Error {
        let mut failures = 0;
        loop {
            tokio::select! {
                // How a session ended concerns its client only.
                Some(_) = visits.join_next() => {}
                (accepted, tls) = accept(listeners) => match accepted {
                    Ok(stream) => {
                        failures = 0;
                        if let Some(visit) = self.visit() {
                            visits.spawn(attend(stream, tls.cloned(), visit));
                        }
                    }
                    // Sessions that end free descriptors; without any, nothing
                    // will get better by waiting.
                    Err(error) if visits.is_empty() && failures >= ACCEPT_FAILURES => return error,
                    Err(_) => {
                        failures += 1;
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    }

    /// `None` when even the refusals are too many.
    fn visit(&self) -> Option<Visit> {
        self.counters.connections.add(1);
        if let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() {
            let login = Login::new(self.credentials.clone());
            let (shelf, counters) = (Arc::clone(&self.shelf), Arc::clone(&self.counters));
            let session = Session::new(shelf, counters, login, self.started);
            return Some(Visit::Guest(Box::new(session), self.manner.clone(), seat));
        }
        self.counters.refused.add(1);
        let permit = Arc::clone(&self.refusals).try_acquire_owned().ok()?;
        Some(Visit::Refused(permit))
    }
}

/// The next connection of any listener.
async fn accept(listeners: &[Listener]) -> (io::Result<TcpStream>, Option<&TlsAcceptor>) {
    poll_fn(|context| {
        for listener in listeners {
            if let Poll::Ready(result) = listener.socket.poll_accept(context) {
                let stream = result.map(|(stream, _)| stream);
                return Poll::Ready((stream, listener.tls.as_ref()));
            }
        }
        Poll::Pending
    })
    .await
}

async fn attend(stream: TcpStream, tls: Option<TlsAcceptor>, visit: Visit) -> io::Result<()> {
    // Replies are gathered here; Nagle would hold each short one for an
    // acknowledgement, 40 ms on loopback.
    stream.set_nodelay(true)?;
    match tls {
        None => receive_visit(stream, visit).await,
        Some(tls) => {
            let stream = timeout(BRIEF, tls.accept(stream)).await??;
            receive_visit(stream, visit).await
        }
    }
}

async fn receive_visit<S>(mut stream: S, visit: Visit) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match visit {
        Visit::Guest(session, manner, _seat) => talk(stream, *session, manner).await,
        Visit::Refused(_permit) => {
            let refusal = async {
                stream.write_all(TOO_MANY).await?;
                stream.shutdown().await
            };
            timeout(BRIEF, refusal).await?
        }
    }
}
