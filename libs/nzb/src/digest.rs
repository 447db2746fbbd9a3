//! SHA-256 identities, as the first 32 hex digits.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::Segment;

/// Hex digits kept: 128 bits, so that no two jobs or files meet by accident.
const DIGITS: usize = 32;

/// The first [`DIGITS`] of a finished hash.
pub fn hex(hash: Sha256) -> String {
    let mut out = String::with_capacity(DIGITS);
    for byte in hash.finalize().iter().take(DIGITS / 2) {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// What is counted over the segments of one file, in the order of numbers.
#[derive(Default)]
pub struct Tally {
    /// Segments.
    pub count: u64,
    /// Sum of the known sizes.
    pub bytes: Option<u64>,
    hash: Sha256,
    /// Lines not hashed yet: SHA-256 likes long pieces.
    line: String,
}

impl Tally {
    /// Counts one segment.
    pub fn add(&mut self, segment: &Segment) {
        self.count += 1;
        if let Some(bytes) = segment.bytes {
            self.bytes = Some(self.bytes.unwrap_or(0).saturating_add(bytes));
        }
        let id = match &segment.id {
            Ok(id) => id,
            Err(bad) => &bad.shown,
        };
        self.entry(segment.number, id);
        for id in &segment.alternates {
            self.entry(segment.number, id);
        }
    }

    fn entry(&mut self, number: u64, id: &str) {
        push_number(&mut self.line, number);
        self.line.push(' ');
        self.line.push_str(id);
        self.line.push('\n');
        if self.line.len() > 4096 {
            self.hash.update(&self.line);
            self.line.clear();
        }
    }

    /// The file's id.
    pub fn file_id(mut self) -> String {
        self.hash.update(&self.line);
        hex(self.hash)
    }
}

/// Adds `number` in decimal. Formatting it is as dear as hashing what it stands before.
fn push_number(line: &mut String, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len() - 1;
    loop {
        // Below 10.
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
        first -= 1;
    }
    line.extend(digits[first..].iter().copied().map(char::from));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_ever() {
        for number in [0, 7, 10, 999, 1_000, 300_000, u64::MAX] {
            let mut line = String::from("x");
            push_number(&mut line, number);
            assert_eq!(line, format!("x{number}"));
        }
    }
}
