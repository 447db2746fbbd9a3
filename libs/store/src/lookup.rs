//! Which file a record speaks of: jobs, folders and files are opened, and resumed, when
//! they are first spoken of.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::Error;
use crate::core::{Core, Job, Output, State};
use crate::dir::Dir;
use crate::finished::Finished;
use crate::folder::Folder;
use crate::journal::{Journal, Recorded};
use crate::name;
use crate::pieces::Pieces;
use crate::resume::{self, Found};
use crate::types::Ident;

impl Core {
    /// The file that is spoken of, opened and resumed if it is new here.
    pub(crate) fn output(&mut self, ident: &Ident<'_>) -> Result<usize, Error> {
        let job = match self.job_index.get(ident.job) {
            Some(&job) => job,
            None => self.open_job(ident)?,
        };
        let key = match ident.file_id {
            "" => Cow::Owned(format!("{}/{}", ident.file, ident.name)),
            id => Cow::Borrowed(id),
        };
        let known = self.jobs[job].files.get(key.as_ref()).copied();
        let at = match known {
            Some(at) => at,
            None => self.open_output(job, ident, key.into_owned())?,
        };
        match &mut self.files[at].state {
            State::Open(pieces) => pieces.expect(ident.of),
            State::Done(finished) => finished.expect(ident.of),
        }
        if known.is_none() {
            // The earlier run may have died between the last piece and the rename.
            self.complete_if(at, Pieces::is_whole)?;
        }
        Ok(at)
    }

    fn open_job(&mut self, ident: &Ident<'_>) -> Result<usize, Error> {
        let folder = self.open_folder(ident)?;
        let place = &mut self.folders[folder];
        let journal = Journal::open(&place.dir, &name::journals(ident.job), ident.job)?;
        for done in journal.recorded.values().filter_map(|r| r.done.as_ref()) {
            place.names.claim(&done.name);
        }
        self.jobs.push(Job {
            id: ident.job.to_owned(),
            name: ident.job_name.to_owned(),
            folder,
            journal,
            files: HashMap::new(),
        });
        self.job_index
            .insert(ident.job.to_owned(), self.jobs.len() - 1);
        Ok(self.jobs.len() - 1)
    }

    /// The folder of a job. A stream made by hand has no job, and none.
    fn open_folder(&mut self, ident: &Ident<'_>) -> Result<usize, Error> {
        let component = (!self.options.flat && !ident.job.is_empty())
            .then(|| name::clean(ident.job_name).unwrap_or_else(|| name::safe_name(ident.job)));
        let known = self.folders.iter().position(|f| f.is(component.as_deref()));
        if let Some(folder) = known {
            return Ok(folder);
        }
        self.folders.push(Folder::open(&self.root, component)?);
        Ok(self.folders.len() - 1)
    }

    fn open_output(&mut self, job: usize, ident: &Ident<'_>, key: String) -> Result<usize, Error> {
        let Job {
            folder,
            journal,
            files,
            ..
        } = &mut self.jobs[job];
        let folder = &mut self.folders[*folder];
        let name = name::clean(ident.name).unwrap_or_else(|| numbered_name(ident.file));
        let part = folder.part_name(&name, &key);
        let recorded = journal.recorded.get(&key);
        let found = drop_twin(&folder.dir, &part, &name, recorded).and_then(|()| match recorded {
            Some(recorded) => resume::resume(&folder.dir, &part, recorded),
            None => Ok(Found::Nothing),
        });
        // Whoever asks again after an error must find things as they were.
        let found = found.inspect_err(|_| folder.free_part(&part))?;
        let recorded = journal.recorded.remove(&key).unwrap_or_default();
        if let (Some(claim), Found::Some(..) | Found::Nothing) = (&recorded.done, &found) {
            folder.names.release(&claim.name);
        }
        let at = self.files.len();
        let (mut state, mut inode) = (State::Open(Box::default()), None);
        match found {
            Found::Whole(done) => {
                state = State::Done(Finished::of_earlier_run(done, &recorded));
                self.fresh.push(at);
            }
            Found::Some(pieces, data, is) => {
                inode = Some(is);
                self.handles.put(at, data);
                state = State::Open(pieces);
            }
            Found::Nothing => {}
        }
        files.insert(key.clone(), at);
        self.files.push(Output {
            job,
            index: ident.file,
            file_id: ident.file_id.to_owned(),
            key,
            name,
            part,
            state,
            inode,
            missing: Vec::new(),
            reported: false,
        });
        Ok(at)
    }
}

/// Removes the name of a data file that has its final name too, as a crash leaves it
/// where renaming is two steps and the power cut took the journal's last line. The
/// data stay under the final name.
fn drop_twin(dir: &Dir, part: &str, name: &str, recorded: Option<&Recorded>) -> Result<(), Error> {
    let agreed = recorded.and_then(|r| name::clean(r.hints.name.get()?));
    let failed = |e| dir.error(part, e);
    for name in [Some(name), agreed.as_deref()].into_iter().flatten() {
        if dir.is_twin(part, name).map_err(failed)? {
            return dir.remove(part).map_err(failed);
        }
    }
    Ok(())
}

/// For a file whose name has nothing usable in it.
fn numbered_name(index: u64) -> String {
    format!("file-{:04}", index.saturating_add(1))
}
