//! A news server that does what a script says: each article has its own behaviour,
//! right or wrong, and every byte the client sends is kept.
//!
//! One thread a connection and blocking sockets; that is plenty for a test. It
//! speaks only what the programs use. What it serves is left to `corpus`.

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::corpus::flipped;
use crate::script::Login;
pub use crate::script::{Act, Script, When};

impl Script {
    /// Listens on a free port of 127.0.0.1.
    pub fn start(self) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            once: Mutex::new(self.once.clone()),
            log: Mutex::default(),
            asked: Mutex::default(),
            faults: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            allowed: AtomicUsize::new(self.sessions),
            seated: AtomicUsize::new(0),
            turned_away: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            released: (Mutex::new(false), Condvar::new()),
            stopped: AtomicBool::new(false),
            script: self,
        });
        let accepting = Arc::clone(&shared);
        Server {
            port,
            shared,
            accept: Some(thread::spawn(move || accept(&listener, &accepting))),
        }
    }
}

/// A running server; dropping it closes its port.
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
    accept: Option<JoinHandle<()>>,
}

struct Shared {
    script: Script,
    once: Mutex<HashMap<String, VecDeque<Act>>>,
    log: Mutex<Vec<u8>>,
    asked: Mutex<Vec<String>>,
    faults: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
    allowed: AtomicUsize,
    seated: AtomicUsize,
    turned_away: AtomicUsize,
    held: AtomicUsize,
    released: (Mutex<bool>, Condvar),
    stopped: AtomicBool,
}

impl Server {
    /// The flag that names this server, quoted for sh. Two connections.
    pub fn flag(&self) -> String {
        self.flag_with("pipeline=4")
    }

    /// The same with another query, which may say how many connections.
    pub fn flag_with(&self, query: &str) -> String {
        let connections = if query.contains("connections=") {
            ""
        } else {
            "connections=2&"
        };
        format!("-s 'nntp://127.0.0.1:{}/?{connections}{query}'", self.port)
    }

    /// The same with a user name.
    pub fn flag_as(&self, user: &str) -> String {
        format!("-s 'nntp://{user}@127.0.0.1:{}/?connections=2'", self.port)
    }

    /// A `[[server]]` table of the server file, with more lines at its end.
    pub fn table(&self, lines: &str) -> String {
        format!(
            "[[server]]\nhost = \"127.0.0.1\"\nport = {}\ntls = false\nconnections = 2\n{lines}\n",
            self.port
        )
    }

    /// Every byte the clients sent. Connections interleave by whole reads.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.shared.log.lock().unwrap()).into_owned()
    }

    /// How often article `id` was asked for and answered.
    pub fn asked(&self, id: &str) -> usize {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter(|one| *one == id).count()
    }

    /// How many requests got an answer out of the script, not their article.
    pub fn faults(&self) -> usize {
        self.shared.faults.load(Ordering::SeqCst)
    }

    /// The port of 127.0.0.1 it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on `n` sessions may be there at once. None is ended for it.
    pub fn allow(&self, n: usize) {
        self.shared.allowed.store(n, Ordering::SeqCst);
    }

    /// The sessions that were let in and are there now.
    pub fn seated(&self) -> usize {
        self.shared.seated.load(Ordering::SeqCst)
    }

    /// How many sessions were turned away because there were too many.
    pub fn turned_away(&self) -> usize {
        self.shared.turned_away.load(Ordering::SeqCst)
    }

    /// The most sessions there were at once.
    pub fn most(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }

    /// Whether a request stands before [`Act::Hold`].
    pub fn holds(&self) -> bool {
        self.shared.held.load(Ordering::SeqCst) > 0
    }

    /// Answers everything that is held, now and later.
    pub fn release(&self) {
        let (released, changed) = &self.shared.released;
        *released.lock().unwrap() = true;
        changed.notify_all();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.release();
        // Wakes the thread that waits in accept.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(accept) = self.accept.take() {
            let _ = accept.join();
        }
    }
}

/// A port of 127.0.0.1 where nobody listens, as the flag that names a server there.
pub fn nobody() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    format!("-s 'nntp://127.0.0.1:{port}/?connections=2'")
}

/// The header of article `id`, with the empty line: one field is folded, one is not
/// UTF-8, and one line begins with a dot, which the wire doubles.
pub fn header(id: &str) -> Vec<u8> {
    let text = format!(
        "Path: corpus.example!not-for-mail\r\nFrom: Poster <poster@corpus.example>\r\n\
         Subject: a subject\r\n\tin two lines\r\nMessage-ID: <{id}>\r\n..Dot: yes\r\nX-Latin: "
    );
    [text.as_bytes(), b"gr\xfc\xdfe\r\n\r\n"].concat()
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (nth, stream) in listener.incoming().enumerate() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if nth >= shared.script.connections {
            continue;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let turn = shared.open.fetch_add(1, Ordering::SeqCst);
            shared.most.fetch_max(turn + 1, Ordering::SeqCst);
            let mut session = Session::new(stream, &shared);
            let _ = session.run();
            drop(session);
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

struct Session<'a> {
    stream: TcpStream,
    shared: &'a Shared,
    unread: Vec<u8>,
    user: String,
    open: bool,
    bodies: usize,
    seated: bool,
    /// Whether the article at hand is asked for with its header.
    whole: bool,
}

/// Why a session ends.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Over {
        Over
    }
}

impl<'a> Session<'a> {
    fn new(stream: TcpStream, shared: &'a Shared) -> Session<'a> {
        let _ = stream.set_nodelay(true);
        Session {
            stream,
            shared,
            unread: Vec::new(),
            user: String::new(),
            open: matches!(shared.script.login, Login::Open),
            bodies: 0,
            seated: false,
            whole: false,
        }
    }

    fn run(&mut self) -> Result<(), Over> {
        self.sit(When::Greeting)?;
        let greeting = &self.shared.script.greeting;
        self.say(greeting)?;
        if !greeting.starts_with("200") {
            return self.hang_up();
        }
        while self.bodies < self.shared.script.bodies_a_connection {
            let Some(line) = self.line()? else {
                return Ok(());
            };
            self.answer(&line)?;
        }
        self.hang_up()
    }

    /// Takes a place, if one is needed from now on, or turns the client away.
    fn sit(&mut self, now: When) -> Result<(), Over> {
        let (when, line) = &self.shared.script.full;
        if self.seated || *when != now {
            return Ok(());
        }
        let allowed = self.shared.allowed.load(Ordering::SeqCst);
        let one_more = |n: usize| (n < allowed).then_some(n + 1);
        let taken = self
            .shared
            .seated
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more);
        if taken.is_ok() {
            self.seated = true;
            return Ok(());
        }
        self.shared.turned_away.fetch_add(1, Ordering::SeqCst);
        self.say(line)?;
        self.hang_up()
    }

    /// The next command without its line end; `None` when the client has left.
    fn line(&mut self) -> Result<Option<String>, Over> {
        loop {
            if let Some(end) = self.unread.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).into_owned();
                return Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()));
            }
            let mut chunk = [0; 4096];
            let n = self.stream.read(&mut chunk)?;
            if n == 0 {
                return Ok(None);
            }
            self.shared
                .log
                .lock()
                .unwrap()
                .extend_from_slice(&chunk[..n]);
            self.unread.extend_from_slice(&chunk[..n]);
        }
    }

    fn answer(&mut self, line: &str) -> Result<(), Over> {
        // RFC 4643 section 2.3.2: a password may have spaces.
        if let Some(password) = line.strip_prefix("AUTHINFO PASS ") {
            return self.password(password);
        }
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["QUIT"] => {
                self.say("205 bye")?;
                self.hang_up()
            }
            ["AUTHINFO", "USER", user] => {
                self.user = user.to_owned();
                self.say("381 password please")
            }
            ["BODY", id] if self.open => {
                let id = id.trim_start_matches('<').trim_end_matches('>');
                self.body(id)
            }
            ["ARTICLE", id] if self.open => {
                let id = id.trim_start_matches('<').trim_end_matches('>');
                self.whole = true;
                let answered = self.body(id);
                self.whole = false;
                answered
            }
            ["BODY" | "ARTICLE" | "STAT", _] if !self.open => self.say("480 log in first"),
            ["STAT", id] => {
                self.sit(When::Body)?;
                self.say(&format!("430 {id} no such article"))
            }
            ["DATE"] => self.say("111 20200102030405"),
            ["CAPABILITIES"] => self.say("101 these\r\nVERSION 2\r\nREADER\r\n."),
            ["MODE", "READER"] => self.say("200 posting allowed"),
            _ => self.say("500 what?"),
        }
    }

    fn password(&mut self, password: &str) -> Result<(), Over> {
        match &self.shared.script.login {
            Login::Needed(user, secret) if *user != self.user || secret != password => {
                self.say("481 wrong user name or password")
            }
            Login::Refused(line) => self.say(line),
            _ => {
                self.sit(When::Login)?;
                self.open = true;
                self.say("281 welcome")
            }
        }
    }

    fn body(&mut self, id: &str) -> Result<(), Over> {
        self.sit(When::Body)?;
        thread::sleep(self.shared.script.pace);
        self.shared.asked.lock().unwrap().push(id.to_owned());
        let Some(own) = self.shared.script.articles.get(id) else {
            return self.say("430 no such article");
        };
        let act = self.shared.next(id);
        if act.is_some() {
            self.shared.faults.fetch_add(1, Ordering::SeqCst);
        }
        self.bodies += 1;
        match act {
            None => self.send(id, own),
            Some(Act::Reply(line)) => self.say(&line),
            Some(Act::Flip) => self.send(id, &flipped(own)),
            Some(Act::Instead(body)) => self.send(id, &body),
            Some(Act::Named(other)) => self.send(&other, own),
            Some(Act::Cut(bytes)) => {
                self.begin(id, &own[..bytes])?;
                self.hang_up()
            }
            Some(Act::Stall) => {
                self.begin(id, &own[..own.len() / 2])?;
                self.drain()
            }
            Some(Act::Hold) => {
                self.shared.hold();
                self.send(id, own)
            }
        }
    }

    fn say(&mut self, line: &str) -> Result<(), Over> {
        Ok(self.stream.write_all(format!("{line}\r\n").as_bytes())?)
    }

    fn send(&mut self, id: &str, body: &[u8]) -> Result<(), Over> {
        self.begin(id, body)?;
        Ok(self.stream.write_all(b".\r\n")?)
    }

    fn begin(&mut self, id: &str, body: &[u8]) -> Result<(), Over> {
        let mut reply = match self.whole {
            true => [format!("220 0 <{id}>\r\n").as_bytes(), &header(id)].concat(),
            false => format!("222 0 <{id}>\r\n").into_bytes(),
        };
        reply.extend_from_slice(body);
        Ok(self.stream.write_all(&reply)?)
    }

    /// Closes our side and reads on, so that what was sent arrives: closing with
    /// unread commands would reset the connection.
    fn hang_up(&mut self) -> Result<(), Over> {
        self.stream.shutdown(Shutdown::Write)?;
        self.drain()
    }

    fn drain(&mut self) -> Result<(), Over> {
        self.stream
            .set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut chunk = [0; 4096];
        while let Ok(n) = self.stream.read(&mut chunk) {
            if n == 0 {
                break;
            }
            self.shared
                .log
                .lock()
                .unwrap()
                .extend_from_slice(&chunk[..n]);
        }
        Err(Over)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if self.seated {
            self.shared.seated.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Shared {
    fn next(&self, id: &str) -> Option<Act> {
        let mut once = self.once.lock().unwrap();
        let queued = once.get_mut(id).and_then(VecDeque::pop_front);
        queued.or_else(|| self.script.always.get(id).cloned())
    }

    fn hold(&self) {
        self.held.fetch_add(1, Ordering::SeqCst);
        let (released, changed) = &self.released;
        let mut open = released.lock().unwrap();
        while !*open {
            open = changed.wait(open).unwrap();
        }
        self.held.fetch_sub(1, Ordering::SeqCst);
    }
}
