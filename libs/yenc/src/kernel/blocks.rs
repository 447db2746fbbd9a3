//! What the SIMD kernels share: the data in blocks of 64 bytes, without a branch on what they hold.
//!
//! In well-formed data a block needs three masks: the bytes to be dropped (`=`, CR, LF), the bytes
//! behind a `=`, and whether anything is in doubt. Only doubt branches, and it is rare: a dot or
//! `=y` at a line's start, `=` before one of the bytes that are never escaped into. What a block
//! has to know of the bytes before it, it reads from them; for the first block of an input they
//! are made up from the state ([`before`]). That way nothing is carried from block to block, and a
//! cut of the input at any place is no special case.
//!
//! Doubt is settled with exact masks. What is left then (control lines, the end of the article,
//! malformed escapes), and what is less than a block, is left to `rest`.

use crc32fast::Hasher;

use super::grammar::{Last, Run, step};
use super::rest::{bytes, part};

/// Bytes in a block.
pub(super) const BLOCK: usize = 64;

/// Raw bytes that tell the state: see [`before`].
pub(super) const CONTEXT: usize = 4;

/// 64 bytes in registers, and what can be done with them. `before` are always the same bytes moved
/// by one: byte n of it is byte n-1 of `self`.
///
/// # Safety
/// All methods may only be called where the instructions of the implementing kernel are enabled.
/// Pointers are good for 64 bytes.
pub(super) trait Block: Copy {
    unsafe fn load(from: *const u8) -> Self;

    /// Asks for the memory around `place`, which need not be good.
    unsafe fn ahead(place: *const u8);

    /// Bit n is set if byte n equals `byte`.
    unsafe fn equal(self, byte: u8) -> u64;

    /// Decodes a block that is well-formed: writes what it holds, and up to 64 bytes, and returns
    /// how many count. None: there is doubt, nothing is written. That is where there are, as
    /// neighbours, `=` and another `=`, CR, LF or `y`, or, if `stuffed`, LF and a dot; it may be
    /// elsewhere too.
    unsafe fn decode(self, before: Self, stuffed: bool, to: *mut u8) -> Option<usize>;

    /// Decodes a block that is in doubt: [`doubtful`], but not where the loop needs the registers.
    unsafe fn doubtful(self, before: Self, behind: u8, stuffed: bool, to: *mut u8)
    -> Option<usize>;

    /// Decodes the bytes that `kept` marks and writes them without gaps, up to 64 bytes.
    unsafe fn keep(self, before: Self, kept: u64, to: *mut u8);
}

/// Where input and output are: `len` bytes from `src`, `room` bytes from `dst`. Within one buffer,
/// `dst` is not above `src`, and the room reaches to the end of the input.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub src: *const u8,
    pub len: usize,
    pub dst: *mut u8,
    pub room: usize,
    /// Both lie in one buffer.
    pub within: bool,
    /// What came before was odd: better not begin with a block.
    pub rough: bool,
}

/// How far it got.
pub(super) struct At {
    pub src: usize,
    pub dst: usize,
    /// Of the output, how much is in the CRC32.
    summed: usize,
}

/// How much is written before the CRC32 catches up: that much input and output is still in the
/// first-level cache then.
const SLICE: usize = 16 << 10;

/// Decodes until something that is not data, or the end of the input or of the room. What is
/// written goes into `crc`, if there is one.
///
/// # Safety
/// `place` holds what [`Place`] says: `src` can be read for `len` bytes, `dst` written for `room`
/// bytes, and they are apart or `dst` is not above `src`. The instructions of `B` are enabled.
#[inline(always)]
pub(super) unsafe fn decode<B: Block>(
    last: &mut Last,
    stuffed: bool,
    place: Place,
    crc: &mut Option<Hasher>,
) -> Run {
    let mut at = At {
        src: 0,
        dst: 0,
        summed: 0,
    };
    let stop = loop {
        let begun = at.src;
        if let Some(context) = before(*last).filter(|_| !place.rough || begun > 0) {
            // SAFETY: `place` is as the caller promises.
            let context = unsafe { blocks::<B>(context, stuffed, place, &mut at, crc) };
            *last = state(context, stuffed);
        }
        // Where one malformed spot follows the other, trying blocks in between costs the most.
        let until = begun + BLOCK;
        // SAFETY: as above.
        if let Some(stop) = unsafe { bytes(last, stuffed, place, &mut at, until) } {
            break stop;
        }
    };
    // SAFETY: `at.dst` bytes are written.
    unsafe { sum(crc, place, &mut at) };
    Run {
        consumed: at.src,
        written: at.dst,
        stop,
    }
}

/// Lets the CRC32 catch up.
///
/// # Safety
/// `place` can be written where [`decode`] says, and up to `at` it is.
#[inline(never)]
unsafe fn sum(crc: &mut Option<Hasher>, place: Place, at: &mut At) {
    if let Some(crc) = crc {
        // SAFETY: the caller has written `at.dst` bytes.
        let new =
            unsafe { std::slice::from_raw_parts(place.dst.add(at.summed), at.dst - at.summed) };
        crc.update(new);
        at.summed = at.dst;
    }
}

/// Bytes that lead to `last`. None: no block can go on from there.
#[inline(always)]
pub(super) fn before(last: Last) -> Option<[u8; CONTEXT]> {
    match last {
        Last::Plain => Some(*b"aaaa"),
        Last::Lf => Some(*b"aaa\n"),
        Last::CrLf => Some(*b"aa\r\n"),
        Last::Cr => Some(*b"aaa\r"),
        Last::Eq => Some(*b"aaa="),
        Last::LineEq => Some(*b"aa\n="),
        Last::LfDot | Last::CrLfDot | Last::DotCr | Last::LineEqY | Last::End => None,
    }
}

/// The state behind `context`, which blocks have gone through without doubt: then no `=` in it is
/// itself escaped, and three bytes are enough to tell.
#[inline(never)]
fn state(context: [u8; CONTEXT], stuffed: bool) -> Last {
    context
        .iter()
        .fold(Last::Plain, |last, byte| step(last, *byte, stuffed).0)
}

/// Goes through whole blocks where they lie, then through what is left over at the end of input
/// or room. Returns the raw bytes before the place where it stopped.
///
/// # Safety
/// As of [`decode`]; `at` is within `place`.
#[inline(always)]
unsafe fn blocks<B: Block>(
    context: [u8; CONTEXT],
    stuffed: bool,
    place: Place,
    at: &mut At,
    crc: &mut Option<Hasher>,
) -> [u8; CONTEXT] {
    // SAFETY: as the caller promises.
    unsafe {
        let mut context = if place.within {
            whole::<B, true>(context, stuffed, place, at, crc)
        } else {
            whole::<B, false>(context, stuffed, place, at, crc)
        };
        loop {
            let n = BLOCK.min(place.len - at.src).min(place.room - at.dst);
            if n == 0 || !part::<B>(&mut context, stuffed, place, at, n) {
                break context;
            }
        }
    }
}

/// Whole blocks, until one has to go through the grammar or does not fit.
///
/// # Safety
/// As of [`blocks`]. `WITHIN` is what `place` says.
#[inline(always)]
unsafe fn whole<B: Block, const WITHIN: bool>(
    mut context: [u8; CONTEXT],
    stuffed: bool,
    place: Place,
    at: &mut At,
    crc: &mut Option<Hasher>,
) -> [u8; CONTEXT] {
    let Place {
        src,
        len,
        dst,
        room,
        ..
    } = place;
    let (start, mut i, mut o) = (at.src, at.src, at.dst);
    // One byte more is looked at than the block has, or a block more. The subtractions cannot fail
    // behind the check.
    let needed = if WITHIN { 2 * BLOCK } else { BLOCK };
    if len - i <= needed || room - o < BLOCK {
        return context;
    }
    let (last_in, last_out) = (len - needed - 1, room - BLOCK);
    // SAFETY: `i <= last_in` and `o <= last_out` hold whenever a block is loaded: by the condition
    // above, and at the end of the inner loop and of the outer one.
    unsafe {
        let mut before = B::load(shifted(context[CONTEXT - 1], src.add(i)).as_ptr());
        loop {
            let pause = match crc {
                Some(_) => (at.summed + SLICE).min(last_out),
                None => last_out,
            };
            // Doubt leaves this loop: it needs its registers.
            let doubt = loop {
                B::ahead(src.wrapping_add(i + AHEAD));
                B::ahead(dst.wrapping_add(o + AHEAD));
                let v = B::load(src.add(i));
                // Within one buffer, the block overwrites what is looked back at.
                let kept_back = if WITHIN {
                    Some(back(src, i + BLOCK))
                } else {
                    None
                };
                let Some(written) = v.decode(before, stuffed, dst.add(o)) else {
                    break true;
                };
                (i, o) = (i + BLOCK, o + written);
                if let Some(back) = kept_back {
                    (before, context) = back;
                }
                if i > last_in || o > pause {
                    break false;
                }
                if !WITHIN {
                    before = B::load(src.add(i - 1));
                }
            };
            (at.src, at.dst) = (i, o);
            if doubt {
                let (v, behind) = (B::load(src.add(i)), *src.add(i + BLOCK));
                let kept_back = if WITHIN {
                    Some(back(src, i + BLOCK))
                } else {
                    None
                };
                let Some(written) = v.doubtful(before, behind, stuffed, dst.add(o)) else {
                    break;
                };
                (i, o) = (i + BLOCK, o + written);
                if let Some(back) = kept_back {
                    (before, context) = back;
                }
            } else {
                sum(crc, place, at);
            }
            if i > last_in || o > last_out {
                break;
            }
            if !WITHIN {
                before = B::load(src.add(i - 1));
            }
        }
        (at.src, at.dst) = (i, o);
        if !WITHIN && i > start {
            context = src.add(i - CONTEXT).cast::<[u8; CONTEXT]>().read();
        }
        context
    }
}

/// What will be looked back at from `i` on: the block that begins one byte before, and the context.
///
/// # Safety
/// There are [`CONTEXT`] bytes before `src` + `i`, and a block behind it. The instructions of `B`
/// are enabled.
#[inline(always)]
unsafe fn back<B: Block>(src: *const u8, i: usize) -> (B, [u8; CONTEXT]) {
    // SAFETY: the caller's promise.
    unsafe {
        let context = src.add(i - CONTEXT).cast::<[u8; CONTEXT]>().read();
        (B::load(src.add(i - 1)), context)
    }
}

/// How far ahead memory is asked for: without, a tenth slower when the input is in the second-level
/// cache or further away.
const AHEAD: usize = 1024;

/// `byte` and all but the last byte of the block at `src`.
///
/// # Safety
/// There is a block at `src`.
#[inline(never)]
unsafe fn shifted(byte: u8, src: *const u8) -> [u8; BLOCK] {
    let mut shifted = [byte; BLOCK];
    // SAFETY: the caller's block.
    unsafe { src.copy_to(shifted.as_mut_ptr().add(1), BLOCK - 1) };
    shifted
}

/// Decodes a block by exact masks, as [`Block::decode`] does in another way. None: some of its
/// bytes have to go through the grammar, nothing is written. `behind` is the byte behind it.
///
/// # Safety
/// As of [`Block`].
#[inline(always)]
pub(super) unsafe fn doubtful<B: Block>(
    v: B,
    before: B,
    behind: u8,
    stuffed: bool,
    to: *mut u8,
) -> Option<usize> {
    // SAFETY: the caller has the instructions, and `to` is good for 64 bytes.
    unsafe {
        let (kept, hard) = settle(v, before, behind, stuffed);
        if hard != 0 {
            return None;
        }
        v.keep(before, kept, to);
        Some(kept.count_ones() as usize)
    }
}

/// Settles doubt: which bytes are data, and which have to go through the grammar. `behind` is the
/// byte behind the block.
///
/// # Safety
/// As of [`Block`].
#[inline(always)]
pub(super) unsafe fn settle<B: Block>(v: B, before: B, behind: u8, stuffed: bool) -> (u64, u64) {
    // SAFETY: the caller has the instructions.
    unsafe {
        let special = v.equal(b'=') | v.equal(b'\r') | v.equal(b'\n');
        let malformed = before.equal(b'=') & (special | v.equal(b'y'));
        let dots = if stuffed {
            before.equal(b'\n') & v.equal(b'.')
        } else {
            0
        };
        let next = special >> 1 | u64::from(matches!(behind, b'\r' | b'\n' | b'=')) << 63;
        (!(special | dots), malformed | dots & next)
    }
}
