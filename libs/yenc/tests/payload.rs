//! The entries of the catalogue that are about many payloads, not about one article: every kernel,
//! against what the rules of yEnc make of the bytes.

mod common;

use common::{decode, decode_pieces, reference};
use nzbpipe_yenc::{Encoder, Kernel, Options, Verdict};

/// yEnc by its specification: what has to be escaped is, in lines of 128, dots doubled.
fn encoded(data: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    for byte in data {
        match byte.wrapping_add(42) {
            special @ (0 | b'\n' | b'\r' | b'=') => {
                line.extend([b'=', special.wrapping_add(64)]);
            }
            plain => line.push(plain),
        }
        if line.len() >= 128 {
            finish(&mut line, &mut lines);
        }
    }
    if !line.is_empty() {
        finish(&mut line, &mut lines);
    }
    lines
}

fn finish(line: &mut Vec<u8>, lines: &mut Vec<u8>) {
    if line.first() == Some(&b'.') {
        lines.push(b'.');
    }
    lines.append(line);
    lines.extend(b"\r\n");
}

fn article(data: &[u8], lines: &[u8]) -> Vec<u8> {
    let (len, crc) = (data.len(), crc32fast::hash(data));
    let head = format!("=ybegin line=128 size={len} name=x\r\n");
    let foot = format!("=yend size={len} crc32={crc:08x}\r\n.\r\n");
    [head.as_bytes(), lines, foot.as_bytes()].concat()
}

/// What the specification's encoder and each of ours make of the data is right, whole and cut.
fn survives(data: &[u8], label: &str) {
    let lines = Kernel::available().map(|kernel| {
        let encoder = Encoder {
            kernel,
            ..Encoder::default()
        };
        let mut lines = Vec::new();
        encoder.lines(data, &mut lines);
        lines
    });
    for lines in lines.chain([encoded(data)]) {
        let article = article(data, &lines);
        let options = Options {
            stuffed: true,
            ..Options::default()
        };
        for at in [0, 40, article.len() / 2, article.len() - 7] {
            let (head, tail) = article.split_at(at.min(article.len()));
            let (found, report) = decode_pieces(options, [head, tail], article.len() + 64);
            assert!(found == data, "{label}: cut at {at}");
            assert_eq!(report.verdict, Verdict::Ok, "{label}: cut at {at}");
        }
    }
}

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
        (self.next() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

fn noise() -> Noise {
    Noise(0x2545_f491_4f6c_dd1d)
}

/// Of miri, which is slow, only some.
fn some(all: usize) -> usize {
    if cfg!(miri) { all.div_ceil(50) } else { all }
}

#[test]
fn y42_an_escape_is_split_over_buffers_and_blocks() {
    let options = Options {
        stuffed: true,
        ..Options::default()
    };
    // Blocks have 16, 32 or 64 bytes, and may come in pairs.
    for before in (0..=130).step_by(if cfg!(miri) { 31 } else { 1 }) {
        let data = [&vec![b'A'; before][..], b"\xd6\x13", &[b'B'; 70]].concat();
        let mut lines = vec![b'A' + 42; before];
        lines.extend(b"=@=}");
        lines.extend([b'B' + 42; 70]);
        lines.extend(b"\r\n");
        let article = article(&data, &lines);
        let start = article
            .windows(2)
            .position(|two| two == b"\r\n")
            .map_or(0, |at| at + 2);
        let escape = start + before;
        for at in escape.saturating_sub(70)..(escape + 8).min(article.len()) {
            let (head, tail) = article.split_at(at);
            for room in [1, article.len() + 64] {
                let (found, report) = decode_pieces(options, [head, tail], room);
                assert_eq!(found, data, "{before} bytes before, cut at {at}");
                assert_eq!(report.verdict, Verdict::Ok);
            }
        }
    }
}

#[test]
fn y45_all_bytes_and_nothing_but_escapes() {
    let all: Vec<u8> = (0..=255).collect();
    survives(&all, "all values");
    survives(&all.repeat(9), "all values, again and again");
    let critical = [0xd6, 0xe0, 0xe3, 0x13];
    for byte in critical {
        for len in [1, 15, 16, 31, 32, 63, 64, 65, 127, 128, 129, 1000] {
            survives(&vec![byte; len], &format!("{len} times {byte:02x}"));
        }
    }
    survives(&critical.repeat(1000), "all that is escaped");
    for byte in 0..=255 {
        survives(&[byte; 130], &format!("only {byte:02x}"));
    }
}

#[test]
fn y47_sizes_around_the_borders() {
    let mut noise = noise();
    let small = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129];
    let pages = [4095, 4096, 4097, 65535, 65536, 65537];
    let articles = [767_999, 768_000, 768_001];
    let large = pages.into_iter().chain(articles);
    for size in small.into_iter().chain(large.take(some(9))) {
        survives(&noise.bytes(size), &format!("{size} bytes"));
    }
}

/// Bytes changed, lost, added and swapped, and what is special to the decoder thrown in.
fn corrupted(body: &mut Vec<u8>, noise: &mut Noise) {
    const SPECIAL: [&[u8]; 9] = [
        b"=",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n.",
        b"\r\n..",
        b"=y",
        b"\r\n=yend size=1\r\n",
        b"\r\n.\r\n",
    ];
    for _ in 0..=noise.below(6) {
        let at = noise.below(body.len());
        match noise.below(5) {
            0 => body.truncate(at),
            1 => drop(body.splice(at..(at + 9).min(body.len()), [])),
            2 => drop(body.splice(at..at, noise.bytes(5))),
            3 => drop(body.splice(at..at, SPECIAL[noise.below(9)].iter().copied())),
            _ => body
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|b| *b ^= 1 << (at % 8)),
        }
    }
}

/// `decode_pieces` compares the kernels with each other, down to the report.
#[test]
fn y50_corrupted_articles_are_the_same_to_every_kernel() {
    let options = Options {
        stuffed: true,
        ..Options::default()
    };
    let mut noise = noise();
    for round in 0..some(4000) {
        let size = noise.below(700);
        let data = noise.bytes(size);
        let mut body = encoded(&data);
        corrupted(&mut body, &mut noise);
        body.extend(b"\r\n.\r\n");
        let (want, _) = reference::decode(&body, true);
        let at = noise.below(body.len());
        let pieces = [reference::HEADER, &body[..at], &body[at..]];
        let (found, report) = decode_pieces(options, pieces, body.len() + 64);
        let shown = || format!("round {round}: {}", body.escape_ascii());
        assert!(found == want, "{}", shown());
        assert_eq!(report.crc32, Some(crc32fast::hash(&want)), "{}", shown());
        let whole = [reference::HEADER, &body].concat();
        assert!(decode(&whole) == (found, report), "{}", shown());
    }
}
