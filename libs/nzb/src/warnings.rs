//! A bounded list of warnings: a million bad segments are one line more, not
//! a million.

/// Warnings kept; the rest is counted.
const KEEP: usize = 100;

/// The list being made during the first pass.
#[derive(Debug, Default)]
pub struct Warnings {
    kept: Vec<String>,
    more: u64,
}

impl Warnings {
    /// Adds what `text` makes; it is only called if the warning is kept.
    pub fn add(&mut self, text: impl FnOnce() -> String) {
        if self.kept.len() < KEEP {
            self.kept.push(text());
        } else {
            self.more += 1;
        }
    }

    /// The lines, with a count of those left out at the end.
    pub fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.kept.push(format!("and {} warnings more", self.more));
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded() {
        let mut warnings = Warnings::default();
        for i in 0..1000 {
            warnings.add(|| format!("{i}"));
        }
        let lines = warnings.finish();
        assert_eq!(lines.len(), KEEP + 1);
        assert_eq!(lines[KEEP], "and 900 warnings more");
    }
}
