//! The line to a client, plain or with TLS: what comes in, and large writes out.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection};

/// What is encrypted and sent at once. Larger, and the records fall out of the cache
/// before the kernel copies them.
const CHUNK: usize = 256 << 10;

pub struct Line {
    tcp: TcpStream,
    tls: Option<Mutex<ServerConnection>>,
    /// Two threads use it: one may not block the other while it writes.
    shared: bool,
}

/// When the next bytes may go, for connections that are slow on purpose.
pub struct Pace {
    rate: u64,
    due: Instant,
}

impl Pace {
    pub fn new(rate: u64) -> Pace {
        Pace {
            rate,
            due: Instant::now(),
        }
    }

    fn wait(&mut self, bytes: usize) {
        let now = Instant::now();
        thread::sleep(self.due.saturating_duration_since(now));
        let took = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        self.due = self.due.max(now) + took;
    }

    fn chunk(&self) -> usize {
        (self.rate as usize / 100).clamp(4 << 10, CHUNK)
    }
}

impl Line {
    /// Shakes hands if there is to be TLS, each of our answers `delay` late.
    pub fn new(
        tcp: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        delay: Option<Duration>,
    ) -> io::Result<Line> {
        tcp.set_nodelay(true)?;
        let tls = match tls {
            None => None,
            Some(config) => Some(Mutex::new(shake(&tcp, config, delay)?)),
        };
        Ok(Line {
            tcp,
            tls,
            shared: delay.is_some(),
        })
    }

    /// Appends what the client sent; false at its end.
    pub fn receive(&self, to: &mut Vec<u8>) -> io::Result<bool> {
        let (before, mut buffer) = (to.len(), [0; 4096]);
        loop {
            let got = (&self.tcp).read(&mut buffer)?;
            let Some(tls) = &self.tls else {
                to.extend_from_slice(&buffer[..got]);
                return Ok(got > 0);
            };
            let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
            let mut rest = &buffer[..got];
            while !rest.is_empty() {
                tls.read_tls(&mut rest)?;
                tls.process_new_packets().map_err(io::Error::other)?;
            }
            match tls.reader().read_to_end(to) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other.map(|_| false),
            }
            if to.len() > before || got == 0 {
                return Ok(got > 0);
            }
        }
    }

    /// Sends all `pieces`, one after the other.
    pub fn send(&self, pieces: [&[u8]; 3], pace: Option<&mut Pace>) -> io::Result<()> {
        match (&self.tls, pace) {
            (None, None) => write_all(&self.tcp, &mut pieces.map(IoSlice::new)),
            (_, pace) => {
                let chunk = pace.as_ref().map_or(CHUNK, |pace| pace.chunk());
                self.send_chunks(pieces, chunk, pace)
            }
        }
    }

    /// Wakes up whoever waits for more.
    pub fn close(&self) -> io::Result<()> {
        self.tcp.shutdown(Shutdown::Both)
    }

    fn send_chunks(
        &self,
        [head, lines, tail]: [&[u8]; 3],
        chunk: usize,
        mut pace: Option<&mut Pace>,
    ) -> io::Result<()> {
        let mut sealed = Vec::new();
        let count = lines.len().div_ceil(chunk).max(1);
        for n in 0..count {
            let lines = &lines[n * chunk..lines.len().min((n + 1) * chunk)];
            let (before, behind) = (n == 0, n + 1 == count);
            let slices = [
                IoSlice::new(if before { head } else { b"" }),
                IoSlice::new(lines),
                IoSlice::new(if behind { tail } else { b"" }),
            ];
            if let Some(pace) = &mut pace {
                pace.wait(slices.iter().map(|slice| slice.len()).sum());
            }
            self.send_chunk(slices, &mut sealed)?;
        }
        Ok(())
    }

    fn send_chunk(&self, mut slices: [IoSlice; 3], sealed: &mut Vec<u8>) -> io::Result<()> {
        let Some(tls) = &self.tls else {
            return write_all(&self.tcp, &mut slices);
        };
        let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: usize = slices.iter().map(|slice| slice.len()).sum();
        let written = tls.writer().write_vectored(&slices)?;
        if written < bytes {
            return Err(io::Error::other("TLS took a part only"));
        }
        if !self.shared {
            while tls.wants_write() {
                tls.write_tls(&mut &self.tcp)?;
            }
            return Ok(());
        }
        sealed.clear();
        while tls.wants_write() {
            tls.write_tls(sealed)?;
        }
        drop(tls);
        (&self.tcp).write_all(sealed)
    }
}

fn shake(
    tcp: &TcpStream,
    config: Arc<ServerConfig>,
    delay: Option<Duration>,
) -> io::Result<ServerConnection> {
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    tls.set_buffer_limit(None);
    while tls.is_handshaking() {
        if tls.wants_write() {
            thread::sleep(delay.unwrap_or_default());
            while tls.wants_write() {
                tls.write_tls(&mut &*tcp)?;
            }
        } else if tls.read_tls(&mut &*tcp)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        } else {
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }
    Ok(tls)
}

fn write_all(mut tcp: &TcpStream, mut slices: &mut [IoSlice]) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match tcp.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(sent) => IoSlice::advance_slices(&mut slices, sent),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
