//! A client for news servers: fetches article bodies by message-id from
//! several servers at once (RFC 3977, RFC 4643, RFC 8143).
//!
//! [`Client::run`] takes [`Request`]s from a channel, keeps the connections of
//! all servers full, and sends exactly one [`Outcome`] for each. The bytes of a
//! body go to a [`BodySink`] as they arrive, so that they can be decoded while
//! they are in cache. Which server is asked, when, and what its answers mean is
//! decided here; what a body means is left to the sink, what an outcome means
//! to the caller. Files, passwords and the environment are the caller's, too:
//! [`config`] only parses text.
//!
//! The parts that know the protocol ([`response`], [`multiline`], [`command`])
//! do no I/O.

pub mod backlog;
pub mod command;
pub mod config;
pub mod multiline;
pub mod response;

mod check;
mod classify;
mod client;
mod depth;
mod dial;
mod error;
mod gate;
mod health;
mod keep;
mod ledger;
mod meter;
mod notice;
mod patience;
mod pool;
mod queue;
mod rate;
mod reply;
mod request;
mod route;
mod session;
mod share;
mod sink;
mod site;
mod slot;
mod stats;
mod tls;
mod trace;
mod turns;
mod wire;
mod work;

pub use backlog::Backlog;
pub use check::{Check, Problem, TlsDetails, TlsTrouble, check};
pub use client::{Client, Options, ServerSummary, Summary};
pub use command::{BadMessageId, MessageId};
pub use dial::seen::Phase;
pub use error::Error;
pub use ledger::{Quota, Slots};
pub use notice::{Notice, NoticeKind};
pub use rate::Rate;
pub use request::{Class, Nth, Outcome, Request, Tried};
pub use sink::{BodySink, Fed, FedState, Sinks, Verdict};
pub use stats::{ServerStats, Stats};
pub use trace::{Line, Trace};
pub use turns::Turns;
