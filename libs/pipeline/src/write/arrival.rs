//! Parts on their way into the store: from the stage's own thread, which waits for room, or
//! at once from the thread that decoded them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use nzbpipe_record::{Bytes, Header, Part, Record};
use nzbpipe_store::{Piece, Store};

use super::desk::{Desk, Ticket};
use super::record::{self, ident, identity};
use super::{Room, lock};
use crate::{Error, Event};

/// What it takes to give a part to the store.
pub(crate) struct Arrivals {
    pub store: Arc<Store<Ticket>>,
    pub desk: Arc<Mutex<Desk>>,
    /// Whether the bytes are held against their CRC once more.
    pub check: bool,
    /// Whether there is no other core for those who write.
    pub alone: bool,
    /// What jobs lay claim to.
    pub room: Option<Mutex<Room>>,
}

impl Arrivals {
    /// Gives a part to the store; waits while too much is under way.
    pub fn part(&self, part: Box<Part>, bytes: Bytes) -> Result<(), Error> {
        let ticket = {
            let mut desk = lock(&self.desk);
            desk.trouble()?;
            self.ticket(&mut desk, part, bytes.len())
        };
        let id = identity(&ticket.part.segment);
        // With other cores the next part is read meanwhile.
        let turn = match self.alone {
            true => self
                .store
                .turn(&ident(&ticket.part.segment, &id), bytes.len()),
            false => None,
        };
        let piece = self.piece(&ticket, &id, bytes);
        if let Some(turn) = turn {
            turn.write(piece, Arc::clone(&ticket));
            return Ok(());
        }
        Ok(self.store.piece(piece, Arc::clone(&ticket))?)
    }

    /// Has a part written on this thread, if that can be done without waiting. All other
    /// records come back, and a part if anything is wrong: the stage will meet it.
    pub fn at_once(&self, record: Record) -> Option<Record> {
        let (part, bytes) = match record {
            Record {
                header: Header::Part(part),
                payload: Some(bytes),
            } => (part, bytes),
            other => return Some(other),
        };
        let taken = self.desk_now().and_then(|desk| {
            let id = identity(&part.segment);
            let turn = self.store.turn(&ident(&part.segment, &id), bytes.len());
            Some(desk).zip(turn)
        });
        let Some((mut desk, turn)) = taken else {
            return Some(Record {
                header: Header::Part(part),
                payload: Some(bytes),
            });
        };
        let ticket = self.ticket(&mut desk, part, bytes.len());
        drop(desk);
        let id = identity(&ticket.part.segment);
        turn.write(self.piece(&ticket, &id, bytes), Arc::clone(&ticket));
        None
    }

    /// The desk, unless somebody has it or there is trouble: with it in hand a record may wait
    /// for a slow reader of the output.
    fn desk_now(&self) -> Option<MutexGuard<'_, Desk>> {
        let desk = match self.desk.try_lock() {
            Ok(desk) => desk,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        (!desk.is_in_trouble()).then_some(desk)
    }

    fn ticket(&self, desk: &mut Desk, part: Box<Part>, bytes: usize) -> Ticket {
        let encoded = part.segment.bytes.unwrap_or(bytes as u64);
        if let Some(room) = &self.room {
            let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
            room.arrived(encoded);
        }
        desk.watch.event(Event::Arrived { bytes: encoded });
        desk.ticket(part, bytes)
    }

    fn piece<'a>(&self, ticket: &'a Ticket, id: &'a str, bytes: Bytes) -> Piece<'a, Bytes> {
        let crc32 = self.crc32(&ticket.part, &bytes);
        record::piece(&ticket.part, bytes, (id, crc32))
    }

    /// The CRC-32 of the bytes: the decoder's figure where nothing came between,
    /// else our own. `None` if the two differ.
    fn crc32(&self, part: &Part, bytes: &Bytes) -> Option<u32> {
        let told = part.crc32.as_deref().map(record::hex);
        match told {
            Some(told) if !self.check => told,
            Some(told) => told.filter(|&crc| crc == crc32fast::hash(bytes)),
            None => Some(crc32fast::hash(bytes)),
        }
    }
}
