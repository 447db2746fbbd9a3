//! Signals of the server: SIGHUP has it look at its files and its password anew, as
//! servers do; the others stop it as they stop all programs.

use std::sync::Arc;
use std::thread;

use nzbpipe_pipeline::{Code, Stop};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;
use tokio::sync::Notify;

use crate::exit::Refusal;
use crate::signals::{at_once, ignored};

/// Watches for signals on a thread of its own, and rings `reload` for SIGHUP. Rings
/// that come while one is answered are answered by one more.
pub(crate) fn watch(reload: Arc<Notify>) -> Result<Stop, Refusal> {
    let failed = |e| Refusal::new(Code::IO, format!("cannot watch for signals: {e}"));
    let stop = Stop::new().map_err(failed)?;
    // The last two mean nothing here; they should not end the process.
    let mut watched = vec![SIGTERM, SIGHUP, SIGUSR1, SIGUSR2];
    // Background jobs of a script are started with it ignored.
    if ignored() >> (SIGINT - 1) & 1 == 0 {
        watched.push(SIGINT);
    }
    let mut signals = Signals::new(watched).map_err(failed)?;
    let shared = stop.clone();
    thread::spawn(move || {
        for signal in &mut signals {
            match signal {
                SIGHUP => reload.notify_one(),
                SIGUSR1 | SIGUSR2 => {}
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
