//! The client against scripted servers: what it makes of everything servers do.
//! Numbers `S…` name the faults of the project's catalogue.

// Tests spawn their servers, and an unwrap that fails is a test that fails.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod catalogue;
mod check;
mod deflate;
mod ends;
mod faults;
mod flow;
mod haste;
mod lies;
mod login;
mod luck;
mod peer;
mod proxy;
mod quiet;
mod rig;
mod routing;
mod sealed;
mod starttls;
mod tls;
mod waits;
