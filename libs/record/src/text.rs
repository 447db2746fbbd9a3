//! Text that is not UTF-8: what to show of it, and its bytes beside it.

use std::borrow::Cow;

/// The text to show for `bytes` and, only if it is not the same, the bytes in
/// base64: the pair for keys such as `name` and `name_b64`.
///
/// ```
/// use nzbpipe_record::text;
/// assert_eq!(text(b"a.bin"), ("a.bin".to_owned(), None));
/// assert_eq!(text(b"\xe9"), ("\u{fffd}".to_owned(), Some("6Q==".to_owned())));
/// ```
pub fn text(bytes: &[u8]) -> (String, Option<String>) {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(same) => (same.to_owned(), None),
        Cow::Owned(lossy) => (lossy, Some(base64(bytes))),
    }
}

/// `bytes` in base64 with padding (RFC 4648 section 4).
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| {
            bits << 8 | group.get(i).map_or(0, |&b| u32::from(b))
        });
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= group.len() { digit.into() } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_the_vectors_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, encoded) in vectors {
            assert_eq!(base64(bytes.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn only_text_that_is_not_utf8_has_its_bytes_beside_it() {
        assert_eq!(text("größe".as_bytes()), ("größe".to_owned(), None));
        assert_eq!(
            text(b"gr\xf6\xdfe"),
            ("gr\u{fffd}\u{fffd}e".to_owned(), Some("Z3L232U=".into()))
        );
    }
}
