//! A file as a stream has it, and what `seg-cat` makes of a stream.

use std::io::{Read, Seek};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::*;
use crate::Silent;
use nzbpipe_record::{End, Failed, Missing, Pool, Stream, Writer};

/// A file in pieces of 1000 bytes, as a stream has them.
pub struct Film {
    pub data: Vec<u8>,
    pub of: u64,
}

impl Film {
    pub fn new(size: usize) -> Film {
        let mut state = 7u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        Film {
            data: (0..size).map(|_| byte()).collect(),
            of: size.div_ceil(1000).max(1) as u64,
        }
    }

    pub fn segment(&self, number: u64) -> Segment {
        Segment {
            job: "j".to_owned(),
            file_id: "f".to_owned(),
            name: "film".to_owned(),
            number,
            of: self.of,
            id: format!("{number}@x"),
            ..Segment::default()
        }
    }

    pub fn part(&self, number: u64) -> Record {
        self.part_with(number, |_| {})
    }

    pub fn part_with(&self, number: u64, change: impl FnOnce(&mut Part)) -> Record {
        let start = (number as usize - 1) * 1000;
        let bytes = self.data[start..self.data.len().min(start + 1000)].to_vec();
        let mut part = Part {
            offset: Some(start as u64),
            size: Some(self.data.len() as u64),
            crc: Crc::Ok,
            crc32: Some(format!("{:08x}", crc32fast::hash(&bytes))),
            segment: self.segment(number),
            ..Part::default()
        };
        change(&mut part);
        Record::with_payload(part, bytes)
    }

    pub fn missing(&self, number: u64) -> Record {
        Missing {
            segment: self.segment(number),
            ..Missing::default()
        }
        .into()
    }

    pub fn failed(&self, number: u64, class: Class) -> Record {
        Failed {
            segment: self.segment(number),
            class,
            reason: "why".to_owned(),
            ..Failed::default()
        }
        .into()
    }

    pub fn parts(&self) -> Vec<Record> {
        (1..=self.of).map(|number| self.part(number)).collect()
    }
}

/// How a stream is read.
pub struct Way {
    pub pick: Pick,
    pub accept_unverified: bool,
    pub zero_fill: bool,
    pub window: u64,
    pub spill: u64,
}

impl Default for Way {
    fn default() -> Way {
        Way {
            pick: Pick::Only,
            accept_unverified: false,
            zero_fill: false,
            window: 1 << 20,
            spill: u64::MAX,
        }
    }
}

pub const FILL: Way = Way {
    pick: Pick::Only,
    accept_unverified: false,
    zero_fill: true,
    window: 1 << 20,
    spill: u64::MAX,
};

pub struct Done {
    pub out: Vec<u8>,
    pub code: u8,
    pub spilled: bool,
    pub catted: Catted,
}

pub fn file(records: &[Record]) -> File {
    let mut writer = Writer::new(tempfile::tempfile().unwrap());
    writer.write(&Stream::new("test").into()).unwrap();
    for record in records {
        writer.write(record).unwrap();
    }
    writer.write(&End::default().into()).unwrap();
    let mut file = writer.into_inner().unwrap();
    file.rewind().unwrap();
    file
}

pub fn cat(way: Way, records: &[Record]) -> Done {
    over(way, file(records))
}

pub fn over(way: Way, input: File) -> Done {
    let stop = Stop::new().unwrap();
    let out = tempfile::tempfile().unwrap();
    let opened = Arc::new(AtomicUsize::new(0));
    let opening = Arc::clone(&opened);
    let config = Config {
        pick: way.pick,
        accept_unverified: way.accept_unverified,
        zero_fill: way.zero_fill,
        window: way.window,
        spill: way.spill,
        open: Box::new(move || {
            opening.fetch_add(1, Ordering::SeqCst);
            tempfile::tempfile()
        }),
        out: out.try_clone().unwrap(),
        stop: stop.clone(),
        watch: Box::new(Silent),
    };
    let catted = run(config, Inlet::pipe(input.into(), Pool::new(0), stop));
    let mut bytes = Vec::new();
    let mut out = out;
    out.rewind().unwrap();
    out.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, catted.bytes);
    Done {
        out: bytes,
        code: catted.ending.code.number(),
        spilled: opened.load(Ordering::SeqCst) > 0,
        catted,
    }
}

impl Done {
    /// What a person is told, all of it.
    pub fn told(&self) -> String {
        let failures = self.catted.ending.failures.iter();
        let failures = failures.map(|failure| failure.error.to_string());
        let faults = self.catted.faults.iter().map(ToString::to_string);
        failures.chain(faults).collect::<Vec<_>>().join("\n")
    }

    #[track_caller]
    pub fn is(self, code: u8, out: &[u8]) -> Done {
        assert_eq!(self.code, code, "{}", self.told());
        assert_eq!(self.told().is_empty(), code == 0, "{}", self.told());
        assert_eq!(self.out.len(), out.len(), "{}", self.told());
        assert!(self.out == out, "other bytes");
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Done {
        assert!(self.told().contains(text), "{}", self.told());
        self
    }
}
