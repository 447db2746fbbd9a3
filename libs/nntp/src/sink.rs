//! Where the bytes of a body go while they arrive: implemented by whoever uses
//! the client, called by the connection.

use crate::Nth;

/// What [`BodySink::feed`] did with the bytes it was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// How many of them it took, from the front.
    pub consumed: usize,
    /// What it wants next.
    pub state: FedState,
}

/// What a sink wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FedState {
    /// More bytes; all that were offered are taken.
    More,
    /// The block has ended; the bytes behind its terminator were not taken.
    Ended,
    /// [`BodySink::grow`] has to be awaited before it can take the rest.
    Full,
    /// The body is larger than a body may be.
    TooLarge,
}

/// What a sink says of the whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing against it.
    Good,
    /// It is damaged: another server is asked for it. Why, for people.
    Damaged(String),
}

/// Takes one body: the multi-line block of a `222` as it is on the wire,
/// dot-stuffed, up to and including its terminator (RFC 3977 §3.1.1). It finds
/// the end of the block itself, because a decoder sees it anyway.
pub trait BodySink: Send {
    /// What the body becomes.
    type Body: Send + 'static;

    /// Offers the next bytes; never called with none.
    fn feed(&mut self, bytes: &[u8]) -> Fed;

    /// Waits until there is room for more bytes. Cancelled only when the whole
    /// run is; no timeout runs meanwhile.
    fn grow(&mut self) -> impl Future<Output = ()> + Send;

    /// After [`FedState::Ended`]: the verdict and the body. A sink that is
    /// dropped without it belonged to a connection that was lost.
    fn finish(self) -> (Verdict, Self::Body);
}

/// Makes the sinks of a run.
pub trait Sinks: Send + Sync + 'static {
    /// What identifies a request to its maker; comes back with its outcome.
    type Ticket: Send + 'static;
    /// The sink of one body.
    type Sink: BodySink + 'static;

    /// A sink for the body of the `nth` segment of its file, expected to have
    /// `bytes` octets on the wire if that is known. Called when the `222` has arrived; may wait for
    /// memory, and the connection reads nothing meanwhile.
    fn begin(&self, nth: Nth, bytes: Option<u64>) -> impl Future<Output = Self::Sink> + Send;

    /// Of two damaged copies of one article: whether `new` is the better one.
    fn better(
        &self,
        _new: &<Self::Sink as BodySink>::Body,
        _held: &<Self::Sink as BodySink>::Body,
    ) -> bool {
        false
    }
}
