//! The stages as functions, and how they are joined.
//!
//! A stage takes an [`Inlet`] and an [`Outlet`], each a pipe or a channel; it
//! cannot tell which. `nzb-split | nntp-fetch | yenc-decode | seg-write` runs
//! [`split::run`], [`fetch::run`], [`decode::run`] and [`write::run`] in four
//! processes; [`fuse::run`] joins the same functions in one, where the decoder
//! is the connection's own sink and no body is copied between stages.
//!
//! This crate is the only place where `record`, `nzb`, `yenc`, `nntp` and `store`
//! meet. The terminal, the environment and the command line are left to `cli`.

mod article;
pub mod budget;
pub mod cat;
mod code;
pub mod decode;
mod error;
mod feedback;
pub mod fetch;
pub mod fuse;
mod inlet;
mod outlet;
mod part;
mod raw;
mod repair;
pub mod split;
mod stage;
mod stop;
mod tally;
pub mod verdict;
mod watch;
pub mod write;

pub use code::Code;
pub use error::Error;
pub use inlet::Inlet;
pub use outlet::{Outlet, Shortcut, write_bytes};
pub use stage::{Ending, Failure, refuse};
pub use stop::Stop;
pub use tally::Tally;
pub use watch::{Event, Silent, Watch};
