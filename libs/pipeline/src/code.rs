//! The exit codes every program shares, and which one wins when several apply.
//!
//! Here and not in `cli` because `end` records carry the code downstream; turning
//! it into a process exit is left to `cli`.

/// An exit code of the toolkit (numbers of `sysexits.h` where they exist).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Code(u8);

impl Code {
    /// All done, verified, on disk.
    pub const OK: Code = Code(0);
    /// Finished, but segments are missing, damaged or unverified.
    pub const INCOMPLETE: Code = Code(1);
    /// The command line is wrong.
    pub const USAGE: Code = Code(64);
    /// Malformed input or stream.
    pub const DATA: Code = Code(65);
    /// An input cannot be opened.
    pub const NO_INPUT: Code = Code(66);
    /// No session with any server became usable.
    pub const UNREACHABLE: Code = Code(69);
    /// A bug in the program.
    pub const BUG: Code = Code(70);
    /// An output cannot be created.
    pub const CANNOT_CREATE: Code = Code(73);
    /// I/O error, disk full.
    pub const IO: Code = Code(74);
    /// Run again later: it resumes.
    pub const TEMPORARY: Code = Code(75);
    /// The stream from upstream was empty or ended without its `end`.
    pub const TRUNCATED: Code = Code(76);
    /// Login or certificate refused by every server.
    pub const LOGIN: Code = Code(77);
    /// Bad or absent configuration.
    pub const CONFIG: Code = Code(78);
    /// The reader of our output went away.
    pub const CLOSED: Code = Code(141);

    /// Gravest first. Signals stand below the codes that say "do not simply run
    /// it again" and above all that an interrupted run cannot know anyway.
    const ORDER: [u8; 17] = [
        70, 74, 73, 130, 143, 129, 141, 64, 65, 66, 76, 78, 77, 69, 75, 1, 0,
    ];

    /// The code of a process stopped by signal number `signal`: 128 + `signal`.
    pub const fn signal(signal: u8) -> Code {
        Code(128 + signal)
    }

    /// The number given to the system.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The graver of two codes. A number this version does not know counts as
    /// graver than success and lighter than everything else.
    pub fn or(self, other: Code) -> Code {
        let rank = |code: Code| {
            Self::ORDER
                .iter()
                .position(|&n| n == code.0)
                .unwrap_or(Self::ORDER.len() - 2)
        };
        if rank(other) < rank(self) {
            other
        } else {
            self
        }
    }

    /// What a stage takes over from the `end` record upstream wrote. The codes
    /// that follow from the fates of segments (1, 69, 75, 77) are derived anew by
    /// each stage, and 141 says only that somebody stopped reading.
    pub fn inherited(number: u8) -> Code {
        match number {
            1 | 69 | 75 | 77 | 141 => Code::OK,
            n => Code(n),
        }
    }

    /// The word an `end` record carries for this code.
    pub fn status(self) -> nzbpipe_record::Status {
        use nzbpipe_record::Status;
        match self.0 {
            0 => Status::Ok,
            1 | 69 | 75 | 77 => Status::Partial,
            129 | 130 | 143 => Status::Interrupted,
            _ => Status::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gravest_wins_in_the_documented_order() {
        let documented = [70u8, 74, 73, 65, 76, 78, 77, 69, 75, 1, 0];
        for pair in documented.windows(2) {
            assert_eq!(Code(pair[0]).or(Code(pair[1])), Code(pair[0]));
            assert_eq!(Code(pair[1]).or(Code(pair[0])), Code(pair[0]));
        }
        assert_eq!(Code(1).or(Code(130)), Code(130));
        assert_eq!(Code(0).or(Code(99)), Code(99));
    }

    #[test]
    fn fates_are_not_inherited() {
        for n in [1, 69, 75, 77, 141] {
            assert_eq!(Code::inherited(n), Code::OK);
        }
        for n in [65, 66, 70, 73, 74, 76, 78, 130, 143] {
            assert_eq!(Code::inherited(n), Code(n));
        }
    }
}
