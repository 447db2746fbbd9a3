//! From headers, lengths and CRC to the verdict on a yEnc block. The rules follow what posters
//! really write: sizes and totals lie more often than a CRC32 does, so a right CRC outweighs a wrong
//! size, but not a contradiction about where the bytes belong.

use crate::control::{Begin, CrcField, End, PartRange};
use crate::report::{Encoding, Problem, Report, Verdict};

/// A part's usable place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub offset: u64,
    /// `None` if `=ypart` does not say.
    pub len: Option<u64>,
}

/// What the CRC fields say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Right,
    Wrong,
    Unknown,
}

/// Fills in the problems that only show at the end, and the verdict.
pub(crate) fn judge(report: &mut Report) {
    let Some(begin) = report.begin.clone() else {
        report.verdict = Verdict::NoYenc;
        return;
    };
    report.encoding = Encoding::Yenc;
    report
        .problems
        .retain(|problem| !matches!(problem, Problem::Uuencode | Problem::Mime));
    report.problems.extend(place(report, &begin));
    report.verdict = match report.end {
        Some(end) => trailer(report, &begin, end),
        None => Verdict::Truncated,
    };
}

fn trailer(report: &mut Report, begin: &Begin, end: End) -> Verdict {
    if differ(begin.part, end.part) {
        report.problems.push(Problem::PartNumber);
    }
    let check = check(report, end);
    let unusable = [end.pcrc32, end.crc32]
        .iter()
        .any(|field| is_unusable(*field));
    match check {
        Check::Wrong => report.problems.push(Problem::Crc),
        Check::Unknown if unusable => report.problems.push(Problem::CrcUnusable),
        _ => {}
    }
    let size = size(report, begin, end);
    report.problems.extend(size);
    let fatal = report.problems.iter().any(|problem| problem.is_fatal());
    match check {
        _ if fatal => Verdict::Mismatch,
        Check::Right => Verdict::Ok,
        Check::Wrong => Verdict::Mismatch,
        Check::Unknown if size.is_some() => Verdict::Mismatch,
        Check::Unknown => Verdict::Absent,
    }
}

/// `pcrc32` is of the part. `crc32` is of the whole file, but many tools write the part's there:
/// on a part it proves the data if equal and says nothing if not.
fn check(report: &Report, end: End) -> Check {
    let Some(crc) = report.crc32 else {
        return Check::Unknown;
    };
    let proven = end.pcrc32.proves(crc) || end.crc32.proves(crc);
    let refuted = end.pcrc32.refutes(crc) || (end.crc32.refutes(crc) && !report.is_part());
    match (refuted, proven) {
        (true, _) => Check::Wrong,
        (false, true) => Check::Right,
        (false, false) => Check::Unknown,
    }
}

fn is_unusable(field: CrcField) -> bool {
    matches!(field, CrcField::Unusable | CrcField::Short(_))
}

/// What is wrong with the part's place in the file.
fn place(report: &Report, begin: &Begin) -> Option<Problem> {
    let Some(range) = report.part else {
        return report.is_part().then_some(Problem::NoRange);
    };
    let Some(span) = span(range, report.decoded) else {
        return Some(Problem::BadRange);
    };
    if span.len.is_some_and(|len| len != report.decoded) {
        return Some(Problem::RangeLength);
    }
    let beyond = begin
        .size
        .is_some_and(|size| size > 0 && span.offset + report.decoded > size);
    beyond.then_some(Problem::BeyondSize)
}

/// A size that does not fit the data. Old tools give the file's size in the `=yend` of a part.
fn size(report: &Report, begin: &Begin, end: End) -> Option<Problem> {
    let of_file = report.is_part() && end.size == begin.size && begin.size.is_some();
    if end.size.is_some_and(|size| size != report.decoded) && !of_file {
        return Some(Problem::EndSize);
    }
    let single = begin.size.filter(|&size| size > 0 && !report.is_part());
    single
        .filter(|&size| size != report.decoded)
        .map(|_| Problem::BeginSize)
}

/// The place that `range` gives to `decoded` bytes, if it is one. File offsets end at 2^63-1.
pub(crate) fn span(range: PartRange, decoded: u64) -> Option<Span> {
    let begin = range.begin.filter(|&begin| begin > 0)?;
    let offset = begin - 1;
    let len = match range.end {
        Some(end) if end >= begin => Some(end - offset),
        // An empty file.
        Some(0) if begin == 1 => Some(0),
        Some(_) => return None,
        // Without an end, the beginning of the file is still a place; anything else is a guess.
        None if begin == 1 => None,
        None => return None,
    };
    let end = offset.checked_add(len.unwrap_or(0).max(decoded))?;
    (end <= i64::MAX as u64).then_some(Span { offset, len })
}

/// Two declared part numbers that are not the same; 0 declares nothing.
fn differ(a: Option<u64>, b: Option<u64>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b && a != 0 && b != 0)
}
