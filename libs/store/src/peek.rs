//! What an earlier run left, for who does not write: nothing is locked or changed.

use std::collections::HashMap;

use crate::Error;
use crate::dir::Dir;
use crate::index::{component, key};
use crate::journal::{Owner, owner_of};
use crate::name;
use crate::recorded::{Recorded, replay};
use crate::resume;
use crate::types::{Ident, Kept, NameFrom, Options};

/// The journal of one job, as it is.
#[derive(Debug)]
pub struct Peek {
    /// `None` if there is no journal.
    place: Option<(Dir, HashMap<String, Recorded>)>,
    verify: bool,
    accept_unverified: bool,
}

impl Peek {
    /// Reads the journal of `job` in the output directory of `options`. That there is none
    /// is no error.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it is there and cannot be read.
    pub fn open(options: &Options, job: &str, job_name: &str) -> Result<Peek, Error> {
        let mut dir = Dir::find(&options.dir)?;
        if let Some(component) = component(options.flat, job, job_name) {
            let child = dir.map(|dir| dir.find_child(&component)).transpose()?;
            dir = child.flatten();
        }
        let place = match dir {
            Some(dir) => read(&dir, job)?.map(|files| (dir, files)),
            None => None,
        };
        Ok(Peek {
            place,
            verify: options.verify,
            accept_unverified: options.accept_unverified,
        })
    }

    /// What is there of one file, by the rules that a [`Store`](crate::Store) resumes by.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if its data cannot be read.
    pub fn kept(&self, file: &Ident<'_>) -> Result<Kept, Error> {
        let key = key(file);
        let Some((dir, files)) = &self.place else {
            return Ok(Kept::default());
        };
        let Some(recorded) = files.get(key.as_ref()) else {
            return Ok(Kept::default());
        };
        if resume::whole(dir, recorded, self.verify)?.is_some() {
            return Ok(Kept::whole());
        }
        let base = name::choose(NameFrom::Subject, None, file.name, file.file);
        let part = name::part_name(&base, &name::data_tag(file.job, &key));
        let away = recorded.away.as_ref();
        let away = away.filter(|away| name::safe_name(away) == **away);
        for name in [Some(&part), away].into_iter().flatten() {
            let failed = |e| dir.error(name, e);
            let Some(data) = dir.open_regular(name).map_err(failed)? else {
                continue;
            };
            let len = data.metadata().map_err(failed)?.len();
            let pieces = resume::survey(&data, len, recorded, self.verify).map_err(failed)?;
            return Ok(Kept {
                complete: false,
                numbers: pieces.kept(file.name, self.accept_unverified),
                refused: false,
            });
        }
        Ok(Kept::default())
    }
}

/// What the journal of a job says; `None` if there is none.
fn read(dir: &Dir, job: &str) -> Result<Option<HashMap<String, Recorded>>, Error> {
    for name in name::journals(job) {
        if owner_of(dir, &name, job) != Owner::Us {
            continue;
        }
        let failed = |e| dir.error(&name, e);
        if let Some(file) = dir.open_regular(&name).map_err(failed)? {
            return Ok(Some(replay(&file, job).map_err(failed)?.files));
        }
    }
    Ok(None)
}
