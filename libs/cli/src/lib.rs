//! The command lines of all programs.
//!
//! One module a program: what was typed (`Args`), what is meant (the stage's
//! config), what a person reads and which code the process ends with. This crate
//! alone knows clap, the terminal and the environment; the work is `pipeline`'s.

mod accounts;
mod advice;
mod check;
mod docs;
mod duration;
mod engine;
mod exec;
mod exit;
mod fetching;
mod globs;
mod kernel;
mod message;
mod metrics;
mod netrc;
pub mod nntp_fetch;
pub mod nntp_serve;
pub mod nzb_split;
pub mod nzbpipe;
mod password;
mod progress;
mod proxy;
mod quota;
mod reload;
mod report;
pub mod seg_cat;
pub mod seg_write;
mod servers;
mod signals;
mod size;
mod slots;
mod streams;
mod summary;
mod threads;
mod trace;
mod ui;
pub mod yenc_decode;

pub use docs::{Page, Section, catalogue};
