//! Decoding (escapes, dots, end of the article, CRC32) and encoding of one article of 716,800
//! bytes with each kernel, in bytes of the encoded article per second.
//!
//! `speed` shows more: ratios to memcpy, receive buffers of several sizes, cold memory.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nzbpipe_yenc::{Decoder, Encoder, Kernel, Options, Verdict};

mod samples;

use samples::{Kind, article};

fn decode(kernel: Kernel, article: &[u8], chunk: usize, dst: &mut [u8]) {
    let mut decoder = Decoder::new(Options {
        stuffed: true,
        kernel,
        ..Options::default()
    });
    let mut written = 0;
    for piece in article.chunks(chunk) {
        written += decoder.decode(piece, &mut dst[written..]).written;
    }
    assert_eq!(decoder.finish().verdict, Verdict::Ok);
}

fn benches(c: &mut Criterion) {
    for kind in Kind::ALL {
        let data = kind.data(0);
        let article = article(&data, 128);
        let mut dst = vec![0; article.len()];
        let mut group = c.benchmark_group(format!("decode/{}", kind.name()));
        group.throughput(Throughput::Bytes(article.len() as u64));
        for kernel in Kernel::available() {
            for (size, chunk) in [("whole", article.len()), ("64 KiB", 64 << 10)] {
                group.bench_function(BenchmarkId::new(kernel.name(), size), |b| {
                    b.iter(|| decode(kernel, black_box(&article), chunk, &mut dst));
                });
            }
        }
        group.finish();
        let mut group = c.benchmark_group(format!("encode/{}", kind.name()));
        group.throughput(Throughput::Bytes(article.len() as u64));
        let mut out = Vec::with_capacity(article.len() * 2);
        for kernel in Kernel::available() {
            let encoder = Encoder {
                kernel,
                ..Encoder::default()
            };
            group.bench_function(kernel.name(), |b| {
                b.iter(|| {
                    out.clear();
                    encoder.lines(black_box(&data), &mut out);
                });
            });
        }
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
