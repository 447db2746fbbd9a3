//! Whose copy of a segment was refused by a later stage, as a `failed` record tells when
//! it is fed back. What the engine makes of it is `nntp`'s.

use std::sync::Arc;

use nzbpipe_nntp::config::Server;
use nzbpipe_record::{Class, Failed};

use crate::{decode, write};

/// The servers, as far as it matters whose copy of a segment was refused. Those of
/// the start: who changes them meanwhile feeds the rest back once more.
#[derive(Clone)]
pub(super) struct Table(Vec<(Arc<str>, u32)>);

impl Table {
    pub(super) fn of(servers: &[Server]) -> Table {
        let entry = |server: &Server| (server.name.as_str().into(), server.group);
        Table(servers.iter().map(entry).collect())
    }

    /// Who is not to be asked again for what `failed` is about: who sent a body
    /// that a later stage had to refuse. Nobody, if nobody else were left: it is
    /// fed back on purpose, or to other servers under the same names.
    pub(super) fn avoided(&self, failed: &Failed) -> Vec<Arc<str>> {
        if failed.stage != write::NAME && failed.stage != decode::NAME {
            return Vec::new();
        }
        let gave = |name: &str| {
            let mut tried = failed.tried.iter();
            tried.any(|t| t.class == Class::Damaged && t.server == name)
        };
        let named: Vec<&(Arc<str>, u32)> = self.0.iter().filter(|(name, _)| gave(name)).collect();
        let mate = |group: u32| group != 0 && named.iter().any(|(_, other)| *other == group);
        let left = |(name, group): &(Arc<str>, u32)| !gave(name) && !mate(*group);
        match self.0.iter().any(left) {
            true => named.iter().map(|(name, _)| Arc::clone(name)).collect(),
            false => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use nzbpipe_record::Tried;

    use super::*;

    /// Who is avoided, of `servers`, when `stage` refused what came from `from`.
    fn avoided(servers: &[(&str, u32)], stage: &str, from: &[(&str, Class)]) -> Vec<String> {
        let tried = |(server, class): &(&str, Class)| Tried {
            server: (*server).to_owned(),
            class: class.clone(),
            ..Tried::default()
        };
        let failed = Failed {
            stage: stage.to_owned(),
            class: Class::Damaged,
            tried: from.iter().map(tried).collect(),
            ..Failed::default()
        };
        let entries = servers.iter().map(|&(name, group)| (name.into(), group));
        let avoided = Table(entries.collect()).avoided(&failed);
        avoided.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn who_sent_a_refused_body_is_avoided() {
        let two = [("a", 0), ("b", 0)];
        let damaged = [("a", Class::Damaged), ("b", Class::Missing)];
        for stage in [write::NAME, decode::NAME] {
            assert_eq!(avoided(&two, stage, &damaged), ["a"]);
        }
        // What the fetch could not have, it may have now.
        assert_eq!(avoided(&two, crate::fetch::NAME, &damaged), [""; 0]);
        assert_eq!(
            avoided(&two, write::NAME, &[("c", Class::Damaged)]),
            [""; 0]
        );
        let missing = [("a", Class::Missing)];
        assert_eq!(avoided(&two, write::NAME, &missing), [""; 0]);
    }

    #[test]
    fn somebody_is_always_left_to_ask() {
        let both = [("a", Class::Damaged), ("b", Class::Damaged)];
        assert_eq!(avoided(&[("a", 0)], write::NAME, &both), [""; 0]);
        assert_eq!(avoided(&[("a", 0), ("b", 0)], write::NAME, &both), [""; 0]);
        let group = [("a", 7), ("c", 7)];
        assert_eq!(avoided(&group, write::NAME, &both), [""; 0]);
        let three = [("a", 7), ("c", 7), ("d", 0)];
        assert_eq!(avoided(&three, write::NAME, &both), ["a"]);
    }
}
