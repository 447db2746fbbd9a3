//! What is on offer at the moment, and how it is replaced while sessions go on.
//! When that is done is the caller's to say.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use crate::serve::blocking;
use crate::shelf::Shelf;
use crate::{Config, Error, publish, scan};

/// What sessions give out, and to whom.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) credentials: Option<Arc<(String, String)>>,
}

impl Offer {
    pub(crate) fn new(shelf: Shelf, config: &Config) -> Offer {
        Offer {
            shelf: Arc::new(shelf),
            credentials: config.credentials.clone().map(Arc::new),
        }
    }
}

/// Looks at the files anew while the server runs.
#[derive(Clone)]
pub struct Reloader {
    pub(crate) offer: watch::Sender<Offer>,
    pub(crate) config: Arc<Config>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// How many files are served now.
    pub files: usize,
    /// How many articles they make.
    pub articles: u64,
    /// The NZBs that were written.
    pub nzbs: Vec<PathBuf>,
}

impl Reloader {
    /// Finds the files and writes the NZBs as at the start. Sessions go on:
    /// message-ids mean the new files at once, article numbers when a session next
    /// selects the group, and `credentials` hold for logins of sessions that begin
    /// afterwards. NZBs of files that are gone stay.
    ///
    /// # Errors
    /// As of [`Server::bind`](crate::Server::bind); then all stays as it was.
    pub async fn reload(&self, credentials: Option<(String, String)>) -> Result<Reloaded, Error> {
        let mut config = Config::clone(&self.config);
        config.credentials = credentials;
        config.check()?;
        let before = Arc::clone(&self.offer.borrow().shelf);
        let (offer, nzbs) = blocking(move || {
            let shelf = before.renewed(scan::scan(&config)?);
            let nzbs = match &config.nzb_out {
                Some(dir) => publish::nzbs(&shelf.catalog, dir)?,
                None => Vec::new(),
            };
            Ok((Offer::new(shelf, &config), nzbs))
        })
        .await?;
        let catalog = &offer.shelf.catalog;
        let reloaded = Reloaded {
            files: catalog.files.len(),
            articles: catalog.articles,
            nzbs,
        };
        self.offer.send_replace(offer);
        Ok(reloaded)
    }
}
