//! The thread that reads the stage's input and turns segments into requests.

use nzbpipe_nntp::{MessageId, Nth, Request};
use nzbpipe_record::{Class, Header, Record, Segment};
use tokio::sync::mpsc;

use super::avoid::Table;
use crate::feedback::{Again, Feedback};
use crate::{Code, Error, Inlet, split};

/// How the input ended.
pub(super) struct Fed {
    /// What upstream handed down.
    pub inherited: Code,
    /// Whether the stream was whole.
    pub result: Result<(), Error>,
}

/// Where the thread gives away what it reads.
pub(super) struct Ways {
    /// What is to be fetched.
    pub requests: mpsc::Sender<Request<Box<Segment>>>,
    /// Everything else.
    pub aside: mpsc::Sender<Record>,
    /// The servers there are.
    pub table: Table,
}

/// Reads `inlet` to its end. Segments become requests, everything else goes aside to the
/// output. The writing stage, in the same process, is told how many there were.
pub(super) fn run(mut inlet: Inlet, ways: &Ways, feedback: Option<&Feedback>) -> Fed {
    let mut sent = 0;
    let result = feed(&mut inlet, ways, &mut sent);
    if let Some(feedback) = feedback {
        feedback.all_sent(sent);
    }
    Fed {
        inherited: inlet.inherited(),
        result,
    }
}

fn feed(inlet: &mut Inlet, ways: &Ways, sent: &mut u64) -> Result<(), Error> {
    while let Some(record) = inlet.next()? {
        let is_segment = record.header.segment().is_some();
        let given = match order(record, &ways.table) {
            Order::Fetch(request) => ways.requests.blocking_send(request).is_ok(),
            Order::Pass(record) => ways.aside.blocking_send(record).is_ok(),
        };
        // Who no longer takes them has said why already.
        if !given {
            break;
        }
        *sent += u64::from(is_segment);
    }
    Ok(())
}

/// Asks for what the writing stage rejects, until all segments have met their fate.
pub(super) fn again(
    feedback: &Feedback,
    table: &Table,
    requests: &mpsc::Sender<Request<Box<Segment>>>,
) {
    while let Some(again) = feedback.next(|| requests.is_closed()) {
        if let Order::Fetch(request) = anew(again, table)
            && requests.blocking_send(request).is_err()
        {
            break;
        }
    }
}

/// A segment that is to be asked for once more, but not of the same servers.
fn anew(again: Again, table: &Table) -> Order {
    match order(Header::Segment(again.segment).into(), table) {
        Order::Fetch(request) => Order::Fetch(Request {
            avoid: again
                .avoid
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            ..request
        }),
        pass @ Order::Pass(_) => pass,
    }
}

/// What becomes of a record of the input.
enum Order {
    /// It is asked for.
    Fetch(Request<Box<Segment>>),
    /// It goes to the output as it is.
    Pass(Record),
}

/// A segment, or a failure fed back, is asked for; any other record is not.
fn order(record: Record, table: &Table) -> Order {
    let mut avoid = Vec::new();
    let segment = match record.header {
        Header::Segment(segment) => segment,
        Header::Missing(missing) => Box::new(missing.segment),
        // Except what can never be asked for: its id is shown escaped, and so
        // may look like a legal one.
        Header::Failed(failed) if failed.class != Class::BadInput => {
            avoid = table.avoided(&failed);
            Box::new(failed.segment)
        }
        header => {
            return Order::Pass(Record {
                header,
                payload: record.payload,
            });
        }
    };
    // Records may be made by hand: what `nzb-split` checked is checked again.
    let Ok(id) = MessageId::new(&segment.id) else {
        return Order::Pass(split::bad_id(*segment).into());
    };
    let alternates = segment.alt.iter().filter_map(|id| MessageId::new(id).ok());
    Order::Fetch(Request {
        nth: Nth {
            number: segment.number,
            of: segment.of,
        },
        id,
        alternates: alternates.collect(),
        avoid,
        bytes: segment.bytes,
        date: segment.date,
        ticket: segment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: &str) -> Box<Segment> {
        Box::new(Segment {
            id: id.to_owned(),
            ..Segment::default()
        })
    }

    // A message-id with a line end would be a second command.
    #[test]
    fn an_illegal_id_is_never_asked_for() {
        for id in ["a@b\r\nQUIT", "a b@c", "", "a>b@c"] {
            let order = order(Header::Segment(segment(id)).into(), &Table::of(&[]));
            let Order::Pass(Record {
                header: Header::Failed(failed),
                ..
            }) = order
            else {
                panic!("{id:?} was asked for");
            };
            assert_eq!(failed.reason, "bad-message-id");
        }
    }

    #[test]
    fn failures_fed_back_are_segments_again() {
        let failed = nzbpipe_record::Failed {
            segment: *segment("a@b"),
            ..Default::default()
        };
        assert!(matches!(
            order(Header::Failed(Box::new(failed)).into(), &Table::of(&[])),
            Order::Fetch(_)
        ));
    }

    // nzb-split shows `a@b CR LF DATE` as `a@b\r\nDATE`: a legal id of another article.
    #[test]
    fn bad_input_stays_failed() {
        let failed = nzbpipe_record::Failed {
            segment: *segment(r"a@b\r\nDATE"),
            class: Class::BadInput,
            ..Default::default()
        };
        assert!(matches!(
            order(Header::Failed(Box::new(failed)).into(), &Table::of(&[])),
            Order::Pass(_)
        ));
    }
}
