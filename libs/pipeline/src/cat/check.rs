//! Validating a stream: its framing, the bytes of its parts, and whether they cover
//! each file exactly once. Nothing is written.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use nzbpipe_record::{Bytes, Crc, Header, Part, Record, Segment};

use super::NAME;
use super::agreed::Agreed;
use super::part::{differs, encoding};
use super::ranges::Ranges;
use crate::stage::Ending;
use crate::{Code, Error, Inlet, Tally};

/// Types that are counted each for itself; others are counted together.
const KINDS: usize = 32;

/// What a stream holds.
#[derive(Debug, Default)]
pub struct Checked {
    /// How the reading ended.
    pub ending: Ending,
    /// Records.
    pub records: u64,
    /// Bytes of all payloads.
    pub bytes: u64,
    /// Records by type.
    pub kinds: BTreeMap<String, u64>,
    /// Parts whose bytes are not those that were decoded: the stream is corrupt.
    pub corrupt: u64,
    /// Every file that a segment belongs to.
    pub files: Vec<FileChecked>,
}

/// What a stream holds of one file.
#[derive(Debug, Default)]
pub struct FileChecked {
    /// Its name in the NZB, or in its articles.
    pub name: String,
    /// Bytes of its parts.
    pub bytes: u64,
    of: u64,
    heard: Ranges,
    parts: u64,
    twice: u64,
    lost: Ranges,
    damaged: u64,
    unverified: u64,
    corrupt: u64,
    covered: Ranges,
    overlaps: u64,
    /// Whether its parts have offsets.
    placed: bool,
    size: Agreed<u64>,
}

/// Reads all of `inlet`. `accept_unverified` takes parts without a CRC as right.
pub fn check(mut inlet: Inlet, accept_unverified: bool) -> Checked {
    let mut checking = Checking {
        accept_unverified,
        ..Checking::default()
    };
    let result = checking.work(&mut inlet);
    checking.finish(result, inlet.inherited())
}

#[derive(Default)]
struct Checking {
    accept_unverified: bool,
    checked: Checked,
    /// Where in the list a file is.
    index: HashMap<(String, u64, String), usize>,
}

impl Checking {
    fn work(&mut self, inlet: &mut Inlet) -> Result<(), Error> {
        while let Some(record) = inlet.next_of_any_kind()? {
            self.record(&record);
        }
        Ok(())
    }

    fn record(&mut self, record: &Record) {
        let checked = &mut self.checked;
        let kind = record.header.kind();
        checked.records += 1;
        checked.bytes += record.payload.as_ref().map_or(0, Bytes::len) as u64;
        let kind = match checked.kinds.len() < KINDS || checked.kinds.contains_key(kind) {
            true => kind,
            false => "others",
        };
        *checked.kinds.entry(kind.to_owned()).or_default() += 1;
        let Some(segment) = record.header.segment() else {
            return;
        };
        let at = self.file(segment);
        let file = &mut self.checked.files[at];
        file.of = file.of.max(segment.of);
        if !matches!(record.header, Header::Missing(_) | Header::Failed(_)) {
            file.lost.remove(segment.number);
            if !file.heard.add(segment.number) {
                file.twice += 1;
                return;
            }
        } else if !file.heard.has(segment.number) {
            file.lost.add(segment.number);
        }
        if let (Header::Part(part), Some(bytes)) = (&record.header, &record.payload) {
            file.part(part, bytes);
        }
    }

    fn file(&mut self, segment: &Segment) -> usize {
        let id = match segment.file_id.is_empty() {
            true => &segment.name,
            false => &segment.file_id,
        };
        let key = (segment.job.clone(), segment.file, id.clone());
        let files = &mut self.checked.files;
        *self.index.entry(key).or_insert_with(|| {
            files.push(FileChecked {
                name: segment.name.clone(),
                ..FileChecked::default()
            });
            files.len() - 1
        })
    }

    fn finish(self, result: Result<(), Error>, inherited: Code) -> Checked {
        let mut checked = self.checked;
        let faulty = |file: &FileChecked| file.faults(self.accept_unverified).next().is_some();
        checked.ending.code = match checked.files.iter().any(faulty) {
            true => inherited.or(Code::INCOMPLETE),
            false => inherited,
        };
        checked.ending.tally.bytes = checked.bytes;
        for file in &checked.files {
            checked.corrupt += file.corrupt;
            file.count(&mut checked.ending.tally);
        }
        if checked.corrupt > 0 {
            checked.ending.code = checked.ending.code.or(Code::DATA);
        }
        if let Err(error) = result {
            checked.ending.fail(NAME, error);
        }
        checked
    }
}

impl FileChecked {
    fn part(&mut self, part: &Part, bytes: &Bytes) {
        if self.name.is_empty() {
            self.name = part.yenc_name.clone().unwrap_or_default();
        }
        self.parts += 1;
        let len = bytes.len() as u64;
        self.bytes += len;
        self.size.hear(part.size);
        if differs(part, crc32fast::hash(bytes)) {
            self.corrupt += 1;
            return;
        }
        match part.crc {
            Crc::Ok => {}
            Crc::Absent => self.unverified += 1,
            Crc::Mismatch | Crc::Truncated => {
                self.damaged += 1;
                return;
            }
        }
        if let (None, Some(offset)) = (encoding(part), part.offset) {
            self.placed = true;
            let end = offset.checked_add(len);
            let fits = end.is_some_and(|end| self.covered.insert(offset, end));
            self.overlaps += u64::from(!fits);
        }
    }

    fn count(&self, tally: &mut Tally) {
        let damaged = self.damaged + self.corrupt;
        tally.ok += self.heard.total().saturating_sub(damaged + self.unverified);
        tally.damaged += damaged;
        tally.unverified += self.unverified;
        tally.missing += self.lost.total();
        tally.unheard = tally.unheard.saturating_add(self.unheard());
    }

    /// Segments of which nothing is in the stream.
    fn unheard(&self) -> u64 {
        let heard = self.heard.total() + self.lost.total();
        self.of.saturating_sub(heard)
    }

    /// The first bytes that no part covers.
    fn hole(&self) -> Option<(u64, u64)> {
        let size = self.size.get().unwrap_or(0).max(self.covered.end());
        self.covered.first_gap(size).filter(|_| self.placed)
    }

    /// Segments that are in the stream.
    pub fn there(&self) -> u64 {
        self.heard.total()
    }

    /// Segments it should have; where nobody says, those that were heard of.
    pub fn of(&self) -> u64 {
        let heard = self.heard.total() + self.lost.total();
        self.of.max(heard)
    }

    /// How often a segment came that was there.
    pub fn twice(&self) -> u64 {
        self.twice
    }

    /// What is wrong with it, in words.
    pub fn faults(&self, accept_unverified: bool) -> impl Iterator<Item = String> {
        let unverified = match accept_unverified {
            true => 0,
            false => self.unverified,
        };
        let counts = [
            (self.lost.total(), "missing or failed"),
            (self.unheard(), "not in the stream"),
            (self.corrupt, "not the bytes that were decoded"),
            (self.damaged, "damaged"),
            (unverified, "without any CRC"),
            (self.overlaps, "over the bytes of others"),
        ];
        let hole = self
            .hole()
            .map(|(start, end)| format!("nothing for bytes {start}-{end}"));
        counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .chain(hole)
    }
}

impl fmt::Display for FileChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} segments", self.there(), self.of())?;
        match self.placed && self.hole().is_none() && self.overlaps == 0 {
            true => write!(f, ", {} bytes, each once", self.covered.total()),
            false => Ok(()),
        }
    }
}
