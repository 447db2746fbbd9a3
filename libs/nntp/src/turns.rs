//! One connection under its rate limits: waits for its turn, and says how long it
//! was made to wait. How turns are dealt out is [`Rate`]'s; what is read or written
//! in them is the caller's.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::Rate;
use crate::rate::Grant;

/// The longest sleep at a time: a limit that was changed holds for those asleep
/// within this.
const NAP: Duration = Duration::from_millis(50);

/// An owner that was not heard of for this long does something else; its turn goes
/// to others. Twice the nap, because a busy machine is late.
const AWAY: Duration = Duration::from_millis(100);

/// A connection's part in two limits, both of which must let it pass.
#[derive(Debug)]
pub struct Turns {
    rates: [Arc<Rate>; 2],
    granted: [Option<Grant>; 2],
    /// Made with the first wait, then used again.
    timer: Option<Pin<Box<Sleep>>>,
    asked: Option<Instant>,
    waits_since: Option<Instant>,
    held: Duration,
}

impl Turns {
    /// Joins those who share `rates`, until it is dropped.
    #[must_use]
    pub fn new(rates: [Arc<Rate>; 2]) -> Turns {
        rates.iter().for_each(|rate| rate.join());
        Turns {
            rates,
            granted: [None, None],
            timer: None,
            asked: None,
            waits_since: None,
            held: Duration::ZERO,
        }
    }

    /// Whether there is any limit now.
    #[must_use]
    pub fn limited(&self) -> bool {
        self.rates.iter().any(|rate| rate.limited())
    }

    /// Waits for a turn: how many octets may pass now, at most `wanted`. To be asked
    /// when there is something to pass, and followed by [`Turns::settle`].
    pub fn poll_turn(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<usize> {
        let now = Instant::now();
        if self.asked.is_some_and(|asked| now - asked > AWAY) {
            self.settle(0);
            self.waits_since = None;
        }
        self.asked = Some(now);
        let mut most = wanted;
        // One after the other: a turn of the second limit is not taken before it
        // can be used.
        for index in 0..self.rates.len() {
            most = ready!(self.poll_one(cx, index, most));
        }
        self.rest();
        Poll::Ready(most)
    }

    fn poll_one(&mut self, cx: &mut Context<'_>, index: usize, most: usize) -> Poll<usize> {
        loop {
            let rate = &self.rates[index];
            let turn = self.granted[index].or_else(|| rate.reserve(most));
            self.granted[index] = turn;
            let Some(turn) = turn else {
                return Poll::Ready(most);
            };
            match rate.due(&turn) {
                Some(Duration::ZERO) => return Poll::Ready(most.min(turn.octets)),
                Some(wait) => ready!(self.poll_sleep(cx, wait.min(NAP))),
                None => self.granted[index] = None,
            }
        }
    }

    fn poll_sleep(&mut self, cx: &mut Context<'_>, wait: Duration) -> Poll<()> {
        let now = Instant::now();
        self.waits_since.get_or_insert(now);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(wait)));
        timer.as_mut().reset(now + wait);
        timer.as_mut().poll(cx)
    }

    /// Ends a turn in which `used` octets passed; what is left of it goes to
    /// others.
    pub fn settle(&mut self, used: usize) {
        for (rate, turn) in self.rates.iter().zip(&mut self.granted) {
            if let Some(turn) = turn.take() {
                rate.settle(&turn, used);
            }
        }
        self.asked = None;
    }

    /// The time this connection was made to wait although it could have gone on.
    /// It grows while it waits: no fault of the other side.
    #[must_use]
    pub fn held(&self) -> Duration {
        self.held + self.waits_since.map_or(Duration::ZERO, |t| t.elapsed())
    }

    /// Whether it waits for its turn now.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waits_since.is_some()
    }

    /// Ends the wait, if there is one.
    pub(crate) fn rest(&mut self) {
        if let Some(since) = self.waits_since.take() {
            self.held += since.elapsed();
        }
    }

    /// What this connection gets of the lower limit when all who share it want
    /// more, in octets a second; `None` without a limit.
    pub(crate) fn share(&self) -> Option<u64> {
        self.rates.iter().filter_map(|rate| rate.share()).min()
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.settle(0);
        self.rates.iter().for_each(|rate| rate.leave());
    }
}
