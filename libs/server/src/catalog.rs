//! What is on offer: files in a fixed order, cut into numbered articles, and
//! the jobs (NZBs) they belong to. Filled once by `scan`, then only read; it
//! touches no file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::Config;
use crate::article::{self, Article};

/// All files, and the article numbers and message-ids that lead to them.
pub(crate) struct Catalog {
    pub(crate) files: Vec<Entry>,
    pub(crate) jobs: Vec<Job>,
    /// Articles in the group; their numbers are 1 to this.
    pub(crate) articles: u64,
    pub(crate) article_size: u64,
    pub(crate) group: String,
    pub(crate) poster: String,
    pub(crate) domain: String,
    missing_percent: f64,
    by_digest: HashMap<u64, usize>,
}

/// A file on offer.
pub(crate) struct Entry {
    /// Its place among all files.
    pub(crate) index: usize,
    pub(crate) path: PathBuf,
    /// Last component of the path without control characters: the yEnc name.
    pub(crate) name: Vec<u8>,
    /// The name as text for a subject, without the quotes that enclose it there.
    pub(crate) title: String,
    pub(crate) stamp: Stamp,
    /// Names the file in message-ids; 48 bits.
    pub(crate) digest: u64,
    /// Number of its first article in the group.
    pub(crate) first: u64,
    pub(crate) parts: u64,
    /// Index of the job, and the place in it, from 1.
    pub(crate) job: usize,
    pub(crate) place: usize,
}

/// One NZB: a file or a directory at the top.
pub(crate) struct Job {
    /// Name without `.nzb`.
    pub(crate) name: OsString,
    pub(crate) files: Range<usize>,
}

/// What shows that a file is still the one that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    /// Time of the last change, seconds since 1970 and nanoseconds.
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: i64,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Stamp {
        Stamp {
            size: metadata.size(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// A file as `scan` reports it.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Path below the served directory, and its last component.
    pub(crate) relative: Vec<u8>,
    pub(crate) name: Vec<u8>,
    pub(crate) stamp: Stamp,
}

impl Catalog {
    pub(crate) fn new(config: &Config) -> Catalog {
        Catalog {
            files: Vec::new(),
            jobs: Vec::new(),
            articles: 0,
            article_size: config.article_size as u64,
            group: config.group.clone(),
            poster: config.poster.clone(),
            domain: config.domain.clone(),
            missing_percent: config.missing_percent,
            by_digest: HashMap::new(),
        }
    }

    /// Adds a job with its files, in the order given.
    pub(crate) fn add(&mut self, name: OsString, files: Vec<Found>) {
        let start = self.files.len();
        for (index, found) in files.into_iter().enumerate() {
            let digest = self.free_digest(&found);
            self.by_digest.insert(digest, self.files.len());
            // A file without bytes is one article without bytes.
            let parts = found.stamp.size.div_ceil(self.article_size).max(1);
            let name = clean(found.name);
            self.files.push(Entry {
                index: self.files.len(),
                path: found.path,
                title: String::from_utf8_lossy(&name).replace('"', "'"),
                name,
                stamp: found.stamp,
                digest,
                first: self.articles + 1,
                parts,
                job: self.jobs.len(),
                place: index + 1,
            });
            self.articles += parts;
        }
        let files = start..self.files.len();
        self.jobs.push(Job { name, files });
    }

    /// Path, size, time and cut decide, so that a changed file has new ids and
    /// an unchanged one keeps them. The salt is for two files that collide.
    fn free_digest(&self, found: &Found) -> u64 {
        let Stamp {
            size,
            seconds,
            nanoseconds,
            ..
        } = found.stamp;
        let numbers = [size as i64, seconds, nanoseconds, self.article_size as i64];
        let numbers = numbers.map(i64::to_le_bytes).concat();
        (0u64..)
            .map(|salt| {
                let salt = salt.to_le_bytes();
                article::digest(article::hash([&found.relative[..], &[0], &numbers, &salt]))
            })
            .find(|digest| !self.by_digest.contains_key(digest))
            .unwrap_or_default()
    }

    /// The article with a number; `None` when there is none, or when it plays
    /// the missing one.
    pub(crate) fn by_number(&self, number: u64) -> Option<Article<'_>> {
        if !(1..=self.articles).contains(&number) {
            return None;
        }
        let index = self.files.partition_point(|file| file.first <= number) - 1;
        let file = &self.files[index];
        let part = number - file.first + 1;
        self.unless_lost(Article {
            catalog: self,
            file,
            part,
        })
    }

    /// The article with a message-id (without `<>`); `None` as for numbers.
    pub(crate) fn by_id(&self, id: &str) -> Option<Article<'_>> {
        let (part, digest) = article::parse_id(id, &self.domain)?;
        let file = &self.files[*self.by_digest.get(&digest)?];
        let article = Article {
            catalog: self,
            file,
            part,
        };
        if part > file.parts {
            return None;
        }
        self.unless_lost(article)
    }

    /// The message-id alone decides, so that a run can be repeated.
    fn unless_lost<'a>(&self, article: Article<'a>) -> Option<Article<'a>> {
        if self.missing_percent <= 0.0 {
            return Some(article);
        }
        let drawn = article::hash([article.id().as_bytes()]) >> 11;
        let percent = drawn as f64 / (1u64 << 53) as f64 * 100.0;
        (percent >= self.missing_percent).then_some(article)
    }
}

/// A name is one header line and one `=ybegin` line.
fn clean(mut name: Vec<u8>) -> Vec<u8> {
    for byte in &mut name {
        if byte.is_ascii_control() {
            *byte = b'_';
        }
    }
    name
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn found(name: &str, size: u64) -> Found {
        Found {
            path: name.into(),
            relative: name.into(),
            name: name.into(),
            stamp: Stamp {
                size,
                seconds: 7,
                nanoseconds: 0,
                device: 1,
                inode: size,
            },
        }
    }

    fn empty(change: fn(&mut Config)) -> Catalog {
        let mut config = Config::new("files");
        config.article_size = 10;
        config.domain = "x.invalid".into();
        change(&mut config);
        Catalog::new(&config)
    }

    /// `a.bin` (25 bytes, articles 1–3), `empty` (4) in one job, `c` (5) alone.
    pub(crate) fn sample() -> Catalog {
        let mut catalog = empty(|_| ());
        catalog.add("first".into(), vec![found("a.bin", 25), found("empty", 0)]);
        catalog.add("c".into(), vec![found("c", 10)]);
        catalog
    }

    #[test]
    fn numbers_run_through_all_files() {
        let catalog = sample();
        assert_eq!(catalog.articles, 5);
        let at = |number| {
            let article = catalog.by_number(number)?;
            Some((article.file.title.as_str(), article.part, article.len()))
        };
        assert_eq!(at(0), None);
        assert_eq!(at(1), Some(("a.bin", 1, 10)));
        assert_eq!(at(3), Some(("a.bin", 3, 5)));
        assert_eq!(at(4), Some(("empty", 1, 0)));
        assert_eq!(at(5), Some(("c", 1, 10)));
        assert_eq!(at(6), None);
    }

    #[test]
    fn parts_beyond_the_file_do_not_exist() {
        let catalog = sample();
        let id = catalog.by_number(3).unwrap().id();
        assert!(catalog.by_id(&id).is_some());
        assert!(catalog.by_id(&id.replacen('3', "4", 1)).is_none());
        assert!(catalog.by_id("1.000000000000@x.invalid").is_none());
    }

    #[test]
    fn ids_depend_on_path_size_time_and_cut() {
        let digest = |found: Found| empty(|_| ()).free_digest(&found);
        let base = digest(found("a", 5));
        assert_eq!(base, digest(found("a", 5)));
        assert_ne!(base, digest(found("b", 5)));
        assert_ne!(base, digest(found("a", 6)));
        let mut touched = found("a", 5);
        touched.stamp.nanoseconds = 1;
        assert_ne!(base, digest(touched));
        let coarser = empty(|config| config.article_size = 20);
        assert_ne!(base, coarser.free_digest(&found("a", 5)));
    }

    #[test]
    fn two_files_that_collide_get_different_ids() {
        let mut catalog = empty(|_| ());
        catalog.add("twice".into(), vec![found("a", 5), found("a", 5)]);
        assert_ne!(catalog.files[0].digest, catalog.files[1].digest);
    }

    #[test]
    fn about_the_percentage_asked_for_is_missing_and_always_the_same() {
        let mut catalog = empty(|config| config.missing_percent = 30.0);
        catalog.add("a".into(), vec![found("a", 100_000)]);
        let present = |catalog: &Catalog| -> Vec<u64> {
            (1..=10_000)
                .filter(|n| catalog.by_number(*n).is_some())
                .collect()
        };
        let first = present(&catalog);
        assert!((6_800..7_200).contains(&first.len()), "{}", first.len());
        assert_eq!(first, present(&catalog));
        catalog.missing_percent = 100.0;
        assert!(present(&catalog).is_empty());
    }

    #[test]
    fn names_lose_what_would_break_a_line() {
        let mut catalog = empty(|_| ());
        catalog.add("a".into(), vec![found("a\r\n\"b\".bin", 5)]);
        assert_eq!(catalog.files[0].name, b"a__\"b\".bin");
        assert_eq!(catalog.files[0].title, "a__'b'.bin");
    }
}
