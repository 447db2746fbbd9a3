//! For each set of bytes to be kept of sixteen, the shuffle that moves them together.
//!
//! Half a MiB, of which random data touch two or three KiB: mostly all are kept, or all but one or
//! two neighbours. Pages that are not touched are not even read from the program's file.

/// Indexed by a mask of fifteen bits, in which those of the bytes to be kept are set: whether the
/// sixteenth is makes no difference for the others.
#[repr(align(64))]
pub(super) struct Squeeze([[u8; 16]; 1 << 15]);

pub(super) static SQUEEZE: Squeeze = Squeeze(build());

const fn build() -> [[u8; 16]; 1 << 15] {
    let mut table = [[0; 16]; 1 << 15];
    let mut kept = 0;
    while kept < table.len() {
        let (mut from, mut to) = (0, 0);
        while from < 16 {
            table[kept][to] = from;
            to += kept >> from & 1;
            from += 1;
        }
        kept += 1;
    }
    table
}

impl Squeeze {
    /// The shuffle for the bits 16 n to 16 n + 15 of `kept`.
    #[inline(always)]
    pub(super) fn shuffle(&self, kept: u64, n: usize) -> *const u8 {
        // The place in bytes: less to do than to look up an element.
        let at = match n {
            0 => kept << 4,
            n => kept >> (16 * n - 4),
        };
        self.0
            .as_ptr()
            .cast::<u8>()
            .wrapping_add((at & 0x7_fff0) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_first_and_in_order() {
        for kept in 0..1u32 << 15 {
            let order = (0..16u8).filter(|at| kept >> at & 1 == 1);
            let shuffle = &SQUEEZE.0[kept as usize];
            assert!(order.zip(shuffle).all(|(at, from)| at == *from));
        }
    }
}
