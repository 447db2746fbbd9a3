//! Callers who write themselves, among each other and among writers.

use std::collections::HashMap;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::threads::{PIECE, some};
use super::*;

type Ticket = (u64, u64);

/// What was told, and on which thread.
type Told = Arc<Mutex<Vec<(Event<Ticket>, ThreadId)>>>;

fn ids(files: u64) -> Vec<String> {
    (0..files).map(|n| format!("{n:012}")).collect()
}

fn noting(options: Options) -> (Store<Ticket>, Told) {
    let told = Told::default();
    let teller = Arc::clone(&told);
    let tell = move |event| lock(&teller).push((event, thread::current().id()));
    (Store::open(options, tell).unwrap(), told)
}

/// Writes a piece here if that is possible, or else has it written. Whether it was.
fn bring(store: &Store<Ticket>, piece: Piece<'_, Bytes>) -> bool {
    let ticket = (piece.file, piece.number);
    match store.turn(&Ident::from(&piece), piece.bytes.len()) {
        Some(turn) => {
            turn.write(piece, ticket);
            true
        }
        None => {
            let _ = store.piece(piece, ticket);
            false
        }
    }
}

/// Writes a piece here, once that is possible: a slow disk is followed by a rest.
fn insist(store: &Store<Ticket>, piece: &Piece<'_, Bytes>) {
    soon(|| {
        let turn = store.turn(&Ident::from(piece), piece.bytes.len());
        let is_given = turn.is_some();
        if let Some(turn) = turn {
            turn.write(piece.clone(), (piece.file, piece.number));
        }
        is_given
    });
}

fn soon(mut is_done: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if is_done() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("never");
}

/// How often each piece was written.
fn written(told: &Told) -> HashMap<Ticket, usize> {
    let mut written = HashMap::new();
    for (event, _) in &*lock(told) {
        if let Event::Placed { ticket, placed } = event {
            assert_eq!(*placed, Placed::Written, "{ticket:?}");
            *written.entry(*ticket).or_default() += 1;
        }
    }
    written
}

fn is_right(data: &[u8], file: u64, of: u64) -> bool {
    let want = (1..=of).flat_map(|n| vec![(file * 7 + n) as u8; PIECE]);
    data.iter().copied().eq(want)
}

fn nap() -> bool {
    thread::yield_now();
    false
}

/// `threads` callers bring all pieces of so many files in an order that is nobody's.
fn all_come(files: u64, of: u64, threads: u64) {
    let temp = tempfile::tempdir().unwrap();
    let ids = ids(files);
    let small = Options {
        queue: 30 * PIECE,
        ..options(temp.path())
    };
    let (store, told) = noting(small);
    let direct: u64 = thread::scope(|scope| {
        let callers = (0..threads).map(|caller| {
            let (store, ids) = (&store, &ids);
            scope.spawn(move || {
                let mut direct = 0;
                for n in (0..files * of).filter(|n| n % threads == caller) {
                    // A prime that divides neither.
                    let n = n * 7_919 % (files * of);
                    let piece = some(n % files, n / files + 1, of, ids);
                    // While others only give pieces, the writers have the file all the time.
                    let is_at_rest = || store.turn(&Ident::from(&piece), PIECE).is_some();
                    let _ = (0..100).any(|_| is_at_rest() || nap());
                    direct += u64::from(bring(store, piece));
                }
                direct
            })
        });
        let callers: Vec<_> = callers.collect();
        callers.into_iter().map(|c| c.join().unwrap()).sum()
    });
    assert!(direct > 0, "nobody wrote");
    let (outcomes, errors) = store.finish();
    assert!(errors.is_empty(), "{errors:?}");
    let written = written(&told);
    assert_eq!(written.len() as u64, files * of);
    assert!(written.values().all(|&count| count == 1));
    assert_eq!(outcomes.len() as u64, files);
    for o in &outcomes {
        assert_eq!((o.status, o.ok, o.reported), (Status::Complete, of, true));
        let data = fs::read(temp.path().join("out").join(o.path.as_ref().unwrap())).unwrap();
        assert!(is_right(&data, o.file, of), "{}", o.file);
    }
}

#[test]
fn callers_who_write_one_file() {
    all_come(1, 8_000, 8);
}

#[test]
fn callers_who_write_many_files() {
    all_come(40, 200, 8);
}

// Its last steps may wait for the disk: they are no caller's. Here the last piece comes by
// another way while a caller has the file.
#[test]
fn a_caller_never_completes_a_file() {
    let temp = tempfile::tempdir().unwrap();
    let ids = ids(1);
    let (store, told) = noting(options(temp.path()));
    store.piece(some(0, 1, 3, &ids), (0, 1)).unwrap();
    store.outcomes();
    let two = some(0, 2, 3, &ids);
    let turn = store.turn(&Ident::from(&two), PIECE).unwrap();
    store.piece(some(0, 3, 3, &ids), (0, 3)).unwrap();
    turn.write(two, (0, 2));
    // What comes last is left to the writers.
    assert_eq!(store.outcomes()[0].status, Status::Complete);
    let told = lock(&told);
    let by = |(event, thread): &(Event<Ticket>, ThreadId)| {
        matches!(event, Event::Completed(_)).then_some(*thread)
    };
    let by: Vec<ThreadId> = told.iter().filter_map(by).collect();
    assert_eq!(by.len(), 1);
    assert_ne!(by[0], thread::current().id());
}

// What came for the file meanwhile is not left lying.
#[test]
fn a_turn_that_is_not_used() {
    let temp = tempfile::tempdir().unwrap();
    let ids = ids(1);
    let (store, _) = noting(options(temp.path()));
    store.piece(some(0, 1, 5, &ids), (0, 1)).unwrap();
    store.outcomes();
    let two = some(0, 2, 5, &ids);
    let turn = store.turn(&Ident::from(&two), PIECE).unwrap();
    assert!(store.turn(&Ident::from(&two), PIECE).is_none());
    store.piece(two, (0, 2)).unwrap();
    drop(turn);
    assert_eq!(store.outcomes()[0].ok, 2);
    // Its room is given back: all of it fits.
    let three = some(0, 3, 5, &ids);
    soon(|| store.turn(&Ident::from(&three), 32 << 20).is_some());
    store.finish();
}

// To open a job is to read its journal. Whoever wants to write at once does not wait for it.
#[test]
fn nobody_waits_for_who_opens_another_job() {
    let temp = tempfile::tempdir().unwrap();
    let ids = ids(1);
    let (store, _) = noting(options(temp.path()));
    store.piece(some(0, 1, 5, &ids), (0, 1)).unwrap();
    store.outcomes();
    let (sender, answer) = mpsc::channel();
    thread::scope(|scope| {
        let opening = lock(&store.shared.index);
        scope.spawn(|| {
            let two = some(0, 2, 5, &ids);
            let turn = store.turn(&Ident::from(&two), PIECE);
            sender.send(turn.is_some()).unwrap();
        });
        let answered = answer.recv_timeout(Duration::from_secs(5));
        drop(opening);
        assert_eq!(answered, Ok(false));
    });
}

#[test]
fn where_a_write_waits_there_are_no_turns() {
    let ids = ids(1);
    let no_turn = |change: fn(&mut Options)| {
        let temp = tempfile::tempdir().unwrap();
        let mut options = options(temp.path());
        change(&mut options);
        let (store, _) = noting(options);
        assert!(!bring(&store, some(0, 1, 4, &ids)), "the first piece");
        store.outcomes();
        let is_direct = bring(&store, some(0, 2, 4, &ids));
        store.outcomes();
        bring(&store, some(0, 3, 4, &ids));
        store.outcomes();
        assert!(!bring(&store, some(0, 4, 4, &ids)), "the last piece");
        let (outcomes, errors) = store.finish();
        assert!(errors.is_empty());
        assert_eq!(outcomes[0].status, Status::Complete);
        !is_direct
    };
    assert!(!no_turn(|_| ()));
    assert!(!no_turn(|o| o.journal = Journaling::Never));
    assert!(no_turn(|o| o.sync = Sync::Segment));
    assert!(no_turn(|o| o.hashes.sha256 = true));
}

// Pieces of which one lies over another, and the same ones twice, are judged as always.
#[test]
fn what_a_caller_brings_is_judged() {
    let temp = tempfile::tempdir().unwrap();
    let ids = ids(1);
    let (store, told) = noting(options(temp.path()));
    store.piece(some(0, 1, 5, &ids), (0, 1)).unwrap();
    store.outcomes();
    insist(&store, &some(0, 2, 5, &ids));
    insist(&store, &some(0, 2, 5, &ids));
    let mut over = some(0, 3, 5, &ids);
    over.offset -= 10;
    insist(&store, &over);
    let placed: Vec<Placed> = lock(&told)
        .iter()
        .filter_map(|(event, _)| match event {
            Event::Placed { placed, .. } => Some(*placed),
            _ => None,
        })
        .collect();
    assert_eq!(
        placed[..3],
        [Placed::Written, Placed::Written, Placed::Duplicate]
    );
    assert!(matches!(placed[3], Placed::Rejected(_)), "{placed:?}");
    for number in 3..=5 {
        bring(&store, some(0, number, 5, &ids));
        store.outcomes();
    }
    assert_eq!(store.finish().0[0].status, Status::Complete);
}

// The next one learns of it, and the next run goes on.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_for_a_caller() {
    let temp = tempfile::tempdir().unwrap();
    let ids = ids(1);
    let (store, told) = noting(options(temp.path()));
    store.piece(some(0, 1, 5, &ids), (0, 1)).unwrap();
    store.outcomes();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    store.shared.handles.close(0);
    store.shared.handles.put(0, Arc::new(full));
    store.shared.handles.rest(0);
    assert!(bring(&store, some(0, 2, 5, &ids)));
    let three = some(0, 3, 5, &ids);
    assert!(store.turn(&Ident::from(&three), PIECE).is_none());
    assert!(store.piece(three, (0, 3)).unwrap_err().is_full());
    let (outcomes, errors) = store.finish();
    assert!(errors.is_empty(), "it was told");
    assert_eq!(
        (outcomes[0].status, outcomes[0].ok),
        (Status::Incomplete, 1)
    );
    assert_eq!(written(&told).len(), 1);
    let (store, told) = noting(options(temp.path()));
    for number in 2..=5 {
        bring(&store, some(0, number, 5, &ids));
        store.outcomes();
    }
    assert_eq!(store.finish().0[0].status, Status::Complete);
    assert_eq!(written(&told).len(), 4);
}

// It ends while callers write: what was told as written is, and the next run has it.
#[test]
fn the_end_comes_amidst_turns() {
    const OF: u64 = 4_000;
    let ids = ids(2);
    for round in 0..10 {
        let temp = tempfile::tempdir().unwrap();
        let keeping = || Options {
            journal: Journaling::Keep,
            ..options(temp.path())
        };
        let (store, told) = noting(keeping());
        for file in 0..2 {
            store.piece(some(file, OF, OF, &ids), (file, OF)).unwrap();
        }
        store.outcomes();
        thread::scope(|scope| {
            for caller in 0..4 {
                let (store, ids) = (&store, &ids);
                scope.spawn(move || {
                    for n in (1..OF).filter(|n| n % 4 == caller) {
                        let piece = some(n % 2, n, OF, ids);
                        if let Some(turn) = store.turn(&Ident::from(&piece), PIECE) {
                            turn.write(piece, (n % 2, n));
                        }
                    }
                });
            }
            thread::sleep(Duration::from_millis(3 * round + 1));
            let (outcomes, errors) = store.stop();
            assert!(errors.is_empty(), "{errors:?}");
            let kept: u64 = outcomes.iter().map(|o| o.ok).sum();
            assert_eq!(kept, written(&told).len() as u64);
        });
        let kept = written(&told);
        drop(store);
        let (store, told) = noting(keeping());
        for file in 0..2 {
            for number in 1..=OF {
                if !kept.contains_key(&(file, number)) {
                    bring(&store, some(file, number, OF, &ids));
                }
            }
        }
        let (outcomes, errors) = store.finish();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(written(&told).len() + kept.len(), 2 * OF as usize);
        for o in outcomes {
            assert_eq!(o.status, Status::Complete);
            let data = fs::read(temp.path().join("out").join(o.path.unwrap())).unwrap();
            assert!(is_right(&data, o.file, OF));
        }
    }
}
