//! UUencode (POSIX `uuencode`, the historical algorithm): which lines of an article are data, and
//! what they decode to.
//!
//! The lines come whole, unstuffed and without their ends; framing them is left to `text`, and
//! where the bytes belong in the file to whoever knows the article's number. What is recognised
//! and what is believed is described at the crate's top.

use crate::report::{Encoding, Problem, Report, Uu, Verdict};

/// Bytes in a full line of a post. Others are legal, but only behind `begin`.
const FULL: usize = 45;

/// Characters of the longest line without its length: 63 bytes.
const LONGEST: usize = 84;

/// So many full lines in a row are no prose.
const PROOF: u8 = 4;

/// The decoder of lines. What it holds back is bounded by [`PROOF`] lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    state: State,
    run: Run,
    /// What the line before was, as long as nothing is recognised.
    before: Before,
    /// What might have been data was dropped before anything was recognised.
    dropped: bool,
    /// Bytes decoded, of which `sent` are handed out.
    out: Vec<u8>,
    sent: usize,
    facts: Facts,
    known: Uu,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing is recognised.
    #[default]
    Seek,
    /// The line before, or before some empty ones, was `begin`.
    Named,
    /// Data lines.
    Data,
    /// Behind the line of length zero, or an empty one.
    Tail,
    /// Behind `end`, or text that follows the data.
    Over,
}

/// Lines that are data if more of the kind follow; they are decoded already.
#[derive(Debug, Default)]
struct Run {
    bytes: Vec<u8>,
    full: u8,
    /// A line that is not full, which has to be the last.
    short: bool,
    zero: Option<Zero>,
    graves: bool,
    /// The line before it may have been data too.
    doubtful: bool,
}

/// What a line that is not part of a [`Run`] was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Before {
    /// Empty, or the article begins here.
    #[default]
    Nothing,
    /// It has the look of a full line that is damaged or cut.
    Like,
    /// Anything else.
    Text,
}

/// What was noticed in the data.
#[derive(Debug, Default)]
struct Facts {
    /// Bytes in the first line.
    full: Option<usize>,
    /// A line of another length came.
    short: bool,
    /// A line came behind it.
    uneven: bool,
    /// A zero was written as a grave: this poster has no blanks to lose.
    graves: bool,
    /// A line lacked characters.
    padded: bool,
    /// A line that is not full did.
    loose: bool,
    /// A line was no data line, or data came behind their end.
    bad: bool,
    /// The input ended within a line.
    cut: bool,
    /// There is another block.
    extra: bool,
}

/// What a line of length zero is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zero {
    Grave,
    Blank,
    Empty,
}

/// What a line can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape<'a> {
    End,
    Zero(Zero),
    Data(Data<'a>),
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Data<'a> {
    /// What the length byte says.
    len: usize,
    /// Without what is behind the groups.
    chars: &'a [u8],
    /// Characters are missing, which can only be trailing blanks.
    cut: bool,
}

impl Lines {
    /// Makes it as new, but keeps the memory.
    pub(crate) fn reset(&mut self) {
        let (out, bytes) = (
            std::mem::take(&mut self.out),
            std::mem::take(&mut self.run.bytes),
        );
        *self = Lines::default();
        (self.out, self.run.bytes) = (out, bytes);
        self.out.clear();
        self.run.bytes.clear();
    }

    /// Takes a line ahead of any data. Says whether it shows that they are UUencode; then
    /// [`line`](Lines::line) takes the next ones.
    pub(crate) fn seek(&mut self, line: &[u8]) -> bool {
        if let Some(name) = begin(line) {
            self.drop_run(Before::Text);
            self.known.name = Some(name.to_vec()).filter(|name| !name.is_empty());
            self.state = State::Named;
            return false;
        }
        let shape = Shape::of(line);
        if self.state == State::Named {
            match shape {
                Shape::Zero(Zero::Empty) => return false,
                Shape::Data(data) if !data.cut || data.len == FULL => {}
                Shape::End | Shape::Zero(_) => {}
                _ => {
                    // Prose about uuencode.
                    self.known.name = None;
                    self.state = State::Seek;
                    return self.weigh(line, shape);
                }
            }
            self.known.begins = true;
            self.state = State::Data;
            self.line(line);
            return true;
        }
        self.weigh(line, shape)
    }

    /// Whether the run, with this line, is strong enough.
    fn weigh(&mut self, line: &[u8], shape: Shape<'_>) -> bool {
        let open = !self.run.short && self.run.zero.is_none();
        match shape {
            Shape::Data(data) if open && !data.cut => self.hold(data),
            Shape::Zero(zero) if self.run.zero.is_none() && self.run.takes(zero) => {
                self.run.begin_after(self.before, false);
                self.run.zero = Some(zero);
            }
            Shape::End if self.run.zero.is_some() => {
                self.commit(State::Over);
                self.known.ends = true;
                return true;
            }
            Shape::Data(data) if !data.cut && data.len == FULL => {
                self.drop_run(Before::Text);
                self.hold(data);
            }
            _ => self.drop_run(Before::of(line, shape)),
        }
        if self.run.full < PROOF {
            return false;
        }
        self.commit(State::Data);
        true
    }

    fn hold(&mut self, data: Data<'_>) {
        self.run.begin_after(self.before, data.len == FULL);
        data.decode(&mut self.run.bytes);
        self.run.graves |= data.has_graves();
        match data.len {
            FULL => self.run.full += 1,
            _ => self.run.short = true,
        }
    }

    fn commit(&mut self, state: State) {
        self.state = state;
        self.facts.bad |= self.run.doubtful || self.dropped;
        self.facts.graves |= self.run.graves;
        self.facts.full = Some(FULL);
        self.out.extend_from_slice(&self.run.bytes);
    }

    fn drop_run(&mut self, before: Before) {
        self.dropped |= self.run.full > 0;
        self.run.bytes.clear();
        self.run = Run {
            bytes: std::mem::take(&mut self.run.bytes),
            ..Run::default()
        };
        self.before = before;
    }

    /// Takes a line of recognised UUencode, or behind it.
    pub(crate) fn line(&mut self, line: &[u8]) {
        let shape = Shape::of(line);
        match (self.state, shape) {
            (State::Data, Shape::Data(data)) => self.data(data),
            (State::Data, Shape::Other) => self.facts.bad = true,
            (State::Data, Shape::Zero(_)) => self.state = State::Tail,
            (State::Data | State::Tail, Shape::End) => {
                self.known.ends = true;
                self.state = State::Over;
            }
            (State::Tail, Shape::Zero(_)) => {}
            (_, Shape::Data(data)) if data.len == FULL && !data.cut => {
                self.facts.bad |= !self.known.ends;
                self.facts.extra |= self.known.ends;
            }
            _ => {
                self.facts.extra |= begin(line).is_some() || line.starts_with(b"=ybegin ");
                self.state = State::Over;
            }
        }
    }

    fn data(&mut self, data: Data<'_>) {
        let facts = &mut self.facts;
        let full = *facts.full.get_or_insert(data.len);
        facts.uneven |= facts.short || data.len > full;
        facts.short |= data.len != full;
        facts.padded |= data.cut;
        facts.loose |= data.cut && data.len != full;
        facts.graves |= data.has_graves();
        data.decode(&mut self.out);
    }

    /// Hands out as many decoded bytes as fit.
    pub(crate) fn drain(&mut self, dst: &mut [u8]) -> usize {
        let rest = &self.out[self.sent..];
        let written = rest.len().min(dst.len());
        dst[..written].copy_from_slice(&rest[..written]);
        self.sent += written;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        written
    }

    /// Whether there are bytes to be handed out.
    pub(crate) fn owes(&self) -> bool {
        !self.out.is_empty()
    }

    /// Takes the line at which the input ended without a line end; nothing of it is decoded.
    pub(crate) fn cut(&mut self, line: &[u8]) {
        self.facts.cut |= self.owes();
        match (self.state, Shape::of(line)) {
            (State::Data | State::Tail, Shape::End) => self.known.ends = true,
            (State::Data, Shape::Data(_) | Shape::Other) => self.facts.cut = true,
            _ => {}
        }
    }

    /// Fills in what is known if there is UUencode; says whether there is.
    pub(crate) fn report(&mut self, report: &mut Report) -> bool {
        if matches!(self.state, State::Seek | State::Named) {
            return false;
        }
        let (facts, whole) = (&self.facts, self.known.begins && self.known.ends);
        let damaged = facts.bad
            || (facts.uneven && !whole)
            || (facts.loose && !self.known.ends)
            || (facts.padded && facts.graves);
        report
            .problems
            .retain(|problem| !matches!(problem, Problem::Uuencode | Problem::Mime));
        if damaged {
            report.problems.push(Problem::UuLine);
        }
        if facts.extra {
            report.problems.push(Problem::ExtraBlock);
        }
        report.verdict = match (damaged, facts.cut) {
            (true, _) => Verdict::Mismatch,
            (false, true) => Verdict::Truncated,
            (false, false) => Verdict::Absent,
        };
        report.encoding = Encoding::Uu(std::mem::take(&mut self.known));
        true
    }
}

impl Run {
    /// Whether a line of length zero may end it. Empty lines, and blanks, are common in prose.
    fn takes(&self, zero: Zero) -> bool {
        match zero {
            Zero::Grave => true,
            Zero::Blank | Zero::Empty => self.full > 0,
        }
    }

    /// To be called before the first line is added. A line that is not full follows a full one,
    /// unless it is the first.
    fn begin_after(&mut self, before: Before, full: bool) {
        if self.full == 0 && !self.short {
            self.doubtful = match before {
                Before::Nothing => false,
                Before::Like => true,
                Before::Text => !full,
            };
        }
    }
}

impl Before {
    fn of(line: &[u8], shape: Shape<'_>) -> Before {
        match shape {
            Shape::Zero(Zero::Empty) => Before::Nothing,
            _ if line[0] == b'M' || matches!(line.len(), 61 | 62) => Before::Like,
            _ => Before::Text,
        }
    }
}

impl<'a> Shape<'a> {
    fn of(line: &'a [u8]) -> Shape<'a> {
        let Some((&first, chars)) = line.split_first() else {
            return Shape::Zero(Zero::Empty);
        };
        if first == b'e' && line.trim_ascii_end() == b"end" {
            return Shape::End;
        }
        // No early exit: so it is done for many bytes at once.
        let illegal = |byte: &u8| u8::from(byte.wrapping_sub(b' ') > 64);
        if line.iter().map(illegal).fold(0, |any, one| any | one) != 0 {
            return Shape::Other;
        }
        let len = usize::from(first - b' ') & 63;
        let groups = len.div_ceil(3) * 4;
        // Some leave out the characters of the last group that say nothing.
        let least = (len * 4).div_ceil(3);
        match chars.len() {
            // A checksum character may follow.
            0 | 1 if len == 0 && first == b'`' => Shape::Zero(Zero::Grave),
            _ if len == 0 && line.trim_ascii_end().is_empty() => Shape::Zero(Zero::Blank),
            _ if len == 0 => Shape::Other,
            have if have > groups + 1 => Shape::Other,
            have if have < least && line.ends_with(b" ") => Shape::Other,
            have => Shape::Data(Data {
                len,
                chars: &chars[..have.min(groups)],
                cut: have < least,
            }),
        }
    }
}

impl Data<'_> {
    fn has_graves(&self) -> bool {
        self.chars.contains(&b'`')
    }

    fn decode(&self, out: &mut Vec<u8>) {
        let mut chars = [b' '; LONGEST];
        chars[..self.chars.len()].copy_from_slice(self.chars);
        let mut bytes = [0; LONGEST / 4 * 3];
        for (group, bytes) in chars.chunks_exact(4).zip(bytes.chunks_exact_mut(3)) {
            let [a, b, c, d] = [0, 1, 2, 3].map(|at| group[at].wrapping_sub(b' ') & 63);
            bytes.copy_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
        }
        out.extend_from_slice(&bytes[..self.len]);
    }
}

/// The name in a `begin MODE NAME` line.
pub(crate) fn begin(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"begin ")?;
    let mode = rest
        .iter()
        .take_while(|byte| (b'0'..=b'7').contains(byte))
        .count();
    let name = rest[mode..].strip_prefix(b" ")?;
    (3..=4).contains(&mode).then(|| name.trim_ascii())
}
