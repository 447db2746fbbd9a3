//! `yenc-decode -j`: however many threads decode, the stream that comes out is the same.

use serde_json::json;

use crate::corpus::Post;
use crate::harness::Scene;
use crate::records::{self, Record};
use crate::streams::recorded;

/// Numbers that are the same in each run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Bodies that are worth a thread, in `b.rec`.
fn large() -> Scene {
    recorded(&[Post::new("large.bin", 6_000_000, 150_000)])
}

/// The records of `b.rec` with damage, holes and foreign records among them.
fn spoilt(t: &Scene) -> Vec<Record> {
    let mut dice = Seeded(7);
    let mut out = Vec::new();
    for mut record in records::parse(&t.read("b.rec")).unwrap() {
        let Some(mut payload) = record.payload.take() else {
            out.push(record);
            continue;
        };
        match dice.below(6) {
            0 => {
                let at = 1_000 + dice.below(payload.len() as u64 - 2_000) as usize;
                payload[at] = payload[at].wrapping_add(64);
            }
            // Cut off, or nothing at all.
            1 => payload.truncate(payload.len() / 2 * dice.below(2) as usize),
            2 => {
                record.header["type"] = json!("missing");
                record.header.as_object_mut().unwrap().shift_remove("len");
                out.push(record);
                continue;
            }
            3 => out.push(Record {
                header: json!({"len": 3, "type": "blob"}),
                payload: Some(b"a\nb".to_vec()),
            }),
            4 => out.push(Record {
                header: json!({"type": "progress", "sky": "grey"}),
                payload: None,
            }),
            _ => {}
        }
        record.header["len"] = json!(payload.len());
        record.payload = Some(payload);
        out.push(record);
    }
    out
}

/// What each number of threads makes of `in`, from a file and from a pipe: always the same.
#[track_caller]
fn decoded(t: &Scene, code: i32) -> Vec<Record> {
    let mut first: Option<Vec<u8>> = None;
    for line in [
        "yenc-decode -j 1 < in > out",
        "yenc-decode --threads 4 < in > out",
        "cat in | yenc-decode -j 4 > out",
        "cat in | yenc-decode > out",
    ] {
        t.run(line).code(code);
        let out = t.read("out");
        let first = first.get_or_insert_with(|| out.clone());
        assert!(*first == out, "{line}");
    }
    records::parse(&first.unwrap_or_default()).unwrap()
}

#[test]
fn the_records_and_their_order_stay() {
    let t = large();
    let records = spoilt(&t);
    t.write("in", records::unparse(&records));
    let out = decoded(&t, 1);
    let count = |kind: &str| out.iter().filter(|r| r.kind() == kind).count();
    for kind in ["part", "failed", "missing", "blob", "progress"] {
        assert!(count(kind) > 0, "{kind}");
    }
    for crc in ["ok", "mismatch", "truncated"] {
        assert!(out.iter().any(|r| r.text("crc") == crc), "{crc}");
    }
    assert_eq!(out.len(), records.len());
}

#[test]
fn an_input_that_ends_too_early_or_holds_what_it_must_not() {
    let t = large();
    let whole = t.read("b.rec");
    t.write("in", &whole[..whole.len() / 2]);
    let out = decoded(&t, 76);
    assert!(out.iter().filter(|r| r.kind() == "part").count() > 10);

    let mut records = records::parse(&whole).unwrap();
    let segments = records::parse(&t.read("s.jsonl")).unwrap();
    let segment = segments.into_iter().find(|r| r.kind() == "segment");
    records.insert(20, segment.unwrap());
    t.write("in", records::unparse(&records));
    let out = decoded(&t, 65);
    assert_eq!(out.last().unwrap().number("code"), Some(65));
    let parts = out.iter().filter(|r| r.kind() == "part").count();
    assert!((15..20).contains(&parts), "{parts}");
}

#[test]
fn a_reader_that_leaves() {
    let t = large();
    for line in [
        "{ yenc-decode -j 4 < b.rec; echo $? > code; } | head -c 1000 > head",
        "cat b.rec | { yenc-decode -j 4; echo $? > code; } | head -c 1000 > head",
    ] {
        t.run(line).code(0).silent();
        assert_eq!(t.read("code"), b"141\n", "{line}");
    }
}

#[test]
fn a_number_that_is_none() {
    let t = Scene::alone();
    for number in ["0", "-1", "x", "257", ""] {
        t.run(&format!("yenc-decode -j '{number}' < /dev/null"))
            .code(64);
    }
}

// nzbpipe --threads 60000 ended with an abort: the system had no more threads to give.
#[test]
fn a_number_of_threads_that_no_system_has() {
    let t = Scene::alone();
    for program in ["nzbpipe", "nntp-fetch", "yenc-decode"] {
        for number in ["0", "257", "60000", "-1", "x"] {
            let outcome = t.run(&format!("{program} --threads={number} < /dev/null"));
            assert!(outcome.stderr.contains("1 to 256"), "{program} {number}");
            outcome.code(64);
        }
    }
}
