//! The receiving half of a session: bytes into command lines, each with the
//! time it came, into a bounded queue. It reads ahead while replies are sent,
//! because a delay line needs to know when a command arrived, and stops
//! reading when the queue is full.

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// RFC 3977, section 3.1: octets of a command line with its CRLF.
const MAX_LINE: usize = 512;
const BUFFER: usize = 8 << 10;

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

/// Reads until the peer ends or nobody takes the lines.
pub(crate) async fn receive(mut from: impl AsyncRead + Unpin, queue: mpsc::Sender<Received>) {
    let mut lines = Splitter::default();
    loop {
        lines.buffer.reserve(BUFFER);
        match from.read_buf(&mut lines.buffer).await {
            // A reset is an end too: there is nobody left to tell.
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let at = Instant::now();
        for line in lines.by_ref() {
            if queue.send(Received { at, line }).await.is_err() {
                return;
            }
        }
    }
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
    async fn stops_reading_when_the_queue_is_full() {
        let (mut client, server) = tokio::io::duplex(64);
        let (sender, mut queue) = mpsc::channel(2);
        let receiving = receive(server, sender);
        let sending = async {
            let commands = "STAT\r\n".repeat(10_000);
            let _ = tokio::io::AsyncWriteExt::write_all(&mut client, commands.as_bytes()).await;
        };
        tokio::select! {
            biased;
            () = receiving => panic!("ended while the client was there"),
            () = sending => panic!("took more than the queue holds"),
            // 64 bytes at a time: far more turns than all commands need.
            () = turns(5_000) => {}
        }
        assert!(queue.try_recv().is_ok());
    }

    async fn turns(count: usize) {
        for _ in 0..count {
            tokio::task::yield_now().await;
        }
    }
}
