//! From a host's name to the addresses to try, in their order (RFC 8305 §3-4).
//! Connecting is left to [`super::race`].

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::Instant;

use crate::config::Ip;

/// How long what was found is used again: connections are opened in flocks, and
/// each question may take seconds.
const FRESH: Duration = Duration::from_secs(30);

/// How long an address that failed is tried last.
const GRUDGE: Duration = Duration::from_secs(600);

/// Addresses of one host, and failures, remembered at most.
const MOST: usize = 64;

/// The addresses of one host.
#[derive(Debug, Default)]
pub(super) struct Book {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    found: Option<(Instant, Vec<SocketAddr>)>,
    failed: HashMap<SocketAddr, Instant>,
    /// How long the last connection took.
    pace: Option<Duration>,
    /// Connections begun.
    turn: usize,
}

/// Which of the addresses found may be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) ip: Ip,
    /// The local address, whose family must fit.
    pub(super) bind: Option<IpAddr>,
}

impl Book {
    /// A book that needs not look up the host.
    #[cfg(test)]
    pub(super) fn of(addresses: Vec<SocketAddr>) -> Book {
        let book = Book::default();
        let far = Instant::now() + Duration::from_secs(3600);
        book.lock().found = Some((far, addresses));
        book
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All addresses of `host`.
    pub(super) async fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let fresh = |(at, found): &(Instant, Vec<SocketAddr>)| {
            (Instant::now() < *at + FRESH).then(|| found.clone())
        };
        if let Some(found) = self.lock().found.as_ref().and_then(fresh) {
            return Ok(found);
        }
        let found: Vec<SocketAddr> = lookup_host((host, port)).await?.take(MOST).collect();
        self.lock().found = Some((Instant::now(), found.clone()));
        Ok(found)
    }

    /// `found` in the order to be tried by the next connection.
    pub(super) fn order(&self, found: &[SocketAddr], wanted: Wanted) -> Vec<SocketAddr> {
        let now = Instant::now();
        let mut inner = self.lock();
        let turn = inner.turn;
        inner.turn = turn.wrapping_add(1);
        inner.failed.retain(|_, at| now < *at + GRUDGE);
        order(found, wanted, turn, |address| {
            inner.failed.contains_key(address)
        })
    }

    /// How long the last connection took, if there was one.
    pub(super) fn pace(&self) -> Option<Duration> {
        self.lock().pace
    }

    /// Notes who answered, how fast, and who did not.
    pub(super) fn note(&self, won: Option<(SocketAddr, Duration)>, lost: &[SocketAddr]) {
        let mut inner = self.lock();
        for address in lost.iter().take(MOST) {
            inner.failed.insert(*address, Instant::now());
        }
        match won {
            Some((address, pace)) => {
                inner.failed.remove(&address);
                inner.pace = Some(pace);
            }
            // The host may have moved.
            None => inner.found = None,
        }
    }
}

/// Families by turns, beginning with the one the system prefers; connection
/// number `turn` begins at another address than the one before it, so that all
/// are used; those that failed lately come last.
fn order(
    found: &[SocketAddr],
    wanted: Wanted,
    turn: usize,
    failed: impl Fn(&SocketAddr) -> bool,
) -> Vec<SocketAddr> {
    let fits = |address: &SocketAddr| {
        let six = address.is_ipv6();
        let family = match wanted.ip {
            Ip::Auto => true,
            Ip::V4 => !six,
            Ip::V6 => six,
        };
        family && wanted.bind.is_none_or(|bind| bind.is_ipv6() == six)
    };
    let fitting = found.iter().copied().filter(fits);
    let (bad, good): (Vec<_>, Vec<_>) = fitting.partition(failed);
    let mut order = by_turns(&good);
    let first = turn.checked_rem(order.len()).unwrap_or(0);
    order.rotate_left(first);
    order.extend(by_turns(&bad));
    order
}

fn by_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let same = |address: &&SocketAddr| address.is_ipv6() == first.is_ipv6();
    let mut one = addresses.iter().filter(same);
    let mut other = addresses.iter().filter(|address| !same(address));
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(one.next());
        order.extend(other.next());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Wanted = Wanted {
        ip: Ip::Auto,
        bind: None,
    };

    /// `4a` is an IPv4 address, `6b` an IPv6 one.
    fn address(word: &str) -> SocketAddr {
        let host = u16::from(word.as_bytes()[1]);
        match word.as_bytes()[0] {
            b'4' => SocketAddr::from(([192, 0, 2, host as u8], 119)),
            _ => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, host], 119)),
        }
    }

    fn addresses(words: &str) -> Vec<SocketAddr> {
        words.split_whitespace().map(address).collect()
    }

    #[test]
    fn families_alternate() {
        let table = [
            ("6a 6b 4a 4b", "6a 4a 6b 4b"),
            ("4a 4b 6a", "4a 6a 4b"),
            ("6a 6b 6c 4a", "6a 4a 6b 6c"),
            ("4a", "4a"),
            ("", ""),
        ];
        for (found, expected) in table {
            let got = order(&addresses(found), ANY, 0, |_| false);
            assert_eq!(got, addresses(expected), "{found}");
        }
    }

    #[test]
    fn connections_begin_at_different_addresses() {
        let book = Book::default();
        let found = addresses("6a 6b 4a 4b");
        let mut firsts = HashMap::new();
        for _ in 0..20 {
            *firsts.entry(book.order(&found, ANY)[0]).or_insert(0) += 1;
        }
        assert_eq!(firsts.len(), 4);
        assert!(firsts.values().all(|&count| count == 5));
    }

    // S02
    #[test]
    fn what_failed_comes_last() {
        let book = Book::default();
        let found = addresses("6a 6b 4a 4b");
        book.note(None, &addresses("6a 6b"));
        for _ in 0..4 {
            let order = book.order(&found, ANY);
            assert!(order[..2].iter().all(SocketAddr::is_ipv4));
            assert_eq!(order[2..], addresses("6a 6b"));
        }
        book.note(Some((address("6a"), Duration::ZERO)), &[]);
        let order = book.order(&found, ANY);
        assert_eq!(order[3], address("6b"));
        assert_eq!(order.len(), 4);
    }

    #[test]
    fn only_what_is_wanted() {
        let found = addresses("6a 4a");
        let table = [
            (Ip::V4, None, "4a"),
            (Ip::V6, None, "6a"),
            (Ip::Auto, Some("127.0.0.1"), "4a"),
            (Ip::Auto, Some("::1"), "6a"),
            (Ip::V4, Some("::1"), ""),
        ];
        for (ip, bind, expected) in table {
            let bind = bind.map(|text| text.parse().unwrap());
            let got = order(&found, Wanted { ip, bind }, 0, |_| false);
            assert_eq!(got, addresses(expected), "{ip:?} {bind:?}");
        }
    }
}
