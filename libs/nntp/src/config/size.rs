//! Sizes and rates as people write them. The one parser for the server file and
//! for flags.

/// Octets, from a plain number or one with a unit: `500K`, `10M`, `1.5G`, `2T`,
/// and `Ki`, `Mi`, `Gi`, `Ti` for powers of 1024. K is 1000, as disks and
/// providers count. The unit's case does not matter, and a `B` may follow it
/// (not a `b`, which would mean bits). A fraction is rounded down. `None` for
/// anything else, and for more than 2^64.
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = scale(unit.trim_start())?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().ok()?;
    // More digits than these change nothing that anybody meant.
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let tenths = 10_u128.pow(fraction.len() as u32);
    let fraction: u64 = fraction.parse().ok()?;
    let part = u128::from(fraction) * u128::from(unit) / tenths;
    let octets = u128::from(whole) * u128::from(unit) + part;
    octets.try_into().ok()
}

fn scale(unit: &str) -> Option<u64> {
    let unit = unit.strip_suffix('B').unwrap_or(unit);
    let (letter, base) = match unit.strip_suffix(['i', 'I']) {
        Some(letter) => (letter, 1024_u64),
        None => (unit, 1000),
    };
    let power = match letter {
        "" if base == 1000 => 0,
        "k" | "K" => 1,
        "m" | "M" => 2,
        "g" | "G" => 3,
        "t" | "T" => 4,
        _ => return None,
    };
    Some(base.pow(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        let table = [
            ("0", 0),
            ("1500", 1500),
            ("500K", 500_000),
            ("10M", 10_000_000),
            ("10m", 10_000_000),
            ("1.5G", 1_500_000_000),
            ("0.5k", 500),
            ("1Ki", 1024),
            ("2MiB", 2 << 20),
            ("50 GB", 50_000_000_000),
            ("2T", 2_000_000_000_000),
            ("100B", 100),
            ("1.9", 1),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, octets) in table {
            assert_eq!(size(text), Some(octets), "{text:?}");
        }
        for bad in [
            "",
            "M",
            ".5G",
            "1.G",
            "-1",
            "+1",
            "1,5G",
            "10Mb",
            "10Mbit",
            "1i",
            "1.2.3",
            "99999999999T",
            "18446744073709551616",
            "1e3",
            "ten",
        ] {
            assert_eq!(size(bad), None, "{bad:?}");
        }
    }
}
