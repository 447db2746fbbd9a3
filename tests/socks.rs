//! A SOCKS5 proxy (RFC 1928, RFC 1929) that notes what it is asked for and knows the
//! names of no hosts but those it is told.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A running proxy; dropping it closes its port.
pub struct Socks {
    /// The port of 127.0.0.1.
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    accept: Option<JoinHandle<()>>,
}

/// Who may use it, and where it leads.
#[derive(Clone)]
struct Rules {
    login: Option<(&'static str, &'static str)>,
    name: &'static str,
    port: u16,
}

impl Socks {
    /// Leads to `port` of this machine under `name`; with `login` only whoever knows
    /// user and password.
    pub fn to(name: &'static str, port: u16, login: Option<(&'static str, &'static str)>) -> Socks {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let (log, over) = (Arc::clone(&asked), Arc::clone(&stopped));
        let rules = Rules { login, name, port };
        let accept = thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (rules, log) = (rules.clone(), Arc::clone(&log));
                thread::spawn(move || stream.and_then(|tcp| rules.serve(tcp, &log)));
            }
        });
        Socks {
            port: own,
            asked,
            stopped,
            accept: Some(accept),
        }
    }

    /// What it was asked to connect to, once for each: `host:port`.
    pub fn asked(&self) -> Vec<String> {
        let mut all = self.asked.lock().unwrap().clone();
        all.sort();
        all.dedup();
        all
    }
}

impl Rules {
    fn serve(&self, mut client: TcpStream, log: &Mutex<Vec<String>>) -> io::Result<()> {
        let methods = counted::<1>(&mut client)?;
        match self.login {
            None => client.write_all(&[5, 0])?,
            Some(_) if !methods.contains(&2) => return client.write_all(&[5, 0xff]),
            Some((user, password)) => {
                client.write_all(&[5, 2])?;
                let given = (counted::<1>(&mut client)?, counted::<0>(&mut client)?);
                let right = given == (user.into(), password.into());
                client.write_all(&[1, u8::from(!right)])?;
                if !right {
                    return Ok(());
                }
            }
        }
        let [_, _, _, kind] = octets(&mut client)?;
        let host = match kind {
            1 => Ipv4Addr::from(octets::<4>(&mut client)?).to_string(),
            _ => String::from_utf8_lossy(&counted::<0>(&mut client)?).into_owned(),
        };
        let port = u16::from_be_bytes(octets(&mut client)?);
        log.lock().unwrap().push(format!("{host}:{port}"));
        if host != self.name {
            return client.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
        }
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else {
            return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
        };
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        let back = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || pass(back.0, back.1));
        pass(client, server);
        Ok(())
    }
}

/// Everything from one to the other.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

fn octets<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    stream.read_exact(&mut octets)?;
    Ok(octets)
}

/// After `SKIP` octets, as many as the next one says.
fn counted<const SKIP: usize>(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    octets::<SKIP>(stream)?;
    let [length] = octets(stream)?;
    let mut octets = vec![0; length.into()];
    stream.read_exact(&mut octets)?;
    Ok(octets)
}

impl Drop for Socks {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits in accept.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(accept) = self.accept.take() {
            let _ = accept.join();
        }
    }
}
