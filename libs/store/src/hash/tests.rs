//! Digests against known ones, and against those of the whole file at once.

use std::io::Write;

use proptest::prelude::*;

use super::*;

const ALL: Hashes = Hashes {
    sha256: true,
    blake3: true,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// The digests of `bytes` in one go, by the crates' own words.
fn naive(bytes: &[u8]) -> Digests {
    let head = &bytes[..bytes.len().min(HEAD as usize)];
    Digests {
        md5_16k: Some(md5::Md5::digest(head).into()),
        sha256: Some(Sha256::digest(bytes).into()),
        blake3: Some(blake3::hash(bytes).into()),
    }
}

fn some_bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

// RFC 1321 A.5, FIPS 180-4's example, and what the BLAKE3 paper's program prints.
#[test]
fn known_digests() {
    for (text, md5, sha256, blake3) in [
        (
            "abc",
            "900150983cd24fb0d6963f7d28e17f72",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        ),
        (
            "",
            "d41d8cd98f00b204e9800998ecf8427e",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        ),
    ] {
        let file = file(text.as_bytes());
        let mut heard = Running::new(ALL);
        heard.take(0, text.as_bytes());
        for running in [Running::new(ALL), heard] {
            let digests = running.finish(&file, text.len() as u64).unwrap();
            assert_eq!(hex(&digests.md5_16k.unwrap()), md5);
            assert_eq!(hex(&digests.sha256.unwrap()), sha256);
            assert_eq!(hex(&digests.blake3.unwrap()), blake3);
        }
    }
}

#[test]
fn what_is_not_wanted_is_not_made() {
    let bytes = some_bytes(100_000);
    let mut running = Running::new(Hashes::default());
    running.take(0, &bytes[..HEAD as usize]);
    // An empty file: nothing is read after the head.
    assert_eq!(running.lag(100_000), 0);
    running.catch_up(&file(b""), 100_000).unwrap();
    let digests = running.finish(&file(b""), 100_000).unwrap();
    let wanted = Digests {
        md5_16k: naive(&bytes).md5_16k,
        ..Digests::default()
    };
    assert_eq!(digests, wanted);
}

// An incomplete file has a head, too, if it has its beginning.
#[test]
fn the_head_is_known_as_soon_as_it_was_heard_of() {
    let bytes = some_bytes(20_000);
    let mut running = Running::new(Hashes::default());
    for (start, end) in [(16_000, 20_000), (5, 10_000), (19_000, 20_000), (0, 5)] {
        running.take(start as u64, &bytes[start..end]);
        assert_eq!(running.md5_16k(), None);
    }
    assert_eq!(running.lag(20_000), HEAD - 10_000);
    running.take(10_000, &bytes[10_000..16_000]);
    assert_eq!(running.md5_16k(), naive(&bytes).md5_16k);
    running.forget();
    assert_eq!(running.md5_16k(), None);
}

#[test]
fn bytes_in_order_are_not_read() {
    let bytes = some_bytes(3 * BLOCK + 7);
    let mut running = Running::new(ALL);
    for (n, piece) in bytes.chunks(70_000).enumerate() {
        running.take(n as u64 * 70_000, piece);
    }
    let digests = running.finish(&file(b""), bytes.len() as u64).unwrap();
    assert_eq!(digests, naive(&bytes));
}

#[test]
fn a_file_that_is_too_short_is_an_error() {
    let bytes = some_bytes(2 * BLOCK);
    let mut running = Running::new(ALL);
    let short = file(&bytes[..BLOCK + 1]);
    let error = running.catch_up(&short, bytes.len() as u64).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(running.lag(bytes.len() as u64), BLOCK as u64);
    let digests = running.finish(&file(&bytes), bytes.len() as u64).unwrap();
    assert_eq!(digests, naive(&bytes));
}

// A piece that was written and then swept away may have made the file too long.
#[test]
fn what_was_cut_off_does_not_count() {
    let bytes = some_bytes(50_000);
    for size in [0, 1, 100, 16_384, 16_385, 40_000] {
        let heard: [&[(usize, usize)]; 6] = [
            &[(0, 50_000)],
            &[(0, 200)],
            &[(150, 16_384)],
            &[(30_000, 50_000)],
            // The head gets farther than the whole, and has to begin anew alone.
            &[(0, 50), (60, 200)],
            &[(0, 50), (60, 200), (50, 60)],
        ];
        for heard in heard {
            let mut running = Running::new(ALL);
            for &(start, end) in heard {
                running.take(start as u64, &bytes[start..end]);
            }
            let cut = file(&bytes[..size]);
            let digests = running.finish(&cut, size as u64).unwrap();
            assert_eq!(digests, naive(&bytes[..size]), "{size} {heard:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    // Pieces of any size in any order, some told twice, some not at all, read back
    // wherever there is no hole.
    #[test]
    fn any_order_gives_the_same(
        cuts in prop::collection::vec(0..60_000_usize, 0..12),
        small in prop::collection::vec(0..17_000_usize, 0..8),
        size in 0..60_000_usize,
        order in any::<prop::sample::Index>(),
        seed in any::<u64>(),
        untold in 0..8_usize,
    ) {
        let bytes = some_bytes(size);
        let file = file(&bytes);
        let mut ends: Vec<_> = [cuts, small].concat().into_iter().filter(|&c| c < size).collect();
        ends.extend([0, size]);
        ends.sort_unstable();
        let mut pieces: Vec<_> = ends.windows(2).map(|w| (w[0], w[1])).collect();
        pieces.push(*order.get(&pieces));
        pieces.sort_by_key(|piece| (seed ^ piece.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut running = Running::new(ALL);
        let mut written = vec![false; size];
        for (n, &(start, end)) in pieces.iter().enumerate() {
            written[start..end].fill(true);
            if n != untold {
                running.take(start as u64, &bytes[start..end]);
            }
            let filled = written.iter().take_while(|w| **w).count();
            if seed >> (n % 64) & 1 == 1 {
                running.catch_up(&file, filled as u64).unwrap();
                prop_assert_eq!(running.lag(filled as u64), 0);
            }
            if n == untold && seed % 3 == 0 {
                running.forget();
            }
        }
        let head = running.md5_16k();
        let digests = running.finish(&file, size as u64).unwrap();
        prop_assert_eq!(digests, naive(&bytes));
        prop_assert!(head.is_none() || head == digests.md5_16k);
    }
}
