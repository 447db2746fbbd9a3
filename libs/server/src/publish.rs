//! Writes what clients need besides the server: the NZBs and the certificate
//! of the CA. Blocking; runs once at the start. A file appears whole or not at
//! all, and one that is there already is replaced.
#![expect(
    clippy::disallowed_methods,
    reason = "runs on a blocking thread, called by `serve`"
)]

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use nzbpipe_nzb::write::{Head, Writer};

use crate::Error;
use crate::article::{self, Article};
use crate::catalog::{Catalog, Job};

/// Writes `<job>.nzb` for each job into `dir` and returns their paths.
pub(crate) fn nzbs(catalog: &Catalog, dir: &Path) -> Result<Vec<PathBuf>, Error> {
    fs::create_dir_all(dir).map_err(Error::write(dir))?;
    let jobs = catalog.jobs.iter();
    jobs.map(|job| {
        let mut name = job.name.clone();
        name.push(".nzb");
        let path = dir.join(name);
        replace(&path, |out| nzb(catalog, job, out))?;
        Ok(path)
    })
    .collect()
}

/// Writes the certificate clients shall trust.
pub(crate) fn certificate(pem: &str, path: &Path) -> Result<(), Error> {
    replace(path, |out| out.write_all(pem.as_bytes()))
}

/// The same on each start as long as the files are, so that a client knows the
/// job again; hence the date of the file, not of today.
fn nzb(catalog: &Catalog, job: &Job, out: &mut impl Write) -> io::Result<()> {
    let groups = [catalog.group.clone()];
    let mut nzb = Writer::new(out).map_err(io::Error::other)?;
    for file in &catalog.files[job.files.clone()] {
        let article = |part| Article {
            catalog,
            file,
            part,
        };
        let head = Head {
            subject: &article(1).subject(),
            poster: &catalog.poster,
            date: Some(file.stamp.seconds),
            groups: &groups,
        };
        nzb.file(&head).map_err(io::Error::other)?;
        for part in 1..=file.parts {
            let article = article(part);
            nzb.segment(part, Some(article.encoded_size()), &article.id())
                .map_err(io::Error::other)?;
        }
    }
    nzb.finish().map_err(io::Error::other)?;
    Ok(())
}

fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Error> {
    let temporary = beside(path);
    let result = fill(&temporary, write).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // The error of the write is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    result.map_err(Error::write(path))
}

fn fill(
    temporary: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    // Left by a process that was killed. `create_new` follows no link.
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = BufWriter::new(File::create_new(temporary)?);
    write(&mut out)?;
    out.flush()
}

/// A name in the same directory whose length does not depend on `path`.
fn beside(path: &Path) -> PathBuf {
    let digest = article::hash([path.as_os_str().as_encoded_bytes()]);
    let name = format!(".nntp-serve-{}-{digest:016x}.tmp", std::process::id());
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::tests::sample;

    #[test]
    fn writes_one_nzb_for_each_job_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/nzb");
        let paths = nzbs(&sample(), &out).unwrap();
        assert_eq!(paths, [out.join("first.nzb"), out.join("c.nzb")]);
        assert_eq!(fs::read_dir(&out).unwrap().count(), 2);
        let text = fs::read_to_string(&paths[0]).unwrap();
        assert_eq!(text.matches("<file ").count(), 2);
        assert_eq!(text.matches("<segment ").count(), 4);
        let first = sample().by_number(1).unwrap().id();
        assert!(
            text.contains(&format!("number=\"1\">{first}</segment>")),
            "{text}"
        );
    }

    #[test]
    fn a_second_start_writes_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let write = || {
            let paths = nzbs(&sample(), dir.path()).unwrap();
            fs::read(&paths[0]).unwrap()
        };
        assert_eq!(write(), write());
    }

    #[test]
    fn says_what_cannot_be_written_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        fs::create_dir(&path).unwrap();
        let error = certificate("pem", &path).unwrap_err();
        assert!(error.is_output());
        assert_eq!(
            error.to_string(),
            format!("cannot write {}", path.display())
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
