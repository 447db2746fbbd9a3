//! The specification stands in the rustdoc and in the manual page: both must
//! name the same types with the same keys, and the types of the crate know them.

use nzbpipe_record::{Header, Limits, Pool, Reader};
use std::collections::{BTreeMap, BTreeSet};

const RUSTDOC: &str = include_str!("../src/lib.rs");
const MANUAL: &str = include_str!("../../../man/nzbpipe-records.5");

/// Keys of each type.
type Spec = BTreeMap<String, BTreeSet<String>>;

/// Collects keys under the headings, given where on a line each of them stands.
fn collect(
    text: &str,
    heading: impl Fn(&str) -> Option<String>,
    keys: impl Fn(&str) -> Option<String>,
) -> Spec {
    let mut spec = Spec::new();
    let mut kind = String::new();
    for line in text.lines() {
        if let Some(name) = heading(line) {
            kind = name;
        } else if let Some(keys) = keys(line) {
            let words = keys.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let keys = words.filter(|word| !matches!(*word, "" | "Va" | "Sy"));
            spec.entry(kind.clone())
                .or_default()
                .extend(keys.map(str::to_owned));
        }
    }
    spec
}

fn rustdoc() -> Spec {
    let heading = |line: &str| Some(line.strip_prefix("//! ## `")?.split('`').next()?.to_owned());
    let keys = |line: &str| Some(line.strip_prefix("//! | `")?.split('|').next()?.to_owned());
    collect(RUSTDOC, heading, keys)
}

fn manual() -> Spec {
    let heading = |line: &str| line.strip_prefix(".Ss ").map(str::to_owned);
    let keys = |line: &str| {
        line.strip_prefix(".It Va ")
            .map(|keys| keys.replace("\\&", ""))
    };
    collect(MANUAL, heading, keys)
}

#[test]
fn the_manual_page_is_the_twin_of_the_rustdoc() {
    let spec = rustdoc();
    assert_eq!(spec, manual());
    let keys = |kind: &str| spec[kind].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(keys("stream"), ["by", "v"]);
    assert_eq!(
        (spec.len(), keys("segment").len(), keys("end").len()),
        (11, 17, 11)
    );
}

/// No value fits every key, so a known key is found by the complaint about it.
#[test]
fn every_key_that_is_documented_is_known() {
    let required = r#""id":"a","v":1,"offset":0,"crc":"ok""#;
    for (kind, keys) in rustdoc() {
        for key in keys
            .iter()
            .filter(|key| !required.contains(&format!("\"{key}\"")))
        {
            let line =
                format!("{{\"len\":0,\"type\":\"{kind}\",{required},\"{key}\":{{\"x\":[]}}}}\n\n");
            let record = Reader::new(line.as_bytes(), Limits::default(), Pool::new(0)).next();
            let known = match record {
                Err(error) => error.to_string().ends_with("header is not valid"),
                Ok(record) => record.is_some_and(|record| {
                    matches!(record.header, Header::Job(job) if job.meta.contains_key("x"))
                }),
            };
            assert!(known, "{key} of {kind}");
        }
    }
}
