//! Files of which nobody says how many pieces they have, and pieces that a complete
//! file knows nothing of.

use super::*;

fn unknown(p: Piece<'static>) -> Piece<'static> {
    Piece { of: 0, ..p }
}

// A stream made by hand need not count: taken for one piece, the first of three was
// published as the whole file.
#[test]
fn a_file_without_a_count_is_decided_at_the_end() {
    type Row = (&'static str, Vec<Piece<'static>>, Option<u64>, Status);
    let [one, two, three] = three().map(unknown);
    let sized = |size| {
        [one, two, three].map(|p| Piece {
            size: Some(size),
            ..p
        })
    };
    let loose = Piece {
        verified: false,
        ..two
    };
    let rows: Vec<Row> = vec![
        ("all", vec![three, one, two], None, Status::Complete),
        ("one", vec![one], None, Status::Complete),
        ("a gap", vec![one, three], None, Status::Incomplete),
        ("no start", vec![two, three], None, Status::Incomplete),
        ("size fits", sized(6).to_vec(), None, Status::Complete),
        (
            "size says more",
            sized(9).to_vec(),
            None,
            Status::Incomplete,
        ),
        (
            "no checksum",
            vec![one, loose, three],
            None,
            Status::Unverified,
        ),
        ("lost one", vec![one, two], Some(3), Status::Incomplete),
        (
            "lost, size fits",
            sized(6).to_vec(),
            Some(4),
            Status::Complete,
        ),
        (
            "lost, then came",
            vec![one, two, three],
            Some(3),
            Status::Complete,
        ),
        ("lost all", vec![], Some(1), Status::Incomplete),
    ];
    for (row, pieces, lost, want) in rows {
        let temp = tempfile::tempdir().unwrap();
        let mut store = open(temp.path());
        if let Some(number) = lost {
            let absent = absent(number, Why::Missing);
            store.absent(&Absent { of: 0, ..absent }).unwrap();
        }
        put(&mut store, &pieces);
        assert!(store.completed().is_empty(), "{row}");
        let o = finished(store).remove(0);
        assert_eq!(o.status, want, "{row}");
        let sum = o.ok + o.missing_count + o.damaged + o.unverified;
        assert_eq!(o.of, sum, "{row}");
        let heard = pieces.len() as u64;
        assert!(o.of >= heard && o.of <= heard + 1, "{row}: {}", o.of);
    }
}

// Some records of a file may come from where the count is known.
#[test]
fn a_known_count_is_the_one_that_counts() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    let [one, two, three] = three();
    put(&mut store, &[unknown(one), two]);
    assert!(store.completed().is_empty());
    put(&mut store, &[unknown(three)]);
    assert_eq!(store.completed()[0].of, 3);
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &[one, unknown(two)]);
    let outcome = finished(store).remove(0);
    assert_eq!((outcome.status, outcome.of), (Status::Incomplete, 3));
}

// What came before a stream broke off is not all there is.
#[test]
fn a_stopped_run_decides_nothing_about_a_file_without_a_count() {
    let temp = tempfile::tempdir().unwrap();
    let [one, two, three] = three().map(unknown);
    let mut store = open(temp.path());
    put(&mut store, &[one, two]);
    let (outcomes, result) = store.stop();
    result.unwrap();
    assert_eq!(
        (outcomes[0].status, outcomes[0].of),
        (Status::Incomplete, 2)
    );
    // What an earlier run left is no reason to decide early either.
    let mut store = open(temp.path());
    put(&mut store, &[three]);
    assert_eq!(finished(store)[0].status, Status::Complete);
    assert_eq!(read(temp.path(), "a.bin"), b"abcdef");
}

// Without a count nothing else limits how far a false offset makes the file grow.
#[test]
fn without_a_count_the_number_limits_the_offset() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    let far = |number, offset| unknown(piece(number, offset, b"x"));
    let out = Placed::Rejected(Reason::OutOfRange);
    assert_eq!(store.piece(&far(1, 1 << 40)).unwrap(), out);
    assert_eq!(store.piece(&far(2, 3 * MAX_PIECE)).unwrap(), out);
    put(&mut store, &[far(2, MAX_PIECE)]);
}

// A piece that the complete file does not hold is a loss; called late, it vanished
// without a word.
#[test]
fn a_late_piece_the_file_does_not_hold_is_rejected() {
    let out = Placed::Rejected(Reason::OutOfRange);
    let rows = [
        ("again", piece(2, 2, b"cd"), Placed::Late),
        ("other bytes", piece(2, 2, b"XX"), Placed::Late),
        ("beyond the end", piece(3, 6, b"gh"), out),
        ("across the end", piece(3, 5, b"gh"), out),
        ("wraps", piece(3, u64::MAX, b"gh"), out),
        ("a new number", piece(4, 2, b"cd"), out),
        (
            "damaged, anywhere",
            damaged(piece(2, 60, b"cd")),
            Placed::Late,
        ),
        ("damaged, new", damaged(piece(4, 6, b"gh")), out),
    ];
    let temp = tempfile::tempdir().unwrap();
    let mut store = open(temp.path());
    put(&mut store, &three());
    let mut other = single("open", "b.bin", b"x");
    other.of = 2;
    put(&mut store, &[other]);
    for (row, p, want) in rows {
        assert_eq!(store.piece(&p).unwrap(), want, "{row}");
    }
    drop(store);
    // The next run has it from the journal.
    let mut store = open(temp.path());
    for (row, p, want) in rows {
        assert_eq!(store.piece(&unknown(p)).unwrap(), want, "{row}, next run");
    }
    assert_eq!(store.completed()[0].of, 3);
    drop(store);
    // Where the journal lost a piece, its number cannot be held against it.
    let journal = temp.path().join("out/job").join(JOURNAL);
    let text = fs::read_to_string(&journal).unwrap();
    let line = format!("part {FILE} 2 ");
    let kept: Vec<&str> = text.lines().filter(|l| !l.starts_with(&line)).collect();
    assert_eq!(kept.len() + 1, text.lines().count());
    fs::write(&journal, kept.join("\n")).unwrap();
    let mut store = open(temp.path());
    assert_eq!(store.piece(&three()[1]).unwrap(), Placed::Late);
    assert_eq!(store.piece(&piece(3, 6, b"gh")).unwrap(), out);
}

fn damaged(p: Piece<'static>) -> Piece<'static> {
    Piece { damaged: true, ..p }
}
