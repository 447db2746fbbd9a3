//! Reads record streams, without the programs' own crate: what is tested must not
//! vouch for itself.

use serde_json::Value;

/// A header and its payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The header.
    pub header: Value,
    /// The payload, if the header has `len`.
    pub payload: Option<Vec<u8>>,
}

impl Record {
    /// A text of the header; empty if it has none of that name.
    pub fn text(&self, key: &str) -> &str {
        self.header[key].as_str().unwrap_or_default()
    }

    /// A number of the header.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.header[key].as_u64()
    }

    /// Its type.
    pub fn kind(&self) -> &str {
        self.text("type")
    }
}

/// All records of `bytes`; the text of the error says where they stop being some.
pub fn parse(mut bytes: &[u8]) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let count = records.len();
        let wrong = |what: &str| format!("record {count}: {what}");
        let end = bytes
            .iter()
            .position(|&b| b == b'\n')
            .ok_or(wrong("no line end"))?;
        let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
        let header: Value = serde_json::from_slice(line).map_err(|e| wrong(&e.to_string()))?;
        bytes = rest;
        let payload = match header.get("len") {
            None => None,
            Some(len) => {
                let len = len.as_u64().ok_or(wrong("len is no number"))? as usize;
                if !line.starts_with(format!("{{\"len\":{len},").as_bytes()) {
                    return Err(wrong("len does not come first"));
                }
                if bytes.get(len) != Some(&b'\n') {
                    return Err(wrong("no LF after the payload"));
                }
                let payload = bytes[..len].to_vec();
                bytes = &bytes[len + 1..];
                Some(payload)
            }
        };
        records.push(Record { header, payload });
    }
    Ok(records)
}

/// The stream of `records`.
pub fn unparse(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        out.extend_from_slice(record.header.to_string().as_bytes());
        out.push(b'\n');
        if let Some(payload) = &record.payload {
            out.extend_from_slice(payload);
            out.push(b'\n');
        }
    }
    out
}

/// What became of segments and files: one line each, sorted, without what may
/// differ between two runs (servers, tries, times, order).
pub fn fates(records: &[Record]) -> Vec<String> {
    let mut fates: Vec<String> = records.iter().filter_map(fate).collect();
    fates.sort();
    fates
}

fn fate(record: &Record) -> Option<String> {
    let text = |key| record.text(key);
    let rest = |keys: &[&str]| -> String {
        let shown = |key: &&str| format!(" {key}={}", record.header[*key]);
        keys.iter().map(shown).collect()
    };
    Some(match record.kind() {
        "missing" => format!("missing {} {}", text("name"), text("id")),
        "failed" => format!(
            "failed {} {} {} {} {}",
            text("class"),
            text("name"),
            text("id"),
            text("reason"),
            text("stage")
        ),
        "file" => {
            format!("file {} {}", text("status"), text("name"))
                + &rest(&[
                    "path",
                    "size",
                    "segments",
                    "ok",
                    "missing",
                    "damaged",
                    "unverified",
                    "missing_ranges",
                    "crc32",
                    "crc32_declared",
                    "crc32_matches",
                ])
        }
        "end" => {
            format!("end {}", text("status"))
                + &rest(&[
                    "code", "segments", "ok", "missing", "failed", "damaged", "bytes",
                ])
        }
        _ => return None,
    })
}
