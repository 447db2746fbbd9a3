//! What the writer says of its files, as the verdict takes it.

use nzbpipe_record::Bytes;
use nzbpipe_store::{Options, Piece, Store};

use super::*;

/// The fate of a file of three pieces of 1,000 bytes, of which these came: number, and
/// whether it is verified, damaged.
fn written(options: Options, came: &[(u64, bool, bool)]) -> Fate {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().to_owned();
    let store: Store<()> = Store::open(Options { dir, ..options }, |_| {}).unwrap();
    for &(number, verified, damaged) in came {
        let piece = Piece {
            job: "j",
            name: "a.bin",
            number,
            of: 3,
            offset: (number - 1) * 1000,
            size: Some(3000),
            verified,
            damaged,
            bytes: Bytes::from(vec![7; 1000]),
            crc32: crc32fast::hash(&[7; 1000]),
            id: "a@b",
            ..Piece::default()
        };
        store.piece(piece, ()).unwrap();
    }
    let (files, errors) = store.finish();
    assert!(errors.is_empty(), "{errors:?}");
    Fate::from(&files[0])
}

#[test]
fn the_writers_outcomes_are_counted_in_blocks() {
    let (good, bad, bare) = ((true, false), (false, true), (false, false));
    let salvage = || Options {
        salvage: true,
        ..Options::default()
    };
    let plain = Options::default;
    type Case = (Options, [Option<(bool, bool)>; 3], bool, u64, bool);
    let cases: [Case; 6] = [
        (
            plain(),
            [Some(good), Some(good), Some(good)],
            true,
            0,
            false,
        ),
        (plain(), [Some(good), None, Some(good)], false, 1, false),
        (plain(), [Some(good), Some(good), None], false, 1, false),
        (
            plain(),
            [Some(good), Some(bad), Some(good)],
            false,
            1,
            false,
        ),
        // Damaged bytes that were written are no hole, and hit all the same.
        (salvage(), [Some(bad), Some(good), None], false, 2, false),
        (
            plain(),
            [Some(good), Some(bare), Some(good)],
            false,
            0,
            true,
        ),
    ];
    for (number, (options, pieces, complete, hit, unproven)) in cases.into_iter().enumerate() {
        let came = (1..).zip(pieces);
        let came: Vec<_> = came.filter_map(|(n, p)| p.map(|p| (n, p.0, p.1))).collect();
        let fate = written(options, &came);
        assert_eq!(
            (fate.complete, fate.unproven),
            (complete, unproven),
            "{number}"
        );
        assert_eq!(fate.size, Some(3000), "{number}");
        let protected = protected("a.bin", 3000);
        let found = hits::blocks(&protected, 1000, Some(&fate));
        assert_eq!(found, hit, "{number}: {fate:?}");
    }
}
