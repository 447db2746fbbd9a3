//! The slots of an account, as the engine asks for them.
//!
//! The locks are `store::slots`'s, when a slot is asked for is the engine's.

use nzbpipe_pipeline::Code;
use nzbpipe_store::Error;
use nzbpipe_store::slots::Slots;

use crate::exit::Refusal;

/// [`Slots`] as the engine asks for them.
#[derive(Debug)]
pub(crate) struct Shared(pub Slots);

impl nzbpipe_nntp::Slots for Shared {
    fn try_take(&self) -> Option<Box<dyn Send>> {
        let guard = self.0.try_take()?;
        Some(Box::new(guard))
    }
}

/// Without its slots an account cannot be kept from going over its connections.
pub(crate) fn refused(account: &str, error: &Error) -> Refusal {
    let code = match error {
        e if e.is_in_use() => Code::TEMPORARY,
        e if e.is_cannot_create() => Code::CANNOT_CREATE,
        _ => Code::IO,
    };
    Refusal::new(
        code,
        format!(
            "account {account}: {error}. Its connections are counted there: make it writable, or \
             let XDG_STATE_HOME name another folder, the same for all programs"
        ),
    )
}
