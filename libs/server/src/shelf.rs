//! Encoded bodies: read and encoded when asked for, on a bounded number of
//! blocking threads, and kept for a while, bounded in bytes. What is kept goes out
//! without a thread. It does not know the protocol.

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use nzbpipe_yenc::{Encoder, Kernel, PartSpec};
use tokio::sync::Semaphore;

use crate::article::Article;
use crate::catalog::Catalog;
use crate::disk::{Disk, Unreadable};
use crate::lru::Lru;
use crate::recycle::Recycler;

/// Milliseconds for which a file that was looked at counts as unchanged: a thread
/// and a system call for each article that is kept would cost more than sending it
/// needs. What is kept belongs to its message-id in any case.
const FRESH: u64 = 100;

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
    /// When each file was last found unchanged, in milliseconds since `began`; 0 for
    /// never.
    seen: Box<[AtomicU64]>,
    store: Arc<Store>,
}

/// What outlives a change of what is on offer.
struct Store {
    began: Instant,
    disk: Disk,
    encoder: Encoder,
    /// Raw parts and encoded bodies, both worth using again.
    raw: Recycler,
    encoded: Recycler,
    /// By digest of the file and part.
    cache: Mutex<Lru<(u64, u64), Bytes>>,
    /// Encoding is work for a processor: more threads than processors would
    /// only hold more memory. One more, because one may wait for the disk.
    workers: Arc<Semaphore>,
}

impl Shelf {
    pub(crate) fn new(catalog: Catalog, cache_bytes: usize, kernel: Kernel) -> Shelf {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let workers = processors + 1;
        let store = Store {
            began: Instant::now(),
            disk: Disk::new(),
            encoder: Encoder {
                kernel,
                ..Encoder::default()
            },
            raw: Recycler::new(workers),
            encoded: Recycler::new(4 * workers),
            cache: Mutex::new(Lru::new(cache_bytes)),
            workers: Arc::new(Semaphore::new(workers)),
        };
        Shelf::with(catalog, Arc::new(store))
    }

    /// Another catalogue with what is open and kept.
    pub(crate) fn renewed(&self, catalog: Catalog) -> Shelf {
        Shelf::with(catalog, Arc::clone(&self.store))
    }

    fn with(catalog: Catalog, store: Arc<Store>) -> Shelf {
        let seen = catalog.files.iter().map(|_| AtomicU64::new(0)).collect();
        Shelf {
            catalog,
            seen,
            store,
        }
    }

    /// The dot-stuffed body of an article of the catalogue, without the final `.`
    /// line.
    pub(crate) async fn body(self: &Arc<Self>, article: Article<'_>) -> Result<Bytes, Unavailable> {
        if self.is_fresh(article) {
            let kept = self.store.cache().get(key(article));
            if let Some(body) = kept {
                return Ok(body);
            }
        }
        self.on_thread(article.number(), Shelf::read).await
    }

    /// Whether the article can be had, as far as the file's metadata tell.
    pub(crate) async fn check(self: &Arc<Self>, article: Article<'_>) -> Result<(), Unavailable> {
        if self.is_fresh(article) {
            return Ok(());
        }
        self.on_thread(article.number(), Shelf::look).await
    }

    fn is_fresh(&self, article: Article<'_>) -> bool {
        let seen = self.seen[article.file.index].load(Relaxed);
        seen > 0 && self.store.now().saturating_sub(seen) < FRESH
    }

    /// The permit goes along to the thread: a session that is dropped does not
    /// stop the thread, and it must be counted until it is done.
    async fn on_thread<T: Send + 'static>(
        self: &Arc<Self>,
        number: u64,
        work: fn(&Shelf, Article<'_>) -> Result<T, Unavailable>,
    ) -> Result<T, Unavailable> {
        let permit = Arc::clone(&self.store.workers).acquire_owned().await;
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

    /// Looks at the file's metadata, before which the time is taken.
    fn look(&self, article: Article<'_>) -> Result<(), Unavailable> {
        let now = self.store.now();
        let seen = &self.seen[article.file.index];
        let result = self.store.disk.check(article.file);
        seen.store(result.as_ref().map_or(0, |()| now), Relaxed);
        Ok(result?)
    }

    fn read(&self, article: Article<'_>) -> Result<Bytes, Unavailable> {
        let kept = self.store.cache().get(key(article));
        if let Some(body) = kept {
            self.look(article)?;
            return Ok(body);
        }
        let body = self.store.encode(article)?;
        let mut cache = self.store.cache();
        cache.insert(key(article), body.clone(), body.len());
        Ok(body)
    }
}

impl Store {
    fn encode(&self, article: Article<'_>) -> Result<Bytes, Unavailable> {
        let mut raw = self.raw.take();
        raw.data.resize(article.len() as usize, 0);
        self.disk
            .read(article.file, article.offset(), &mut raw.data)?;
        let mut body = self.encoded.take();
        body.data.clear();
        // What is kept holds its spare room as well: no more than the estimate and
        // a little, where growing would take twice.
        let size = article.encoded_size() as usize;
        body.data.reserve(size + size / 128);
        self.encoder
            .part(&raw.data, &part_spec(article), &mut body.data);
        Ok(body.into())
    }

    fn cache(&self) -> MutexGuard<'_, Lru<(u64, u64), Bytes>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From 1.
    fn now(&self) -> u64 {
        1 + u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

fn key(article: Article<'_>) -> (u64, u64) {
    (article.file.digest, article.part)
}

fn part_spec<'a>(article: Article<'a>) -> PartSpec<'a> {
    PartSpec {
        name: &article.file.name,
        file_size: article.file.stamp.size,
        offset: article.offset(),
        part: article.part,
        total: article.file.parts,
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
