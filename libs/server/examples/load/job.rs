//! The files on offer, and the articles of their parts. Bodies are made and encoded once;
//! parts share them. Sending is left to `session`.

use std::error::Error;
use std::fs::File as Output;
use std::io::BufWriter;
use std::path::Path;

use crc32fast::Hasher;
use nzbpipe_nzb::write::{Head, Writer};
use nzbpipe_yenc::Encoder;

/// The lines of a part's data, as they go over the wire.
struct Lines {
    text: Vec<u8>,
    len: usize,
    crc: u32,
}

pub struct File {
    pub name: String,
    pub size: u64,
    pub parts: u64,
    pub crc: u32,
    /// Parts of the files before.
    first: u64,
    last: Lines,
}

pub struct Job {
    article: usize,
    bodies: Vec<Lines>,
    files: Vec<File>,
}

/// An article behind its headers. The lone `.` is part of `tail`.
pub struct Body<'a> {
    pub head: String,
    pub lines: &'a [u8],
    pub tail: String,
}

impl Job {
    /// `files` files of `bytes` bytes together, in parts of `article` bytes.
    pub fn new(bytes: u64, article: usize, bodies: usize, files: usize) -> Job {
        let count = files as u64;
        let needed = (bytes / count).div_ceil(article as u64) * count;
        let bodies = (bodies as u64).min(needed);
        let mut job = Job {
            article,
            bodies: (0..bodies).map(|n| encode(&noise(n, article))).collect(),
            files: Vec::new(),
        };
        for n in 0..count {
            let size = bytes / count + u64::from(n < bytes % count);
            let file = job.file(n, size);
            job.files.push(file);
        }
        job
    }

    fn file(&self, n: u64, size: u64) -> File {
        let first = self.files.last().map_or(0, |file| file.first + file.parts);
        let parts = size.div_ceil(self.article as u64);
        let rest = size - (parts - 1) * self.article as u64;
        let body = self.body(first + parts - 1);
        let last = encode(&noise(body as u64, self.article)[..rest as usize]);
        let mut whole = Hasher::new();
        for part in 0..parts - 1 {
            let lines = &self.bodies[self.body(first + part)];
            whole.combine(&Hasher::new_with_initial_len(lines.crc, lines.len as u64));
        }
        whole.combine(&Hasher::new_with_initial_len(last.crc, last.len as u64));
        File {
            name: format!("load-{n:04}.bin"),
            size,
            parts,
            crc: whole.finalize(),
            first,
            last,
        }
    }

    pub fn files(&self) -> &[File] {
        &self.files
    }

    fn body(&self, part: u64) -> usize {
        (part % self.bodies.len() as u64) as usize
    }

    /// The article called `id`, which has no angle brackets.
    pub fn article(&self, id: &str) -> Option<Body<'_>> {
        let (file, part) = id.strip_suffix("@load.invalid")?.split_once('.')?;
        let file = self.files.get(file.parse::<usize>().ok()?)?;
        let part: u64 = part.parse().ok().filter(|part| *part < file.parts)?;
        Some(self.part(file, part))
    }

    fn part(&self, file: &File, part: u64) -> Body<'_> {
        // The files live as long as the job.
        let lines = match part + 1 == file.parts {
            true => &self.files[self.index(file)].last,
            false => &self.bodies[self.body(file.first + part)],
        };
        let (name, size, len, crc) = (&file.name, file.size, lines.len, lines.crc);
        let (head, tail);
        if file.parts == 1 {
            head = format!("=ybegin line=128 size={size} name={name}\r\n");
            tail = format!("=yend size={len} crc32={crc:08x}\r\n.\r\n");
        } else {
            let (number, total) = (part + 1, file.parts);
            let begin = part * self.article as u64 + 1;
            let end = begin + len as u64 - 1;
            head = format!(
                "=ybegin part={number} total={total} line=128 size={size} name={name}\r\n\
                 =ypart begin={begin} end={end}\r\n"
            );
            tail = format!("=yend size={len} part={number} pcrc32={crc:08x}\r\n.\r\n");
        }
        Body {
            head,
            lines: &lines.text,
            tail,
        }
    }

    fn index(&self, file: &File) -> usize {
        self.files.partition_point(|other| other.first < file.first)
    }

    pub fn write_nzb(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let mut nzb = Writer::new(BufWriter::new(Output::create(path)?))?;
        let groups = ["alt.binaries.test".to_owned()];
        for (n, file) in self.files.iter().enumerate() {
            nzb.file(&Head {
                subject: &format!(
                    "[{}/{}] - \"{}\" yEnc (1/{}) {}",
                    n + 1,
                    self.files.len(),
                    file.name,
                    file.parts,
                    file.size
                ),
                poster: "load <load@load.invalid>",
                date: Some(1_700_000_000),
                groups: &groups,
            })?;
            for part in 0..file.parts {
                let body = self.part(file, part);
                let bytes = body.head.len() + body.lines.len() + body.tail.len() - ".\r\n".len();
                let id = format!("{n}.{part}@load.invalid");
                nzb.segment(part + 1, Some(bytes as u64), &id)?;
            }
        }
        nzb.finish()?;
        Ok(())
    }
}

fn encode(data: &[u8]) -> Lines {
    let mut text = Vec::new();
    Encoder::default().lines(data, &mut text);
    text.shrink_to_fit();
    Lines {
        text,
        len: data.len(),
        crc: crc32fast::hash(data),
    }
}

/// Random bytes, the same in every run (splitmix64).
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
