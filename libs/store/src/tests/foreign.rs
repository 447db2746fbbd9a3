//! The article of another file where a piece of this one should be: right in itself, and wrong
//! here. And posters who lie in every header but the one that counts.

use super::*;

/// One of three pieces of a file of 30 bytes called `name`, by its own headers.
fn of<'a>(number: u64, name: &'a str, bytes: &'a [u8]) -> Piece<'a> {
    Piece {
        yenc_name: Some(name),
        size: Some(30),
        part: Some(number),
        total: Some(3),
        ..piece(number, (number - 1) * 10, bytes)
    }
}

const ONE: &[u8] = b"0123456789";
const TWO: &[u8] = b"abcdefghij";
const THREE: &[u8] = b"ABCDEFGHIJ";
const WRONG: &[u8] = b"##########";

fn good() -> [Piece<'static>; 3] {
    [
        of(1, "y.bin", ONE),
        of(2, "y.bin", TWO),
        of(3, "y.bin", THREE),
    ]
}

/// As the second piece would be in a file of `size` bytes that is right in itself.
fn sized(size: u64, total: u64) -> Piece<'static> {
    Piece {
        size: Some(size),
        total: Some(total),
        ..of(2, "y.bin", WRONG)
    }
}

type Row = (&'static str, Vec<Piece<'static>>, &'static [u64]);

fn rows() -> Vec<Row> {
    let [one, two, three] = good();
    let foreign = of(2, "z.bin", WRONG);
    let decoy = |n: u64, name, size, total| Piece {
        size: Some(size),
        total: Some(total),
        yenc_name: Some(name),
        ..good()[n as usize - 1]
    };
    let crc = crc32fast::hash(&[ONE, WRONG, THREE].concat());
    let vouched = |p: Piece<'static>| Piece {
        file_crc32: Some(crc),
        ..p
    };
    let named = |name, n: u64| Piece {
        of: 2,
        size: Some(20),
        total: Some(2),
        ..of(n, name, if n == 1 { ONE } else { TWO })
    };
    let single = |name| Piece {
        of: 1,
        size: Some(10),
        part: None,
        total: None,
        ..of(1, name, ONE)
    };
    vec![
        ("all one", vec![one, two, three], &[]),
        ("foreign, same geometry", vec![one, foreign, three], &[2]),
        ("foreign, first", vec![foreign, one, three], &[2]),
        ("foreign, larger", vec![one, sized(95, 10), three], &[2]),
        (
            "foreign, last of its own",
            vec![one, sized(20, 2), three],
            &[2],
        ),
        (
            "whole-file CRC vouches",
            vec![vouched(one), foreign, vouched(three)],
            &[],
        ),
        ("decoy size", vec![one, sized(123_456, 7), three], &[]),
        (
            "decoy total",
            vec![one, decoy(2, "z.bin", 30, 99), three],
            &[],
        ),
        (
            "all decoys",
            vec![
                decoy(1, "a", 77, 1),
                decoy(2, "b", 5, 9),
                decoy(3, "c", 1 << 33, 3),
            ],
            &[],
        ),
        (
            "all differ in their names",
            vec![of(1, "a", ONE), of(2, "b", TWO), of(3, "c", THREE)],
            &[],
        ),
        ("no names, no sizes", three_plain(), &[]),
        (
            "two, the NZB's name",
            vec![named("a.bin", 1), named("z.bin", 2)],
            &[2],
        ),
        (
            "two, no voice",
            vec![named("x.bin", 1), named("z.bin", 2)],
            &[],
        ),
        ("one piece", vec![single("z.bin")], &[]),
        ("one piece, the NZB's name", vec![single("a.bin")], &[]),
    ]
}

fn three_plain() -> Vec<Piece<'static>> {
    let plain = |p: Piece<'static>| Piece {
        yenc_name: None,
        size: None,
        part: None,
        total: None,
        ..p
    };
    good().map(plain).to_vec()
}

#[test]
fn what_says_that_it_is_of_another_file_is_doubted() {
    for (row, pieces, doubted) in rows() {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        put(&mut store, &pieces);
        let told: Vec<u64> = store.doubted.iter().map(|(n, _)| *n).collect();
        assert_eq!(told, doubted, "{row}");
        let outcome = finished(store).remove(0);
        let want = match doubted.is_empty() {
            true => Status::Complete,
            false => Status::Unverified,
        };
        assert_eq!(outcome.status, want, "{row}");
        assert_eq!(outcome.unverified, doubted.len() as u64, "{row}");
        // With leave it is taken all the same.
        let accept = Options {
            accept_unverified: true,
            ..options(temp.path())
        };
        let mut store = Core::open(accept).unwrap();
        put_any(&mut store, &pieces);
        assert_eq!(finished(store)[0].status, Status::Complete, "{row}");
    }
}

fn put_any(store: &mut Core, pieces: &[Piece<'_>]) {
    for p in pieces {
        let placed = store.piece(p).unwrap();
        assert!(!matches!(placed, Placed::Rejected(_)), "{placed:?}");
    }
}

#[test]
fn a_better_piece_takes_the_place_of_a_doubted_one() {
    for again in [false, true] {
        let temp = tempfile::tempdir().unwrap();
        let [one, two, three] = good();
        let foreign = of(2, "z.bin", WRONG);
        let mut store = open(temp.path());
        put(&mut store, &[one, foreign, three]);
        assert_eq!(store.doubted, [(2, Reason::Foreign)]);
        if again {
            // The next run knows, and asks for that one.
            drop(store);
            store = open(temp.path());
            let kept = store.store.kept(&Ident::from(&one)).unwrap();
            assert_eq!(kept.numbers, [(1, 2), (3, 4)]);
            let peek = Peek::open(&options(temp.path()), JOB, "job").unwrap();
            let kept = peek.kept(&Ident::from(&one)).unwrap();
            assert_eq!(kept.numbers, [(1, 2), (3, 4)]);
        }
        // Another server may have the same wrong one.
        put(&mut store, &[foreign]);
        assert_eq!(store.doubted.last(), Some(&(2, Reason::Foreign)));
        put(&mut store, &[two]);
        let outcome = finished(store).remove(0);
        assert_eq!(outcome.status, Status::Complete, "{again}");
        assert_eq!(read(temp.path(), &outcome.name), [ONE, TWO, THREE].concat());
    }
}

// Whoever looks sees what the writer would go on with, and leaves all as it is.
#[test]
fn a_look_changes_nothing_and_needs_no_lock() {
    let temp = tempfile::tempdir().unwrap();
    let ident = Ident::from(&three()[0]);
    let look = |journal| {
        let options = Options {
            journal,
            ..options(temp.path())
        };
        let peek = Peek::open(&options, JOB, "job").unwrap();
        peek.kept(&ident).unwrap()
    };
    assert_eq!(look(Journaling::Keep).count(), 0);
    assert!(!temp.path().join("out").exists());
    let mut store = Core::open(Options {
        journal: Journaling::Keep,
        ..options(temp.path())
    })
    .unwrap();
    put(&mut store, &[three()[0], three()[2]]);
    let before = (listing(temp.path()), read(temp.path(), JOURNAL));
    assert_eq!(look(Journaling::Keep).numbers, [(1, 2), (3, 4)]);
    assert_eq!(before, (listing(temp.path()), read(temp.path(), JOURNAL)));
    put(&mut store, &three()[1..2]);
    assert!(look(Journaling::Keep).complete);
    finished(store);
    assert!(look(Journaling::Keep).complete);
    fs::write(temp.path().join("out/job/a.bin"), b"abcdeX").unwrap();
    assert_eq!(look(Journaling::Keep).count(), 0);
    fs::write(temp.path().join("out/job/a.bin"), b"abcdef").unwrap();
    assert!(look(Journaling::Keep).complete);
}

// Who waits until all pieces have met their fate must not see that of the last one before the
// doubt: nobody would be there any more to ask for a better copy.
#[test]
fn doubt_comes_before_the_fate_of_the_last_piece() {
    let [one, _, three] = good();
    let foreign = of(2, "z.bin", WRONG);
    let rows = [
        ([one, foreign, three], "D2 W3"),
        ([one, three, foreign], "R2"),
    ];
    for (pieces, want) in rows {
        let temp = tempfile::tempdir().unwrap();
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let teller = Arc::clone(&told);
        let tell = move |event| {
            lock(&teller).push(match event {
                Event::Placed {
                    ticket,
                    placed: Placed::Written,
                } => format!("W{ticket}"),
                Event::Placed { ticket, .. } => format!("R{ticket}"),
                Event::Doubted { ticket, .. } => format!("D{ticket}"),
                Event::Completed(_) => "C".to_owned(),
            });
        };
        let store: Store<u64> = Store::open(options(temp.path()), tell).unwrap();
        for p in pieces {
            lock(&told).clear();
            let given = Piece {
                bytes: Bytes::copy_from_slice(p.bytes),
                job: p.job,
                job_name: p.job_name,
                file_id: p.file_id,
                name: p.name,
                yenc_name: p.yenc_name,
                number: p.number,
                of: p.of,
                offset: p.offset,
                size: p.size,
                verified: p.verified,
                crc32: p.crc32,
                part: p.part,
                total: p.total,
                id: p.id,
                ..Piece::default()
            };
            store.piece(given, p.number).unwrap();
            store.outcomes();
        }
        assert_eq!(lock(&told).join(" "), want);
    }
}
