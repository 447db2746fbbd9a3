//! The flags. What they mean is left to others.

use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

const USAGE: &str = "usage: load --listen-port-file FILE --nzb FILE [--bytes N] [--article N] \
     [--bodies N] [--files N] [--tls --ca-out FILE] [--delay MS] [--rate BYTES_PER_S] [--login] \
     [--stdin]";

pub struct Args {
    /// Where to say that all is ready.
    pub ready: PathBuf,
    pub nzb: PathBuf,
    /// Of all files, decoded.
    pub bytes: u64,
    /// Of a part, decoded.
    pub article: usize,
    pub bodies: usize,
    pub files: usize,
    /// Also with TLS; where to put the certificate to trust.
    pub ca_out: Option<PathBuf>,
    pub delay: Option<Duration>,
    /// Bytes per second and connection.
    pub rate: Option<u64>,
    pub login: bool,
    pub stdin: bool,
}

impl Args {
    pub fn parse(args: impl Iterator<Item = String>) -> Result<Args, Box<dyn Error>> {
        let mut it = Args {
            ready: PathBuf::new(),
            nzb: PathBuf::new(),
            bytes: 1 << 30,
            article: 716_800,
            bodies: 200,
            files: 1,
            ca_out: None,
            delay: None,
            rate: None,
            login: false,
            stdin: false,
        };
        let (mut args, mut tls) = (args, false);
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or(format!("{flag} wants a value"));
            match &*flag {
                "--listen-port-file" => it.ready = value()?.into(),
                "--nzb" => it.nzb = value()?.into(),
                "--bytes" => it.bytes = number(&value()?)?,
                "--article" => it.article = number(&value()?)?,
                "--bodies" => it.bodies = number(&value()?)?,
                "--files" => it.files = number(&value()?)?,
                "--tls" => tls = true,
                "--ca-out" => it.ca_out = Some(value()?.into()),
                "--delay" => it.delay = Some(Duration::from_millis(number(&value()?)?)),
                "--rate" => it.rate = Some(number(&value()?)?),
                "--login" => it.login = true,
                "--stdin" => it.stdin = true,
                _ => return Err(format!("unknown flag {flag}\n{USAGE}").into()),
            }
        }
        it.delay = it.delay.filter(|delay| !delay.is_zero());
        it.rate = it.rate.filter(|rate| *rate > 0);
        let named = !it.ready.as_os_str().is_empty() && !it.nzb.as_os_str().is_empty();
        let sized = it.article > 0 && it.bodies > 0 && it.files > 0;
        match named && sized && tls == it.ca_out.is_some() && it.bytes >= it.files as u64 {
            true => Ok(it),
            false => Err(USAGE.into()),
        }
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text}: not a number"))
}
