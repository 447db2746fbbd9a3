//! What an account may use in common with other processes: bytes and
//! connections. Kept by the caller, in files; asked here without blocking.

use std::fmt::Debug;

/// Counts the bytes a server may still send, in this process and in others.
pub trait Quota: Debug + Send + Sync {
    /// Octets it may still send, and the words for the bound that is nearest
    /// ("daily quota of 50 GB"). Asked before each request: must be cheap.
    fn left(&self) -> u64;

    /// What is used up when [`Quota::left`] is 0, for people.
    fn spent(&self) -> String;

    /// Notes octets taken from its sockets. Must not block.
    fn spend(&self, octets: u64);
}

/// The connections of an account, shared by several processes.
pub trait Slots: Debug + Send + Sync {
    /// Takes a slot, if one is free: the guard gives it back when dropped. Must
    /// not block.
    fn try_take(&self) -> Option<Box<dyn Send>>;
}
