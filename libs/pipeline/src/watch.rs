//! What a person may want to see of a stage at work. Drawing it is left to `cli`.

use nzbpipe_record::{Job, Progress};
use nzbpipe_store::FileOutcome;

use crate::Tally;

/// Something worth showing.
#[non_exhaustive]
pub enum Event<'a> {
    /// A job begins: its totals.
    Job(&'a Job),
    /// A segment arrived; `bytes` is its encoded size in the NZB where that is
    /// known, else its payload's, so that the sum can be held against the job's.
    Arrived {
        /// Bytes to count.
        bytes: u64,
    },
    /// A segment will not arrive.
    Lost {
        /// As for `Arrived`.
        bytes: u64,
    },
    /// The fetching stage's telemetry.
    Progress(&'a Progress),
    /// The fates that the fetching stage has counted, as often as it reports.
    Fates(&'a Tally),
    /// A file is complete under its final name.
    File(&'a FileOutcome),
}

/// Somebody who watches a stage. Called on the stage's thread: be quick.
pub trait Watch: Send {
    /// Something happened.
    fn event(&mut self, event: Event<'_>);
}

/// Nobody watches.
pub struct Silent;

impl Watch for Silent {
    fn event(&mut self, _: Event<'_>) {}
}
