//! Where the bytes of a body go while they arrive.
//!
//! Both sinks run the same decoder over the same bytes, so both find the same
//! articles damaged; one keeps the lines, the other what they decode to. A sink
//! holds a share of the byte budget, which rides on with the bytes it gives.

use nzbpipe_nntp::multiline::Framer;
use nzbpipe_nntp::{BodySink, Fed, FedState, Nth, Sinks, Verdict};
use nzbpipe_record::{
    Article, Body, Buffer, Bytes, Crc, Header, MAX_PAYLOAD, Pool, Provenance, Record, Segment,
};
use nzbpipe_yenc::{Decoder, Encoding, Kernel, Options, Report, State};

use super::Deliver;
use crate::article::{self, Head};
use crate::budget::{Budget, Share};
use crate::{part, raw};

/// What is taken for a segment whose size the NZB does not tell: the usual
/// article and some more.
const USUAL: u64 = 800 << 10;

/// Bounds of a first share: the NZB's word for a size is not to be trusted.
const SMALLEST: u64 = 16 << 10;
const LARGEST: u64 = MAX_PAYLOAD as u64;

/// Decoded bytes are thrown away in pieces of this size when only the verdict
/// is wanted: they stay in the first-level cache.
const SCRATCH: usize = 16 << 10;

/// Bytes and the share of the budget they use.
struct Held {
    buffer: Buffer,
    share: Share,
}

impl Held {
    async fn begin(budget: &Budget, pool: &Pool, expected: Option<u64>) -> Held {
        let bytes = expected.unwrap_or(USUAL).clamp(SMALLEST, LARGEST);
        // Sizes in NZBs leave out what the header lines add.
        let bytes = usize::try_from((bytes + bytes / 64).min(LARGEST)).unwrap_or(MAX_PAYLOAD);
        let share = budget.take(bytes).await;
        let buffer = pool.take(share.bytes());
        Held { buffer, share }
    }

    /// How many more bytes the share is good for.
    fn room(&self) -> usize {
        self.share.bytes().saturating_sub(self.buffer.len())
    }

    async fn grow(&mut self) {
        let more = (self.share.bytes() * 2).min(MAX_PAYLOAD);
        self.share.grow(more).await;
    }

    /// The state in which a sink that took what it could wants to be left.
    fn refused(&self) -> FedState {
        if self.share.bytes() >= MAX_PAYLOAD {
            FedState::TooLarge
        } else {
            FedState::Full
        }
    }

    fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_ref()
    }
}

/// The lines without the one that ends the block.
fn block(lines: &[u8]) -> &[u8] {
    let ends: [&[u8]; 2] = [b".\r\n", b".\n"];
    let block = ends.into_iter().find_map(|end| lines.strip_suffix(end));
    block.unwrap_or(lines)
}

fn verdict(damage: Option<String>) -> Verdict {
    damage.map_or(Verdict::Good, Verdict::Damaged)
}

/// Bodies, or whole articles, as they came.
pub(super) struct Raw {
    budget: Budget,
    pool: Pool,
    verify: Option<Kernel>,
    whole: bool,
}

impl Raw {
    /// `verify` runs the decoder's checks, with that kernel; `whole` says that
    /// header lines come first.
    pub(super) fn new(budget: Budget, pool: Pool, verify: Option<Kernel>, whole: bool) -> Raw {
        Raw {
            budget,
            pool,
            verify,
            whole,
        }
    }
}

impl Sinks for Raw {
    type Ticket = Box<Segment>;
    type Sink = RawSink;

    async fn begin(&self, nth: Nth, bytes: Option<u64>) -> RawSink {
        RawSink {
            held: Held::begin(&self.budget, &self.pool, bytes).await,
            framer: Framer::new(),
            check: self.verify.map(|kernel| Check {
                decoder: Decoder::new(Options {
                    stuffed: true,
                    kernel,
                    ..Options::default()
                }),
                scratch: self.pool.take(SCRATCH),
                head: self.whole.then(Head::default),
            }),
            nth,
        }
    }

    fn better(&self, new: &RawBody, held: &RawBody) -> bool {
        part::worth(new.crc) > part::worth(held.crc)
    }
}

/// The lines of one body, or article.
pub(super) struct RawSink {
    held: Held,
    framer: Framer,
    check: Option<Check>,
    nth: Nth,
}

/// A body as it came, and the decoder's verdict if it was asked for.
pub(super) struct RawBody {
    lines: Bytes,
    crc: Option<Crc>,
}

impl BodySink for RawSink {
    type Body = RawBody;

    fn feed(&mut self, bytes: &[u8]) -> Fed {
        let offered = &bytes[..bytes.len().min(self.held.room())];
        let (consumed, ended) = match &mut self.check {
            // The decoder finds the end by itself: no other pass over the bytes.
            Some(check) if check.head.is_none() => check.run(offered),
            Some(check) => {
                let (consumed, ended) = self.framer.feed(offered);
                check.run(&offered[..consumed]);
                (consumed, ended)
            }
            None => self.framer.feed(offered),
        };
        self.held.buffer.extend_from_slice(&offered[..consumed]);
        let state = if ended {
            let lines = block(&self.held.buffer).len();
            self.held.buffer.truncate(lines);
            FedState::Ended
        } else if consumed < bytes.len() {
            self.held.refused()
        } else {
            FedState::More
        };
        Fed { consumed, state }
    }

    async fn grow(&mut self) {
        self.held.grow().await;
        self.held.buffer.reserve(self.held.share.bytes());
    }

    fn finish(self) -> (Verdict, RawBody) {
        let report = self
            .check
            .map(|mut check| part::placed(check.decoder.finish(), self.nth));
        let damage = report
            .as_ref()
            .and_then(|report| part::damage(report, self.nth));
        let body = RawBody {
            lines: self.held.freeze(),
            crc: report.as_ref().and_then(part::crc),
        };
        (verdict(damage), body)
    }
}

/// The decoder, run for its verdict only.
struct Check {
    decoder: Decoder,
    scratch: Buffer,
    /// Header lines, which are not the decoder's.
    head: Option<Head>,
}

impl Check {
    /// How many of the bytes belong to the body, and whether it ends with them.
    fn run(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = self.head.as_mut().map_or(0, |head| head.skip(bytes));
        while at < bytes.len() {
            self.scratch.clear();
            let progress = self.decoder.decode(&bytes[at..], self.scratch.spare());
            at += progress.consumed;
            if progress.state == State::Ended {
                return (at, true);
            }
        }
        (at, false)
    }
}

impl Deliver for Raw {
    fn record(
        &self,
        segment: Segment,
        provenance: Provenance,
        body: RawBody,
        damage: Option<String>,
    ) -> Record {
        let header = if self.whole {
            let article = Article {
                stuffed: true,
                crc: body.crc,
                damage,
                provenance,
                segment,
                ..Article::default()
            };
            article::describe(article, &body.lines)
        } else {
            Header::Body(Box::new(Body {
                segment,
                provenance,
                stuffed: true,
                crc: body.crc,
                damage,
            }))
        };
        Record {
            header,
            payload: Some(body.lines),
        }
    }
}

/// Bodies decoded as they arrive.
pub(super) struct Decoding {
    budget: Budget,
    pool: Pool,
    kernel: Kernel,
    raw: bool,
}

impl Decoding {
    /// `raw` passes articles in no known encoding on as they are.
    pub(super) fn new(budget: Budget, pool: Pool, kernel: Kernel, raw: bool) -> Decoding {
        Decoding {
            budget,
            pool,
            kernel,
            raw,
        }
    }
}

impl Sinks for Decoding {
    type Ticket = Box<Segment>;
    type Sink = DecodingSink;

    async fn begin(&self, nth: Nth, bytes: Option<u64>) -> DecodingSink {
        DecodingSink {
            held: Held::begin(&self.budget, &self.pool, bytes).await,
            decoder: Decoder::new(Options {
                stuffed: true,
                kernel: self.kernel,
                ..Options::default()
            }),
            nth,
            arrived: 0,
            lines: self.raw.then(|| self.pool.take(0)),
        }
    }

    fn better(&self, (_, new): &(Bytes, Report), (_, held): &(Bytes, Report)) -> bool {
        let encoded = |report: &Report| {
            let known = report.encoding != Encoding::None;
            part::crc(report).filter(|_| known)
        };
        part::worth(encoded(new)) > part::worth(encoded(held))
    }
}

/// The decoded bytes of one body.
pub(super) struct DecodingSink {
    held: Held,
    decoder: Decoder,
    nth: Nth,
    /// Bytes of the body so far: it is limited even if it decodes to nothing.
    arrived: usize,
    /// The lines, as long as nothing is found in them, if they are wanted then.
    lines: Option<Buffer>,
}

impl DecodingSink {
    fn keep(&mut self, bytes: &[u8]) {
        let known = self.decoder.begin().is_some() || !self.held.buffer.is_empty();
        match &mut self.lines {
            Some(lines) if !known => lines.extend_from_slice(bytes),
            lines => *lines = None,
        }
    }
}

impl BodySink for DecodingSink {
    type Body = (Bytes, Report);

    fn feed(&mut self, offered: &[u8]) -> Fed {
        let (bytes, room) = match &self.lines {
            // What is kept is bounded like what is decoded.
            Some(lines) => {
                let room = self.held.room().saturating_sub(lines.len());
                (&offered[..offered.len().min(room)], room)
            }
            None => (offered, self.held.room()),
        };
        let spare = self.held.buffer.spare();
        let room = room.min(spare.len());
        let progress = self.decoder.decode(bytes, &mut spare[..room]);
        self.held.buffer.advance(progress.written);
        self.keep(&bytes[..progress.consumed]);
        self.arrived = self.arrived.saturating_add(progress.consumed);
        let state = match progress.state {
            _ if self.arrived > MAX_PAYLOAD => FedState::TooLarge,
            State::Ended => FedState::Ended,
            _ if progress.consumed < offered.len() => self.held.refused(),
            _ => FedState::More,
        };
        Fed {
            consumed: progress.consumed,
            state,
        }
    }

    async fn grow(&mut self) {
        self.held.grow().await;
        self.held.buffer.reserve(self.held.share.bytes());
    }

    fn finish(mut self) -> (Verdict, (Bytes, Report)) {
        let report = part::placed(self.decoder.finish(), self.nth);
        // Another server may have more than a notice in its place.
        let damage = part::damage(&report, self.nth);
        let report = match &self.lines {
            Some(lines) => raw::pass(block(lines), true, &mut self.held.buffer, report),
            None => report,
        };
        (verdict(damage), (self.held.freeze(), report))
    }
}

impl Deliver for Decoding {
    fn record(
        &self,
        segment: Segment,
        provenance: Provenance,
        (bytes, report): (Bytes, Report),
        _damage: Option<String>,
    ) -> Record {
        part::record(segment, provenance, &report, bytes)
    }
}
