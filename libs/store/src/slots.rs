//! The connections of an account, shared by the processes of one user: `N` lock
//! files, each of which stands for one connection.
//!
//! A slot is taken by locking its file (flock), and given back by unlocking it or
//! by the end of the process, however it ends: the kernel sees to that. The files
//! are opened once; taking a slot opens nothing and waits for nothing. They are
//! empty and stay.
//!
//! Slots are told apart by their number, so the cap of an account is the largest
//! that any of its processes names. All should name the same:
//! [`Slots::disagreement`] tells when they do not.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;

use crate::dir::Dir;
use crate::{Error, key};

/// Who may open a lock file may hold the slot.
const MODE: Mode = Mode::from_raw_mode(0o600);

/// The lock of the agreement is held for two system calls.
const TRIES: usize = 100;
const BETWEEN: Duration = Duration::from_millis(2);

/// The slots of one account. Clones share them.
#[derive(Clone, Debug)]
pub struct Slots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    slots: Vec<Slot>,
    /// Where the next search begins.
    turn: AtomicUsize,
    /// Another number of slots that a living process counts on.
    other: Option<u16>,
    /// Locked, shared with all who use the account, while it is in use.
    _agreement: File,
}

#[derive(Debug)]
struct Slot {
    file: File,
    /// A lock belongs to the open file, which all threads share: they are kept
    /// apart by this.
    taken: AtomicBool,
}

/// A slot; it is free again when this is dropped.
#[derive(Debug)]
pub struct Guard {
    inner: Arc<Inner>,
    index: usize,
}

impl Slots {
    /// Opens the `count` slots of the account `key`, whose files lie in `folder`,
    /// which is made if need be, for its owner only.
    ///
    /// # Errors
    /// A folder or a file that cannot be made, or is not ours to use.
    pub fn open(folder: &Path, key: &str, count: u16) -> Result<Slots, Error> {
        key::make(folder)?;
        let dir = Dir::open(folder)?;
        let name = key::file_name(key);
        let (agreement, other) = agree(&dir, &format!("{name}.n"), count)?;
        let slots = (0..count)
            .map(|index| {
                let (file, _) = dir.open_file(&format!("{name}.{index}"), MODE)?;
                let taken = AtomicBool::new(false);
                Ok(Slot { file, taken })
            })
            .collect::<Result<_, Error>>()?;
        // Processes that all begin at the first slot would try each other's.
        let turn = AtomicUsize::new(std::process::id() as usize);
        Ok(Slots {
            inner: Arc::new(Inner {
                slots,
                turn,
                other,
                _agreement: agreement,
            }),
        })
    }

    /// Takes a slot if one is free.
    pub fn try_take(&self) -> Option<Guard> {
        let count = self.inner.slots.len();
        let first = self.inner.turn.fetch_add(1, Ordering::Relaxed) % count.max(1);
        let index = (first..count)
            .chain(0..first)
            .find(|index| self.inner.slots[*index].try_lock())?;
        let inner = Arc::clone(&self.inner);
        Some(Guard { inner, index })
    }

    /// The number of slots another process of this account counts on, if it is not
    /// ours.
    pub fn disagreement(&self) -> Option<u16> {
        self.inner.other
    }
}

impl Slot {
    fn try_lock(&self) -> bool {
        if self.taken.swap(true, Ordering::Acquire) {
            return false;
        }
        let locked = flock(&self.file, FlockOperation::NonBlockingLockExclusive).is_ok();
        if !locked {
            self.taken.store(false, Ordering::Release);
        }
        locked
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let slot = &self.inner.slots[self.index];
        let _ = flock(&slot.file, FlockOperation::Unlock);
        slot.taken.store(false, Ordering::Release);
    }
}

/// Whoever comes first writes down how many slots there are, the others read it.
/// All keep the file locked, shared: an old number is nobody's as soon as the file
/// can be had alone.
fn agree(dir: &Dir, name: &str, count: u16) -> Result<(File, Option<u16>), Error> {
    let failed = |e: io::Error| dir.error(name, e);
    let (mut file, _) = dir.open_file(name, MODE)?;
    for _ in 0..TRIES {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                note(&mut file, count).map_err(failed)?;
                flock(&file, FlockOperation::LockShared).map_err(|e| failed(e.into()))?;
                return Ok((file, None));
            }
            Err(Errno::WOULDBLOCK) => {}
            Err(e) => return Err(failed(e.into())),
        }
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {
                let other = noted(&mut file).filter(|other| *other != count);
                return Ok((file, other));
            }
            // Somebody is writing.
            Err(Errno::WOULDBLOCK) => thread::sleep(BETWEEN),
            Err(e) => return Err(failed(e.into())),
        }
    }
    Err(Error::InUse {
        path: dir.path_of(name),
    })
}

fn note(file: &mut File, count: u16) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(format!("{count}\n").as_bytes())
}

fn noted(file: &mut File) -> Option<u16> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::sync::Mutex;

    fn all(slots: &Slots) -> Vec<Guard> {
        std::iter::from_fn(|| slots.try_take()).collect()
    }

    #[test]
    fn no_more_than_there_are() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("state/slots");
        let one = Slots::open(&folder, "a/b", 3).unwrap();
        let two = Slots::open(&folder, "a/b", 3).unwrap();
        let other = Slots::open(&folder, "a", 1).unwrap();
        let held = one.try_take().unwrap();
        let rest = all(&two);
        assert_eq!(rest.len(), 2);
        assert!(one.try_take().is_none() && one.clone().try_take().is_none());
        assert_eq!(all(&other).len(), 1);
        drop(held);
        assert_eq!(all(&two).len(), 1);
        drop(rest);
        assert_eq!(all(&one).len(), 3);
    }

    #[test]
    fn only_the_owner_may_look() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("slots");
        let _slots = Slots::open(&folder, "a", 1).unwrap();
        for (path, mode) in [("", 0o700), ("a.0", 0o600), ("a.n", 0o600)] {
            let meta = fs::metadata(folder.join(path)).unwrap();
            assert_eq!(meta.permissions().mode() & 0o777, mode, "{path}");
        }
    }

    #[test]
    fn links_are_not_followed() {
        let temp = tempfile::tempdir().unwrap();
        let target = temp.path().join("target");
        std::os::unix::fs::symlink(&target, temp.path().join("a.1")).unwrap();
        let error = Slots::open(temp.path(), "a", 2).unwrap_err();
        assert!(error.is_cannot_create(), "{error}");
        assert!(!target.exists());
    }

    #[test]
    fn another_number_is_noticed_while_it_is_in_use() {
        let temp = tempfile::tempdir().unwrap();
        let one = Slots::open(temp.path(), "a", 10).unwrap();
        let two = Slots::open(temp.path(), "a", 20).unwrap();
        let three = Slots::open(temp.path(), "a", 10).unwrap();
        let seen = [&one, &two, &three].map(Slots::disagreement);
        assert_eq!(seen, [None, Some(10), None]);
        drop((one, two, three));
        let four = Slots::open(temp.path(), "a", 20).unwrap();
        assert_eq!(four.disagreement(), None);
    }

    #[test]
    fn threads_share_and_give_back() {
        let temp = tempfile::tempdir().unwrap();
        let slots = Slots::open(temp.path(), "a", 3).unwrap();
        let (held, most) = (AtomicUsize::new(0), Mutex::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let Some(guard) = slots.try_take() else {
                            thread::yield_now();
                            continue;
                        };
                        let now = held.fetch_add(1, Ordering::SeqCst) + 1;
                        let mut most = most.lock().unwrap();
                        *most = now.max(*most);
                        drop(most);
                        held.fetch_sub(1, Ordering::SeqCst);
                        drop(guard);
                    }
                });
            }
        });
        assert!((1..=3).contains(&*most.lock().unwrap()));
        assert_eq!(all(&slots).len(), 3);
    }

    /// A process that takes all it can of 10 slots, says how many, and keeps them.
    /// Its output is to be kept open: the test harness in it complains of a closed one.
    fn holder(folder: &Path) -> (Child, impl Iterator<Item = String>, usize) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "slots::tests::hold", "--ignored", "--nocapture"])
            .env("SLOTS_FOLDER", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.lines().map_while(Result::ok);
        let said = lines.find_map(|line| Some(line.split_once("holds ")?.1.parse().unwrap()));
        (child, lines, said.unwrap())
    }

    #[test]
    #[ignore = "what other tests run in processes of their own"]
    fn hold() {
        let Ok(folder) = std::env::var("SLOTS_FOLDER") else {
            return;
        };
        let slots = Slots::open(Path::new(&folder), "a", 10).unwrap();
        let held: Vec<Guard> = (0..6).map_while(|_| slots.try_take()).collect();
        println!("holds {}", held.len());
        let _ = io::stdin().read_to_end(&mut Vec::new());
    }

    #[test]
    fn processes_share_and_a_killed_one_gives_back() {
        let temp = tempfile::tempdir().unwrap();
        let (mut one, _open, first) = holder(temp.path());
        let (mut two, _open, second) = holder(temp.path());
        let slots = Slots::open(temp.path(), "a", 10).unwrap();
        assert_eq!((first, second), (6, 4));
        assert!(slots.try_take().is_none());
        one.kill().unwrap();
        one.wait().unwrap();
        assert_eq!(all(&slots).len(), 6);
        drop(two.stdin.take());
        two.wait().unwrap();
        assert_eq!(all(&slots).len(), 10);
    }
}
