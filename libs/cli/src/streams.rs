//! Standard input and output as the ends of a record stream.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};

use nzbpipe_pipeline::{Code, Inlet, Outlet, Stop};
use nzbpipe_record::Pool;

use crate::exit::Refusal;

/// Payload memory kept for the next record: two usual articles and their parts.
pub(crate) const IDLE: usize = 16 << 20;

/// A pool for the payloads of one process.
pub(crate) fn pool() -> Pool {
    Pool::new(IDLE)
}

/// Standard input as a record stream. Records are not typed by hand, so a
/// terminal there means that the rest of the pipe was forgotten.
pub(crate) fn inlet(pool: &Pool, stop: &Stop, wants: &str) -> Result<Inlet, Refusal> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Refusal::usage(format!(
            "standard input is a terminal; this program reads records: {wants} (see --help)"
        )));
    }
    let fd = stdin.as_fd().try_clone_to_owned();
    let fd = fd.map_err(|e| Refusal::new(Code::NO_INPUT, format!("standard input: {e}")))?;
    Ok(Inlet::pipe(fd, pool.clone(), stop.clone()))
}

/// Standard output as a record stream without payloads, which a person may read.
pub(crate) fn text_outlet() -> Result<Outlet, Refusal> {
    Ok(Outlet::pipe(stdout()?))
}

/// Standard output as a record stream with payloads; refused on a terminal.
pub(crate) fn outlet(wants: &str) -> Result<Outlet, Refusal> {
    refuse_terminal(wants)?;
    text_outlet()
}

/// Standard output for plain bytes; refused on a terminal.
pub(crate) fn bytes_out(wants: &str) -> Result<File, Refusal> {
    refuse_terminal(wants)?;
    stdout().map(File::from)
}

/// As [`bytes_out`], and the only handle of this process on it: whoever reads it sees the
/// end as soon as this is closed.
pub(crate) fn only_bytes_out(wants: &str) -> Result<File, Refusal> {
    let out = bytes_out(wants)?;
    if let Ok(nothing) = File::options().write(true).open("/dev/null") {
        // Refused, the end comes with the end of the program.
        let _ = rustix::stdio::dup2_stdout(nothing);
    }
    Ok(out)
}

fn refuse_terminal(wants: &str) -> Result<(), Refusal> {
    if io::stdout().is_terminal() {
        return Err(Refusal::usage(format!(
            "standard output is a terminal and would be sent binary data: {wants} (see --help)"
        )));
    }
    Ok(())
}

fn stdout() -> Result<OwnedFd, Refusal> {
    io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|e| Refusal::new(Code::IO, format!("standard output: {e}")))
}
