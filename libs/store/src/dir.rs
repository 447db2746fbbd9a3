//! A directory held open, and the few things done to names inside it. No name is ever
//! looked up through a symbolic link, whatever happens to the tree meanwhile.
//!
//! Names given here are single components; making them so is
//! [`name`](crate::name)'s.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rustix::fs::{Access, AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::Error;
use crate::room::lock;

/// Permissions asked for; the umask has the last word.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIR_MODE: Mode = Mode::from_raw_mode(0o777);

/// How often, and after what time, a file that was ours is locked again.
const TRIES: usize = 100;
const BETWEEN: Duration = Duration::from_millis(10);

/// A directory, by descriptor.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    /// For messages only.
    path: PathBuf,
    /// It was not there before.
    created: bool,
    /// The directory above, until its entry for this one is known to be on the disk.
    above: Mutex<Option<OwnedFd>>,
}

/// What tells one file from another, whatever its name.
pub(crate) type Inode = (u64, u64);

/// Device and number of a file.
pub(crate) fn inode(meta: &Metadata) -> Inode {
    (meta.dev(), meta.ino())
}

impl Dir {
    /// Opens the output directory, creating it if need be. Links on the way to it are
    /// the user's own and are followed.
    pub fn open(path: &Path) -> Result<Dir, Error> {
        let failed = |e: io::Error| Error::creating(path.to_owned(), e);
        let here = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        let created = !here.exists();
        fs::create_dir_all(here).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd =
            rustix::fs::openat(CWD, here, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
        let writable = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&fd, ".", writable, AtFlags::empty()).map_err(|e| failed(e.into()))?;
        Ok(Dir {
            fd,
            path: path.to_owned(),
            created,
            above: Mutex::default(),
        })
    }

    /// Opens the output directory to look into it; `None` if it is not there.
    pub fn find(path: &Path) -> Result<Option<Dir>, Error> {
        let here = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let found = rustix::fs::openat(CWD, here, flags, Mode::empty());
        Dir::found(found, path.to_owned())
    }

    /// Opens the folder `name` to look into it; `None` if it is not there.
    pub fn find_child(&self, name: &str) -> Result<Option<Dir>, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let found = open_at(&self.fd, name, flags, Mode::empty());
        Dir::found(found, self.path.join(name))
    }

    /// What is no directory is not one that was written into.
    fn found(found: Result<OwnedFd, Errno>, path: PathBuf) -> Result<Option<Dir>, Error> {
        match found {
            Ok(fd) => Ok(Some(Dir {
                fd,
                path,
                created: false,
                above: Mutex::default(),
            })),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(e) => Err(Error::Io {
                path,
                source: e.into(),
            }),
        }
    }

    /// Opens the folder `name`, creating it if need be.
    pub fn child(&self, name: &str) -> Result<Dir, Error> {
        let failed = |e: Errno| Error::creating(self.path_of(name), e);
        let created = match rustix::fs::mkdirat(&self.fd, name, DIR_MODE) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(e) => return Err(failed(e)),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let fd = open_at(&self.fd, name, flags, Mode::empty()).map_err(failed)?;
        // A complete file is worth little if its folder is lost with the power. But nothing
        // has to wait for the disk before it has anything to lose; and a folder that is there
        // may be of a run that was killed before it had.
        let above = self.fd.try_clone().map_err(|e| self.error(name, e))?;
        Ok(Dir {
            fd,
            path: self.path.join(name),
            created,
            above: Mutex::new(Some(above)),
        })
    }

    /// The same directory once more.
    pub fn again(&self) -> Result<Dir, Error> {
        let failed = |e| Error::Io {
            path: self.path.clone(),
            source: e,
        };
        let fd = self.fd.try_clone().map_err(failed)?;
        Ok(Dir {
            fd,
            path: self.path.clone(),
            created: false,
            above: Mutex::default(),
        })
    }

    /// The path of `name` for messages.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether this run made the directory.
    pub fn is_new(&self) -> bool {
        self.created
    }

    /// An error about `name`.
    pub fn error(&self, name: &str, source: impl Into<io::Error>) -> Error {
        Error::Io {
            path: self.path_of(name),
            source: source.into(),
        }
    }

    /// Opens the regular file `name` to read and write, creating it if it is not
    /// there, and locks it for as long as it is open. What is no file of our own is
    /// refused.
    pub fn open_own(&self, name: &str) -> Result<(File, Metadata), Error> {
        let (file, meta) = self.open_file(name, FILE_MODE)?;
        self.lock(name, &file)?;
        Ok((file, meta))
    }

    /// As [`Dir::open_own`], but it has to be there, for it was ours before. A program that is
    /// just being started may have it from then for a moment, until it closes what is not its
    /// own.
    pub fn open_again(&self, name: &str) -> Result<(File, Metadata), Error> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK;
        let fd = open_at(&self.fd, name, flags, Mode::empty()).map_err(|e| match e {
            Errno::NOENT => self.error(name, e),
            e => self.refusal(name, e),
        })?;
        let (file, meta) = self.examine(name, File::from(fd))?;
        for _ in 0..TRIES {
            match self.lock(name, &file) {
                Err(Error::InUse { .. }) => thread::sleep(BETWEEN),
                done => return done.map(|()| (file, meta)),
            }
        }
        self.lock(name, &file).map(|()| (file, meta))
    }

    fn lock(&self, name: &str, file: &File) -> Result<(), Error> {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(()),
            Err(Errno::WOULDBLOCK) => Err(Error::InUse {
                path: self.path_of(name),
            }),
            Err(e) => Err(self.error(name, e)),
        }
    }

    /// As [`Dir::open_own`], with these permissions and without the lock. Links of
    /// either kind and everything that is no file are refused: a hard link would carry
    /// what we write out of the directory.
    pub fn open_file(&self, name: &str, mode: Mode) -> Result<(File, Metadata), Error> {
        // Without NONBLOCK, opening a FIFO would wait for its other end.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK;
        let fd = open_at(&self.fd, name, flags, mode).map_err(|e| self.refusal(name, e))?;
        self.examine(name, File::from(fd))
    }

    fn examine(&self, name: &str, file: File) -> Result<(File, Metadata), Error> {
        let meta = file.metadata().map_err(|e| self.error(name, e))?;
        if !meta.is_file() {
            return Err(self.refused(name, "it is not a regular file"));
        }
        if meta.nlink() > 1 {
            return Err(self.refused(name, "it has another name (hard link)"));
        }
        Ok((file, meta))
    }

    /// Opens `name` to read if it is a regular file.
    pub fn open_regular(&self, name: &str) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let file = match open_at(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        Ok(file.metadata()?.is_file().then_some(file))
    }

    /// What `name` is, itself; `None` if it is not there.
    pub fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The size of `name` if it is a regular file.
    pub fn size_of(&self, name: &str) -> io::Result<Option<u64>> {
        let stat = self.stat(name)?;
        Ok(stat
            .filter(|s| FileType::from_raw_mode(s.st_mode) == FileType::RegularFile)
            .and_then(|s| u64::try_from(s.st_size).ok()))
    }

    /// Whether `name` still is the open `file`.
    pub fn is_same(&self, name: &str, file: &File) -> io::Result<bool> {
        let open = file.metadata()?;
        // The types of these fields differ between systems.
        #[allow(clippy::unnecessary_cast, reason = "i32 on macOS and the BSDs")]
        Ok(self
            .stat(name)?
            .is_some_and(|s| (s.st_dev as u64, s.st_ino as u64) == (open.dev(), open.ino())))
    }

    /// Whether `name` and `other` are the only two names of one regular file.
    pub fn is_twin(&self, name: &str, other: &str) -> io::Result<bool> {
        let (Some(one), Some(two)) = (self.stat(name)?, self.stat(other)?) else {
            return Ok(false);
        };
        let is_file = FileType::from_raw_mode(one.st_mode) == FileType::RegularFile;
        let is_same = (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino);
        Ok(is_file && one.st_nlink == 2 && is_same)
    }

    /// Renames `from` to `to`; says `false` if there is a `to`.
    pub fn rename_new(&self, from: &str, to: &str) -> io::Result<bool> {
        match rename_exclusive(&self.fd, from, to) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::ISDIR) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Renames `from` to `to`, whatever that is.
    pub fn rename_over(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Removes `name`; that it is not there is fine.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Removes the folder `name` if it is empty.
    pub fn remove_empty(&self, name: &str) {
        // Not empty, or in use as a mount point: it stays, and that is no error.
        let _ = rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR);
    }

    /// Makes creations, renames and removals survive a power cut, and itself.
    pub fn sync(&self) -> Result<(), Error> {
        self.settle()?;
        self.sync_one(&self.fd)
    }

    /// Makes the directory itself survive a power cut. Only the first time takes long.
    pub fn settle(&self) -> Result<(), Error> {
        let mut above = lock(&self.above);
        if let Some(fd) = &*above {
            self.sync_one(fd)?;
        }
        *above = None;
        Ok(())
    }

    fn sync_one(&self, fd: &OwnedFd) -> Result<(), Error> {
        match rustix::io::retry_on_intr(|| rustix::fs::fsync(fd)) {
            // Some network and FUSE file systems cannot sync a directory.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(e) => Err(Error::Io {
                path: self.path.clone(),
                source: e.into(),
            }),
        }
    }

    fn refusal(&self, name: &str, e: Errno) -> Error {
        match e {
            Errno::LOOP | Errno::XDEV | Errno::MLINK => self.refused(name, "it is a symbolic link"),
            Errno::ISDIR => self.refused(name, "it is a directory"),
            Errno::NXIO => self.refused(name, "it is not a regular file"),
            e => Error::creating(self.path_of(name), e),
        }
    }

    /// An error about what was found at `name`.
    pub fn refused(&self, name: &str, why: &'static str) -> Error {
        Error::Refused {
            path: self.path_of(name),
            why,
        }
    }
}

/// Opens one component without following links. `O_NOFOLLOW` says so for the last
/// component, and there is only one; on Linux the kernel also holds it for whatever
/// may be mounted or swapped below.
fn open_at(dir: &OwnedFd, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    debug_assert!(!name.contains('/'));
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::fs::ResolveFlags;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        // Some file systems let a signal interrupt it.
        let open = || rustix::fs::openat2(dir, name, flags, mode, resolve);
        match rustix::io::retry_on_intr(open) {
            // Older than Linux 5.6, or a container's filter that does not know it.
            Err(Errno::NOSYS | Errno::PERM) => {}
            done => return done,
        }
    }
    rustix::io::retry_on_intr(|| rustix::fs::openat(dir, name, flags, mode))
}

fn rename_exclusive(dir: &OwnedFd, from: &str, to: &str) -> Result<(), Errno> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::fs::RenameFlags;
        match rustix::fs::renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
            // The file system (NFS, some FUSE) or the kernel cannot.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return done,
        }
    }
    rename_by_link(dir.as_fd(), from, to)
}

/// `link` never replaces. Where there are no hard links (FAT, exFAT) the name is
/// claimed by an empty file first; a crash between the two leaves that.
fn rename_by_link(dir: impl AsFd + Copy, from: &str, to: &str) -> Result<(), Errno> {
    match rustix::fs::linkat(dir, from, dir, to, AtFlags::empty()) {
        Ok(()) => rustix::fs::unlinkat(dir, from, AtFlags::empty()),
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK) => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            drop(rustix::fs::openat(dir, to, flags, FILE_MODE)?);
            rustix::fs::renameat(dir, from, dir, to)
        }
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests;
