//! Dates as NNTP and mail write them, from and to seconds since 1970 (UTC).

const DAY: i64 = 86_400;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `Sat, 21 Nov 2026 04:20:44 +0000` (RFC 5322, section 3.3).
pub(crate) fn mail(seconds: i64) -> String {
    let days = seconds.div_euclid(DAY);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = clock(seconds);
    let weekday = WEEKDAYS[days.rem_euclid(7) as usize];
    let name = MONTHS[month as usize - 1];
    format!("{weekday}, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} +0000")
}

/// `20261121042044`, the reply to `DATE` (RFC 3977, section 7.1).
pub(crate) fn compact(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let (hour, minute, second) = clock(seconds);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// The arguments of `NEWGROUPS`, `[yy]yymmdd` and `hhmmss` (RFC 3977, section
/// 7.3.2); two digits of a year are the nearest century before `now`.
pub(crate) fn parse(date: &str, time: &str, now: i64) -> Option<i64> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(date) || !digits(time) || time.len() != 6 || !matches!(date.len(), 6 | 8) {
        return None;
    }
    let (year, rest) = date.split_at(date.len() - 4);
    let (month, day): (i64, i64) = (rest[..2].parse().ok()?, rest[2..].parse().ok()?);
    let year = full_year(year.parse().ok()?, year.len(), civil(now.div_euclid(DAY)).0);
    let clock: i64 = time.parse().ok()?;
    let (hour, minute, second) = (clock / 10_000, clock / 100 % 100, clock % 100);
    let legal = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    legal.then(|| days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

fn full_year(year: i64, digits: usize, this_year: i64) -> i64 {
    match digits {
        2 => {
            let century = this_year - this_year.rem_euclid(100);
            let year = century + year;
            if year > this_year { year - 100 } else { year }
        }
        _ => year,
    }
}

fn clock(seconds: i64) -> (i64, i64, i64) {
    let rest = seconds.rem_euclid(DAY);
    (rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month and day of a day counted from 1970-01-01 (proleptic Gregorian).
/// Years begin in March here, so that the leap day is the last one.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`].
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_century = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + of_century * 365 + of_century / 4 - of_century / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_known_dates() {
        let cases = [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000", "19700101000000"),
            (
                951_782_399,
                "Mon, 28 Feb 2000 23:59:59 +0000",
                "20000228235959",
            ),
            (
                951_782_400,
                "Tue, 29 Feb 2000 00:00:00 +0000",
                "20000229000000",
            ),
            (
                1_795_234_844,
                "Sat, 21 Nov 2026 04:20:44 +0000",
                "20261121042044",
            ),
            (-1, "Wed, 31 Dec 1969 23:59:59 +0000", "19691231235959"),
        ];
        for (seconds, as_mail, as_reply) in cases {
            assert_eq!(mail(seconds), as_mail);
            assert_eq!(compact(seconds), as_reply);
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for days in -1000..146_097 {
            let (year, month, day) = civil(days);
            assert_eq!(days_of(year, month, day), days);
        }
    }

    #[test]
    fn reads_the_dates_of_newgroups() {
        let now = 1_795_234_844;
        assert_eq!(parse("20261121", "042044", now), Some(now));
        assert_eq!(parse("261121", "042044", now), Some(now));
        assert_eq!(parse("990101", "000000", now), Some(915_148_800));
        for (date, time) in [
            ("20261321", "000000"),
            ("2026112", "000000"),
            ("20261121", "250000"),
            ("2026112x", "000000"),
        ] {
            assert_eq!(parse(date, time, now), None, "{date} {time}");
        }
    }
}
