//! Decoding (escapes, dots, end of the article, CRC32) and encoding of one article of 716,800
//! bytes, in bytes of the encoded article per second.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nzbpipe_yenc::{Decoder, Encoder, Kernel, Options, PartSpec, Verdict};

const LEN: usize = 716_800;

/// Random bytes (3 % escapes and line ends), text (line ends only), and bytes of which half need
/// an escape.
fn samples() -> [(&'static str, Vec<u8>); 3] {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    let noise: Vec<u8> = (0..LEN).map(|_| random()).collect();
    let text = b"it was a bright cold day in april, "
        .iter()
        .copied()
        .cycle()
        .take(LEN)
        .collect();
    let critical = [0xd6, 0xe0, 0xe3, 0x13];
    let worst = noise
        .iter()
        .map(|&b| {
            if b < 128 {
                critical[usize::from(b & 3)]
            } else {
                b
            }
        })
        .collect();
    [("random", noise), ("text", text), ("worst", worst)]
}

fn article(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let spec = PartSpec {
        name: b"x.bin",
        file_size: LEN as u64,
        ..PartSpec::default()
    };
    Encoder::default().part(data, &spec, &mut out);
    out.extend_from_slice(b".\r\n");
    out
}

fn decode(article: &[u8], chunk: usize, dst: &mut [u8]) {
    let mut decoder = Decoder::new(Options {
        stuffed: true,
        ..Options::default()
    });
    let mut written = 0;
    for piece in article.chunks(chunk) {
        written += decoder.decode(piece, &mut dst[written..]).written;
    }
    assert_eq!(decoder.finish().verdict, Verdict::Ok);
}

fn benches(c: &mut Criterion) {
    for (name, data) in samples() {
        let article = article(&data);
        let mut dst = vec![0; article.len()];
        let mut group = c.benchmark_group(format!("decode/{}", Kernel::best()));
        group.throughput(Throughput::Bytes(article.len() as u64));
        for (size, chunk) in [
            ("whole", article.len()),
            ("64 KiB", 64 << 10),
            ("4 KiB", 4 << 10),
        ] {
            group.bench_function(BenchmarkId::new(name, size), |b| {
                b.iter(|| decode(black_box(&article), chunk, &mut dst));
            });
        }
        group.finish();
        let mut group = c.benchmark_group("encode");
        group.throughput(Throughput::Bytes(article.len() as u64));
        let mut out = Vec::with_capacity(article.len() * 2);
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                Encoder::default().part(black_box(&data), &PartSpec::default(), &mut out);
            });
        });
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
