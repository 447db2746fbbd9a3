//! A set of servers, as one machine word.

/// Servers by their index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerSet(u64);

impl ServerSet {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn one(server: usize) -> ServerSet {
        ServerSet(1 << server)
    }

    pub(crate) fn has(self, server: usize) -> bool {
        self.0 >> server & 1 == 1
    }

    pub(super) fn insert(&mut self, server: usize) {
        self.0 |= 1 << server;
    }

    /// Whether the two have a server in common.
    pub(crate) fn meets(self, other: ServerSet) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |&server| self.has(server))
    }

    /// The only one, if it is one.
    pub(super) fn only(self) -> Option<usize> {
        (self.0.count_ones() == 1).then(|| self.0.trailing_zeros() as usize)
    }
}

impl FromIterator<usize> for ServerSet {
    fn from_iter<I: IntoIterator<Item = usize>>(servers: I) -> ServerSet {
        ServerSet(servers.into_iter().fold(0, |set, server| set | 1 << server))
    }
}
