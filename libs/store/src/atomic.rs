//! Small files that are there whole or not at all: state, reports, lists.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// Replaces `path` by `bytes`: a reader sees the old content or the new one, also
/// after a crash. New files get mode 0600 less the umask.
///
/// # Errors
/// [`Error::CannotCreate`] if the folder cannot be written to, [`Error::Io`] if
/// the bytes cannot.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes, 0o600)
}

/// As [`write()`], for what others are to read: new files get mode 0666 less the
/// umask.
///
/// # Errors
/// As for [`write()`].
pub fn publish(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes, 0o666)
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let draft = draft(path);
    let result = put(&draft, bytes, mode)
        .and_then(|()| fs::rename(&draft, path).map_err(|e| failed(path, e)));
    if result.is_err() {
        let _ = fs::remove_file(&draft);
    }
    result?;
    sync_folder(path);
    Ok(())
}

/// In the same folder, for a rename does not cross file systems; by process, for
/// two may write at once.
fn draft(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn put(draft: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt;
    // Whatever has this name is a crashed process's of the same number, or was
    // planted: a link is not followed.
    let _ = fs::remove_file(draft);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(draft)
        .map_err(|source| Error::CannotCreate {
            path: draft.to_owned(),
            source,
        })?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|e| failed(draft, e))
}

/// Best effort: the file is whole without it, only the rename may be lost.
fn sync_folder(path: &Path) {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_no_draft() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_what_is_published_may_be_read_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = dir.path().join("state");
        write(&path, b"").unwrap();
        assert_eq!(mode(&path), 0o600);
        // What the umask leaves is the user's choice.
        publish(&path, b"").unwrap();
        assert_eq!(mode(&path) & 0o600, 0o600);
        let plain = dir.path().join("plain");
        fs::write(&plain, b"").unwrap();
        assert_eq!(mode(&path), mode(&plain));
    }

    #[test]
    fn a_missing_folder_is_cannot_create() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("no/state"), b"").unwrap_err();
        assert!(error.is_cannot_create());
    }
}
