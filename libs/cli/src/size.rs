//! Sizes and rates on the command line.

/// `10M`, `500K`, `1.5G`, plain bytes; K is 1000, Ki is 1024, and so on.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    size(text).ok_or_else(|| "not a size: write 500K, 10M, 1.5G or plain bytes".to_owned())
}

fn size(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let (letter, base) = match unit.strip_suffix('i') {
        Some(letter) if !letter.is_empty() => (letter, 1024.0f64),
        _ => (unit, 1000.0),
    };
    let power = ["", "K", "M", "G", "T"]
        .iter()
        .position(|unit| unit.eq_ignore_ascii_case(letter))?;
    let bytes = number.parse::<f64>().ok()? * base.powi(i32::try_from(power).ok()?);
    (bytes <= 1e18).then_some(bytes.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            ("0", 0),
            ("1000", 1000),
            ("10M", 10_000_000),
            ("500k", 500_000),
            ("1.5G", 1_500_000_000),
            ("32Mi", 32 << 20),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for bad in [
            "",
            "M",
            "-1",
            "1x",
            "1KB",
            "1 M",
            "i",
            "1i",
            "inf",
            "1e9",
            "99999999T",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
