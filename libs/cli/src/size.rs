//! Sizes and rates on the command line, read as in the server file.

/// `10M`, `500K`, `1.5G`, plain bytes; K is 1000, Ki is 1024, and so on.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let size = nzbpipe_nntp::config::size(text);
    size.ok_or_else(|| "not a size: write 500K, 10M, 1.5G or plain bytes".to_owned())
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
        for bad in ["", "M", "-1", "1x", "i", "1i", "inf", "1e9", "99999999999T"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
