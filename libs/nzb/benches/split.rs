//! Rate of the two passes over an NZB with 300,000 segments: the first until
//! segments can come, and both, as `nzb-split` does them.

#![allow(missing_docs)]

mod common;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Cursor, Write};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nzbpipe_nzb::{Input, Limits, Nzb};

use common::Shape;

fn split(c: &mut Criterion) {
    let shape = Shape {
        segments: 300_000,
        per_file: 500,
        scattered: false,
    };
    let mut bytes = Vec::new();
    common::write_nzb(shape, &mut bytes).expect("memory");
    let mut spool = BufWriter::new(tempfile::tempfile().expect("a temporary file"));
    spool.write_all(&bytes).expect("room for the NZB");
    let file = spool.into_inner().expect("room for the NZB");

    let mut group = c.benchmark_group("split");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("open, file", |b| b.iter(|| open_file(&file)));
    group.bench_function("open, stream", |b| {
        b.iter(|| {
            let stream = Box::new(Cursor::new(bytes.clone()));
            Nzb::open(Input::Stream(stream), None, Limits::default()).expect("a good NZB")
        });
    });
    group.bench_function("open and all segments", |b| {
        b.iter(|| black_box(count(&mut open_file(&file))))
    });
    group.finish();
}

fn open_file(file: &File) -> Nzb {
    use std::io::Seek;
    let mut file = file.try_clone().expect("a descriptor");
    file.rewind().expect("a regular file");
    Nzb::open(Input::File(file), None, Limits::default()).expect("a good NZB")
}

fn count(nzb: &mut Nzb) -> u64 {
    let files = nzb.order();
    files
        .into_iter()
        .map(|file| nzb.segments(file).expect("the same file").count() as u64)
        .sum()
}

criterion_group!(benches, split);
criterion_main!(benches);
