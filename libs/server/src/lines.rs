//! The receiving half of a session: bytes into command lines, each with the
//! time it came, into a bounded queue. It reads ahead while replies are sent, and
//! never stops: a delay line needs to know when a command arrived, and a client
//! that sends all it has to say before it reads would block us, as we would it.

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use nzbpipe_nntp::backlog::{Backlog, Inlet, Refused};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

/// RFC 3977, section 3.1: octets of a command line with its CRLF.
const MAX_LINE: usize = 512;
const BUFFER: usize = 8 << 10;

/// Commands a client may be ahead of its replies. A client with 10,000 commands to
/// send before it reads is served, and half as many again. The fastest ask for 1,400
/// articles a second (700 kB each at 1 GB/s): the replies may stall for 11 s before
/// it is given up. With the longest lines it is 8 MiB a session.
pub(crate) const AHEAD: usize = 16 << 10;

/// A command line and when it came.
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) line: Line,
}

/// What stood on the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Without line end.
    Text(Bytes),
    /// Over 512 octets; the rest was skipped.
    TooLong,
}

/// Why nothing more is received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client has said all it wants, and all of it is in the queue.
    Said,
    /// It is too far ahead of its replies.
    TooFar,
    /// Nobody takes the lines any more.
    Unheard,
}

/// Reads until the client ends, is more than [`AHEAD`] lines ahead, or nobody takes
/// them.
pub(crate) async fn receive(mut from: impl AsyncRead + Unpin, queue: Inlet<Received>) -> End {
    let mut backlog = Backlog::new(queue, AHEAD);
    let mut lines = Splitter::default();
    loop {
        lines.buffer.reserve(BUFFER);
        tokio::select! {
            // First, so that what waits is not overtaken by reading.
            biased;
            () = backlog.room() => match drain(&mut backlog) {
                Ok(()) => {}
                Err(end) => return end,
            },
            read = from.read_buf(&mut lines.buffer) => match read {
                // A reset is an end too: there is nobody left to tell.
                Ok(0) | Err(_) => break,
                Ok(_) => if let Err(end) = queue_lines(&mut lines, &mut backlog) {
                    return end;
                },
            },
        }
    }
    while backlog.has_pending() {
        backlog.room().await;
        if let Err(end) = drain(&mut backlog) {
            return end;
        }
    }
    End::Said
}

fn queue_lines(lines: &mut Splitter, backlog: &mut Backlog<Received>) -> Result<(), End> {
    let at = Instant::now();
    for line in lines.by_ref() {
        backlog
            .send(Received { at, line })
            .map_err(|refused| match refused {
                Refused::Full(_) => End::TooFar,
                Refused::Closed(_) => End::Unheard,
            })?;
    }
    Ok(())
}

/// Moves what there is room for.
fn drain(backlog: &mut Backlog<Received>) -> Result<(), End> {
    while backlog.drain_one().map_err(|_| End::Unheard)? {}
    Ok(())
}

/// Cuts bytes into lines. A bare LF ends a line too, as in INN.
#[derive(Default)]
struct Splitter {
    buffer: BytesMut,
    /// Inside a line that is over the limit.
    skipping: bool,
}

impl Iterator for Splitter {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let Some(end) = memchr(b'\n', &self.buffer) else {
            if self.buffer.len() >= MAX_LINE {
                self.skipping = true;
                self.buffer.clear();
            }
            return None;
        };
        let mut line = self.buffer.split_to(end + 1);
        if std::mem::take(&mut self.skipping) || line.len() > MAX_LINE {
            return Some(Line::TooLong);
        }
        line.truncate(end);
        if line.ends_with(b"\r") {
            line.truncate(end - 1);
        }
        Some(Line::Text(line.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use nzbpipe_nntp::backlog;
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<Line> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.buffer.extend_from_slice(chunk);
            lines.extend(&mut splitter);
        }
        lines
    }

    fn text(line: &'static str) -> Line {
        Line::Text(Bytes::from_static(line.as_bytes()))
    }

    #[test]
    fn lines_end_anywhere() {
        let input = b"DATE\r\n\r\nSTAT 1\nQUIT\r\nrest";
        let expected = [text("DATE"), text(""), text("STAT 1"), text("QUIT")];
        assert_eq!(split(&[input]), expected);
        for at in 0..input.len() {
            assert_eq!(split(&[&input[..at], &input[at..]]), expected, "at {at}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_one_reply_and_no_memory() {
        let longest = [&vec![b'x'; 510][..], b"\r\n"].concat();
        assert!(matches!(&split(&[&longest])[..], [Line::Text(text)] if text.len() == 510));
        let longer = [&vec![b'x'; 511][..], b"\r\nDATE\r\n"].concat();
        assert_eq!(split(&[&longer]), [Line::TooLong, text("DATE")]);
        let mut splitter = Splitter::default();
        for _ in 0..100 {
            splitter.buffer.extend_from_slice(&[b'x'; 600]);
            assert_eq!(splitter.next(), None);
            assert!(splitter.buffer.is_empty());
        }
        splitter.buffer.extend_from_slice(b"\r\nDATE\r\n");
        assert_eq!(splitter.collect::<Vec<_>>(), [Line::TooLong, text("DATE")]);
    }

    #[tokio::test]
    async fn reads_on_until_the_client_is_too_far_ahead() {
        let (mut client, server) = tokio::io::duplex(64);
        let (inlet, mut queue) = backlog::channel::<Received>(2);
        let sending = async {
            let commands = "STAT\r\n".repeat(AHEAD + 2);
            client.write_all(commands.as_bytes()).await.unwrap();
            client.write_all(b"DATE\r\n").await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            end = receive(server, inlet) => assert_eq!(end, End::TooFar),
            () = sending => {}
        }
        // The channel's; the rest went with the connection.
        assert!(queue.try_recv().is_ok() && queue.try_recv().is_ok());
        assert!(queue.try_recv().is_err());
    }

    #[tokio::test]
    async fn what_waits_is_delivered_in_order_after_the_end() {
        let (mut client, server) = tokio::io::duplex(64);
        let (inlet, mut queue) = backlog::channel::<Received>(2);
        let sending = async {
            for number in 0..100 {
                let command = format!("STAT {number}\r\n");
                client.write_all(command.as_bytes()).await.unwrap();
            }
            drop(client);
        };
        let taking = async {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let mut number = 0;
            while let Some(received) = queue.recv().await {
                let expected = Bytes::from(format!("STAT {number}"));
                assert_eq!(received.line, Line::Text(expected));
                number += 1;
            }
            number
        };
        let (end, (), count) = tokio::join!(receive(server, inlet), sending, taking);
        assert_eq!((end, count), (End::Said, 100));
    }

    #[tokio::test]
    async fn ends_when_nobody_takes_the_lines() {
        let (mut client, server) = tokio::io::duplex(64);
        let (inlet, queue) = backlog::channel(2);
        client.write_all(b"DATE\r\n").await.unwrap();
        drop(queue);
        assert_eq!(receive(server, inlet).await, End::Unheard);
    }
}
