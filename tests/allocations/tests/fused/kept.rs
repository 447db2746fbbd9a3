//! What the store keeps of the pieces of one file that is not whole yet.

use nzbpipe_allocations as allocations;
use nzbpipe_record::Bytes;
use nzbpipe_store::{Options, Piece, Store};

/// A piece's. How many there are is all that matters.
static BYTES: [u8; 64] = [0; 64];

/// Bytes that are allocated more when so many pieces are written.
pub fn of(pieces: u64) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        dir: dir.path().to_owned(),
        ..Options::default()
    };
    let store = Store::open(options, |_| ()).unwrap();
    let before = allocations::live();
    for number in 1..=pieces {
        let piece = Piece {
            job: "job",
            job_name: "job",
            file_id: "file",
            name: "a.bin",
            yenc_name: Some("a.bin"),
            number,
            // One is missing.
            of: pieces + 1,
            offset: (number - 1) * BYTES.len() as u64,
            verified: true,
            bytes: Bytes::from_static(&BYTES),
            ..Piece::default()
        };
        store.piece(piece, ()).unwrap();
    }
    // Waits until all are in their places.
    let files = store.outcomes();
    assert_eq!(files[0].ok, pieces);
    drop(files);
    allocations::live() - before
}
