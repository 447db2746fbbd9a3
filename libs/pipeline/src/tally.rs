//! What became of the segments a stage saw, and the exit code that follows.

use nzbpipe_record::{Class, Crc, Failed};

use crate::Code;

/// Counts of the fates of segments. Each segment is counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Handed on, with a matching CRC or (before decoding) nothing against it.
    pub ok: u64,
    /// No server has it.
    pub missing: u64,
    /// Arrived, but wrong.
    pub damaged: u64,
    /// Arrived without any CRC.
    pub unverified: u64,
    /// Could never be asked for (an illegal message-id).
    pub bad_input: u64,
    /// Every server refused the login or its certificate was refused.
    pub login: u64,
    /// No session with any server became usable.
    pub unreachable: u64,
    /// Failed for now: a later run may succeed.
    pub transient: u64,
    /// Nothing was heard of it before the stream ended.
    pub unheard: u64,
    /// Payload bytes handed on.
    pub bytes: u64,
    /// Whether a server's quota kept a segment from being asked for.
    pub quota: bool,
}

impl Tally {
    /// All segments seen. Their number is only a record's word, so no sum of them may overflow.
    pub fn segments(&self) -> u64 {
        let there = [self.ok, self.missing, self.damaged, self.unverified];
        let other = [self.unheard, self.failed()];
        there.into_iter().chain(other).fold(0, u64::saturating_add)
    }

    /// Segments that failed for another reason than being missing everywhere.
    pub fn failed(&self) -> u64 {
        self.bad_input + self.login + self.unreachable + self.transient
    }

    /// Whether no segment failed only for now.
    pub fn is_final(&self) -> bool {
        self.login + self.unreachable + self.transient + self.unheard == 0
    }

    /// Counts a segment that failed with `class`.
    pub fn failure(&mut self, class: &Class) {
        *match class {
            Class::Missing => &mut self.missing,
            Class::Damaged => &mut self.damaged,
            Class::Login => &mut self.login,
            Class::Unreachable => &mut self.unreachable,
            Class::Transport | Class::Capacity | Class::Interrupted => &mut self.transient,
            _ => &mut self.bad_input,
        } += 1;
    }

    /// Counts a segment that `failed`.
    pub fn failed_by(&mut self, failed: &Failed) {
        self.failure(&failed.class);
        self.quota |= over_quota(failed);
    }

    /// Counts a decoded segment of `bytes` bytes by its CRC verdict.
    pub fn arrived(&mut self, crc: Crc, bytes: usize) {
        self.bytes += bytes as u64;
        *match crc {
            Crc::Ok => &mut self.ok,
            Crc::Absent => &mut self.unverified,
            Crc::Mismatch | Crc::Truncated => &mut self.damaged,
        } += 1;
    }

    /// The exit code that these fates deserve.
    pub fn code(&self) -> Code {
        let fates = [
            (self.login, Code::LOGIN),
            (self.unreachable, Code::UNREACHABLE),
            (self.transient, Code::TEMPORARY),
            (self.missing, Code::INCOMPLETE),
            (self.damaged, Code::INCOMPLETE),
            (self.unverified, Code::INCOMPLETE),
            (self.unheard, Code::INCOMPLETE),
            (self.bad_input, Code::INCOMPLETE),
        ];
        fates
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .fold(Code::OK, |code, (_, fate)| code.or(fate))
    }
}

/// Whether a segment failed because a quota was used up. Nothing but the words
/// tells it from a server that is full: the class is the same.
pub(crate) fn over_quota(failed: &Failed) -> bool {
    let words = |text: &str| text.contains("quota") && text.contains("used up");
    failed.class == Class::Capacity
        && (words(&failed.reason)
            || failed
                .tried
                .iter()
                .filter_map(|t| t.text.as_deref())
                .any(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fate_has_its_code() {
        let cases = [
            (Class::Missing, 1),
            (Class::Damaged, 1),
            (Class::BadInput, 1),
            (Class::Transport, 75),
            (Class::Capacity, 75),
            (Class::Unreachable, 69),
            (Class::Login, 77),
        ];
        for (class, code) in cases {
            let mut tally = Tally::default();
            tally.failure(&class);
            assert_eq!(tally.code().number(), code, "{class:?}");
            assert_eq!(tally.segments(), 1);
        }
        assert_eq!(Tally::default().code(), Code::OK);
    }

    #[test]
    fn a_quota_is_temporary_and_told_apart() {
        let mut tally = Tally::default();
        let mut failed = Failed {
            class: Class::Capacity,
            reason: "too many connections".to_owned(),
            ..Failed::default()
        };
        tally.failed_by(&failed);
        assert!(!tally.quota);
        failed.reason = "main: daily quota of 50 GB used up".to_owned();
        tally.failed_by(&failed);
        assert!(tally.quota);
        assert_eq!((tally.transient, tally.code()), (2, Code::TEMPORARY));
    }

    #[test]
    fn unverified_is_not_success() {
        let mut tally = Tally::default();
        tally.arrived(Crc::Ok, 5);
        assert_eq!(tally.code(), Code::OK);
        tally.arrived(Crc::Absent, 5);
        assert_eq!(tally.code(), Code::INCOMPLETE);
        assert_eq!((tally.segments(), tally.bytes), (2, 10));
    }
}
