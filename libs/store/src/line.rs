//! The lines of the journal, as text and back. No I/O.

use std::fmt::{self, Write as _};

use crate::entry::{Agreed, Entry, Hints};
use crate::prints::{Family, Print};
use crate::recorded::Done;
use crate::types::Order;

const VERSION: &str = "2";
const MAGIC: &str = "nzbpipe-journal";

/// A line to be written. Its `Display` lacks the checksum and the line end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Line<'a> {
    Head {
        job: &'a str,
    },
    Part {
        file: &'a str,
        number: u64,
        entry: Entry,
        print: Print,
    },
    Hint {
        file: &'a str,
        hints: &'a Hints,
    },
    Gone {
        file: &'a str,
        number: Option<u64>,
    },
    Sync {
        file: &'a str,
        lines: u64,
        mtime: Option<i64>,
    },
    Done {
        file: &'a str,
        done: &'a Done,
    },
    Away {
        file: &'a str,
        name: &'a str,
    },
}

/// More than most lines have, in bytes: a file's digest is 64 of them.
const USUAL: usize = 192;

/// Lines as they are written: each with its checksum and its end.
#[derive(Debug, Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// Just one.
    pub fn of(line: Line<'_>) -> Lines {
        let mut lines = Lines::default();
        lines.push(&line);
        lines
    }

    pub fn push(&mut self, line: &Line<'_>) {
        let start = self.0.len();
        // At once: it would grow by a few bytes at a time.
        self.0.reserve(USUAL);
        // Writing into a string cannot fail.
        let _ = write!(self.0, "{line}");
        let crc = crc32fast::hash(&self.0.as_bytes()[start..]);
        let _ = writeln!(self.0, " {crc:08x}");
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A line that was read.
#[derive(Debug, PartialEq)]
pub(crate) enum Owned {
    Head {
        job: String,
    },
    Part {
        file: String,
        number: u64,
        entry: Entry,
        print: Print,
    },
    Hint {
        file: String,
        hints: Hints,
    },
    Gone {
        file: String,
        number: Option<u64>,
    },
    Sync {
        file: String,
        lines: u64,
        mtime: Option<i64>,
    },
    Done {
        file: String,
        done: Done,
    },
    Away {
        file: String,
        name: String,
    },
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Head { job } => write!(f, "{MAGIC} {VERSION} {}", Escaped(job)),
            Line::Part {
                file,
                number,
                entry: e,
                print,
            } => {
                let (file, state, print) = (Escaped(file), state(e), Shown(print));
                write!(
                    f,
                    "part {file} {number} {} {} {:08x} {state} {print}",
                    e.offset, e.len, e.crc32
                )
            }
            Line::Hint { file, hints } => {
                let size = agreed(&hints.size, |size| size.to_string());
                let name = agreed(&hints.name, |name| Escaped(name).to_string());
                let crc32 = agreed(&hints.crc32, |crc32| format!("{crc32:08x}"));
                write!(f, "hint {} {size} {name} {crc32}", Escaped(file))
            }
            Line::Gone {
                file,
                number: Some(n),
            } => write!(f, "gone {} {n}", Escaped(file)),
            Line::Gone { file, number: None } => write!(f, "gone {} *", Escaped(file)),
            Line::Sync { file, lines, mtime } => {
                write!(f, "sync {} {lines} ", Escaped(file))?;
                match mtime {
                    Some(mtime) => write!(f, "{mtime}"),
                    None => f.write_char('-'),
                }
            }
            Line::Away { file, name } => write!(f, "away {} {}", Escaped(file), Escaped(name)),
            Line::Done { file, done: d } => {
                let (file, name) = (Escaped(file), Escaped(&d.name));
                write!(f, "done {file} {} {:08x} {name} ", d.size, d.crc32)?;
                match d.mtime {
                    Some(mtime) => write!(f, "{mtime}")?,
                    None => f.write_char('-')?,
                }
                write!(f, " {} {}", d.of, d.unverified)
            }
        }
    }
}

/// Reads one line, with or without its end. `None` if it is not exactly one of ours.
pub(crate) fn parse(line: &[u8]) -> Option<Owned> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line)).ok()?;
    let (body, crc) = line.rsplit_once(' ')?;
    if crc != format!("{:08x}", crc32fast::hash(body.as_bytes())) {
        return None;
    }
    let fields: Vec<&str> = body.split(' ').collect();
    parse_fields(&fields)
}

fn parse_fields(fields: &[&str]) -> Option<Owned> {
    let (&[kind, first], rest) = fields.split_first_chunk()?;
    if kind == MAGIC {
        let &[job] = rest else { return None };
        let job = unescape(job)?;
        return (first == VERSION).then_some(Owned::Head { job });
    }
    let file = unescape(first)?;
    match (kind, rest) {
        ("part", [number, rest @ .., print]) => {
            let (number, entry) = (number.parse().ok()?, parse_entry(rest)?);
            Some(Owned::Part {
                file,
                number,
                entry,
                print: parse_print(print)?,
            })
        }
        ("hint", [size, name, crc32]) => {
            let crc32 = parse_agreed(crc32, hex)?;
            let size = parse_agreed(size, |text| text.parse().ok())?;
            let name = parse_agreed(name, unescape)?;
            Some(Owned::Hint {
                file,
                hints: Hints { size, name, crc32 },
            })
        }
        ("gone", ["*"]) => Some(Owned::Gone { file, number: None }),
        ("gone", [number]) => {
            let number = Some(number.parse().ok()?);
            Some(Owned::Gone { file, number })
        }
        ("sync", [lines, mtime]) => {
            let lines = lines.parse().ok()?;
            let mtime = match *mtime {
                "-" => None,
                mtime => Some(mtime.parse().ok()?),
            };
            Some(Owned::Sync { file, lines, mtime })
        }
        ("away", [name]) => {
            let name = unescape(name)?;
            Some(Owned::Away { file, name })
        }
        ("done", rest) => {
            let done = parse_done(rest)?;
            Some(Owned::Done { file, done })
        }
        _ => None,
    }
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

fn parse_done(fields: &[&str]) -> Option<Done> {
    let [size, crc32, name, mtime, of, unverified] = *fields else {
        return None;
    };
    let mtime = match mtime {
        "-" => None,
        text => Some(text.parse().ok()?),
    };
    Some(Done {
        size: size.parse().ok()?,
        crc32: hex(crc32)?,
        name: unescape(name)?,
        mtime,
        of: of.parse().ok()?,
        unverified: unverified.parse().ok()?,
    })
}

fn parse_entry(fields: &[&str]) -> Option<Entry> {
    let [offset, len, crc32, state] = *fields else {
        return None;
    };
    let (verified, order) = parse_state(state);
    Some(Entry {
        offset: offset.parse().ok()?,
        len: len.parse().ok()?,
        crc32: u32::from_str_radix(crc32, 16).ok()?,
        verified,
        order,
        print: 0,
    })
}

/// A fingerprint as a field: NAME.SIZE.FITS.CRC32, or `-` for none.
struct Shown<'a>(&'a Print);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Print {
            family,
            fits,
            crc32,
        } = *self.0;
        if *self.0 == Print::default() {
            return f.write_char('-');
        }
        if let Some(name) = family.name {
            write!(f, "{name:08x}")?;
        }
        f.write_char('.')?;
        if let Some(size) = family.size {
            write!(f, "{size}")?;
        }
        f.write_str(if fits { ".y." } else { ".n." })?;
        match crc32 {
            Some(crc32) => write!(f, "{crc32:08x}"),
            None => Ok(()),
        }
    }
}

fn parse_print(text: &str) -> Option<Print> {
    if text == "-" {
        return Some(Print::default());
    }
    let mut fields = text.split('.');
    let (name, size) = (fields.next()?, fields.next()?);
    let (fits, crc32) = (fields.next()?, fields.next()?);
    let family = Family {
        name: given(name, hex)?,
        size: given(size, |text| text.parse().ok())?,
    };
    Some(Print {
        family,
        fits: fits == "y",
        crc32: given(crc32, hex)?,
    })
}

/// Nothing, or what can be read.
fn given<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match text {
        "" => Some(None),
        text => read(text).map(Some),
    }
}

fn state(entry: &Entry) -> char {
    match (entry.order, entry.verified) {
        (None, true) => 'v',
        (None, false) => 'u',
        (Some(Order::Uu { ends: false }), _) => 'm',
        (Some(Order::Uu { ends: true }), _) => 'e',
        (Some(Order::Raw), _) => 'r',
    }
}

fn parse_state(text: &str) -> (bool, Option<Order>) {
    let order = match text {
        "m" => Some(Order::Uu { ends: false }),
        "e" => Some(Order::Uu { ends: true }),
        "r" => Some(Order::Raw),
        _ => None,
    };
    (text == "v", order)
}

fn agreed<T>(value: &Agreed<T>, show: impl Fn(&T) -> String) -> String {
    match value {
        Agreed::Nothing => "-".to_owned(),
        Agreed::Split => "!".to_owned(),
        Agreed::On(value) => format!("={}", show(value)),
    }
}

fn parse_agreed<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Agreed<T>> {
    match text {
        "-" => Some(Agreed::Nothing),
        "!" => Some(Agreed::Split),
        text => text.strip_prefix('=').and_then(read).map(Agreed::On),
    }
}

/// One field: what is not a visible ASCII character becomes `%XX`.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'%' | ..=b' ' | 0x7f.. => write!(f, "%{byte:02X}")?,
                byte => write!(f, "{}", char::from(byte))?,
            }
        }
        Ok(())
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let (hex, tail) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
