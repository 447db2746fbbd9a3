//! Against another codec in Rust, the crate `yencoding`: each reads what the other writes.
//!
//! It unstuffs dots but does not stuff them.

mod common;

use common::decode_pieces;
use nzbpipe_yenc::{Encoder, Kernel, Options, PartSpec, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;

/// As it goes over the wire: a dot in front of each line that begins with one.
fn stuffed(article: &[u8]) -> Vec<u8> {
    let lines = article.split_inclusive(|byte| *byte == b'\n');
    let stuff = |line: &[u8]| match line.starts_with(b".") {
        true => [b".", line].concat(),
        false => line.to_vec(),
    };
    lines.flat_map(stuff).collect()
}

/// Random bytes, with many of those that are escaped or encoded as a dot.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let special = prop::sample::select(&[0xd6, 0xe0, 0xe3, 0x13, 4, 0xdf, 0xf6][..]);
    vec(prop_oneof![3 => any::<u8>(), 1 => special], 0..4000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_it_writes_is_read(data in data(), line in 1..=254u8, piece in 1..900usize) {
        let article = yencoding::encode(&data, "a b.bin", line);
        for (stuff, article) in [(false, article.clone()), (true, stuffed(&article))] {
            let options = Options { stuffed: stuff, ..Options::default() };
            let (found, report) = decode_pieces(options, article.chunks(piece), piece + 8);
            prop_assert_eq!(report.verdict, Verdict::Ok, "{:?}", report);
            prop_assert_eq!(&found, &data);
            prop_assert_eq!(report.name(), Some(&b"a b.bin"[..]));
        }
    }

    #[test]
    fn what_is_written_it_reads(data in data(), line in 1..=254u8, offset in 1..1_000_000u64) {
        prop_assume!(!data.is_empty());
        let parts = [
            PartSpec { name: b"a b.bin", file_size: data.len() as u64, ..PartSpec::default() },
            PartSpec {
                name: b"a b.bin",
                file_size: offset + data.len() as u64,
                offset,
                part: 2,
                total: 2,
                file_crc: None,
            },
        ];
        for (kernel, spec) in Kernel::available().flat_map(|kernel| parts.map(|spec| (kernel, spec))) {
            let mut article = Vec::new();
            Encoder { line: line.into(), kernel, ..Encoder::default() }.part(&data, &spec, &mut article);
            let found = yencoding::decode(&article);
            let found = found.map_err(|error| TestCaseError::fail(format!("{kernel}: {error}")))?;
            prop_assert_eq!(&found.data, &data);
            prop_assert!(found.crc32_verified);
            prop_assert_eq!(found.metadata.size, spec.file_size);
            if spec.total > 1 {
                prop_assert_eq!(found.part_begin, Some(offset + 1));
            }
        }
    }
}
