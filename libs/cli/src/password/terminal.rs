//! Asking for a password on the terminal, without echo.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use nzbpipe_pipeline::Stop;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Asks for the password of `user` at `server` on `/dev/tty`: standard input is
/// taken by records. `None` without a terminal, or when a stop was asked for.
pub(super) fn ask(user: &str, server: &str, stop: &Stop) -> Option<String> {
    let mut tty = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .ok()?;
    let prompt = crate::message::printable(&format!("Password for {user} at {server}: "));
    tty.write_all(prompt.as_bytes()).ok()?;
    let answer = {
        let _quiet = Quiet::new(&tty).ok()?;
        line(&tty, stop)
    };
    let _ = tty.write_all(b"\n");
    answer.ok().filter(|password| !password.is_empty())
}

/// Reads one line, unless a stop is asked for first.
fn line(mut tty: &File, stop: &Stop) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 256];
    while !bytes.ends_with(b"\n") {
        let mut fds = [
            PollFd::new(tty, PollFlags::IN),
            PollFd::new(stop, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(e) => return Err(e.into()),
        }
        if stop.requested().is_some() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let n = tty.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        bytes.extend_from_slice(&chunk[..n]);
    }
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The terminal without echo; dropping it brings the echo back.
struct Quiet<'a> {
    tty: &'a File,
    before: Termios,
}

impl Quiet<'_> {
    fn new(tty: &File) -> io::Result<Quiet<'_>> {
        let before = tcgetattr(tty)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(tty, OptionalActions::Flush, &quiet)?;
        Ok(Quiet { tty, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.tty, OptionalActions::Flush, &self.before);
    }
}
