//! SOCKS5 (RFC 1928) with user and password (RFC 1929): asks a proxy to connect
//! to a host, whose name it looks up.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::config::Proxy;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;

/// Why there is no way through the proxy. It is never quoted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("it does not speak SOCKS5")]
    Strange,
    #[error("it wants a user and a password, or others than it was given")]
    Login,
    #[error("it says: {0}")]
    Refused(&'static str),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Asks `proxy`, to which `stream` leads, for a connection to `host`. Afterwards
/// the stream is that connection: not an octet more was read.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), Fault> {
    let offer: &[u8] = match &proxy.login {
        None => &[VERSION, 1, NO_LOGIN],
        Some(_) => &[VERSION, 2, NO_LOGIN, LOGIN],
    };
    stream.write_all(offer).await?;
    match (read::<2, S>(stream).await?, &proxy.login) {
        ([VERSION, NO_LOGIN], _) => {}
        ([VERSION, LOGIN], Some((user, password))) => {
            let login = [&[1], short(user).as_slice(), &short(password.expose())].concat();
            stream.write_all(&login).await?;
            match read::<2, S>(stream).await? {
                [1, 0] => {}
                _ => return Err(Fault::Login),
            }
        }
        ([VERSION, LOGIN | 0xff], _) => return Err(Fault::Login),
        _ => return Err(Fault::Strange),
    }
    stream.write_all(&request(host, port)).await?;
    answer(stream).await
}

/// RFC 1928 §4.
fn request(host: &str, port: u16) -> Vec<u8> {
    let mut out = vec![VERSION, 1, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            out.push(1);
            out.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            out.push(4);
            out.extend(address.octets());
        }
        Err(_) => {
            out.push(3);
            out.extend(short(host));
        }
    }
    out.extend(port.to_be_bytes());
    out
}

/// A text after its length. All texts here were checked to be short: a host name
/// has at most 253 octets.
fn short(text: &str) -> Vec<u8> {
    let text = &text.as_bytes()[..text.len().min(255)];
    [&[text.len() as u8], text].concat()
}

/// RFC 1928 §6. The address that it connected from is of no use to us.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(), Fault> {
    let [version, code, _, kind] = read(stream).await?;
    if version != VERSION {
        return Err(Fault::Strange);
    }
    if code != 0 {
        return Err(Fault::Refused(words(code)));
    }
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(Fault::Strange),
    };
    let mut rest = [0; 257];
    stream.read_exact(&mut rest[..length + 2]).await?;
    Ok(())
}

fn words(code: u8) -> &'static str {
    match code {
        2 => "its rules do not allow this connection",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "no answer",
        7 => "it does not make connections",
        8 => "it does not know this kind of address",
        _ => "general failure",
    }
}

async fn read<const N: usize, S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    /// What becomes of a proxy that says `said`, and what it was told.
    async fn talk(proxy: &str, host: &str, said: &[u8]) -> (Result<(), String>, Vec<u8>) {
        let (mut ours, mut theirs) = duplex(4096);
        theirs.write_all(said).await.unwrap();
        let proxy = Proxy::parse(proxy).unwrap();
        // Not asked anything more: an answer that is cut short has an end.
        let (mut read, mut write) = tokio::io::split(theirs);
        write.shutdown().await.unwrap();
        let result = connect(&mut ours, &proxy, host, 563).await;
        drop(ours);
        let mut heard = Vec::new();
        read.read_to_end(&mut heard).await.unwrap();
        (result.map_err(|fault| fault.to_string()), heard)
    }

    const OPEN: &str = "socks5://p";
    const CLOSED: &str = "socks5://me:hunter2@p";

    #[tokio::test]
    async fn the_proxy_looks_up_the_host() {
        let (result, heard) = talk(OPEN, "h.example", b"\x05\0\x05\0\0\x01abcdef").await;
        assert_eq!(result, Ok(()));
        assert_eq!(heard, b"\x05\x01\0\x05\x01\0\x03\x09h.example\x02\x33");
        let (result, heard) = talk(OPEN, "192.0.2.7", b"\x05\0\x05\0\0\x03\x02xxpp").await;
        assert_eq!(result, Ok(()));
        assert_eq!(heard[3..], *b"\x05\x01\0\x01\xc0\0\x02\x07\x02\x33");
        let said = [b"\x05\0\x05\0\0\x04".as_slice(), &[0; 18]].concat();
        let (result, heard) = talk(OPEN, "::1", &said).await;
        assert_eq!(result, Ok(()));
        assert_eq!(heard.len(), 3 + 4 + 16 + 2);
    }

    #[tokio::test]
    async fn user_and_password() {
        let said = b"\x05\x02\x01\0\x05\0\0\x01abcdef";
        let (result, heard) = talk(CLOSED, "h", said).await;
        assert_eq!(result, Ok(()));
        assert_eq!(
            heard,
            b"\x05\x02\0\x02\x01\x02me\x07hunter2\x05\x01\0\x03\x01h\x02\x33"
        );
    }

    #[tokio::test]
    async fn failures_say_whose_they_are() {
        let table: [(&str, &[u8], &str); 9] = [
            (OPEN, b"HTTP/1.1 400", "SOCKS5"),
            (OPEN, b"\x04\x5b", "SOCKS5"),
            (OPEN, b"\x05\xff", "password"),
            // Not what was offered.
            (OPEN, b"\x05\x02", "password"),
            (CLOSED, b"\x05\x02\x01\x01", "password"),
            (OPEN, b"\x05\0\x05\x04\0\x01abcdef", "host unreachable"),
            (OPEN, b"\x05\0\x05\x02\0\x01abcdef", "rules"),
            (OPEN, b"\x05\0\x05\0\0\x09", "SOCKS5"),
            (OPEN, b"\x05\0\x05\0\0\x01ab", "eof"),
        ];
        for (proxy, said, word) in table {
            let (result, _) = talk(proxy, "h", said).await;
            let error = result.unwrap_err();
            assert!(error.contains(word), "{said:?}: {error}");
            assert!(!error.contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn what_the_server_says_stays_for_the_session() {
        let (mut ours, mut theirs) = duplex(4096);
        theirs
            .write_all(b"\x05\0\x05\0\0\x01abcdef200 hello\r\n")
            .await
            .unwrap();
        let proxy = Proxy::parse(OPEN).unwrap();
        connect(&mut ours, &proxy, "h", 1).await.unwrap();
        assert_eq!(&read::<3, _>(&mut ours).await.unwrap(), b"200");
    }
}
