//! The stage `yenc-decode`: `body` and `article` records in, `part` records out.

mod crew;

use std::num::NonZeroUsize;

use nzbpipe_nntp::Nth;
use nzbpipe_record::{
    Article, Body, Bytes, Class, Header, MAX_PAYLOAD, Pool, Provenance, Record, Segment,
};
use nzbpipe_yenc::{Decoder, Kernel, Options, Report, State};

use crate::stage::{Ending, filter};
use crate::{Error, Inlet, Outlet, Tally, article as whole, part, raw};

/// The stage's name.
pub const NAME: &str = "yenc-decode";

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// What decodes yEnc.
    pub kernel: Kernel,
    /// Whether articles in no known encoding become parts as they are.
    pub raw: bool,
    /// The most threads that decode. More than one are used only while the input
    /// outruns them.
    pub threads: NonZeroUsize,
}

/// Bytes that an article which outgrows its lines gets at least.
const ROOM: usize = 64 << 10;

/// Decodes every `body` and `article` of `inlet`; all other records pass untouched. The
/// order stays.
pub fn run(config: Config, mut inlet: Inlet, mut outlet: Outlet, pool: &Pool) -> Ending {
    filter(NAME, &mut inlet, &mut outlet, |inlet, outlet, tally| {
        if config.threads.get() > 1 {
            return crew::run(config, pool, inlet, (outlet, tally));
        }
        while let Some(record) = inlet.next()? {
            give(decoded(due(record)?, config, pool), outlet, tally)?;
        }
        Ok(())
    })
}

/// Counts a record and sends it.
fn give(record: Record, outlet: &mut Outlet, tally: &mut Tally) -> Result<(), Error> {
    count(&record, tally);
    let telemetry = matches!(record.header, Header::Progress(_));
    outlet.send(record)?;
    // The next body may be long in coming; who shows progress must not wait for it.
    if telemetry {
        outlet.flush()?;
    }
    Ok(())
}

/// Decodes one article: the lines of its body, and its header if there is one,
/// as a file or a server gives them (`options` tells which). Returns the bytes
/// and what is known of them.
pub fn article(lines: &[u8], options: Options, pool: &Pool) -> (Bytes, Report) {
    either(lines, options, false, pool)
}

/// The same; with `raw` an article in no known encoding comes as it is.
pub(crate) fn either(lines: &[u8], options: Options, raw: bool, pool: &Pool) -> (Bytes, Report) {
    let mut decoder = Decoder::new(options);
    let mut buffer = pool.take(lines.len());
    let mut rest = lines;
    loop {
        let progress = decoder.decode(rest, buffer.spare());
        buffer.advance(progress.written);
        rest = &rest[progress.consumed..];
        if progress.state != State::Full || buffer.len() >= MAX_PAYLOAD {
            break;
        }
        // UUencode whose trailing blanks were cut off grows.
        buffer.reserve((2 * buffer.len()).clamp(ROOM, MAX_PAYLOAD));
    }
    buffer.truncate(MAX_PAYLOAD);
    let report = match raw {
        true => raw::pass(lines, options.stuffed, &mut buffer, decoder.finish()),
        false => decoder.finish(),
    };
    (buffer.into(), report)
}

/// Refuses what cannot be at this place of a pipe.
fn due(record: Record) -> Result<Record, Error> {
    match (&record.header, &record.payload) {
        (Header::Article(article), None) => Err(no_payload("article", &article.segment)),
        (Header::Body(body), None) => Err(no_payload("body", &body.segment)),
        (Header::Segment(segment), _) => Err(never_fetched(segment)),
        _ => Ok(record),
    }
}

/// What a record that is [`due`] becomes.
fn decoded(record: Record, config: Config, pool: &Pool) -> Record {
    let decoded = |lines: &[u8], stuffed| {
        let options = Options {
            stuffed,
            kernel: config.kernel,
            ..Options::default()
        };
        either(lines, options, config.raw, pool)
    };
    match (record.header, record.payload) {
        (Header::Body(body), Some(lines)) => {
            let Body {
                segment,
                provenance,
                stuffed,
                ..
            } = *body;
            told(segment, provenance, decoded(&lines, stuffed))
        }
        (Header::Article(article), Some(lines)) => {
            let Article {
                segment,
                provenance,
                stuffed,
                ..
            } = *article;
            // As the fetch checks it: no field of the header begins a block.
            let decoded = decoded(whole::body(&lines), stuffed);
            told(segment, provenance, decoded)
        }
        (header, payload) => Record { header, payload },
    }
}

fn told(segment: Segment, provenance: Provenance, (bytes, report): (Bytes, Report)) -> Record {
    let nth = Nth {
        number: segment.number,
        of: segment.of,
    };
    part::record(segment, provenance, &part::placed(report, nth), bytes)
}

/// A `segment` that came past the fetching stage.
pub(crate) fn never_fetched(segment: &Segment) -> Error {
    Error::Order(format!(
        "segment <{}> was never fetched: put nntp-fetch before this stage",
        segment.id.escape_debug()
    ))
}

/// A body that came past the decoding stage.
pub(crate) fn still_encoded(segment: &Segment) -> Error {
    Error::Order(format!(
        "the body of <{}> is still encoded: put yenc-decode before this stage",
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
