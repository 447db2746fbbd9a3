//! The encoder: a part's bytes to the body of an article.
//!
//! It escapes what the yEnc draft calls critical (NUL, LF, CR, `=`) and, because some transports
//! strip them, TAB and space at a line's ends. A dot at a line's start is stuffed, as NNTP wants
//! it. Message headers and the lone `.` are left to the caller.
//!
//! A kernel does the bulk of the lines, and `line` the last ones, byte by byte: so a kernel reads
//! and writes whole vectors and knows nothing of ends.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod control;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod groups;
mod line;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod ssse3;
mod stage;

use crate::kernel::{Isa, Kernel};
use line::{MAX_WIDTH, Progress, Shape, WORST_LINE};
use std::mem::MaybeUninit;

/// What the control lines say about a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSpec<'a> {
    /// Name of the file. CR, LF and NUL are written as `_`.
    pub name: &'a [u8],
    /// Size of the whole file.
    pub file_size: u64,
    /// Position of the part's first byte in the file, from 0.
    pub offset: u64,
    /// Number of the part, from 1.
    pub part: u64,
    /// Number of parts. With 1 there is no `=ypart` and the CRC is called `crc32`.
    pub total: u64,
    /// CRC32 of the whole file, for the trailer of a part.
    pub file_crc: Option<u32>,
}

impl Default for PartSpec<'_> {
    /// A single part.
    fn default() -> Self {
        PartSpec {
            name: b"",
            file_size: 0,
            offset: 0,
            part: 1,
            total: 1,
            file_crc: None,
        }
    }
}

const DEFAULT_LINE: usize = 128;

/// What a kernel wants at least, and the last lines.
const ROOM: usize = stage::ROOM + 2 * WORST_LINE;

/// Makes articles of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoder {
    /// Encoded bytes per line, 1 to 997; an escape may add one, a stuffed dot another. 0 stands
    /// for 128, more than 997 for 997.
    pub line: usize,
    /// Whether a dot in the first column is doubled, as NNTP wants it (RFC 3977 section 3.1.1).
    /// False is for what does not go over NNTP, such as a file.
    pub stuffed: bool,
    /// The kernel to encode with; by default the fastest.
    pub kernel: Kernel,
}

impl Default for Encoder {
    /// Lines of 128, dot-stuffed, the fastest kernel.
    fn default() -> Self {
        Encoder {
            line: DEFAULT_LINE,
            stuffed: true,
            kernel: Kernel::best(),
        }
    }
}

impl Encoder {
    /// Appends the body of an article that carries `data`: control lines and data, CRLF line ends,
    /// without the lone `.`. Of no data there are only the control lines.
    pub fn part(&self, data: &[u8], spec: &PartSpec<'_>, out: &mut Vec<u8>) {
        let shape = self.shape();
        control::header(data.len() as u64, shape.width, spec, out);
        self.lines(data, out);
        control::trailer(data.len() as u64, crc32fast::hash(data), spec, out);
    }

    /// Appends `data` as encoded lines, each ended by CRLF, without control lines. The last may be
    /// shorter; of no data there is none.
    pub fn lines(&self, data: &[u8], out: &mut Vec<u8>) {
        let shape = self.shape();
        let mut rest = data;
        loop {
            // Random data need 1.6 % for escapes and 1.6 % for the ends of lines of 128.
            let ends = rest.len() / shape.width * 2;
            out.reserve(rest.len() + rest.len() / 24 + ends + ROOM);
            let progress = bulk(self.kernel, rest, out.spare_capacity_mut(), shape);
            // SAFETY: the kernel wrote that many bytes to the front of the spare capacity.
            unsafe { out.set_len(out.len() + progress.written) };
            rest = &rest[progress.read..];
            if progress.read == 0 {
                break;
            }
        }
        let mut buffer = [0; WORST_LINE];
        while !rest.is_empty() {
            let progress = line::line(rest, &mut buffer, shape);
            out.extend_from_slice(&buffer[..progress.written]);
            rest = &rest[progress.read..];
        }
    }

    fn shape(&self) -> Shape {
        let width = match self.line {
            0 => DEFAULT_LINE,
            line => line.min(MAX_WIDTH),
        };
        Shape {
            width,
            stuffed: self.stuffed,
        }
    }
}

/// Encodes lines from the front of `src` as long as there is plenty of input and of room.
fn bulk(kernel: Kernel, src: &[u8], dst: &mut [MaybeUninit<u8>], shape: Shape) -> Progress {
    match kernel.isa() {
        Isa::Scalar => scalar::encode(src, dst, shape),
        // Without a byte shuffle there is nothing to win.
        #[cfg(target_arch = "x86_64")]
        Isa::Sse2 => scalar::encode(src, dst, shape),
        // SAFETY: a `Kernel` exists only for instructions that this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Ssse3 => unsafe { ssse3::encode(src, dst, shape) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { ssse3::encode_avx2(src, dst, shape) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512::encode(src, dst, shape) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => unsafe { neon::encode(src, dst, shape) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_stays_within_its_room_and_says_how_far_it_came() {
        // Some of everything, so that lines are of many lengths.
        let data: Vec<u8> = (0..3000u32).map(|n| (n * n / 7) as u8).collect();
        let critical = [0xd6; 9000];
        for kernel in Kernel::available() {
            for (data, width) in [(&data[..], 128), (&data, 5), (&data, 997), (&critical, 128)] {
                for room in (0..1500).chain((1500..24_000).step_by(77)) {
                    let stuffed = true;
                    check_room(kernel, data, room, Shape { width, stuffed });
                }
            }
        }
    }

    /// That what a kernel wrote into `room` bytes is what one line after the other gives.
    fn check_room(kernel: Kernel, data: &[u8], room: usize, shape: Shape) {
        let mut dst = vec![MaybeUninit::new(0xaa); room + 256];
        let progress = bulk(kernel, data, &mut dst[..room], shape);
        let init = |bytes: &[MaybeUninit<u8>]| -> Vec<u8> {
            // SAFETY: asked for only of what the kernel says it wrote, and of what it must not.
            let init = bytes.iter().map(|byte| unsafe { byte.assume_init() });
            init.collect()
        };
        assert_eq!(init(&dst[room..]), [0xaa; 256], "{kernel}, room {room}");
        let dst = init(&dst[..progress.written]);
        let (mut read, mut written, mut buffer) = (0, 0, [0; WORST_LINE]);
        while read < progress.read {
            let one = line::line(&data[read..], &mut buffer, shape);
            assert!(dst[written..].starts_with(&buffer[..one.written]));
            read += one.read;
            written += one.written;
        }
        assert_eq!((read, written), (progress.read, progress.written));
    }
}
