//! Packets of one file, put together to sets. What is kept has caps, over all sets of
//! the file: whoever made it may claim what he likes.

use std::collections::{BTreeMap, HashMap};
use std::collections::{btree_map, hash_map};

use super::packet::{self, Header, Kind, RECOVERY};
use super::{Id, Protected, Set};

/// The most sets. One is usual; a file made of several joined ones has a few.
const SETS: usize = 64;

/// The most things that are kept: ids, descriptions, names, exponents. The largest set
/// has 32,768 files (each has a slice, or is empty) and 65,536 exponents.
const THINGS: usize = 1 << 18;

/// The most bytes of names.
const TEXT: usize = 16 << 20;

/// The largest exponent: the field has 65,536 elements.
const LARGEST: u32 = 65_535;

/// The sets found so far.
#[derive(Default)]
pub struct Gather {
    drafts: Vec<Draft>,
    room: Room,
}

#[derive(Default)]
struct Draft {
    set: Set,
    files: HashMap<Id, Protected>,
    names: HashMap<Id, String>,
    /// The length of each recovery packet by its exponent: the slice size may come later.
    recovery: BTreeMap<u32, u64>,
}

/// What was taken of the caps.
#[derive(Default)]
struct Room {
    things: usize,
    text: usize,
}

impl Room {
    /// Takes so many things and bytes of text, if they are left.
    fn take(&mut self, things: usize, text: usize) -> bool {
        let fits = self.things + things <= THINGS && self.text + text <= TEXT;
        if fits {
            self.things += things;
            self.text += text;
        }
        fits
    }
}

impl Gather {
    /// Takes a packet that is believed. Copies are usual; the first one counts.
    pub fn take(&mut self, header: &Header, body: &[u8]) {
        if header.kind == Kind::Other {
            return;
        }
        let Some(draft) = draft(&mut self.drafts, header.set) else {
            return;
        };
        match header.kind {
            Kind::Main => draft.main(body, &mut self.room),
            Kind::File => draft.file(body, &mut self.room),
            Kind::UnicodeName => draft.name(body, &mut self.room),
            Kind::Recovery => draft.recovery(header.length, body, &mut self.room),
            Kind::Other => None,
        };
    }

    /// What was found, in the order of the file.
    pub fn finish(self) -> Vec<Set> {
        let sets = self.drafts.into_iter().map(Draft::finish);
        sets.filter(|set| set.slice > 0 || !set.files.is_empty() || !set.recovery.is_empty())
            .collect()
    }
}

/// The draft of this set, if there is room for it.
fn draft(drafts: &mut Vec<Draft>, id: Id) -> Option<&mut Draft> {
    let known = drafts.iter().position(|draft| draft.set.id == id);
    if known.is_none() && drafts.len() < SETS {
        let mut draft = Draft::default();
        draft.set.id = id;
        drafts.push(draft);
        return drafts.last_mut();
    }
    drafts.get_mut(known?)
}

/// `None`: the packet says nothing, nothing new, or there is no room for it.
impl Draft {
    fn main(&mut self, body: &[u8], room: &mut Room) -> Option<()> {
        let (slice, members) = packet::main(body)?;
        if self.set.slice == 0 && room.take(members.len(), 0) {
            (self.set.slice, self.set.members) = (slice, members);
        }
        Some(())
    }

    fn file(&mut self, body: &[u8], room: &mut Room) -> Option<()> {
        let file = packet::file(body)?;
        if let hash_map::Entry::Vacant(place) = self.files.entry(file.id)
            && room.take(1, file.name.len())
        {
            place.insert(file);
        }
        Some(())
    }

    fn name(&mut self, body: &[u8], room: &mut Room) -> Option<()> {
        let (id, name) = packet::unicode_name(body)?;
        if let hash_map::Entry::Vacant(place) = self.names.entry(id)
            && room.take(1, name.len())
        {
            place.insert(name);
        }
        Some(())
    }

    fn recovery(&mut self, length: u64, body: &[u8], room: &mut Room) -> Option<()> {
        let exponent = packet::exponent(body).filter(|&exponent| exponent <= LARGEST)?;
        if let btree_map::Entry::Vacant(place) = self.recovery.entry(exponent)
            && room.take(1, 0)
        {
            place.insert(length);
        }
        Some(())
    }

    fn finish(mut self) -> Set {
        for (id, name) in self.names {
            if let Some(file) = self.files.get_mut(&id) {
                file.name = name;
            }
        }
        let mut set = self.set;
        set.files = self.files.into_values().collect();
        let slice = set.slice;
        let fits = |length: u64| slice == 0 || length == slice.saturating_add(RECOVERY);
        let found = self.recovery.into_iter();
        set.recovery = found
            .filter(|&(_, length)| fits(length))
            .map(|(exponent, _)| exponent)
            .collect();
        set.settle();
        set
    }
}
