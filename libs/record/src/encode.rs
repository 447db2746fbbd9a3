//! A header as its line of JSON. Writing records is for [`Writer`](crate::Writer).

use crate::{Error, Fault, Header, MAX_HEADER, Position, keys};
use serde::Serialize;
use serde_json::{Map, Value};

/// Appends the header without its LF: `{"len":N,"type":"…",…}`, or
/// `{"type":"…",…}` if `len` is `None`.
///
/// On an error `out` is as it was. A header over [`MAX_HEADER`] is one: no
/// reader would take it.
pub fn encode_header(header: &Header, len: Option<usize>, out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    let result = append(header, len, out).and_then(|()| match out.len() - start {
        0..=MAX_HEADER => Ok(()),
        _ => Err(Error::HeaderTooLong {
            at: Position::default(),
            limit: MAX_HEADER,
        }),
    });
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn append(header: &Header, len: Option<usize>, out: &mut Vec<u8>) -> Result<(), Error> {
    let at = Position::default();
    if extra(header)
        .keys()
        .any(|key| keys::RESERVED.contains(&key.as_str()))
    {
        return Err(Error::Framing {
            at,
            fault: Fault::ReservedKey,
        });
    }
    keyed(header, len, out).map_err(|source| Error::Json { at, source })
}

fn keyed(header: &Header, len: Option<usize>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match len {
        Some(len) => out.extend_from_slice(format!("{{\"len\":{len},\"type\":").as_bytes()),
        None => out.extend_from_slice(b"{\"type\":"),
    }
    serde_json::to_writer(&mut *out, header.kind())?;
    match header {
        Header::Stream(value) => object(value, out),
        Header::Job(value) => object(value, out),
        Header::Segment(value) => object(value, out),
        Header::Body(value) => object(value, out),
        Header::Article(value) => object(value, out),
        Header::Part(value) => object(value, out),
        Header::Missing(value) => object(value, out),
        Header::Failed(value) => object(value, out),
        Header::File(value) => object(value, out),
        Header::Progress(value) => object(value, out),
        Header::End(value) => object(value, out),
        Header::Unknown(value) => object(&value.map, out),
    }
}

/// Continues the object that the frame's keys have begun.
fn object(value: &impl Serialize, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let brace = out.len();
    serde_json::to_writer(&mut *out, value)?;
    if out.ends_with(b"{}") && out.len() == brace + 2 {
        out.remove(brace);
    } else {
        out[brace] = b',';
    }
    Ok(())
}

fn extra(header: &Header) -> &Map<String, Value> {
    match header {
        Header::Stream(value) => &value.extra,
        Header::Job(value) => &value.extra,
        Header::Segment(value) => &value.extra,
        Header::Body(value) => &value.segment.extra,
        Header::Article(value) => &value.segment.extra,
        Header::Part(value) => &value.segment.extra,
        Header::Missing(value) => &value.segment.extra,
        Header::Failed(value) => &value.segment.extra,
        Header::File(value) => &value.extra,
        Header::Progress(value) => &value.extra,
        Header::End(value) => &value.extra,
        Header::Unknown(value) => &value.map,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Crc, Failed, Part, Segment, Stream, Unknown};
    use serde_json::json;

    fn line(header: impl Into<Header>, len: Option<usize>) -> String {
        let mut out = Vec::new();
        encode_header(&header.into(), len, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_header_begins_with_its_frame() {
        assert_eq!(
            line(Stream::new("me 1"), None),
            r#"{"type":"stream","v":1,"by":"me 1"}"#
        );
        assert_eq!(line(Unknown::default(), None), r#"{"type":""}"#);
        let unknown = Unknown {
            kind: "a\"b".into(),
            ..Unknown::default()
        };
        assert_eq!(line(unknown, Some(7)), r#"{"len":7,"type":"a\"b"}"#);
        let part = line(
            Part {
                offset: Some(5),
                crc: Crc::Ok,
                ..Part::default()
            },
            Some(0),
        );
        assert!(
            part.starts_with(r#"{"len":0,"type":"part","offset":5,"crc":"ok","#),
            "{part}"
        );
    }

    #[test]
    fn a_segment_has_all_its_keys_but_the_optional_ones() {
        assert_eq!(
            line(Segment::default(), None),
            concat!(
                r#"{"type":"segment","job":"","job_name":"","file":0,"file_id":"","name":"","#,
                r#""name_from":"","number":1,"of":0,"bytes":null,"id":"","alt":[],"poster":"","#,
                r#""groups":[],"subject":""}"#
            )
        );
    }

    #[test]
    fn unknown_keys_come_last_and_in_their_order() {
        let mut segment = Segment {
            id: "a@b".into(),
            ..Segment::default()
        };
        for (key, value) in [("z", json!(1)), ("a", json!({"y": [], "b": null}))] {
            segment.extra.insert(key.into(), value);
        }
        let failed = line(
            Failed {
                segment,
                ..Failed::default()
            },
            None,
        );
        assert!(
            failed.ends_with(r#","subject":"","z":1,"a":{"y":[],"b":null}}"#),
            "{failed}"
        );
    }

    #[test]
    fn a_header_that_no_reader_takes_is_not_written() {
        let mut out = b"before".to_vec();
        let mut segment = Segment {
            subject: "x".repeat(MAX_HEADER),
            ..Segment::default()
        };
        let error = encode_header(&segment.clone().into(), None, &mut out).unwrap_err();
        assert!(matches!(
            error,
            Error::HeaderTooLong {
                limit: MAX_HEADER,
                ..
            }
        ));

        segment.subject.clear();
        segment.extra.insert("len".into(), json!(3));
        let body = Body {
            segment,
            ..Body::default()
        };
        let error = encode_header(&body.into(), None, &mut out).unwrap_err();
        assert!(matches!(
            error,
            Error::Framing {
                fault: Fault::ReservedKey,
                ..
            }
        ));
        assert_eq!(
            error.to_string(),
            "record: \"len\" or \"type\" given as an extra key"
        );
        assert_eq!(out, b"before");
    }

    #[test]
    fn the_limit_is_for_the_line_without_its_lf() {
        let empty = line(Segment::default(), None).len();
        let subject = "x".repeat(MAX_HEADER - empty);
        assert_eq!(
            line(
                Segment {
                    subject,
                    ..Segment::default()
                },
                None
            )
            .len(),
            MAX_HEADER
        );
    }
}
