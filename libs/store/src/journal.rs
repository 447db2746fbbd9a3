//! The journal of a job: what was written, so that a later run need not fetch it
//! again. It also is the lock that keeps two processes apart.
//!
//! Text, appended to, one line per fact, each line ending in the CRC-32 of what stands
//! before it: a torn or flipped line is skipped. What a line claims is not believed
//! here or anywhere before the data were read back: see [`resume`](crate::resume).
//!
//! ```text
//! nzbpipe-journal 1 JOB CRC
//! part FILE NUMBER OFFSET LEN CRC32 STATE CRC   written; v = verified, u = unverified, or
//!                                               without a place of its own: m = UUencode,
//!                                               e = the end of it, r = raw
//! hint FILE SIZE NAME CRC32 CRC                 what the pieces' headers agree on
//! gone FILE NUMBER|* CRC                        no longer true
//! done FILE SIZE CRC32 NAME CRC                 is about to be, or is, complete as NAME
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::sync::Mutex;

use crate::Error;
use crate::dir::Dir;
use crate::entry::{Entry, Hints};
use crate::line::{self, Line, Lines};
use crate::room::lock;

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
    name: String,
    end: Mutex<End>,
    /// By file identity: what earlier runs left and nobody asked for yet.
    pub recorded: Mutex<HashMap<String, Recorded>>,
}

/// Where lines are added.
#[derive(Debug)]
struct End {
    file: File,
    /// The last line may lack its end.
    torn: bool,
}

impl Journal {
    /// Opens, locks and reads the journal of `job`: the one among `names` that is its
    /// own, or else the first that is not another job's. One that is not readable, or
    /// of another version, is started over.
    pub fn open(dir: &Dir, names: &[String], job: &str) -> Result<Journal, Error> {
        for _ in 0..TRIES {
            let name = choose(dir, names, job)?;
            if let Some(journal) = Journal::open_one(dir, name, job)? {
                return Ok(journal);
            }
        }
        Err(taken(dir, names))
    }

    /// `None` if it came to be another job's meanwhile.
    fn open_one(dir: &Dir, name: &str, job: &str) -> Result<Option<Journal>, Error> {
        let failed = |e| dir.error(name, e);
        let mut file = open_locked(dir, name)?;
        let replay = replay(&file, job).map_err(failed)?;
        let torn = match replay.owner {
            Owner::Us => replay.torn,
            Owner::Another => return Ok(None),
            Owner::Nobody => {
                file.set_len(0).map_err(failed)?;
                file.seek(SeekFrom::Start(0)).map_err(failed)?;
                false
            }
        };
        let journal = Journal {
            name: name.to_owned(),
            end: Mutex::new(End { file, torn }),
            recorded: Mutex::new(replay.files),
        };
        if replay.owner == Owner::Nobody {
            journal.append(dir, &Lines::of(Line::Head { job }))?;
        }
        Ok(Some(journal))
    }

    /// Appends lines in one write.
    pub fn append(&self, dir: &Dir, lines: &Lines) -> Result<(), Error> {
        let mut end = lock(&self.end);
        let failed = |e| dir.error(&self.name, e);
        if end.torn {
            end.file.write_all(b"\n").map_err(failed)?;
        }
        end.torn = true;
        end.file.write_all(lines.as_bytes()).map_err(failed)?;
        end.torn = false;
        Ok(())
    }

    /// Removes the journal, while still holding its lock.
    pub fn remove(&self, dir: &Dir) -> Result<(), Error> {
        dir.remove(&self.name)
            .map_err(|e| dir.error(&self.name, e))?;
        dir.sync()
    }
}

/// Our own journal comes first: the job that kept us from a better name may be done.
fn choose<'a>(dir: &Dir, names: &'a [String], job: &str) -> Result<&'a str, Error> {
    let mut free = None;
    for name in names {
        match owner_of(dir, name, job) {
            Owner::Us => return Ok(name),
            Owner::Nobody => free = free.or(Some(name.as_str())),
            Owner::Another => {}
        }
    }
    free.ok_or_else(|| taken(dir, names))
}

/// Whose the journal `name` is, read without its lock: it may be in use. What cannot
/// be read is nobody's here; opening it will tell why.
fn owner_of(dir: &Dir, name: &str, job: &str) -> Owner {
    let Ok(Some(file)) = dir.open_regular(name) else {
        return Owner::Nobody;
    };
    let mut head = Vec::new();
    match BufReader::new(file.take(MAX_LINE)).read_until(b'\n', &mut head) {
        Ok(_) => Owner::of(line::parse(&head).as_ref(), job),
        Err(_) => Owner::Nobody,
    }
}

fn taken(dir: &Dir, names: &[String]) -> Error {
    let name = names.first().map_or("", String::as_str);
    dir.refused(name, "it is the journal of another job")
}

/// Whose a journal is, by its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Us,
    Another,
    Nobody,
}

impl Owner {
    fn of(head: Option<&line::Owned>, job: &str) -> Owner {
        match head {
            Some(line::Owned::Head { job: of }) if of == job => Owner::Us,
            Some(line::Owned::Head { .. }) => Owner::Another,
            _ => Owner::Nobody,
        }
    }
}

/// The one who held the lock may have removed the file while we waited to open it:
/// a lock on a nameless file keeps nobody out.
fn open_locked(dir: &Dir, name: &str) -> Result<File, Error> {
    for _ in 0..TRIES {
        let (file, _) = dir.open_own(name)?;
        if dir.is_same(name, &file).map_err(|e| dir.error(name, e))? {
            return Ok(file);
        }
    }
    Err(Error::InUse {
        path: dir.path_of(name),
    })
}

struct Replay {
    owner: Owner,
    torn: bool,
    files: HashMap<String, Recorded>,
}

/// Reads a whole journal, skipping what is damaged, and leaves the file at its end.
fn replay(file: &File, job: &str) -> io::Result<Replay> {
    let mut reader = BufReader::new(file);
    let mut replay = Replay {
        owner: Owner::Nobody,
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
        if replay.owner == Owner::Us {
            if let Some(line) = line {
                apply(&mut replay.files, line);
            }
            continue;
        }
        replay.owner = Owner::of(line.as_ref(), job);
        if replay.owner != Owner::Us {
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
mod tests;
