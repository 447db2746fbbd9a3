//! Articles made of every byte sequence that means something, and ways to cut them.

use proptest::collection::vec;
use proptest::prelude::*;

/// All that a kernel has to decide about.
pub const SPECIALS: [&[u8]; 44] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\r\r\n",
    b"\n\r",
    b"\n\n",
    b"\r\n\r\n",
    b".",
    b"..",
    b"\r\n.",
    b"\n.",
    b"\r\n..",
    b"\n..",
    b"\r\n...",
    b"\r\n.a",
    b"\r\n.\r",
    b"\r\n.\ra",
    b"\r\n.\r\r\n",
    b"\r\n.\r\n",
    b"\r\n.\n",
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n..\r\n",
    b"\r\n.=",
    b"=a",
    b"==",
    b"===",
    b"=\r",
    b"=\n",
    b"=\r\n",
    b"=\r\n.",
    b"=\r\n.\r\n",
    b"\r\n=",
    b"=y",
    b"\r\n=y",
    b"\r\n=ya",
    b"\n=yend",
    b"\r\n.=y",
    b"\r\n=yend ",
    b"\r\n.=yend\r\n",
    b"\r\n..=yend\r\n",
    b"\r\n=ybegi=ypart \r\n",
];

const RARE: [&[u8]; 5] = [
    b"\r\n.\r\n",
    b"\n.\n",
    b"\r\n=yend ",
    b"\r\n=ypart begin=1 end=9\r\n",
    b"\r\n=ybegin line=128 size=1 name=y\r\n",
];

/// A body of up to that many pieces.
pub fn soup(pieces: usize) -> impl Strategy<Value = Vec<u8>> {
    // What follows an end is no longer data: ends must be rare.
    let ends = |bytes: &[u8]| bytes.ends_with(b".\r\n") || bytes.ends_with(b".\n");
    let common: Vec<&[u8]> = SPECIALS
        .into_iter()
        .filter(|bytes| !ends(bytes) && !bytes.ends_with(b"yend ") && !bytes.ends_with(b"d\r\n"))
        .collect();
    let piece = prop_oneof![
        30 => prop::sample::select(common).prop_map(<[u8]>::to_vec),
        15 => vec(any::<u8>(), 1..40),
        // More than a block without any decision.
        15 => (1..200usize).prop_map(|len| vec![b'k'; len]),
        5 => (1..90usize).prop_map(|len| b"=n".repeat(len)),
        5 => (1..90usize).prop_map(|len| b"\r\n..".repeat(len)),
        1 => prop::sample::select(&RARE[..]).prop_map(<[u8]>::to_vec),
    ];
    vec(piece, 0..pieces).prop_map(|pieces| pieces.concat())
}

/// Cuts `bytes` at the given places, taken modulo its length.
pub fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|at| at % (bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for at in places {
        pieces.push(&bytes[from..at]);
        from = at;
    }
    pieces.push(&bytes[from..]);
    pieces
}
