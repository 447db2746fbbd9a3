//! What is on the disk, and what is only said to be.

use std::time::{Duration, Instant};

use super::*;

fn marks(dir: &Path) -> Vec<String> {
    let journal = String::from_utf8(read(dir, JOURNAL)).unwrap();
    let mark = |line: &&str| line.starts_with("sync ");
    journal.lines().filter(mark).map(str::to_owned).collect()
}

/// Nothing ends the run, and nothing more is written: a mark comes all the same.
#[test]
fn a_file_is_synced_soon_after_a_write() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three()[..2]);
    assert!(marks(temp.path()).is_empty());
    let patience = Instant::now() + Duration::from_secs(60);
    while marks(temp.path()).is_empty() {
        assert!(Instant::now() < patience);
        std::thread::sleep(Duration::from_millis(20));
    }
    let mark = &marks(temp.path())[0];
    assert!(mark.starts_with(&format!("sync {FILE} 2 ")), "{mark}");
    put(&mut store, &three()[2..]);
    assert_eq!(finished(store)[0].status, Status::Complete);
}

/// After many bytes it is not put off.
#[test]
fn a_file_that_grows_fast_is_synced_before_its_time() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    let large = vec![1; MAX_PIECE as usize];
    for number in 1..=5 {
        let offset = (number - 1) * MAX_PIECE;
        let piece = Piece {
            of: 6,
            ..piece(number, offset, &large)
        };
        put(&mut store, &[piece]);
    }
    let patience = Instant::now() + Duration::from_secs(60);
    while marks(temp.path()).is_empty() {
        assert!(Instant::now() < patience);
        std::thread::sleep(Duration::from_millis(5));
    }
}

// W04. The system may have dropped what it could not write, and says next time that all is
// well: the bytes that are read back then come from memory.
#[test]
fn after_a_failed_sync_what_it_should_have_covered_is_gone() {
    let temp = tempfile::tempdir().unwrap();
    let each = Options {
        sync: Sync::Segment,
        ..options(temp.path())
    };
    let mut store = Core::open(each).unwrap();
    put(&mut store, &three()[..1]);
    assert_eq!(store.finish().0[0].ok, 1);
    let mut store = open(temp.path());
    put(&mut store, &three()[1..2]);
    let lane = Arc::clone(&lock(&store.store.shared.index).lanes[0]);
    lock(&lane.desk).disown(&lane);
    drop(lane);
    assert_eq!(
        store.put(&three()[2]).unwrap(),
        None,
        "nothing more is done for it"
    );
    let outcome = store.finish().0.remove(0);
    assert_eq!((outcome.status, outcome.ok), (Status::Incomplete, 1));
    let mut store = open(temp.path());
    assert_eq!(store.piece(&three()[0]).unwrap(), Placed::Duplicate);
    put(&mut store, &three()[1..]);
    assert_eq!(finished(store)[0].status, Status::Complete);
    assert_eq!(read(temp.path(), "a.bin"), b"abcdef");
}
