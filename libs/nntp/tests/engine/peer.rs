//! A scripted news server: it says to each command what the test wants.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nzbpipe_nntp::config::Server;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::time::sleep;

/// What the peer does next.
#[derive(Clone, Debug)]
pub enum Act {
    /// Says this.
    Say(Vec<u8>),
    /// Says this, a few bytes at a time.
    Crumbs(Vec<u8>, usize),
    /// Says this so many bytes at a time, with a pause before each further piece.
    Drip(Vec<u8>, usize, Duration),
    /// Says this after a while.
    Later(Vec<u8>, Duration),
    /// Says the first and then the second again and again, without end.
    Endless(Vec<u8>, Vec<u8>),
    /// Says this and closes the connection.
    Last(Vec<u8>),
    /// Says this and resets the connection.
    Reset(Vec<u8>),
    /// Says this and then never anything more.
    Stall(Vec<u8>),
    /// Says this once all others have come as far.
    Together(Vec<u8>, Arc<Barrier>),
    /// Says nothing to this command.
    Nothing,
    /// Says this and no more to this connection, but goes on listening.
    Half(Vec<u8>),
    /// A fault of this name, counted when it was delivered.
    Fault(&'static str, Box<Act>),
}

pub fn say(line: &str) -> Act {
    Act::Say(format!("{line}\r\n").into_bytes())
}

pub fn last(line: &str) -> Act {
    Act::Last(format!("{line}\r\n").into_bytes())
}

/// The article `id` as every good server has it.
pub fn article(id: &str) -> Vec<u8> {
    answer(id, &text(id))
}

/// A 222 that names `id`, with `text` as body.
pub fn answer(id: &str, text: &str) -> Vec<u8> {
    format!("222 0 <{id}> body\r\n{text}.\r\n").into_bytes()
}

/// The dot-stuffed lines of the article `id`.
pub fn text(id: &str) -> String {
    format!(
        "body of {id}\r\n..stuffed\r\n\r\n{}\r\n",
        "x".repeat(id.len() * 7)
    )
}

/// The id that a BODY command asks for.
pub fn id(command: &str) -> Option<&str> {
    command.strip_prefix("BODY <")?.strip_suffix(">")
}

/// A command as the script sees it.
pub struct Asked<'a> {
    /// Which connection, from 0.
    pub connection: usize,
    /// Which BODY command of this connection, from 0.
    pub nth: usize,
    /// The line; empty for the greeting.
    pub line: &'a str,
}

type Script = dyn Fn(&Asked<'_>) -> Option<Act> + Send + Sync;

/// A running peer; it ends with its runtime.
pub struct Peer {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    script: Box<Script>,
    connections: AtomicUsize,
    log: Mutex<Vec<(usize, String)>>,
    faults: Mutex<BTreeMap<&'static str, usize>>,
}

impl Peer {
    /// A server that has all articles, except where `script` says otherwise.
    pub async fn new(script: impl Fn(&Asked<'_>) -> Option<Act> + Send + Sync + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Peer::at(listener, script)
    }

    /// The same with a socket that takes 4 KiB of commands.
    pub async fn narrow(
        script: impl Fn(&Asked<'_>) -> Option<Act> + Send + Sync + 'static,
    ) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        socket2::SockRef::from(&listener)
            .set_recv_buffer_size(4096)
            .unwrap();
        Peer::at(listener, script)
    }

    fn at(
        listener: TcpListener,
        script: impl Fn(&Asked<'_>) -> Option<Act> + Send + Sync + 'static,
    ) -> Peer {
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            script: Box::new(script),
            connections: AtomicUsize::new(0),
            log: Mutex::new(Vec::new()),
            faults: Mutex::default(),
        });
        let accepting = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&accepting).converse(tcp));
            }
        });
        Peer { address, state }
    }

    /// A server that has all articles.
    pub async fn good() -> Peer {
        Peer::new(|_| None).await
    }

    /// How to reach it; one connection unless changed.
    pub fn server(&self, name: &str) -> Server {
        Server {
            name: name.to_owned(),
            port: self.address.port(),
            connections: 1,
            ..Server::new("127.0.0.1", false)
        }
    }

    /// All commands so far.
    pub fn log(&self) -> Vec<String> {
        let log = self.state.log.lock().unwrap();
        log.iter().map(|(_, line)| line.clone()).collect()
    }

    /// The ids asked for so far, in order.
    pub fn asked(&self) -> Vec<String> {
        self.log()
            .iter()
            .filter_map(|line| id(line))
            .map(str::to_owned)
            .collect()
    }

    /// The faults delivered so far.
    pub fn faults(&self) -> BTreeMap<&'static str, usize> {
        self.state.faults.lock().unwrap().clone()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(SeqCst)
    }
}

impl State {
    async fn converse(self: Arc<State>, tcp: TcpStream) {
        let connection = self.connections.fetch_add(1, SeqCst);
        let _ = self.talk(connection, tcp).await;
    }

    async fn talk(&self, connection: usize, tcp: TcpStream) -> std::io::Result<()> {
        tcp.set_nodelay(true)?;
        let mut stream = BufReader::new(tcp);
        let mut nth = 0;
        let mut line = String::new();
        loop {
            let asked = Asked {
                connection,
                nth,
                line: &line,
            };
            let act = (self.script)(&asked).unwrap_or_else(|| usual(&line));
            nth += usize::from(id(&line).is_some());
            let (act, fault) = match act {
                Act::Fault(name, act) => (*act, Some(name)),
                act => (act, None),
            };
            let stalls = matches!(act, Act::Stall(_));
            if let Some(name) = fault.filter(|_| stalls) {
                self.count(name);
            }
            let goes_on = perform(act, &mut stream).await?;
            if let Some(name) = fault {
                self.count(name);
            }
            if !goes_on || line == "QUIT" {
                return Ok(());
            }
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            line.truncate(line.trim_end().len());
            self.log.lock().unwrap().push((connection, line.clone()));
        }
    }
}

impl State {
    fn count(&self, fault: &'static str) {
        *self.faults.lock().unwrap().entry(fault).or_default() += 1;
    }
}

/// What a good server says.
fn usual(line: &str) -> Act {
    match line.split(' ').next().unwrap_or_default() {
        "" => say("200 scripted peer ready"),
        "BODY" => Act::Say(article(id(line).unwrap_or("?"))),
        "AUTHINFO" if line.starts_with("AUTHINFO USER") => say("381 password"),
        "AUTHINFO" => say("281 welcome"),
        "QUIT" => say("205 bye"),
        _ => say("500 what?"),
    }
}

/// Whether the conversation goes on.
async fn perform(act: Act, stream: &mut BufReader<TcpStream>) -> std::io::Result<bool> {
    match act {
        Act::Say(bytes) => stream.write_all(&bytes).await?,
        Act::Crumbs(bytes, size) => {
            for crumb in bytes.chunks(size) {
                stream.write_all(crumb).await?;
                tokio::task::yield_now().await;
            }
        }
        Act::Drip(bytes, size, pause) => {
            for (at, piece) in bytes.chunks(size).enumerate() {
                if at > 0 {
                    sleep(pause).await;
                }
                stream.write_all(piece).await?;
            }
        }
        Act::Later(bytes, wait) => {
            sleep(wait).await;
            stream.write_all(&bytes).await?;
        }
        Act::Endless(bytes, more) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.write_all(&more).await?;
            }
        }
        Act::Half(bytes) => {
            stream.write_all(&bytes).await?;
            stream.get_mut().shutdown().await?;
            let mut rest = Vec::new();
            while stream.read_until(b'\n', &mut rest).await? > 0 {
                rest.clear();
            }
            return Ok(false);
        }
        Act::Last(bytes) => {
            stream.write_all(&bytes).await?;
            return Ok(false);
        }
        Act::Reset(bytes) => {
            stream.write_all(&bytes).await?;
            stream.get_ref().set_zero_linger()?;
            return Ok(false);
        }
        Act::Stall(bytes) => {
            stream.write_all(&bytes).await?;
            std::future::pending::<()>().await;
        }
        Act::Together(bytes, barrier) => {
            barrier.wait().await;
            stream.write_all(&bytes).await?;
        }
        Act::Nothing => {}
        Act::Fault(..) => unreachable!("taken apart before"),
    }
    Ok(true)
}
