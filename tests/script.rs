//! What a scripted news server is to do, said before it starts.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::corpus::Post;

/// How one request for an article is answered.
#[derive(Clone)]
pub enum Act {
    /// This status line and nothing more.
    Reply(String),
    /// The first bytes of the body, then the connection closes.
    Cut(usize),
    /// The body with one bit changed.
    Flip,
    /// This body instead of the article's own.
    Instead(Vec<u8>),
    /// `222` names this message-id; the body is the article's own.
    Named(String),
    /// Half the body, then silence for as long as the client bears it.
    Stall,
    /// Nothing until [`Server::release`], then the article.
    Hold,
}

impl Act {
    /// The server does not have the article.
    pub fn missing() -> Act {
        Act::Reply("430 no such article".to_owned())
    }
}

/// What the server does about a login.
pub enum Login {
    /// None is needed.
    Open,
    /// This name and password, else 481.
    Needed(String, String),
    /// Whatever the client says, this line answers its password.
    Refused(String),
}

/// When one session too many is told so. Sessions count from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In place of the greeting.
    Greeting,
    /// In place of the answer to the password.
    Login,
    /// In place of the first article.
    Body,
}

/// The behaviour of a server, built up before it starts.
pub struct Script {
    pub greeting: String,
    pub login: Login,
    pub articles: HashMap<String, Vec<u8>>,
    pub once: HashMap<String, VecDeque<Act>>,
    pub always: HashMap<String, Act>,
    pub bodies_a_connection: usize,
    pub sessions: usize,
    pub full: (When, String),
    pub pace: Duration,
    pub connections: usize,
}

impl Script {
    /// Serves all articles of `posts` and answers 430 for others.
    pub fn of(posts: &[&Post]) -> Script {
        let numbered = posts
            .iter()
            .flat_map(|p| (1..=p.parts()).map(move |n| (p, n)));
        Script {
            greeting: "200 scripted server ready".to_owned(),
            login: Login::Open,
            articles: numbered
                .map(|(post, n)| (post.id(n), post.article(n).body()))
                .collect(),
            once: HashMap::new(),
            always: HashMap::new(),
            bodies_a_connection: usize::MAX,
            sessions: usize::MAX,
            full: (When::Greeting, "502 too many connections".to_owned()),
            pace: Duration::ZERO,
            connections: usize::MAX,
        }
    }

    /// Serves one more article, or another body for one that is there.
    pub fn article(mut self, id: &str, body: Vec<u8>) -> Script {
        self.articles.insert(id.to_owned(), body);
        self
    }

    /// The next request for `id` is answered so; further calls queue up.
    pub fn once(mut self, id: &str, act: Act) -> Script {
        self.once.entry(id.to_owned()).or_default().push_back(act);
        self
    }

    /// Every request for `id` is answered so.
    pub fn always(mut self, id: &str, act: Act) -> Script {
        self.always.insert(id.to_owned(), act);
        self
    }

    /// The first line a client gets; one that is not 200 ends the session.
    pub fn greeting(mut self, line: &str) -> Script {
        self.greeting = line.to_owned();
        self
    }

    /// Nothing is served without this login.
    pub fn login(mut self, user: &str, password: &str) -> Script {
        self.login = Login::Needed(user.to_owned(), password.to_owned());
        self
    }

    /// Every login is answered with `line`.
    pub fn refusing(mut self, line: &str) -> Script {
        self.login = Login::Refused(line.to_owned());
        self
    }

    /// A connection closes after `n` bodies.
    pub fn bodies_a_connection(mut self, n: usize) -> Script {
        self.bodies_a_connection = n;
        self
    }

    /// After `n` connections in all it greets nobody any more.
    pub fn connections(mut self, n: usize) -> Script {
        self.connections = n;
        self
    }

    /// More than `n` sessions at once are turned away, until [`Server::allow`] says
    /// another number.
    pub fn sessions(mut self, n: usize) -> Script {
        self.sessions = n;
        self
    }

    /// When one session too many is turned away, and with which line.
    pub fn full(mut self, when: When, line: &str) -> Script {
        self.full = (when, line.to_owned());
        self
    }

    /// Each article takes this long.
    pub fn pace(mut self, pace: Duration) -> Script {
        self.pace = pace;
        self
    }
}
