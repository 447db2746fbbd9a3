//! The control lines around a part's data: `=ybegin`, `=ypart` and `=yend`.

use super::PartSpec;

/// Appends `=ybegin` and, for one of several parts, `=ypart`.
pub(super) fn header(len: u64, line: usize, spec: &PartSpec<'_>, out: &mut Vec<u8>) {
    let number = match (is_part(spec), spec.total) {
        (false, _) => String::new(),
        (true, 0) => format!(" part={}", spec.part),
        (true, total) => format!(" part={} total={total}", spec.part),
    };
    let begin = format!("=ybegin{number} line={line} size={} name=", spec.file_size);
    out.extend_from_slice(begin.as_bytes());
    out.extend(spec.name.iter().map(|byte| match byte {
        b'\r' | b'\n' | 0 => b'_',
        byte => *byte,
    }));
    out.extend_from_slice(b"\r\n");
    if is_part(spec) {
        let (begin, end) = (
            spec.offset.saturating_add(1),
            spec.offset.saturating_add(len),
        );
        let range = format!("=ypart begin={begin} end={end}\r\n");
        out.extend_from_slice(range.as_bytes());
    }
}

/// Appends `=yend` of a part of `size` bytes with the CRC32 `crc`.
pub(super) fn trailer(size: u64, crc: u32, spec: &PartSpec<'_>, out: &mut Vec<u8>) {
    let end = match (is_part(spec), spec.file_crc) {
        (false, _) => format!("=yend size={size} crc32={crc:08x}\r\n"),
        (true, None) => format!("=yend size={size} part={} pcrc32={crc:08x}\r\n", spec.part),
        (true, Some(file)) => {
            format!(
                "=yend size={size} part={} pcrc32={crc:08x} crc32={file:08x}\r\n",
                spec.part
            )
        }
    };
    out.extend_from_slice(end.as_bytes());
}

fn is_part(spec: &PartSpec<'_>) -> bool {
    spec.total != 1 || spec.part > 1 || spec.offset > 0
}
