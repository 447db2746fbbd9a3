//! Servers from which nothing ever comes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};

/// An address that swallows attempts to connect, as a firewall does that drops them:
/// the queue of its listener is full, and nobody empties it.
pub struct Hole {
    /// The port of 127.0.0.1.
    pub port: u16,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Hole {
    /// Digs one.
    pub fn new() -> Hole {
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        listen(&listener, 0).unwrap();
        let address: SocketAddr = getsockname(&listener).unwrap().try_into().unwrap();
        let mut waiting = Vec::new();
        let patience = Duration::from_millis(150);
        while let Ok(one) = TcpStream::connect_timeout(&address, patience) {
            waiting.push(one);
            assert!(waiting.len() < 100, "the queue is never full");
        }
        Hole {
            port: address.port(),
            _listener: TcpListener::from(listener),
            _waiting: waiting,
        }
    }
}

/// A server that accepts and never says a word.
pub struct Mute {
    /// The port of 127.0.0.1.
    pub port: u16,
    _listener: TcpListener,
}

impl Mute {
    /// The system accepts for it.
    pub fn new() -> Mute {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Mute {
            port: listener.local_addr().unwrap().port(),
            _listener: listener,
        }
    }
}
