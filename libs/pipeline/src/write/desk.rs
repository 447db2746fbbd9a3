//! What the writing stage knows of fates, and what it says of them. Records come in on the
//! stage's thread, events on those that write; all come here one at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nzbpipe_record::{Class, Header, Part, Segment};
use nzbpipe_store::{Event as Fate, FileOutcome, Placed, Reason, Status, Why};

use super::record::{self, Identity, file_of, refused};
use crate::feedback::{Again, Feedback};
use crate::{Error, Event, Outlet, Tally, Watch, tally};

/// What comes back with a piece.
pub(super) type Ticket = Arc<Arrived>;

/// A part that came, without its bytes.
pub(super) struct Arrived {
    pub part: Box<Part>,
    pub bytes: usize,
    is_told: AtomicBool,
    feedback: Option<Feedback>,
}

/// The store drops the pieces of a file that it cannot write, without a word about each:
/// nobody is to wait for their fate.
impl Drop for Arrived {
    fn drop(&mut self) {
        if let Some(feedback) = self.feedback.as_ref().filter(|_| !*self.is_told.get_mut()) {
            feedback.settle();
        }
    }
}

pub(super) struct Desk {
    pub outlet: Outlet,
    pub watch: Box<dyn Watch>,
    pub feedback: Option<Feedback>,
    /// Segments that will not come, by file: they count only if the file stays
    /// incomplete, for an earlier run may have written them.
    lost: HashMap<Identity, HashMap<u64, Class>>,
    /// What was asked for again: why, and whose copies are of no use.
    again: HashMap<(Identity, u64), Rejected>,
    pub files: Vec<FileOutcome>,
    /// Bytes written.
    bytes: u64,
    /// Whether a quota kept a segment from being asked for.
    quota: bool,
    /// What went wrong with the output while nobody could be told.
    failed: Option<Error>,
}

struct Rejected {
    segment: Box<Segment>,
    reason: &'static str,
    servers: Vec<String>,
}

impl Rejected {
    /// One of another file is there, and counts as without proof.
    fn is_there(&self) -> bool {
        self.reason == Reason::Foreign.as_str()
    }
}

impl Desk {
    pub fn new(outlet: Outlet, watch: Box<dyn Watch>, feedback: Option<Feedback>) -> Desk {
        Desk {
            outlet,
            watch,
            feedback,
            lost: HashMap::new(),
            again: HashMap::new(),
            files: Vec::new(),
            bytes: 0,
            quota: false,
            failed: None,
        }
    }

    /// What is to come back with a piece.
    pub fn ticket(&self, part: Box<Part>, bytes: usize) -> Ticket {
        Arc::new(Arrived {
            part,
            bytes,
            is_told: AtomicBool::new(false),
            feedback: self.feedback.clone(),
        })
    }

    /// What went wrong since this was last asked.
    pub fn trouble(&mut self) -> Result<(), Error> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Whether [`trouble`](Desk::trouble) would tell of any.
    pub fn is_in_trouble(&self) -> bool {
        self.failed.is_some()
    }

    /// The store says what became of something.
    pub fn fate(&mut self, fate: Fate<Ticket>) {
        let told = match fate {
            Fate::Placed { ticket, placed } => {
                ticket.is_told.store(true, Ordering::Relaxed);
                // One of another file is in its place too, though nobody believes it.
                let is_there = [Placed::Written, Placed::Rejected(Reason::Foreign)];
                if is_there.contains(&placed) {
                    self.bytes += ticket.bytes as u64;
                }
                self.placed(&ticket.part, &placed)
            }
            Fate::Doubted { ticket, reason } => {
                self.unsettle();
                self.rejected(&ticket.part, reason.as_str())
            }
            Fate::Completed(file) => self.completed(*file),
            _ => Ok(()),
        };
        if let Err(error) = told {
            self.failed.get_or_insert(error);
        }
    }

    fn placed(&mut self, part: &Part, placed: &Placed) -> Result<(), Error> {
        match record::refusal(part, placed) {
            // The servers were asked for a better copy of a damaged one already.
            Some(reason) if *placed == Placed::Damaged => self.give_up(part, reason),
            Some(reason) => self.rejected(part, reason),
            None => {
                self.found(&part.segment);
                Ok(())
            }
        }
    }

    /// It is there; it may have failed earlier in the stream.
    fn found(&mut self, segment: &Segment) {
        self.settle();
        if self.lost.is_empty() && self.again.is_empty() {
            return;
        }
        let file = file_of(segment);
        if let Some(lost) = self.lost.get_mut(&file) {
            lost.remove(&segment.number);
        }
        self.again.remove(&(file, segment.number));
    }

    /// Its bytes do not belong there. Where there is a way back, other servers are asked.
    fn rejected(&mut self, part: &Part, reason: &'static str) -> Result<(), Error> {
        let segment = &part.segment;
        let server = &part.provenance.server;
        let rejected = self.again.entry((file_of(segment), segment.number));
        let rejected = rejected.or_insert_with(|| Rejected {
            segment: Box::new(segment.clone()),
            reason,
            servers: Vec::new(),
        });
        let is_news = !server.is_empty() && !rejected.servers.contains(server);
        match &self.feedback {
            Some(feedback) if is_news => {
                rejected.servers.push(server.clone());
                feedback.again(Again {
                    segment: Box::new(segment.clone()),
                    avoid: rejected.servers.clone(),
                });
                Ok(())
            }
            _ => self.give_up(part, reason),
        }
    }

    /// No good copy of it is left.
    fn give_up(&mut self, part: &Part, reason: &str) -> Result<(), Error> {
        let segment = &part.segment;
        let before = self.again.remove(&(file_of(segment), segment.number));
        // One of another file is there, and counts as without proof.
        let is_there =
            reason == Reason::Foreign.as_str() || before.as_ref().is_some_and(Rejected::is_there);
        let mut servers = before.map_or_else(Vec::new, |b| b.servers);
        if !servers.contains(&part.provenance.server) {
            servers.push(part.provenance.server.clone());
        }
        if !is_there {
            self.note(segment, Class::Damaged);
        }
        self.settle();
        self.send(refused(segment, reason, &servers))
    }

    /// What was asked for again and did not come.
    pub fn give_up_rest(&mut self) -> Result<(), Error> {
        let mut rest: Vec<_> = std::mem::take(&mut self.again).into_iter().collect();
        rest.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (_, rejected) in rest {
            if !rejected.is_there() {
                self.note(&rejected.segment, Class::Damaged);
            }
            let header = refused(&rejected.segment, rejected.reason, &rejected.servers);
            self.send(header)?;
        }
        Ok(())
    }

    /// A segment will not come, as a stage before says with `header`; why, for the store.
    pub fn lose(&mut self, segment: &Segment, class: Class, header: Header) -> Result<Why, Error> {
        self.watch.event(Event::Lost {
            bytes: segment.bytes.unwrap_or(0),
        });
        if let Header::Failed(failed) = &header {
            self.quota |= tally::over_quota(failed);
        }
        let rejected = match self.again.is_empty() {
            true => None,
            false => self.again.remove(&(file_of(segment), segment.number)),
        };
        // Nobody has another copy: what was wrong with those that came is the reason.
        let (class, why, header) = match &rejected {
            Some(r) if matches!(class, Class::Missing | Class::Damaged) => {
                let header = refused(segment, r.reason, &r.servers);
                (Class::Damaged, Why::Failed, header)
            }
            _ => {
                let why = record::why(&class);
                (class, why, header)
            }
        };
        // A later run may find a better one where this one found nobody.
        let is_final = matches!(class, Class::Missing | Class::Damaged);
        if !(is_final && rejected.is_some_and(|r| r.is_there())) {
            self.note(segment, class);
        }
        self.settle();
        self.send(header)?;
        Ok(why)
    }

    fn completed(&mut self, file: FileOutcome) -> Result<(), Error> {
        self.watch.event(Event::File(&file));
        let sent = self.send(Header::File(Box::new(record::report(&file))));
        self.files.push(file);
        sent?;
        self.outlet.flush()
    }

    /// Sends a record down, if somebody reads there.
    pub fn send(&mut self, header: Header) -> Result<(), Error> {
        self.outlet.send(header.into())
    }

    fn note(&mut self, segment: &Segment, class: Class) {
        let lost = self.lost.entry(file_of(segment)).or_default();
        lost.insert(segment.number, class);
    }

    fn settle(&self) {
        if let Some(feedback) = &self.feedback {
            feedback.settle();
        }
    }

    /// Whether no segment failed only for now.
    pub fn is_final(&self) -> bool {
        let classes = self.lost.values().flat_map(HashMap::values);
        let mut fates = Tally::default();
        classes.for_each(|class| fates.failure(class));
        fates.is_final()
    }

    fn unsettle(&self) {
        if let Some(feedback) = &self.feedback {
            feedback.unsettle();
        }
    }

    /// Sums up: a complete file's losses are forgotten, an incomplete one's are what is left
    /// to explain.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            bytes: self.bytes,
            quota: self.quota,
            ..Tally::default()
        };
        for file in &self.files {
            let key = (file.job.clone(), file.file, file.file_id.clone());
            add(&mut tally, file, self.lost.get(&key));
        }
        tally
    }
}

fn add(tally: &mut Tally, file: &FileOutcome, lost: Option<&HashMap<u64, Class>>) {
    tally.ok = tally.ok.saturating_add(file.ok);
    if file.status == Status::Complete {
        tally.ok = tally.ok.saturating_add(file.unverified);
        return;
    }
    tally.unverified += file.unverified;
    let mut heard_of = file.ok + file.unverified;
    for class in lost.into_iter().flat_map(HashMap::values) {
        tally.failure(class);
        heard_of += 1;
    }
    let unheard = file.of.saturating_sub(heard_of);
    tally.unheard = tally.unheard.saturating_add(unheard);
}
