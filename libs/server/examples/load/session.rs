//! One client: its commands and our answers, each of them late if that was asked for.

use std::io;
use std::net::TcpStream;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConfig;

use crate::job::Job;
use crate::line::{Line, Pace};

/// Longer than any command may be (RFC 3977 section 3.1).
const LONGEST: usize = 512;

pub struct Server {
    pub job: Job,
    /// From a command to its answer.
    pub delay: Option<Duration>,
    /// Bytes per second of each connection.
    pub rate: Option<u64>,
    /// Nothing is sent to those who did not give a password.
    pub login: bool,
}

struct Talk<'a> {
    server: &'a Server,
    line: &'a Line,
    pace: Option<Pace>,
    known: bool,
}

impl Server {
    pub fn serve(&self, tcp: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
        let began = Instant::now();
        let secure = tls.is_some();
        let line = Line::new(tcp, tls, self.delay)?;
        let mut talk = Talk {
            server: self,
            line: &line,
            pace: self.rate.map(Pace::new),
            known: !self.login,
        };
        let Some(delay) = self.delay else {
            talk.say("200 load")?;
            return commands(&line, |command| talk.answer(command));
        };
        // The client's last message of the handshake has come just now.
        let greeting = if secure { Instant::now() } else { began } + delay;
        let (late, due) = mpsc::channel::<(Instant, String)>();
        thread::scope(|scope| {
            scope.spawn(|| {
                commands(&line, move |command| {
                    let command = (Instant::now() + delay, command.to_owned());
                    Ok(late.send(command).is_ok())
                })
            });
            thread::sleep(greeting.saturating_duration_since(Instant::now()));
            talk.say("200 load")?;
            for (when, command) in due {
                thread::sleep(when.saturating_duration_since(Instant::now()));
                if !talk.answer(&command)? {
                    return line.close();
                }
            }
            Ok(())
        })
    }
}

/// Hands out the client's commands, until it goes or `take` has enough.
fn commands(line: &Line, mut take: impl FnMut(&str) -> io::Result<bool>) -> io::Result<()> {
    let mut text = Vec::new();
    while line.receive(&mut text)? {
        let mut used = 0;
        while let Some(end) = memchr::memchr(b'\n', &text[used..]) {
            let command = String::from_utf8_lossy(&text[used..used + end]);
            used += end + 1;
            if !take(command.trim_end())? {
                return Ok(());
            }
        }
        text.drain(..used);
        if text.len() > LONGEST {
            return Err(io::Error::other("a line without end"));
        }
    }
    Ok(())
}

impl Talk<'_> {
    fn say(&mut self, text: &str) -> io::Result<()> {
        let text = [text.as_bytes(), b"\r\n"].concat();
        self.line.send([&text, b"", b""], None)
    }

    /// False when the client has said farewell.
    fn answer(&mut self, command: &str) -> io::Result<bool> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        match &*verb.to_ascii_uppercase() {
            "BODY" => self.article(222, rest)?,
            "ARTICLE" => self.article(220, rest)?,
            "STAT" => self.article(223, rest)?,
            "CAPABILITIES" => self.say(
                "101 can\r\nVERSION 2\r\nREADER\r\nAUTHINFO USER\r\nIMPLEMENTATION load\r\n.",
            )?,
            "MODE" => self.say("200 reader")?,
            "GROUP" => self.say(&format!("211 1 1 1 {rest}"))?,
            "DATE" => self.say("111 20260101000000")?,
            "AUTHINFO" => self.login(rest)?,
            "QUIT" => {
                self.say("205 bye")?;
                return Ok(false);
            }
            _ => self.say("500 what?")?,
        }
        Ok(true)
    }

    fn login(&mut self, rest: &str) -> io::Result<()> {
        if rest
            .get(..5)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("USER "))
        {
            return self.say("381 and the password?");
        }
        self.known = true;
        self.say("281 welcome")
    }

    fn article(&mut self, code: u16, id: &str) -> io::Result<()> {
        if !self.known {
            return self.say("480 who are you?");
        }
        let bare = id.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
        let Some(body) = bare.and_then(|id| self.server.job.article(id)) else {
            return self.say("430 no such article");
        };
        let status = format!("{code} 0 {id}\r\n");
        let head = match code {
            223 => return self.say(status.trim_end()),
            222 => status + &body.head,
            _ => {
                let headers = "From: load@load.invalid\r\nNewsgroups: alt.binaries.test\r\n";
                format!(
                    "{status}{headers}Subject: load\r\nMessage-ID: {id}\r\n\r\n{}",
                    body.head
                )
            }
        };
        let pieces = [head.as_bytes(), body.lines, body.tail.as_bytes()];
        self.line.send(pieces, self.pace.as_mut())
    }
}
