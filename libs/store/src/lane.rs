//! A file of a job, on its way from the callers to the writers: what waits for it, and
//! what only the one who has it in hand may touch. What is done with it is
//! [`held`](crate::held)'s.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::dir::{Dir, Inode};
use crate::finished::Finished;
use crate::folder::Folder;
use crate::hash::{Digests, Running};
use crate::journal::Journal;
use crate::name;
use crate::pieces::Pieces;
use crate::prints::Tickets;
use crate::room::{Load, lock};
use crate::sync::Tide;
use crate::types::{Event, FileOutcome, Options, Order, Piece, Why};

/// How much of one lane a writer takes at once: the others wait for their turn meanwhile.
const BATCH: Load = Load {
    bytes: 1 << 20,
    count: 128,
};

/// What stays of a lane's queue when it is empty.
const SMALL: usize = 4;

/// A job, opened.
#[derive(Debug)]
pub(crate) struct Job {
    pub id: String,
    pub name: String,
    /// `None` if it could not be opened: its files come to nothing.
    pub place: Option<Place>,
}

/// Where a job's files go.
#[derive(Debug)]
pub(crate) struct Place {
    pub folder: Arc<Folder>,
    pub journal: Journal,
}

impl Place {
    pub fn dir(&self) -> &Dir {
        &self.folder.dir
    }
}

/// One file of a job.
#[derive(Debug)]
pub(crate) struct Lane<T> {
    pub job: Arc<Job>,
    /// Its place in order of appearance.
    pub at: usize,
    /// Its place among those whose name is the same by the NZB, from 1.
    pub nth: u64,
    pub index: u64,
    pub file_id: String,
    /// What the file is called in journal and index: its id, or what stands for it.
    pub key: String,
    /// The NZB's name, as found.
    pub name: String,
    pub part: String,
    waiting: Mutex<Waiting<T>>,
    /// How much of it is on the disk.
    pub tide: Mutex<Tide>,
    /// Held by who syncs it.
    pub syncing: Mutex<()>,
    /// Held by the writer that has the lane, or by who wants to know how it stands.
    pub desk: Mutex<Desk<T>>,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<Item<T>>,
    /// It is in the queue of lanes with work, or with a writer.
    is_out: bool,
    given: u64,
    done: u64,
}

/// What the one who has the lane knows of the file.
#[derive(Debug)]
pub(crate) struct Desk<T> {
    pub state: State,
    /// Which file `part` is, once it was opened.
    pub inode: Option<Inode>,
    /// How long that is.
    pub len: u64,
    pub missing: Vec<(u64, String)>,
    /// Where damaged pieces would lie.
    pub damaged: BTreeMap<u64, (u64, u64)>,
    pub reported: bool,
    /// The name the data have at the end of the run.
    pub away: Option<String>,
    /// Nothing more is done for it.
    pub failed: bool,
    /// Pieces an earlier run wrote.
    pub resumed: u64,
    pub tickets: Tickets<T>,
    pub hashing: Option<Box<Running>>,
    /// Those of a complete file.
    pub digests: Digests,
}

#[derive(Debug)]
pub(crate) enum State {
    /// Nobody looked yet what an earlier run left.
    Unknown,
    Open(Box<Pieces>),
    Done(Finished),
}

/// Something to be done for a file.
#[derive(Debug)]
pub(crate) enum Item<T> {
    Piece(Box<Given<T>>),
    Absent {
        number: u64,
        of: u64,
        id: String,
        why: Why,
    },
    /// To be told by a writer.
    Tell(Box<FileOutcome>),
}

/// A piece as it waits: [`Piece`] without what the lane knows.
#[derive(Debug)]
pub(crate) struct Given<T> {
    pub ticket: T,
    pub number: u64,
    of: u64,
    pub offset: u64,
    pub order: Option<Order>,
    size: Option<u64>,
    verified: bool,
    pub damaged: bool,
    pub bytes: Bytes,
    crc32: u32,
    file_crc32: Option<u32>,
    bound: Option<u64>,
    file_bytes: Option<u64>,
    part: Option<u64>,
    total: Option<u64>,
    yenc_name: Option<Box<str>>,
    id: Box<str>,
}

impl<T> Given<T> {
    pub fn new(p: Piece<'_, Bytes>, ticket: T) -> Given<T> {
        Given {
            ticket,
            number: p.number,
            of: p.of,
            offset: p.offset,
            order: p.order,
            size: p.size,
            verified: p.verified,
            damaged: p.damaged,
            bytes: p.bytes,
            crc32: p.crc32,
            file_crc32: p.file_crc32,
            bound: p.bound,
            file_bytes: p.file_bytes,
            part: p.part,
            total: p.total,
            yenc_name: p.yenc_name.map(Box::from),
            id: p.id.into(),
        }
    }

    pub fn piece(&self) -> Piece<'_> {
        Piece {
            number: self.number,
            of: self.of,
            offset: self.offset,
            order: self.order,
            size: self.size,
            verified: self.verified,
            damaged: self.damaged,
            bytes: &self.bytes,
            crc32: self.crc32,
            file_crc32: self.file_crc32,
            bound: self.bound,
            file_bytes: self.file_bytes,
            part: self.part,
            total: self.total,
            yenc_name: self.yenc_name.as_deref(),
            id: &self.id,
            ..Piece::default()
        }
    }
}

impl<T> Item<T> {
    /// Whether room was taken for it.
    pub fn takes_room(&self) -> bool {
        !matches!(self, Item::Tell(_))
    }

    /// How many pieces the file has, by its word.
    pub fn of(&self) -> u64 {
        match self {
            Item::Piece(given) => given.of,
            Item::Absent { of, .. } => *of,
            Item::Tell(_) => 0,
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Item::Piece(given) => given.bytes.len(),
            _ => 0,
        }
    }
}

/// Who a lane is, before it is one.
pub(crate) struct Identity {
    pub index: u64,
    pub file_id: String,
    pub key: String,
    pub name: String,
    pub part: String,
    pub nth: u64,
}

impl<T> Lane<T> {
    /// The safe name the file should get, as far as can be told.
    pub fn base(&self, options: &Options, desk: &Desk<T>) -> String {
        let agreed = match &desk.state {
            State::Open(pieces) => pieces.hints.name.get().map(String::as_str),
            _ => None,
        };
        self.called(options, agreed)
    }

    /// The safe name of a file whose pieces call it `agreed`.
    pub fn called(&self, options: &Options, agreed: Option<&str>) -> String {
        let name = name::choose(options.name_from, agreed, &self.name, self.index);
        match &options.template {
            Some(template) => template.render(&name, &self.job.name, self.index),
            None => name,
        }
    }

    pub fn new(job: Arc<Job>, at: usize, of: Identity) -> Lane<T> {
        let failed = job.place.is_none();
        Lane {
            job,
            at,
            index: of.index,
            file_id: of.file_id,
            key: of.key,
            name: of.name,
            part: of.part,
            nth: of.nth,
            waiting: Mutex::new(Waiting {
                items: VecDeque::new(),
                is_out: false,
                given: 0,
                done: 0,
            }),
            tide: Mutex::default(),
            syncing: Mutex::default(),
            desk: Mutex::new(Desk {
                state: State::Unknown,
                inode: None,
                len: 0,
                missing: Vec::new(),
                damaged: BTreeMap::new(),
                reported: false,
                away: None,
                failed,
                resumed: 0,
                tickets: Tickets::new(),
                hashing: None,
                digests: Digests::default(),
            }),
        }
    }

    /// Adds something to do; says whether the lane has to be given to a writer for it.
    pub fn give(&self, item: Item<T>) -> bool {
        let mut waiting = lock(&self.waiting);
        waiting.items.push_back(item);
        waiting.given += 1;
        !std::mem::replace(&mut waiting.is_out, true)
    }

    /// Takes the lane in hand if no writer has it and nothing waits for it.
    pub fn claim(&self) -> bool {
        let mut waiting = lock(&self.waiting);
        !std::mem::replace(&mut waiting.is_out, true)
    }

    /// Notes that who has the lane in hand brings something to do.
    pub fn bring(&self) {
        lock(&self.waiting).given += 1;
    }

    /// Takes some of what is to be done, in the order in which it came.
    pub fn take(&self) -> Vec<Item<T>> {
        let mut waiting = lock(&self.waiting);
        let (mut count, mut bytes) = (0, 0);
        for item in waiting.items.iter().take(BATCH.count) {
            bytes += item.bytes();
            if count > 0 && bytes > BATCH.bytes {
                break;
            }
            count += 1;
        }
        let items = waiting.items.drain(..count).collect();
        if waiting.items.is_empty() {
            // There may be thousands of lanes, of which few have anything to do.
            waiting.items.shrink_to(SMALL);
        }
        items
    }

    /// Notes that so much was done; says whether there is more.
    pub fn done(&self, count: usize) -> bool {
        let mut waiting = lock(&self.waiting);
        waiting.done += count as u64;
        waiting.is_out = !waiting.items.is_empty();
        waiting.is_out
    }

    /// How much was given so far.
    pub fn given(&self) -> u64 {
        lock(&self.waiting).given
    }

    /// Whether so much is done.
    pub fn has_done(&self, given: u64) -> bool {
        lock(&self.waiting).done >= given
    }
}

impl<T> Desk<T> {
    pub fn is_resumable(&self) -> bool {
        match &self.state {
            State::Open(pieces) => !pieces.is_empty(),
            State::Unknown => true,
            State::Done(_) => false,
        }
    }
}

/// What happened while a lane was in hand, to be told once it is not.
pub(crate) type Told<T> = Vec<Event<T>>;
