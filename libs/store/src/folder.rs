//! One folder of the output: its directory and the names of data files in it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::Error;
use crate::dir::Dir;
use crate::name;
use crate::names::Names;
use crate::room::lock;

/// A folder that files are written into: one per job, or all jobs share one.
#[derive(Debug)]
pub(crate) struct Folder {
    pub dir: Dir,
    /// Its one component below the output directory; `None` for that itself.
    component: Option<String>,
    pub names: Mutex<Names>,
    parts: Mutex<HashSet<String>>,
}

impl Folder {
    /// Opens the folder below `root`, creating it if need be.
    pub fn open(root: &Dir, component: Option<String>) -> Result<Folder, Error> {
        let dir = match &component {
            Some(component) => root.child(component)?,
            None => root.again()?,
        };
        let (names, parts) = Default::default();
        Ok(Folder {
            dir,
            component,
            names,
            parts,
        })
    }

    /// Whether it is the one with this component.
    pub fn is(&self, component: Option<&str>) -> bool {
        self.component.as_deref() == component
    }

    /// The path of `name` relative to the output directory.
    pub fn relative(&self, name: &str) -> PathBuf {
        match &self.component {
            Some(component) => Path::new(component).join(name),
            None => PathBuf::from(name),
        }
    }

    /// A name for the data of the file with identity `key` in `job`, its own even if another
    /// identity begins alike.
    pub fn part_name(&self, name: &str, job: &str, key: &str) -> String {
        let mut part = name::part_name(name, &name::data_tag(job, key));
        let mut parts = lock(&self.parts);
        let mut n = 1;
        while !parts.insert(part.clone()) {
            n += 1;
            part = name::part_name(name, &name::data_tag(job, &format!("{key}#{n}")));
        }
        part
    }

    /// Removes the folder if this run made it and it stayed empty.
    pub fn tidy(&self, root: &Dir) {
        if let Some(component) = self.component.as_deref().filter(|_| self.dir.is_new()) {
            root.remove_empty(component);
        }
    }
}
