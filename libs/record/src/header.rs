//! The header of a record: one JSON object, told apart by its `type`.

use crate::{
    Article, Body, Encoding, End, Failed, FileReport, Job, Missing, Part, Progress, Segment,
    Stream, Unknown, keys,
};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;

/// What a record says. The large ones are boxed, so that queues of records
/// stay small.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Header {
    /// The first record of a stream.
    Stream(Stream),
    /// One NZB.
    Job(Box<Job>),
    /// One piece of a file to be fetched.
    Segment(Box<Segment>),
    /// The body of an article; has a payload.
    Body(Box<Body>),
    /// A whole article; has a payload.
    Article(Box<Article>),
    /// A decoded piece; has a payload.
    Part(Box<Part>),
    /// A segment that no server has.
    Missing(Box<Missing>),
    /// A segment that went no further.
    Failed(Box<Failed>),
    /// A file is complete, or what is wrong with it.
    File(Box<FileReport>),
    /// Telemetry.
    Progress(Box<Progress>),
    /// The last record of a stream.
    End(Box<End>),
    /// A type that this version does not know.
    Unknown(Unknown),
}

impl Header {
    /// The `type` of the record.
    pub fn kind(&self) -> &str {
        match self {
            Header::Stream(_) => "stream",
            Header::Job(_) => "job",
            Header::Segment(_) => "segment",
            Header::Body(_) => "body",
            Header::Article(_) => "article",
            Header::Part(_) => "part",
            Header::Missing(_) => "missing",
            Header::Failed(_) => "failed",
            Header::File(_) => "file",
            Header::Progress(_) => "progress",
            Header::End(_) => "end",
            Header::Unknown(unknown) => &unknown.kind,
        }
    }

    /// The segment that the record is about, if it is about one.
    pub fn segment(&self) -> Option<&Segment> {
        match self {
            Header::Segment(segment) => Some(segment),
            Header::Body(body) => Some(&body.segment),
            Header::Article(article) => Some(&article.segment),
            Header::Part(part) => Some(&part.segment),
            Header::Missing(missing) => Some(&missing.segment),
            Header::Failed(failed) => Some(&failed.segment),
            _ => None,
        }
    }

    /// The segment alone: what was said about it is dropped, so that it can be
    /// asked for again.
    pub fn into_segment(self) -> Option<Segment> {
        match self {
            Header::Segment(segment) => Some(*segment),
            Header::Body(body) => Some(body.segment),
            Header::Article(article) => Some(article.segment),
            Header::Part(part) => Some(part.segment),
            Header::Missing(missing) => Some(missing.segment),
            Header::Failed(failed) => Some(failed.segment),
            _ => None,
        }
    }

    /// Whether a record of this type is nothing without a payload.
    pub(crate) fn needs_payload(&self) -> bool {
        matches!(self, Header::Body(_) | Header::Article(_) | Header::Part(_))
    }

    /// Whether a record of this type is nothing without a message-id. A `part`
    /// may come from `printf`, an `article` may be still to be posted, and a `failed` may be about an illegal id.
    pub(crate) fn needs_id(&self) -> bool {
        matches!(
            self,
            Header::Segment(_) | Header::Body(_) | Header::Missing(_)
        )
    }
}

macro_rules! from {
    ($($variant:ident($name:ident),)*) => {$(
        impl From<$name> for Header {
            fn from(value: $name) -> Header {
                Header::$variant(value.into())
            }
        }
    )*};
}

from! {
    Stream(Stream), Job(Job), Segment(Segment), Body(Body), Article(Article), Part(Part), Missing(Missing),
    Failed(Failed), File(FileReport), Progress(Progress), End(End), Unknown(Unknown),
}

/// The keys that frame a record, found wherever they stand.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, deserialize_with = "present")]
    len: Option<u64>,
}

/// A `len` that is there must be a number: `null` is not the same as none.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(input).map(Some)
}

/// Reads a header line. Returns `len` beside it.
///
/// The line is read twice, first for the frame alone. One pass would need serde
/// to buffer every key until `type` turns up.
pub(crate) fn parse(line: &[u8]) -> Result<(Header, Option<u64>), serde_json::Error> {
    let frame: Frame<'_> = serde_json::from_slice(line)?;
    let header = match frame.kind.as_ref() {
        "stream" => Header::Stream(serde_json::from_slice(line)?),
        "job" => Header::Job(serde_json::from_slice(line)?),
        "segment" => Header::Segment(serde_json::from_slice(line)?),
        "body" => Header::Body(serde_json::from_slice(line)?),
        "article" => Header::Article(serde_json::from_slice(line)?),
        "part" => Header::Part(located(serde_json::from_slice(line)?)?),
        "missing" => Header::Missing(serde_json::from_slice(line)?),
        "failed" => Header::Failed(serde_json::from_slice(line)?),
        "file" => Header::File(serde_json::from_slice(line)?),
        "progress" => Header::Progress(serde_json::from_slice(line)?),
        "end" => Header::End(serde_json::from_slice(line)?),
        _ => {
            let map = keys::rest(&mut serde_json::Deserializer::from_slice(line))?;
            Header::Unknown(Unknown {
                kind: frame.kind.into_owned(),
                map,
            })
        }
    };
    Ok((header, frame.len))
}

/// A piece has to say where it belongs, unless its encoding cannot.
fn located(part: Box<Part>) -> Result<Box<Part>, serde_json::Error> {
    use serde::de::Error;
    match (part.offset, &part.encoding) {
        (None, None | Some(Encoding::Other(_))) => Err(serde_json::Error::missing_field("offset")),
        _ => Ok(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, Crc, FileStatus, Status, encode_header};
    use serde_json::{Value, json};

    fn read(value: &Value) -> (Header, Option<u64>) {
        parse(value.to_string().as_bytes()).unwrap()
    }

    fn error(line: &str) -> String {
        parse(line.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn every_type_keeps_its_unknown_keys() {
        let kinds = [
            "stream", "job", "segment", "body", "part", "missing", "failed", "file", "progress",
            "end", "present", "article", "x",
        ];
        for kind in kinds {
            let given = json!({
                "z": 1, "offset": 3, "crc": "ok", "type": kind, "id": "a@b", "len": 4, "a": [{}],
            });
            let (header, len) = read(&given);
            assert_eq!((header.kind(), len), (kind, Some(4)));
            let mut line = Vec::new();
            encode_header(&header, Some(4), &mut line).unwrap();
            let written: Value = serde_json::from_slice(&line).unwrap();
            for (key, value) in given.as_object().unwrap() {
                assert_eq!(written.get(key), Some(value), "{key} of {kind}");
            }
            let order: Vec<&String> = written.as_object().unwrap().keys().collect();
            let place = |key: &str| order.iter().position(|k| *k == key).unwrap();
            assert!(place("z") < place("a"), "{kind}: {order:?}");
            assert_eq!(parse(&line).unwrap(), (header, Some(4)));
        }
    }

    #[test]
    fn a_part_has_provenance_segment_and_unknown_keys_apart() {
        let (header, _) = read(&json!({
            "type": "part", "offset": 7, "crc": "mismatch", "server": "main", "tries": 2, "ms": 40,
            "job": "j", "number": 3, "of": 9, "x": true,
        }));
        assert_eq!(
            header.segment().map(|s| (s.job.as_str(), s.number, s.of)),
            Some(("j", 3, 9))
        );
        let Header::Part(part) = header else {
            panic!("{header:?}")
        };
        assert_eq!(
            (part.offset, part.crc, part.size),
            (Some(7), Crc::Mismatch, None)
        );
        assert_eq!((part.provenance.tries, part.provenance.ms), (2, 40));
        assert_eq!(part.provenance.server, "main");
        assert_eq!(Value::Object(part.segment.extra), json!({"x": true}));
    }

    #[test]
    fn a_part_in_uuencode_need_not_know_its_place() {
        let given = json!({"type": "part", "crc": "absent", "encoding": "uu", "ends": true});
        let Header::Part(part) = read(&given).0 else {
            panic!()
        };
        assert_eq!((part.offset, part.ends), (None, true));
        assert_eq!(part.encoding, Some(Encoding::Uu));
        let mut line = Vec::new();
        encode_header(&Header::Part(part), Some(0), &mut line).unwrap();
        let start = r#"{"len":0,"type":"part","encoding":"uu","ends":true,"crc":"absent","#;
        assert!(line.starts_with(start.as_bytes()));
    }

    #[test]
    fn a_failed_record_is_a_segment_again() {
        let mut given = json!({
            "type": "segment", "job": "j", "id": "a@b", "alt": ["c@d"], "bytes": 5, "mine": "kept",
        });
        let (segment, _) = read(&given);
        given["type"] = json!("failed");
        given["class"] = json!("transport");
        given["tried"] = json!([{"server": "main", "type": "kept too"}]);
        let (failed, _) = read(&given);
        let Header::Failed(inner) = &failed else {
            panic!("{failed:?}")
        };
        assert_eq!(inner.class, Class::Transport);
        assert_eq!(inner.tried[0].extra["type"], "kept too");
        assert_eq!(failed.into_segment(), segment.into_segment());
    }

    #[test]
    fn what_is_absent_has_its_default() {
        let Header::Segment(segment) = read(&json!({"type": "segment"})).0 else {
            panic!()
        };
        assert_eq!(*segment, Segment::default());
        assert_eq!((segment.number, segment.of, segment.bytes), (1, 0, None));
        let Header::File(file) = read(&json!({"type": "file"})).0 else {
            panic!()
        };
        assert_eq!(file.status, FileStatus::Incomplete);
        let Header::End(end) = read(&json!({"type": "end"})).0 else {
            panic!()
        };
        assert_eq!((end.status, end.code), (Status::Ok, 0));
    }

    #[test]
    fn unknown_words_are_kept_where_the_list_may_grow() {
        let Header::Failed(failed) = read(&json!({"type": "failed", "class": "new"})).0 else {
            panic!()
        };
        assert_eq!(failed.class, Class::Other("new".into()));
        assert_eq!(failed.class.to_string(), "new");
        assert!(error(r#"{"type":"part","offset":0,"crc":"new"}"#).starts_with("unknown variant"));
    }

    #[test]
    fn headers_that_are_not_valid() {
        let table = [
            ("{}", "missing field `type`"),
            (r#"{"type":null}"#, "invalid type: null"),
            (r#"{"type":"x","len":null}"#, "invalid type: null"),
            (r#"{"type":"x","len":-1}"#, "invalid value: integer `-1`"),
            (r#"{"type":"x","len":1.5}"#, "invalid type: floating point"),
            (r#"{"type":"x","len":"1"}"#, "invalid type: string"),
            (
                r#"{"type":"x","len":99999999999999999999}"#,
                "invalid type: floating point",
            ),
            (r#"{"type":"x","len":1,"len":2}"#, "duplicate field `len`"),
            (r#"{"type":"x","type":"y"}"#, "duplicate field `type`"),
            (
                r#"{"type":"segment","id":"a","id":"b"}"#,
                "duplicate field `id`",
            ),
            (r#"{"type":"segment","number":"1"}"#, "invalid type: string"),
            (r#"{"type":"part","crc":"ok"}"#, "missing field `offset`"),
            (r#"{"type":"part","offset":0}"#, "missing field `crc`"),
            (
                r#"{"type":"part","crc":"absent","encoding":"new"}"#,
                "missing field `offset`",
            ),
            (
                r#"{"type":"part","offset":-1,"crc":"ok"}"#,
                "invalid value: integer `-1`",
            ),
            (r#"{"type":"x","a":NaN}"#, "expected value"),
            (
                r#"{"type":"x","a":"\ud800"}"#,
                "unexpected end of hex escape",
            ),
            (r#"{"type":"x"} {}"#, "trailing characters"),
            ("{\"type\":\"a\tb\"}", "control character"),
        ];
        for (line, expected) in table {
            let message = error(line);
            assert!(message.starts_with(expected), "{line}: {message}");
        }
        let deep = format!(
            r#"{{"type":"x","a":{}{}}}"#,
            "[".repeat(9000),
            "]".repeat(9000)
        );
        assert!(error(&deep).starts_with("recursion limit"));
        assert!(parse(b"{\"type\":\"x\",\"a\":\"\xff\"}").is_err());
    }
}
