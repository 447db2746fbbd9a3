//! The stage `yenc-decode`: `body` and `article` records in, `part` records out.

use nzbpipe_record::{Article, Body, Bytes, Class, Header, Pool, Record, Segment};
use nzbpipe_yenc::{Decoder, Kernel, Options, Report};

use crate::stage::{Ending, filter};
use crate::{Error, Inlet, Outlet, Tally, article as whole, part};

/// The stage's name.
pub const NAME: &str = "yenc-decode";

/// Decodes every `body` and `article` of `inlet` with `kernel`; all other records pass
/// untouched.
pub fn run(kernel: Kernel, mut inlet: Inlet, mut outlet: Outlet, pool: &Pool) -> Ending {
    filter(NAME, &mut inlet, &mut outlet, |inlet, outlet, tally| {
        while let Some(record) = inlet.next()? {
            let record = decoded(record, kernel, pool)?;
            count(&record, tally);
            let telemetry = matches!(record.header, Header::Progress(_));
            outlet.send(record)?;
            // The next body may be long in coming; who shows progress must not
            // wait for it.
            if telemetry {
                outlet.flush()?;
            }
        }
        Ok(())
    })
}

/// Decodes one article: the lines of its body, and its header if there is one,
/// as a file or a server gives them (`options` tells which). Returns the bytes
/// and what is known of them.
pub fn article(lines: &[u8], options: Options, pool: &Pool) -> (Bytes, Report) {
    let mut decoder = Decoder::new(options);
    let mut buffer = pool.take(lines.len());
    let progress = decoder.decode(lines, buffer.spare());
    buffer.advance(progress.written);
    (buffer.into(), decoder.finish())
}

fn decoded(record: Record, kernel: Kernel, pool: &Pool) -> Result<Record, Error> {
    match (record.header, record.payload) {
        (Header::Body(body), Some(lines)) => {
            let Body {
                segment,
                provenance,
                stuffed,
                ..
            } = *body;
            let (bytes, report) = article(
                &lines,
                Options {
                    stuffed,
                    kernel,
                    ..Options::default()
                },
                pool,
            );
            Ok(part::record(segment, provenance, &report, bytes))
        }
        (Header::Article(article), Some(lines)) => {
            let Article {
                segment,
                provenance,
                stuffed,
                ..
            } = *article;
            // As the fetch checks it: no field of the header begins a block.
            let lines = whole::body(&lines);
            let (bytes, report) = self::article(
                lines,
                Options {
                    stuffed,
                    kernel,
                    ..Options::default()
                },
                pool,
            );
            Ok(part::record(segment, provenance, &report, bytes))
        }
        (Header::Article(article), None) => Err(no_payload("article", &article.segment)),
        (Header::Body(body), None) => Err(no_payload("body", &body.segment)),
        (Header::Segment(segment), _) => Err(never_fetched(&segment)),
        (header, payload) => Ok(Record { header, payload }),
    }
}

/// A `segment` that came past the fetching stage.
pub(crate) fn never_fetched(segment: &Segment) -> Error {
    Error::Order(format!(
        "segment <{}> was never fetched: put nntp-fetch before this stage",
        segment.id.escape_debug()
    ))
}

/// A record that lacks the bytes it is about.
pub(crate) fn no_payload(kind: &str, segment: &Segment) -> Error {
    Error::Order(format!(
        "a `{kind}` record without its payload (segment {} of \"{}\"): it was cut out by a \
         filter that keeps headers only",
        segment.number,
        segment.name.escape_debug()
    ))
}

fn count(record: &Record, tally: &mut Tally) {
    match &record.header {
        Header::Part(part) => {
            let bytes = record.payload.as_ref().map_or(0, Bytes::len);
            tally.arrived(part.crc, bytes);
        }
        Header::Missing(_) => tally.failure(&Class::Missing),
        Header::Failed(failed) => tally.failed_by(failed),
        _ => {}
    }
}
