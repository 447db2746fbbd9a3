//! Passwords, and where they come from.

use std::fmt;
use std::path::PathBuf;

/// A password. It cannot be printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The password itself, for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where the password of an [`Entry`](super::Entry) comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// The entry does not say.
    None,
    /// It stands in the server file.
    Inline(Secret),
    /// The first line of this file.
    File(PathBuf),
    /// This environment variable.
    Env(String),
    /// The first line that this program, with its arguments, prints. Never
    /// empty.
    Command(Vec<String>),
    /// The credential of this name that systemd passed to the service.
    Credential(String),
    /// A netrc file: this one, or the person's own. The user name may come from
    /// there as well.
    Netrc(Option<PathBuf>),
}
