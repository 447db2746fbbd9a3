//! The quotas of servers: where their counts are kept, in whose words they are
//! told, and the thread that brings counts and files together.
//!
//! Counting is left to `store::quota`, what happens when nothing is left to the
//! engine.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nzbpipe_nntp::config::Quotas;
use nzbpipe_pipeline::Code;
use nzbpipe_store::Error;
use nzbpipe_store::quota::{Bound, Bounds, Date, Ledger, Moment};

use crate::exit::Refusal;
use crate::message::size;
use crate::ui::Ui;

/// What a killed process has not written down, at most.
const BEAT: Duration = Duration::from_secs(2);

/// A [`Ledger`] as the engine asks it.
#[derive(Debug)]
pub(crate) struct Counted(pub Arc<Ledger>);

impl nzbpipe_nntp::Quota for Counted {
    fn left(&self) -> u64 {
        self.0.left()
    }

    fn spent(&self) -> String {
        let (bound, octets) = self.0.nearest();
        let octets = size(octets).replace(".00 ", " ");
        match bound {
            Bound::Total => format!("quota of {octets} used up"),
            Bound::Daily => format!("daily quota of {octets} used up"),
            Bound::Monthly => format!("monthly quota of {octets} used up"),
            Bound::Rolling => format!("quota of {octets} in 24 hours used up"),
        }
    }

    fn spend(&self, octets: u64) {
        self.0.spend(octets);
    }
}

/// The counts of all accounts of this process. Dropping it writes them down for the
/// last time.
pub(crate) struct Keeper {
    open: Arc<Mutex<Vec<Arc<Account>>>>,
    /// Dropped to end the thread.
    end: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Account {
    key: String,
    ledger: Arc<Ledger>,
}

impl Keeper {
    /// Keeps nothing yet. `ui` hears of files that cannot be written.
    pub(crate) fn new(ui: &Ui) -> Keeper {
        let open = Arc::default();
        let (end, ended) = sync_channel(0);
        let (shared, ui) = (Arc::clone(&open), ui.clone());
        Keeper {
            open,
            end: Some(end),
            thread: Some(thread::spawn(move || keep(&shared, &ended, &ui))),
        }
    }

    /// The count of the account `key`, whose file lies in `folder`.
    pub(crate) fn ledger(
        &self,
        folder: &Path,
        key: &str,
        quotas: Quotas,
    ) -> Result<Arc<Ledger>, Refusal> {
        let bounds = bounds(quotas);
        let mut open = locked(&self.open);
        if let Some(account) = open.iter().find(|account| account.key == key) {
            account.ledger.set_bounds(bounds);
            return Ok(Arc::clone(&account.ledger));
        }
        let ledger = Ledger::open(folder, key, bounds, now).map_err(|e| refused(key, &e))?;
        let ledger = Arc::new(ledger);
        open.push(Arc::new(Account {
            key: key.to_owned(),
            ledger: Arc::clone(&ledger),
        }));
        Ok(ledger)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(open: &Mutex<Vec<Arc<Account>>>, ended: &Receiver<()>, ui: &Ui) {
    let mut told = Vec::new();
    loop {
        let last = ended.recv_timeout(BEAT) != Err(RecvTimeoutError::Timeout);
        // Not locked while the disk is waited for.
        let accounts = locked(open).clone();
        for account in accounts {
            let Err(error) = account.ledger.flush() else {
                continue;
            };
            if !told.contains(&account.key) {
                ui.warn(&format!(
                    "warning: {error}: what {} sends is counted in memory only",
                    account.key
                ));
                told.push(account.key.clone());
            }
        }
        if last {
            return;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bounds(quotas: Quotas) -> Bounds {
    let Quotas {
        total,
        daily,
        monthly,
        rolling,
    } = quotas;
    Bounds {
        total,
        daily,
        monthly,
        rolling,
    }
}

fn refused(key: &str, error: &Error) -> Refusal {
    let remedy = match error.is_bad_state() {
        true => "correct it, or delete it to count from 0 again",
        false => "make it readable",
    };
    Refusal::new(
        Code::CONFIG,
        format!("{error}. It counts what {key} has sent, for its quota: {remedy}"),
    )
}

/// The time, and the date where the user lives: UTC if the system does not say
/// where that is (TZ, /etc/localtime).
fn now() -> Moment {
    let time = SystemTime::now();
    let unix = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let stamp = jiff::Timestamp::try_from(time).unwrap_or_default();
    let local = stamp.to_zoned(jiff::tz::TimeZone::system());
    let part = |value: i8| u8::try_from(value).unwrap_or(1);
    Moment {
        unix: unix.as_secs(),
        date: Date {
            year: u16::try_from(local.year()).unwrap_or(0),
            month: part(local.month()),
            day: part(local.day()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Common;
    use nzbpipe_nntp::Quota;

    fn quiet() -> Ui {
        let common = Common {
            quiet: true,
            verbose: false,
        };
        Ui::new("test", &common)
    }

    #[test]
    fn what_is_used_up_is_said_in_words() {
        let temp = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(&quiet());
        let table = [
            ([50, 0, 0, 0], "quota of 50 GB used up"),
            ([60, 50, 0, 0], "daily quota of 50 GB used up"),
            ([60, 0, 50, 0], "monthly quota of 50 GB used up"),
            ([60, 0, 0, 50], "quota of 50 GB in 24 hours used up"),
        ];
        for ([total, daily, monthly, rolling], words) in table {
            let giga = 1_000_000_000;
            let quotas = Quotas {
                total: total * giga,
                daily: daily * giga,
                monthly: monthly * giga,
                rolling: rolling * giga,
            };
            let counted = Counted(keeper.ledger(temp.path(), "a", quotas).unwrap());
            assert_eq!(
                (counted.spent().as_str(), counted.left()),
                (words, 50 * giga)
            );
        }
    }

    #[test]
    fn the_end_writes_it_down() {
        let temp = tempfile::tempdir().unwrap();
        let quotas = Quotas {
            total: 100,
            ..Quotas::default()
        };
        for left in [100, 60] {
            let keeper = Keeper::new(&quiet());
            let ledger = keeper.ledger(temp.path(), "a", quotas).unwrap();
            assert_eq!(ledger.left(), left);
            ledger.spend(40);
        }
    }

    #[test]
    fn a_file_not_understood_is_named_with_a_remedy() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("a.quota"), "x").unwrap();
        let keeper = Keeper::new(&quiet());
        let refusal = keeper.ledger(temp.path(), "a", Quotas::default());
        let refusal = refusal.unwrap_err();
        let told = refusal.error.to_string();
        assert_eq!(refusal.code, Code::CONFIG);
        assert!(
            told.contains("a.quota: line 1") && told.contains("delete it"),
            "{told}"
        );
    }

    #[test]
    fn today_is_near_the_other_clock() {
        let moment = now();
        assert!(moment.date.year >= 2024);
        assert!((1..=12).contains(&moment.date.month) && (1..=31).contains(&moment.date.day));
    }
}
