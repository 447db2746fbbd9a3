//! Eight bytes in one register: the arithmetic of the scalar kernel.
//!
//! Words are little-endian, so the first byte is the lowest and `trailing_zeros` finds it.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// Subtracts `n` (at most 128) from each byte, without borrows between them.
#[inline(always)]
pub(crate) fn subtract(word: u64, n: u8) -> u64 {
    ((word | HIGHS) - ONES * u64::from(n)) ^ (!word & HIGHS)
}

/// Sets the high bit of bytes that equal `byte`. Right up to the first such byte; above it there
/// may be false hits, so only [`first`] may look at the result.
#[inline(always)]
pub(crate) fn equals(word: u64, byte: u8) -> u64 {
    let zero = word ^ (ONES * u64::from(byte));
    zero.wrapping_sub(ONES) & !zero & HIGHS
}

/// Index of the first byte that [`equals`] marked; 8 if there is none.
#[inline(always)]
pub(crate) fn first(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_like_bytes() {
        for byte in 0..=255u8 {
            let bytes = [byte, 0, 255, 41, 42, 43, byte.wrapping_add(1), 127];
            let word = u64::from_le_bytes(bytes);
            assert_eq!(
                subtract(word, 42).to_le_bytes(),
                bytes.map(|b| b.wrapping_sub(42))
            );
        }
    }

    #[test]
    fn the_first_mark_is_exact() {
        for byte in 0..=255u8 {
            for other in 0..=255u8 {
                let bytes = [other, other, byte, other, byte, other, other, other];
                let found = first(equals(u64::from_le_bytes(bytes), byte));
                assert_eq!(found, if other == byte { 0 } else { 2 });
            }
        }
        assert_eq!(first(equals(0, 1)), 8);
    }
}
