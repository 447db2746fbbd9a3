//! Looks at one server: is it reachable, who is it, what can it do, and how many
//! connections does it allow. What that means to a person is left to `cli`.

mod trouble;
mod x509;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::command::Command;
use crate::config::{Server, Verify};
use crate::dial::race::{Attempt, first};
use crate::dial::seen::Seen;
use crate::dial::talk::Talk;
use crate::dial::{Endpoint, Origin, Refusal, Shared};
use crate::tls::{self, Handshake};
use crate::wire::Wire;
use crate::wire::buffers::Buffers;
use crate::{Class, MessageId, Phase, Trace};
pub use trouble::TlsTrouble;

/// How often the way is measured.
const ROUNDS: usize = 5;

/// Connections opened at the same time: more look like an attack to some.
const AT_ONCE: usize = 4;

/// How long all goodbyes together may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long the second of two answers may come after the first.
const SECOND: Duration = Duration::from_secs(5);

/// What was found out about a server, as far as it went.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Check {
    /// Its name.
    pub server: String,
    /// All addresses of its host; of its proxy, if it has one.
    pub addresses: Vec<SocketAddr>,
    /// The one that answered.
    pub address: Option<SocketAddr>,
    /// How long the TCP connection took.
    pub connect: Option<Duration>,
    /// What TLS agreed upon, if the conversation is encrypted.
    pub tls: Option<TlsDetails>,
    /// What the server said first, with its code.
    pub greeting: Option<String>,
    /// Whether there was a login, and it was accepted.
    pub login: bool,
    /// Its answer to CAPABILITIES; empty if it does not know the command.
    pub capabilities: Vec<String>,
    /// Whether the conversation was compressed.
    pub compressed: bool,
    /// From command to answer, the median of some.
    pub rtt: Option<Duration>,
    /// Whether it answers two commands sent at once, in their order.
    pub pipelines: Option<bool>,
    /// Whether it names the message-id of an article that it does not have.
    pub echoes: Option<bool>,
    /// Connections that were open at once, logged in.
    pub connections: u16,
    /// Connections that the configuration wants.
    pub wanted: u16,
    /// What became of the connection after those, if it was not let in.
    pub turned_away: Option<(Class, String)>,
    /// Why the server cannot be used.
    pub problem: Option<Problem>,
}

/// What TLS agreed upon.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TlsDetails {
    /// How long the handshake took.
    pub took: Duration,
    /// `TLS 1.3`.
    pub version: &'static str,
    /// The cipher suite.
    pub cipher: String,
    /// How the key was agreed upon.
    pub exchange: String,
    /// Whose certificate it is.
    pub subject: String,
    /// Who vouches for it.
    pub issuer: String,
    /// The last day it is good for, `2031-12-24`.
    pub not_after: String,
    /// Whether the second connection resumed the session of the first.
    pub resumes: Option<bool>,
}

/// Why a server cannot be used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Problem {
    /// What was under way.
    pub phase: Phase,
    /// Which kind of failure it is.
    pub class: Class,
    /// In the words of the server, the system or ours.
    pub text: String,
    /// What TLS does not like.
    pub tls: Option<TlsTrouble>,
}

/// Looks at `server`, until `stop` resolves. Nothing is fetched; all connections
/// are closed with QUIT. `trace` is told the conversation.
///
/// Has to be awaited inside a tokio runtime with time and I/O.
pub async fn check(server: &Server, trace: Option<Trace>, stop: impl Future<Output = ()>) -> Check {
    let mut check = Check {
        server: server.name.clone(),
        wanted: server.connections,
        ..Check::default()
    };
    let system = match server.tls && server.verify != Verify::None {
        true => tokio::task::spawn_blocking(tls::system_roots)
            .await
            .unwrap_or_default(),
        false => Vec::new(),
    };
    let shared = Shared {
        rate: Arc::default(),
        stats: Arc::default(),
        trace,
        buffers: Buffers::default(),
    };
    let mut held = Vec::new();
    match Endpoint::new(server, &system, shared) {
        Ok(endpoint) => tokio::select! {
            biased;
            () = stop => {}
            () = look(&endpoint, &mut held, &mut check) => {}
        },
        Err(text) => {
            check.problem = Some(Problem {
                phase: Phase::Tls,
                class: Class::Login,
                text,
                tls: Some(TlsTrouble::Other),
            });
        }
    }
    goodbye(held).await;
    check
}

/// A connection, and its place among those of the account.
struct Held {
    wire: Wire,
    _slot: Option<Box<dyn Send>>,
}

/// What became of an attempt, and what was seen.
type Opened = (Result<Held, Refusal>, Seen);

async fn look(endpoint: &Endpoint, all: &mut Vec<Held>, check: &mut Check) {
    let mut seen = Seen::default();
    let opened = hold(endpoint, 0, &mut seen).await;
    check.note(&seen);
    let looked = match opened {
        Ok(held) => {
            check.connections = 1;
            all.push(held);
            match all.last_mut() {
                Some(held) => examine(endpoint, &mut held.wire, check).await,
                None => Ok(()),
            }
        }
        Err(refusal) => Err(refusal),
    };
    match looked {
        Ok(()) => crowd(endpoint, all, check).await,
        Err(refusal) => check.problem = Some(problem(refusal, &seen)),
    }
}

async fn hold(endpoint: &Endpoint, number: u64, seen: &mut Seen) -> Result<Held, Refusal> {
    let slot = match &endpoint.server.slots {
        None => None,
        Some(slots) => match slots.try_take() {
            None => return Err(Refusal::capacity(IN_USE)),
            taken => taken,
        },
    };
    let wire = endpoint.open_seen(number, seen).await?;
    Ok(Held { wire, _slot: slot })
}

const IN_USE: &str = "other processes use all connections of the account";

/// What the server can do, asked over one connection.
async fn examine(endpoint: &Endpoint, wire: &mut Wire, check: &mut Check) -> Result<(), Refusal> {
    let limit = endpoint.server.timeout;
    let mut talk = Talk::new(wire, endpoint.server.password.as_ref());
    check.capabilities = talk.capabilities(limit).await?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        talk.wire.send(Command::Date);
        talk.exchange(limit, "no answer to DATE").await?;
        rounds.push(began.elapsed());
    }
    rounds.sort();
    check.rtt = rounds.get(ROUNDS / 2).copied();
    let Some(id) = nobodys() else {
        return Ok(());
    };
    talk.wire.send(Command::Stat(&id));
    talk.wire.send(Command::Date);
    let absent = talk.exchange(limit, "no answer to STAT").await?.served()?;
    check.echoes = (absent.code == 430).then(|| absent.shown.contains(id.as_str()));
    let second = talk.exchange(SECOND, "no second answer").await;
    // DATE is 111, and STAT never is.
    check.pipelines = Some(match (&second, absent.code) {
        (Ok(reply), first) => reply.code == 111 && first != 111 || reply.code == 500,
        (Err(_), _) => false,
    });
    // Without it the server is of use, one request at a time.
    Ok(())
}

/// An article that nobody has posted.
fn nobodys() -> Option<MessageId> {
    let unique = format!("{:x}", std::process::id());
    MessageId::new(&format!("check.{unique}@nzbpipe.invalid")).ok()
}

/// Opens a connection beside the first and asks for something: some servers let in
/// more than they serve.
async fn join(endpoint: &Endpoint, number: u64, seen: &mut Seen) -> Result<Held, Refusal> {
    let mut held = hold(endpoint, number, seen).await?;
    let mut talk = Talk::new(&mut held.wire, endpoint.server.password.as_ref());
    if let Some(id) = nobodys() {
        talk.wire.send(Command::Stat(&id));
        let asked = talk.exchange(endpoint.server.timeout, "no answer to STAT");
        asked.await?.served()?;
    }
    Ok(held)
}

/// Opens the other connections, until one is not let in.
async fn crowd(endpoint: &Endpoint, all: &mut Vec<Held>, check: &mut Check) {
    let mut coming = 1..u64::from(check.wanted);
    let mut running: Vec<(u64, Attempt<'_, Opened>)> = Vec::new();
    loop {
        while running.len() < AT_ONCE
            && check.turned_away.is_none()
            && let Some(number) = coming.next()
        {
            let attempt = async move {
                let mut seen = Seen::default();
                (join(endpoint, number, &mut seen).await, seen)
            };
            running.push((number, Box::pin(attempt)));
        }
        if running.is_empty() {
            return;
        }
        let (_, _, (opened, seen)) = first(&mut running).await;
        if let (Some(tls), Some(handshake)) = (&mut check.tls, &seen.tls) {
            tls.resumes.get_or_insert(handshake.resumed);
        }
        match opened {
            Ok(held) => {
                all.push(held);
                check.connections += 1;
            }
            Err(refusal) => {
                let Refusal { cause, .. } = refusal;
                check.turned_away.get_or_insert((cause.class, cause.text));
            }
        }
    }
}

/// QUIT to all, then their answers.
async fn goodbye(mut all: Vec<Held>) {
    let farewell = async {
        for held in &mut all {
            held.wire.send(Command::Quit);
            held.wire.push().await;
        }
        for held in &mut all {
            held.wire.farewell().await;
        }
    };
    let _ = timeout(FAREWELL, farewell).await;
}

impl Check {
    fn note(&mut self, seen: &Seen) {
        self.addresses.clone_from(&seen.addresses);
        self.address = seen.address;
        self.connect = seen.address.map(|_| seen.connect);
        self.tls = seen.tls.as_ref().map(details);
        self.greeting.clone_from(&seen.greeting);
        self.login = seen.login;
        self.compressed = seen.compressed;
    }
}

fn details(handshake: &Handshake) -> TlsDetails {
    let certificate = handshake.certificate.as_ref();
    let subject = certificate.and_then(|der| x509::read(der));
    let subject = subject.unwrap_or_default();
    TlsDetails {
        took: handshake.took,
        version: handshake.version,
        cipher: handshake.cipher.clone(),
        exchange: handshake.exchange.clone().unwrap_or_default(),
        subject: subject.subject,
        issuer: subject.issuer,
        not_after: subject.not_after,
        resumes: None,
    }
}

fn problem(refusal: Refusal, seen: &Seen) -> Problem {
    let trouble = seen.fault.as_ref().map(TlsTrouble::of);
    Problem {
        phase: seen.phase,
        class: refusal.cause.class,
        text: refusal.cause.text,
        tls: trouble.or((refusal.from == Origin::Tls).then_some(TlsTrouble::Other)),
    }
}
