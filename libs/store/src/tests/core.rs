//! The store as a caller has it who does one thing after the other.

use std::fs;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::held::Held;
use crate::lane::State;
use crate::pieces::Pieces;
use crate::room::lock;
use crate::*;

/// A store whose caller waits for the fate of each piece.
pub(super) struct Core {
    pub store: Store<u64>,
    told: Arc<Mutex<Vec<Event<u64>>>>,
    completed: Vec<FileOutcome>,
    pub doubted: Vec<(u64, Reason)>,
}

impl Core {
    pub fn open(options: Options) -> Result<Core, Error> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let teller = Arc::clone(&told);
        let store = Store::open(options, move |event| lock(&teller).push(event))?;
        let (completed, doubted) = (Vec::new(), Vec::new());
        Ok(Core {
            store,
            told,
            completed,
            doubted,
        })
    }

    /// The ticket of a piece is its number.
    pub fn piece(&mut self, piece: &Piece<'_>) -> Result<Placed, Error> {
        let placed = self.put(piece)?;
        Ok(placed.expect("it failed, or is told"))
    }

    pub fn put(&mut self, p: &Piece<'_>) -> Result<Option<Placed>, Error> {
        let bytes = Bytes::copy_from_slice(p.bytes);
        let piece = Piece {
            bytes,
            job: p.job,
            job_name: p.job_name,
            file: p.file,
            file_id: p.file_id,
            name: p.name,
            yenc_name: p.yenc_name,
            number: p.number,
            of: p.of,
            offset: p.offset,
            order: p.order,
            size: p.size,
            verified: p.verified,
            damaged: p.damaged,
            crc32: p.crc32,
            file_crc32: p.file_crc32,
            bound: p.bound,
            file_bytes: p.file_bytes,
            part: p.part,
            total: p.total,
            id: p.id,
        };
        self.store.piece(piece, p.number)?;
        self.settle()
    }

    pub fn absent(&mut self, absent: &Absent<'_>) -> Result<(), Error> {
        self.store.absent(absent)?;
        self.settle().map(|_| ())
    }

    /// Waits for what was given, and takes what was told.
    pub fn settle(&mut self) -> Result<Option<Placed>, Error> {
        self.store.outcomes();
        let mut fate = None;
        for event in lock(&self.told).drain(..) {
            match event {
                Event::Placed {
                    ticket,
                    placed: Placed::Rejected(reason @ Reason::Foreign),
                } => {
                    self.doubted.push((ticket, reason));
                    fate = Some(Placed::Written);
                }
                Event::Placed { placed, .. } => fate = Some(placed),
                Event::Completed(file) => self.completed.push(*file),
                Event::Doubted { ticket, reason } => self.doubted.push((ticket, reason)),
            }
        }
        match self.store.shared.trouble.rest().pop() {
            Some(error) => Err(error),
            None => Ok(fate),
        }
    }

    pub fn completed(&mut self) -> Vec<FileOutcome> {
        std::mem::take(&mut self.completed)
    }

    pub fn finish(self) -> (Vec<FileOutcome>, Result<(), Error>) {
        let (files, errors) = self.store.finish();
        (files, errors.into_iter().next().map_or(Ok(()), Err))
    }

    pub fn stop(self) -> (Vec<FileOutcome>, Result<(), Error>) {
        let (files, errors) = self.store.stop();
        (files, errors.into_iter().next().map_or(Ok(()), Err))
    }

    /// Does something with the lane of a file in hand.
    pub fn with<R>(&self, at: usize, act: impl FnOnce(&mut Held<'_, u64>) -> R) -> R {
        let lane = Arc::clone(&lock(&self.store.shared.index).lanes[at]);
        let done = self.store.shared.with(&lane, |held| Ok(act(held))).0;
        done.expect("the file did not fail")
    }

    pub fn pieces<R>(&self, act: impl FnOnce(&Pieces) -> R) -> R {
        self.with(0, |held| match &held.desk.state {
            State::Open(pieces) => act(pieces),
            _ => panic!("it is not open"),
        })
    }

    pub fn shift(&mut self, step: &crate::sequence::Move) -> Result<(), Error> {
        self.with(0, |held| held.shift(step))
    }

    /// In place of a full or broken disk: a descriptor that cannot be written to.
    pub fn hand_over(&self, file: fs::File) {
        self.store.shared.handles.close(0);
        self.store.shared.handles.put(0, Arc::new(file));
        self.store.shared.handles.rest(0);
    }
}
