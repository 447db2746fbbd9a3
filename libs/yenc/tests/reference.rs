//! Every kernel against a slow decoder that goes line by line, on soups of every byte sequence
//! that means something, cut at any places.

mod common;

use common::decode_with_all;
use common::reference::{self, HEADER};
use common::runner::Runner;
use common::soup::{cut, soup};
use nzbpipe_yenc::Decoder;
use proptest::collection::vec;
use proptest::prelude::*;
use std::iter::repeat;

/// Cuts the article in every way and expects what the slow decoder makes of it.
fn check(body: &[u8], places: &[usize], rooms: &[usize], stuffed: bool) {
    let (data, consumed) = reference::decode(body, stuffed);
    let article = [HEADER, body].concat();
    let room = article.len() + Decoder::SLACK;
    let whole = decode_with_all(stuffed, [&article[..]], repeat(room));
    assert_eq!(whole.data, data);
    assert_eq!(whole.consumed(), HEADER.len() + consumed);
    assert_eq!(whole.report.crc32, Some(crc32fast::hash(&data)));
    assert_eq!(whole.report.decoded, data.len() as u64);
    let pieces = cut(&article, places);
    for mut runner in Runner::all(stuffed) {
        let gap = Decoder::SLACK + body.len() % 70;
        let pieces = pieces.iter().copied();
        let within = runner.decode_in_place(pieces, gap, |len, run| run(&mut vec![0; len]));
        assert_eq!(
            (&within.0, &within.1),
            (&whole.data, &whole.report),
            "{}",
            runner.kernel()
        );
    }
    for found in [
        decode_with_all(stuffed, pieces.clone(), repeat(room)),
        // The last of them is not 0.
        decode_with_all(stuffed, pieces, rooms.iter().copied().chain([1]).cycle()),
    ] {
        assert_eq!(
            (&found.data, &found.report, found.consumed()),
            (&whole.data, &whole.report, whole.consumed())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn small_articles(
        body in soup(24),
        places in vec(any::<usize>(), 0..8),
        rooms in vec(0..200usize, 0..4),
        stuffed: bool,
    ) {
        check(&body, &places, &rooms, stuffed);
        let article = [HEADER, &body].concat();
        let whole = decode_with_all(stuffed, [&article[..]], repeat(article.len() + Decoder::SLACK));
        let bytes = decode_with_all(stuffed, article.chunks(1), repeat(1));
        prop_assert_eq!((bytes.data, bytes.report), (whole.data, whole.report));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn articles_of_eight_kibibytes(
        body in soup(300),
        places in vec(any::<usize>(), 0..40),
        rooms in vec(0..4000usize, 1..6),
        stuffed: bool,
    ) {
        check(&body[..body.len().min(8192)], &places, &rooms, stuffed);
    }
}
