//! What the decoder refuses, and which record it names.

use nzbpipe_record::{Error, Limits, Pool, Position, Reader};

const SMALL: Limits = Limits {
    header: 40,
    payload: 10,
};

fn first_error(limits: Limits, stream: &[u8]) -> Error {
    let mut reader = Reader::new(stream, limits, Pool::new(0));
    loop {
        match reader.next() {
            Ok(record) => assert!(record.is_some(), "no error in {}", stream.escape_ascii()),
            Err(error) => return error,
        }
    }
}

#[test]
fn breaches_of_the_framing() {
    let table: [(&[u8], &str); 14] = [
        (b"\n", "record 1 at byte 0: blank line"),
        (b"{\"type\":\"a\"}\n\r\n", "record 2 at byte 13: blank line"),
        (
            b"\x1f\x8b",
            "record 1 at byte 0: this is not a record stream",
        ),
        (
            b"\xef\xbb\xbf{",
            "record 1 at byte 0: this is not a record stream",
        ),
        (
            b" {\"type\":\"a\"}\n",
            "record 1 at byte 0: this is not a record stream",
        ),
        (
            b"{\n\"type\":\"a\"}\n",
            "record 1 at byte 0: header is not one line",
        ),
        (b"{\"type\":1}\n", "record 1 at byte 0: header is not valid"),
        (
            b"{\"type\":\"body\",\"id\":\"a\"}\n",
            "record 1 at byte 0: type needs a payload",
        ),
        (
            b"{\"type\":\"segment\"}\n",
            "record 1 at byte 0: \"id\" is absent or empty",
        ),
        (
            b"{\"type\":\"missing\"}\n",
            "record 1 at byte 0: \"id\" is absent or empty",
        ),
        (
            b"{\"type\":\"stream\"}\n",
            "record 1 at byte 0: stream has version 0, this program",
        ),
        (
            b"{\"len\":1,\"type\":\"a\"}\r\nx\n",
            "record 1 at byte 0: header with a payload ends",
        ),
        (
            b"{\"len\":1,\"type\":\"a\"}\nxy\n",
            "record 1 at byte 0: payload is not followed",
        ),
        (
            b"{\"len\":2,\"type\":\"a\"}\nx",
            "stream ends inside record 1 at byte 0",
        ),
    ];
    for (stream, expected) in table {
        let message = first_error(Limits::default(), stream).to_string();
        assert!(
            message.starts_with(expected),
            "{}: {message}",
            stream.escape_ascii()
        );
    }
}

#[test]
fn errors_answer_questions() {
    let version = first_error(SMALL, b"{\"type\":\"stream\",\"v\":2}\n");
    assert!(matches!(version, Error::Version { version: 2, .. }));
    assert!(version.is_malformed() && !version.is_truncated() && !version.is_io());
    let truncated = first_error(SMALL, b"{\"type\":\"a\"}");
    assert!(truncated.is_truncated() && !truncated.is_malformed() && !truncated.is_io());
}

#[test]
fn headers_up_to_the_limit() {
    let line = |n: usize| format!("{{\"type\":\"{}\"}}\n", "a".repeat(n - 11)).into_bytes();
    let fits = line(40);
    assert!(
        Reader::new(&fits[..], SMALL, Pool::new(0))
            .next()
            .unwrap()
            .is_some()
    );
    let long = first_error(SMALL, &[line(40), line(41)].concat());
    assert!(
        matches!(long, Error::HeaderTooLong { limit: 40, .. }),
        "{long}"
    );
    assert_eq!(
        long.position(),
        Position {
            ordinal: 2,
            offset: 41
        }
    );

    let limits = Limits {
        header: 300_000,
        ..SMALL
    };
    let stream = [line(20), line(300_000), line(20)].concat();
    let mut reader = Reader::new(&stream[..], limits, Pool::new(0));
    assert!((0..3).all(|_| reader.next().unwrap().is_some()));
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn payloads_up_to_the_limit() {
    let stream = b"{\"len\":10,\"type\":\"a\"}\n0123456789\n{\"type\":\"b\",\"len\":11}\n";
    let error = first_error(SMALL, stream);
    assert!(matches!(
        error,
        Error::PayloadTooLong {
            len: 11,
            limit: 10,
            ..
        }
    ));
    assert_eq!(
        error.position(),
        Position {
            ordinal: 2,
            offset: 33
        }
    );
    let huge = format!("{{\"len\":{},\"type\":\"a\"}}\n", u64::MAX);
    let error = first_error(Limits::default(), huge.as_bytes());
    assert!(matches!(error, Error::PayloadTooLong { len: u64::MAX, .. }));
}

#[test]
fn cr_lf_ends_a_header_without_payload() {
    let stream = b"{\"type\":\"a\"}\r\n{\"len\":2,\"type\":\"b\"}\n\r\n\n";
    let mut reader = Reader::new(&stream[..], SMALL, Pool::new(0));
    assert_eq!(reader.next().unwrap().unwrap().payload, None);
    assert_eq!(reader.next().unwrap().unwrap().payload.unwrap(), "\r\n");
    assert_eq!(reader.next().unwrap(), None);
}
