//! What all stages share: how they begin, how they end, what they leave behind.

use serde_json::{Map, Value};

use crate::{Code, Error, Inlet, Outlet, Tally, outlet};

/// How a stage ended. It always has a tally: what arrived before an error is
/// handled and counted all the same.
#[derive(Debug, Default)]
pub struct Ending {
    /// The fates of the segments it saw.
    pub tally: Tally,
    /// The exit code: the gravest of the fates, of what upstream handed down and
    /// of the failures.
    pub code: Code,
    /// What went wrong, in the order it happened.
    pub failures: Vec<Failure>,
    /// Whether what is missing can be repaired, for the `end` record.
    pub repair: Vec<Map<String, Value>>,
}

/// An error and the stage it befell.
#[derive(Debug)]
pub struct Failure {
    /// The stage's name, as its program is called.
    pub stage: &'static str,
    /// What happened.
    pub error: Error,
}

impl Ending {
    /// Adds a failure and lets it weigh in the code.
    pub(crate) fn fail(&mut self, stage: &'static str, error: Error) {
        self.code = self.code.or(error.code());
        self.failures.push(Failure { stage, error });
    }
}

/// Runs a filter: opens the stream, lets `work` do its part, closes the stream
/// with the code that follows. `work` counts into the tally it is given.
pub(crate) fn filter(
    stage: &'static str,
    inlet: &mut Inlet,
    outlet: &mut Outlet,
    work: impl FnOnce(&mut Inlet, &mut Outlet, &mut Tally) -> Result<(), Error>,
) -> Ending {
    let mut ending = Ending::default();
    let result = outlet
        .begin(stage)
        .and_then(|()| work(inlet, outlet, &mut ending.tally));
    ending.code = ending.tally.code().or(inlet.inherited());
    if let Err(error) = result {
        ending.fail(stage, error);
    }
    close(stage, outlet, &mut ending);
    ending
}

/// Writes the `end` record, unless the output has failed already.
pub(crate) fn close(stage: &'static str, outlet: &mut Outlet, ending: &mut Ending) {
    if ending.failures.iter().any(|f| f.error.is_output()) {
        return;
    }
    let mut end = outlet::end(stage, &ending.tally, ending.code);
    end.repair.clone_from(&ending.repair);
    if let Err(error) = outlet.end_with(end) {
        ending.fail(stage, error);
    }
}

/// What a program writes that cannot begin: a whole stream without a segment, so
/// that the code comes down to the last stage.
pub fn refuse(stage: &'static str, mut outlet: Outlet, code: Code) {
    if outlet.begin(stage).is_ok() {
        // Nobody to tell if this fails, too; the caller has its own message.
        let _ = outlet.end(stage, &Tally::default(), code);
    }
}
