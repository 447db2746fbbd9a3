//! SIGUSR2: the servers are read again while the program runs.
//!
//! The thread that hears signals only rings; reading files and passwords and
//! waiting for the engine is done here, on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use nzbpipe_nntp::config::Server;
use nzbpipe_pipeline::Stop;
use tokio::sync::mpsc;

use crate::accounts::Accounts;
use crate::servers::ServerArgs;
use crate::ui::Ui;

/// The wish to read again, not yet heard by anybody. One waits; more at once
/// would read the same file.
pub(crate) struct Reload {
    wishes: Receiver<()>,
}

/// Rings for a [`Reload`].
pub(crate) struct Bell {
    wishes: SyncSender<()>,
}

/// A bell and who hears it.
pub(crate) fn pair() -> (Bell, Reload) {
    let (sender, wishes) = sync_channel(1);
    (Bell { wishes: sender }, Reload { wishes })
}

impl Bell {
    /// Asks for the servers to be read again; does not wait.
    pub(crate) fn ring(&self) {
        // Full: one is due already.
        let _ = self.wishes.try_send(());
    }
}

impl Reload {
    /// Reads the servers anew at each wish. What is wrong with them is told, and
    /// the old ones stay.
    pub(crate) fn start(
        self,
        args: &ServerArgs,
        accounts: &Arc<Accounts>,
        stop: &Stop,
        ui: &Ui,
    ) -> mpsc::Receiver<Vec<Server>> {
        let (changes, receiver) = mpsc::channel(1);
        // They write their counts down when the run lets go of them.
        let accounts = Arc::downgrade(accounts);
        let (args, stop, ui) = (args.clone(), stop.clone(), ui.clone());
        // Ends with the process, or when the engine takes no more changes.
        thread::spawn(move || {
            for () in self.wishes {
                let Some(accounts) = accounts.upgrade() else {
                    return;
                };
                match args.resolve(&ui, &stop, &accounts, false) {
                    Ok(servers) => {
                        let count = servers.len();
                        if changes.blocking_send(servers).is_err() {
                            return;
                        }
                        ui.warn(&format!("servers re-read: {count} in use"));
                    }
                    Err(refusal) => ui.error(&format!(
                        "servers not re-read, the old ones stay in use: {:#}",
                        refusal.error
                    )),
                }
            }
        });
        receiver
    }
}
