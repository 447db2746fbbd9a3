//! Counts over midnight, and the file between processes: several at once, killed
//! ones, a full disk, other people's bytes.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::*;

const DAY: u64 = 24 * 3600;

/// A clock that is set by hand. Its calendar has months of 30 days, from day 0.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn set(&self, unix: u64) {
        self.0.store(unix, Ordering::SeqCst);
    }

    fn now(&self) -> Moment {
        let unix = self.0.load(Ordering::SeqCst);
        let days = unix / DAY;
        let date = Date {
            year: 2026 + u16::try_from(days / 360).unwrap(),
            month: 1 + u8::try_from(days / 30 % 12).unwrap(),
            day: 1 + u8::try_from(days % 30).unwrap(),
        };
        Moment { unix, date }
    }

    fn open(&self, folder: &Path, bounds: Bounds) -> Result<Ledger, Error> {
        let hands = self.clone();
        Ledger::open(folder, "main", bounds, move || hands.now())
    }
}

fn bounds(total: u64, daily: u64, monthly: u64, rolling: u64) -> Bounds {
    Bounds {
        total,
        daily,
        monthly,
        rolling,
    }
}

fn total(folder: &Path) -> u64 {
    let bytes = fs::read(folder.join("main.quota")).unwrap();
    text::read(&bytes).unwrap().total
}

#[test]
fn the_nearest_bound_decides() {
    let temp = tempfile::tempdir().unwrap();
    let hands = Hands::default();
    let ledger = hands.open(temp.path(), bounds(100, 40, 0, 50)).unwrap();
    assert_eq!((ledger.left(), ledger.nearest()), (40, (Bound::Daily, 40)));
    ledger.spend(30);
    assert_eq!(ledger.left(), 10);
    ledger.flush().unwrap();
    assert_eq!(ledger.left(), 10);
    ledger.spend(11);
    assert_eq!(ledger.left(), 0);
    // The next day, less than 24 hours later.
    hands.set(DAY + 60);
    ledger.flush().unwrap();
    assert_eq!((ledger.left(), ledger.nearest()), (9, (Bound::Rolling, 50)));
    // What was flushed on the second day counts for the second day.
    hands.set(3 * DAY);
    ledger.flush().unwrap();
    assert_eq!(ledger.left(), 40);
    let free = hands.open(temp.path(), Bounds::default()).unwrap();
    assert_eq!(free.left(), u64::MAX);
    free.spend(9);
    assert!(free.left() > u64::MAX / 2);
}

#[test]
fn a_month_ends() {
    let temp = tempfile::tempdir().unwrap();
    let hands = Hands::default();
    hands.set(29 * DAY);
    let ledger = hands.open(temp.path(), bounds(0, 0, 10, 0)).unwrap();
    ledger.spend(10);
    ledger.flush().unwrap();
    assert_eq!(ledger.left(), 0);
    hands.set(30 * DAY);
    ledger.flush().unwrap();
    assert_eq!(
        (ledger.left(), ledger.nearest()),
        (10, (Bound::Monthly, 10))
    );
}

#[test]
fn what_is_older_than_24_hours_is_free_again() {
    let temp = tempfile::tempdir().unwrap();
    let hands = Hands::default();
    hands.set(10 * DAY + 300);
    let ledger = hands.open(temp.path(), bounds(0, 0, 0, 10)).unwrap();
    ledger.spend(4);
    ledger.flush().unwrap();
    hands.set(10 * DAY + 12 * 3600);
    ledger.spend(3);
    ledger.flush().unwrap();
    assert_eq!(ledger.left(), 3);
    // To the next ten minutes, never sooner than 24 hours.
    hands.set(11 * DAY + 300);
    ledger.flush().unwrap();
    assert_eq!(ledger.left(), 3);
    hands.set(11 * DAY + 600);
    ledger.flush().unwrap();
    assert_eq!(ledger.left(), 7);
}

#[test]
fn a_clock_put_back_frees_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let hands = Hands::default();
    hands.set(20 * DAY);
    let ledger = hands.open(temp.path(), bounds(100, 0, 0, 10)).unwrap();
    ledger.spend(10);
    ledger.flush().unwrap();
    hands.set(20 * DAY - 3600);
    ledger.flush().unwrap();
    assert_eq!(ledger.left(), 0);
    // A clock that was years ahead for a while pushes nothing out and holds nothing.
    hands.set(900 * DAY);
    for span in 0..400 {
        hands.set(900 * DAY + span * counts::SPAN);
        ledger.spend(1);
        ledger.book().settle(hands.now()).unwrap();
        ledger.flush().unwrap();
    }
    hands.set(20 * DAY + 3600);
    ledger.flush().unwrap();
    assert_eq!(ledger.left(), 0);
    assert_eq!(total(temp.path()), 410);
}

#[test]
fn a_later_run_and_another_process_go_on() {
    let temp = tempfile::tempdir().unwrap();
    let hands = Hands::default();
    let one = hands.open(temp.path(), bounds(100, 0, 0, 0)).unwrap();
    let two = hands.open(temp.path(), bounds(100, 0, 0, 0)).unwrap();
    one.spend(60);
    one.flush().unwrap();
    assert_eq!(two.left(), 100);
    two.flush().unwrap();
    assert_eq!(two.left(), 40);
    two.spend(10);
    two.flush().unwrap();
    let three = hands.open(temp.path(), bounds(100, 0, 0, 0)).unwrap();
    assert_eq!(three.left(), 30);
    three.set_bounds(bounds(0, 75, 0, 0));
    assert_eq!((three.left(), three.nearest().0), (5, Bound::Daily));
    // A person bought more.
    fs::remove_file(three.path()).unwrap();
    one.flush().unwrap();
    assert_eq!(one.left(), 100);
}

#[test]
fn a_file_not_understood_is_refused_and_kept() {
    let temp = tempfile::tempdir().unwrap();
    let hands = Hands::default();
    let path = temp.path().join("main.quota");
    for bytes in [&b""[..], b"nzbpipe-quota 1\ntotal 5\n", &[b'9'; 100_000]] {
        fs::write(&path, bytes).unwrap();
        let error = hands.open(temp.path(), bounds(9, 0, 0, 0)).unwrap_err();
        assert!(error.is_bad_state() && error.to_string().contains("main.quota"));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    assert!(hands.open(temp.path(), bounds(9, 0, 0, 0)).is_err());
    // Spoilt while it is in use: the count goes on, the file stays.
    fs::remove_file(&path).unwrap();
    let ledger = hands.open(temp.path(), bounds(9, 0, 0, 0)).unwrap();
    fs::write(&path, "spoilt").unwrap();
    ledger.spend(2);
    assert!(ledger.flush().unwrap_err().is_bad_state());
    ledger.spend(2);
    assert!(ledger.flush().is_err());
    assert_eq!(ledger.left(), 5);
    assert_eq!(fs::read(&path).unwrap(), b"spoilt");
    fs::remove_file(&path).unwrap();
    ledger.flush().unwrap();
    assert_eq!(total(temp.path()), 4);
}

#[test]
fn without_a_folder_it_counts_in_memory() {
    let temp = tempfile::tempdir().unwrap();
    let hands = Hands::default();
    let folder = temp.path().join("file/state");
    fs::write(temp.path().join("file"), "").unwrap();
    let refused = hands.open(&folder, bounds(9, 0, 0, 0));
    assert!(refused.is_err(), "what is there cannot be known");
    let folder = temp.path().join("state");
    let ledger = hands.open(&folder, bounds(9, 0, 0, 0)).unwrap();
    fs::write(&folder, "in the way").unwrap();
    for left in [7, 5] {
        ledger.spend(2);
        assert!(ledger.flush().is_err());
        assert_eq!(ledger.left(), left);
    }
    fs::remove_file(&folder).unwrap();
    ledger.flush().unwrap();
    assert_eq!(total(&folder), 4);
}

/// Runs `worker` below in a process of its own.
fn process(folder: &Path, turns: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "quota::tests::worker", "--ignored"])
        .env("QUOTA_FOLDER", folder)
        .env("QUOTA_TURNS", turns.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "what other tests run in processes of their own"]
fn worker() {
    let Ok(folder) = std::env::var("QUOTA_FOLDER") else {
        return;
    };
    let turns: u32 = std::env::var("QUOTA_TURNS").unwrap().parse().unwrap();
    let hands = Hands::default();
    let ledger = hands.open(Path::new(&folder), Bounds::default()).unwrap();
    for _ in 0..turns {
        ledger.spend(3);
        ledger.flush().unwrap();
    }
}

#[test]
fn processes_and_threads_lose_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let mut children: Vec<Child> = (0..3).map(|_| process(temp.path(), 20)).collect();
    let hands = Hands::default();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let ledger = hands.open(temp.path(), Bounds::default()).unwrap();
                for _ in 0..20 {
                    ledger.spend(3);
                    ledger.flush().unwrap();
                }
            });
        }
    });
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(total(temp.path()), 5 * 20 * 3);
}

#[test]
fn one_handle_is_shared_by_threads() {
    let temp = tempfile::tempdir().unwrap();
    let hands = Hands::default();
    let ledger = hands.open(temp.path(), bounds(1 << 40, 0, 0, 0)).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let spenders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut left = u64::MAX;
                    for _ in 0..20_000 {
                        ledger.spend(7);
                        let now = ledger.left();
                        assert!(now < left, "room came back");
                        left = now;
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                ledger.flush().unwrap();
            }
        });
        for spender in spenders {
            spender.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
    ledger.flush().unwrap();
    assert_eq!(total(temp.path()), 4 * 20_000 * 7);
}

#[test]
fn a_killed_process_leaves_a_readable_file_and_no_lock() {
    let temp = tempfile::tempdir().unwrap();
    let mut before = 0;
    for turn in 0..6 {
        let mut child = process(temp.path(), u32::MAX);
        let began = Instant::now();
        while fs::metadata(temp.path().join("main.quota")).is_err() || total(temp.path()) == before
        {
            assert!(began.elapsed() < Duration::from_secs(60), "nothing came");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_micros(700 * turn));
        child.kill().unwrap();
        child.wait().unwrap();
        let after = total(temp.path());
        assert!(after > before && after.is_multiple_of(3));
        before = after;
    }
    fs::write(temp.path().join("main.quota.4711.tmp"), "half").unwrap();
    let ledger = Hands::default()
        .open(temp.path(), Bounds::default())
        .unwrap();
    ledger.spend(1);
    ledger.flush().unwrap();
    assert_eq!(total(temp.path()), before + 1);
    let mut names: Vec<_> = fs::read_dir(temp.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["main.quota", "main.quota.lock"]);
}
