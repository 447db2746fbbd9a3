//! A news server that does what a script says: each article has its own behaviour,
//! right or wrong, and every byte the client sends is kept.
//!
//! One thread a connection and blocking sockets; that is plenty for a test. It
//! speaks only what the programs use. What it serves is left to `corpus`.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

pub use crate::script::{Act, Script, When};
use crate::session::Session;

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

pub struct Shared {
    pub script: Script,
    pub once: Mutex<HashMap<String, VecDeque<Act>>>,
    pub log: Mutex<Vec<u8>>,
    pub asked: Mutex<Vec<String>>,
    pub faults: AtomicUsize,
    pub open: AtomicUsize,
    pub most: AtomicUsize,
    pub allowed: AtomicUsize,
    pub seated: AtomicUsize,
    pub turned_away: AtomicUsize,
    pub held: AtomicUsize,
    pub released: (Mutex<bool>, Condvar),
    pub stopped: AtomicBool,
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

    /// How many articles were asked for in all.
    pub fn requests(&self) -> usize {
        self.shared.asked.lock().unwrap().len()
    }

    /// The connections there are now. One whose client was killed is there until what it
    /// had asked for is answered.
    pub fn connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
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

impl Shared {
    pub fn next(&self, id: &str) -> Option<Act> {
        let mut once = self.once.lock().unwrap();
        let queued = once.get_mut(id).and_then(VecDeque::pop_front);
        queued.or_else(|| self.script.always.get(id).cloned())
    }

    pub fn hold(&self) {
        self.held.fetch_add(1, Ordering::SeqCst);
        let (released, changed) = &self.released;
        let mut open = released.lock().unwrap();
        while !*open {
            open = changed.wait(open).unwrap();
        }
        self.held.fetch_sub(1, Ordering::SeqCst);
    }
}
