//! Whether all articles are of one file, by what they say of it: a server may give
//! another file's article for the one asked for, whole and right by its own CRC.
//!
//! What was written cannot be taken back, so this is judged at the end. Headers that fit
//! nothing, or differ in every article, are decoys and count for nothing.

use nzbpipe_record::Part;

use super::agreed::Agreed;

/// Files told apart. Where articles speak of more, each says something else.
const FILES: usize = 64;

/// What the articles of one file say.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    files: Vec<Voice>,
    /// Articles that speak of a file.
    total: u64,
}

/// What some articles say alike.
#[derive(Debug)]
struct Voice {
    name: String,
    size: u64,
    articles: u64,
    /// Of these, those whose headers fit together as a real post's do, and the number
    /// of the first.
    sound: u64,
    first: u64,
    crc32: Agreed<u32>,
}

/// Articles that are of another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strangers {
    pub segments: u64,
    /// The number of one of them.
    pub first: u64,
}

impl Voices {
    /// Hears an article of `len` bytes and its CRC-32 of the whole file.
    pub fn hear(&mut self, part: &Part, len: u64, file_crc32: Option<u32>) {
        let (Some(name), Some(size)) = (part.yenc_name.as_deref(), part.size) else {
            return;
        };
        self.total += 1;
        let known = |voice: &&mut Voice| voice.size == size && voice.name == name;
        let sound = u64::from(is_sound(part, size, len));
        if let Some(voice) = self.files.iter_mut().find(known) {
            voice.articles += 1;
            if voice.sound == 0 {
                voice.first = part.segment.number;
            }
            voice.sound += sound;
            voice.crc32.hear(file_crc32);
        } else if self.files.len() < FILES {
            let mut crc32 = Agreed::default();
            crc32.hear(file_crc32);
            self.files.push(Voice {
                name: name.to_owned(),
                size,
                articles: 1,
                sound,
                first: part.segment.number,
                crc32,
            });
        }
    }

    /// The articles that speak soundly of another file than most do. `name` is the
    /// NZB's, one more voice; `crc32` that of what was written: if most declare it, the
    /// others' bytes are right.
    pub fn strangers(&self, name: &str, crc32: u32) -> Option<Strangers> {
        let votes = |voice: &Voice| voice.articles + u64::from(voice.name == name);
        let own = self.files.iter().any(|voice| voice.name == name);
        let total = self.total + u64::from(own);
        let is_most = |voice: &&Voice| votes(voice) >= 2 && votes(voice) > total / 2;
        let most = self.files.iter().find(is_most)?;
        if most.crc32.get() == Some(crc32) {
            return None;
        }
        let others = self
            .files
            .iter()
            .filter(|voice| !std::ptr::eq(*voice, most));
        let strange: Vec<&Voice> = others.filter(|voice| voice.sound > 0).collect();
        Some(Strangers {
            segments: strange.iter().map(|voice| voice.sound).sum(),
            first: strange.iter().map(|voice| voice.first).min()?,
        })
    }
}

/// Whether part, total, size and range fit together as a real post's do: all parts but
/// the last of one length, and no byte more.
fn is_sound(part: &Part, size: u64, len: u64) -> bool {
    let offset = part.offset.unwrap_or_default();
    let Some(end) = offset.checked_add(len) else {
        return false;
    };
    let number = part.yenc_part.unwrap_or(1);
    let total = part.total.unwrap_or(match part.yenc_part {
        Some(_) => u64::MAX,
        None => 1,
    });
    let is_last = end == size;
    let in_step = match number.checked_sub(1) {
        None => false,
        Some(0) => offset == 0,
        Some(before) => {
            let step = offset / before;
            offset.is_multiple_of(before) && step > 0 && (len == step || is_last && len < step)
        }
    };
    let counted = number <= total && (total == u64::MAX || is_last == (number == total));
    end <= size && in_step && counted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Part `number` of a post in pieces of 100 bytes.
    fn part(name: &str, size: u64, number: u64) -> (Part, u64) {
        let offset = (number - 1) * 100;
        let mut part = Part {
            offset: Some(offset),
            size: Some(size),
            yenc_name: Some(name.to_owned()),
            yenc_part: Some(number),
            total: Some(size.div_ceil(100)),
            ..Part::default()
        };
        part.segment.number = number;
        (part, (size - offset).min(100))
    }

    fn strangers(parts: &[(Part, u64)], name: &str) -> Option<u64> {
        let mut voices = Voices::default();
        for (part, len) in parts {
            voices.hear(part, *len, None);
        }
        voices.strangers(name, 0).map(|s| s.first)
    }

    #[test]
    fn an_article_of_another_file_is_seen() {
        let of = |number, name| part(name, 350, number);
        let film = |number| of(number, "film");
        let [one, two, three, four] = [1, 2, 3, 4].map(film);
        let all = [one.clone(), two, three.clone(), four.clone()];
        assert_eq!(strangers(&all, "film"), None);
        assert_eq!(strangers(&all, "x7"), None);
        let strange = [one, part("other", 990, 2), three, four];
        assert_eq!(strangers(&strange, "x7"), Some(2));
        // Of two, the NZB's name decides; without it nobody knows.
        let two = [film(1), of(2, "other")];
        assert_eq!(strangers(&two, "film"), Some(2));
        assert_eq!(strangers(&two, "x7"), None);
    }

    #[test]
    fn decoys_are_no_strangers() {
        let [one, two, three] = [1, 2, 3].map(|number| part("film", 300, number));
        let lie = |change: fn(&mut Part)| {
            let (mut lie, len) = part("decoy", 300, 2);
            change(&mut lie);
            strangers(&[one.clone(), (lie, len), three.clone()], "film")
        };
        assert_eq!(lie(|_| {}), Some(2));
        assert_eq!(lie(|part| part.size = Some(150)), None);
        assert_eq!(lie(|part| part.total = Some(2)), None);
        assert_eq!(lie(|part| part.yenc_part = Some(7)), None);
        assert_eq!(lie(|part| part.yenc_part = Some(0)), None);
        assert_eq!(lie(|part| part.yenc_name = None), None);
        // Another name in each.
        let names = ["a", "b", "c", "d"];
        let all: Vec<_> = (1..)
            .zip(names)
            .map(|(n, name)| part(name, 400, n))
            .collect();
        assert_eq!(strangers(&all, "film"), None);
        assert_eq!(strangers(&[one, two, three], "film"), None);
    }

    #[test]
    fn the_crc_of_the_whole_file_outweighs_names() {
        let mut voices = Voices::default();
        for number in [1, 3] {
            let (film, len) = part("film", 300, number);
            voices.hear(&film, len, Some(77));
        }
        let (other, len) = part("other", 300, 2);
        voices.hear(&other, len, None);
        assert_eq!(voices.strangers("film", 77), None);
        assert_eq!(voices.strangers("film", 78).map(|s| s.first), Some(2));
    }

    #[test]
    fn many_names_take_no_more_memory() {
        let mut voices = Voices::default();
        for number in 1..10_000 {
            let (part, len) = part(&format!("n{number}"), 1_000_000, number);
            voices.hear(&part, len, None);
        }
        assert_eq!(voices.files.len(), FILES);
        assert_eq!(voices.strangers("n5", 0), None);
    }
}
