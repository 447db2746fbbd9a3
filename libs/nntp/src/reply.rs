//! What an answer, or the end of a connection, says of the request it belongs
//! to. Pure.

use crate::classify::{Meaning, meaning};
use crate::config::Secret;
use crate::response::Status;
use crate::route::{Answer, Cause};
use crate::{Class, MessageId};

/// An answer, without its line.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A block follows.
    Body {
        /// The answer names the article that was asked for.
        named: bool,
    },
    /// It is not there.
    Missing {
        cause: Cause,
        /// As for a body.
        named: bool,
    },
    /// The question between requests is answered: none was left out before.
    Fence,
}

/// Why a session ended.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The connection failed. Whether the request at the head was being
    /// answered then: it may be the reason.
    Broken { cause: Cause, answering: bool },
    /// Another article than the one asked for came.
    Strange,
    /// It is much slower than others of its server.
    Slow,
    /// The reader of outcomes has no room, and the session cannot keep more.
    Unheard,
    /// Its server is to be reached in another way now, or it had nothing to do
    /// for long.
    Unwanted,
    /// The body being read is larger than a body may be.
    TooLarge,
    /// The server wants this session no more, for reasons of its own.
    Refused(Cause),
    /// The server, which has served this session, refuses the request at the
    /// head.
    Denied(Cause),
}

/// What is known when a status line comes.
pub(crate) struct Waiting<'a> {
    /// The oldest request in flight.
    pub(crate) head: Head<'a>,
    /// The code that a block of the wanted kind comes with: 222, or 220 for a
    /// whole article.
    pub(crate) block: u16,
    /// The server has asked for a login at `head` before.
    pub(crate) locked: bool,
    /// The session has answered before.
    pub(crate) proven: bool,
    /// Not to be shown.
    pub(crate) password: Option<&'a Secret>,
}

/// What the next answer is to.
#[derive(Clone, Copy)]
pub(crate) enum Head<'a> {
    /// Nothing was asked.
    None,
    /// An article.
    Article(&'a MessageId),
    /// The question that separates requests (DATE, RFC 3977 §7.1).
    Fence,
}

/// What `status` means for the request at the head.
pub(crate) fn understand(status: &Status<'_>, waiting: &Waiting<'_>) -> Result<Heard, Lost> {
    let proven = waiting.proven;
    let head = match waiting.head {
        Head::None => None,
        Head::Article(id) => Some(id),
        Head::Fence => return fence(status, waiting),
    };
    let meaning = match meaning(status) {
        // What is a block for one question is out of place for another.
        Meaning::Body if status.code != waiting.block => Meaning::Broken,
        meaning => meaning,
    };
    let said = |class| Cause::said(class, status.code, status.shown_without(waiting.password));
    let broken = |answering| Lost::Broken {
        cause: said(Class::Transport),
        answering,
    };
    let named = status.message_id().is_some();
    match meaning {
        // One connection too many may be told at any time.
        Meaning::Capacity => Err(Lost::Refused(said(Class::Capacity))),
        _ if head.is_none() => Err(broken(false)),
        // RFC 3977 §6.2.3: 222 and 430 may name the article. Another one means
        // that the answers are shifted, or that the server lies.
        Meaning::Body | Meaning::Missing if names_another(status, head) => Err(Lost::Strange),
        Meaning::Body => Ok(Heard::Body { named }),
        Meaning::Missing => Ok(Heard::Missing {
            cause: said(Class::Missing),
            named,
        }),
        // The answer to the next fence: the one to this request was left out.
        Meaning::Broken if status.code == 111 => Err(Lost::Strange),
        // The account was good for the answers before: this is about the
        // article. A used-up account is seen on the next connection.
        Meaning::Refused if proven => Err(Lost::Denied(said(Class::Login))),
        Meaning::Refused => Err(Lost::Refused(said(Class::Login))),
        // A login may expire: a new connection logs in anew. If this article meets
        // the same there, that is about the article, else about the login.
        Meaning::NeedLogin if waiting.locked => Err(Lost::Denied(said(Class::Login))),
        Meaning::NeedLogin if proven => Err(broken(true)),
        Meaning::NeedLogin => Err(Lost::Refused(said(Class::Login))),
        // 400 is a server closing down or tired of waiting, not an answer.
        Meaning::Broken => Err(broken(status.code != 400)),
    }
}

/// What `status` means as the answer to a fence. Whatever is no answer about an
/// article will do: some servers do not know the command.
fn fence(status: &Status<'_>, waiting: &Waiting<'_>) -> Result<Heard, Lost> {
    let said = |class| Cause::said(class, status.code, status.shown_without(waiting.password));
    match meaning(status) {
        Meaning::Body | Meaning::Missing if status.code != 501 => Err(Lost::Strange),
        Meaning::Capacity => Err(Lost::Refused(said(Class::Capacity))),
        _ if status.code == 400 => Err(Lost::Broken {
            cause: said(Class::Transport),
            answering: false,
        }),
        _ => Ok(Heard::Fence),
    }
}

fn names_another(status: &Status<'_>, head: Option<&MessageId>) -> bool {
    let named = status.message_id();
    named.is_some_and(|id| head.is_some_and(|head| id != head.as_str().as_bytes()))
}

/// What a lost connection says of the request at its head, and of the server.
/// `proven`: it had answered before. One that never did is charged in any case,
/// so that a server that only ever hangs up comes to an end.
pub(crate) fn verdict(lost: Lost, proven: bool) -> (Option<Answer>, Cause) {
    match lost {
        Lost::Broken { cause, answering } => {
            let charge = answering || !proven;
            (charge.then(|| Answer::Transport(cause.clone())), cause)
        }
        Lost::Strange => {
            let cause = Cause::new(Class::Transport, "an article that was not asked for");
            (Some(Answer::Strange), cause)
        }
        Lost::TooLarge => {
            let cause = Cause::new(Class::Transport, "an article without end");
            (Some(Answer::TooLarge), cause)
        }
        Lost::Slow => {
            let cause = Cause::new(Class::Transport, "slower than the server's others");
            (None, cause)
        }
        Lost::Unheard => (
            None,
            Cause::new(Class::Transport, "nobody takes what comes"),
        ),
        Lost::Unwanted => (None, Cause::new(Class::Transport, "not wanted any more")),
        Lost::Refused(cause) => (None, cause),
        Lost::Denied(cause) => {
            let lost = Cause {
                class: Class::Transport,
                ..cause.clone()
            };
            (Some(Answer::Refused(cause)), lost)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::status;

    /// What `line` does to a connection that waits for `a@b`.
    fn said(line: &str, waiting: bool, proven: bool) -> String {
        let line = format!("{line}\r\n");
        let (status, _) = status(line.as_bytes()).unwrap().unwrap();
        let head = MessageId::new("a@b").unwrap();
        let waiting = Waiting {
            head: match waiting {
                true => Head::Article(&head),
                false => Head::None,
            },
            block: 222,
            locked: false,
            proven,
            password: None,
        };
        match understand(&status, &waiting) {
            Ok(Heard::Body { .. }) => "body".to_owned(),
            Ok(Heard::Missing { .. }) => "missing".to_owned(),
            Ok(Heard::Fence) => "fence".to_owned(),
            Err(lost) => {
                let (charge, cause) = verdict(lost, proven);
                let charge = charge.map_or("uncharged", |answer| match answer {
                    Answer::Strange => "strange",
                    Answer::Refused(_) => "denied",
                    _ => "charged",
                });
                format!("{:?} {charge}", cause.class)
            }
        }
    }

    #[test]
    fn who_is_charged() {
        let table = [
            ("222 0 <a@b> body", true, "body"),
            ("222 0", true, "body"),
            ("222 0 <A@b>", true, "Transport strange"),
            ("430 no", true, "missing"),
            ("430 <a@b>", true, "missing"),
            ("430 <c@d>", true, "Transport strange"),
            ("400 idle", true, "Transport uncharged"),
            ("400 too many connections", true, "Capacity uncharged"),
            ("503 fault", true, "Transport charged"),
            ("221 0 <a@b>", true, "Transport charged"),
            ("480 log in", true, "Transport charged"),
            ("501 what an id", true, "missing"),
            ("481 bad", true, "Transport denied"),
            ("502 byte limit", true, "Transport denied"),
            ("222 0 <a@b>", false, "Transport uncharged"),
            ("430 no", false, "Transport uncharged"),
            ("400 too many connections", false, "Capacity uncharged"),
            ("502 bye", false, "Transport uncharged"),
        ];
        for (line, waiting, expected) in table {
            assert_eq!(said(line, waiting, true), expected, "{line}");
        }
        // A session that never answered charges in any case.
        assert_eq!(said("400 idle", true, false), "Transport charged");
        assert_eq!(said("480 log in", true, false), "Login uncharged");
        assert_eq!(said("502 byte limit", true, false), "Login uncharged");
    }
}
