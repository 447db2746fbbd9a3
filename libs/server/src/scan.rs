//! Finds the files to be served. Runs on a blocking thread, before the first
//! session and when asked to look again; nothing is read but directories and metadata, so a large
//! collection is on offer at once.
#![expect(
    clippy::disallowed_methods,
    reason = "runs on a blocking thread, called by `serve`"
)]

use std::fs::{self, DirEntry};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::catalog::{Catalog, Found, Stamp};
use crate::{Config, Error};

/// Reads the directory tree: one job for each file at the top and for each
/// directory there that has files below it. Names sort by their bytes, so the
/// order, the numbers and the NZBs are the same on each start.
pub(crate) fn scan(config: &Config) -> Result<Catalog, Error> {
    let mut walk = Walk::new(config)?;
    let mut catalog = Catalog::new(config);
    for entry in sorted(&walk.root)? {
        walk.visit(&entry)?;
        let files = std::mem::take(&mut walk.found);
        if !files.is_empty() {
            catalog.add(entry.file_name(), files);
        }
    }
    Ok(catalog)
}

struct Walk {
    root: PathBuf,
    /// What the server itself writes is not served: NZBs, the certificate.
    except: Vec<PathBuf>,
    found: Vec<Found>,
}

impl Walk {
    fn new(config: &Config) -> Result<Walk, Error> {
        let root = fs::canonicalize(&config.files).map_err(Error::read(&config.files))?;
        let own = [&config.nzb_out, &config.ca_out].into_iter().flatten();
        // Not there yet is as good as outside.
        let except: Vec<PathBuf> = own.filter_map(|path| fs::canonicalize(path).ok()).collect();
        if except.contains(&root) {
            // Its NZBs would be served after the next start.
            let (setting, why) = ("nzb_out", "must not be the directory that is served");
            return Err(Error::Config { setting, why });
        }
        let found = Vec::new();
        Ok(Walk {
            root,
            except,
            found,
        })
    }

    /// Collects a file, or all files below a directory. Links are not
    /// followed: what is offered lies inside the directory.
    fn visit(&mut self, entry: &DirEntry) -> Result<(), Error> {
        let path = entry.path();
        if self.except.contains(&path) {
            return Ok(());
        }
        let kind = entry.file_type().map_err(Error::read(&path))?;
        if kind.is_dir() {
            for below in sorted(&path)? {
                self.visit(&below)?;
            }
        } else if kind.is_file() {
            let metadata = entry.metadata().map_err(Error::read(&path))?;
            let relative = path.strip_prefix(&self.root).unwrap_or(&path);
            self.found.push(Found {
                relative: relative.as_os_str().as_bytes().to_vec(),
                name: entry.file_name().as_bytes().to_vec(),
                stamp: Stamp::from(&metadata),
                path,
            });
        }
        Ok(())
    }
}

fn sorted(dir: &Path) -> Result<Vec<DirEntry>, Error> {
    let entries = fs::read_dir(dir).map_err(Error::read(dir))?;
    let mut entries = entries
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::read(dir))?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["show/b", "show/a", "nzb", "hollow/deep"] {
            fs::create_dir_all(dir.path().join(sub)).unwrap();
        }
        for file in [
            "zz",
            "show/b/1",
            "show/a/2",
            "show/c",
            "nzb/old.nzb",
            "Aa",
            "ca.pem",
        ] {
            fs::write(dir.path().join(file), file).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        dir
    }

    #[test]
    fn a_job_for_each_file_and_directory_at_the_top() {
        let dir = tree();
        let mut config = Config::new(dir.path());
        config.nzb_out = Some(dir.path().join("nzb"));
        config.ca_out = Some(dir.path().join("ca.pem"));
        let catalog = scan(&config).unwrap();
        let jobs: Vec<(String, Vec<&str>)> = catalog
            .jobs
            .iter()
            .map(|job| {
                let files = &catalog.files[job.files.clone()];
                let titles = files.iter().map(|file| file.title.as_str()).collect();
                (job.name.to_string_lossy().into_owned(), titles)
            })
            .collect();
        let expected = [
            ("Aa", vec!["Aa"]),
            ("show", vec!["2", "1", "c"]),
            ("zz", vec!["zz"]),
        ];
        assert_eq!(jobs, expected.map(|(name, files)| (name.to_owned(), files)));
    }

    #[test]
    fn refuses_to_write_nzbs_where_it_reads() {
        let dir = tree();
        let mut config = Config::new(dir.path());
        config.nzb_out = Some(dir.path().join("show/.."));
        assert!(scan(&config).err().unwrap().is_config());
    }

    #[test]
    fn says_which_directory_cannot_be_read() {
        let error = scan(&Config::new("/no/such/place")).err().unwrap();
        assert!(error.is_input());
        assert_eq!(error.to_string(), "cannot read /no/such/place");
    }
}
