//! A client over bare sockets: nothing of the crates that download is used, so
//! that both ends cannot share an error.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use nzbpipe_server::{Config, Error, Reloaded, Reloader, Server, Stats};
use socket2::{Domain, Socket, Type};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A server on its own threads; ends when it is dropped.
pub struct Running {
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    task: Option<tokio::task::JoinHandle<Stats>>,
    pub plain: Vec<SocketAddr>,
    pub tls: Vec<SocketAddr>,
    pub articles: u64,
    reloader: Reloader,
}

pub fn local() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Serves `files` on one plain address and what `change` adds.
pub fn start(files: &Path, change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config::new(files);
    config.listen.push(local());
    config.article_size = 1000;
    change(&mut config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(Server::bind(config)).unwrap();
    let (stop, stopped) = oneshot::channel();
    let (plain, tls) = (server.plain_addrs().to_vec(), server.tls_addrs().to_vec());
    let (articles, reloader) = (server.articles(), server.reloader());
    let task = runtime.spawn(async move {
        let stop = async {
            let _ = stopped.await;
        };
        server.run(stop).await.unwrap()
    });
    Running {
        runtime,
        stop: Some(stop),
        task: Some(task),
        plain,
        tls,
        articles,
        reloader,
    }
}

impl Running {
    pub fn connect(&self) -> Client<TcpStream> {
        self.greet(TcpStream::connect(self.plain[0]).unwrap())
    }

    /// A client whose socket holds as little as the system lets it.
    pub fn connect_narrow(&self) -> Client<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        socket.set_send_buffer_size(4 << 10).unwrap();
        socket.connect(&self.plain[0].into()).unwrap();
        self.greet(socket.into())
    }

    fn greet(&self, stream: TcpStream) -> Client<TcpStream> {
        // A test that hangs should fail instead.
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut client = Client::new(stream);
        client.greeting = client.line();
        client
    }

    pub fn reload(&self, (user, password): (&str, &str)) -> Result<Reloaded, Error> {
        let credentials = Some((user.to_owned(), password.to_owned()));
        self.runtime.block_on(self.reloader.reload(credentials))
    }

    pub fn stop(mut self) -> Stats {
        let _ = self.stop.take().unwrap().send(());
        self.runtime.block_on(self.task.take().unwrap()).unwrap()
    }
}

/// A session, one command at a time or many.
pub struct Client<S> {
    stream: BufReader<S>,
    pub greeting: String,
}

impl<S: Read + Write> Client<S> {
    pub fn new(stream: S) -> Self {
        Client {
            stream: BufReader::new(stream),
            greeting: String::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
        self.stream.get_mut().flush().unwrap();
    }

    /// Whether the server still takes something.
    pub fn try_send(&mut self, text: &str) -> bool {
        self.stream.get_mut().write_all(text.as_bytes()).is_ok()
    }

    /// A line without CRLF; empty at the end of the stream.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).unwrap();
        if !line.is_empty() {
            assert!(line.ends_with(b"\r\n"), "{line:?}");
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    pub fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n"));
        self.line()
    }

    pub fn log_in(&mut self, user: &str, password: &str) {
        assert!(
            self.ask(&format!("AUTHINFO USER {user}"))
                .starts_with("381")
        );
        assert!(
            self.ask(&format!("AUTHINFO PASS {password}"))
                .starts_with("281")
        );
    }

    /// The lines of a block, unstuffed, each with its CRLF.
    pub fn block(&mut self) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            self.stream.read_until(b'\n', &mut line).unwrap();
            assert!(line.ends_with(b"\r\n"), "cut off: {line:?}");
            if line == b".\r\n" {
                return lines;
            }
            if line.starts_with(b".") {
                line.remove(0);
            }
            lines.push(line);
        }
    }

    pub fn text_block(&mut self) -> Vec<String> {
        let lines = self.block().into_iter();
        lines
            .map(|line| String::from_utf8(line).unwrap().trim_end().to_owned())
            .collect()
    }

    /// Whether the server has closed the stream.
    pub fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).is_ok() && rest.is_empty()
    }
}

impl Client<TcpStream> {
    pub fn end_sending(&mut self) {
        self.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    }
}

/// A decoded article.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    pub begin: String,
    /// From 0; 0 without `=ypart`.
    pub offset: usize,
    pub data: Vec<u8>,
    pub end: String,
}

/// Plain yEnc, byte by byte, from unstuffed lines.
pub fn decode(lines: &[Vec<u8>]) -> Part {
    let mut part = Part {
        begin: String::new(),
        offset: 0,
        data: Vec::new(),
        end: String::new(),
    };
    for line in lines {
        let line = &line[..line.len() - 2];
        let text = || String::from_utf8_lossy(line).into_owned();
        if line.starts_with(b"=ybegin ") {
            part.begin = text();
        } else if line.starts_with(b"=ypart ") {
            part.offset = field(&text(), "begin").parse::<usize>().unwrap() - 1;
        } else if line.starts_with(b"=yend ") {
            part.end = text();
        } else {
            let mut bytes = line.iter();
            while let Some(&byte) = bytes.next() {
                let byte = match byte {
                    b'=' => bytes.next().unwrap().wrapping_sub(64),
                    byte => byte,
                };
                part.data.push(byte.wrapping_sub(42));
            }
        }
    }
    part
}

/// Value of ` key=value` in a control line.
pub fn field(line: &str, key: &str) -> String {
    let (_, rest) = line.split_once(&format!(" {key}=")).unwrap();
    rest.split(' ').next().unwrap().to_owned()
}

/// CRC-32, bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1));
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc))
    })
}

/// Message-ids of an NZB in the order of the text, and the subjects.
pub fn nzb(path: &Path) -> (Vec<String>, Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let between = |open: &str, close: &str| -> Vec<String> {
        let pieces = text.split(open).skip(1);
        pieces
            .map(|piece| piece.split(close).next().unwrap().to_owned())
            .collect()
    };
    let ids = between("<segment ", "</segment>");
    let ids = ids
        .iter()
        .map(|text| text.split_once('>').unwrap().1.to_owned());
    (ids.collect(), between("subject=\"", "\">"))
}

/// Bytes that meet every special case of the encoding, different for each seed.
pub fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // A third of the bytes become `.`, NUL, LF, CR or `=` on the wire.
        match state % 15 {
            0 => b'.'.wrapping_sub(42),
            1 => 0u8.wrapping_sub(42),
            2 => b'\n'.wrapping_sub(42),
            3 => b'\r'.wrapping_sub(42),
            4 => b'='.wrapping_sub(42),
            _ => (state >> 32) as u8,
        }
    };
    (0..len).map(next).collect()
}
