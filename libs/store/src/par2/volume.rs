//! What the name of a PAR2 file says of it, before a byte of it is fetched.

/// The name of a PAR2 file, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// What all names of one set have in common, but for their case.
    pub base: String,
    /// The exponent of its first recovery block; `None` for an index.
    pub first: Option<u32>,
    /// How many recovery blocks it has; `None` for an index, and if the name does not
    /// say it.
    pub blocks: Option<u32>,
}

impl Volume {
    /// What `name` says; `None` if it is no PAR2 file's. Names in any case are taken:
    ///
    /// | name | |
    /// |---|---|
    /// | `x.par2` | an index: no recovery blocks |
    /// | `x.vol003+04.par2` | 4 blocks from 3 on (all usual tools) |
    /// | `x.vol03-07.par2` | 4 blocks from 3 up to 7, that not included (ParPar) |
    /// | `x.vol03-02.par2` | 2 blocks: `-` for `+` |
    /// | `x.vol03.par2` | nobody knows how many |
    ///
    /// Blanks, dots, dashes and underscores behind `vol` are passed over.
    pub fn of(name: &str) -> Option<Volume> {
        let name = name.trim();
        // Keeps the places of all bytes.
        let lower = name.to_ascii_lowercase();
        let stem = lower.strip_suffix(".par2")?;
        let volume = stem.rsplit_once(".vol").and_then(|(base, numbers)| {
            let (first, blocks) = range(numbers)?;
            Some((base, Some(first), blocks))
        });
        let (base, first, blocks) = volume.unwrap_or((stem, None, None));
        Some(Volume {
            base: name.get(..base.len())?.to_owned(),
            first,
            blocks,
        })
    }

    /// What files of one set have in common: the base in small letters.
    pub fn key(&self) -> String {
        self.base.to_lowercase()
    }

    /// Whether it holds no recovery blocks by its name.
    pub fn is_index(&self) -> bool {
        self.first.is_none()
    }
}

/// First block and count in `3+4`, `3-7` or `3`.
fn range(text: &str) -> Option<(u32, Option<u32>)> {
    let text = text.trim_start_matches([' ', '.', '-', '_']);
    let Some(at) = text.find(['+', '-']) else {
        return Some((number(text)?, None));
    };
    let (first, second) = (number(&text[..at])?, number(&text[at + 1..])?);
    let count = match text.as_bytes()[at] {
        b'-' if second > first => second - first,
        _ => second,
    };
    Some((first, Some(count)))
}

/// A number that could be one of blocks: there are at most 65,536.
fn number(digits: &str) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_number)?;
    (number <= 65_536).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_usual_kind() {
        let cases = [
            ("x.par2", Some(("x", None, None))),
            ("X.PAR2", Some(("X", None, None))),
            (" x.par2 ", Some(("x", None, None))),
            (".par2", Some(("", None, None))),
            ("x.vol003+04.par2", Some(("x", Some(3), Some(4)))),
            ("X.Rar.VOL000+001.PAR2", Some(("X.Rar", Some(0), Some(1)))),
            // ParPar's other scheme, by powers of two: 0-1, 1-3, 3-7.
            ("x.vol03-07.par2", Some(("x", Some(3), Some(4)))),
            ("x.vol00-01.par2", Some(("x", Some(0), Some(1)))),
            ("x.vol31-08.par2", Some(("x", Some(31), Some(8)))),
            ("x.vol-3+4.par2", Some(("x", Some(3), Some(4)))),
            ("x.vol_3+4.par2", Some(("x", Some(3), Some(4)))),
            ("x.vol12.par2", Some(("x", Some(12), None))),
            ("x.vol0+1.vol3+4.par2", Some(("x.vol0+1", Some(3), Some(4)))),
            ("Größe.vol1+2.par2", Some(("Größe", Some(1), Some(2)))),
            // What looks like a volume and is none is an index of that name.
            ("x.vol+.par2", Some(("x.vol+", None, None))),
            ("x.vol1+x.par2", Some(("x.vol1+x", None, None))),
            ("x.volume.par2", Some(("x.volume", None, None))),
            (
                "x.vol1+99999999999.par2",
                Some(("x.vol1+99999999999", None, None)),
            ),
            ("x.vol1+65537.par2", Some(("x.vol1+65537", None, None))),
            ("x.vol1+2", None),
            ("x.par", None),
            ("x.p01", None),
            ("", None),
        ];
        for (name, expected) in cases {
            let found = Volume::of(name);
            let found = found.as_ref().map(|v| (v.base.as_str(), v.first, v.blocks));
            assert_eq!(found, expected, "{name}");
        }
    }
}
