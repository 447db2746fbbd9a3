//! Looking into a stream: its headers without payloads, or only its failures.

use nzbpipe_record::{
    Body, Bytes, Class, Crc, Failed, Header, Part, Provenance, Record, Segment, Tried,
};

use super::NAME;
use super::part::differs;
use crate::stage::{Ending, filter};
use crate::{Error, Inlet, Outlet, Tally};

/// Writes all headers of `inlet` as they came, without payloads. Where it is cut off,
/// so is what is written.
pub fn headers(mut inlet: Inlet, mut outlet: Outlet) -> Ending {
    let mut ending = Ending::default();
    let copied = copy(&mut inlet, &mut outlet, &mut ending.tally);
    let result = copied.and(outlet.flush());
    ending.code = ending.tally.code().or(inlet.inherited());
    if let Err(error) = result {
        ending.fail(NAME, error);
    }
    ending
}

fn copy(inlet: &mut Inlet, outlet: &mut Outlet, tally: &mut Tally) -> Result<(), Error> {
    loop {
        let record = match inlet.next_of_any_kind() {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(()),
            // What was read before is told.
            Err(error) => return outlet.flush().and(Err(error)),
        };
        count(&record, tally);
        let Record { header, payload } = record;
        let slow = payload.is_some() || matches!(header, Header::Progress(_));
        outlet.send(header.into())?;
        // The next payload may be long in coming, and somebody looks on.
        if slow {
            outlet.flush()?;
        }
    }
}

/// Counts the fate of the segment that a record is about.
pub(super) fn count(record: &Record, tally: &mut Tally) {
    let len = record.payload.as_ref().map_or(0, Bytes::len);
    match &record.header {
        Header::Part(part) => tally.arrived(part.crc, len),
        Header::Missing(_) => tally.failure(&Class::Missing),
        Header::Failed(failed) => tally.failed_by(failed),
        Header::Segment(_) | Header::Body(_) | Header::Article(_) => match damage(&record.header) {
            Some(_) => tally.arrived(Crc::Mismatch, len),
            None => tally.arrived(Crc::Ok, len),
        },
        _ => {}
    }
}

/// Why the fetch calls an article damaged, if it does.
fn damage(header: &Header) -> Option<&str> {
    match header {
        Header::Body(body) => body.damage.as_deref(),
        Header::Article(article) => article.damage.as_deref(),
        _ => None,
    }
}

/// Writes a stream of the segments that failed, for nntp-fetch to read. What came
/// damaged is among them.
pub fn failed(mut inlet: Inlet, mut outlet: Outlet) -> Ending {
    filter(NAME, &mut inlet, &mut outlet, |inlet, outlet, tally| {
        while let Some(record) = inlet.next()? {
            match failure(&record) {
                Some(header) => {
                    let failed = Record::from(header);
                    count(&failed, tally);
                    outlet.send(failed)?;
                }
                None => count(&record, tally),
            }
        }
        Ok(())
    })
}

/// The record of the failure that a record tells of.
fn failure(record: &Record) -> Option<Header> {
    let broken = |segment: &Segment, provenance: &Provenance, reason: &str| {
        Some(damaged(segment.clone(), provenance, reason))
    };
    match &record.header {
        header @ (Header::Missing(_) | Header::Failed(_)) => Some(header.clone()),
        Header::Part(part) => {
            let reason = flaw(part, record.payload.as_ref())?;
            broken(&part.segment, &part.provenance, reason)
        }
        Header::Body(body) => {
            let Body {
                segment,
                provenance,
                damage,
                ..
            } = body.as_ref();
            broken(segment, provenance, damage.as_deref()?)
        }
        Header::Article(article) => {
            let reason = article.damage.as_deref()?;
            broken(&article.segment, &article.provenance, reason)
        }
        _ => None,
    }
}

/// What is wrong with the bytes of a part, in the words of a `failed` record.
fn flaw(part: &Part, bytes: Option<&Bytes>) -> Option<&'static str> {
    match part.crc {
        Crc::Truncated => Some("truncated"),
        Crc::Mismatch if part.encoding.is_some() => Some("damaged"),
        Crc::Mismatch => Some("crc"),
        _ => bytes
            .is_some_and(|bytes| differs(part, crc32fast::hash(bytes)))
            .then_some("crc"),
    }
}

fn damaged(segment: Segment, provenance: &Provenance, reason: &str) -> Header {
    let tried = Tried {
        server: provenance.server.clone(),
        class: Class::Damaged,
        tries: provenance.tries,
        ..Tried::default()
    };
    Header::Failed(Box::new(Failed {
        segment,
        stage: NAME.to_owned(),
        class: Class::Damaged,
        reason: reason.to_owned(),
        tried: vec![tried],
        ..Failed::default()
    }))
}
