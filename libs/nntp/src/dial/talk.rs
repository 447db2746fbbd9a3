//! What is said before the session: one command, one answer, nothing pipelined.

use std::time::Duration;

use tokio::time::timeout;

use super::{Refusal, transport};
use crate::Class;
use crate::classify::{Meaning, meaning};
use crate::command::Command;
use crate::config::Secret;
use crate::multiline::Framer;
use crate::response::Status;
use crate::route::Cause;
use crate::wire::Wire;

/// Octets of the longest block that is read before the session.
const LONGEST_BLOCK: usize = 32 << 10;

/// A status line, read and judged.
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// Code and text, fit to be shown.
    pub(crate) shown: String,
    class: Class,
}

impl Reply {
    fn read(status: &Status<'_>, password: Option<&Secret>) -> Reply {
        let class = match meaning(status) {
            Meaning::Capacity => Class::Capacity,
            Meaning::Refused | Meaning::NeedLogin => Class::Login,
            _ => Class::Transport,
        };
        Reply {
            code: status.code,
            shown: status.shown_without(password),
            class,
        }
    }

    /// The code, if it is one of `good`; else what it means that it is not.
    pub(super) fn among(self, good: &[u16]) -> Result<u16, Cause> {
        if good.contains(&self.code) {
            return Ok(self.code);
        }
        let text = match self.code {
            // Good news, elsewhere.
            200 | 201 | 281 | 381 | 382 => format!("{} at the wrong time", self.code),
            _ => self.shown,
        };
        Err(Cause::said(self.class, self.code, text))
    }
}

impl Reply {
    /// Itself, if the server serves this account: it may not have what was asked
    /// for, but does not turn away the one who asks.
    pub(crate) fn served(self) -> Result<Reply, Refusal> {
        match self.class {
            Class::Capacity | Class::Login => {
                Err(Cause::said(self.class, self.code, self.shown).into())
            }
            _ => Ok(self),
        }
    }
}

/// The conversation before the session.
pub(crate) struct Talk<'a> {
    pub(crate) wire: &'a mut Wire,
    /// Of what the server says, not to be shown.
    password: Option<&'a Secret>,
}

impl<'a> Talk<'a> {
    pub(crate) fn new(wire: &'a mut Wire, password: Option<&'a Secret>) -> Talk<'a> {
        Talk { wire, password }
    }

    /// AUTHINFO, never pipelined (RFC 4643 §2.3.1). Some servers are content
    /// with the user name.
    pub(super) async fn login(&mut self, limit: Duration, user: &str) -> Result<(), Refusal> {
        let began = tokio::time::Instant::now();
        self.wire.send(Command::User(user));
        let reply = self.exchange(limit, SILENT).await?;
        self.wire.took(began.elapsed());
        if reply.among(&[281, 381]).map_err(at_login)? == 281 {
            return Ok(());
        }
        let Some(password) = self.password else {
            let text = "it wants a password and there is none";
            return Err(Cause::new(Class::Login, text).into());
        };
        self.wire.send(Command::Pass(password.expose()));
        let reply = self.exchange(limit, SILENT).await?;
        if reply.code == 381 {
            let text = "381 again after the password".to_owned();
            return Err(Cause::said(Class::Login, 381, text).into());
        }
        reply.among(&[281]).map(drop).map_err(at_login)
    }

    /// What the server says it can do; nothing if it does not know the command.
    pub(crate) async fn capabilities(&mut self, limit: Duration) -> Result<Vec<String>, Refusal> {
        self.wire.send(Command::Capabilities);
        let reply = self.exchange(limit, "no answer to CAPABILITIES").await?;
        if reply.code != 101 {
            return Ok(Vec::new());
        }
        let block = timeout(limit, self.block()).await;
        block.unwrap_or_else(|_| Err(transport("the list of capabilities does not end")))
    }

    /// The lines of a block.
    async fn block(&mut self) -> Result<Vec<String>, Refusal> {
        let mut framer = Framer::new();
        let mut text = Vec::new();
        loop {
            let (count, ended) = framer.feed(self.wire.arrived());
            text.extend_from_slice(&self.wire.arrived()[..count]);
            self.wire.consume(count);
            if ended {
                text.truncate(text.len() - framer.terminator_len());
                let text = String::from_utf8_lossy(&text);
                return Ok(text.lines().map(|line| fit(line.trim())).collect());
            }
            if text.len() > LONGEST_BLOCK {
                return Err(transport("a list without end"));
            }
            self.more().await?;
        }
    }

    /// Sends what waits and reads one status line.
    pub(crate) async fn exchange(
        &mut self,
        limit: Duration,
        silent: &str,
    ) -> Result<Reply, Refusal> {
        let answer = timeout(limit, self.status_line()).await;
        answer.unwrap_or_else(|_| Err(transport(silent)))
    }

    /// Of use before the session, where servers speak only when spoken to:
    /// bytes behind the line stay for the session, where they fit no request.
    async fn status_line(&mut self) -> Result<Reply, Refusal> {
        loop {
            let found = self.wire.status().map_err(|e| transport(e.to_string()))?;
            if let Some((status, length)) = found {
                let reply = Reply::read(&status, self.password);
                self.wire.consume(length);
                return Ok(reply);
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), Refusal> {
        match self.wire.turn().await {
            Ok(0) => Err(transport("the server closed the connection")),
            Ok(_) => Ok(()),
            Err(error) => Err(transport(error.to_string())),
        }
    }
}

const SILENT: &str = "no answer to the login";

/// 452 is not in RFC 4643, but sent for a bad login.
fn at_login(mut cause: Cause) -> Refusal {
    if cause.code == Some(452) {
        cause.class = Class::Login;
    }
    cause.into()
}

/// A line of capabilities goes to terminals: words of letters, digits and a few
/// signs (RFC 3977 §9.5).
fn fit(line: &str) -> String {
    let shown = line.chars().take(500);
    shown
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .collect()
}
