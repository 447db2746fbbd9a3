//! Decoding and writing, each alone: what they work on is as hot in the cache as it would
//! be on the whole path.

use std::error::Error;

use nzbpipe_yenc::{Decoder, Encoder, Options, PartSpec, State, Verdict};

use crate::linux::Moved;
use crate::linux::args::Args;
use crate::linux::files::Files;
use crate::linux::job::Job;
use crate::linux::meter::Meter;

/// So many that the branch predictor does not learn them by heart.
const DIFFERENT: u64 = 48;

/// Decodes as many parts as the job has, in pieces as they would be received.
pub fn decode(args: &Args, job: &Job, meter: &mut Meter) -> Result<Moved, Box<dyn Error>> {
    let bodies: Vec<_> = meter.aside(|| (0..DIFFERENT).map(|n| body(n, args.article)).collect());
    let mut decoder = Decoder::new(Options {
        stuffed: true,
        ..Options::default()
    });
    let mut received = vec![0; args.read];
    let mut part = vec![0; args.article + args.read + Decoder::SLACK];
    let mut moved = Moved::default();
    for (_, body) in job.segments.iter().zip(bodies.iter().cycle()) {
        let mut written = 0;
        for piece in body.chunks(args.read) {
            // The kernel's copy would leave it like this.
            let piece = meter.aside(|| {
                received[..piece.len()].copy_from_slice(piece);
                &received[..piece.len()]
            });
            let progress = decoder.decode(piece, &mut part[written..]);
            written += progress.written;
            if progress.state == State::Full {
                return Err("a part is too large".into());
            }
        }
        if decoder.finish().verdict != Verdict::Ok {
            return Err("a part was decoded wrongly".into());
        }
        moved.decoded += written as u64;
        moved.wire += body.len() as u64;
    }
    Ok(moved)
}

fn body(seed: u64, len: usize) -> Vec<u8> {
    let data = noise(seed, len);
    let mut body = Vec::new();
    let spec = PartSpec {
        name: b"x",
        file_size: len as u64,
        ..PartSpec::default()
    };
    Encoder::default().part(&data, &spec, &mut body);
    body.extend_from_slice(b".\r\n");
    body
}

/// Random bytes (xorshift).
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Writes as many parts as the job has, one after the other.
pub fn write(args: &Args, job: &Job) -> Result<Moved, Box<dyn Error>> {
    let out = args.out.clone().ok_or("nowhere to write")?;
    let mut files = Files::new(out, args.preallocate);
    let part = noise(1, args.article);
    let size = (part.len() * job.segments.len()) as u64;
    for n in 0..job.segments.len() {
        files.put(0, size, (n * part.len()) as u64, &part)?;
    }
    Ok(Moved {
        decoded: size,
        wire: 0,
        calls: files.calls,
    })
}
