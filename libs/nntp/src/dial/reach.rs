//! A connection to a server's host: looked up, raced for, perhaps through a
//! proxy.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use super::address::Wanted;
use super::seen::{Phase, Seen};
use super::{Endpoint, Origin, Refusal, message, race, socks, transport};
use crate::Class;
use crate::config::Server;
use crate::route::Cause;

/// Idle connections are probed, so that one the network forgot does not count
/// as open for ever.
const KEEPALIVE: Duration = Duration::from_secs(60);

impl Endpoint {
    /// A connection to one of the host's addresses, or to it through the proxy.
    pub(super) async fn tcp(&self, seen: &mut Seen) -> Result<TcpStream, Refusal> {
        let limit = self.server.connect_timeout;
        let (host, port) = match &self.server.proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port),
            None => (self.server.host.as_str(), self.server.port),
        };
        seen.phase = Phase::LookUp;
        let found = timeout(limit, self.book.look_up(host, port)).await;
        let found = found.map_err(|_| transport(self.via("looking up the host takes too long")))?;
        let found = found.map_err(|e| {
            // The system's own words are what is of use.
            let text = message(&e);
            let words = text.rsplit(": ").next().unwrap_or_default();
            transport(self.via(&format!("the host cannot be found: {words}")))
        })?;
        seen.phase = Phase::Connect;
        seen.addresses.clone_from(&found);
        let (address, mut tcp) = self.race(&found, seen).await?;
        seen.address = Some(address);
        if let Some(proxy) = &self.server.proxy {
            seen.phase = Phase::Proxy;
            let ask = socks::connect(&mut tcp, proxy, &self.server.host, self.server.port);
            let asked = timeout(limit, ask).await;
            let asked = asked.map_err(|_| transport(self.via("it does not answer")))?;
            asked.map_err(|fault| self.turned_away(&fault))?;
        }
        Ok(tcp)
    }

    /// `text`, and whether it is about a proxy.
    fn via(&self, text: &str) -> String {
        match &self.server.proxy {
            Some(proxy) => format!("proxy {proxy}: {text}"),
            None => text.to_owned(),
        }
    }

    fn turned_away(&self, fault: &socks::Fault) -> Refusal {
        let class = match fault {
            socks::Fault::Login => Class::Login,
            _ => Class::Transport,
        };
        Refusal {
            cause: Cause::new(class, self.via(&fault.to_string())),
            from: Origin::Proxy,
        }
    }

    async fn race(
        &self,
        found: &[SocketAddr],
        seen: &mut Seen,
    ) -> Result<(SocketAddr, TcpStream), Refusal> {
        let Server { ip, bind, .. } = self.server;
        let order = self.book.order(found, Wanted { ip, bind });
        if order.is_empty() {
            return Err(transport(
                self.via("the host has no address that fits ip and bind"),
            ));
        }
        let head_start = race::head_start(self.book.pace());
        let limit = self.server.connect_timeout;
        let finish = race::race(&order, head_start, limit, |address| {
            Box::pin(async move {
                let began = Instant::now();
                let tcp = connect(address, bind).await?;
                io::Result::Ok((tcp, began.elapsed()))
            })
        });
        let finish = finish.await;
        let won = finish.winner.as_ref().map(|(at, (_, pace))| (*at, *pace));
        self.book.note(won, &finish.late);
        if let Some((address, (tcp, pace))) = finish.winner {
            seen.connect = pace;
            tune(&tcp);
            return Ok((address, tcp));
        }
        let addresses: Vec<String> = order.iter().map(SocketAddr::to_string).collect();
        let reason = finish.error.map_or("no answer".to_owned(), |e| message(&e));
        let text = format!("no connection to {}: {reason}", addresses.join(", "));
        Err(transport(self.via(&text)))
    }
}

/// From `bind`, if it is given, to `address`.
async fn connect(address: SocketAddr, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(local) = bind {
        let fault = |e: io::Error| io::Error::new(e.kind(), format!("bind {local}: {e}"));
        socket.bind(SocketAddr::new(local, 0)).map_err(fault)?;
    }
    socket.connect(address).await
}

/// What helps but is not needed.
fn tune(tcp: &TcpStream) {
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
}
