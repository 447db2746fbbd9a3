//! One session over one stream: commands come in on one side while replies go
//! out on the other, in order, each when it is due. Both sides are one task.

use std::io;
use std::time::Duration;

use nzbpipe_nntp::backlog::{self, Outlet};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::lines::{self, End, Received};
use crate::reply::Reply;
use crate::session::{GREETING, Session};
use crate::wire::Wire;

/// Commands handed over at a time; those behind them wait in the reader's backlog,
/// whose cap ends the session.
const QUEUE: usize = 128;

/// How a session is timed, and how it learns that the server stops.
#[derive(Clone)]
pub(crate) struct Manner {
    pub(crate) latency: Duration,
    pub(crate) idle: Duration,
    pub(crate) stop: watch::Receiver<bool>,
}

/// Serves a client until it leaves, falls silent or the server stops.
pub(crate) async fn talk<S>(stream: S, session: Session, manner: Manner) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite,
{
    let (from, to) = tokio::io::split(stream);
    let (inlet, queue) = backlog::channel(QUEUE);
    let wire = Wire::new(to, manner.idle, session.counters.clone());
    let answering = answer(wire, session, queue, manner);
    let receiving = lines::receive(from, inlet);
    tokio::pin!(answering);
    tokio::select! {
        done = &mut answering => done,
        end = receiving => match end {
            // It still gets its replies.
            End::Said | End::Unheard => answering.await,
            // Its replies are not taken as fast as it asks: nothing could be said.
            End::TooFar => Err(io::ErrorKind::QuotaExceeded.into()),
        },
    }
}

async fn answer<W: AsyncWrite + Unpin>(
    mut wire: Wire<W>,
    mut session: Session,
    mut queue: Outlet<Received>,
    mut manner: Manner,
) -> io::Result<()> {
    tokio::time::sleep(manner.latency).await;
    wire.reply(Reply::line(GREETING)).await?;
    loop {
        let received = match queue.try_recv() {
            Ok(received) => received,
            Err(_) => {
                wire.flush().await?;
                match wait(&mut queue, &mut manner).await {
                    Waited::Command(received) => received,
                    Waited::Gone => break,
                    Waited::Stop => {
                        wire.reply(Reply::last("400 the server is shutting down"))
                            .await?;
                        break;
                    }
                }
            }
        };
        let Some(reply) = session.answer(&received.line).await else {
            continue;
        };
        let due = received.at + manner.latency;
        if Instant::now() < due {
            wire.flush().await?;
            sleep_until(due).await;
        }
        let is_last = matches!(reply, Reply::Last(_));
        wire.reply(reply).await?;
        if is_last {
            break;
        }
    }
    wire.finish().await
}

enum Waited {
    Command(Received),
    /// The client left or fell silent. RFC 3977, section 3.1: no reply.
    Gone,
    Stop,
}

async fn wait(queue: &mut Outlet<Received>, manner: &mut Manner) -> Waited {
    tokio::select! {
        received = timeout(manner.idle, queue.recv()) => match received {
            Ok(Some(received)) => Waited::Command(received),
            Ok(None) | Err(_) => Waited::Gone,
        },
        _ = manner.stop.wait_for(|stop| *stop) => Waited::Stop,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{
        AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex,
    };

    use super::*;
    use crate::catalog::tests::sample;
    use crate::offer::Offer;
    use crate::seat::{Seats, Stage};
    use crate::shelf::Shelf;
    use nzbpipe_yenc::Kernel;

    const LATENCY: Duration = Duration::from_millis(100);
    const IDLE: Duration = Duration::from_secs(60);

    fn session() -> Session {
        let (_, offer) = watch::channel(Offer {
            shelf: Arc::new(Shelf::new(sample(), 0, Kernel::best())),
            credentials: None,
        });
        let seat = Seats::new(1, Stage::Greeting, "502 full").seat();
        Session::new(offer, Arc::default(), seat, 0)
    }

    /// A session, its client, and what tells it to stop.
    fn connect() -> (BufReader<DuplexStream>, watch::Sender<bool>) {
        let (client, server) = duplex(64 << 10);
        let (stopper, stop) = watch::channel(false);
        let manner = Manner {
            latency: LATENCY,
            idle: IDLE,
            stop,
        };
        tokio::spawn(talk(server, session(), manner));
        (BufReader::new(client), stopper)
    }

    async fn line(client: &mut BufReader<DuplexStream>) -> String {
        let mut line = String::new();
        client.read_line(&mut line).await.unwrap();
        line
    }

    // The clock stands still while anything can run, so times are exact; the
    // timer's own grain is a millisecond.
    #[tokio::test(start_paused = true)]
    async fn replies_to_a_pipeline_share_the_delay() {
        let start = Instant::now();
        let (mut client, _stopper) = connect();
        assert!(line(&mut client).await.starts_with("201"));
        assert!((100..=102).contains(&start.elapsed().as_millis()));

        let start = Instant::now();
        client
            .write_all("DATE\r\n".repeat(100).as_bytes())
            .await
            .unwrap();
        tokio::time::sleep(LATENCY / 2).await;
        client.write_all(b"HELP\r\n").await.unwrap();
        for _ in 0..100 {
            assert!(line(&mut client).await.starts_with("111"));
        }
        assert!((100..=102).contains(&start.elapsed().as_millis()));
        assert!(line(&mut client).await.starts_with("100"));
        assert!((150..=152).contains(&start.elapsed().as_millis()));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_session_without_a_word() {
        let (mut client, _stopper) = connect();
        line(&mut client).await;
        // Half a command is silence too.
        client.write_all(b"DATE\r\nBODY <").await.unwrap();
        assert!(line(&mut client).await.starts_with("111"));
        let start = Instant::now();
        assert_eq!(client.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        assert!((59..=61).contains(&start.elapsed().as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_left() {
        let (client, server) = duplex(64);
        let (_stopper, stop) = watch::channel(false);
        let manner = Manner {
            latency: Duration::ZERO,
            idle: IDLE,
            stop,
        };
        let (_reader, mut writer) = tokio::io::split(client);
        let talking = tokio::spawn(talk(server, session(), manner));
        writer.write_all(b"HELP\r\nHELP\r\n").await.unwrap();
        let error = talking.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_session_hears_that_the_server_stops() {
        let (mut client, stopper) = connect();
        line(&mut client).await;
        stopper.send_replace(true);
        assert!(line(&mut client).await.starts_with("400"));
        assert_eq!(line(&mut client).await, "");
    }

    /// Neither side's buffers hold more than some 4 KiB, and the client reads
    /// nothing before it has sent everything.
    #[tokio::test]
    async fn ten_thousand_commands_over_small_buffers_are_answered() {
        let (client, server) = duplex(4 << 10);
        let (_stopper, stop) = watch::channel(false);
        let manner = Manner {
            latency: Duration::ZERO,
            idle: IDLE,
            stop,
        };
        let mut talking = tokio::task::JoinSet::new();
        talking.spawn(talk(server, session(), manner));
        let mut client = BufReader::new(client);
        let commands = "DATE\r\nSTAT <a@b>\r\n".repeat(5_000) + "CAPABILITIES\r\nQUIT\r\n";
        let sent = timeout(IDLE, client.write_all(commands.as_bytes())).await;
        sent.expect("a deadlock").unwrap();
        assert!(line(&mut client).await.starts_with("201"));
        for _ in 0..5_000 {
            assert!(line(&mut client).await.starts_with("111"));
            assert!(line(&mut client).await.starts_with("430"));
        }
        assert!(line(&mut client).await.starts_with("101"));
        while line(&mut client).await != ".\r\n" {}
        assert!(line(&mut client).await.starts_with("205"));
        talking.join_next().await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_client_too_far_ahead_is_left() {
        let (client, server) = duplex(4 << 10);
        let (_stopper, stop) = watch::channel(false);
        let manner = Manner {
            latency: Duration::ZERO,
            idle: IDLE,
            stop,
        };
        let mut talking = tokio::task::JoinSet::new();
        talking.spawn(talk(server, session(), manner));
        let (_reader, mut writer) = tokio::io::split(client);
        let commands = "STAT <a@b>\r\n".repeat(2 * lines::AHEAD);
        // The end of the other side, met in the middle.
        let sent = timeout(IDLE, writer.write_all(commands.as_bytes())).await;
        assert!(sent.expect("a deadlock").is_err());
        let error = talking.join_next().await.unwrap().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    }
}
