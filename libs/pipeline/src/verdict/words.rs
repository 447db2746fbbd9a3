//! The verdict in words for people and as JSON for programs.

use serde_json::{Value, json};

use super::{Repair, SetVerdict, Verdict};

/// The most names in a list for programs: a record's header has a limit.
const LISTED: usize = 100;

/// The most names in a line for people.
const NAMED: usize = 3;

impl Verdict {
    /// Whether the job as a whole can be repaired: as its worst set, and not if a file
    /// is damaged that no set protects.
    pub fn repair(&self) -> Repair {
        let unprotected = match (self.unprotected.is_empty(), self.sets.is_empty()) {
            (true, _) => Repair::Whole,
            (false, true) if self.has_par2 => Repair::Unknown,
            // What a file lacks that no set protects cannot be counted in blocks.
            (false, _) => Repair::No { lacking: 0 },
        };
        let sets = self.sets.iter().map(|set| set.repair);
        sets.fold(unprotected, |worst, repair| worst.or(repair))
    }

    /// Lines for people, none if nothing is missing. Names are escaped.
    pub fn summary(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.missing_bytes > 0 {
            let bytes = self.missing_bytes;
            let (s, are) = if bytes == 1 { ("", "is") } else { ("s", "are") };
            lines.push(format!("{bytes} byte{s} {are} missing"));
        }
        let damaged = self.sets.iter().filter(|set| set.repair != Repair::Whole);
        lines.extend(damaged.map(SetVerdict::line));
        if self.unprotected.is_empty() {
            return lines;
        }
        lines.push(match (self.sets.is_empty(), self.has_par2) {
            (true, false) => "not repairable: the job has no par2 files".to_owned(),
            (true, true) => {
                "whether it is repairable is not known: no par2 file could be read".to_owned()
            }
            (false, _) => format!(
                "not repairable, not in a par2 set: {}",
                names(&self.unprotected)
            ),
        });
        lines
    }

    /// For the `end` record and the summary of `--json`.
    pub fn json(&self) -> Value {
        json!({
            "missing_bytes": self.missing_bytes,
            "repair": self.repair().as_str(),
            "sets": self.sets.iter().take(LISTED).map(SetVerdict::json).collect::<Vec<_>>(),
            "unprotected": self.unprotected.iter().take(LISTED).collect::<Vec<_>>(),
            "unprotected_count": self.unprotected.len(),
        })
    }
}

impl SetVerdict {
    fn line(&self) -> String {
        let name = self.base.escape_debug();
        let (hit, there, carried) = (self.hit, self.there, self.carried);
        let are = |n: u64| if n == 1 { "is" } else { "are" };
        let blocks = format!(
            "{hit} block{} {} hit",
            if hit == 1 { "" } else { "s" },
            are(hit)
        );
        let mut line = match self.repair {
            Repair::Whole => format!("{name}: whole"),
            Repair::Yes => format!("{name}: repairable with {hit} of {carried} blocks"),
            Repair::No { .. } if carried > there => format!(
                "{name}: not repairable with what is there: {blocks}, {there} of {carried} {} there",
                are(there)
            ),
            Repair::No { .. } => {
                format!(
                    "{name}: not repairable: {blocks}, {there} {} there",
                    are(there)
                )
            }
            Repair::Unknown => {
                format!(
                    "{name}: whether it is repairable is not known: its par2 files are incomplete"
                )
            }
        };
        if !self.unmatched.is_empty() {
            line += &format!("; nothing is there of {}", names(&self.unmatched));
        }
        if self.unproven > 0 {
            let files = if self.unproven == 1 { "file" } else { "files" };
            line += &format!(
                "; {} {files} without a checksum may be worse",
                self.unproven
            );
        }
        line
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "name": self.base,
            "repair": self.repair.as_str(),
            "slice": self.slice,
            "hit": self.hit,
            "there": self.there,
            "carried": self.carried,
            "unmatched": self.unmatched.iter().take(LISTED).collect::<Vec<_>>(),
            "unmatched_count": self.unmatched.len(),
        });
        let more = [
            ("left_out", self.left_out),
            ("undescribed", self.undescribed),
            ("unproven", self.unproven),
        ];
        for (key, count) in more.into_iter().filter(|(_, count)| *count > 0) {
            value[key] = count.into();
        }
        if let Repair::No { lacking } = self.repair {
            value["lacking"] = lacking.into();
        }
        value
    }
}

impl Repair {
    /// One word for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Repair::Whole => "whole",
            Repair::Yes => "yes",
            Repair::No { .. } => "no",
            Repair::Unknown => "unknown",
        }
    }

    /// The worse of two. That something cannot be repaired is worse than not to know.
    fn or(self, other: Repair) -> Repair {
        let rank = |repair: Repair| match repair {
            Repair::Whole => 0,
            Repair::Yes => 1,
            Repair::Unknown => 2,
            Repair::No { .. } => 3,
        };
        match rank(other) > rank(self) {
            true => other,
            false => self,
        }
    }
}

/// `a, b, c and 4 more`.
fn names(all: &[String]) -> String {
    let shown: Vec<String> = all
        .iter()
        .take(NAMED)
        .map(|name| name.escape_debug().to_string())
        .collect();
    match all.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
