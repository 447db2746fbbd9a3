//! Tests over the real programs.
//!
//! Every download runs twice, as the pipe of four programs and as `nzbpipe`, and both
//! must agree (`harness::both`). Servers are scripted (`server`), files and NZBs are
//! made from seeds (`corpus`). Units are tested beside their code; a news server that
//! nobody here wrote is a peer in `tests/inn/`.

// Configuration allows these in functions marked as tests only; here all is test.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod corpus;
mod harness;
mod hole;
mod records;
mod run;
mod script;
mod sealed;
mod server;
mod session;

mod account;
mod alone;
mod bad;
mod cat;
mod check;
mod checking;
mod choices;
mod crash;
mod cron;
mod crowded;
mod cuts;
mod docs;
mod download;
mod embedded;
mod exec;
mod exposition;
mod faults;
mod feedback;
mod handmade;
mod hostile;
mod inputs;
mod kernels;
mod login;
mod look;
mod manners;
mod names;
mod obstacles;
mod par2;
mod passwords;
mod proxies;
mod quota;
mod raw;
mod regression;
mod rejected;
mod reports;
mod resume;
mod serve;
mod signals;
mod socks;
mod streams;
mod syscalls;
mod tampered;
mod threads;
mod tuning;
mod uu;
mod write;
