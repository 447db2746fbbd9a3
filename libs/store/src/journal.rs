//! The journal of a job: what was written, so that a later run need not fetch it
//! again. It also is the lock that keeps two processes apart.
//!
//! Text, appended to, one line per fact, each line ending in the CRC-32 of what stands
//! before it: a torn or flipped line is skipped. What a line claims is not believed
//! here or anywhere before the data were read back: see [`resume`](crate::resume).
//!
//! ```text
//! nzbpipe-journal 1 JOB CRC
//! part FILE NUMBER OFFSET LEN CRC32 v|u CRC     written; v = verified, u = unverified
//! hint FILE SIZE NAME CRC                       what the pieces' headers agree on
//! gone FILE NUMBER|* CRC                        no longer true
//! done FILE SIZE CRC32 NAME CRC                 is about to be, or is, complete as NAME
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use crate::Error;
use crate::dir::Dir;
use crate::entry::{Entry, Hints};
use crate::line::{self, Line};

/// No line of ours is longer: a yEnc name has at most 64 KiB, and escaping may triple it.
const MAX_LINE: u64 = 256 << 10;

/// How often a journal that vanishes between opening and locking is opened again.
const TRIES: usize = 16;

/// What the journal says of one file.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Recorded {
    pub entries: BTreeMap<u64, Entry>,
    pub hints: Hints,
    pub done: Option<Done>,
}

/// The claim that a file is complete.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Done {
    pub size: u64,
    pub crc32: u32,
    pub name: String,
}

/// An open, locked journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    name: String,
    /// The last line may lack its end.
    torn: bool,
    /// By file identity: what earlier runs left and nobody asked for yet.
    pub recorded: HashMap<String, Recorded>,
}

impl Journal {
    /// Opens, locks and reads the journal `name` of `job`. One of another job or
    /// version is started over.
    pub fn open(dir: &Dir, name: String, job: &str) -> Result<Journal, Error> {
        let file = open_locked(dir, &name)?;
        let mut journal = Journal {
            file,
            name,
            torn: false,
            recorded: HashMap::new(),
        };
        let failed = |e| dir.error(&journal.name, e);
        let replay = replay(&journal.file, job).map_err(failed)?;
        if replay.is_ours {
            journal.torn = replay.torn;
            journal.recorded = replay.files;
            return Ok(journal);
        }
        journal.file.set_len(0).map_err(failed)?;
        journal
            .file
            .seek(SeekFrom::Start(0))
            .map_err(|e| dir.error(&journal.name, e))?;
        journal.append(dir, &[Line::Head { job }])?;
        Ok(journal)
    }

    /// Appends lines in one write. Nothing is synced: what a power cut leaves is
    /// checked against the data anyway.
    pub fn append(&mut self, dir: &Dir, lines: &[Line<'_>]) -> Result<(), Error> {
        let mut text = String::new();
        if self.torn {
            text.push('\n');
        }
        for line in lines {
            let body = line.to_string();
            let _ = writeln!(text, "{body} {:08x}", crc32fast::hash(body.as_bytes()));
        }
        self.torn = true;
        self.file
            .write_all(text.as_bytes())
            .map_err(|e| dir.error(&self.name, e))?;
        self.torn = false;
        Ok(())
    }

    /// Removes the journal, while still holding its lock.
    pub fn remove(self, dir: &Dir) -> Result<(), Error> {
        dir.remove(&self.name)
            .map_err(|e| dir.error(&self.name, e))?;
        dir.sync()
    }
}

/// The one who held the lock may have removed the file while we waited to open it:
/// a lock on a nameless file keeps nobody out.
fn open_locked(dir: &Dir, name: &str) -> Result<File, Error> {
    for _ in 0..TRIES {
        let file = dir.open_own(name)?;
        if dir.is_same(name, &file).map_err(|e| dir.error(name, e))? {
            return Ok(file);
        }
    }
    Err(Error::InUse {
        path: dir.path_of(name),
    })
}

struct Replay {
    is_ours: bool,
    torn: bool,
    files: HashMap<String, Recorded>,
}

/// Reads a whole journal, skipping what is damaged, and leaves the file at its end.
fn replay(file: &File, job: &str) -> io::Result<Replay> {
    let mut reader = BufReader::new(file);
    let mut replay = Replay {
        is_ours: false,
        torn: false,
        files: HashMap::new(),
    };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        if reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut buffer)?
            == 0
        {
            return Ok(replay);
        }
        replay.torn = buffer.last() != Some(&b'\n');
        let line = line::parse(&buffer);
        if replay.is_ours {
            if let Some(line) = line {
                apply(&mut replay.files, line);
            }
        } else if matches!(&line, Some(line::Owned::Head { job: of }) if of == job) {
            replay.is_ours = true;
        } else {
            return Ok(replay);
        }
    }
}

fn apply(files: &mut HashMap<String, Recorded>, line: line::Owned) {
    use line::Owned;
    match line {
        Owned::Head { .. } => {}
        Owned::Part {
            file,
            number,
            entry,
        } => {
            files.entry(file).or_default().entries.insert(number, entry);
        }
        Owned::Hint { file, hints } => files.entry(file).or_default().hints = hints,
        Owned::Done { file, done } => files.entry(file).or_default().done = Some(done),
        Owned::Gone { file, number: None } => {
            files.remove(&file);
        }
        Owned::Gone {
            file,
            number: Some(number),
        } => {
            files.entry(file).or_default().entries.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Agreed;
    use std::fs;

    const NAME: &str = ".nzbpipe-x.journal";

    fn entry(offset: u64) -> Entry {
        Entry {
            offset,
            len: 10,
            crc32: 7,
            verified: true,
        }
    }

    fn written(temp: &std::path::Path) -> Dir {
        let dir = Dir::open(temp).unwrap();
        let mut journal = Journal::open(&dir, NAME.to_owned(), "job").unwrap();
        let done = Done {
            size: 20,
            crc32: 9,
            name: "a %\nb ü.bin".to_owned(),
        };
        let hints = Hints {
            size: Agreed::On(20),
            name: Agreed::Split,
        };
        let lines = [
            Line::Part {
                file: "f",
                number: 1,
                entry: entry(0),
            },
            Line::Part {
                file: "f",
                number: 2,
                entry: entry(10),
            },
            Line::Part {
                file: "g h",
                number: 1,
                entry: entry(0),
            },
            Line::Hint {
                file: "f",
                hints: &hints,
            },
            Line::Gone {
                file: "f",
                number: Some(1),
            },
            Line::Done {
                file: "g h",
                done: &done,
            },
        ];
        for line in lines {
            journal.append(&dir, &[line]).unwrap();
        }
        dir
    }

    fn reopened(dir: &Dir) -> HashMap<String, Recorded> {
        Journal::open(dir, NAME.to_owned(), "job").unwrap().recorded
    }

    #[test]
    fn replays_what_was_written() {
        let temp = tempfile::tempdir().unwrap();
        let dir = written(temp.path());
        let files = reopened(&dir);
        assert_eq!(files["f"].entries, BTreeMap::from([(2, entry(10))]));
        assert_eq!(
            files["f"].hints,
            Hints {
                size: Agreed::On(20),
                name: Agreed::Split
            }
        );
        assert_eq!(files["g h"].done.as_ref().unwrap().name, "a %\nb ü.bin");
        let mut journal = Journal::open(&dir, NAME.to_owned(), "job").unwrap();
        journal
            .append(
                &dir,
                &[Line::Gone {
                    file: "f",
                    number: None,
                }],
            )
            .unwrap();
        drop(journal);
        assert!(!reopened(&dir).contains_key("f"));
    }

    #[test]
    fn every_torn_tail_is_ignored_and_healed() {
        let temp = tempfile::tempdir().unwrap();
        let dir = written(temp.path());
        let path = temp.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        let head = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
        for cut in head..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            // A line that lacks only its end is whole.
            let ends = whole[head..=cut].iter().filter(|b| **b == b'\n').count();
            let mut journal = Journal::open(&dir, NAME.to_owned(), "job").unwrap();
            let entries: usize = journal.recorded.values().map(|f| f.entries.len()).sum();
            assert_eq!(entries, [0, 1, 2, 3, 3, 2, 2][ends], "cut at {cut}");
            let line = Line::Part {
                file: "new",
                number: 1,
                entry: entry(0),
            };
            journal.append(&dir, &[line]).unwrap();
            drop(journal);
            assert!(reopened(&dir).contains_key("new"), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_costs_one_line() {
        let temp = tempfile::tempdir().unwrap();
        let dir = written(temp.path());
        let path = temp.path().join(NAME);
        let mut text = fs::read(&path).unwrap();
        let at = text.windows(8).position(|w| w == b"part f 2").unwrap() + 9;
        text[at] ^= 1;
        text.extend_from_slice(&[0xff; 1000]);
        fs::write(&path, &text).unwrap();
        let files = reopened(&dir);
        assert!(files["f"].entries.is_empty());
        assert!(files["g h"].done.is_some());
    }

    #[test]
    fn another_job_or_version_is_started_over() {
        let temp = tempfile::tempdir().unwrap();
        let dir = written(temp.path());
        let other = Journal::open(&dir, NAME.to_owned(), "other").unwrap();
        assert!(other.recorded.is_empty());
        drop(other);
        assert!(reopened(&dir).is_empty());
        for content in ["", "garbage\n", "nzbpipe-journal 2 job 00000000\n"] {
            fs::write(temp.path().join(NAME), content).unwrap();
            assert!(reopened(&dir).is_empty());
            let text = fs::read_to_string(temp.path().join(NAME)).unwrap();
            assert!(text.starts_with("nzbpipe-journal 1 job ") && text.lines().count() == 1);
        }
    }

    #[test]
    fn a_second_holder_is_refused_until_the_first_is_gone() {
        let temp = tempfile::tempdir().unwrap();
        let dir = written(temp.path());
        let first = Journal::open(&dir, NAME.to_owned(), "job").unwrap();
        let e = Journal::open(&dir, NAME.to_owned(), "job").unwrap_err();
        assert!(e.is_in_use());
        drop(first);
        let first = Journal::open(&dir, NAME.to_owned(), "job").unwrap();
        first.remove(&dir).unwrap();
        assert!(reopened(&dir).is_empty());
    }
}
