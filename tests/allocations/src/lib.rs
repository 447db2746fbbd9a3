//! An allocator that counts, and remembers who asked for much: the system's, with figures.
//!
//! What is counted and what may be said of it is left to the tests.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// An allocation of more bytes than this is large.
pub const LARGE: usize = 4096;

/// No more backtraces than this are kept.
const KEPT: usize = 512;

/// The system's allocator. Growing an allocation counts as one of its new size.
pub struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);
static ON: AtomicBool = AtomicBool::new(false);
static NUMBER: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static SMALLEST: AtomicUsize = AtomicUsize::new(usize::MAX);
static EVERY: AtomicU64 = AtomicU64::new(1);
static SEEN: AtomicU64 = AtomicU64::new(0);
static LARGE_ONES: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static BACKTRACES: Mutex<Vec<(usize, Backtrace)>> = Mutex::new(Vec::new());

thread_local! {
    /// What counting allocates is not counted.
    static IS_BUSY: Cell<bool> = const { Cell::new(false) };
}

/// What was allocated while counting was on.
#[derive(Debug, Default)]
pub struct Counted {
    /// How many allocations.
    pub number: u64,
    /// Their bytes in total.
    pub bytes: u64,
    /// The sizes of the large ones, in bytes, in the order they came.
    pub large: Vec<usize>,
    /// Sizes in bytes, and who asked.
    pub backtraces: Vec<(usize, Backtrace)>,
}

/// Bytes that are allocated now, whether counting is on or not.
pub fn live() -> u64 {
    u64::try_from(LIVE.load(Relaxed)).unwrap_or(0)
}

/// Counts from now on. Of the allocations of more than `smallest` bytes the backtrace of
/// each `every`th is kept, until there are 512.
pub fn start(smallest: usize, every: u64) {
    SMALLEST.store(smallest, Relaxed);
    EVERY.store(every.max(1), Relaxed);
    ON.store(true, Relaxed);
}

/// Counts no longer.
pub fn stop() {
    ON.store(false, Relaxed);
}

/// Takes what was counted; the next count begins at nothing.
pub fn take() -> Counted {
    Counted {
        number: NUMBER.swap(0, Relaxed),
        bytes: BYTES.swap(0, Relaxed),
        large: std::mem::take(&mut *LARGE_ONES.lock().unwrap_or_else(PoisonError::into_inner)),
        backtraces: std::mem::take(&mut *BACKTRACES.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

fn grow(by: usize) {
    LIVE.fetch_add(i64::try_from(by).unwrap_or(i64::MAX), Relaxed);
}

fn shrink(by: usize) {
    LIVE.fetch_sub(i64::try_from(by).unwrap_or(i64::MAX), Relaxed);
}

fn count(size: usize) {
    if !ON.load(Relaxed) {
        return;
    }
    // A thread that is ending has nothing more to say.
    let _ = IS_BUSY.try_with(|is_busy| {
        if !is_busy.replace(true) {
            NUMBER.fetch_add(1, Relaxed);
            BYTES.fetch_add(size as u64, Relaxed);
            remember(size);
            is_busy.set(false);
        }
    });
}

fn remember(size: usize) {
    if size > LARGE {
        let mut sizes = LARGE_ONES.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.push(size);
    }
    let is_asked_for = size > SMALLEST.load(Relaxed);
    if is_asked_for
        && SEEN
            .fetch_add(1, Relaxed)
            .is_multiple_of(EVERY.load(Relaxed))
    {
        let mut kept = BACKTRACES.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push((size, Backtrace::force_capture()));
        }
    }
}

// SAFETY: all memory is the system allocator's, and is given back to it with the layout it
// was asked for with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        count(layout.size());
        // SAFETY: the caller keeps to the contract of `GlobalAlloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        shrink(layout.size());
        grow(size);
        count(size);
        // SAFETY: as above; `memory` came from here, so from the system.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
