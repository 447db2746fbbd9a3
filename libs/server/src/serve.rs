//! The server as a whole: what happens between the settings and the first
//! connection. Accepting and ending connections is `host`'s.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::catalog::Catalog;
use crate::host::{Host, Listener};
use crate::offer::{Offer, Reloader};
use crate::shelf::Shelf;
use crate::stats::Stats;
use crate::tls::{self, Identity};
use crate::{Config, Error, publish, scan};

/// A server that listens. Clients can connect since [`Server::bind`] returned;
/// they are answered while [`Server::run`] runs.
pub struct Server {
    plain: Vec<Listener>,
    tls: Vec<Listener>,
    plain_addrs: Vec<SocketAddr>,
    tls_addrs: Vec<SocketAddr>,
    nzbs: Vec<PathBuf>,
    host: Host,
    config: Arc<Config>,
}

impl Server {
    /// Finds the files, listens, and writes the certificate and the NZBs: when
    /// it returns, everything a client needs is there.
    ///
    /// # Errors
    /// [`Error::Config`] for settings that cannot work; [`Error::Read`],
    /// [`Error::Write`] and [`Error::Listen`] for what the system refuses.
    pub async fn bind(config: Config) -> Result<Server, Error> {
        config.check()?;
        let config = Arc::new(config);
        let own = Arc::clone(&config);
        let (catalog, identity) = blocking(move || prepare(&own)).await?;
        let (plain, plain_addrs) = listen(&config.listen, None).await?;
        let (tls, tls_addrs) = listen(&config.listen_tls, identity.as_ref()).await?;
        let offer = Offer::new(
            Shelf::new(catalog, config.cache_bytes, config.kernel),
            &config,
        );
        let (shelf, own) = (Arc::clone(&offer.shelf), Arc::clone(&config));
        let host = Host::new(offer, &config);
        // After the ports are ours: a second server started by mistake must
        // not replace the certificate of the one that runs.
        let nzbs = blocking(move || write(&shelf, &own, identity)).await?;
        Ok(Server {
            plain,
            tls,
            plain_addrs,
            tls_addrs,
            nzbs,
            host,
            config,
        })
    }

    /// Addresses listened on without TLS, with their actual ports, in the
    /// order of [`Config::listen`].
    #[must_use]
    pub fn plain_addrs(&self) -> &[SocketAddr] {
        &self.plain_addrs
    }

    /// Addresses listened on with TLS, in the order of [`Config::listen_tls`].
    #[must_use]
    pub fn tls_addrs(&self) -> &[SocketAddr] {
        &self.tls_addrs
    }

    /// The NZBs that were written.
    #[must_use]
    pub fn nzbs(&self) -> &[PathBuf] {
        &self.nzbs
    }

    /// How many files are served.
    #[must_use]
    pub fn files(&self) -> usize {
        self.host.offer.borrow().shelf.catalog.files.len()
    }

    /// How many articles the files make.
    #[must_use]
    pub fn articles(&self) -> u64 {
        self.host.offer.borrow().shelf.catalog.articles
    }

    /// What looks at the files anew while [`Server::run`] runs.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        Reloader {
            offer: self.host.offer.clone(),
            config: Arc::clone(&self.config),
        }
    }

    /// Serves until `stop` is ready; then sessions that wait are told `400`,
    /// others get a second to end their reply.
    ///
    /// # Errors
    /// [`Error::Accept`] if connections cannot be accepted any more.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Stats, Error> {
        let Server {
            mut plain,
            tls,
            host,
            ..
        } = self;
        plain.extend(tls);
        host.run(plain, stop).await.map_err(Error::Accept)
    }
}

/// What is made before listening.
fn prepare(config: &Config) -> Result<(Catalog, Option<Identity>), Error> {
    let catalog = scan::scan(config)?;
    let identity = match &config.listen_tls[..] {
        [] => None,
        addresses => Some(tls::identity(addresses)?),
    };
    Ok((catalog, identity))
}

/// What is written once listening.
fn write(
    shelf: &Shelf,
    config: &Config,
    identity: Option<Identity>,
) -> Result<Vec<PathBuf>, Error> {
    if let (Some(identity), Some(path)) = (identity, &config.ca_out) {
        publish::certificate(&identity.ca, path)?;
    }
    match &config.nzb_out {
        Some(dir) => publish::nzbs(&shelf.catalog, dir),
        None => Ok(Vec::new()),
    }
}

async fn listen(
    addresses: &[SocketAddr],
    identity: Option<&Identity>,
) -> Result<(Vec<Listener>, Vec<SocketAddr>), Error> {
    let (mut listeners, mut bound) = (Vec::new(), Vec::new());
    for &addr in addresses {
        let failed = |source| Error::Listen { addr, source };
        let socket = TcpListener::bind(addr).await.map_err(failed)?;
        bound.push(socket.local_addr().map_err(failed)?);
        let tls = identity.map(|identity| TlsAcceptor::from(Arc::clone(&identity.config)));
        listeners.push(Listener { socket, tls });
    }
    Ok((listeners, bound))
}

/// Work that touches files, at the start and for a [`Reloader`].
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let task = tokio::task::spawn_blocking(work);
    task.await
        .unwrap_or(Err(Error::Internal("a start-up task panicked")))
}
