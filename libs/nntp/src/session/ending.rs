//! The end of a session: what becomes of what was in flight, and what it says of
//! the server.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{Doubt, Flight, Session, What};
use crate::command::Command;
use crate::dial::Refusal;
use crate::pool::{Pool, Taken};
use crate::reply::{Lost, verdict};
use crate::route::{Answer, Cause};
use crate::share::Held;
use crate::{Class, NoticeKind, Sinks};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

impl<S: Sinks> Session<S> {
    /// What the pool knows of this session is over.
    fn leave(&mut self) {
        let site = self.pool.site(self.server);
        site.rated(self.depth.rate(), None);
        self.pool.stats.window(self.server, self.window, 0);
        self.window = 0;
        let articles = |flight: &&Flight<S>| matches!(flight.what, What::Article(_));
        self.release(self.flights.iter().filter(articles).count());
        self.pool.not_idle(self.server, &mut self.idle);
        self.pool.hedging.beg(&mut self.begging, false);
        // Who left the last segments to this session may have to do them.
        site.work.notify_waiters();
    }

    /// The connection is lost: settles what was in flight, and what it says of
    /// the server.
    pub(super) async fn lost(mut self, lost: Lost) {
        self.leave();
        let (pool, server) = (Arc::clone(&self.pool), self.server);
        let proven = self.slot.proven();
        let slow = matches!(lost, Lost::Slow);
        let blameless = matches!(lost, Lost::Broken { .. });
        if slow {
            pool.stats.recycle(server);
        }
        let (charge, cause) = verdict(lost, proven);
        if let Some(Answer::Strange) = charge {
            pool.tell(server, NoticeKind::Mismatch);
        }
        let charge = charge.or_else(|| self.suspect(blameless, &cause));
        let lost_work = !self.flights.is_empty() && proven;
        // What it says of the server is noted before the jobs are offered to
        // others: they would make a new connection at once.
        let mut over: Vec<_> = self.unheard.take().into_iter().collect();
        let doubts = std::mem::take(&mut self.doubts);
        let shifted = matches!(charge, Some(Answer::Strange));
        let flights = std::mem::take(&mut self.flights);
        let mut outbox = self.outbox;
        // Before the slot goes back: the server must not see one too many.
        drop(self.wire);
        if !slow && (cause.class != Class::Transport || !proven) {
            over.extend(pool.refused(self.slot, self.started, Refusal::from(cause)));
        } else {
            if lost_work && !slow {
                pool.stats.lost_one(server);
            }
            self.slot.end(|_| ());
        }
        over.extend(doubtful(&pool, server, doubts, shifted));
        let mut flights = flights.into_iter();
        if let Some(answer) = charge
            && let Some(flight) = flights.next()
        {
            over.extend(charged(&pool, server, flight, answer));
        }
        over.extend(pool.give_back(flights.filter_map(own)));
        pool.wake.notify_one();
        outbox.flush(&pool).await;
        pool.deliver_all(over).await;
    }

    /// A connection that ends before an answer has begun is not the fault of
    /// the request at the head, unless that happens to it again.
    fn suspect(&mut self, blameless: bool, cause: &Cause) -> Option<Answer> {
        let flight = self.flights.front_mut().filter(|_| blameless)?;
        let again = |job: &mut Taken<S>| {
            job.losses += 1;
            job.losses > 1
        };
        let again = match &mut flight.what {
            What::Article(Held::Own(job)) => again(job),
            What::Article(Held::Shared(share)) => share.with(again).unwrap_or(false),
            What::Fence => false,
        };
        again.then(|| Answer::Transport(cause.clone()))
    }

    /// The time is over: what is in flight goes back.
    pub(super) async fn hand_back(mut self) {
        self.leave();
        let pool = Arc::clone(&self.pool);
        let doubts = std::mem::take(&mut self.doubts).into_iter();
        let doubts = doubts.filter_map(|doubt| mine(doubt.held));
        let flights = std::mem::take(&mut self.flights)
            .into_iter()
            .filter_map(own);
        let over = pool.give_back(doubts.chain(flights));
        self.outbox.flush(&pool).await;
        pool.deliver_all(over).await;
        self.quit(false).await;
    }

    /// Nothing to do, or not to be done here: QUIT, and then what is still to be
    /// delivered, for which the reader may take its time.
    pub(super) async fn retire(mut self) {
        self.leave();
        self.quit(true).await;
        let Session {
            pool,
            mut outbox,
            slot,
            wire,
            ..
        } = self;
        drop((wire, slot));
        outbox.flush(&pool).await;
    }

    /// QUIT, so that the server counts no ghost.
    pub(super) async fn goodbye(mut self) {
        self.leave();
        let quiet = self.flights.is_empty();
        self.quit(quiet).await;
    }

    /// With answers still to come the one to QUIT is not waited for.
    async fn quit(&mut self, quiet: bool) {
        self.wire.send(Command::Quit);
        let farewell = async {
            self.wire.push().await;
            if quiet {
                self.wire.farewell().await;
            }
        };
        let _ = timeout(GOODBYE, farewell).await;
    }
}

/// Answers that nothing proves any more: they are asked for again, once at each
/// server, where nobody else has them in flight. If the answers have `shifted`,
/// they are worth nothing at all.
fn doubtful<S: Sinks>(
    pool: &Pool<S>,
    server: usize,
    doubts: Vec<Doubt<S>>,
    shifted: bool,
) -> Vec<crate::pool::OutcomeOf<S>> {
    let mut over = Vec::new();
    for doubt in doubts {
        let Some(mut job) = mine(doubt.held) else {
            continue;
        };
        over.extend(match !shifted && job.trail.doubted(server) {
            false => pool.give_back(std::iter::once(job)).pop(),
            true => pool.answered(job, server, Answer::Missing(doubt.cause)),
        });
    }
    over
}

/// The request at the head is to blame.
fn charged<S: Sinks>(
    pool: &Pool<S>,
    server: usize,
    flight: Flight<S>,
    answer: Answer,
) -> Option<crate::pool::OutcomeOf<S>> {
    match flight.what {
        What::Article(Held::Own(job)) => pool.answered(job, server, answer),
        What::Article(Held::Shared(share)) => {
            share.with(|job| job.trail.note(server, answer, pool.options.tries));
            let job = share.leave()?;
            pool.give_back(std::iter::once(job)).pop()
        }
        What::Fence => None,
    }
}

/// The job of a flight, if nobody else has it.
fn own<S: Sinks>(flight: Flight<S>) -> Option<Taken<S>> {
    match flight.what {
        What::Article(held) => mine(held),
        What::Fence => None,
    }
}

fn mine<J>(held: Held<J>) -> Option<J> {
    match held {
        Held::Own(job) => Some(job),
        Held::Shared(share) => share.leave(),
    }
}
