//! The verdict on what was written, when nothing more will be.

use super::voices::Strangers;
use super::{Catted, Fault, NAME, Stage};
use crate::{Code, Error, Tally};

impl Stage {
    /// Sums up. A file that ended at a gap is not asked for what else it lacks.
    pub(super) fn finish(mut self, result: Result<(), Error>, inherited: Code) -> Catted {
        let ended = !self.catted.faults.is_empty();
        if self.chooser.name().is_some() && result.is_ok() && !ended {
            self.judge();
        }
        let mut catted = self.catted;
        catted.name = self.chooser.name().map(str::to_owned);
        let mut tally = Tally {
            bytes: catted.bytes,
            ..Tally::default()
        };
        self.line.count(&mut tally, !ended);
        let mut code = tally.code().or(inherited);
        if !catted.faults.is_empty() {
            code = code.or(Code::INCOMPLETE);
        }
        catted.ending.tally = tally;
        catted.ending.code = code;
        if let Err(error) = result {
            catted.ending.fail(NAME, error);
        }
        catted
    }

    /// Whether what was written, now that all is, is the file.
    fn judge(&mut self) {
        let (size, written) = (self.size.get(), self.line.next());
        let zeros = self.zeros;
        let beyond = self.line.beyond();
        let faults = &mut self.catted.faults;
        match self.line.lacking(size) {
            Some((segments, first)) => faults.push(Fault::Lacks {
                segments,
                first,
                zeros,
            }),
            // Places of pieces in UUencode are no offsets.
            None if self.line.is_by_number() => {}
            None => {
                if let Some(size) = size.max(beyond).filter(|&size| size > written) {
                    faults.push(Fault::Short { written, size });
                }
            }
        }
        if !self.line.ends_well() {
            faults.push(Fault::NoEnd);
        }
        let whole = self.crc32.clone().finalize();
        self.doubt(whole);
        let faults = &self.catted.faults;
        let declared = self.declared.get().filter(|&declared| declared != whole);
        if faults.is_empty() && zeros == 0 {
            self.catted.contradicted = declared.map(|declared| (whole, declared));
        }
    }

    /// Looks for articles that are of another file.
    fn doubt(&mut self, whole: u32) {
        let name = self.chooser.listed().unwrap_or_default();
        match self.voices.strangers(name, whole) {
            Some(strangers) if self.accept_unverified => {
                self.catted.unproven += strangers.segments;
            }
            Some(Strangers { segments, first }) => {
                self.catted.faults.push(Fault::Foreign { segments, first });
            }
            None => {}
        }
    }
}
