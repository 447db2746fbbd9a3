//! The first pass: the whole text is read once, checked, and boiled down to
//! what [`crate::File`] shows.

use std::ffi::OsStr;

use crate::digest::Tally;
use crate::error::{Error, shown};
use crate::feed::Feed;
use crate::input::{Input, Intake, Text};
use crate::item::{Entry, Head, Item};
use crate::job;
use crate::merge::{Merger, Note};
use crate::name::file_name;
use crate::scan::Scanner;
use crate::segments::Segments;
use crate::shelf::{Seen, Shelf};
use crate::warnings::Warnings;
use crate::{File, Layout, Limits, Nzb, Place};

/// See [`Nzb::open`].
pub fn open(input: Input, given: Option<&OsStr>, limits: &Limits) -> Result<Nzb, Error> {
    let mut scanner = Scanner::new(Feed::new(Intake::new(input, limits)?, 0), None);
    let mut pass = Pass::new(limits);
    loop {
        match scanner.next()? {
            Item::End => break,
            item => pass.take(item, &mut scanner)?,
        }
    }
    let intake = scanner.into_chunks();
    if intake.mended() {
        pass.warnings
            .add(|| "some bytes are not UTF-8 and were read as windows-1252".into());
    }
    let (text, job) = intake.finish()?;
    pass.resolve(&text)?;
    let name = job::name(&pass.meta, given).unwrap_or_else(|| format!("job-{}", &job[..12]));
    let password = job::password(&pass.meta, given);
    Ok(Nzb {
        job,
        name,
        password,
        meta: pass.meta,
        files: pass.files,
        warnings: pass.warnings.finish(),
        text,
    })
}

struct Pass<'l> {
    limits: &'l Limits,
    meta: Vec<(String, String)>,
    files: Vec<File>,
    draft: Option<Draft>,
    /// Entries of the draft.
    shelf: Shelf,
    /// Files whose segments have to be looked at again.
    uncounted: Vec<usize>,
    warnings: Warnings,
    segments: u64,
    text: u64,
}

/// The file being read.
struct Draft {
    file: File,
    merger: Merger,
    tally: Tally,
    /// The shelf was full before, and in order: its entries are counted.
    begun: bool,
    /// The shelf was full before, and in disorder: its entries are gone.
    spilled: bool,
}

impl<'l> Pass<'l> {
    fn new(limits: &'l Limits) -> Pass<'l> {
        Pass {
            limits,
            meta: Vec::new(),
            files: Vec::new(),
            draft: None,
            shelf: Shelf::default(),
            uncounted: Vec::new(),
            warnings: Warnings::default(),
            segments: 0,
            text: 0,
        }
    }

    fn take(&mut self, item: Item, scanner: &mut Scanner<Intake>) -> Result<(), Error> {
        match item {
            Item::Meta(kind) => {
                let text = scanner.text().to_owned();
                self.keep_text(kind.len() + text.len(), scanner)?;
                self.meta.push((kind, text));
            }
            Item::File(head) => {
                self.keep_text(head.subject.len() + head.poster.len(), scanner)?;
                check(
                    "files",
                    self.files.len() as u64 + 1,
                    self.limits.files,
                    scanner,
                )?;
                scanner.feed_mut().begin_sum();
                self.shelf.reset();
                self.draft = Some(Draft::new(self.files.len(), head));
            }
            Item::Group => self.group(scanner)?,
            Item::Segment(entry) => self.segment(&entry, scanner)?,
            Item::FileEnd => self.file_end(scanner),
            Item::End => {}
        }
        Ok(())
    }

    fn keep_text(&mut self, octets: usize, scanner: &Scanner<Intake>) -> Result<(), Error> {
        // An empty element costs memory too.
        self.text += octets as u64 + 64;
        check(
            "bytes of subjects, posters, groups and meta",
            self.text,
            self.limits.text,
            scanner,
        )
    }

    fn group(&mut self, scanner: &Scanner<Intake>) -> Result<(), Error> {
        let name = scanner.text();
        self.keep_text(name.len(), scanner)?;
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            self.warnings
                .add(|| format!("line {}: no newsgroup: \"{}\"", scanner.line(), shown(name)));
        } else {
            draft.file.groups.push(name.to_owned());
        }
        Ok(())
    }

    fn segment(&mut self, entry: &Entry, scanner: &Scanner<Intake>) -> Result<(), Error> {
        self.segments += 1;
        check("segments", self.segments, self.limits.segments, scanner)?;
        if entry.silly_bytes {
            self.warnings.add(|| {
                format!(
                    "line {}: a segment's size is impossible, taken as unknown",
                    scanner.line()
                )
            });
        }
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        draft.file.declared += 1;
        if draft.spilled {
            self.shelf.see(entry);
            return Ok(());
        }
        self.shelf.push(entry, scanner.text());
        if self.shelf.is_full() && self.shelf.seen() == Seen::Rising {
            draft.count(&mut self.shelf, &mut self.warnings);
            draft.begun = true;
        } else if self.shelf.is_full() {
            self.shelf.clear();
            draft.spilled = true;
        }
        Ok(())
    }

    fn file_end(&mut self, scanner: &Scanner<Intake>) {
        let Some(mut draft) = self.draft.take() else {
            return;
        };
        draft.file.place.crc = scanner.feed().sum();
        let kept = !draft.spilled && !draft.begun;
        draft.file.place.layout = match self.shelf.seen() {
            Seen::Rising => Layout::Ordered,
            Seen::Unnumbered => Layout::Ordinal,
            Seen::Mixed if kept => Layout::Sorted,
            Seen::Mixed => Layout::Indexed,
        };
        match draft.file.place.layout {
            Layout::Ordinal => self.shelf.renumber(),
            Layout::Sorted => self.shelf.sort(),
            _ => {}
        }
        self.remark(&draft.file);
        if kept || draft.file.place.layout == Layout::Ordered {
            draft.count(&mut self.shelf, &mut self.warnings);
            draft
                .merger
                .finish()
                .iter()
                .for_each(|segment| draft.tally.add(segment));
            settle(&mut draft.file, draft.tally);
        } else {
            self.uncounted.push(draft.file.index);
        }
        self.files.push(draft.file);
    }

    fn remark(&mut self, file: &File) {
        let text = match (file.place.layout, file.declared) {
            (Layout::Ordinal, _) => "no segment has a usable number, the document's order counts",
            (_, 0) => "there are no segments",
            _ => return,
        };
        self.warnings
            .add(|| format!("file {}: {text}", file.index + 1));
    }

    /// Counts the files that were too big to be sorted while they were read.
    fn resolve(&mut self, text: &Text) -> Result<(), Error> {
        // Its memory is needed for the index now.
        self.shelf = Shelf::default();
        for &index in &self.uncounted {
            let file = &mut self.files[index];
            let mut tally = Tally::default();
            let mut segments = Segments::new(text, file)?;
            let warnings = &mut self.warnings;
            while let Some(segment) =
                segments.next_noted(&mut |number, note| warn(warnings, file.index, number, note))
            {
                tally.add(&segment?);
            }
            settle(file, tally);
        }
        Ok(())
    }
}

impl Draft {
    fn new(index: usize, head: Head) -> Draft {
        let (name, name_from) = file_name(&head.subject, index);
        let place = Place {
            offset: head.offset,
            ..Place::default()
        };
        let (subject, poster, date) = (head.subject, head.poster, head.date);
        let file = File {
            index,
            name,
            name_from,
            subject,
            poster,
            date,
            place,
            ..File::default()
        };
        Draft {
            file,
            merger: Merger::default(),
            tally: Tally::default(),
            begun: false,
            spilled: false,
        }
    }

    /// Counts what is on the shelf and empties it.
    fn count(&mut self, shelf: &mut Shelf, warnings: &mut Warnings) {
        let (merger, tally, file) = (&mut self.merger, &mut self.tally, self.file.index);
        shelf.drain(|raw| {
            let done = merger.push(raw, &mut |number, note| warn(warnings, file, number, note));
            done.iter().for_each(|segment| tally.add(segment));
        });
    }
}

fn settle(file: &mut File, tally: Tally) {
    file.segments = tally.count;
    file.bytes = tally.bytes;
    file.file_id = tally.file_id();
}

fn check(
    what: &'static str,
    count: u64,
    limit: u64,
    scanner: &Scanner<Intake>,
) -> Result<(), Error> {
    match count > limit {
        true => Err(Error::Limit {
            line: scanner.line(),
            what,
            limit,
        }),
        false => Ok(()),
    }
}

fn warn(warnings: &mut Warnings, file: usize, number: u64, note: Note) {
    let at = format_args!("file {}, segment {number}", file + 1);
    warnings.add(|| match note {
        Note::Duplicate => format!("{at}: listed twice with the same message-id"),
        Note::Dropped(bad) => format!("{at}: another message-id is dropped: {bad}"),
        Note::TooMany => format!("{at}: too many message-ids, one is dropped"),
    });
}
