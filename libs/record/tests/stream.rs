//! Whole streams through the writer and back: what is written is what is read,
//! however the bytes are cut, and a stream that is cut short never passes.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception covers test functions, not their helpers"
)]

use nzbpipe_record::{
    Article, Body, Bytes, Class, Crc, Decoder, End, Error, Failed, Field, FileReport, FileStatus,
    Header, Job, Limits, Map, Missing, Part, Pool, Progress, Provenance, Reader, Record, Segment,
    ServerErrors, ServerProgress, Status, Stream, Tried, Unknown, Value, Writer,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn write(records: &[Record]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    records
        .iter()
        .for_each(|record| writer.write(record).unwrap());
    writer.into_inner().unwrap()
}

fn pool() -> Pool {
    Pool::new(1 << 20)
}

fn read(stream: &[u8]) -> (Vec<Record>, Option<Error>) {
    let mut reader = Reader::new(stream, Limits::default(), pool());
    let mut records = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
    }
}

/// Feeds the stream in chunks of the given sizes, over and over.
fn read_in_chunks(stream: &[u8], sizes: &[usize]) -> Vec<Record> {
    let mut decoder = Decoder::new(Limits::default(), pool());
    let mut records = Vec::new();
    let mut rest = stream;
    for &size in sizes.iter().cycle() {
        while let Some(record) = decoder.next().unwrap() {
            records.push(record);
        }
        if rest.is_empty() {
            break;
        }
        let space = decoder.space();
        let n = size.min(rest.len()).min(space.len());
        space[..n].copy_from_slice(&rest[..n]);
        decoder.advance(n);
        rest = &rest[n..];
    }
    assert!(decoder.is_clean());
    assert_eq!(decoder.offset(), stream.len() as u64);
    records
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9.@-]{0,12}", any::<String>()]
}

fn id() -> impl Strategy<Value = String> {
    "[!-;=?-~]{1,40}"
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Unknown keys: the prefix keeps them apart from the known ones.
fn extra() -> impl Strategy<Value = Map<String, Value>> {
    vec((text().prop_map(|key| format!("x-{key}")), value()), 0..4)
        .prop_map(|entries| entries.into_iter().collect())
}

prop_compose! {
    fn segment()(
        (job, job_name, file_id, name, name_from, poster, subject) in
            (text(), text(), text(), text(), text(), text(), text()),
        (file, number, of) in any::<(u64, u64, u64)>(),
        (file_bytes, bytes, date) in any::<(Option<u64>, Option<u64>, Option<i64>)>(),
        (name_b64, id, alt, groups) in (option::of(text()), id(), vec(id(), 0..3), vec(text(), 0..3)),
        extra in extra(),
    ) -> Segment {
        Segment {
            job, job_name, file, file_id, name, name_b64, name_from, number, of, file_bytes, bytes,
            id, alt, date, poster, groups, subject, extra,
        }
    }
}

prop_compose! {
    fn provenance()(server in text(), (tries, ms) in any::<(u64, u64)>()) -> Provenance {
        Provenance { server, tries, ms }
    }
}

fn crc() -> impl Strategy<Value = Crc> {
    prop_oneof![
        Just(Crc::Ok),
        Just(Crc::Mismatch),
        Just(Crc::Absent),
        Just(Crc::Truncated)
    ]
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        Just(Class::Missing),
        Just(Class::Transport),
        Just(Class::Capacity),
        Just(Class::Login),
        Just(Class::Damaged),
        Just(Class::BadInput),
        Just(Class::Unreachable),
        Just(Class::Interrupted),
        Just(Class::Internal),
        "x-[a-z]{0,5}".prop_map(Class::Other),
    ]
}

prop_compose! {
    fn tried()(
        server in text(), class in class(), code in any::<Option<u16>>(),
        text in option::of(text()), tries in any::<u64>(), extra in extra(),
    ) -> Tried {
        Tried { server, class, code, text, tries, extra }
    }
}

prop_compose! {
    fn body()(
        stuffed in any::<bool>(), crc in option::of(crc()), damage in option::of(text()),
        provenance in provenance(), segment in segment(),
    ) -> Body {
        Body { stuffed, crc, damage, provenance, segment }
    }
}

prop_compose! {
    fn part()(
        (offset, size, yenc_part, total) in any::<(u64, Option<u64>, Option<u64>, Option<u64>)>(),
        (encoding, ends) in (option::of(text()), any::<bool>()),
        crc in crc(), crc32 in option::of("[0-9a-f]{8}"), file_crc32 in option::of("[0-9a-f]{8}"),
        yenc_name in option::of(text()), yenc_name_b64 in option::of(text()),
        provenance in provenance(), segment in segment(),
    ) -> Part {
        Part {
            offset: Some(offset), encoding: encoding.map(Into::into), ends, size, crc, crc32,
            file_crc32, yenc_name, yenc_name_b64, yenc_part, total, provenance, segment,
        }
    }
}

prop_compose! {
    fn failed()(
        stage in text(), class in class(), reason in text(), code in any::<Option<u16>>(),
        tried in vec(tried(), 0..3), retryable in any::<bool>(), segment in segment(),
    ) -> Failed {
        Failed { stage, class, reason, code, tried, retryable, segment }
    }
}

prop_compose! {
    fn job()(
        (job, name, password) in (text(), text(), option::of(text())),
        (files, segments, bytes) in any::<(u64, u64, u64)>(),
        meta in extra(), extra in extra(),
    ) -> Job {
        Job { job, name, files, segments, bytes, password, meta, extra }
    }
}

prop_compose! {
    fn file()(
        (job, job_name, file_id, name, path) in (text(), text(), text(), text(), option::of(text())),
        status in prop_oneof![
            Just(FileStatus::Complete), Just(FileStatus::Incomplete),
            Just(FileStatus::Unverified), Just(FileStatus::Damaged),
        ],
        (file, size) in any::<(u64, Option<u64>)>(),
        (segments, ok, missing, damaged, unverified) in any::<(u64, u64, u64, u64, u64)>(),
        missing_ranges in vec(any::<[u64; 2]>(), 0..3), crc32 in option::of("[0-9a-f]{8}"),
        crc32_declared in option::of("[0-9a-f]{8}"), crc32_matches in any::<Option<bool>>(),
        (md5_16k, sha256, blake3) in (option::of("[0-9a-f]{32}"), option::of("[0-9a-f]{64}"), option::of("[0-9a-f]{64}")),
        damaged_ranges in vec(any::<[u64; 2]>(), 0..3), resumed in any::<u64>(), extra in extra(),
    ) -> FileReport {
        FileReport {
            job, job_name, file, file_id, name, path, status, size, segments, ok, missing, damaged,
            unverified, missing_ranges, crc32, crc32_declared, crc32_matches, extra,
            md5_16k, sha256, blake3, damaged_ranges, resumed,
        }
    }
}

prop_compose! {
    fn progress()(
        stage in text(), extra in extra(),
        (bytes, segments, connections, rate, ms) in any::<(u64, u64, u64, u64, u64)>(),
        servers in vec(server(), 0..3),
    ) -> Progress {
        Progress { stage, bytes, segments, connections, rate, ms, servers, extra }
    }
}

prop_compose! {
    fn server()(
        name in text(), (bytes, rate, connections, allowed) in any::<(u64, u64, u64, u64)>(),
        (window, rtt) in any::<(u16, u32)>(),
        (bodies, missing, damaged, hedged, recycled) in any::<(u64, u64, u64, u64, u64)>(),
        errors in errors(), extra in extra(),
    ) -> ServerProgress {
        ServerProgress {
            name, bytes, rate, connections, allowed, window: f64::from(window) / 4.0,
            rtt_ms: f64::from(rtt) / 8.0, bodies, missing, damaged, errors, hedged, recycled, extra,
        }
    }
}

prop_compose! {
    fn errors()(
        (transport, capacity, login, damaged, missing) in any::<(u64, u64, u64, u64, u64)>(),
        extra in extra(),
    ) -> ServerErrors {
        ServerErrors { transport, capacity, login, damaged, missing, extra }
    }
}

prop_compose! {
    fn article()(
        stuffed in any::<bool>(), crc in option::of(crc()), damage in option::of(text()),
        headers in vec((text(), vec(any::<u8>(), 0..9)), 0..4), headers_cut in any::<bool>(),
        provenance in provenance(), segment in segment(),
    ) -> Article {
        let headers = headers.into_iter().map(|(name, value)| Field::new(name, &value));
        Article {
            stuffed, crc, damage, provenance, headers: headers.collect(), headers_cut, segment,
        }
    }
}

prop_compose! {
    fn end()(
        by in text(), code in any::<u8>(), message in option::of(text()), extra in extra(),
        repair in vec(extra(), 0..3),
        status in prop_oneof![
            Just(Status::Ok), Just(Status::Partial), Just(Status::Interrupted),
            Just(Status::Error), "x-[a-z]{0,5}".prop_map(Status::Other),
        ],
        (segments, ok, missing) in any::<(Option<u64>, Option<u64>, Option<u64>)>(),
        (failed, damaged, bytes) in any::<(Option<u64>, Option<u64>, Option<u64>)>(),
    ) -> End {
        End { by, status, code, segments, ok, missing, failed, damaged, bytes, message, repair, extra }
    }
}

fn payload() -> impl Strategy<Value = Bytes> {
    let lines = "[\\.\\n\\r{}a]{0,40}".prop_map(String::into_bytes);
    prop_oneof![lines, vec(any::<u8>(), 0..300)].prop_map(Bytes::from)
}

fn record() -> impl Strategy<Value = Record> {
    let unknown = ("x-[a-z]{0,5}|present", extra(), option::of(payload()));
    prop_oneof![
        (text(), extra()).prop_map(|(by, extra)| Stream {
            extra,
            ..Stream::new(by)
        }
        .into()),
        job().prop_map(Record::from),
        segment().prop_map(Record::from),
        (body(), payload()).prop_map(|(body, payload)| Record::with_payload(body, payload)),
        (article(), payload())
            .prop_map(|(article, payload)| Record::with_payload(article, payload)),
        (part(), payload()).prop_map(|(part, payload)| Record::with_payload(part, payload)),
        (vec(tried(), 0..3), segment())
            .prop_map(|(tried, segment)| Missing { tried, segment }.into()),
        failed().prop_map(Record::from),
        file().prop_map(Record::from),
        progress().prop_map(Record::from),
        end().prop_map(Record::from),
        unknown.prop_map(|(kind, map, payload)| {
            Record {
                header: Header::Unknown(Unknown { kind, map }),
                payload,
            }
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(records in vec(record(), 0..6)) {
        let (again, error) = read(&write(&records));
        prop_assert!(error.is_none(), "{error:?}");
        prop_assert_eq!(again, records);
    }

    #[test]
    fn the_cuts_do_not_matter(records in vec(record(), 0..6), sizes in vec(1..200usize, 1..8)) {
        prop_assert_eq!(read_in_chunks(&write(&records), &sizes), records);
    }

    #[test]
    fn nothing_panics(bytes in vec(any::<u8>(), 0..200), tail in any::<bool>()) {
        let mut stream = if tail { b"{\"len\":3,\"type\":\"a\"}\n".to_vec() } else { Vec::new() };
        stream.extend_from_slice(&bytes);
        read(&stream);
    }
}

/// Every type, payloads that look like framing, and one that is empty.
fn sample() -> Vec<Record> {
    let mut segment = Segment {
        id: "a@b".into(),
        name: "größe.bin".into(),
        ..Segment::default()
    };
    segment.extra.insert("mine".into(), "kept".into());
    let tried = vec![Tried {
        server: "main".into(),
        class: Class::Missing,
        ..Tried::default()
    }];
    let unknown = Unknown {
        kind: "present".into(),
        map: segment.extra.clone(),
    };
    vec![
        Stream::new("test 1").into(),
        Job {
            name: "a".into(),
            ..Job::default()
        }
        .into(),
        segment.clone().into(),
        Record::with_payload(
            Body {
                segment: segment.clone(),
                ..Body::default()
            },
            "..\r\n",
        ),
        Record::with_payload(Part::default(), "{\"type\":\"end\"}\n\n"),
        Missing {
            tried,
            segment: segment.clone(),
        }
        .into(),
        Record::with_payload(Part::default(), ""),
        Failed {
            segment,
            ..Failed::default()
        }
        .into(),
        FileReport::default().into(),
        Progress::default().into(),
        Record::with_payload(unknown, "\n"),
        End::default().into(),
    ]
}

#[test]
fn every_split_point() {
    let records = sample();
    let stream = write(&records);
    assert_eq!(read_in_chunks(&stream, &[1]), records);
    for at in 1..stream.len() {
        assert_eq!(
            read_in_chunks(&stream, &[at, stream.len()]),
            records,
            "split at {at}"
        );
    }
}

#[test]
fn truncation_at_every_byte() {
    let records = sample();
    let stream = write(&records);
    let ends: Vec<usize> = (0..=records.len())
        .map(|n| write(&records[..n]).len())
        .collect();
    for cut in 0..stream.len() {
        let (read, error) = read(&stream[..cut]);
        let whole = ends.iter().rposition(|&end| end <= cut).unwrap();
        assert_eq!(read, records[..whole], "cut at {cut}");
        if cut == ends[whole] {
            assert!(error.is_none(), "cut at {cut}: {error:?}");
            continue;
        }
        let error = error.unwrap();
        assert!(error.is_truncated(), "cut at {cut}: {error}");
        assert_eq!(error.position().offset, ends[whole] as u64, "cut at {cut}");
        assert_eq!(error.position().ordinal, whole as u64 + 1, "cut at {cut}");
    }
}

#[test]
fn through_a_pipe_with_recycled_memory() {
    let (mut input, output) = std::io::pipe().unwrap();
    let payload = Bytes::from(vec![b'x'; 700_000]);
    let record = Record::with_payload(Part::default(), payload);
    let given = record.clone();
    let writer = std::thread::spawn(move || {
        let mut writer = Writer::new(output);
        (0..50).for_each(|_| writer.write(&given).unwrap());
        writer.write(&End::default().into()).unwrap();
        writer.flush().unwrap();
    });
    let pool = pool();
    let mut reader = Reader::new(&mut input, Limits::default(), pool.clone());
    for _ in 0..50 {
        assert!(reader.next().unwrap() == Some(record.clone()));
    }
    assert_eq!(reader.next().unwrap().unwrap().header.kind(), "end");
    assert!(reader.next().unwrap().is_none());
    writer.join().unwrap();
    let one = 700_000..800_000;
    assert!(
        one.contains(&pool.idle_bytes()),
        "one buffer served all: {}",
        pool.idle_bytes()
    );
}
