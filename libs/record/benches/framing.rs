//! Cost of the framing: bytes per second for parts, records per second for
//! segments, in memory and through a pipe.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nzbpipe_record::{
    Crc, Header, Limits, Part, Pool, Provenance, Reader, Record, Segment, Writer, encode_header,
};
use std::hint::black_box;
use std::io::{Read, Write};

/// Decoded size of a usual article.
const PART: usize = 716_800;

/// Records of a stream through a pipe.
const COUNT: usize = 64;

fn segment() -> Segment {
    Segment {
        job: "0123456789abcdef0123456789abcdef".into(),
        job_name: "An.Example.2026.1080p".into(),
        file_id: "fedcba9876543210fedcba9876543210".into(),
        name: "an.example.2026.1080p.part07.rar".into(),
        name_from: "subject-quoted".into(),
        number: 17,
        of: 144,
        file_bytes: Some(106_000_000),
        bytes: Some(739_281),
        id: "part17of144.aBcDeFgHiJkLmNoP@news.example".into(),
        date: Some(1_790_000_000),
        poster: "someone <someone@news.example>".into(),
        groups: vec!["alt.binaries.test".into()],
        subject: "[07/42] \"an.example.2026.1080p.part07.rar\" yEnc (17/144)".into(),
        ..Segment::default()
    }
}

fn part() -> Record {
    let provenance = Provenance {
        server: "main".into(),
        tries: 1,
        ms: 40,
    };
    let crc = Crc::Ok;
    let part = Part {
        offset: Some(7),
        size: Some(9),
        crc,
        provenance,
        segment: segment(),
        ..Part::default()
    };
    Record::with_payload(part, vec![b'x'; PART])
}

fn drain(input: impl Read, pool: &Pool) -> usize {
    let mut reader = Reader::new(input, Limits::default(), pool.clone());
    let mut bytes = 0;
    while let Ok(Some(record)) = reader.next() {
        bytes += record.payload.map_or(1, |payload| payload.len());
    }
    bytes
}

fn segments(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("segments");
    let header = Header::from(segment());
    let mut line = Vec::new();
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            line.clear();
            encode_header(black_box(&header), None, &mut line)
        })
    });
    line.push(b'\n');
    let stream = line.repeat(1000);
    let pool = Pool::new(0);
    group.throughput(Throughput::Elements(1000));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| drain(&stream[..], &pool))
    });
    group.finish();
}

fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parts");
    let record = part();
    let pool = Pool::new(8 << 20);
    group.throughput(Throughput::Elements(1));
    group.bench_function("header encode", |bencher| {
        let mut line = Vec::new();
        bencher.iter(|| {
            line.clear();
            encode_header(black_box(&record.header), Some(PART), &mut line)
        })
    });
    let mut empty = Writer::new(Vec::new());
    let stream = empty
        .write_payload(&record.header, b"")
        .and_then(|()| empty.into_inner())
        .map_or(Vec::new(), |stream| stream.repeat(1000));
    group.throughput(Throughput::Elements(1000));
    group.bench_function("header decode", |bencher| {
        bencher.iter(|| drain(&stream[..], &pool))
    });

    group.throughput(Throughput::Bytes((COUNT * PART) as u64));
    group.bench_function("pipe", |bencher| {
        bencher.iter(|| {
            through_a_pipe(&pool, |output| {
                let mut writer = Writer::new(output);
                for _ in 0..COUNT {
                    let _ = writer.write(&record);
                }
            })
        })
    });
    group.finish();
}

/// The same bytes without records: what the pipe itself costs.
fn raw(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("raw");
    let bytes = vec![b'x'; PART];
    let mut memory = vec![0; PART];
    group.throughput(Throughput::Bytes((COUNT * PART) as u64));
    group.bench_function("pipe", |bencher| {
        bencher.iter(|| {
            let Ok((mut input, mut output)) = std::io::pipe() else {
                return;
            };
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..COUNT {
                        let _ = output.write_all(&bytes);
                    }
                    drop(output);
                });
                while matches!(input.read(&mut memory), Ok(1..)) {}
            });
        })
    });
    group.finish();
}

fn through_a_pipe(pool: &Pool, write: impl FnOnce(std::io::PipeWriter) + Send) -> usize {
    let Ok((input, output)) = std::io::pipe() else {
        return 0;
    };
    std::thread::scope(|scope| {
        scope.spawn(|| write(output));
        drain(input, pool)
    })
}

criterion_group!(benches, segments, parts, raw);
criterion_main!(benches);
