//! The embedded news server: offers local files as yEnc articles and writes
//! the NZBs that name them.
//!
//! It is the server of a fresh machine, of the demonstration and of the tests,
//! so it stands on the other side of the wire from the crate `nntp` and shares
//! nothing of the protocol with it, only the queue of readers that never park and
//! the rate limit. Every file below [`Config::files`] is cut into articles of
//! [`Config::article_size`] bytes. An article is not stored: its message-id
//! (`<part>.<digest of the file>@<domain>`) says which file and which part it
//! is, and its body is encoded when it is asked for. The digest covers the
//! path, the size and the time of the last change, so the ids and the NZBs are
//! the same after a restart, and an id never names two different contents: a
//! file that changes while the server runs is answered with `430` or `423`, a
//! tenth of a second later at most; [`Reloader`] offers it anew.
//!
//! Spoken is the reading half of RFC 3977 (what the capability `READER`
//! promises) with `AUTHINFO USER/PASS` of RFC 4643, over TCP and implicit TLS.
//! Commands may be pipelined; replies come in order.
//!
//! What it leaves to others: yEnc itself (`nzbpipe_yenc`), the syntax of an
//! NZB (`nzbpipe_nzb`), flags, signals, passwords and messages (`cli`).
//!
//! Bounds: sessions ([`Config::max_connections`]), commands waiting in a
//! session (16,384: who is further ahead of the replies is dropped), articles encoded at a time, bytes of encoded articles kept
//! ([`Config::cache_bytes`]), open files, and silence ([`Config::idle_timeout`]).
//!
//! ```no_run
//! # async fn serve() -> Result<(), nzbpipe_server::Error> {
//! use nzbpipe_server::{Config, Server};
//!
//! let mut config = Config::new("files");
//! config.nzb_out = Some("nzbs".into());
//! config.listen.push(([127, 0, 0, 1], 0).into());
//! let server = Server::bind(config).await?;
//! let address = server.plain_addrs()[0];
//! # let _ = address;
//! let stats = server.run(std::future::pending()).await?;
//! # let _ = stats;
//! # Ok(())
//! # }
//! ```

mod article;
mod catalog;
mod command;
mod config;
mod date;
mod disk;
mod error;
mod host;
mod lines;
mod login;
mod lru;
mod offer;
mod publish;
mod recycle;
mod reply;
mod scan;
mod seat;
mod serve;
mod session;
mod shelf;
mod slow;
mod stats;
mod talk;
mod tls;
mod wildmat;
mod wire;

pub use config::Config;
pub use error::Error;
pub use offer::{Reloaded, Reloader};
pub use seat::Stage;
pub use serve::Server;
pub use stats::Stats;
