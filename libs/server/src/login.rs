//! Who may read: `AUTHINFO USER` and `PASS` (RFC 4643, section 2.3) for one
//! pair of user and password.

use std::sync::Arc;

/// State of a session's login.
pub(crate) struct Login {
    credentials: Option<Arc<(String, String)>>,
    progress: Progress,
}

enum Progress {
    Nobody,
    /// A user was named, rightly or not.
    Named {
        right: bool,
    },
    Done,
}

/// The replies of RFC 4643.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    PasswordRequired,
    Denied,
    OutOfSequence,
    /// There is no login here, or it is done already.
    Unavailable,
}

impl Verdict {
    pub(crate) fn line(self) -> &'static str {
        match self {
            Verdict::Accepted => "281 authentication accepted",
            Verdict::PasswordRequired => "381 password required",
            Verdict::Denied => "481 authentication failed",
            Verdict::OutOfSequence => "482 authentication commands out of sequence",
            Verdict::Unavailable => "502 authentication is not available now",
        }
    }
}

impl Login {
    /// Without credentials everybody may read.
    pub(crate) fn new(credentials: Option<Arc<(String, String)>>) -> Login {
        Login {
            credentials,
            progress: Progress::Nobody,
        }
    }

    /// Whether articles are refused until a login.
    pub(crate) fn is_pending(&self) -> bool {
        self.credentials.is_some() && !matches!(self.progress, Progress::Done)
    }

    /// `AUTHINFO USER`. A wrong name is not told from a right one.
    pub(crate) fn user(&mut self, name: &str) -> Verdict {
        match &self.credentials {
            Some(right) if self.is_pending() => {
                let right = is_equal(name, &right.0);
                self.progress = Progress::Named { right };
                Verdict::PasswordRequired
            }
            _ => Verdict::Unavailable,
        }
    }

    /// `AUTHINFO PASS`. After a failure the exchange starts again.
    pub(crate) fn pass(&mut self, password: &str) -> Verdict {
        let Some(credentials) = &self.credentials else {
            return Verdict::Unavailable;
        };
        match self.progress {
            Progress::Done => Verdict::Unavailable,
            Progress::Nobody => Verdict::OutOfSequence,
            Progress::Named { right } => {
                let granted = is_equal(password, &credentials.1) & right;
                self.progress = if granted {
                    Progress::Done
                } else {
                    Progress::Nobody
                };
                if granted {
                    Verdict::Accepted
                } else {
                    Verdict::Denied
                }
            }
        }
    }
}

/// Takes as long for any text of the same length, so that time tells nothing
/// about the right one.
fn is_equal(given: &str, right: &str) -> bool {
    let (given, right) = (given.as_bytes(), right.as_bytes());
    let at = |bytes: &[u8], index: usize| bytes.get(index).copied().unwrap_or_default();
    let differing = (0..given.len()).fold(0, |bits, index| {
        bits | (at(given, index) ^ at(right, index))
    });
    differing == 0 && given.len() == right.len()
}

#[cfg(test)]
mod tests {
    use super::Verdict::*;
    use super::*;

    fn login() -> Login {
        Login::new(Some(Arc::new(("anna".into(), "geheim".into()))))
    }

    #[test]
    fn follows_the_sequence_of_the_rfc() {
        let mut login = login();
        assert_eq!(login.pass("geheim"), OutOfSequence);
        assert_eq!(login.user("anna"), PasswordRequired);
        assert_eq!(login.pass("falsch"), Denied);
        assert_eq!(login.pass("geheim"), OutOfSequence);
        assert!(login.is_pending());
        assert_eq!(login.user("anna"), PasswordRequired);
        assert_eq!(login.pass("geheim"), Accepted);
        assert!(!login.is_pending());
        assert_eq!(login.user("anna"), Unavailable);
        assert_eq!(login.pass("geheim"), Unavailable);
    }

    #[test]
    fn compares_whole_texts() {
        for (user, password) in [
            ("ann", "geheim"),
            ("annaa", "geheim"),
            ("anna", "geheimnis"),
            ("anna", ""),
            ("", ""),
        ] {
            let mut login = login();
            login.user(user);
            assert_eq!(login.pass(password), Denied, "{user} {password}");
        }
    }

    #[test]
    fn without_credentials_there_is_nothing_to_do() {
        let mut login = Login::new(None);
        assert!(!login.is_pending());
        assert_eq!(login.user("anna"), Unavailable);
        assert_eq!(login.pass("geheim"), Unavailable);
    }
}
