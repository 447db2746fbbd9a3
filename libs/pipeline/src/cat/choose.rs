//! Which file of the stream is written. Names are compared as they came: none of them
//! becomes a path here.

use globset::GlobSet;
use nzbpipe_record::Segment;

use crate::Error;

/// What the user wants of the stream.
#[derive(Debug)]
pub enum Pick {
    /// The one file there is.
    Only,
    /// The file of this name, or one whose name matches.
    Name {
        /// Compared with the NZB's name and the articles'.
        exact: String,
        /// The same, as a pattern.
        glob: GlobSet,
    },
    /// The file with this index in its NZB.
    Index(u64),
}

/// How many names of other files are kept, to tell what there was instead.
const NAMED: usize = 8;

/// Tells the records of the wanted file from others.
pub(crate) struct Chooser {
    pick: Pick,
    chosen: Option<Chosen>,
    others: Vec<String>,
}

struct Chosen {
    identity: Segment,
    /// Its name in the articles was asked for, not the NZB's.
    by_article: bool,
    listed: String,
}

impl Chooser {
    pub fn new(pick: Pick) -> Chooser {
        Chooser {
            pick,
            chosen: None,
            others: Vec::new(),
        }
    }

    /// Whether a record is about the wanted file. `article` is the name in the article,
    /// if the record has one.
    pub fn wants(&mut self, segment: &Segment, article: Option<&str>) -> Result<bool, Error> {
        if let Some(chosen) = &self.chosen
            && is_same(&chosen.identity, segment)
        {
            return Ok(true);
        }
        let (fits, by_article) = match &self.pick {
            Pick::Only => (true, false),
            Pick::Index(index) => (segment.file == *index, false),
            name if name.fits(&segment.name) => (true, false),
            name => (article.is_some_and(|article| name.fits(article)), true),
        };
        match &self.chosen {
            _ if !fits => {
                self.note(segment, article);
                Ok(false)
            }
            None => {
                self.chosen = Some(Chosen {
                    identity: identity(segment, article),
                    by_article,
                    listed: segment.name.clone(),
                });
                Ok(true)
            }
            // The NZB knows which article is whose; what is written into one is a
            // stranger's word.
            Some(chosen) if by_article && !chosen.by_article => Ok(false),
            Some(chosen) => Err(self
                .pick
                .two(&chosen.identity.name, shown(segment, article))),
        }
    }

    /// The wanted file's name, once a record named it.
    pub fn name(&self) -> Option<&str> {
        self.chosen
            .as_ref()
            .map(|chosen| chosen.identity.name.as_str())
    }

    /// The name that the NZB has for it.
    pub fn listed(&self) -> Option<&str> {
        self.chosen.as_ref().map(|chosen| chosen.listed.as_str())
    }

    /// What to say if no record was about the wanted file.
    pub fn not_found(&self) -> Error {
        let wanted = match &self.pick {
            Pick::Only => return Error::NoInput("standard input: no file is in it".to_owned()),
            Pick::Name { exact, .. } => format!("called \"{}\"", exact.escape_debug()),
            Pick::Index(index) => format!("with index {index}"),
        };
        let others: Vec<String> = self
            .others
            .iter()
            .map(|name| format!("\"{}\"", name.escape_debug()))
            .collect();
        let others = match (others.len(), others.join(", ")) {
            (0, _) => "there is no other".to_owned(),
            (NAMED, names) => format!("the first others are {names}"),
            (_, names) => format!("there is {names}"),
        };
        Error::NoInput(format!(
            "standard input: no file {wanted} is in it; {others}"
        ))
    }

    fn note(&mut self, segment: &Segment, article: Option<&str>) {
        let name = shown(segment, article);
        if self.others.len() < NAMED && !self.others.iter().any(|other| other == name) {
            self.others.push(name.to_owned());
        }
    }
}

impl Pick {
    fn fits(&self, name: &str) -> bool {
        match self {
            Pick::Name { exact, glob } => name == exact || glob.is_match(name),
            _ => false,
        }
    }

    fn two(&self, first: &str, second: &str) -> Error {
        let (first, second) = (first.escape_debug(), second.escape_debug());
        Error::Order(match self {
            Pick::Only => format!(
                "there are two files, \"{first}\" and \"{second}\": say which one \
                 (seg-cat FILE, or --index N)"
            ),
            Pick::Name { exact, .. } => format!(
                "\"{}\" is true of two files, \"{first}\" and \"{second}\": say it more \
                 closely, or use --index N",
                exact.escape_debug()
            ),
            Pick::Index(index) => format!(
                "two files have the index {index}, \"{first}\" and \"{second}\", for there is \
                 more than one NZB: say the name"
            ),
        })
    }
}

/// What tells the file from others, and its name for people.
fn identity(segment: &Segment, article: Option<&str>) -> Segment {
    Segment {
        job: segment.job.clone(),
        file: segment.file,
        file_id: segment.file_id.clone(),
        name: shown(segment, article).to_owned(),
        ..Segment::default()
    }
}

/// Whether two records are about one file. A stream made by hand may lack the digest;
/// then the job, the index and the name must do.
pub(crate) fn is_same(a: &Segment, b: &Segment) -> bool {
    let nameless = a.file_id.is_empty();
    a.job == b.job && a.file == b.file && a.file_id == b.file_id && (!nameless || a.name == b.name)
}

fn shown<'a>(segment: &'a Segment, article: Option<&'a str>) -> &'a str {
    match (segment.name.as_str(), article) {
        ("", Some(article)) => article,
        (name, _) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use globset::{GlobBuilder, GlobSetBuilder};

    fn name(text: &str) -> Pick {
        let glob = GlobBuilder::new(text).case_insensitive(true).build();
        let glob = glob.map(|glob| GlobSetBuilder::new().add(glob).build().unwrap());
        Pick::Name {
            exact: text.to_owned(),
            glob: glob.unwrap_or_default(),
        }
    }

    fn of(file: u64, name: &str) -> Segment {
        Segment {
            job: "j".to_owned(),
            file,
            file_id: format!("id{file}"),
            name: name.to_owned(),
            ..Segment::default()
        }
    }

    /// Which of the records are taken: `None` is the refusal.
    fn taken(pick: Pick, records: &[(u64, &str, &str)]) -> Vec<Option<bool>> {
        let mut chooser = Chooser::new(pick);
        let article = |name: &'static str| (!name.is_empty()).then_some(name);
        records
            .iter()
            .map(|&(file, name, yenc)| {
                let yenc = article(Box::leak(yenc.to_owned().into_boxed_str()));
                chooser.wants(&of(file, name), yenc).ok()
            })
            .collect()
    }

    #[test]
    fn names_patterns_and_indexes() {
        let films: [(u64, &str, &str); 3] =
            [(0, "a.nfo", ""), (1, "B.mkv", ""), (2, "x1", "c [1].mkv")];
        let (yes, no) = (Some(true), Some(false));
        for (pick, wanted) in [
            (name("B.mkv"), [no, yes, no]),
            (name("b*"), [no, yes, no]),
            (name("c [1].mkv"), [no, no, yes]),
            (name("x1"), [no, no, yes]),
            (name("c ["), [no, no, no]),
            (name("*.mkv"), [no, yes, no]),
            (name("?.*"), [yes, None, no]),
            (Pick::Index(1), [no, yes, no]),
            (Pick::Only, [yes, None, None]),
        ] {
            let shown = format!("{pick:?}");
            assert_eq!(taken(pick, &films), wanted, "{shown}");
        }
    }

    // A hostile article names itself like the file that the NZB means.
    #[test]
    fn the_name_in_an_article_does_not_stand_against_the_nzbs() {
        let records = [(0, "film.mkv", ""), (1, "other", "film.mkv")];
        assert_eq!(taken(name("film.mkv"), &records), [Some(true), Some(false)]);
        let records = [(1, "other", "film.mkv"), (0, "film.mkv", "")];
        assert_eq!(taken(name("film.mkv"), &records), [Some(true), None]);
    }

    #[test]
    fn without_a_digest_the_name_tells_files_apart() {
        let bare = |name: &str| Segment {
            name: name.to_owned(),
            ..Segment::default()
        };
        assert!(is_same(&bare("a"), &bare("a")) && !is_same(&bare("a"), &bare("b")));
        let mut renamed = of(1, "other name");
        assert!(is_same(&of(1, "a"), &renamed));
        renamed.job = "k".to_owned();
        assert!(!is_same(&of(1, "a"), &renamed));
    }

    #[test]
    fn what_there_is_instead_is_told() {
        let mut chooser = Chooser::new(name("none"));
        for n in 0..20 {
            chooser.wants(&of(n, &format!("f{n}")), None).unwrap();
            chooser.wants(&of(n, &format!("f{n}")), None).unwrap();
        }
        let told = chooser.not_found().to_string();
        assert!(
            told.contains("\"f0\", \"f1\"") && !told.contains("f8"),
            "{told}"
        );
    }
}
