//! Every kernel against [`step`], byte by byte: from every state, with every kind of room, apart
//! and within one buffer.

use super::*;
use grammar::{Stop, step};

/// What has to come out: the run, the state behind it, the data.
type Outcome = (Run, Last, Vec<u8>);

/// As the grammar has it.
fn reference(mut last: Last, stuffed: bool, src: &[u8], room: usize) -> Outcome {
    let (mut consumed, mut data) = (0, Vec::new());
    let stop = loop {
        let Some(byte) = src.get(consumed) else {
            break Stop::Input;
        };
        let (next, decoded) = step(last, *byte, stuffed);
        if decoded.is_some() && data.len() == room {
            break Stop::Output;
        }
        data.extend(decoded);
        last = next;
        consumed += 1;
        match last {
            Last::LineEqY => break Stop::Control,
            Last::End => break Stop::End,
            _ => {}
        }
    };
    let run = Run {
        consumed,
        written: data.len(),
        stop,
    };
    (run, last, data)
}

struct Noise(u64);

impl Noise {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % n
    }

    /// Well-formed runs of up to `run` bytes, with something odd between them.
    fn soup(&mut self, len: usize, run: usize) -> Vec<u8> {
        const ODD: [&[u8]; 24] = [
            b"\r\n",
            b"\r\n",
            b"\r\n",
            b"\r\n..",
            b"\r\n..",
            b"\r\n.",
            b"\r\n.\r",
            b"\r\n.=",
            b"\n",
            b"\n..",
            b"\n.",
            b"\r",
            b".",
            b"=",
            b"=}",
            b"=J",
            b"==",
            b"===",
            b"=\r\n",
            b"=\n",
            b"=y",
            b"\0",
            b"\xff=\xff",
            b"\r\n=",
        ];
        let mut soup = Vec::with_capacity(len + run + 4);
        while soup.len() < len {
            for _ in 0..self.below(run + 1) {
                // Every byte but those that mean something.
                let byte = self.below(256) as u8;
                let plain = !matches!(byte, b'\r' | b'\n' | b'=');
                soup.push(if plain { byte } else { b'y' });
            }
            soup.extend_from_slice(ODD[self.below(ODD.len())]);
        }
        soup.truncate(len);
        // Rare, for nothing of interest follows.
        if self.below(8) == 0 {
            let at = self.below(len + 1);
            let end = [&b"\r\n.\r\n"[..], b"\n.\n", b"\r\n=y", b"\r\n.=y"][self.below(4)];
            soup.splice(at..at, end.iter().copied());
        }
        // Where it ends, its memory ends.
        soup.shrink_to_fit();
        soup
    }
}

const STATES: [Last; 9] = [
    Last::Lf,
    Last::CrLf,
    Last::LfDot,
    Last::CrLfDot,
    Last::DotCr,
    Last::LineEq,
    Last::Cr,
    Last::Eq,
    Last::Plain,
];

/// Runs one kernel; `gap` says how far in front of the input the output lies in the same buffer.
fn outcome(
    kernel: Kernel,
    (mut last, lines): (Last, Lines),
    src: &[u8],
    place: Result<usize, usize>,
) -> Outcome {
    const BEHIND: [u8; 80] = [0x5a; 80];
    let mut crc = Some(Hasher::new());
    let (run, mut dst) = match place {
        Ok(room) => {
            let mut dst = vec![0; room];
            dst.extend_from_slice(&BEHIND);
            let places = (src, &mut dst[..room]);
            let run = kernel.decode(&mut last, lines, places, &mut crc);
            assert_eq!(dst[room..], BEHIND, "{kernel}: written beyond the room");
            (run, dst)
        }
        Err(gap) => {
            let mut buf = vec![0; gap];
            buf.extend_from_slice(src);
            let run = kernel.decode_within(&mut last, lines, (&mut buf, gap, 0), &mut crc);
            assert_eq!(
                buf[gap + run.consumed..],
                src[run.consumed..],
                "{kernel}: input overwritten before it was read"
            );
            (run, buf)
        }
    };
    dst.truncate(run.written);
    let crc = crc.map(Hasher::finalize);
    assert_eq!(crc, Some(crc32fast::hash(&dst)), "{kernel}: crc");
    (run, last, dst)
}

#[test]
fn every_kernel_does_what_the_grammar_says() {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for round in 0..12_000 {
        let len = match round % 50 {
            0 => noise.below(70_000),
            n if n < 25 => noise.below(400),
            _ => noise.below(2000),
        };
        let run = [2, 20, 150, 400][noise.below(4)];
        let src = noise.soup(len, run);
        let last = STATES[noise.below(STATES.len())];
        let lines = Lines {
            stuffed: noise.below(4) > 0,
            rough: noise.below(4) == 0,
        };
        let places = [
            Ok(src.len()),
            Ok(src.len() + noise.below(200)),
            Ok(noise.below(src.len() + 1)),
            Err(0),
            Err(noise.below(200)),
        ];
        for place in places {
            let room = place.unwrap_or_else(|gap| src.len() + gap);
            let expected = reference(last, lines.stuffed, &src, room);
            for kernel in Kernel::available() {
                let found = outcome(kernel, (last, lines), &src, place);
                assert!(
                    found == expected,
                    "{kernel}, round {round}, {place:?}, {last:?}, stuffed {}: {:?} {:?}, not {:?} {:?}",
                    lines.stuffed,
                    found.0,
                    found.1,
                    expected.0,
                    expected.1,
                );
            }
        }
    }
}

/// Two bytes that mean something at every distance, across all ends of blocks, in well-formed data.
#[test]
fn every_pair_of_odd_bytes_at_every_place_of_a_block() {
    const ODD: [&[u8]; 10] = [
        b"=", b"\r", b"\n", b".", b"y", b"\r\n.", b"\n.", b"\n..", b"=y", b"\r\n=",
    ];
    for (at, stuffed) in (0..140).flat_map(|at| [(at, false), (at, true)]) {
        for (first, second) in ODD.iter().flat_map(|a| ODD.map(|b| (a, b))) {
            for distance in [0, 1, 62] {
                let mut src = vec![b'k'; 300];
                src.splice(at..at, first.iter().copied());
                let then = at + first.len() + distance;
                src.splice(then..then, second.iter().copied());
                let lines = Lines {
                    stuffed,
                    rough: false,
                };
                let expected = reference(Last::Plain, stuffed, &src, src.len());
                for kernel in Kernel::available() {
                    for place in [Ok(src.len()), Err(0)] {
                        let found = outcome(kernel, (Last::Plain, lines), &src, place);
                        assert!(
                            found == expected,
                            "{kernel}, {place:?}: {first:?} at {at}, {distance} before {second:?}"
                        );
                    }
                }
            }
        }
    }
}

/// In a build without overflow checks, too.
#[test]
fn output_above_the_input_is_refused() {
    let lines = Lines {
        stuffed: true,
        rough: false,
    };
    for (from, to) in [(3, 4), (9, 0), (usize::MAX, 0), (0, usize::MAX)] {
        let refused = std::panic::catch_unwind(|| {
            let (mut last, mut buf) = (Last::Plain, [b'k'; 8]);
            Kernel::best().decode_within(&mut last, lines, (&mut buf, from, to), &mut None)
        });
        assert!(refused.is_err(), "from {from} to {to}");
    }
}

#[test]
fn kernels_are_found_by_name() {
    for kernel in Kernel::available() {
        assert_eq!(Kernel::named(kernel.name()), Ok(kernel));
        assert!(NAMES.contains(&kernel.name()));
    }
    for name in NAMES {
        assert_ne!(Kernel::named(name), Err(NoKernel::Unknown), "{name}");
    }
    // No machine has instructions of two kinds.
    assert!(
        NAMES
            .map(Kernel::named)
            .contains(&Err(NoKernel::Unsupported))
    );
    assert_eq!(Kernel::named("AVX2"), Err(NoKernel::Unknown));
}
