//! Bytes of any encoding in, chunks of valid UTF-8 out.
//!
//! quick-xml refuses a whole document for one byte that is not UTF-8, and
//! real NZBs lie about their encoding. So the text is made valid before the
//! parser sees it.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes read at once.
pub const CHUNK: usize = 64 << 10;

/// A source of text in pieces. Pieces may cut a character in two; joined they
/// are valid UTF-8 if the source promises it.
pub trait Chunks {
    /// Puts the next piece into `out`, which is emptied first. Still empty
    /// afterwards means the end.
    fn chunk(&mut self, out: &mut Vec<u8>) -> io::Result<()>;
}

/// What the first bytes of a document say about its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guess {
    /// How to decode, a byte order mark not included.
    pub encoding: &'static Encoding,
    /// Octets of the byte order mark.
    pub mark: usize,
}

/// Octets [`guess`] wants to see.
pub const SNIFF: usize = 1024;

/// Judges by the byte order mark, then by zeros beside `<`, then by the XML
/// declaration.
///
/// A document that declares UTF-8 or one of the Latin-1 family counts as
/// UTF-8: half the NZBs that declare ISO-8859-1 are UTF-8 or plain ASCII, and
/// the bytes that are neither are read as windows-1252 anyway.
pub fn guess(head: &[u8]) -> Guess {
    if let Some((encoding, mark)) = Encoding::for_bom(head) {
        return Guess { encoding, mark };
    }
    let encoding = match head {
        [b'<', 0, ..] => UTF_16LE,
        [0, b'<', ..] => UTF_16BE,
        _ => declared(head)
            .filter(|e| e.is_ascii_compatible() && *e != WINDOWS_1252)
            .unwrap_or(UTF_8),
    };
    Guess { encoding, mark: 0 }
}

/// The encoding named in `<?xml … encoding="…"?>`.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let start = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = memchr::memmem::find(start, b"?>")?;
    let declaration = &start[..end];
    let at = memchr::memmem::find(declaration, b"encoding")? + b"encoding".len();
    let value = declaration[at..]
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let quote = *value.first().filter(|b| matches!(b, b'"' | b'\''))?;
    let value = &value[1..];
    Encoding::for_label(&value[..memchr::memchr(quote, value)?])
}

/// Makes valid UTF-8 of what a [`Read`] gives.
pub struct Transcoder<R> {
    inner: R,
    decoder: Option<Decoder>,
    /// UTF-8: the beginning of a character that the last chunk ended in.
    carry: Vec<u8>,
    raw: Vec<u8>,
    mended: bool,
    ended: bool,
}

impl<R: Read> Transcoder<R> {
    /// `inner` must stand behind the byte order mark.
    pub fn new(inner: R, encoding: &'static Encoding) -> Transcoder<R> {
        let decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
        Transcoder {
            inner,
            decoder,
            carry: Vec::new(),
            raw: Vec::new(),
            mended: false,
            ended: false,
        }
    }

    /// True once something came out that is not what went in.
    pub fn altered(&self) -> bool {
        self.mended || self.decoder.is_some()
    }

    /// True once there were bytes that are not UTF-8 where they should be.
    pub fn mended(&self) -> bool {
        self.mended
    }

    /// The source.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn utf8(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        out.append(&mut self.carry);
        self.ended = read_chunk(&mut self.inner, out)? == 0;
        let Err(error) = std::str::from_utf8(out) else {
            return Ok(());
        };
        if error.error_len().is_none() && !self.ended {
            self.carry = out.split_off(error.valid_up_to());
            return Ok(());
        }
        self.mended = true;
        self.mend(out);
        Ok(())
    }

    /// Bytes that are not UTF-8 become the windows-1252 characters they most
    /// likely are.
    fn mend(&mut self, out: &mut Vec<u8>) {
        let broken = std::mem::take(out);
        let mut rest = broken.as_slice();
        if let Some(tail) = cut_character(rest).filter(|_| !self.ended) {
            rest = &rest[..rest.len() - tail];
            self.carry.extend_from_slice(&broken[rest.len()..]);
        }
        for piece in rest.utf8_chunks() {
            out.extend_from_slice(piece.valid().as_bytes());
            let (text, _) = WINDOWS_1252.decode_without_bom_handling(piece.invalid());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Octets at the end of `bytes` that begin a character and do not finish it.
fn cut_character(bytes: &[u8]) -> Option<usize> {
    let last = bytes.utf8_chunks().last()?;
    let tail = last.invalid();
    let open = std::str::from_utf8(tail).err()?.error_len().is_none();
    open.then_some(tail.len())
}

fn decode(decoder: &mut Decoder, raw: &[u8], last: bool, out: &mut Vec<u8>) -> io::Result<()> {
    let room = decoder.max_utf8_buffer_length(raw.len());
    out.resize(room.ok_or_else(|| io::Error::other("chunk too long"))?, 0);
    let (_, _, written, _) = decoder.decode_to_utf8(raw, out, last);
    out.truncate(written);
    Ok(())
}

impl<R: Read> Chunks for Transcoder<R> {
    fn chunk(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        // A chunk may come to nothing (half a character): go on until it
        // does not, because empty means the end.
        while out.is_empty() && !self.ended {
            let Some(decoder) = &mut self.decoder else {
                self.utf8(out)?;
                continue;
            };
            self.raw.clear();
            self.ended = read_chunk(&mut self.inner, &mut self.raw)? == 0;
            decode(decoder, &self.raw, self.ended, out)?;
        }
        Ok(())
    }
}

/// Appends up to [`CHUNK`] bytes of one read; 0 is the end.
pub fn read_chunk(from: &mut impl Read, to: &mut Vec<u8>) -> io::Result<usize> {
    let start = to.len();
    to.resize(start + CHUNK, 0);
    let result = loop {
        match from.read(&mut to[start..]) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            other => break other,
        }
    };
    to.truncate(start + *result.as_ref().unwrap_or(&0));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives `step` bytes at a time, so that every boundary is met.
    struct Steps<'a>(&'a [u8], usize);

    impl Read for Steps<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buf.len());
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn transcode(bytes: &[u8], step: usize) -> (String, bool) {
        let guess = guess(bytes);
        let mut transcoder = Transcoder::new(Steps(&bytes[guess.mark..], step), guess.encoding);
        let (mut all, mut piece) = (Vec::new(), Vec::new());
        loop {
            transcoder.chunk(&mut piece).unwrap();
            if piece.is_empty() {
                break;
            }
            std::str::from_utf8(&piece).unwrap();
            all.extend_from_slice(&piece);
        }
        (String::from_utf8(all).unwrap(), transcoder.altered())
    }

    #[test]
    fn every_encoding_comes_out_as_utf8_at_any_split() {
        let utf16 = |text: &str, big: bool, mark: bool| -> Vec<u8> {
            let text: String = if mark {
                format!("\u{feff}{text}")
            } else {
                text.into()
            };
            text.encode_utf16()
                .flat_map(|u| {
                    if big {
                        u.to_be_bytes()
                    } else {
                        u.to_le_bytes()
                    }
                })
                .collect()
        };
        let table: Vec<(&str, Vec<u8>, &str, bool)> = vec![
            ("ascii", b"<a>x</a>".to_vec(), "<a>x</a>", false),
            ("utf-8", "<a>ä€😀</a>".into(), "<a>ä€😀</a>", false),
            ("N07 mark", "\u{feff}<a>ä</a>".into(), "<a>ä</a>", false),
            (
                "N06 a lie",
                b"<a>\xe4\xf6 \xc3\xa4\x80</a>".to_vec(),
                "<a>äö ä€</a>",
                true,
            ),
            ("cut at the end", b"<a>\xe2\x82".to_vec(), "<a>â‚", true),
            (
                "N07 utf-16le",
                utf16("<a>ä😀</a>", false, true),
                "<a>ä😀</a>",
                true,
            ),
            (
                "utf-16be",
                utf16("<a>ä😀</a>", true, true),
                "<a>ä😀</a>",
                true,
            ),
            (
                "utf-16le without mark",
                utf16("<a>ä</a>", false, false),
                "<a>ä</a>",
                true,
            ),
            (
                "N07 latin-1",
                b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe4</a>".to_vec(),
                "<?xml version='1.0' encoding='ISO-8859-1'?><a>ä</a>",
                true,
            ),
            (
                "utf-8 that says latin-1",
                "<?xml encoding=\"iso-8859-1\"?><a>ä</a>".into(),
                "<?xml encoding=\"iso-8859-1\"?><a>ä</a>",
                false,
            ),
            (
                "cyrillic",
                b"<?xml encoding = \"windows-1251\"?>\xcf\xf0".to_vec(),
                "<?xml encoding = \"windows-1251\"?>Пр",
                true,
            ),
            (
                "shift_jis",
                b"<?xml encoding='Shift_JIS'?>\x83\x65".to_vec(),
                "<?xml encoding='Shift_JIS'?>テ",
                true,
            ),
            (
                "impossible",
                b"<?xml encoding='UTF-16'?><a/>".to_vec(),
                "<?xml encoding='UTF-16'?><a/>",
                false,
            ),
            (
                "unknown",
                b"<?xml encoding='klingon'?><a/>".to_vec(),
                "<?xml encoding='klingon'?><a/>",
                false,
            ),
        ];
        for (name, bytes, text, altered) in table {
            for step in 1..=bytes.len() {
                assert_eq!(
                    transcode(&bytes, step),
                    (text.to_string(), altered),
                    "{name}, {step} bytes at a time"
                );
            }
        }
    }
}
