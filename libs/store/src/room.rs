//! What waits to be written: how much of it there may be, and which lanes it waits in.
//! Nobody waits with a lock held, and no lock is held for longer than a push.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};

/// A lock, whether or not a thread died with it: what it guards is changed in one go.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same, unless somebody has it.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// How much may wait, and does.
#[derive(Debug)]
pub(crate) struct Room {
    most: Load,
    used: Mutex<Used>,
    /// Something was given back, or the store stopped.
    changed: Condvar,
}

/// Pieces and their bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub bytes: usize,
    pub count: usize,
}

#[derive(Debug, Default)]
struct Used {
    load: Load,
    /// Threads that wait: waking nobody is a system call all the same.
    waiting: usize,
    /// Callers who write themselves.
    turns: usize,
    /// No more of them.
    closed: bool,
}

impl Room {
    pub fn new(most: Load) -> Room {
        Room {
            most,
            used: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Takes room for one piece, as soon as there is any. One that is larger than all of it
    /// waits until it is alone. Says `false`, and takes none, when `is_over`.
    pub fn take(&self, bytes: usize, is_over: impl Fn() -> bool) -> bool {
        let mut used = lock(&self.used);
        loop {
            if is_over() {
                return false;
            }
            if self.fit(&mut used.load, bytes) {
                return true;
            }
            used = self.wait(used);
        }
    }

    /// Takes room for one piece that the caller writes, if there is some now. To be followed
    /// by [`leave`](Room::leave).
    pub fn enter(&self, bytes: usize) -> bool {
        let mut used = lock(&self.used);
        let enters = !used.closed && self.fit(&mut used.load, bytes);
        used.turns += usize::from(enters);
        enters
    }

    /// The caller is done; the room went back before.
    pub fn leave(&self) {
        let mut used = lock(&self.used);
        used.turns -= 1;
        self.wake(&used);
    }

    /// Lets no caller write any more, and waits for those who do.
    pub fn close(&self) {
        let mut used = lock(&self.used);
        used.closed = true;
        while used.turns > 0 {
            used = self.wait(used);
        }
    }

    fn fit(&self, load: &mut Load, bytes: usize) -> bool {
        let fits = load.count < self.most.count && load.bytes + bytes <= self.most.bytes;
        if fits || load.count == 0 {
            load.bytes += bytes;
            load.count += 1;
            return true;
        }
        false
    }

    /// Gives room back.
    pub fn give(&self, load: Load) {
        let mut used = lock(&self.used);
        used.load.bytes -= load.bytes;
        used.load.count -= load.count;
        self.wake(&used);
    }

    /// Waits until `is_over`, which is asked again whenever something changed.
    pub fn until(&self, is_over: impl Fn() -> bool) {
        let mut used = lock(&self.used);
        while !is_over() {
            used = self.wait(used);
        }
    }

    /// Lets all who wait look again.
    pub fn stir(&self) {
        self.wake(&lock(&self.used));
    }

    fn wake(&self, used: &Used) {
        if used.waiting > 0 {
            self.changed.notify_all();
        }
    }

    fn wait<'a>(&'a self, mut used: MutexGuard<'a, Used>) -> MutexGuard<'a, Used> {
        used.waiting += 1;
        let woken = self.changed.wait(used);
        let mut used = woken.unwrap_or_else(PoisonError::into_inner);
        used.waiting -= 1;
        used
    }
}

/// Lanes with work, first come, first served.
#[derive(Debug)]
pub(crate) struct Work<L> {
    state: Mutex<Lanes<L>>,
    ready: Condvar,
}

#[derive(Debug)]
struct Lanes<L> {
    queue: VecDeque<Arc<L>>,
    idle: usize,
    closed: bool,
}

impl<L> Work<L> {
    pub fn new() -> Work<L> {
        let state = Lanes {
            queue: VecDeque::new(),
            idle: 0,
            closed: false,
        };
        Work {
            state: Mutex::new(state),
            ready: Condvar::new(),
        }
    }

    pub fn push(&self, lane: Arc<L>) {
        let mut state = lock(&self.state);
        state.queue.push_back(lane);
        if state.idle > 0 {
            self.ready.notify_one();
        }
    }

    /// The next lane; `None` when there is none and none will come.
    pub fn next(&self) -> Option<Arc<L>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(lane) = state.queue.pop_front() {
                return Some(lane);
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            let woken = self.ready.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// The next lane for who has done some of this one, and there is more to do: this one
    /// again, if no other waits. Its file is warm in this thread's cache, and nobody is woken.
    pub fn exchange(&self, lane: Arc<L>) -> Arc<L> {
        let mut state = lock(&self.state);
        match state.queue.pop_front() {
            Some(next) => {
                state.queue.push_back(lane);
                next
            }
            None => lane,
        }
    }

    /// Lets those who wait go once all is done.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.ready.notify_all();
    }
}
