//! The way of all kernels: first encode some KiB without regard to lines, then cut them.
//!
//! Where a line ends depends on all escapes before it. Found while encoding, it makes each line
//! wait for the one before; in bytes already encoded it is a matter of adding the width and looking
//! at one byte. There `=` is always the first byte of an escape, and neither `=` nor TAB, space or
//! a dot is ever the second.

use super::line::{ESCAPED, MAX_WIDTH, Progress, Shape, is_blank};
use std::mem::MaybeUninit;

/// The part of a kernel that is done with special instructions.
pub(super) trait Spread {
    /// Bytes it encodes at a time, at most [`READS`].
    const BLOCK: usize;

    /// Encodes the `BLOCK` bytes at `src` without regard to lines. Returns how many bytes that
    /// made, at most two of each.
    ///
    /// # Safety
    /// The CPU has the instructions that the implementation uses, and the function this is inlined
    /// into has them enabled. `src` may be read for [`READS`] bytes, `dst` be written for
    /// [`WRITES`].
    unsafe fn spread(&self, src: *const u8, dst: *mut u8) -> usize;
}

/// How far [`Spread::spread`] may read.
pub(super) const READS: usize = 64;

/// How far [`Spread::spread`] may write.
pub(super) const WRITES: usize = 2 * READS;

/// Input encoded before it is cut: it, the stage and the lines fit into the L1 cache together.
const CHUNK: usize = 8 << 10;

/// What may be left of a line, a chunk and a block of it that all had to be escaped, and how far a
/// kernel writes or [`copy`] reads beyond.
const STAGE: usize = MAX_WIDTH + 2 * (CHUNK + READS) + WRITES;

/// Bytes that [`copy`] takes at once: a usual line.
const COPY: usize = 128;

/// Room that a line may need besides its columns: a stuffed dot, the second byte of an escape in
/// the last column, CRLF, and what [`copy`] writes too much.
pub(super) const ROOM: usize = 4 + COPY;

/// Encodes whole lines while `src` and `dst` have room for more than one. The last bytes of the
/// input are always left: their line may be shorter.
///
/// # Safety
/// The CPU has the instructions that `S` uses, and the calling function has them enabled.
#[inline(always)]
pub(super) unsafe fn lines<S: Spread>(
    kernel: S,
    src: &[u8],
    dst: &mut [MaybeUninit<u8>],
    shape: Shape,
) -> Progress {
    const { assert!(S::BLOCK <= READS && COPY <= WRITES) };
    let mut stage = [MaybeUninit::<u8>::uninit(); STAGE];
    let stage = stage.as_mut_ptr().cast::<u8>();
    let (mut read, mut written, mut left) = (0, 0, 0);
    while left <= shape.width && src.len() - read > READS {
        let until = src.len().min(read + CHUNK + READS) - READS;
        let mut end = left;
        while read < until {
            // SAFETY: `read` is at least `READS` before the end of `src`. `left` is no more than a
            // line, and what is added is no more than two bytes each of a chunk and of a block.
            end += unsafe { kernel.spread(src.as_ptr().add(read), stage.add(end)) };
            read += S::BLOCK;
        }
        // SAFETY: `stage` is filled up to `end`, and goes on for `WRITES`, which are enough.
        let cut = unsafe { cut(stage, end, &mut dst[written..], shape) };
        written += cut.written;
        left = end - cut.read;
        // SAFETY: both are in what is filled.
        unsafe { std::ptr::copy(stage.add(cut.read), stage, left) };
    }
    // SAFETY: `stage` is filled up to `left`.
    let rest = unsafe { std::slice::from_raw_parts(stage, left) };
    Progress {
        read: read - rest.iter().filter(|code| **code != b'=').count(),
        written,
    }
}

/// Cuts whole lines from the front of the `end` bytes at `stage`, as long as there is more than a
/// line and `dst` has room.
///
/// # Safety
/// `stage` is filled up to `end` and goes on for [`COPY`] bytes more.
#[inline(always)]
unsafe fn cut(stage: *const u8, end: usize, dst: &mut [MaybeUninit<u8>], shape: Shape) -> Progress {
    let to = dst.as_mut_ptr().cast::<u8>();
    let (mut read, mut written) = (0, 0);
    while end - read > shape.width && dst.len() - written >= shape.width + ROOM {
        // SAFETY: a line takes at most the byte after its columns from `stage`, and there is one.
        // In `dst` the columns, four bytes more and the excess of `copy` have room.
        unsafe {
            let mut columns = shape.width;
            let first = *stage.add(read);
            to.add(written).write(b'.');
            written += usize::from(first == b'.' && shape.stuffed);
            if is_blank(first) {
                put(to.add(written), [b'=', first + ESCAPED]);
                written += 2;
                read += 1;
                columns = columns.saturating_sub(2);
            }
            if columns > 0 {
                copy(stage.add(read), to.add(written), columns);
                read += columns;
                written += columns;
                let last = *stage.add(read - 1);
                if last == b'=' {
                    to.add(written).write(*stage.add(read));
                    read += 1;
                    written += 1;
                } else if is_blank(last) {
                    put(to.add(written - 1), [b'=', last + ESCAPED]);
                    written += 1;
                }
            }
            put(to.add(written), *b"\r\n");
            written += 2;
        }
    }
    Progress { read, written }
}

/// Writes two bytes.
///
/// # Safety
/// `dst` may be written for two bytes.
#[inline(always)]
unsafe fn put(dst: *mut u8, bytes: [u8; 2]) {
    // SAFETY: the caller vouches for it.
    unsafe { dst.cast::<[u8; 2]>().write(bytes) }
}

/// Copies `len` bytes and up to [`COPY`] more: for the usual line no call and no loop.
///
/// # Safety
/// `src` may be read, and `dst` written, for the longer of `len` and `COPY`.
#[inline(always)]
unsafe fn copy(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: the caller vouches for both. What is copied too much may be uninitialised: it is not
    // looked at here, and overwritten or behind the end there.
    unsafe {
        dst.copy_from_nonoverlapping(src, COPY);
        if len > COPY {
            let (src, dst) = (src.add(COPY), dst.add(COPY));
            dst.copy_from_nonoverlapping(src, len - COPY);
        }
    }
}
