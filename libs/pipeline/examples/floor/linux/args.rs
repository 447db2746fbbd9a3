//! The flags. What they mean is left to others.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

const USAGE: &str = "usage: floor NZB --connect ADDRESS:PORT [--tls --ca FILE [--in-place]]\n\
     \x20            [--connections N] [--window N] [--read BYTES]\n\
     \x20            [--preallocate none|sparse|full]\n\
     \x20            [--out FILE | --no-file] [--only recv|tls]\n\
     \x20      floor NZB --only decode|write [--article BYTES] [--read BYTES]\n\
     \x20            [--preallocate none|sparse|full] [--out FILE]";

/// The part to do alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Only {
    Recv,
    Tls,
    Decode,
    Write,
}

/// What is done to a file before it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Preallocate {
    /// Nothing: it grows.
    None,
    /// It gets its size.
    Sparse,
    /// It gets its blocks.
    Full,
}

pub struct Args {
    pub nzb: PathBuf,
    pub connect: Option<SocketAddr>,
    pub tls: bool,
    /// PEM.
    pub ca: Option<PathBuf>,
    /// Records are decrypted without rustls' connection.
    pub in_place: bool,
    pub connections: usize,
    /// Requests in flight on a connection.
    pub window: usize,
    /// Largest read from a socket.
    pub read: usize,
    pub preallocate: Preallocate,
    pub out: Option<PathBuf>,
    pub only: Option<Only>,
    /// Size of a part, where there is no server to tell.
    pub article: usize,
}

impl Args {
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Args, Box<dyn Error>> {
        let mut it = Args {
            nzb: PathBuf::new(),
            connect: None,
            tls: false,
            ca: None,
            in_place: false,
            connections: 1,
            window: 20,
            read: 256 << 10,
            preallocate: Preallocate::Full,
            out: None,
            only: None,
            article: 716_800,
        };
        let mut no_file = false;
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or(format!("{flag} wants a value"));
            match &*flag {
                "--connect" => it.connect = Some(value()?.parse()?),
                "--tls" => it.tls = true,
                "--in-place" => it.in_place = true,
                "--ca" => it.ca = Some(value()?.into()),
                "--connections" => it.connections = number(&value()?)?,
                "--window" => it.window = number(&value()?)?,
                "--read" => it.read = number(&value()?)?,
                "--article" => it.article = number(&value()?)?,
                "--preallocate" => it.preallocate = preallocate(&value()?)?,
                "--out" => it.out = Some(value()?.into()),
                "--no-file" => no_file = true,
                "--only" => it.only = Some(only(&value()?)?),
                _ if flag.starts_with('-') => return Err(USAGE.into()),
                _ => it.nzb = flag.into(),
            }
        }
        it.check(no_file).then_some(it).ok_or(USAGE.into())
    }

    fn check(&self, no_file: bool) -> bool {
        let local = matches!(self.only, Some(Only::Decode | Only::Write));
        let file = match self.only {
            None => self.out.is_some() != no_file,
            Some(Only::Write) => self.out.is_some(),
            Some(_) => self.out.is_none(),
        };
        let tls = match self.only {
            Some(Only::Recv) => !self.tls,
            Some(Only::Tls) => self.tls,
            _ => true,
        };
        let sized = [self.connections, self.window, self.read, self.article];
        !self.nzb.as_os_str().is_empty()
            && local == self.connect.is_none()
            && file
            && tls
            && self.tls == self.ca.is_some()
            && !sized.contains(&0)
    }
}

fn preallocate(text: &str) -> Result<Preallocate, String> {
    match text {
        "none" => Ok(Preallocate::None),
        "sparse" => Ok(Preallocate::Sparse),
        "full" => Ok(Preallocate::Full),
        _ => Err(format!("{text}: none, sparse or full")),
    }
}

fn only(text: &str) -> Result<Only, String> {
    match text {
        "recv" => Ok(Only::Recv),
        "tls" => Ok(Only::Tls),
        "decode" => Ok(Only::Decode),
        "write" => Ok(Only::Write),
        _ => Err(format!("{text}: recv, tls, decode or write")),
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text}: not a number"))
}
