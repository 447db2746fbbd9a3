//! A connection's place among those a server allows, from the first packet to
//! the goodbye.

use std::sync::Arc;

use tokio::time::Instant;

use crate::Sinks;
use crate::gate::Gate;
use crate::pool::{Leave, Pool};
use crate::session::Session;
use crate::stats::Open;

/// Dials the server of `slot` and works for the pool until there is nothing
/// left to do or the connection is lost.
pub(crate) async fn run<S: Sinks>(mut slot: Slot<S>) {
    let (pool, server) = (Arc::clone(&slot.pool), slot.server);
    let started = Instant::now();
    let (endpoint, epoch) = pool.site(server).endpoint();
    slot.epoch = epoch;
    let dialled = tokio::select! {
        biased;
        _ = pool.closed() => return,
        dialled = endpoint.open(slot.number) => dialled,
    };
    match dialled {
        Ok(wire) => Session::new(slot, endpoint, wire, started).run().await,
        Err(refusal) => {
            let over = pool.refused(slot, started, refusal);
            pool.deliver_all(over).await;
        }
    }
}

/// A connection's place among those the server allows; given back when dropped.
pub(crate) struct Slot<S: Sinks> {
    pub(crate) pool: Arc<Pool<S>>,
    pub(crate) server: usize,
    pub(crate) number: u64,
    /// Which of the server's configurations it was made with.
    epoch: u64,
    phase: Phase,
    /// A place among those of the account, shared with other processes.
    _leave: Leave,
}

enum Phase {
    Dialling,
    Open { proven: bool, _counted: Open },
    Over,
}

impl<S: Sinks> Slot<S> {
    /// For a connection that the pool counts as being dialled.
    pub(crate) fn new(pool: Arc<Pool<S>>, server: usize, leave: Leave) -> Slot<S> {
        Slot {
            number: pool.next_connection(),
            pool,
            server,
            epoch: 0,
            phase: Phase::Dialling,
            _leave: leave,
        }
    }

    /// The connection is a session now.
    pub(crate) fn established(&mut self) {
        self.pool.established(self.server);
        self.phase = Phase::Open {
            proven: false,
            _counted: self.pool.stats.opened(self.server),
        };
    }

    /// Notes that the session has answered.
    pub(crate) fn answered(&mut self) {
        if let Phase::Open { proven, .. } = &mut self.phase
            && !*proven
        {
            *proven = true;
            self.pool.works(self.server);
        }
    }

    /// Gives the place back and lets `judge` note why, in one step: between the
    /// two another connection would be opened before the wait is set.
    pub(crate) fn end<R>(mut self, judge: impl FnOnce(&mut Gate) -> R) -> R {
        let phase = std::mem::replace(&mut self.phase, Phase::Over);
        self.pool.gate(self.server, |gate| {
            phase.leave(gate);
            judge(gate)
        })
    }

    /// Whether there is no session yet.
    pub(crate) fn dialling(&self) -> bool {
        matches!(self.phase, Phase::Dialling)
    }

    /// Whether the session has answered.
    pub(crate) fn proven(&self) -> bool {
        matches!(self.phase, Phase::Open { proven: true, .. })
    }

    /// Whether the server is still to be reached in this way.
    pub(crate) fn is_current(&self) -> bool {
        self.pool.site(self.server).is_current(self.epoch)
    }
}

impl Phase {
    fn leave(&self, gate: &mut Gate) {
        match self {
            Phase::Dialling => gate.undial(),
            Phase::Open { proven, .. } => gate.closed(*proven),
            Phase::Over => {}
        }
    }
}

impl<S: Sinks> Drop for Slot<S> {
    fn drop(&mut self) {
        let phase = &self.phase;
        self.pool.gate(self.server, |gate| phase.leave(gate));
        self.pool.wake.notify_one();
    }
}
