//! Signals: the first asks to stop, the second ends the process at once.

use std::thread;

use nzbpipe_pipeline::{Code, Stop};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::exit::Refusal;

/// Watches for signals on a thread of its own. `status` is called for SIGUSR1,
/// `reread` for SIGUSR2; neither may take long.
///
/// SIGPIPE stays ignored, as Rust leaves it: with its default action a write to
/// a connection the server closed would end the process.
pub(crate) fn watch(
    status: impl Fn() + Send + 'static,
    reread: impl Fn() + Send + 'static,
) -> Result<Stop, Refusal> {
    begin(status, reread, None)
}

/// The same for a server: SIGHUP does not stop it, but calls `reload`.
pub(crate) fn watch_serving(
    status: impl Fn() + Send + 'static,
    reload: impl Fn() + Send + 'static,
) -> Result<Stop, Refusal> {
    begin(status, || {}, Some(Box::new(reload)))
}

fn begin(
    status: impl Fn() + Send + 'static,
    reread: impl Fn() + Send + 'static,
    reload: Option<Box<dyn Fn() + Send>>,
) -> Result<Stop, Refusal> {
    let failed = |e| Refusal::new(Code::IO, format!("cannot watch for signals: {e}"));
    let stop = Stop::new().map_err(failed)?;
    // Caught so that they do not end the process: SIGXFSZ, that the write which
    // went over `ulimit -f` fails; SIGUSR2 also where there is nothing to read
    // again, for it may be sent to all programs of a pipe.
    let mut watched = vec![SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ];
    // What was ignored when we began stays so: nohup, and background jobs of a
    // script.
    let ignored = ignored();
    let reloads = |signal| signal == SIGHUP && reload.is_some();
    let wanted = |signal: &i32| ignored >> (signal - 1) & 1 == 0 || reloads(*signal);
    watched.extend([SIGINT, SIGHUP].into_iter().filter(wanted));
    let mut signals = Signals::new(watched).map_err(failed)?;
    let shared = stop.clone();
    thread::spawn(move || {
        for signal in &mut signals {
            match (signal, &reload) {
                (SIGUSR1, _) => status(),
                (SIGUSR2, _) => reread(),
                (SIGXFSZ, _) => {}
                (SIGHUP, Some(reload)) => reload(),
                _ => {
                    let code = Code::signal(u8::try_from(signal).unwrap_or(0));
                    if !shared.request(code) {
                        at_once(code);
                    }
                }
            }
        }
    });
    Ok(stop)
}

/// The set of signals that the process was started with ignored, signal 1 in the
/// lowest bit. Only Linux tells without unsafe code; elsewhere none is taken to be.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    mask.unwrap_or(0)
}

/// The user asked twice. What is on disk is consistent at any instant.
#[expect(clippy::exit, reason = "a second signal means: at once")]
fn at_once(code: Code) -> ! {
    std::process::exit(code.number().into())
}
