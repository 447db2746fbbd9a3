//! Every kernel against `scalar` and the slow reference, at every place in a block where
//! something may stand, cut everywhere, with every room, at the borders of memory.

mod common;

use std::iter::{once, repeat};

use common::guard::Guarded;
use common::reference::{self, HEADER};
use common::runner::{Outcome, Runner, agreed};
use common::soup::SPECIALS;
use nzbpipe_yenc::{Decoder, Encoder, Kernel, Options, State};

/// Kernels work in blocks of up to 64 bytes, perhaps two at a time.
const BLOCKS: usize = 130;

/// Bytes without a pattern, the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

fn noise() -> Noise {
    Noise(0x9e37_79b9_7f4a_7c15)
}

/// Letters, which are data wherever they stand.
fn letters(len: usize) -> Vec<u8> {
    (b'f'..b'x').cycle().take(len).collect()
}

/// Runs all kernels over a body in these pieces, and compares with the slow decoder.
fn check(
    runners: &mut [Runner],
    stuffed: bool,
    pieces: &[&[u8]],
    rooms: impl Iterator<Item = usize> + Clone,
) -> Outcome {
    let body = pieces.concat();
    // The header, with which no kernel has to do, does not need any room.
    let rooms = once(0).chain(rooms);
    let pieces = once(HEADER).chain(pieces.iter().copied());
    let found = agreed(runners, pieces, rooms);
    let (data, consumed) = reference::decode(&body, stuffed);
    let shown = || body.escape_ascii().to_string();
    assert_eq!(found.data, data, "{}", shown());
    assert_eq!(found.consumed(), HEADER.len() + consumed, "{}", shown());
    found
}

fn plenty(body: &[u8]) -> impl Iterator<Item = usize> + Clone {
    repeat(body.len() + Decoder::SLACK)
}

/// Each special sequence at each place of two blocks, with the cut at each place before, in and
/// behind it.
#[test]
fn specials_at_every_place_cut_everywhere() {
    for stuffed in [true, false] {
        let runners = &mut Runner::all(stuffed);
        for special in SPECIALS {
            // Without stuffing there is less to go wrong, and less to be seen with dots.
            for before in (0..=BLOCKS).step_by(if stuffed { 1 } else { 13 }) {
                let tail = letters(70);
                let body = [&letters(before)[..], special, &tail, b"\r\nq\r\n.\r\n"].concat();
                check(runners, stuffed, &[&body], plenty(&body));
                let at = before.saturating_sub(2)..(before + special.len() + 68);
                for cut in at.filter(|cut| stuffed || cut % 3 == 0) {
                    let pieces = [&body[..cut], &body[cut..]];
                    check(runners, stuffed, &pieces, plenty(&body));
                }
            }
        }
    }
}

/// All special sequences one after the other, so that each meets each state, at every alignment.
#[test]
fn specials_after_specials() {
    let runners = &mut Runner::all(true);
    for first in SPECIALS {
        for second in SPECIALS {
            for before in [0, 1, 13, 14, 15, 29, 30, 31, 47, 60, 61, 62, 63, 64, 125] {
                let body = [&letters(before)[..], first, second, &letters(70), b"\r\n"].concat();
                check(runners, true, &[&body], plenty(&body));
                let border = before + first.len();
                let pieces = [&body[..border], &body[border..]];
                check(runners, true, &pieces, plenty(&body));
            }
        }
    }
}

/// Two cuts at all places of short bodies, which hold what needs the most bytes to be decided.
#[test]
fn two_cuts_everywhere() {
    let runners = &mut Runner::all(true);
    for before in [0, 17, 62] {
        for special in [
            &b"\r\n..\r\n.=yen=\r\n.\r\n"[..],
            b"=\r\n.=yend size=1\r\n.\r\n",
            b"\n.=ybegi\n=ypar=y\r=y\n.\n",
            b"\r\n=yend\r\n..\r\n.\r\n",
        ] {
            let body = [&letters(before)[..], special, b"nothing more"].concat();
            for a in before..=body.len() {
                for b in a..=body.len() {
                    let pieces = [&body[..a], &body[a..b], &body[b..]];
                    check(runners, true, &pieces, plenty(&body));
                }
            }
        }
    }
}

/// What the encoder makes of each length, in lines of several widths, whole and cut once.
#[test]
fn every_size() {
    let runners = &mut Runner::all(true);
    let mut noise = noise();
    for len in 0..=300 {
        for line in [1, 7, 63, 64, 128, 300] {
            let data = noise.bytes(len);
            let encoder = Encoder {
                line,
                ..Encoder::default()
            };
            let mut body = Vec::new();
            encoder.lines(&data, &mut body);
            body.extend_from_slice(b".\r\n");
            let at = noise.below(body.len());
            for pieces in [&[&body[..]][..], &[&body[..at], &body[at..]]] {
                let found = check(runners, true, pieces, plenty(&body));
                assert_eq!(found.data, data, "length {len}, line {line}");
            }
        }
    }
}

/// Every room for the first call, then enough; and each room for all calls.
#[test]
fn every_room() {
    let mut body = letters(20);
    for special in SPECIALS
        .iter()
        .filter(|special| !special.ends_with(b".\r\n"))
    {
        body.extend_from_slice(special);
        body.extend_from_slice(b"k");
    }
    body.splice(40..40, letters(150));
    body.extend_from_slice(b"=yend=ybegin\r\n.\r\n");
    for (stuffed, body) in [
        (true, &body[..]),
        (true, &b"=n".repeat(150)),
        (false, &body),
    ] {
        let runners = &mut Runner::all(stuffed);
        for room in 0..=body.len() + Decoder::SLACK {
            check(runners, stuffed, &[body], once(room).chain(plenty(body)));
        }
        for room in 1..=body.len() + Decoder::SLACK {
            check(runners, stuffed, &[body], repeat(room));
            check(
                runners,
                stuffed,
                &[body],
                [0, room, room / 2].into_iter().cycle(),
            );
        }
    }
}

/// Lines of all lengths and kinds, one after the other, cut anywhere.
#[test]
fn lines_of_random_lengths() {
    let noise = &mut noise();
    let runners = &mut Runner::all(true);
    for round in 0..400 {
        let mut body = Vec::new();
        for _ in 0..noise.below(12) {
            let len = match noise.below(4) {
                0 => noise.below(4),
                1 => noise.below(200),
                _ => 124 + noise.below(8),
            };
            match (round + noise.below(3)) % 6 {
                0 => body.extend_from_slice(&b"..kl"[..noise.below(5)]),
                1 => body.extend(b"=n".repeat(len)),
                2 => body.extend(b".".repeat(len)),
                3 => body.extend(noise.bytes(len)),
                _ => body.extend(letters(len)),
            }
            body.extend_from_slice(if noise.below(30) == 0 { b"\n" } else { b"\r\n" });
        }
        let (a, b) = (noise.below(body.len() + 1), noise.below(body.len() + 1));
        let pieces = [
            &body[..a.min(b)],
            &body[a.min(b)..a.max(b)],
            &body[a.max(b)..],
        ];
        check(runners, true, &pieces, plenty(&body));
        check(runners, true, &pieces, repeat(1 + noise.below(200)));
    }
}

/// Bodies of nothing but one sequence: all lines begin with a dot, all bytes are escaped, …
#[test]
fn the_same_over_and_over() {
    let runners = &mut Runner::all(true);
    let ends = |special: &[u8]| special.ends_with(b".\r\n") || special.ends_with(b".\n");
    for special in SPECIALS.into_iter().filter(|special| !ends(special)) {
        for before in 0..=64 {
            let body = [&letters(before)[..], &special.repeat(260 / special.len())].concat();
            check(runners, true, &[&body], plenty(&body));
            let pieces = [&body[..before + 65], &body[before + 65..]];
            check(runners, true, &pieces, plenty(&body));
        }
    }
}

/// Articles of many blocks, of which the CRC is taken in slices: their bytes are right, and so is
/// the sum, however they are cut; without the sum the bytes are the same.
#[test]
fn long_articles() {
    let mut noise = noise();
    let without = Kernel::available().map(|kernel| {
        Runner::new(Options {
            stuffed: true,
            kernel,
            crc: false,
        })
    });
    let (runners, without) = (&mut Runner::all(true), &mut without.collect::<Vec<_>>());
    for round in 0..40 {
        let len = [16 << 10, 16 << 11, 100_000][round % 3] - 3 + noise.below(7);
        let data = noise.bytes(len);
        let mut body = Vec::new();
        Encoder::default().lines(&data, &mut body);
        body.extend_from_slice(b"=yend size=1\r\n.\r\n");
        let [a, b] = [0; 2].map(|_| noise.below(body.len()));
        let pieces = [
            &body[..a.min(b)],
            &body[a.min(b)..a.max(b)],
            &body[a.max(b)..],
        ];
        for rooms in [
            [len, len],
            [noise.below(len), 40_000],
            [16 << 10, 1 + noise.below(9000)],
        ] {
            let found = check(runners, true, &pieces, rooms.into_iter().cycle());
            assert!(found.data == data);
            assert_eq!(found.report.crc32, Some(crc32fast::hash(&data)));
            let unsummed = check(without, true, &pieces, rooms.into_iter().cycle());
            assert_eq!(unsummed.report.crc32, None);
        }
    }
}

/// Input that begins or ends at a forbidden page, output that ends at one: nothing outside is read
/// or written. There is room for all, for less, for one byte more, or for a block more.
#[test]
#[cfg_attr(miri, ignore = "asks the system for pages")]
fn nothing_outside_the_buffers_is_touched() {
    let (mut input, mut output) = (Guarded::new(512), Guarded::new(512));
    let mut body = letters(70);
    for special in SPECIALS {
        body.extend_from_slice(special.strip_suffix(b".\r\n").unwrap_or(special));
    }
    body.extend(letters(66));
    for kernel in Kernel::available() {
        for from in 0..body.len() {
            for len in (1..70).chain(126..132) {
                let piece = &body[from..body.len().min(from + len)];
                let (expected, _) = reference::decode(piece, true);
                for room in [0, len / 2, expected.len(), expected.len() + 1, len + 64] {
                    let room = output.back(room);
                    for place in [Guarded::front, Guarded::back] {
                        let source = place(&mut input, piece.len());
                        source.copy_from_slice(piece);
                        assert!(
                            expected.starts_with(first_call(kernel, source, room)),
                            "{kernel}: {} bytes from {from}, room {}",
                            piece.len(),
                            room.len()
                        );
                    }
                }
            }
        }
    }
}

/// Within one buffer that begins or ends at a forbidden page, the output right behind what is read.
#[test]
#[cfg_attr(miri, ignore = "asks the system for pages")]
fn within_one_buffer() {
    let mut memory = Guarded::new(1024);
    for (at, special) in SPECIALS.into_iter().enumerate() {
        for before in (at % 4..=BLOCKS).step_by(4) {
            // What comes behind, and whether it has whole blocks, is another each time.
            let twice = [special, &letters(before / 2 % 67), special].concat();
            let tail = letters(37 * before % 200);
            let body = [&letters(before)[..], &twice, &tail, b"\r\n.\r\n"].concat();
            let (data, _) = reference::decode(&body, true);
            let pieces = [HEADER, &body[..before + 1], &body[before + 1..]];
            for (kernel, gap) in
                Kernel::available().flat_map(|kernel| [8, 9, 15, 33, 64].map(|gap| (kernel, gap)))
            {
                for place in [Guarded::front, Guarded::back] {
                    let mut runner = Runner::new(Options {
                        stuffed: true,
                        kernel,
                        ..Options::default()
                    });
                    let (found, report) = runner
                        .decode_in_place(pieces, gap, |len, run| run(place(&mut memory, len)));
                    let shown = || format!("{kernel}, gap {gap}: {}", body.escape_ascii());
                    assert!(found == data, "{}", shown());
                    assert_eq!(report.crc32, Some(crc32fast::hash(&data)), "{}", shown());
                }
            }
        }
    }
}

/// What one call behind the header gives.
fn first_call<'a>(kernel: Kernel, source: &[u8], room: &'a mut [u8]) -> &'a [u8] {
    let mut decoder = Decoder::new(Options {
        stuffed: true,
        kernel,
        ..Options::default()
    });
    decoder.decode(HEADER, &mut []);
    let progress = decoder.decode(source, room);
    match progress.state {
        State::Full => assert_eq!(progress.written, room.len()),
        _ => assert!(progress.consumed == source.len() || progress.state == State::Ended),
    }
    &room[..progress.written]
}
