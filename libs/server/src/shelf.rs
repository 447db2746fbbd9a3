//! Encoded bodies: read and encoded when asked for, on a bounded number of
//! blocking threads, and kept for a while, bounded in bytes. It does not know
//! the protocol.

use std::io;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use nzbpipe_yenc::{PartSpec, encode_part};
use tokio::sync::Semaphore;

use crate::article::Article;
use crate::catalog::Catalog;
use crate::disk::{Disk, Unreadable};
use crate::lru::Lru;
use crate::recycle::Recycler;

/// Bytes a line holds before it is broken; what nearly all posts use.
const LINE: usize = 128;

/// Why there is no body.
#[derive(Debug)]
pub(crate) enum Unavailable {
    /// The file is not the one that was found at the start.
    Changed,
    /// The file cannot be read now.
    Unreadable(io::ErrorKind),
    /// A bug in us: the encoding panicked.
    Internal,
}

/// The articles' bodies.
pub(crate) struct Shelf {
    pub(crate) catalog: Catalog,
    disk: Disk,
    /// Raw parts and encoded bodies, both worth using again.
    raw: Recycler,
    encoded: Recycler,
    cache: Mutex<Lru<u64, Bytes>>,
    /// Encoding is work for a processor: more threads than processors would
    /// only hold more memory. One more, because one may wait for the disk.
    workers: Arc<Semaphore>,
}

impl Shelf {
    pub(crate) fn new(catalog: Catalog, cache_bytes: usize) -> Shelf {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let workers = processors + 1;
        Shelf {
            catalog,
            disk: Disk::new(),
            raw: Recycler::new(workers),
            encoded: Recycler::new(4 * workers),
            cache: Mutex::new(Lru::new(cache_bytes)),
            workers: Arc::new(Semaphore::new(workers)),
        }
    }

    /// The dot-stuffed body of an article, without the final `.` line.
    pub(crate) async fn body(self: &Arc<Self>, number: u64) -> Result<Bytes, Unavailable> {
        self.on_thread(number, Shelf::read).await
    }

    /// Whether the article can be had, as far as the file's metadata tell.
    pub(crate) async fn check(self: &Arc<Self>, number: u64) -> Result<(), Unavailable> {
        self.on_thread(number, |shelf, article| {
            Ok(shelf.disk.check(article.file)?)
        })
        .await
    }

    /// The permit goes along to the thread: a session that is dropped does not
    /// stop the thread, and it must be counted until it is done.
    async fn on_thread<T: Send + 'static>(
        self: &Arc<Self>,
        number: u64,
        work: fn(&Shelf, Article<'_>) -> Result<T, Unavailable>,
    ) -> Result<T, Unavailable> {
        let permit = Arc::clone(&self.workers).acquire_owned().await;
        let shelf = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            match shelf.catalog.by_number(number) {
                Some(article) => work(&shelf, article),
                None => Err(Unavailable::Changed),
            }
        });
        task.await.unwrap_or(Err(Unavailable::Internal))
    }

    fn read(&self, article: Article<'_>) -> Result<Bytes, Unavailable> {
        let number = article.number();
        let kept = self.cache().get(number);
        if let Some(body) = kept {
            self.disk.check(article.file)?;
            return Ok(body);
        }
        let body = self.encode(article)?;
        self.cache().insert(number, body.clone(), body.len());
        Ok(body)
    }

    fn encode(&self, article: Article<'_>) -> Result<Bytes, Unavailable> {
        let mut raw = self.raw.take();
        raw.data.resize(article.len() as usize, 0);
        self.disk
            .read(article.file, article.offset(), &mut raw.data)?;
        let mut body = self.encoded.take();
        body.data.clear();
        encode_part(&raw.data, &part_spec(article), &mut body.data);
        Ok(body.into())
    }

    fn cache(&self) -> MutexGuard<'_, Lru<u64, Bytes>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn part_spec<'a>(article: Article<'a>) -> PartSpec<'a> {
    PartSpec {
        name: &article.file.name,
        file_size: article.file.stamp.size,
        offset: article.offset(),
        part: article.part,
        total: article.file.parts,
        line: LINE,
        // Would cost reading the whole file; each part has its own sum.
        file_crc: None,
    }
}

impl From<Unreadable> for Unavailable {
    fn from(reason: Unreadable) -> Unavailable {
        match reason {
            Unreadable::Changed => Unavailable::Changed,
            Unreadable::Io(kind) => Unavailable::Unreadable(kind),
        }
    }
}
