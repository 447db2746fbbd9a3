//! One folder of the output: its directory and the names given out in it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::Error;
use crate::dir::Dir;
use crate::name;
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

    /// A name for the data of the file with identity `key`, its own even if another
    /// identity begins alike.
    pub fn part_name(&self, name: &str, key: &str) -> String {
        let mut part = name::part_name(name, &name::tag(key));
        let mut parts = lock(&self.parts);
        let mut n = 1;
        while !parts.insert(part.clone()) {
            n += 1;
            part = name::part_name(name, &name::tag(&format!("{key}#{n}")));
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

/// The final names that files of this run have. Names that differ only in case are
/// one: on some file systems they are.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
    /// Where to go on counting for a name that many files share.
    next: HashMap<String, u64>,
}

impl Names {
    /// The first candidate for `base`, counting from 1, that no file of this run has.
    pub fn candidate(&self, base: &str, mut n: u64) -> (u64, String) {
        n = n.max(self.next.get(&base.to_lowercase()).copied().unwrap_or(1));
        loop {
            let name = if n == 1 {
                base.to_owned()
            } else {
                name::numbered(base, n)
            };
            if !self.taken.contains(&name.to_lowercase()) {
                return (n, name);
            }
            n += 1;
        }
    }

    /// Notes that a file has the name `name`, candidate `n` for `base`.
    pub fn take(&mut self, base: &str, n: u64, name: &str) {
        self.taken.insert(name.to_lowercase());
        self.next.insert(base.to_lowercase(), n + 1);
    }

    /// Notes that a file of an earlier run has this name.
    pub fn claim(&mut self, name: &str) {
        self.taken.insert(name.to_lowercase());
    }
    /// Takes back a [`claim`](Names::claim).
    pub fn release(&mut self, name: &str) {
        self.taken.remove(&name.to_lowercase());
    }
}
