//! Memory between two pages that may not be touched: reading or writing one byte outside of it
//! kills the test.

use std::ffi::c_void;
use std::ptr::null_mut;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Pages with a forbidden one on either side.
pub struct Guarded {
    base: *mut u8,
    page: usize,
    len: usize,
}

impl Guarded {
    /// At least `len` bytes.
    pub fn new(len: usize) -> Guarded {
        let page = rustix::param::page_size();
        let len = len.max(1).next_multiple_of(page);
        // SAFETY: a new mapping at a place the system chooses touches nothing else.
        let base = unsafe {
            mmap_anonymous(
                null_mut(),
                len + 2 * page,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        let base = base.expect("memory").cast::<u8>();
        for border in [base, base.wrapping_add(page + len)] {
            // SAFETY: the first and the last page of the mapping, which nothing refers to yet.
            unsafe { mprotect(border.cast::<c_void>(), page, MprotectFlags::empty()) }
                .expect("mprotect");
        }
        Guarded { base, page, len }
    }

    /// The first `len` bytes: the byte in front is forbidden.
    pub fn front(&mut self, len: usize) -> &mut [u8] {
        &mut self.all()[..len]
    }

    /// The last `len` bytes: the byte behind is forbidden.
    pub fn back(&mut self, len: usize) -> &mut [u8] {
        let at = self.len - len;
        &mut self.all()[at..]
    }

    fn all(&mut self) -> &mut [u8] {
        // SAFETY: the mapping holds `page` forbidden bytes, then `len` zeroed ones that may be read
        // and written, and lives as long as `self`, which is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.base.add(self.page), self.len) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, which nothing refers to: slices borrow `self`.
        let unmapped = unsafe { munmap(self.base.cast(), self.len + 2 * self.page) };
        unmapped.expect("munmap");
    }
}
