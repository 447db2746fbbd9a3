//! Where the bytes of one call come from and go to, and what one stage did with them.

use super::State;

/// From one buffer to another, or within one.
pub(super) enum Io<'a> {
    Apart { src: &'a [u8], dst: &'a mut [u8] },
    Within { buf: &'a mut [u8], from: usize },
}

impl Io<'_> {
    /// The input behind the first `consumed` bytes.
    pub(super) fn input(&self, consumed: usize) -> &[u8] {
        match self {
            Io::Apart { src, .. } => &src[consumed..],
            Io::Within { buf, from } => &buf[from + consumed..],
        }
    }

    /// The room behind the first `written` bytes. Within one buffer it ends where the input that is
    /// not `consumed` begins.
    pub(super) fn output(&mut self, consumed: usize, written: usize) -> &mut [u8] {
        match self {
            Io::Apart { dst, .. } => &mut dst[written..],
            Io::Within { buf, from } => &mut buf[written..*from + consumed],
        }
    }
}

/// What one stage did; `stop` is `None` if another stage goes on.
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    pub consumed: usize,
    pub written: usize,
    pub stop: Option<State>,
}
