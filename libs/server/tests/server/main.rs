//! The server from outside, over real sockets.
#![expect(clippy::disallowed_methods, reason = "a blocking client")]
#![expect(clippy::unwrap_used, reason = "clippy knows #[test] functions only")]

mod bounds;
mod client;
mod protocol;
mod serving;
mod tls;

use std::fs;

use tempfile::{TempDir, tempdir};

/// One file of 2500 bytes, three articles.
fn three_articles() -> (TempDir, Vec<u8>) {
    let dir = tempdir().unwrap();
    let content = client::bytes(2500, 1);
    fs::write(dir.path().join("a.bin"), &content).unwrap();
    (dir, content)
}
