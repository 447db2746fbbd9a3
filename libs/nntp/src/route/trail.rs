//! What a segment met so far.

use super::{Cause, ServerSet};
use crate::Class;

/// What one segment met at one server.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) server: usize,
    pub(super) last: Cause,
    /// Not to be asked again for this message-id.
    pub(super) closed: bool,
    pub(super) asked: u32,
    pub(super) transport: u32,
    pub(super) strange: u32,
    pub(super) copies: u32,
    /// First bytes that did not come in time.
    pub(super) late: u32,
    /// An answer that may have been meant for another was never proven.
    pub(super) doubted: bool,
}

/// What one segment met so far. Empty for most: it costs nothing until
/// something goes wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    pub(super) marks: Vec<Mark>,
    /// Which message-id is asked for: 0 the first, then the alternates.
    pub(crate) id: usize,
    /// Where a damaged copy can be had again: server and message-id.
    pub(crate) spare: Option<(usize, usize)>,
    /// The damaged copy is being fetched again and will do.
    pub(crate) settling: bool,
    /// Who gave a copy before that the caller has refused, or has the same one.
    pub(super) refused: ServerSet,
}

/// An answer that was not a good body.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Not there.
    Missing(Cause),
    /// The connection failed while this was being answered.
    Transport(Cause),
    /// It may not be had with this account.
    Refused(Cause),
    /// Another article came.
    Strange,
    /// A body without end.
    TooLarge,
    /// A damaged body.
    Damaged(String),
}

impl Trail {
    pub(super) fn mark(&self, server: usize) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.server == server)
    }

    fn mark_mut(&mut self, server: usize) -> &mut Mark {
        let known = self.marks.iter().position(|mark| mark.server == server);
        let at = known.unwrap_or_else(|| {
            self.marks.push(Mark {
                server,
                last: Cause::new(Class::Transport, ""),
                closed: false,
                asked: 0,
                transport: 0,
                strange: 0,
                copies: 0,
                late: 0,
                doubted: false,
            });
            self.marks.len() - 1
        });
        &mut self.marks[at]
    }

    pub(super) fn closed(&self, server: usize) -> bool {
        self.mark(server).is_some_and(|mark| mark.closed)
    }

    /// An answer of `server` that may have been meant for another cannot be proven
    /// any more. Whether that happened there before.
    pub(crate) fn doubted(&mut self, server: usize) -> bool {
        std::mem::replace(&mut self.mark_mut(server).doubted, true)
    }

    /// Its first byte did not come in time from `server`.
    pub(crate) fn was_late(&mut self, server: usize) {
        self.mark_mut(server).late += 1;
    }

    /// How often that has happened.
    pub(crate) fn late(&self, server: usize) -> u32 {
        self.mark(server).map_or(0, |mark| mark.late)
    }

    /// Whether `server` asked for a login when it was asked for this before.
    pub(crate) fn locked(&self, server: usize) -> bool {
        self.mark(server)
            .is_some_and(|mark| mark.last.code == Some(480))
    }

    /// How often it was asked for and answered, or charged.
    pub(crate) fn asked(&self) -> u32 {
        self.marks.iter().map(|mark| mark.asked).sum()
    }

    /// Notes an answer. `tries` transport failures close a server for this
    /// segment, and so does the second article that was not asked for: the
    /// first may have been a shifted pipeline.
    pub(crate) fn note(&mut self, server: usize, answer: Answer, tries: u32) {
        let id = self.id;
        let mark = self.mark_mut(server);
        mark.asked += 1;
        match answer {
            Answer::Missing(cause) | Answer::Refused(cause) => {
                mark.closed = true;
                mark.last = cause;
            }
            Answer::Transport(cause) => {
                mark.transport += 1;
                mark.closed = mark.transport >= tries.max(1);
                mark.last = cause;
            }
            Answer::Strange => {
                mark.strange += 1;
                mark.closed = mark.strange > 1;
                mark.last = Cause::new(Class::Damaged, "another article came");
            }
            Answer::TooLarge => {
                mark.closed = true;
                mark.last = Cause::new(Class::Damaged, "the article is too large");
            }
            Answer::Damaged(why) => {
                mark.copies += 1;
                mark.closed = true;
                mark.last = Cause::said(Class::Damaged, 222, why);
                self.spare.get_or_insert((server, id));
            }
        }
    }

    /// The caller will not have what `server` has under the first message-id. Not
    /// a copy to come back to: neither the second chance of an only server nor
    /// settling is for it.
    pub(super) fn refuse(&mut self, server: usize, cause: Cause) {
        self.refused.insert(server);
        let mark = self.mark_mut(server);
        mark.closed = true;
        mark.last = cause;
    }

    /// Turns to the next message-id. What servers said of the last one says
    /// nothing of it; that their connections fail does.
    pub(crate) fn next_id(&mut self) {
        self.id += 1;
        for mark in &mut self.marks {
            mark.closed &= mark.last.class == Class::Transport;
            mark.strange = 0;
            mark.copies = 0;
        }
    }

    /// Goes back to the server and message-id that gave a damaged copy.
    pub(crate) fn settle(&mut self) {
        if let Some((server, id)) = self.spare {
            self.id = id;
            self.settling = true;
            let mark = self.mark_mut(server);
            mark.closed = false;
            mark.transport = 0;
        }
    }
}
