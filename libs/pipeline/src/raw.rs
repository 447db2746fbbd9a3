//! Articles that are passed on as they are: neither yEnc nor UUencode, such as a text.

use nzbpipe_record::Buffer;
use nzbpipe_yenc::{Encoding, Report, Verdict};

/// Puts the lines of such an article into `out`, without the dots that the wire added, and
/// returns its report. All is left as it came for any other, and for one without a line: servers
/// are known to send nothing where something was.
pub(crate) fn pass(lines: &[u8], stuffed: bool, out: &mut Buffer, report: Report) -> Report {
    if lines.is_empty() || report.encoding != Encoding::None {
        return report;
    }
    out.clear();
    out.reserve(lines.len());
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        let line = match line.strip_prefix(b".") {
            Some(rest) if stuffed => rest,
            _ => line,
        };
        out.extend_from_slice(line);
    }
    Report {
        verdict: Verdict::Absent,
        decoded: out.len() as u64,
        crc32: Some(crc32fast::hash(out)),
        ..report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;
    use nzbpipe_record::{Bytes, Pool};
    use nzbpipe_yenc::Options;

    fn passed(lines: &[u8], stuffed: bool) -> (Bytes, Report) {
        let options = Options {
            stuffed,
            ..Options::default()
        };
        decode::either(lines, options, true, &Pool::new(0))
    }

    #[test]
    fn dots_go_and_line_ends_stay() {
        let lines = b"one\r\n..two\n.\n...\r\n\r\nlast";
        let table: [(bool, &[u8]); 2] = [(true, b"one\r\n.two\n\n..\r\n\r\nlast"), (false, lines)];
        for (stuffed, want) in table {
            let (bytes, report) = passed(lines, stuffed);
            assert_eq!((&bytes[..], report.verdict), (want, Verdict::Absent));
            assert_eq!(report.crc32, Some(crc32fast::hash(want)));
        }
    }

    #[test]
    fn what_is_encoded_or_empty_is_none_of_it() {
        let table: [(&[u8], Verdict); 3] = [
            (b"", Verdict::NoYenc),
            (b"begin 644 x\r\n#0V%T\r\n`\r\nend\r\n", Verdict::Absent),
            (b"=ybegin line=128 size=3 name=x\r\nklm", Verdict::Truncated),
        ];
        for (lines, verdict) in table {
            let (bytes, report) = passed(lines, true);
            assert_eq!(report.verdict, verdict);
            assert!(bytes.len() <= 3, "{bytes:?}");
        }
    }
}
