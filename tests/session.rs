//! One session of the scripted server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::corpus::flipped;
use crate::script::Login;
use crate::server::{Act, Shared, When, header};

pub struct Session<'a> {
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
pub struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Over {
        Over
    }
}

impl<'a> Session<'a> {
    pub fn new(stream: TcpStream, shared: &'a Shared) -> Session<'a> {
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

    pub fn run(&mut self) -> Result<(), Over> {
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
