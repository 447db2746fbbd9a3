//! Signals: the first asks to stop, the second ends the process at once.

use std::thread;

use nzbpipe_pipeline::{Code, Stop};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::exit::Refusal;

/// Watches for signals on a thread of its own. `status` is called for SIGUSR1.
///
/// SIGPIPE stays ignored, as Rust leaves it: with its default action a write to
/// a connection the server closed would end the process.
pub(crate) fn watch(status: impl Fn() + Send + 'static) -> Result<Stop, Refusal> {
    let failed = |e| Refusal::new(Code::IO, format!("cannot watch for signals: {e}"));
    let stop = Stop::new().map_err(failed)?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1]).map_err(failed)?;
    let shared = stop.clone();
    thread::spawn(move || {
        for signal in &mut signals {
            if signal == SIGUSR1 {
                status();
                continue;
            }
            let code = Code::signal(u8::try_from(signal).unwrap_or(0));
            if !shared.request(code) {
                at_once(code);
            }
        }
    });
    Ok(stop)
}

/// The user asked twice. What is on disk is consistent at any instant.
#[expect(clippy::exit, reason = "a second signal means: at once")]
fn at_once(code: Code) -> ! {
    std::process::exit(code.number().into())
}
