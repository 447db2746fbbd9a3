//! What an answer means. The code decides; text only splits the codes that
//! servers use for several things, although RFC 3977 §3.2 asks clients not to
//! read it: "482" is sent for a wrong password, for a used-up account and for
//! one connection too many alike.

use crate::response::Status;

/// What an answer to BODY, to AUTHINFO, or a greeting means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A block follows.
    Body,
    /// It does not have the article; the connection is fine.
    Missing,
    /// All connections of the account are in use.
    Capacity,
    /// It refuses this account, or the login, for good.
    Refused,
    /// It wants a login (again).
    NeedLogin,
    /// Anything else: the connection is not to be trusted any more.
    Broken,
}

/// What `status` means.
pub(crate) fn meaning(status: &Status<'_>) -> Meaning {
    match status.code {
        220 | 222 => Meaning::Body,
        // 451: taken down. 411 and 412 speak of groups, which are never asked
        // for here, but servers send them for articles that are gone. 501: they
        // do not like this id; they answered it, and another id may be fine.
        411 | 412 | 420 | 423 | 430 | 451 | 501 => Meaning::Missing,
        400 | 481 | 482 | 502 if crowded(&status.words()) => Meaning::Capacity,
        481 | 482 | 483 | 502 => Meaning::Refused,
        480 => Meaning::NeedLogin,
        _ => Meaning::Broken,
    }
}

/// Whether `text` says that there are too many connections.
fn crowded(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    if has(&[
        "connections",
        "connects",
        "ips",
        "simultaneous",
        "concurrent",
        "simultaneously",
    ]) {
        return true;
    }
    // "400 Timeout - closing connection" is not meant, "connection limit" is.
    let bound = has(&[
        "limit", "limits", "limited", "max", "maximum", "multiple", "many",
    ]) || text.contains("exceed");
    if bound
        && has(&[
            "connection",
            "ip",
            "session",
            "sessions",
            "thread",
            "threads",
        ])
    {
        return true;
    }
    // "Too many failed logins" is about the password.
    text.contains("too many")
        && !text.contains("fail")
        && !has(&["attempts", "errors", "login", "logins"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::status;

    #[test]
    fn answers_seen_in_use() {
        use Meaning::*;
        let table = [
            ("222 0 <a@b> body", Body),
            ("430 No such article", Missing),
            ("423 No such article number 49", Missing),
            ("420 Current article number 0 is invalid", Missing),
            ("451 0 <a@b> cancelled", Missing),
            ("501 bad message-id", Missing),
            ("502 Authentication rejected/Too many connections", Capacity),
            ("502 connection limit (100) reached", Capacity),
            ("502 Your per-user connection limit reached", Capacity),
            ("482 Too many connections for your user.", Capacity),
            ("502 Connections limit temporarily exceeded", Capacity),
            ("400 You are limited to 20 connections", Capacity),
            (
                "400 Connection rejected, you're making too many connects per minute",
                Capacity,
            ),
            ("481 max simultaneous ip addresses reached", Capacity),
            ("502 multiple IP addresses", Capacity),
            ("481 max connections per user exceeded", Capacity),
            ("502 Too many", Capacity),
            ("482 Download limit exceeded", Refused),
            ("502 byte limit exceeded", Refused),
            ("481 Authentication failed", Refused),
            ("481 Too many failed logins", Refused),
            (
                "482 Authentication commands issued out of sequence",
                Refused,
            ),
            ("483 Encryption required", Refused),
            ("502 You have no permission to talk.  Goodbye!", Refused),
            ("502 account expired", Refused),
            ("480 Authentication required for command", NeedLogin),
            ("400 Timeout - closing connection", Broken),
            ("400 idle for too long", Broken),
            ("400 load at 3.20, try later", Broken),
            ("400 no space", Broken),
            ("403 internal fault", Broken),
            ("500 What?", Broken),
            ("503 program fault", Broken),
            ("221 0 <a@b> head", Broken),
            ("223 0 <a@b>", Broken),
            ("200 welcome", Broken),
            ("205 bye", Broken),
        ];
        for (line, expected) in table {
            let line = format!("{line}\r\n");
            let (status, _) = status(line.as_bytes()).unwrap().unwrap();
            assert_eq!(meaning(&status), expected, "{line}");
        }
    }
}
