//! What is encoded and decoded: the same data in every run.

use nzbpipe_yenc::{Encoder, PartSpec};

/// Bytes in a part: what most posts have.
pub const LEN: usize = 716_800;

/// Data as a codec sees them.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// What compressed files look like: 1.6 % escapes.
    Random,
    /// Half of all bytes need an escape.
    Half,
    /// All bytes do.
    Critical,
    /// Prose: line ends only.
    Text,
    /// Each line begins with a dot.
    Dots,
}

/// Bytes that need an escape.
const CRITICAL: [u8; 4] = [0xd6, 0xe0, 0xe3, 0x13];

impl Kind {
    pub const ALL: [Kind; 5] = [
        Kind::Random,
        Kind::Half,
        Kind::Critical,
        Kind::Text,
        Kind::Dots,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Random => "random",
            Kind::Half => "half",
            Kind::Critical => "critical",
            Kind::Text => "text",
            Kind::Dots => "dots",
        }
    }

    #[allow(dead_code, reason = "not every benchmark takes names")]
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The part number `seed` of this kind.
    pub fn data(self, seed: u64) -> Vec<u8> {
        let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        };
        match self {
            Kind::Random => (0..LEN).map(|_| random()).collect(),
            Kind::Half => (0..LEN)
                .map(|_| match random() {
                    byte @ ..128 => CRITICAL[usize::from(byte & 3)],
                    _ => random(),
                })
                .collect(),
            Kind::Critical => (0..LEN)
                .map(|_| CRITICAL[usize::from(random() & 3)])
                .collect(),
            Kind::Text => {
                let words = b"it was a bright cold day in April and the clocks were striking";
                let words: Vec<&[u8]> = words.split_inclusive(|byte| *byte == b' ').collect();
                let mut text = Vec::with_capacity(LEN + 16);
                while text.len() < LEN {
                    text.extend_from_slice(words[usize::from(random()) % words.len()]);
                }
                text.truncate(LEN);
                text
            }
            // No escapes: they would move the dots away from the lines' starts.
            Kind::Dots => (0..LEN)
                .map(|at| match random() {
                    _ if at % 128 == 0 => b'.'.wrapping_sub(42),
                    byte if CRITICAL.contains(&byte) => 1,
                    byte => byte,
                })
                .collect(),
        }
    }
}

/// The article that carries `data`: the body with its control lines and the lone `.`. Lines of
/// `line` columns; 0 stands for lines of changing length.
pub fn article(data: &[u8], line: usize) -> Vec<u8> {
    let spec = PartSpec {
        name: b"x.bin",
        file_size: data.len() as u64,
        ..PartSpec::default()
    };
    let mut out = Vec::new();
    if line > 0 {
        let encoder = Encoder {
            line,
            ..Encoder::default()
        };
        encoder.part(data, &spec, &mut out);
    } else {
        let crc = crc32fast::hash(data);
        out.extend_from_slice(
            format!("=ybegin line=128 size={} name=x\r\n", data.len()).as_bytes(),
        );
        let encoder = Encoder {
            line: 997,
            ..Encoder::default()
        };
        let mut rest = data;
        for len in (124..=128).cycle() {
            if rest.is_empty() {
                break;
            }
            // As some posters break lines: after so many bytes of data, not columns.
            let (line, later) = rest.split_at(rest.len().min(len));
            encoder.lines(line, &mut out);
            rest = later;
        }
        out.extend_from_slice(format!("=yend size={} crc32={crc:08x}\r\n", data.len()).as_bytes());
    }
    out.extend_from_slice(b".\r\n");
    out
}
