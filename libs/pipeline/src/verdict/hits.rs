//! Holes to blocks, and to bytes.

use nzbpipe_store::par2::Protected;

use super::{Fate, Listed};

/// How many blocks of a protected file are not there. `None`: nothing of it is.
pub fn blocks(protected: &Protected, slice: u64, fate: Option<&Fate>) -> u64 {
    let all = protected.slices(slice);
    match fate {
        Some(fate) if is_located(fate) && slice > 0 => {
            let mut next = 0;
            let mut hit = 0;
            for (start, end) in holes(fate, protected.size) {
                // The last slice is shorter than the others, and one all the same.
                let (first, after) = ((start / slice).max(next), (end - 1) / slice + 1);
                hit += after.saturating_sub(first);
                next = next.max(after);
            }
            hit
        }
        _ => all,
    }
}

/// How many bytes of a file that is not complete are not there. `size` is its size by
/// the set that protects it.
pub fn missing(file: &Listed<'_>, size: Option<u64>) -> u64 {
    match file.fate {
        Some(fate) if is_located(fate) => {
            let size = size.or(fate.size).unwrap_or(u64::MAX);
            let mut next = 0;
            let mut missing = 0;
            for (start, end) in holes(fate, size) {
                missing += end.saturating_sub(start.max(next));
                next = next.max(end);
            }
            missing
        }
        fate => size
            .or(fate.and_then(|fate| fate.size))
            .unwrap_or(file.bytes),
    }
}

fn is_located(fate: &Fate) -> bool {
    fate.complete || fate.located
}

/// The holes within a file of `size` bytes by rising start, none of them empty; and what
/// it lacks at its end.
fn holes(fate: &Fate, size: u64) -> Vec<(u64, u64)> {
    let tail = fate.size.map(|known| (known, size));
    let holes = fate.holes.iter().copied().chain(tail);
    let mut holes: Vec<_> = holes
        .map(|(start, end)| (start, end.min(size)))
        .filter(|(start, end)| start < end)
        .collect();
    holes.sort_unstable();
    holes
}
