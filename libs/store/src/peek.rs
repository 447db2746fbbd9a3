//! What an earlier run left, for who does not write: nothing is locked or changed.

use crate::Error;
use crate::types::{Ident, Kept, Options};

/// The journal of one job, as it is.
#[derive(Debug)]
pub struct Peek;

impl Peek {
    /// Reads the journal of `job` in the output directory of `options`. That there is none
    /// is no error.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it is there and cannot be read.
    pub fn open(_options: &Options, _job: &str, _job_name: &str) -> Result<Peek, Error> {
        Ok(Peek)
    }

    /// What is there of one file, by the rules that a [`Store`](crate::Store) resumes by.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if its data cannot be read.
    pub fn kept(&self, _file: &Ident<'_>) -> Result<Kept, Error> {
        Ok(Kept::default())
    }
}
