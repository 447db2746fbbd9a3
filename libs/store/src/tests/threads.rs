//! Many callers, many writers: nothing is lost, told twice, or kept waiting for another file.

use std::collections::HashMap;
use std::thread;

use super::*;
use crate::lane::Given;

pub(super) const PIECE: usize = 1_000;

/// A piece of file `file`, which has `of`; its bytes are made of both numbers.
pub(super) fn some(file: u64, number: u64, of: u64, ids: &[String]) -> Piece<'_, Bytes> {
    let bytes = Bytes::from(vec![(file * 7 + number) as u8; PIECE]);
    Piece {
        job: JOB,
        job_name: "job",
        file,
        file_id: &ids[file as usize],
        name: "a.bin",
        yenc_name: None,
        number,
        of,
        offset: (number - 1) * PIECE as u64,
        order: None,
        size: Some(of * PIECE as u64),
        verified: true,
        damaged: false,
        crc32: crc32fast::hash(&bytes),
        bytes,
        file_crc32: None,
        bound: None,
        file_bytes: Some(2 * of * PIECE as u64),
        part: Some(number),
        total: Some(of),
        id: "id@x",
    }
}

#[test]
fn callers_on_many_threads_get_each_fate_once_and_all_files() {
    const FILES: u64 = 40;
    const OF: u64 = 60;
    let temp = tempfile::tempdir().unwrap();
    let ids: Vec<String> = (0..FILES).map(|n| format!("{n:012}")).collect();
    let told: Arc<Mutex<HashMap<(u64, u64), Placed>>> = Arc::default();
    let done: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (teller, finisher) = (Arc::clone(&told), Arc::clone(&done));
    let tell = move |event: Event<(u64, u64)>| match event {
        Event::Placed { ticket, placed } => {
            assert_eq!(lock(&teller).insert(ticket, placed), None);
        }
        Event::Completed(file) => lock(&finisher).push(file.file),
        Event::Doubted { .. } => panic!("nothing is in doubt"),
    };
    let small = Options {
        queue: 20 * PIECE,
        ..options(temp.path())
    };
    let store = Store::open(small, tell).unwrap();
    thread::scope(|scope| {
        for caller in 0..4u64 {
            let (store, ids) = (&store, &ids);
            scope.spawn(move || {
                // Each caller brings every fourth piece, in an order of its own.
                for n in (0..FILES * OF).filter(|n| n % 4 == caller) {
                    let n = n * 1_009 % (FILES * OF);
                    let (file, number) = (n % FILES, n / FILES + 1);
                    let piece = some(file, number, OF, ids);
                    store.piece(piece, (file, number)).unwrap();
                }
            });
        }
    });
    let outcomes = store.outcomes();
    assert!(
        outcomes
            .iter()
            .all(|o| o.status == Status::Complete && o.ok == OF)
    );
    assert_eq!(lock(&told).len() as u64, FILES * OF);
    assert!(lock(&told).values().all(|p| *p == Placed::Written));
    lock(&done).sort_unstable();
    assert!(lock(&done).iter().copied().eq(0..FILES));
    let (outcomes, errors) = store.finish();
    assert!(errors.is_empty() && outcomes.iter().all(|o| o.reported));
    for o in &outcomes {
        let data = fs::read(temp.path().join("out").join(o.path.as_ref().unwrap())).unwrap();
        let want = (1..=OF).flat_map(|n| vec![(o.file * 7 + n) as u8; PIECE]);
        assert!(data.into_iter().eq(want), "{}", o.file);
    }
}

// A name one file cannot have is no reason to leave the others.
#[test]
fn what_concerns_one_file_stops_no_other() {
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir_all(temp.path().join("out/job").join(PART)).unwrap();
    fs::write(temp.path().join("out/file"), "in the way").unwrap();
    let mut store = open(temp.path());
    assert!(store.piece(&three()[0]).unwrap_err().is_cannot_create());
    assert_eq!(store.put(&three()[1]).unwrap(), None);
    put(&mut store, &[single("good", "good.bin", b"x")]);
    // The same for a job.
    let lost = Piece {
        job: "other",
        job_name: "file",
        ..single("x", "x", b"x")
    };
    assert!(store.piece(&lost).unwrap_err().is_cannot_create());
    assert_eq!(store.put(&lost).unwrap(), None);
    let (outcomes, result) = store.finish();
    result.unwrap();
    let states: Vec<Status> = outcomes.iter().map(|o| o.status).collect();
    use Status::{Complete, Incomplete};
    assert_eq!(states, [Incomplete, Complete, Incomplete]);
}

// Every later piece would fail on it too, and each costs a download.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_it_all_and_is_told_once() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three()[..1]);
    store.hand_over(fs::File::options().write(true).open("/dev/full").unwrap());
    assert!(store.piece(&three()[1]).unwrap_err().is_full());
    assert!(store.piece(&three()[2]).unwrap_err().is_full());
    let (outcomes, result) = store.finish();
    result.unwrap();
    assert_eq!(
        (outcomes[0].status, outcomes[0].ok),
        (Status::Incomplete, 1)
    );
    let mut store = open(temp.path());
    assert_eq!(store.piece(&three()[0]).unwrap(), Placed::Duplicate);
    put(&mut store, &three()[1..]);
    assert_eq!(finished(store)[0].status, Status::Complete);
}

// Whoever waits for the fate of what was given with a piece would wait for ever.
#[test]
#[cfg(target_os = "linux")]
fn what_fails_between_two_pieces_keeps_no_ticket() {
    let temp = tempfile::tempdir().unwrap();
    let store: Store<Arc<()>> = Store::open(options(temp.path()), |_| {}).unwrap();
    let ids = ["0123456789ab".to_owned()];
    let ticket = Arc::new(());
    let given = |number| Given::new(some(0, number, 9, &ids), Arc::clone(&ticket));
    let ident = Ident {
        job: JOB,
        job_name: "job",
        file_id: &ids[0],
        name: "a.bin",
        ..Ident::default()
    };
    let lane = store.shared.lane(&ident).unwrap().unwrap();
    let (done, _) = store.shared.with(&lane, |held| {
        held.open()?;
        held.piece(Box::new(given(1)))?;
        held.flush()?;
        held.close();
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        store.shared.handles.put(lane.at, Arc::new(full));
        held.piece(Box::new(given(3)))?;
        held.flush()
    });
    assert_eq!(done, None);
    assert_eq!(Arc::strong_count(&ticket), 1);
}

// A signal ends the writing while an earlier stage still asks what is there: the journal must
// not be opened beside the one that is being closed, and said to be another process's.
#[test]
fn who_asks_while_the_run_ends_opens_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(options(temp.path()), |_: Event<u64>| ()).unwrap();
    let of_first = Ident::from(&three()[0]);
    store.kept(&of_first).unwrap();
    let index = lock(&store.shared.index).close();
    let other = Ident {
        file_id: "other",
        ..of_first
    };
    assert!(store.kept(&other).unwrap().refused);
    assert_eq!(index.lanes.len(), 1);
    assert!(store.finish().1.is_empty());
}

// Its lane would wait for it for ever, and with the lane all who want to know how it stands.
#[test]
fn a_writer_that_panics_keeps_nobody_waiting() {
    let temp = tempfile::tempdir().unwrap();
    let small = Options {
        queue: 2 * PIECE,
        ..options(temp.path())
    };
    let store = Store::open(small, |_: Event<u64>| panic!("on purpose")).unwrap();
    let ids = ["0123456789ab".to_owned()];
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let fed = (1..=50).try_for_each(|n| store.piece(some(0, n, 99, &ids), n));
        store.outcomes();
        let errors = store.finish().1;
        tell.send(fed.err().into_iter().chain(errors).count())
    });
    let errors = told.recv_timeout(std::time::Duration::from_secs(20));
    assert_eq!(errors.expect("it waits"), 1);
}

// One whose size is known is made once and never again; a lie is not believed.
#[test]
fn a_file_gets_its_size_at_once_if_that_can_be_believed() {
    let sized = |size, file_bytes| Piece {
        size: Some(size),
        file_bytes,
        ..three()[0]
    };
    let rows = [
        (sized(6, Some(9)), 6),
        (sized(6, Some(6)), 6),
        (sized(6, None), 2),
        (sized(6, Some(5)), 2),
        (sized(1 << 43, Some(u64::MAX)), 2),
        (
            Piece {
                bound: Some(5),
                ..sized(6, Some(9))
            },
            2,
        ),
        (sized(3 * MAX_PIECE + 1, Some(u64::MAX)), 2),
    ];
    for preallocate in [Preallocate::None, Preallocate::Sparse, Preallocate::Full] {
        for (piece, len) in rows {
            let temp = tempfile::tempdir().unwrap();
            let mut store = Core::open(Options {
                preallocate,
                ..options(temp.path())
            })
            .unwrap();
            put(&mut store, &[piece]);
            let none = preallocate == Preallocate::None;
            assert_eq!(read(temp.path(), PART).len(), if none { 2 } else { len });
        }
    }
}
