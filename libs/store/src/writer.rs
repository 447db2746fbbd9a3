//! What the writers of a store share, and what one of them does: it takes a lane, does
//! some of what waits for it, and tells what became of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::Error;
use crate::dir::Dir;
use crate::handles::Handles;
use crate::held::Held;
use crate::index::Index;
use crate::lane::{Item, Lane, Told};
use crate::prints::Tickets;
use crate::room::{Load, Room, Work, lock};
use crate::sync::Tides;
use crate::turn::Pace;
use crate::types::{Event, Options};

/// How many pieces may wait.
const COUNT: usize = 4096;

/// How many of their bytes, if nobody says.
const BYTES: usize = 32 << 20;

/// All that a store is.
pub(crate) struct Shared<T> {
    pub options: Options,
    pub root: Dir,
    /// Only those who give pieces take this.
    pub index: Mutex<Index<T>>,
    pub handles: Handles,
    pub room: Room,
    pub work: Work<Lane<T>>,
    pub tides: Tides<T>,
    pub trouble: Trouble,
    pub pace: Pace,
    /// How many missing pieces are listed by message-id.
    pub listed: AtomicUsize,
    /// What is incomplete stays as it is at the end.
    pub spare: AtomicBool,
    pub events: Box<dyn Fn(Event<T>) + Send + Sync>,
}

/// What went wrong.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// What ended it all, and whether anybody was told.
    end: Mutex<Option<(Error, bool)>>,
    is_over: AtomicBool,
    /// What concerned one file or job.
    single: Mutex<Vec<Error>>,
}

impl Trouble {
    /// Notes an error of one file, or of all.
    pub fn note(&self, error: Error) {
        match error.is_of_all() {
            true => self.end(error),
            false => lock(&self.single).push(error),
        }
    }

    /// Nothing more is written.
    pub fn end(&self, error: Error) {
        lock(&self.end).get_or_insert((error, false));
        self.is_over.store(true, Ordering::Release);
    }

    /// As [`end`](Trouble::end), without anything being wrong.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// What ended it all.
    pub fn check(&self) -> Result<(), Error> {
        if !self.is_over() {
            return Ok(());
        }
        match &mut *lock(&self.end) {
            Some((error, told)) => {
                *told = true;
                Err(error.again())
            }
            None => Ok(()),
        }
    }

    /// What nobody was told yet.
    pub fn rest(&self) -> Vec<Error> {
        let mut all = std::mem::take(&mut *lock(&self.single));
        if let Some((error, told @ false)) = &mut *lock(&self.end) {
            *told = true;
            all.push(error.again());
        }
        all
    }
}

impl<T> Shared<T> {
    pub fn new(
        options: Options,
        root: Dir,
        events: Box<dyn Fn(Event<T>) + Send + Sync>,
    ) -> Shared<T> {
        let bytes = match options.queue {
            0 => BYTES,
            some => some,
        };
        Shared {
            options,
            root,
            index: Mutex::default(),
            handles: Handles::new(),
            room: Room::new(Load {
                bytes,
                count: COUNT,
            }),
            work: Work::new(),
            tides: Tides::new(),
            trouble: Trouble::default(),
            pace: Pace::new(),
            listed: AtomicUsize::new(0),
            spare: AtomicBool::new(false),
            events,
        }
    }

    /// Whether incomplete files stay as they are at the end, whatever is wanted.
    pub fn spares(&self) -> bool {
        self.spare.load(Ordering::Relaxed)
    }

    /// Gives a lane something to do.
    pub fn give(&self, lane: &Arc<Lane<T>>, item: Item<T>) {
        if lane.give(item) {
            self.work.push(Arc::clone(lane));
        }
    }

    /// Does something with a lane in hand, unless it is past help. What is to be told of it
    /// comes back.
    pub fn with<R>(
        &self,
        lane: &Arc<Lane<T>>,
        act: impl FnOnce(&mut Held<'_, T>) -> Result<R, Error>,
    ) -> (Option<R>, Told<T>) {
        let mut desk = lock(&lane.desk);
        if desk.failed || self.trouble.is_over() {
            return (None, Vec::new());
        }
        let mut held = Held::new(self, lane, &mut desk);
        let result = act(&mut held);
        let told = held.put_down();
        match result {
            Ok(value) => (Some(value), told),
            Err(error) => {
                desk.failed = true;
                // Who waits for a word on a piece learns by its ticket that there is none.
                desk.tickets = Tickets::new();
                drop(desk);
                self.trouble.note(error);
                self.room.stir();
                (None, told)
            }
        }
    }
}

impl<T: Clone> Shared<T> {
    /// The life of a writer.
    pub fn write(&self) {
        while let Some(mut lane) = self.work.next() {
            while self.serve(&lane) {
                lane = self.work.exchange(lane);
            }
        }
    }

    /// Does some of what waits for a lane; says whether there is more.
    fn serve(&self, lane: &Arc<Lane<T>>) -> bool {
        self.serve_with(lane, lane.take())
    }

    /// Does `items` for a lane; says whether there is more.
    pub fn serve_with(&self, lane: &Arc<Lane<T>>, items: Vec<Item<T>>) -> bool {
        let load = Load {
            bytes: items.iter().map(Item::bytes).sum(),
            count: items.iter().filter(|item| item.takes_room()).count(),
        };
        let done = items.len();
        let served = catch_unwind(AssertUnwindSafe(|| {
            let told = self.with(lane, |held| held.batch(items)).1;
            told.into_iter().for_each(&self.events);
        }));
        if served.is_err() {
            // Others wait for this lane and its room: they are to hear of it, not to hang.
            let path = self.root.path_of(&lane.part);
            self.trouble.end(Error::Bug { path });
            self.room.stir();
        }
        // The bytes are gone, and what became of them is told.
        let is_more = lane.done(done);
        self.room.give(load);
        is_more
    }
}
