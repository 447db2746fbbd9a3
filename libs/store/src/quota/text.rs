//! The state file of a quota, as text and back. No I/O.
//!
//! ```text
//! nzbpipe-quota 1
//! # for people
//! total OCTETS
//! day YYYY-MM-DD OCTETS        local time
//! month YYYY-MM OCTETS         local time
//! since SECONDS OCTETS         10 minutes that began then, since 1970
//! end
//! ```
//!
//! A person may edit it. Hence no checksum, but nothing is guessed at either:
//! octets forgotten here are bought again or cut off by the provider.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::counts::{Counts, Date, Month, SPAN};

const HEAD: &str = "nzbpipe-quota 1";

const ADVICE: &str = "\
# Octets taken from a news server, kept by nzbpipe. While no download runs, total
# may be set to 0 when more was bought; without this file all counts begin at 0.
";

/// What is wrong with a file, and its line from 1.
pub(super) type Fault = (usize, &'static str);

/// The file.
pub(super) fn write(counts: &Counts) -> String {
    let mut text = format!("{HEAD}\n{ADVICE}total {}\n", counts.total);
    for (date, octets) in &counts.days {
        let Date { year, month, day } = date;
        let _ = writeln!(text, "day {year:04}-{month:02}-{day:02} {octets}");
    }
    for ((year, month), octets) in &counts.months {
        let _ = writeln!(text, "month {year:04}-{month:02} {octets}");
    }
    for (span, octets) in &counts.spans {
        let _ = writeln!(text, "since {} {octets}", span.saturating_mul(SPAN));
    }
    text + "end\n"
}

/// Reads a file.
pub(super) fn read(bytes: &[u8]) -> Result<Counts, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| (1, "this is no text"))?;
    let mut lines = text.lines().enumerate();
    match lines.next() {
        Some((_, HEAD)) => {}
        Some((_, line)) if line.starts_with("nzbpipe-quota ") => {
            return Err((1, "it is of another version of nzbpipe"));
        }
        _ => return Err((1, "this is no quota file of nzbpipe")),
    }
    let mut counts = Counts::default();
    let mut total = None;
    let mut last = 1;
    for (index, line) in lines.by_ref() {
        last = index + 1;
        if line == "end" {
            break;
        }
        take(line, &mut counts, &mut total).map_err(|what| (last, what))?;
    }
    let ended = text.ends_with("\nend\n") && lines.next().is_none();
    match total {
        Some(total) if ended => Ok(Counts { total, ..counts }),
        Some(_) => Err((last, "it does not end with a line \"end\"")),
        None => Err((last, "there is no line \"total\"")),
    }
}

fn take(line: &str, counts: &mut Counts, total: &mut Option<u64>) -> Result<(), &'static str> {
    let mut words = line.split_ascii_whitespace();
    let Some(kind) = words.next() else {
        return Ok(());
    };
    let rest: Vec<&str> = words.collect();
    match (kind, &*rest) {
        _ if kind.starts_with('#') => Ok(()),
        ("total", [octets]) => match total.replace(number(octets)?) {
            None => Ok(()),
            Some(_) => Err(TWICE),
        },
        ("day", [date, octets]) => {
            let date = parse_date(date).ok_or("not a date like 2026-01-31")?;
            put(&mut counts.days, date, number(octets)?)
        }
        ("month", [month, octets]) => {
            let month = parse_month(month).ok_or("not a month like 2026-01")?;
            put(&mut counts.months, month, number(octets)?)
        }
        ("since", [start, octets]) => {
            let start = number(start)?;
            if start % SPAN != 0 {
                return Err("not the begin of 10 minutes");
            }
            put(&mut counts.spans, start / SPAN, number(octets)?)
        }
        _ => Err("this is not understood"),
    }
}

const TWICE: &str = "this is said twice";

fn put<K: Ord>(map: &mut BTreeMap<K, u64>, key: K, octets: u64) -> Result<(), &'static str> {
    match map.insert(key, octets) {
        None => Ok(()),
        Some(_) => Err(TWICE),
    }
}

/// Digits only: `parse` would take a sign.
fn number(text: &str) -> Result<u64, &'static str> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let value = text.parse().ok().filter(|_| digits);
    value.ok_or("not a number of octets")
}

fn parse_date(text: &str) -> Option<Date> {
    let (month, day) = text.rsplit_once('-')?;
    let (year, month) = parse_month(month)?;
    let day = field(day, 2).filter(|day| (1..=31).contains(day))?;
    let day = u8::try_from(day).ok()?;
    Some(Date { year, month, day })
}

fn parse_month(text: &str) -> Option<Month> {
    let (year, month) = text.split_once('-')?;
    let month = field(month, 2).filter(|month| (1..=12).contains(month))?;
    Some((field(year, 4)?, u8::try_from(month).ok()?))
}

fn field(text: &str, digits: usize) -> Option<u16> {
    let all = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::Moment;
    use proptest::prelude::*;

    fn sample() -> Counts {
        let date = Date {
            year: 2026,
            month: 2,
            day: 28,
        };
        let mut counts = Counts::default();
        counts.add(Moment { unix: 7_777, date }, 5);
        counts
    }

    #[test]
    fn the_file_is_as_documented() {
        let text = write(&sample());
        let plain: String = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(
            plain,
            "nzbpipe-quota 1\ntotal 5\nday 2026-02-28 5\nmonth 2026-02 5\nsince 7200 5\nend\n"
        );
        assert_eq!(read(text.as_bytes()), Ok(sample()));
        assert_eq!(read(plain.as_bytes()), Ok(sample()));
    }

    #[test]
    fn no_shortened_file_is_taken() {
        let text = write(&sample());
        for end in 0..text.len() {
            assert!(read(&text.as_bytes()[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let rows = [
            ("", 1, "no quota file"),
            ("nzbpipe-quota 2\ntotal 1\nend\n", 1, "another version"),
            ("nzbpipe-quota 1\nend\n", 2, "no line"),
            ("nzbpipe-quota 1\ntotal -1\nend\n", 2, "number"),
            ("nzbpipe-quota 1\ntotal +1\nend\n", 2, "number"),
            (
                "nzbpipe-quota 1\ntotal 18446744073709551616\nend\n",
                2,
                "number",
            ),
            ("nzbpipe-quota 1\ntotal 1\ntotal 1\nend\n", 3, "twice"),
            (
                "nzbpipe-quota 1\ntotal 1\nday 2026-13-01 1\nend\n",
                3,
                "date",
            ),
            ("nzbpipe-quota 1\ntotal 1\nday 26-1-1 1\nend\n", 3, "date"),
            ("nzbpipe-quota 1\ntotal 1\nsince 601 1\nend\n", 3, "begin"),
            ("nzbpipe-quota 1\ntotal 1\nweek 1 1\nend\n", 3, "understood"),
            ("nzbpipe-quota 1\ntotal 1\nend\nend\n", 3, "end"),
        ];
        for (text, line, word) in rows {
            let (at, what) = read(text.as_bytes()).unwrap_err();
            assert!(
                at == line && what.contains(word),
                "{text:?}: line {at}, {what}"
            );
        }
        assert!(read(b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&bytes);
            let body = String::from_utf8_lossy(&bytes);
            let _ = read(format!("{HEAD}\ntotal 1\n{body}\nend\n").as_bytes());
        }
    }
}
