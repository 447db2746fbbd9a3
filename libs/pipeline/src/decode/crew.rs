//! Decoding on several threads.
//!
//! No thread hands bytes to another one. Each reads a record, decodes it while it is in
//! its core's cache, and writes it when all records before it are written: so the order
//! stays, and there are never more records in hand than threads. The first thread
//! works all the time. It calls another only when the input outruns those at work; a
//! pipe that one thread can keep empty costs no more than with one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

use nzbpipe_record::{Bytes, Pool, Record};

use super::{Config, NAME, decoded, due, give};
use crate::{Code, Error, Inlet, Outlet, Stop, Tally};

/// A smaller article is decoded sooner than a thread wakes up.
const WORTH: usize = 64 << 10;

/// Threads that wait for their turn to write from which on another one is of no use: the
/// output is what is slow.
const QUEUED: usize = 2;

/// As [`run`](super::run), between the opening and the closing of the stream.
pub(super) fn run(
    config: Config,
    pool: &Pool,
    inlet: &mut Inlet,
    ends: (&mut Outlet, &mut Tally),
) -> Result<(), Error> {
    work(config, pool, inlet, ends).0
}

/// The same, and how many helpers it had.
fn work(
    config: Config,
    pool: &Pool,
    inlet: &mut Inlet,
    (outlet, tally): (&mut Outlet, &mut Tally),
) -> (Result<(), Error>, usize) {
    let crew = Crew {
        config,
        pool,
        stop: inlet.stop(),
        input: Mutex::new(Input { inlet, read: 0 }),
        output: Mutex::new(Output {
            outlet,
            tally,
            written: 0,
            result: Ok(()),
        }),
        turn: Condvar::new(),
        writing: AtomicUsize::new(0),
        hands: Mutex::default(),
        call: Condvar::new(),
        over: AtomicBool::new(false),
    };
    thread::scope(|scope| crew.lead(scope));
    let helpers = lock(&crew.hands).begun;
    let output = crew.output.into_inner();
    let output = output.unwrap_or_else(PoisonError::into_inner);
    (output.result, helpers)
}

struct Crew<'a> {
    config: Config,
    pool: &'a Pool,
    stop: Stop,
    input: Mutex<Input<'a>>,
    output: Mutex<Output<'a>>,
    /// A record was written.
    turn: Condvar,
    /// Threads that write or wait for their turn.
    writing: AtomicUsize,
    hands: Mutex<Hands>,
    /// A helper is wanted.
    call: Condvar,
    /// No more is read.
    over: AtomicBool,
}

struct Input<'a> {
    inlet: &'a mut Inlet,
    /// Records read, which numbers them.
    read: u64,
}

struct Output<'a> {
    outlet: &'a mut Outlet,
    tally: &'a mut Tally,
    /// Records written.
    written: u64,
    /// After an error nothing more is written.
    result: Result<(), Error>,
}

/// The threads beside the first one.
#[derive(Default)]
struct Hands {
    begun: usize,
    idle: usize,
    wanted: usize,
}

impl<'a> Crew<'a> {
    /// The work of the first thread.
    fn lead<'s>(&'s self, scope: &'s Scope<'s, '_>) {
        let _end = Leaving(self);
        while self.one(scope) {}
        self.finish();
    }

    fn help<'s>(&'s self, scope: &'s Scope<'s, '_>) {
        let _end = Leaving(self);
        while self.one(scope) {
            let mut hands = lock(&self.hands);
            hands.idle += 1;
            while hands.wanted == 0 && !self.is_over() {
                hands = self
                    .call
                    .wait(hands)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            hands.idle -= 1;
            if self.is_over() {
                return;
            }
            hands.wanted -= 1;
        }
        self.finish();
    }

    /// Sees to one record; whether there may be more.
    fn one<'s>(&'s self, scope: &'s Scope<'s, '_>) -> bool {
        let Some((number, record)) = self.next(scope) else {
            return false;
        };
        let record = record.map(|record| decoded(record, self.config, self.pool));
        self.writing.fetch_add(1, Ordering::Relaxed);
        let goes_on = self.write(number, record);
        self.writing.fetch_sub(1, Ordering::Relaxed);
        goes_on
    }

    /// The next record and its number, or what is wrong with it; nothing follows that.
    fn next<'s>(&'s self, scope: &'s Scope<'s, '_>) -> Option<(u64, Result<Record, Error>)> {
        let mut input = lock(&self.input);
        if self.is_over() {
            return None;
        }
        let record = input.inlet.next().and_then(|it| it.map(due).transpose());
        let record = match record {
            Ok(None) => {
                self.finish();
                return None;
            }
            Ok(Some(record)) => Ok(record),
            Err(error) => {
                self.finish();
                Err(error)
            }
        };
        let number = input.read;
        input.read += 1;
        let large = |it: &Record| it.payload.as_ref().map_or(0, Bytes::len) >= WORTH;
        let wanted = record.as_ref().is_ok_and(large)
            && self.writing.load(Ordering::Relaxed) < QUEUED
            && input.inlet.outruns();
        drop(input);
        if wanted {
            self.call_help(scope);
        }
        Some((number, record))
    }

    /// Writes a record when its turn has come; whether it may go on.
    fn write(&self, number: u64, record: Result<Record, Error>) -> bool {
        let mut output = lock(&self.output);
        while output.written != number && output.result.is_ok() {
            output = self
                .turn
                .wait(output)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if output.result.is_err() {
            return false;
        }
        let Output { outlet, tally, .. } = &mut *output;
        let result = record.and_then(|record| give(record, outlet, tally));
        output.written += 1;
        let failed = result.as_ref().err().map(Error::code);
        output.result = result;
        drop(output);
        self.turn.notify_all();
        if let Some(code) = failed {
            self.fail(code);
        }
        failed.is_none()
    }

    /// Wakes a helper, or begins one if all are busy.
    fn call_help<'s>(&'s self, scope: &'s Scope<'s, '_>) {
        let mut hands = lock(&self.hands);
        if hands.wanted < hands.idle {
            hands.wanted += 1;
            self.call.notify_one();
        } else if hands.begun + 1 < self.config.threads.get() {
            hands.begun += 1;
            drop(hands);
            let name = format!("{NAME} helper");
            // Refused by the system, it is slower without.
            let _ = thread::Builder::new()
                .name(name)
                .spawn_scoped(scope, move || self.help(scope));
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// No more is read; helpers that wait may go.
    fn finish(&self) {
        // With the lock, or a helper could look before and sleep after.
        let hands = lock(&self.hands);
        self.over.store(true, Ordering::Release);
        drop(hands);
        self.call.notify_all();
    }

    /// As [`finish`](Crew::finish), and ends a read that waits.
    fn fail(&self, code: Code) {
        self.finish();
        self.stop.request(code);
    }
}

/// Lets the others go when a thread panics: they would wait for its turn for ever.
struct Leaving<'c, 'a>(&'c Crew<'a>);

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.output).result = Err(Error::Stopped(Code::BUG));
            self.0.turn.notify_all();
            self.0.fail(Code::BUG);
        }
    }
}

/// A thread that panics ends the stage by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
