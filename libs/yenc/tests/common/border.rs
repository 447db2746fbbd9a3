//! Memory that ends where reading and writing end.

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Memory whose last byte is followed by a page that can be neither read nor written.
pub struct Border {
    start: *mut u8,
}

pub const SIZE: usize = 64 << 10;
const GUARD: usize = 64 << 10;

impl Border {
    pub fn new() -> Self {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the mapping is new, so nothing else is changed.
        let start = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                SIZE + GUARD,
                protection,
                MapFlags::PRIVATE,
            )
        };
        let start = start.expect("memory");
        // SAFETY: the pages are in the mapping and not in use.
        let guarded = unsafe { mprotect(start.byte_add(SIZE), GUARD, MprotectFlags::empty()) };
        guarded.expect("protection");
        Border {
            start: start.cast(),
        }
    }

    /// The last `len` bytes in front of the border.
    pub fn last(&mut self, len: usize) -> &mut [u8] {
        // SAFETY: the mapping is that large, zeroed, and lives as long as `self`.
        let all = unsafe { std::slice::from_raw_parts_mut(self.start, SIZE) };
        &mut all[SIZE - len..]
    }
}

impl Drop for Border {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and borrows of it have ended.
        unsafe { munmap(self.start.cast(), SIZE + GUARD) }.expect("unmapped");
    }
}
