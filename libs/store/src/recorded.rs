//! What a journal says, read back. What it claims is not believed before the data bear it
//! out: see [`resume`](crate::resume).

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use crate::entry::{Entry, Hints};
use crate::line::{self, Line, Lines, Owned};
use crate::prints::Prints;

/// No line of ours is longer: a yEnc name has at most 64 KiB, and escaping may triple it.
pub(crate) const MAX_LINE: u64 = 256 << 10;

/// What the journal says of one file.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Recorded {
    pub entries: BTreeMap<u64, Entry>,
    pub prints: Prints,
    pub hints: Hints,
    pub done: Option<Done>,
    /// The name that the data were given when a run ended.
    pub away: Option<String>,
    /// How many lines about pieces there are.
    pub lines: u64,
    /// The numbers in the last of them, whose data are not known to be on the disk.
    pub tail: VecDeque<u64>,
    /// When the data were changed last, in nanoseconds, as the last mark says.
    pub mtime: Option<i64>,
}

/// The claim that a file is complete.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Done {
    pub size: u64,
    pub crc32: u32,
    pub name: String,
    /// When it was last changed, in nanoseconds; `None` if it was not synced.
    pub mtime: Option<i64>,
    /// How many pieces it was made of, and how many of them had no checksum.
    pub of: u64,
    pub unverified: u64,
}

impl Recorded {
    /// Whether a later run can do nothing with it.
    pub fn is_nothing(&self) -> bool {
        self.entries.is_empty() && self.done.is_none() && self.away.is_none()
    }

    fn part(&mut self, number: u64, entry: Entry) {
        self.entries.insert(number, entry);
        self.tail.push_back(number);
        self.lines += 1;
    }

    /// A piece is not there any more, or none is. Lines go on being counted.
    fn gone(&mut self, number: Option<u64>) {
        match number {
            Some(number) => {
                self.entries.remove(&number);
            }
            None => {
                *self = Recorded {
                    lines: self.lines,
                    ..Recorded::default()
                }
            }
        }
    }

    /// The data of the first `lines` lines are on the disk.
    fn synced(&mut self, lines: u64, mtime: Option<i64>) {
        self.mtime = mtime;
        let left = self.lines.saturating_sub(lines);
        while self.tail.len() as u64 > left {
            self.tail.pop_front();
        }
    }

    /// Takes nothing for synced.
    fn doubt(&mut self) {
        self.tail = self.entries.keys().copied().collect();
    }

    /// How many lines it needs, at most.
    fn needs(&self) -> u64 {
        self.entries.len() as u64 + 4
    }

    /// The fewest lines that say the same: those of synced pieces, the mark, the others.
    pub fn write(&mut self, file: &str, lines: &mut Lines) {
        if self.hints != Hints::default() {
            let hints = &self.hints;
            lines.push(&Line::Hint { file, hints });
        }
        let loose: BTreeSet<u64> = self.tail.drain(..).collect();
        self.part_lines(file, lines, |number| !loose.contains(&number));
        let synced = self.entries.keys().filter(|n| !loose.contains(n)).count() as u64;
        if synced > 0 {
            let mark = Line::Sync {
                file,
                lines: synced,
                mtime: self.mtime,
            };
            lines.push(&mark);
        }
        self.part_lines(file, lines, |number| loose.contains(&number));
        self.lines = self.entries.len() as u64;
        let tail = self.entries.keys().filter(|n| loose.contains(n));
        self.tail = tail.copied().collect();
        if let Some(done) = &self.done {
            lines.push(&Line::Done { file, done });
        }
        if let Some(name) = &self.away {
            lines.push(&Line::Away { file, name });
        }
    }

    fn part_lines(&self, file: &str, lines: &mut Lines, is: impl Fn(u64) -> bool) {
        for (&number, &entry) in self.entries.iter().filter(|(n, _)| is(**n)) {
            let print = self.prints.get(entry.print);
            lines.push(&Line::Part {
                file,
                number,
                entry,
                print,
            });
        }
    }
}

/// Whose a journal is, by its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Us,
    Another,
    Nobody,
}

impl Owner {
    pub fn of(head: Option<&Owned>, job: &str) -> Owner {
        match head {
            Some(Owned::Head { job: of }) if of == job => Owner::Us,
            Some(Owned::Head { .. }) => Owner::Another,
            _ => Owner::Nobody,
        }
    }
}

/// A journal, read.
#[derive(Debug)]
pub(crate) struct Replay {
    pub owner: Owner,
    pub files: HashMap<String, Recorded>,
    /// Where the last good line ends, and whether it has its end.
    pub end: u64,
    pub is_ended: bool,
    /// Something before that cannot be read: what is missing there may be that something
    /// after it is not true any more, and no mark is trusted.
    pub is_damaged: bool,
    lines: u64,
}

impl Replay {
    /// Whether most of it says what is said elsewhere too.
    pub fn is_wasteful(&self) -> bool {
        let needed: u64 = self.files.values().map(Recorded::needs).sum();
        self.is_damaged || (self.lines > 2 * needed && self.end > SMALL)
    }

    fn apply(&mut self, line: Owned) {
        match line {
            Owned::Head { .. } => {}
            Owned::Part {
                file,
                number,
                mut entry,
                print,
            } => {
                let recorded = self.of(file);
                entry.print = recorded.prints.number(print);
                recorded.part(number, entry);
            }
            Owned::Hint { file, hints } => self.of(file).hints = hints,
            Owned::Done { file, done } => self.of(file).done = Some(done),
            Owned::Sync { file, lines, mtime } => self.of(file).synced(lines, mtime),
            Owned::Away { file, name } => self.of(file).away = Some(name).filter(|n| !n.is_empty()),
            Owned::Gone { file, number } => self.of(file).gone(number),
        }
    }

    fn of(&mut self, file: String) -> &mut Recorded {
        self.files.entry(file).or_default()
    }
}

/// A smaller journal is not worth the trouble.
const SMALL: u64 = 64 << 10;

/// Reads a whole journal, skipping what is damaged.
pub(crate) fn replay(mut file: &File, job: &str) -> io::Result<Replay> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(128 << 10, file);
    let mut replay = Replay {
        owner: Owner::Nobody,
        files: HashMap::new(),
        end: 0,
        is_ended: true,
        is_damaged: false,
        lines: 0,
    };
    let (mut buffer, mut at, mut is_bad) = (Vec::new(), 0, false);
    loop {
        buffer.clear();
        let mut line = reader.by_ref().take(MAX_LINE);
        let len = line.read_until(b'\n', &mut buffer)? as u64;
        if len == 0 {
            break;
        }
        at += len;
        let line = line::parse(&buffer);
        if replay.lines == 0 {
            replay.owner = Owner::of(line.as_ref(), job);
            if replay.owner != Owner::Us {
                return Ok(replay);
            }
        }
        let Some(line) = line else {
            is_bad = true;
            continue;
        };
        replay.apply(line);
        replay.is_damaged |= is_bad;
        replay.lines += 1;
        replay.end = at;
        replay.is_ended = buffer.last() == Some(&b'\n');
    }
    if replay.is_damaged {
        replay.files.values_mut().for_each(Recorded::doubt);
    }
    Ok(replay)
}
