//! A slow decoder that goes line by line over the whole article and shares nothing with the crate.

/// The control line in front of the bodies that [`decode`] takes.
pub const HEADER: &[u8] = b"=ybegin line=128 size=1 name=x\r\n";

/// Decodes what follows [`HEADER`]: the data, and how many bytes of `body` belong to the article.
pub fn decode(body: &[u8], stuffed: bool) -> (Vec<u8>, usize) {
    let mut data = Vec::new();
    let mut consumed = 0;
    let mut after_bare_lf = false;
    let mut in_data = true;
    for raw in body.split_inclusive(|byte| *byte == b'\n') {
        consumed += raw.len();
        if stuffed && (raw == b".\r\n" || (raw == b".\n" && after_bare_lf)) {
            return (data, consumed);
        }
        after_bare_lf = raw.ends_with(b"\n") && !raw.ends_with(b"\r\n");
        let dot = stuffed && raw.starts_with(b".");
        let text = &raw[usize::from(dot)..];
        in_data &= !is_control(text, b"=yend");
        in_data &= !is_control(text, b"=ybegin") || data.is_empty();
        if in_data && !may_be_control(text) {
            line(text, &mut data);
        }
    }
    (data, consumed)
}

const WORDS: [&[u8]; 3] = [b"=ybegin", b"=ypart", b"=yend"];

fn is_control(line: &[u8], word: &[u8]) -> bool {
    line.strip_prefix(word)
        .and_then(|rest| rest.first())
        .is_some_and(|next| matches!(next, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Also where the input ends before that is known: what it would be as data is not told then.
fn may_be_control(line: &[u8]) -> bool {
    WORDS
        .iter()
        .any(|word| is_control(line, word) || (line.len() >= 2 && word.starts_with(line)))
}

fn line(line: &[u8], data: &mut Vec<u8>) {
    let mut escaped = false;
    for byte in line {
        match byte {
            b'\r' | b'\n' => escaped = false,
            b'=' if !escaped => escaped = true,
            byte => {
                data.push(byte.wrapping_sub(if escaped { 106 } else { 42 }));
                escaped = false;
            }
        }
    }
}
