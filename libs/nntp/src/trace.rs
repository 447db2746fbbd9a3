//! The conversation with servers, line by line, for people who look for what is
//! wrong. Passwords are blanked here and never reach whoever listens.

use std::sync::Arc;

/// Told each command and each status line. Must not block for long.
pub type Trace = Arc<dyn Fn(Line<'_>) + Send + Sync>;

/// A line of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The server's name.
    pub server: &'a str,
    /// Which connection of the run.
    pub connection: u64,
    /// Whether it was sent; else it was received.
    pub sent: bool,
    /// The line, without its end and without a password.
    pub text: &'a str,
}
