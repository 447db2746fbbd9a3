//! The value of `--threads`.

use std::num::NonZeroUsize;

/// More bring nothing, and a system refuses some tens of thousands in ways that end a program.
pub(crate) const MOST: usize = 256;

/// A number of threads.
pub(crate) fn parse(text: &str) -> Result<NonZeroUsize, String> {
    let number = text
        .parse()
        .ok()
        .filter(|&n: &NonZeroUsize| n.get() <= MOST);
    number.ok_or_else(|| format!("a number from 1 to {MOST} is needed"))
}
