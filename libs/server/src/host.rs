//! Accepting connections, bounding how many there are, and ending them. All
//! session tasks are spawned here.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use nzbpipe_nntp::Rate;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::Config;
use crate::offer::Offer;
use crate::seat::{Seats, Stage};
use crate::session::{self, Session};
use crate::slow::Slow;
use crate::stats::{Counters, Stats};
use crate::talk::{Manner, talk};

/// Sessions at a time when the settings say nothing, and those that have not come
/// so far as to be counted.
const MAX_SESSIONS: u32 = 4096;
/// Clients being told at a time that there are too many; more are dropped.
const MAX_REFUSALS: usize = 64;
/// Plaintext that TLS takes at a time (64 KiB by itself): as much ciphertext goes
/// out in one write.
const TLS_BUFFER: usize = 512 << 10;
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
    pub(crate) offer: watch::Sender<Offer>,
    counters: Arc<Counters>,
    manner: Manner,
    stopper: watch::Sender<bool>,
    started: i64,
    seats: Seats,
    sessions: Arc<Semaphore>,
    /// Octets a second for each connection, and for all.
    limit_rate: u64,
    total_rate: Arc<Rate>,
    refusals: Arc<Semaphore>,
}

/// How a connection is received. The permit is held as long as it lasts.
enum Visit {
    Guest(Box<Session>, Manner, OwnedSemaphorePermit),
    Refused(String, OwnedSemaphorePermit),
}

impl Host {
    pub(crate) fn new(offer: Offer, config: &Config) -> Host {
        let (stopper, stop) = watch::channel(false);
        let seats = config.max_connections.unwrap_or(MAX_SESSIONS) as usize;
        let sessions = seats.clamp(MAX_SESSIONS as usize, Semaphore::MAX_PERMITS);
        Host {
            offer: watch::Sender::new(offer),
            counters: Arc::default(),
            manner: Manner {
                latency: config.latency,
                idle: config.idle_timeout,
                stop,
            },
            stopper,
            started: session::now(),
            seats: Seats::new(seats, config.too_many_at, &config.too_many),
            sessions: Arc::new(Semaphore::new(sessions)),
            limit_rate: config.limit_rate,
            total_rate: Arc::new(Rate::new(config.total_rate)),
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
                        // Replies are gathered here; Nagle would hold each short one
                        // for an acknowledgement, 40 ms on loopback. A client that is
                        // gone already is met later.
                        let _ = stream.set_nodelay(true);
                        if let Some(visit) = self.visit() {
                            let stream = Slow::new(stream, self.limit_rate, &self.total_rate);
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
        let mut seat = self.seats.seat();
        let Err(refusal) = seat.take(Stage::Greeting) else {
            let permit = Arc::clone(&self.sessions).try_acquire_owned();
            let permit = permit.inspect_err(|_| self.counters.refused.add(1)).ok()?;
            let (offer, counters) = (self.offer.subscribe(), Arc::clone(&self.counters));
            let session = Box::new(Session::new(offer, counters, seat, self.started));
            return Some(Visit::Guest(session, self.manner.clone(), permit));
        };
        self.counters.refused.add(1);
        let permit = Arc::clone(&self.refusals).try_acquire_owned().ok()?;
        Some(Visit::Refused(refusal, permit))
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

async fn attend(stream: Slow, tls: Option<TlsAcceptor>, visit: Visit) -> io::Result<()> {
    match tls {
        None => receive_visit(stream, visit).await,
        Some(tls) => {
            let mut stream = timeout(BRIEF, tls.accept(stream)).await??;
            stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
            receive_visit(stream, visit).await
        }
    }
}

async fn receive_visit<S>(mut stream: S, visit: Visit) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match visit {
        Visit::Guest(session, manner, _permit) => talk(stream, *session, manner).await,
        Visit::Refused(refusal, _permit) => {
            let refusal = async {
                stream
                    .write_all(format!("{refusal}\r\n").as_bytes())
                    .await?;
                stream.shutdown().await
            };
            timeout(BRIEF, refusal).await?
        }
    }
}
