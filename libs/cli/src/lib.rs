//! The command lines of all programs.
//!
//! One module a program: what was typed (`Args`), what is meant (the stage's
//! config), what a person reads and which code the process ends with. This crate
//! alone knows clap, the terminal and the environment; the work is `pipeline`'s.

mod docs;
mod duration;
mod exit;
mod globs;
mod message;
pub mod nntp_fetch;
pub mod nntp_serve;
pub mod nzb_split;
pub mod nzbpipe;
mod password;
pub mod seg_write;
mod serve_signals;
mod servers;
mod signals;
mod streams;
mod summary;
mod ui;
pub mod yenc_decode;

pub use docs::{Page, catalogue};
