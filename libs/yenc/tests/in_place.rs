//! Decoding within one buffer gives what decoding from one to another does.

use nzbpipe_yenc::{Decoder, Encoder, Kernel, Options, PartSpec, Report, State};
use proptest::collection::vec;
use proptest::prelude::*;

/// Decodes the pieces of an article within a buffer in which `gap` bytes precede each of them.
fn in_place(options: Options, pieces: &[&[u8]], gap: usize) -> (Vec<u8>, Report) {
    let mut decoder = Decoder::new(options);
    let mut data = Vec::new();
    for piece in pieces {
        let mut buffer = vec![b'x'; gap];
        buffer.extend_from_slice(piece);
        let progress = decoder.decode_in_place(&mut buffer, gap);
        data.extend_from_slice(&buffer[..progress.written]);
        match progress.state {
            State::Ended => break,
            State::More => assert_eq!(progress.consumed, piece.len()),
            State::Full => panic!("full with a gap of {gap}"),
        }
    }
    (data, decoder.finish())
}

fn apart(options: Options, article: &[u8]) -> (Vec<u8>, Report) {
    let mut decoder = Decoder::new(options);
    let mut data = vec![0; article.len() + Decoder::SLACK];
    let written = decoder.decode(article, &mut data).written;
    data.truncate(written);
    (data, decoder.finish())
}

fn article(data: &[u8], line: usize) -> Vec<u8> {
    let mut article = Vec::new();
    let encoder = Encoder {
        line,
        ..Encoder::default()
    };
    encoder.part(data, &PartSpec::default(), &mut article);
    article.extend_from_slice(b".\r\n");
    article
}

#[test]
fn without_a_gap_a_whole_article_fits() {
    let data: Vec<u8> = (0..100_000u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    let article = article(&data, 128);
    for kernel in Kernel::available() {
        let options = Options {
            stuffed: true,
            kernel,
            ..Options::default()
        };
        let (decoded, _) = in_place(options, &[&article], 0);
        assert!(decoded == data, "{kernel}");
    }
}

/// What means something, anywhere.
const ODD: [&[u8]; 7] = [
    b"\r\n..",
    b"=",
    b"\r\n=yen",
    b"\n",
    b"\r",
    b"=y",
    b"\r\n.\r",
];

proptest! {
    #[test]
    fn any_pieces_come_out_the_same(
        data in vec(prop_oneof![4 => any::<u8>(), 1 => prop::sample::select(&[0xd6, 0xe0, 0xe3, 0x13, 4][..])], 0..2000),
        odd in vec(prop::sample::select(&ODD[..]), 0..4),
        places in vec(any::<prop::sample::Index>(), 4),
        line in 1..300usize,
        gap in Decoder::SLACK..100,
        stuffed: bool,
    ) {
        let mut article = article(&data, line);
        for (odd, place) in odd.iter().zip(&places) {
            let at = place.index(article.len());
            article.splice(at..at, odd.iter().copied());
        }
        let mut cuts: Vec<usize> = places.iter().map(|place| place.index(article.len())).collect();
        cuts.sort_unstable();
        let (mut pieces, mut from) = (Vec::new(), 0);
        for cut in cuts.into_iter().chain([article.len()]) {
            pieces.push(&article[from..cut]);
            from = cut;
        }
        for kernel in Kernel::available() {
            let options = Options { stuffed, kernel, ..Options::default() };
            let expected = apart(options, &article);
            prop_assert_eq!(&in_place(options, &pieces, gap), &expected, "{}", kernel);
            prop_assert_eq!(&in_place(options, &[&article], gap), &expected, "{}", kernel);
        }
    }
}
