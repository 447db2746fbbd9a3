//! What a process keeps of its servers while the server file is read again: the
//! counts of quotas, the slots of accounts, and passwords that were typed in.
//!
//! Which servers have what is decided here; how it is kept is `quota`'s and
//! `slots`'s.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nzbpipe_nntp::config::{Quotas, Secret, Server};
use nzbpipe_store::slots::Slots;

use crate::exit::Refusal;
use crate::quota::{Counted, Keeper};
use crate::slots::{self, Shared};
use crate::ui::Ui;

/// Lives as long as the process fetches; dropping it writes the counts down.
pub(crate) struct Accounts {
    ui: Ui,
    quotas: OnceLock<Keeper>,
    /// By account and number.
    slots: Mutex<HashMap<(String, u16), Arc<Shared>>>,
    /// By user and server.
    typed: Mutex<HashMap<(String, String), Secret>>,
}

impl Accounts {
    /// Nothing is opened before a server needs it.
    pub(crate) fn new(ui: &Ui) -> Accounts {
        Accounts {
            ui: ui.clone(),
            quotas: OnceLock::new(),
            slots: Mutex::default(),
            typed: Mutex::default(),
        }
    }

    /// Gives each server the count of its quota and the slots of its account.
    /// Servers of one account share both.
    ///
    /// # Errors
    /// Servers of one account that contradict each other (78), a count that cannot be
    /// understood (78), slots that cannot be made (73).
    pub(crate) fn equip(&self, servers: &mut [Server]) -> Result<(), Refusal> {
        let mut shared: BTreeMap<String, Vec<&mut Server>> = BTreeMap::new();
        for server in servers {
            if server.account.is_some() || server.quotas.any() {
                let key = server.account.as_ref().unwrap_or(&server.name).clone();
                shared.entry(key).or_default().push(server);
            }
        }
        for (key, servers) in shared {
            self.count(&key, servers)?;
        }
        Ok(())
    }

    fn count(&self, key: &str, mut servers: Vec<&mut Server>) -> Result<(), Refusal> {
        let quotas = agreed(key, &servers)?;
        let keeper = || self.quotas.get_or_init(|| Keeper::new(&self.ui));
        let counted = match quotas.any() {
            true => Some(keeper().ledger(&folder()?, key, quotas)?),
            false => None,
        };
        let mut number: Option<u16> = None;
        for server in &mut servers {
            let counted = counted.as_ref().map(|ledger| Counted(Arc::clone(ledger)));
            server.quota = counted.map(|counted| Arc::new(counted) as _);
            if server.account.is_none() {
                continue;
            }
            let first = *number.get_or_insert(server.connections);
            if first != server.connections {
                return Err(contradiction(key, "connections"));
            }
            server.slots = Some(self.slots(key, first)? as _);
        }
        Ok(())
    }

    fn slots(&self, account: &str, count: u16) -> Result<Arc<Shared>, Refusal> {
        let mut open = locked(&self.slots);
        let key = (account.to_owned(), count);
        if let Some(slots) = open.get(&key) {
            return Ok(Arc::clone(slots));
        }
        let slots = Slots::open(&folder()?.join("slots"), account, count)
            .map_err(|error| slots::refused(account, &error))?;
        if let Some(other) = slots.disagreement() {
            self.ui.warn(&format!(
                "warning: account {account}: connections = {count} here, {other} in another \
                 process: give both the same number, or the larger one counts"
            ));
        }
        let slots = Arc::new(Shared(slots));
        // Those of another number stay with the connections that hold them.
        open.retain(|(name, _), _| name != account);
        open.insert(key, Arc::clone(&slots));
        Ok(slots)
    }

    /// The password that `user` typed in for `server`.
    pub(crate) fn typed(&self, user: &str, server: &str) -> Option<Secret> {
        let key = (user.to_owned(), server.to_owned());
        locked(&self.typed).get(&key).cloned()
    }

    /// Keeps a password for [`Accounts::typed`].
    pub(crate) fn remember(&self, user: &str, server: &str, password: &Secret) {
        let key = (user.to_owned(), server.to_owned());
        locked(&self.typed).insert(key, password.clone());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The quotas of an account: each may be named by one of its servers or by several,
/// then alike.
fn agreed(key: &str, servers: &[&mut Server]) -> Result<Quotas, Refusal> {
    let mut all = Quotas::default();
    for server in servers {
        let theirs = &server.quotas;
        for (name, one, other) in [
            ("quota", &mut all.total, theirs.total),
            ("daily quota", &mut all.daily, theirs.daily),
            ("monthly quota", &mut all.monthly, theirs.monthly),
            ("quota of 24 hours", &mut all.rolling, theirs.rolling),
        ] {
            if *one != 0 && other != 0 && *one != other {
                return Err(contradiction(key, name));
            }
            *one = (*one).max(other);
        }
    }
    Ok(all)
}

fn contradiction(key: &str, what: &str) -> Refusal {
    Refusal::config(format!(
        "account {key}: its servers name different numbers ({what}): they share it, so write the \
         same at each"
    ))
}

/// Where state is kept (XDG base directories). Not $XDG_RUNTIME_DIR, also for the
/// slots: a shell has it and cron has not, and those two must find each other.
fn folder() -> Result<PathBuf, Refusal> {
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || variable("HOME").map(|home| home.join(".local/state"));
    // A system service has no home.
    let root = || {
        let root = rustix::process::geteuid().is_root();
        root.then(|| PathBuf::from("/var/lib"))
    };
    variable("XDG_STATE_HOME")
        .or_else(home)
        .or_else(root)
        .map(|folder| folder.join("nzbpipe"))
        .ok_or_else(|| {
            Refusal::config(
                "quotas and accounts need a folder to count in: set HOME or XDG_STATE_HOME",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, account: Option<&str>, total: u64, daily: u64) -> Server {
        let quotas = Quotas {
            total,
            daily,
            ..Quotas::default()
        };
        let account = account.map(str::to_owned);
        Server {
            account,
            quotas,
            ..Server::new(name, true)
        }
    }

    #[test]
    fn what_one_server_of_an_account_says_holds_for_all() {
        let mut one = server("one", Some("a"), 5, 0);
        let mut two = server("two", Some("a"), 5, 3);
        let mut three = server("three", Some("a"), 0, 4);
        let quotas = agreed("a", &[&mut one, &mut two]).unwrap();
        assert_eq!((quotas.total, quotas.daily), (5, 3));
        let refusal = agreed("a", &[&mut one, &mut two, &mut three]).unwrap_err();
        assert!(refusal.error.to_string().contains("daily quota"));
    }
}
