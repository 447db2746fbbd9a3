//! Where the parts go.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rustix::fs::{FallocateFlags, fallocate};

use crate::linux::args::Preallocate;

pub struct Files {
    /// Of the first file; the others are called after it.
    path: PathBuf,
    preallocate: Preallocate,
    open: Vec<Option<File>>,
    pub calls: u64,
}

impl Files {
    pub fn new(path: PathBuf, preallocate: Preallocate) -> Files {
        Files {
            path,
            preallocate,
            open: Vec::new(),
            calls: 0,
        }
    }

    /// Writes `data` at `offset` of file `n`, which will have `size` bytes.
    pub fn put(&mut self, n: usize, size: u64, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.open.len() <= n {
            self.open.resize_with(n + 1, || None);
        }
        let file = match &mut self.open[n] {
            Some(file) => file,
            none => {
                let mut path = self.path.clone().into_os_string();
                if n > 0 {
                    path.push(format!(".{n}"));
                }
                let file = File::create(path)?;
                match self.preallocate {
                    Preallocate::None => {}
                    Preallocate::Sparse => file.set_len(size)?,
                    Preallocate::Full => fallocate(&file, FallocateFlags::empty(), 0, size)?,
                }
                self.calls += 2;
                none.insert(file)
            }
        };
        self.calls += 1;
        file.write_all_at(data, offset)
    }
}
