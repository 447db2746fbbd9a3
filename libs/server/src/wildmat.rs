//! Patterns for names of newsgroups (RFC 3977, section 4).

/// Whether a wildmat matches: patterns separated by commas, `*` and `?`, a
/// leading `!` takes names out again; the last pattern that fits decides.
pub(crate) fn matches(wildmat: &str, name: &str) -> bool {
    let deciding = wildmat.rsplit(',').find_map(|pattern| {
        let (wanted, pattern) = match pattern.strip_prefix('!') {
            Some(rest) => (false, rest),
            None => (true, pattern),
        };
        fits(pattern.as_bytes(), name.as_bytes()).then_some(wanted)
    });
    deciding.unwrap_or(false)
}

/// Goes back to the last `*` only, which is enough and keeps the time at the
/// product of the lengths.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides_as_the_rfc_says() {
        let cases = [
            ("*", "alt.binaries.test", true),
            ("alt.*", "alt.binaries.test", true),
            ("*.test", "alt.binaries.test", true),
            ("a*b*t", "alt.binaries.test", true),
            ("a*b*x", "alt.binaries.test", false),
            ("alt.binaries.tes?", "alt.binaries.test", true),
            ("alt.binaries.test?", "alt.binaries.test", false),
            ("comp.*", "alt.binaries.test", false),
            ("", "a", false),
            ("a*,!*b,*c", "aaa", true),
            ("a*,!*b,*c", "abb", false),
            ("a*,!*b,*c", "ccb", false),
            ("a*,!*b,*c", "abc", true),
        ];
        for (wildmat, name, expected) in cases {
            assert_eq!(matches(wildmat, name), expected, "{wildmat} {name}");
        }
    }
}
