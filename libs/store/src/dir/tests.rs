//! What is found in a directory, and what is done to it.

use super::*;
use std::os::unix::fs::symlink;

fn dir() -> (tempfile::TempDir, Dir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = Dir::open(temp.path()).unwrap();
    (temp, dir)
}

#[test]
fn links_and_strangers_are_refused() {
    let (temp, dir) = dir();
    let canary = temp.path().join("canary");
    fs::write(&canary, "alive").unwrap();
    symlink(&canary, temp.path().join("soft")).unwrap();
    symlink(temp.path().join("nowhere"), temp.path().join("dangling")).unwrap();
    fs::hard_link(&canary, temp.path().join("hard")).unwrap();
    fs::create_dir(temp.path().join("folder")).unwrap();
    rustix::fs::mknodat(CWD, temp.path().join("fifo"), FileType::Fifo, FILE_MODE, 0).unwrap();
    for name in ["soft", "dangling", "hard", "folder"] {
        let e = dir.open_own(name).unwrap_err();
        assert!(matches!(e, Error::Refused { .. }), "{name}: {e}");
    }
    assert!(dir.open_own("fifo").is_err());
    for name in ["soft", "dangling", "fifo", "folder", "absent"] {
        assert!(dir.open_regular(name).unwrap().is_none(), "{name}");
    }
    assert_eq!(fs::read(&canary).unwrap(), b"alive");
    assert!(!temp.path().join("nowhere").exists());
}

#[test]
fn a_folder_that_is_a_link_is_refused() {
    let (temp, dir) = dir();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), temp.path().join("job")).unwrap();
    assert!(dir.child("job").unwrap_err().is_cannot_create());
}

#[test]
fn a_rename_never_replaces() {
    let (temp, dir) = dir();
    fs::write(temp.path().join("new"), "new").unwrap();
    fs::write(temp.path().join("old"), "old").unwrap();
    symlink("nowhere", temp.path().join("link")).unwrap();
    fs::create_dir(temp.path().join("folder")).unwrap();
    for name in ["old", "link", "folder"] {
        assert!(!dir.rename_new("new", name).unwrap(), "{name}");
        assert_eq!(
            rename_by_link(dir.fd.as_fd(), "new", name),
            Err(Errno::EXIST),
            "{name}"
        );
    }
    assert_eq!(fs::read(temp.path().join("old")).unwrap(), b"old");
    assert!(dir.rename_new("new", "free").unwrap());
    rename_by_link(dir.fd.as_fd(), "free", "freer").unwrap();
    assert_eq!(fs::read(temp.path().join("freer")).unwrap(), b"new");
    assert!(!temp.path().join("free").exists());
}

#[test]
fn a_file_in_the_way_of_the_directory_is_named() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("file"), "").unwrap();
    let e = Dir::open(&temp.path().join("file")).unwrap_err();
    assert!(e.is_cannot_create() && e.to_string().contains("file"));
}
