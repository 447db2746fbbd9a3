//! The segments of an NZB, in memory.

use std::error::Error;
use std::fs::File;
use std::path::Path;

use nzbpipe_nzb::{Input, Limits, Nzb};

pub struct Segment {
    pub file: usize,
    pub id: String,
    /// Of its body, as the NZB says.
    pub bytes: u64,
}

pub struct Job {
    pub segments: Vec<Segment>,
}

impl Job {
    pub fn open(path: &Path) -> Result<Job, Box<dyn Error>> {
        let input = Input::File(File::open(path)?);
        let mut nzb = Nzb::open(input, None, Limits::default())?;
        let mut segments = Vec::new();
        for file in 0..nzb.files().len() {
            for segment in nzb.segments(file)? {
                let segment = segment?;
                segments.push(Segment {
                    file,
                    id: segment.id?,
                    bytes: segment.bytes.ok_or("a segment without its size")?,
                });
            }
        }
        Ok(Job { segments })
    }

    /// Of the largest body.
    pub fn largest(&self) -> usize {
        let largest = self.segments.iter().map(|segment| segment.bytes).max();
        usize::try_from(largest.unwrap_or(0)).unwrap_or(usize::MAX / 2)
    }
}
