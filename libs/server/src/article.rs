//! One article: its message-id, which says file and part, and its header.
//! Its body comes from the shelf.

use crate::catalog::{Catalog, Entry};
use crate::date;

/// Message-ids carry the digest of the file in this many hex digits.
const DIGEST_DIGITS: usize = 12;

/// A part of a file of the catalogue.
#[derive(Clone, Copy)]
pub(crate) struct Article<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) file: &'a Entry,
    /// From 1 to `file.parts`.
    pub(crate) part: u64,
}

impl Article<'_> {
    /// Number in the group, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.file.first + self.part - 1
    }

    /// First byte of the part in its file.
    pub(crate) fn offset(&self) -> u64 {
        (self.part - 1) * self.catalog.article_size
    }

    /// Decoded bytes of the part.
    pub(crate) fn len(&self) -> u64 {
        (self.file.stamp.size - self.offset()).min(self.catalog.article_size)
    }

    /// Message-id without `<>`.
    pub(crate) fn id(&self) -> String {
        let (digest, domain) = (self.file.digest, &self.catalog.domain);
        format!(
            "{}.{digest:0width$x}@{domain}",
            self.part,
            width = DIGEST_DIGITS
        )
    }

    /// Subject in the form posting programs use and clients take names from.
    pub(crate) fn subject(&self) -> String {
        let Entry {
            parts,
            title,
            place,
            stamp,
            ..
        } = self.file;
        let (part, of) = (self.part, self.catalog.jobs[self.file.job].files.len());
        format!(
            "[{place}/{of}] \"{title}\" yEnc ({part}/{parts}) {}",
            stamp.size
        )
    }

    /// The header lines (RFC 5536, section 3.1) without the blank line after.
    /// Names beyond ASCII stand as UTF-8, which RFC 3977 allows (section 3.6).
    pub(crate) fn header(&self) -> String {
        let Catalog {
            domain,
            poster,
            group,
            ..
        } = self.catalog;
        let (subject, id) = (self.subject(), self.id());
        let date = date::mail(self.file.stamp.seconds);
        format!(
            "Path: {domain}!not-for-mail\r\n\
             From: {poster}\r\n\
             Newsgroups: {group}\r\n\
             Subject: {subject}\r\n\
             Date: {date}\r\n\
             Message-ID: <{id}>\r\n"
        )
    }

    /// Bytes of the encoded body, as an NZB states them: an estimate. yEnc
    /// escapes 4 of 256 byte values and ends lines after 128 bytes.
    pub(crate) fn encoded_size(&self) -> u64 {
        let len = self.len();
        len + len / 64 + len / 64 + 200 + 2 * self.file.name.len() as u64
    }
}

/// What a message-id of this server says: part and digest of the file. Only
/// the one spelling [`Article::id`] writes is known, so ids stay unique.
pub(crate) fn parse_id(id: &str, domain: &str) -> Option<(u64, u64)> {
    let (local, right) = id.split_once('@')?;
    let (part, digest) = local.split_once('.')?;
    let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let canonical = right == domain
        && part.bytes().all(|byte| byte.is_ascii_digit())
        && !part.starts_with('0')
        && digest.len() == DIGEST_DIGITS
        && digest.bytes().all(lower_hex);
    if !canonical {
        return None;
    }
    Some((part.parse().ok()?, u64::from_str_radix(digest, 16).ok()?))
}

/// 64 bits of FNV-1a with the finish of splitmix64, which spreads short inputs
/// over the high bits too. Fixed here, because ids must outlive a toolchain
/// and the hasher of std promises nothing; nobody attacks it.
pub(crate) fn hash<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in pieces.into_iter().flatten() {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// As many bits of a [`hash`] as a message-id carries.
pub(crate) fn digest(hash: u64) -> u64 {
    hash >> (64 - 4 * DIGEST_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::tests::sample;

    #[test]
    fn ids_say_file_and_part() {
        let catalog = sample();
        for number in 1..=catalog.articles {
            let article = catalog.by_number(number).unwrap();
            let (part, digest) = parse_id(&article.id(), "x.invalid").unwrap();
            assert_eq!((part, digest), (article.part, article.file.digest));
            let again = catalog.by_id(&article.id()).unwrap();
            assert_eq!(again.number(), number);
        }
    }

    #[test]
    fn knows_one_spelling_of_an_id_only() {
        let good = "1.0123456789ab@x.invalid";
        assert!(parse_id(good, "x.invalid").is_some());
        for bad in [
            "",
            "@",
            "01.0123456789ab@x.invalid",
            "+1.0123456789ab@x.invalid",
            "0.0123456789ab@x.invalid",
            ".0123456789ab@x.invalid",
            "1.0123456789AB@x.invalid",
            "1.0123456789a@x.invalid",
            "1.+123456789ab@x.invalid",
            "1.0123456789ab@y.invalid",
            "99999999999999999999999.0123456789ab@x.invalid",
        ] {
            assert_eq!(parse_id(bad, "x.invalid"), None, "{bad}");
        }
    }

    #[test]
    fn headers_are_lines_with_an_end() {
        let catalog = sample();
        let header = catalog.by_number(2).unwrap().header();
        let lines: Vec<&str> = header.split("\r\n").collect();
        assert_eq!(lines[3], "Subject: [1/2] \"a.bin\" yEnc (2/3) 25");
        assert_eq!(lines[4], "Date: Thu, 01 Jan 1970 00:00:07 +0000");
        assert_eq!(&lines[6..], [""]);
        assert!(lines[..6].iter().all(|line| line.contains(": ")));
    }

    #[test]
    fn parts_tile_the_file() {
        let catalog = sample();
        let file = &catalog.files[0];
        let mut end = 0;
        for part in 1..=file.parts {
            let article = Article {
                catalog: &catalog,
                file,
                part,
            };
            assert_eq!(article.offset(), end);
            end += article.len();
        }
        assert_eq!(end, file.stamp.size);
    }
}
