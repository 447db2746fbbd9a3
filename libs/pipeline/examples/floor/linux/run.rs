//! The connections: one is read from until it ends, several as epoll finds them ready. One
//! buffer serves all, so it stays in the cache.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustls::ClientConfig;

use crate::linux::Moved;
use crate::linux::args::{Args, Only};
use crate::linux::files::Files;
use crate::linux::job::Job;
use crate::linux::talk::{Shared, Talk};
use crate::linux::tls::{self, Tls};

struct Connection<'a> {
    tcp: TcpStream,
    tls: Option<Tls>,
    /// The beginning of a record.
    carry: Vec<u8>,
    talk: Talk<'a>,
}

/// Whether there may be more to read at once.
enum After {
    More,
    Empty,
    Closed,
}

pub fn run(args: &Args, job: &Job) -> Result<Moved, Box<dyn Error>> {
    let count = matches!(args.only, Some(Only::Recv | Only::Tls));
    let files = args
        .out
        .clone()
        .map(|out| Files::new(out, args.preallocate));
    let (connections, window) = (args.connections.min(job.segments.len()), args.window);
    let mut all = Shared::new(job, connections, window, count, files, args.read);
    let config = |ca| tls::config(ca, args.in_place);
    let config = args.ca.as_deref().map(config).transpose()?;
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::new(args, config.clone(), &mut all)?);
    }
    let mut buffer = vec![0; args.read + tls::RECORD];
    match &mut open[..] {
        [only] => while !matches!(only.read(&mut buffer, args.read, &mut all)?, After::Closed) {},
        _ => several(&mut open, &mut buffer, args.read, &mut all)?,
    }
    if all.done != job.segments.len() {
        return Err(format!("{} of {} parts", all.done, job.segments.len()).into());
    }
    Ok(Moved {
        calls: all.calls(),
        ..all.moved
    })
}

fn several<'a>(
    open: &mut [Connection<'a>],
    buffer: &mut [u8],
    read: usize,
    all: &mut Shared<'a>,
) -> Result<(), Box<dyn Error>> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    for (n, connection) in open.iter().enumerate() {
        connection.tcp.set_nonblocking(true)?;
        epoll::add(
            &epoll,
            &connection.tcp,
            EventData::new_u64(n as u64),
            EventFlags::IN,
        )?;
    }
    let mut left = open.len();
    let mut events = Vec::with_capacity(open.len());
    while left > 0 {
        events.clear();
        all.moved.calls += 1;
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let connection = &mut open[event.data.u64() as usize];
            // A part that is whole before another is begun leaves less in the cache.
            let done = all.done;
            loop {
                match connection.read(buffer, read, all)? {
                    After::More if all.done == done => {}
                    After::More | After::Empty => break,
                    After::Closed => {
                        epoll::delete(&epoll, &connection.tcp)?;
                        left -= 1;
                        break;
                    }
                }
            }
        }
    }
    Ok(())
}

impl<'a> Connection<'a> {
    fn new(
        args: &Args,
        config: Option<Arc<ClientConfig>>,
        all: &mut Shared<'a>,
    ) -> Result<Connection<'a>, Box<dyn Error>> {
        let tcp = TcpStream::connect(args.connect.ok_or("no server")?)?;
        tcp.set_nodelay(true)?;
        let mut connection = Connection {
            tcp,
            tls: config.map(Tls::new).transpose()?,
            carry: Vec::new(),
            talk: Talk::new(),
        };
        // The first message of the handshake.
        connection.open(&mut [], all)?;
        Ok(connection)
    }

    fn read(
        &mut self,
        buffer: &mut [u8],
        most: usize,
        all: &mut Shared<'a>,
    ) -> Result<After, Box<dyn Error>> {
        let kept = self.carry.len();
        buffer[..kept].copy_from_slice(&self.carry);
        all.moved.calls += 1;
        let got = match self.tcp.read(&mut buffer[kept..kept + most]) {
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(After::Empty),
            // Servers that have said all may reset.
            Err(_) if self.talk.finished(all) => 0,
            Err(error) => return Err(error.into()),
        };
        all.moved.wire += got as u64;
        if got == 0 && !self.talk.finished(all) {
            return Err("the server hung up".into());
        }
        if got == 0 {
            return Ok(After::Closed);
        }
        let bytes = &mut buffer[..kept + got];
        match self.tls {
            None => {
                self.talk.feed(bytes, all)?;
                if !self.talk.out.is_empty() {
                    send(&self.tcp, &self.talk.out, all)?;
                    self.talk.out.clear();
                }
            }
            Some(_) => {
                let used = self.open(bytes, all)?;
                self.carry.clear();
                self.carry.extend_from_slice(&bytes[used..]);
            }
        }
        Ok(if got == most {
            After::More
        } else {
            After::Empty
        })
    }

    /// Decrypts what is whole, and sends what is to be said. Nothing to do without TLS.
    fn open(&mut self, bytes: &mut [u8], all: &mut Shared<'a>) -> Result<usize, Box<dyn Error>> {
        let Some(tls) = &mut self.tls else {
            return Ok(0);
        };
        let (talk, tcp, mut calls) = (&mut self.talk, &self.tcp, Moved::default());
        let done = tls.process(
            bytes,
            |text| talk.feed(text, all),
            |sealed| Ok(write_all(tcp, sealed, &mut calls)?),
        )?;
        if done.writable && !talk.out.is_empty() {
            let sealed = tls.seal(&talk.out)?;
            write_all(tcp, &sealed, &mut calls)?;
            talk.out.clear();
        }
        all.moved.calls += calls.calls;
        Ok(done.used)
    }
}

fn send(tcp: &TcpStream, bytes: &[u8], all: &mut Shared) -> io::Result<()> {
    write_all(tcp, bytes, &mut all.moved)
}

fn write_all(mut tcp: &TcpStream, mut bytes: &[u8], moved: &mut Moved) -> io::Result<()> {
    while !bytes.is_empty() {
        moved.calls += 1;
        match tcp.write(bytes) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(tcp, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
