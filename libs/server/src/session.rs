//! What the commands mean: the state of one session and its replies. It knows
//! neither sockets nor time; `talk` sends what it answers.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::article::Article;
use crate::catalog::Catalog;
use crate::command::{self, Command, Listing, Piece, Refusal, Which};
use crate::date;
use crate::lines::Line;
use crate::login::{Login, Verdict};
use crate::offer::Offer;
use crate::reply::Reply;
use crate::seat::{Seat, Stage};
use crate::shelf::{Shelf, Unavailable};
use crate::stats::Counters;
use crate::wildmat;

/// RFC 3977, section 5.1: 201, because nothing can be posted here.
pub(crate) const GREETING: &str = concat!(
    "201 nntp-serve ",
    env!("CARGO_PKG_VERSION"),
    " ready (no posting)"
);

const HELP: [&str; 6] = [
    "ARTICLE BODY HEAD STAT [<message-id>|number]",
    "GROUP LISTGROUP NEXT LAST",
    "LIST [ACTIVE|NEWSGROUPS [wildmat]] NEWGROUPS",
    "AUTHINFO USER|PASS",
    "CAPABILITIES DATE HELP MODE READER",
    "QUIT",
];

/// One client's session.
pub(crate) struct Session {
    pub(crate) counters: Arc<Counters>,
    /// What is on offer now; message-ids are looked up there.
    offer: watch::Receiver<Offer>,
    /// What was on offer when the group was last looked at: its numbers hold until
    /// the client looks again.
    shelf: Arc<Shelf>,
    login: Login,
    seat: Seat,
    /// When the server, and with it the group, came to be.
    started: i64,
    selected: bool,
    current: Option<u64>,
}

impl Session {
    pub(crate) fn new(
        offer: watch::Receiver<Offer>,
        counters: Arc<Counters>,
        seat: Seat,
        started: i64,
    ) -> Session {
        let Offer { shelf, credentials } = offer.borrow().clone();
        let (selected, current) = (false, None);
        Session {
            counters,
            offer,
            shelf,
            login: Login::new(credentials),
            seat,
            started,
            selected,
            current,
        }
    }

    /// The reply to a line; `None` to a blank one.
    pub(crate) async fn answer(&mut self, line: &Line) -> Option<Reply> {
        self.counters.commands.add(1);
        let command = match line {
            Line::Text(text) => command::parse(text),
            Line::TooLong => Err(command::TOO_LONG),
        };
        match command {
            Ok(None) => None,
            Ok(Some(command)) if self.login.is_pending() && needs_login(&command) => {
                Some(Reply::line("480 authentication required"))
            }
            Ok(Some(command)) => match self.sit(&command) {
                Ok(()) => Some(self.perform(command).await),
                Err(refusal) => Some(self.turned_away(refusal)),
            },
            Err(Refusal(reply)) => Some(Reply::line(reply)),
        }
    }

    /// Takes the session's place if the command needs one.
    fn sit(&mut self, command: &Command<'_>) -> Result<(), String> {
        match command {
            Command::Retrieve(..) => self.seat.take(Stage::Body),
            command if needs_login(command) => self.seat.take(Stage::Login),
            _ => Ok(()),
        }
    }

    fn turned_away(&self, refusal: String) -> Reply {
        self.counters.refused.add(1);
        Reply::last(refusal)
    }

    async fn perform(&mut self, command: Command<'_>) -> Reply {
        match command {
            Command::Retrieve(piece, which) => self.retrieve(piece, which).await,
            Command::Group(name) => self.group(name),
            Command::ListGroup(name, range) => self.list_group(name, range),
            Command::Next => self.step(true),
            Command::Last => self.step(false),
            Command::List(listing, wildmat) => self.list(listing, wildmat),
            Command::NewGroups { date, time } => self.new_groups(date, time),
            Command::Capabilities => self.capabilities(),
            Command::ModeReader => Reply::line("201 reader mode (no posting)"),
            Command::Date => Reply::Line(format!("111 {}", date::compact(now()))),
            Command::Help => Reply::Block("100 commands".into(), HELP.map(str::to_owned).to_vec()),
            Command::Post => Reply::line("440 posting is not permitted"),
            Command::User(name) => self.logged(|login| login.user(name)),
            Command::Pass(password) => self.logged(|login| login.pass(password)),
            Command::Quit => Reply::last("205 bye"),
        }
    }

    async fn retrieve(&mut self, piece: Piece, which: Which<'_>) -> Reply {
        let shelf = match which {
            Which::Id(_) => Arc::clone(&self.offer.borrow().shelf),
            Which::Current | Which::Number(_) => Arc::clone(&self.shelf),
        };
        let article = match self.find(&shelf.catalog, which) {
            Ok(article) => article,
            Err(line) => {
                self.counters.missing.add(1);
                return Reply::line(line);
            }
        };
        match fetch(&shelf, piece, which, article).await {
            Ok(reply) => {
                let bodies = matches!(piece, Piece::Article | Piece::Body);
                self.counters.bodies.add(u64::from(bodies));
                if matches!(which, Which::Number(_)) {
                    self.current = Some(article.number());
                }
                reply
            }
            Err(reason) => self.unavailable(which, &reason),
        }
    }

    /// RFC 3977, section 6.2.1: what is said depends on how it was asked for.
    fn find<'a>(
        &self,
        catalog: &'a Catalog,
        which: Which<'_>,
    ) -> Result<Article<'a>, &'static str> {
        match which {
            Which::Id(id) => catalog.by_id(id).ok_or("430 no such article"),
            _ if !self.selected => Err("412 no newsgroup selected"),
            Which::Number(number) => catalog
                .by_number(number)
                .ok_or("423 no such article number"),
            Which::Current => self
                .current
                .and_then(|number| catalog.by_number(number))
                .ok_or("420 current article number is invalid"),
        }
    }

    fn unavailable(&self, which: Which<'_>, reason: &Unavailable) -> Reply {
        let text = match reason {
            Unavailable::Changed => "the file has changed since the server started",
            // RFC 3977, section 3.2.1: 403 is a fault of ours, the session goes on.
            Unavailable::Unreadable(kind) => {
                return Reply::Line(format!("403 the file cannot be read: {kind}"));
            }
            Unavailable::Internal => return Reply::line("403 internal fault"),
        };
        self.counters.missing.add(1);
        let code = match which {
            Which::Id(_) => 430,
            Which::Number(_) => 423,
            Which::Current => 420,
        };
        Reply::Line(format!("{code} {text}"))
    }

    fn group(&mut self, name: &str) -> Reply {
        match self.select(name) {
            Some(line) => Reply::Line(line),
            None => Reply::line("411 no such newsgroup"),
        }
    }

    fn list_group(&mut self, name: Option<&str>, range: RangeInclusive<u64>) -> Reply {
        let own = self.shelf.catalog.group.clone();
        let name = match name {
            Some(name) => name,
            None if self.selected => &own,
            None => return Reply::line("412 no newsgroup selected"),
        };
        match self.select(name) {
            Some(line) => {
                let last = self.shelf.catalog.articles.min(*range.end());
                Reply::Numbers(line, *range.start().max(&1)..=last, Arc::clone(&self.shelf))
            }
            None => Reply::line("411 no such newsgroup"),
        }
    }

    /// Selects the group; the reply counts articles as if none were missing,
    /// which RFC 3977 allows (section 6.1.1.2).
    fn select(&mut self, name: &str) -> Option<String> {
        let newest = Arc::clone(&self.offer.borrow().shelf);
        let Catalog {
            group, articles, ..
        } = &newest.catalog;
        if name != group {
            return None;
        }
        let line = format!("211 {articles} 1 {articles} {group}");
        self.selected = true;
        self.current = (*articles > 0).then_some(1);
        self.shelf = newest;
        Some(line)
    }

    /// `NEXT` and `LAST` (RFC 3977, section 6.1.3 and 6.1.4).
    fn step(&mut self, forward: bool) -> Reply {
        if !self.selected {
            return Reply::line("412 no newsgroup selected");
        }
        let Some(current) = self.current else {
            return Reply::line("420 current article number is invalid");
        };
        let catalog = &self.shelf.catalog;
        let found = if forward {
            (current + 1..=catalog.articles).find_map(|number| catalog.by_number(number))
        } else {
            (1..current)
                .rev()
                .find_map(|number| catalog.by_number(number))
        };
        match found {
            Some(article) => {
                self.current = Some(article.number());
                Reply::Line(format!("223 {} <{}>", article.number(), article.id()))
            }
            None if forward => Reply::line("421 no next article"),
            None => Reply::line("422 no previous article"),
        }
    }

    fn list(&self, listing: Listing, wildmat: Option<&str>) -> Reply {
        let group = &self.shelf.catalog.group;
        let wanted = wildmat.is_none_or(|wildmat| wildmat::matches(wildmat, group));
        let line = match listing {
            Listing::Active => self.active(),
            Listing::Newsgroups => format!("{group}\tfiles of this machine"),
        };
        let lines = if wanted { vec![line] } else { Vec::new() };
        Reply::Block("215 list follows".into(), lines)
    }

    fn active(&self) -> String {
        let shelf = Arc::clone(&self.offer.borrow().shelf);
        let Catalog {
            group, articles, ..
        } = &shelf.catalog;
        format!("{group} {articles} 1 n")
    }

    fn new_groups(&self, date: &str, time: &str) -> Reply {
        let Some(since) = date::parse(date, time, now()) else {
            return Reply::line("501 syntax error in date or time");
        };
        let lines = if self.started >= since {
            vec![self.active()]
        } else {
            Vec::new()
        };
        Reply::Block("231 new newsgroups follow".into(), lines)
    }

    /// What holds at this moment of the session (RFC 3977, section 5.2).
    fn capabilities(&self) -> Reply {
        let mut lines = vec![
            "VERSION 2".to_owned(),
            concat!("IMPLEMENTATION nntp-serve ", env!("CARGO_PKG_VERSION")).to_owned(),
            "READER".to_owned(),
            "LIST ACTIVE NEWSGROUPS".to_owned(),
        ];
        if self.login.is_pending() {
            lines.push("AUTHINFO USER".to_owned());
        }
        Reply::Block("101 capabilities".into(), lines)
    }

    fn logged(&mut self, step: impl FnOnce(&mut Login) -> Verdict) -> Reply {
        let verdict = step(&mut self.login);
        match verdict {
            Verdict::Denied => self.counters.denied.add(1),
            Verdict::Accepted => {
                if let Err(refusal) = self.seat.take(Stage::Login) {
                    return self.turned_away(refusal);
                }
            }
            _ => {}
        }
        Reply::line(verdict.line())
    }
}

/// What is asked for of an article that is there.
async fn fetch(
    shelf: &Arc<Shelf>,
    piece: Piece,
    which: Which<'_>,
    article: Article<'_>,
) -> Result<Reply, Unavailable> {
    let number = match which {
        Which::Id(_) => 0,
        Which::Current | Which::Number(_) => article.number(),
    };
    let line = |code: u16| format!("{code} {number} <{}>", article.id());
    let (line, header) = match piece {
        Piece::Article => (line(220), article.header() + "\r\n"),
        Piece::Head => (line(221), article.header()),
        Piece::Body => (line(222), String::new()),
        Piece::Stat => (line(223), String::new()),
    };
    let body = match piece {
        Piece::Article | Piece::Body => Some(shelf.body(article).await?),
        Piece::Head | Piece::Stat => {
            shelf.check(article).await?;
            None
        }
    };
    Ok(match piece {
        Piece::Stat => Reply::Line(line),
        _ => Reply::Article { line, header, body },
    })
}

/// RFC 4643, section 2.2: what leads to a login, and what gives nothing away,
/// is open to everybody.
fn needs_login(command: &Command<'_>) -> bool {
    !matches!(
        command,
        Command::Capabilities
            | Command::ModeReader
            | Command::Date
            | Command::Help
            | Command::User(_)
            | Command::Pass(_)
            | Command::Quit
    )
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}
