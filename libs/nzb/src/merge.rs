//! From `<segment>` elements to segments: entries with the same number are one
//! piece that can be had under several ids, never two pieces.

use crate::id::{BadId, Why, message_id};
use crate::{MAX_ALTERNATES, Segment};

/// One `<segment>` element, judged.
#[derive(Debug)]
pub struct Raw {
    number: u64,
    bytes: Option<u64>,
    id: Result<String, BadId>,
}

impl Raw {
    /// `number` is the one that counts, 0 for none.
    pub fn new(number: u64, bytes: Option<u64>, text: &str) -> Raw {
        let id = match number {
            0 => Err(BadId::new(text, Why::Number)),
            _ => message_id(text).map(str::to_owned),
        };
        Raw { number, bytes, id }
    }
}

/// Something odd about the entries of one number.
#[derive(Debug, PartialEq, Eq)]
pub enum Note {
    /// The same id once more.
    Duplicate,
    /// An id that cannot be used, beside one that can.
    Dropped(BadId),
    /// More alternates than are kept.
    TooMany,
}

/// Joins entries that come by rising number.
#[derive(Debug, Default)]
pub struct Merger {
    open: Option<Segment>,
}

impl Merger {
    /// Takes an entry. Returns the segment before it if that is complete.
    pub fn push(&mut self, raw: Raw, notes: &mut dyn FnMut(u64, Note)) -> Option<Segment> {
        match &mut self.open {
            Some(open) if open.number == raw.number && raw.number != 0 => {
                join(open, raw, notes);
                None
            }
            _ => self.open.replace(Segment {
                number: raw.number,
                bytes: raw.bytes,
                id: raw.id,
                alternates: Vec::new(),
            }),
        }
    }

    /// The last segment.
    pub fn finish(&mut self) -> Option<Segment> {
        self.open.take()
    }
}

fn join(open: &mut Segment, raw: Raw, notes: &mut dyn FnMut(u64, Note)) {
    let number = open.number;
    open.bytes = open.bytes.or(raw.bytes);
    match (&open.id, raw.id) {
        (Ok(first), Ok(id)) if *first == id || open.alternates.contains(&id) => {
            notes(number, Note::Duplicate)
        }
        (Ok(_), Ok(_)) if open.alternates.len() >= MAX_ALTERNATES => notes(number, Note::TooMany),
        (Ok(_), Ok(id)) => open.alternates.push(id),
        (_, Err(bad)) => notes(number, Note::Dropped(bad)),
        (Err(bad), Ok(id)) => {
            notes(number, Note::Dropped(bad.clone()));
            open.id = Ok(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(entries: &[(u64, &str)]) -> (Vec<Segment>, Vec<(u64, Note)>) {
        let (mut merger, mut notes, mut segments) = (Merger::default(), Vec::new(), Vec::new());
        for (number, id) in entries {
            let raw = Raw::new(*number, None, id);
            segments.extend(merger.push(raw, &mut |number, note| notes.push((number, note))));
        }
        segments.extend(merger.finish());
        (segments, notes)
    }

    #[test]
    fn same_number_is_one_segment() {
        let (segments, notes) =
            merge(&[(1, "a"), (1, "a"), (1, "b"), (1, "c"), (1, "b"), (2, "a")]);
        assert_eq!(segments.len(), 2);
        assert_eq!(
            (&segments[0].id, &segments[0].alternates),
            (&Ok("a".into()), &vec!["b".to_string(), "c".into()])
        );
        assert_eq!(notes, [(1, Note::Duplicate), (1, Note::Duplicate)]);
    }

    #[test]
    fn a_good_id_takes_the_place_of_a_bad_one() {
        let (segments, notes) = merge(&[(7, "a b"), (7, "good"), (7, ""), (7, "also")]);
        assert_eq!(
            (&segments[0].id, &segments[0].alternates),
            (&Ok("good".into()), &vec!["also".to_string()])
        );
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn entries_without_number_stay_apart() {
        let (segments, _) = merge(&[(0, "a"), (0, "a"), (1, "b")]);
        let bad = |s: &Segment| s.id.as_ref().err().map(BadId::reason);
        assert_eq!(
            segments.iter().map(bad).collect::<Vec<_>>(),
            [Some("bad-number"), Some("bad-number"), None]
        );
    }

    #[test]
    fn alternates_are_bounded() {
        let ids: Vec<String> = (0..100).map(|i| format!("id{i}")).collect();
        let entries: Vec<(u64, &str)> = ids.iter().map(|id| (1, id.as_str())).collect();
        let (segments, notes) = merge(&entries);
        assert_eq!(segments[0].alternates.len(), MAX_ALTERNATES);
        assert_eq!(notes.len(), 100 - 1 - MAX_ALTERNATES);
    }
}
