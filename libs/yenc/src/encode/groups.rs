//! Encoding eight bytes at a time, for instruction sets that shuffle the bytes of a register by a
//! table: a bit per byte says which are critical, and these eight bits choose the shuffle that
//! spreads the bytes and puts `=` between them. No branch depends on the data but the one that
//! finds the line's end, which is nearly always in the same group.

use super::stage::Spread;

/// For each eight bits: where the up to 16 encoded bytes come from, 0..8 being the bytes of the
/// group and 8..16 `=`.
pub(super) static LOW: Rows = rows(0);

/// The same with the bytes of the group in 8..16 and `=` in 0..8.
pub(super) static HIGH: Rows = rows(8);

#[repr(C, align(64))]
pub(super) struct Rows([[u8; 16]; 256]);

impl Rows {
    #[inline(always)]
    fn of(&self, marks: u32) -> &[u8; 16] {
        &self.0[usize::from(marks as u8)]
    }
}

const fn rows(group: u8) -> Rows {
    let mut table = [[8 ^ group; 16]; 256];
    let mut marks = 0;
    while marks < 256 {
        let (mut from, mut to) = (0, 0);
        while from < 8 {
            // In front of a critical byte the row has `=` already.
            to += marks >> from & 1;
            table[marks][to] = from ^ group;
            from += 1;
            to += 1;
        }
        marks += 1;
    }
    Rows(table)
}

/// What an instruction set has to do.
pub(super) trait Groups {
    /// 16 bytes, two groups.
    type Block: Copy;

    /// Reads 32 bytes. Returns them encoded, but without the `=`, and a bit for each critical one.
    ///
    /// # Safety
    /// `src` may be read for 32 bytes; of the instructions the same holds as for
    /// [`Spread::spread`].
    unsafe fn read(&self, src: *const u8) -> ([Self::Block; 2], u32);

    /// Writes 16 bytes: the first group of `block`, spread as the row of [`LOW`] says.
    ///
    /// # Safety
    /// `dst` may be written for 16 bytes; of the instructions the same holds as for
    /// [`Spread::spread`].
    unsafe fn low(&self, block: Self::Block, row: &[u8; 16], dst: *mut u8);

    /// Writes 16 bytes: the second group of `block`, spread as the row of [`HIGH`] says.
    ///
    /// # Safety
    /// As for [`Groups::low`].
    unsafe fn high(&self, block: Self::Block, row: &[u8; 16], dst: *mut u8);
}

/// Encodes groups of eight.
pub(super) struct ByGroups<G>(pub(super) G);

impl<G: Groups> Spread for ByGroups<G> {
    const BLOCK: usize = 32;

    #[inline(always)]
    unsafe fn spread(&self, src: *const u8, dst: *mut u8) -> usize {
        // SAFETY: of the instructions and of `src` the caller's word is passed on. A group starts
        // at most 48 bytes into `dst`, and writes 16.
        unsafe {
            let ([a, b], marks) = self.0.read(src);
            let [m1, m2, m3] = [marks >> 8, marks >> 16, marks >> 24];
            self.0.low(a, LOW.of(marks), dst);
            let second = 8 + (marks & 0xff).count_ones() as usize;
            self.0.high(a, HIGH.of(m1), dst.add(second));
            let third = 16 + (marks & 0xffff).count_ones() as usize;
            self.0.low(b, LOW.of(m2), dst.add(third));
            let last = 8 + third + (m2 & 0xff).count_ones() as usize;
            self.0.high(b, HIGH.of(m3), dst.add(last));
            32 + marks.count_ones() as usize
        }
    }
}
