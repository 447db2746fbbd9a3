//! What routing knows of a server, and what went wrong there.

use std::sync::Arc;

use crate::config::Server;
use crate::{Class, ServerSummary};

/// What went wrong with a server or at it, in its words or ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) class: Class,
    pub(crate) code: Option<u16>,
    pub(crate) text: String,
}

impl Cause {
    pub(crate) fn new(class: Class, text: impl Into<String>) -> Cause {
        Cause {
            class,
            code: None,
            text: text.into(),
        }
    }

    pub(crate) fn said(class: Class, code: u16, text: String) -> Cause {
        Cause {
            class,
            code: Some(code),
            text,
        }
    }
}

/// A server, as far as routing goes.
pub(crate) struct Place {
    pub(super) name: Arc<str>,
    pub(super) level: u8,
    pub(super) group: u32,
    pub(super) retention: u32,
    pub(super) optional: bool,
    /// Whether a session with it was ever usable.
    pub(crate) proven: bool,
    /// Why it is not asked any more.
    pub(crate) out: Option<Cause>,
    /// What is wrong with it, while nothing works there.
    pub(crate) down: Option<Down>,
}

/// A server out of reach, perhaps for a while only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Down {
    pub(crate) cause: Cause,
    /// For so long that the next level steps in for it.
    pub(crate) replaced: bool,
    /// For so long that it is not waited for, unless there is no other.
    pub(crate) lapsed: bool,
}

impl Place {
    pub(crate) fn new(server: &Server, name: Arc<str>) -> Place {
        Place {
            name,
            level: server.level,
            group: server.group,
            retention: server.retention_days,
            optional: server.optional,
            proven: false,
            out: None,
            down: None,
        }
    }

    /// Takes over what a changed configuration says.
    pub(crate) fn configure(&mut self, server: &Server) {
        self.level = server.level;
        self.group = server.group;
        self.retention = server.retention_days;
        self.optional = server.optional;
    }

    pub(crate) fn is_optional(&self) -> bool {
        self.optional
    }

    pub(super) fn lapsed(&self) -> bool {
        self.down.as_ref().is_some_and(|down| down.lapsed)
    }

    pub(super) fn replaced(&self) -> bool {
        self.down.as_ref().is_some_and(|down| down.replaced)
    }

    pub(crate) fn summary(&self) -> ServerSummary {
        let out = self.out.as_ref();
        ServerSummary {
            name: Arc::clone(&self.name),
            usable: self.proven,
            out: out.map(|cause| (cause.class, cause.text.clone())),
        }
    }
}
