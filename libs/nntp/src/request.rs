//! What the client is asked for and what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use crate::MessageId;

/// An article to fetch.
#[derive(Debug)]
pub struct Request<T> {
    /// Its message-id.
    pub id: MessageId,
    /// Other articles with the same content, tried in this order once the
    /// first cannot be had.
    pub alternates: Vec<MessageId>,
    /// Names of servers whose copy of the first the caller has refused: it is not
    /// asked of them again, nor of those with the same articles. Names of no
    /// server mean nothing.
    pub avoid: Vec<Arc<str>>,
    /// Its size on the wire, if known: a hint for the sink.
    pub bytes: Option<u64>,
    /// Which of its file's segments it is, for the sink.
    pub nth: Nth,
    /// When it was posted, in seconds since 1970, if known.
    pub date: Option<i64>,
    /// Comes back with the outcome.
    pub ticket: T,
}

/// Which of its file's segments one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nth {
    /// Its number, from 1.
    pub number: u64,
    /// How many there are; 0 if that is not known.
    pub of: u64,
}

/// The one thing that becomes of a request.
#[derive(Debug)]
pub enum Outcome<T, B> {
    /// It is here.
    Body {
        /// The request's.
        ticket: T,
        /// What its sink made of it.
        body: B,
        /// Why it is damaged; then no server had a better copy.
        damage: Option<String>,
        /// Who sent it.
        server: Arc<str>,
        /// How often it was asked for, over all servers.
        tries: u32,
        /// From command to last byte.
        elapsed: Duration,
    },
    /// Every server that could be asked says that it does not have it.
    Missing {
        /// The request's.
        ticket: T,
        /// What each server said.
        tried: Vec<Tried>,
    },
    /// It could not be had for another reason.
    Failed {
        /// The request's.
        ticket: T,
        /// The gravest class met.
        class: Class,
        /// Why, for people.
        reason: String,
        /// The response code behind it, if there is one.
        code: Option<u16>,
        /// What became of it at each server.
        tried: Vec<Tried>,
        /// Whether asking again later may help.
        retryable: bool,
    },
}

/// What became of a request at one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The server's name.
    pub server: Arc<str>,
    /// The class of its answer or failure.
    pub class: Class,
    /// The response code, if there was a response.
    pub code: Option<u16>,
    /// What the server said, without control characters, or what went wrong.
    pub text: Option<String>,
    /// How often it was asked; 0 when it could not be.
    pub tries: u32,
}

/// Classes of failure. They never mix: a lost connection does not make an
/// article missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The server does not have the article.
    Missing,
    /// The connection failed, or what came over it was no NNTP.
    Transport,
    /// The account's connections are all in use.
    Capacity,
    /// Login or certificate refused.
    Login,
    /// The article came, but is not what it should be.
    Damaged,
    /// There was never a usable session.
    Unreachable,
    /// The time for the run was over.
    Interrupted,
}
