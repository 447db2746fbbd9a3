//! Which file a record speaks of: jobs, folders and files get a lane when they are first
//! spoken of. What an earlier run left of a file is looked at by who has the lane.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::Error;
use crate::folder::Folder;
use crate::journal::Journal;
use crate::lane::{Identity, Job, Lane, Place};
use crate::name;
use crate::room::{lock, try_lock};
use crate::types::{Ident, NameFrom};
use crate::writer::Shared;

/// All that was spoken of.
pub(crate) struct Index<T> {
    folders: Vec<Arc<Folder>>,
    pub jobs: HashMap<String, Opened<T>>,
    /// In order of appearance.
    pub lanes: Vec<Arc<Lane<T>>>,
    /// The run ends: nothing is opened any more.
    is_closed: bool,
}

/// A job and its files, by identity.
pub(crate) struct Opened<T> {
    pub job: Arc<Job>,
    lanes: HashMap<String, Arc<Lane<T>>>,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Index {
            folders: Vec::new(),
            jobs: HashMap::new(),
            lanes: Vec::new(),
            is_closed: false,
        }
    }
}

impl<T> Index<T> {
    /// Takes all out, and closes what stays.
    pub fn close(&mut self) -> Index<T> {
        let closed = Index {
            is_closed: true,
            ..Index::default()
        };
        std::mem::replace(self, closed)
    }

    /// The lanes of a job.
    pub fn lanes_of(&self, job: &Job) -> impl Iterator<Item = &Arc<Lane<T>>> {
        let opened = self.jobs.get(&job.id);
        opened.into_iter().flat_map(|opened| opened.lanes.values())
    }

    /// The folder of a job. A stream made by hand has no job, and none.
    fn folder(&mut self, shared: &Shared<T>, ident: &Ident<'_>) -> Result<Arc<Folder>, Error> {
        let component = component(shared.options.flat, ident.job, ident.job_name);
        let known = self.folders.iter().find(|f| f.is(component.as_deref()));
        if let Some(folder) = known {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(Folder::open(&shared.root, component)?);
        self.folders.push(Arc::clone(&folder));
        Ok(folder)
    }

    fn place(&mut self, shared: &Shared<T>, ident: &Ident<'_>) -> Result<Place, Error> {
        let folder = self.folder(shared, ident)?;
        let names = name::journals(ident.job);
        let keep = shared.options.journal;
        let journal = Journal::open(&folder.dir, &names, ident.job, keep)?;
        for done in lock(&journal.recorded)
            .values()
            .filter_map(|r| r.done.as_ref())
        {
            lock(&folder.names).claim(&done.name);
        }
        Ok(Place { folder, journal })
    }

    /// The lane of a file nobody spoke of before.
    fn add(&mut self, ident: &Ident<'_>, key: String) -> Option<Arc<Lane<T>>> {
        let opened = self.jobs.get_mut(ident.job)?;
        let name = name::choose(NameFrom::Subject, None, ident.name, ident.file);
        let folder = opened.job.place.as_ref().map(|place| &place.folder);
        let part = folder.map_or_else(String::new, |folder| {
            folder.part_name(&name, ident.job, &key)
        });
        let nth = folder.map_or(1, |folder| lock(&folder.names).expect(&name));
        let identity = Identity {
            index: ident.file,
            file_id: ident.file_id.to_owned(),
            key: key.clone(),
            name: ident.name.to_owned(),
            part,
            nth,
        };
        let lane = Lane::new(Arc::clone(&opened.job), self.lanes.len(), identity);
        let lane = Arc::new(lane);
        opened.lanes.insert(key, Arc::clone(&lane));
        self.lanes.push(Arc::clone(&lane));
        Some(lane)
    }
}

impl<T> Shared<T> {
    /// The lane of a file that was spoken of before, unless somebody is about to open another:
    /// that may take a while.
    pub fn known_lane(&self, ident: &Ident<'_>) -> Option<Arc<Lane<T>>> {
        let index = try_lock(&self.index)?;
        let opened = index.jobs.get(ident.job)?;
        opened.lanes.get(key(ident).as_ref()).cloned()
    }

    /// The lane of the file that is spoken of; `None` once the run ends.
    pub fn lane(&self, ident: &Ident<'_>) -> Result<Option<Arc<Lane<T>>>, Error> {
        let key = key(ident);
        let mut index = lock(&self.index);
        if index.is_closed {
            return Ok(None);
        }
        let known = index.jobs.get(ident.job);
        if let Some(lane) = known.and_then(|opened| opened.lanes.get(key.as_ref())) {
            return Ok(Some(Arc::clone(lane)));
        }
        if known.is_none() {
            let place = self.open_job(&mut index, ident)?;
            let (id, name) = (ident.job.to_owned(), ident.job_name.to_owned());
            let opened = Opened {
                job: Arc::new(Job { id, name, place }),
                lanes: HashMap::new(),
            };
            index.jobs.insert(ident.job.to_owned(), opened);
        }
        let lane = index.add(ident, key.into_owned());
        let unopened = || std::io::Error::other("the job is not open");
        lane.map(Some)
            .ok_or_else(|| self.root.error("", unopened()))
    }

    /// `None` if it cannot be opened and others can.
    fn open_job(&self, index: &mut Index<T>, ident: &Ident<'_>) -> Result<Option<Place>, Error> {
        match index.place(self, ident) {
            Ok(place) => Ok(Some(place)),
            Err(error) if error.is_in_use() || error.is_of_all() => {
                self.trouble.end(error);
                self.trouble.check().map(|()| None)
            }
            Err(error) => {
                self.trouble.note(error);
                Ok(None)
            }
        }
    }
}

/// What a file is called in journal and index.
pub(crate) fn key<'a>(ident: &Ident<'a>) -> Cow<'a, str> {
    match ident.file_id {
        "" => Cow::Owned(format!("{}/{}", ident.file, ident.name)),
        id => Cow::Borrowed(id),
    }
}

/// The folder of a job below the output directory, if it has one of its own.
pub(crate) fn component(flat: bool, job: &str, name: &str) -> Option<String> {
    (!flat && !job.is_empty()).then(|| name::clean(name).unwrap_or_else(|| name::safe_name(job)))
}
