//! A news server with TLS, as good or as bad as a test wants it.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use nzbpipe_nntp::config::Server;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as backend;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as backend;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::peer::{article, id};

/// What is wrong with the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    Expired,
    NotYet,
    SelfSigned,
}

/// When a connection ends without close_notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abrupt {
    Never,
    /// In the middle of the third body, the first time.
    MidBody,
    /// After every third body.
    AfterBody,
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With TLS.
    Tls,
    /// In the clear; this is said to STARTTLS, and then TLS begins if it is 382.
    Clear(&'static str),
}

/// How a server is made.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub name: &'static str,
    pub flaw: Flaw,
    pub abrupt: Abrupt,
    pub begin: Begin,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            name: "localhost",
            flaw: Flaw::None,
            abrupt: Abrupt::Never,
            begin: Begin::Tls,
        }
    }
}

/// Where it is, and the authority that vouches for it.
pub struct Sealed {
    pub port: u16,
    pub authority: String,
    /// What was said in the clear.
    pub clear: Arc<Mutex<Vec<String>>>,
}

impl Sealed {
    pub async fn new(manner: Manner) -> Sealed {
        let (leaf, key, authority) = certificate(manner);
        let config = ServerConfig::builder_with_provider(Arc::new(backend::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let clear = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&clear);
        tokio::spawn(async move {
            let mut connections = 0;
            while let Ok((tcp, _)) = listener.accept().await {
                connections += 1;
                let manner = match manner.abrupt {
                    Abrupt::MidBody if connections > 1 => Manner {
                        abrupt: Abrupt::Never,
                        ..manner
                    },
                    _ => manner,
                };
                tokio::spawn(serve(acceptor.clone(), tcp, manner, Arc::clone(&log)));
            }
        });
        Sealed {
            port,
            authority,
            clear,
        }
    }

    /// How to reach it at `host`, whose authority is trusted.
    pub fn server(&self, host: &str) -> Server {
        Server {
            port: self.port,
            connections: 2,
            extra_ca: Some(self.authority.clone().into_bytes()),
            ..Server::new(host, true)
        }
    }
}

fn certificate(manner: Manner) -> (CertificateDer<'static>, PrivateKeyDer<'static>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Those of the same name would be taken for the same.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("authority {}", COUNT.fetch_add(1, SeqCst));
    params.distinguished_name.push(DnType::CommonName, name);
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(vec![manner.name.to_owned()]).unwrap();
    match manner.flaw {
        Flaw::Expired => leaf.not_after = date_time_ymd(2001, 1, 1),
        Flaw::NotYet => leaf.not_before = date_time_ymd(4000, 1, 1),
        // Else it would look as if the authority had signed it badly.
        Flaw::SelfSigned => leaf
            .distinguished_name
            .push(DnType::CommonName, "nobody knows me"),
        Flaw::None => {}
    }
    let leaf = match manner.flaw {
        Flaw::SelfSigned => leaf.self_signed(&leaf_key).unwrap(),
        _ => leaf.signed_by(&leaf_key, &issuer).unwrap(),
    };
    let key = PrivatePkcs8KeyDer::from(leaf_key.serialize_der());
    (leaf.der().clone(), key.into(), authority.pem())
}

async fn serve(
    acceptor: TlsAcceptor,
    mut tcp: TcpStream,
    manner: Manner,
    clear: Arc<Mutex<Vec<String>>>,
) {
    if let Begin::Clear(answer) = manner.begin {
        tcp.write_all(b"200 in the clear\r\n").await.unwrap();
        loop {
            let Some(line) = line_of(&mut tcp).await else {
                return;
            };
            clear.lock().unwrap().push(line.clone());
            let said = if line == "STARTTLS" { answer } else { "480 no" };
            let _ = tcp.write_all(format!("{said}\r\n").as_bytes()).await;
            if line == "STARTTLS" && answer.starts_with("382") {
                break;
            }
        }
    }
    let Ok(mut stream) = acceptor.accept(tcp).await else {
        return;
    };
    if manner.begin == Begin::Tls {
        stream.write_all(b"200 hello\r\n").await.unwrap();
    }
    converse(stream, manner.abrupt).await;
}

/// A line, byte by byte: what follows it belongs to TLS.
async fn line_of(tcp: &mut TcpStream) -> Option<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.push(tcp.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// A server that has every article.
pub async fn converse<S: AsyncRead + AsyncWrite + Unpin>(stream: S, abrupt: Abrupt) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut nth = 0;
    loop {
        line.clear();
        let _ = stream.flush().await;
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let command = line.trim_end();
        if let Some(id) = id(command) {
            nth += 1;
            let mut bytes = article(id);
            if nth == 3 && abrupt == Abrupt::MidBody {
                bytes.truncate(bytes.len() / 2);
            }
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            if nth == 3 && abrupt != Abrupt::Never {
                // Dropped: the socket closes, TLS says nothing.
                return;
            }
            continue;
        }
        let said = match command.split(' ').next() {
            Some("AUTHINFO") if command.starts_with("AUTHINFO USER") => "381 password",
            Some("AUTHINFO") => "281 welcome",
            Some("STAT") => "430 no",
            Some("DATE") => "111 20010101000000",
            Some("CAPABILITIES") => "101 list\r\nVERSION 2\r\n.",
            Some("QUIT") => "205 bye",
            _ => "500 what?",
        };
        let _ = stream.write_all(format!("{said}\r\n").as_bytes()).await;
        if command == "QUIT" {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

/// What somebody on the way does to what a server says.
#[derive(Clone, Copy, Debug)]
pub enum Tamper {
    /// Flips a bit of the octet here.
    Flip(usize),
    /// Lets so many octets through and closes the connection.
    Cut(usize),
    /// The same and resets it.
    Reset(usize),
    /// The same and keeps it open.
    Stall(usize),
}

/// A port that leads to `port`; the first `times` connections are tampered with.
pub async fn between(port: u16, tamper: Tamper, times: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut count = 0;
        while let Ok((near, _)) = listener.accept().await {
            count += 1;
            let tamper = (count <= times).then_some(tamper);
            tokio::spawn(async move {
                let far = TcpStream::connect(("127.0.0.1", port)).await?;
                relay(near, far, tamper).await
            });
        }
    });
    ours
}

async fn relay(near: TcpStream, far: TcpStream, tamper: Option<Tamper>) -> std::io::Result<()> {
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_near, &mut to_far).await;
    });
    let mut at = 0;
    let mut buffer = [0; 4096];
    loop {
        let count = from_far.read(&mut buffer).await?;
        if count == 0 {
            return to_near.shutdown().await;
        }
        let bytes = &mut buffer[..count];
        match tamper {
            Some(Tamper::Flip(here)) if (at..at + count).contains(&here) => bytes[here - at] ^= 1,
            Some(Tamper::Cut(end) | Tamper::Reset(end) | Tamper::Stall(end))
                if at + count > end =>
            {
                to_near.write_all(&bytes[..end - at]).await?;
                if let Some(Tamper::Stall(_)) = tamper {
                    std::future::pending::<()>().await;
                }
                if let Some(Tamper::Reset(_)) = tamper {
                    to_near.as_ref().set_zero_linger()?;
                }
                return Ok(());
            }
            _ => {}
        }
        to_near.write_all(bytes).await?;
        at += count;
    }
}
