//! The final names that files of this run have in one folder. What is on the disk is not
//! known here.

use std::collections::{HashMap, HashSet};

use unicode_normalization::UnicodeNormalization;

use crate::name;

/// Names that are given out. Those that differ only in case, or only in how Unicode
/// writes the same text, are one: on some file systems they are, and a folder that is
/// copied to one must keep all its files.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
    /// Where to go on counting for a name that many files share.
    next: HashMap<String, u64>,
}

impl Names {
    /// The first candidate for `base`, counting from 1, that no file of this run has.
    pub fn candidate(&self, base: &str, mut n: u64) -> (u64, String) {
        n = n.max(self.next.get(&fold(base)).copied().unwrap_or(1));
        loop {
            let name = if n == 1 {
                base.to_owned()
            } else {
                name::numbered(base, n)
            };
            if !self.taken.contains(&fold(&name)) {
                return (n, name);
            }
            n += 1;
        }
    }

    /// Notes that a file has the name `name`, candidate `n` for `base`.
    pub fn take(&mut self, base: &str, n: u64, name: &str) {
        self.taken.insert(fold(name));
        self.next.insert(fold(base), n + 1);
    }

    /// Notes that a file of an earlier run has this name.
    pub fn claim(&mut self, name: &str) {
        self.taken.insert(fold(name));
    }

    /// Takes back a [`claim`](Names::claim).
    pub fn release(&mut self, name: &str) {
        self.taken.remove(&fold(name));
    }
}

/// What is left of a name where neither case nor normalisation nor variation selectors
/// count. Upper case in between is what makes `ß` of `SS`, `ς` and `σ` one. File systems
/// differ in the details, so rather too much is alike here than too little: it costs a
/// number in a name.
fn fold(name: &str) -> String {
    name.nfd()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .filter(|c| !matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'))
        .nfd()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // N46, W31: one of the two would be lost on a file system that takes them for one.
    #[test]
    fn twins_get_a_number() {
        for (one, two) in [
            ("a.mkv", "A.MKV"),
            ("caf\u{e9}.mkv", "cafe\u{301}.mkv"),
            ("CAF\u{c9}.mkv", "cafe\u{301}.mkv"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{3a3}\u{3a3}", "\u{3c3}\u{3c2}"),
            ("\u{fb01}n", "FIN"),
            ("\u{212b}", "a\u{30a}"),
            ("q\u{307}\u{323}", "q\u{323}\u{307}"),
            ("\u{ac00}", "\u{1100}\u{1161}"),
            ("❤\u{fe0f}", "❤"),
        ] {
            for (first, second) in [(one, two), (two, one)] {
                let mut names = Names::default();
                assert_eq!(names.candidate(first, 1), (1, first.to_owned()));
                names.take(first, 1, first);
                let numbered = name::numbered(second, 2);
                assert_eq!(names.candidate(second, 1), (2, numbered));
            }
        }
    }

    #[test]
    fn what_differs_stays_apart() {
        let mut names = Names::default();
        for name in [
            "a", "\u{e4}", "ae", "o", "\u{f8}", "1", "\u{b9}", "日", "本",
        ] {
            assert_eq!(names.candidate(name, 1).0, 1, "{name}");
            names.take(name, 1, name);
        }
    }

    // N47: counting goes on where it was, also past names that others have.
    #[test]
    fn many_files_of_one_name() {
        let mut names = Names::default();
        names.claim("X (3).mkv");
        let mut given = Vec::new();
        for _ in 0..4 {
            let (n, name) = names.candidate("x.mkv", 1);
            names.take("x.mkv", n, &name);
            given.push(name);
        }
        let wanted = ["x.mkv", "x (2).mkv", "x (4).mkv", "x (5).mkv"];
        assert_eq!(given, wanted);
        names.release("x (3).MKV");
        assert_eq!(names.candidate("y (3).mkv", 1).0, 1);
        assert_eq!(names.candidate("x (3).mkv", 1).0, 1);
    }
}
