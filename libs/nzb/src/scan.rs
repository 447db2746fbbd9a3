//! From XML events to the items of an NZB. Both passes use it, so they cannot
//! disagree about what the text says.

use std::borrow::Cow;
use std::io::{self, BufRead};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::chunks::Chunks;
use crate::entity;
use crate::error::{Error, Fault, shown};
use crate::feed::Feed;
use crate::field::Field;
use crate::item::{Element, Entry, Head, Item};
use crate::plain::plain;
use crate::{MAX_DEPTH, MAX_FIELD};

/// Attributes of one element; the parser compares each with all.
const MAX_ATTRIBUTES: usize = 64;

/// Sizes above are no article's: the field's articles have less than 1 MiB.
const MAX_BYTES: u64 = 1 << 30;

/// What a document ends inside of that has declarations and comments only.
const PROLOG: &str = "the prolog";

/// Pulls [`Item`]s out of text.
pub struct Scanner<C> {
    reader: Reader<Feed<C>>,
    buf: Vec<u8>,
    /// Elements the scanner began inside of: the second pass starts there.
    within: Option<Element>,
    stack: Vec<Element>,
    field: Field,
    entry: Entry,
    meta: String,
    root_seen: bool,
    /// Nothing but white space so far.
    blank: bool,
    /// A segment was read to its end: the parser holds back nothing, and another segment may
    /// follow.
    behind_segment: bool,
}

impl<C: Chunks> Scanner<C> {
    /// Scans a document from its start, or from within an element.
    pub fn new(feed: Feed<C>, within: Option<Element>) -> Scanner<C> {
        let mut reader = Reader::from_reader(feed);
        let config = reader.config_mut();
        // Real subjects have "AT&T".
        config.allow_dangling_amp = true;
        config.expand_empty_elements = true;
        Scanner {
            reader,
            buf: Vec::with_capacity(4096),
            within,
            stack: Vec::with_capacity(8),
            field: Field::default(),
            entry: Entry::default(),
            meta: String::new(),
            root_seen: within.is_some(),
            blank: true,
            behind_segment: false,
        }
    }

    /// The text of the item just returned.
    pub fn text(&self) -> &str {
        self.field.text()
    }

    /// Line the scanner has reached.
    pub fn line(&self) -> u64 {
        self.feed().line()
    }

    /// The buffer it reads from.
    pub fn feed(&self) -> &Feed<C> {
        self.reader.get_ref()
    }

    /// The buffer it reads from.
    pub fn feed_mut(&mut self) -> &mut Feed<C> {
        self.reader.get_mut()
    }

    /// The source.
    pub fn into_chunks(self) -> C {
        self.reader.into_inner().into_chunks()
    }

    /// The next item. After [`Item::End`] or an error there is none.
    pub fn next(&mut self) -> Result<Item, Error> {
        if self.behind_segment && self.plain_segment() {
            return Ok(Item::Segment(self.entry));
        }
        let mut buf = std::mem::take(&mut self.buf);
        let item = loop {
            buf.clear();
            match self.step(&mut buf) {
                Ok(None) => continue,
                Ok(Some(item)) => break Ok(item),
                Err(error) => break Err(error),
            }
        };
        self.buf = buf;
        self.behind_segment = matches!(item, Ok(Item::Segment(_)));
        item
    }

    /// Reads a segment without the parser, if there is a plain one; where none is, nothing
    /// has happened.
    fn plain_segment(&mut self) -> bool {
        let feed = self.reader.get_mut();
        let Some(found) = plain(feed.buffered()) else {
            return false;
        };
        self.entry = Entry {
            offset: feed.offset() + found.before as u64,
            number: found.number.filter(|&number| number > 0),
            ..Entry::default()
        };
        if let Some(bytes) = found.bytes {
            self.entry.bytes = Some(bytes).filter(|bytes| (1..=MAX_BYTES).contains(bytes));
            self.entry.silly_bytes = self.entry.bytes.is_none();
        }
        self.field.clear();
        self.field.push_literal(found.text);
        let len = found.len;
        feed.consume(len);
        true
    }

    fn step(&mut self, buf: &mut Vec<u8>) -> Result<Option<Item>, Error> {
        self.reader.get_mut().begin_event();
        let offset = self.reader.get_ref().offset();
        let event = self.reader.read_event_into(buf);
        if self.reader.get_ref().event_len() > MAX_FIELD as u64 {
            return Err(self.too_long());
        }
        self.blank &= matches!(event, Ok(Event::Text(_) | Event::Eof));
        match event {
            Ok(Event::Start(tag)) => self.start(&tag, offset),
            Ok(Event::End(_)) => Ok(self.end()),
            Ok(Event::Text(text)) => self.raw_text(&text),
            Ok(Event::CData(text)) => self.literal(&text),
            Ok(Event::GeneralRef(name)) => self.reference(&name),
            Ok(Event::DocType(text)) => self.doctype(&text),
            Ok(Event::Eof) => self.eof(),
            Ok(Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Empty(_)) => Ok(None),
            Err(error) => Err(self.xml_error(error)),
        }
    }

    fn parent(&self) -> Option<Element> {
        self.stack.last().copied().or(self.within)
    }

    fn start(&mut self, tag: &BytesStart<'_>, offset: u64) -> Result<Option<Item>, Error> {
        let name = tag.name().into_inner();
        let element = match self.parent() {
            Some(parent) => parent
                .child(name)
                .map_err(|reason| self.malformed(reason))?,
            None => self.root(name)?,
        };
        if self.stack.len() >= MAX_DEPTH {
            let (line, limit) = (self.line(), MAX_DEPTH as u64);
            return Err(Error::Limit {
                line,
                what: "elements open at once",
                limit,
            });
        }
        self.stack.push(element);
        if element.holds_text() {
            self.field.clear();
        }
        self.attributes(element, tag, offset)
    }

    fn root(&mut self, name: &str) -> Result<Element, Error> {
        if self.root_seen {
            return Err(self.malformed(format!("<{}> after the end of the NZB", shown(name))));
        }
        if name != "nzb" {
            return Err(self.not_nzb(&format!("<{name}>")));
        }
        self.root_seen = true;
        Ok(Element::Nzb)
    }

    /// Attributes are checked everywhere and used where they mean something.
    /// Those with a prefix (`x:subject`) never do.
    fn attributes(
        &mut self,
        element: Element,
        tag: &BytesStart<'_>,
        offset: u64,
    ) -> Result<Option<Item>, Error> {
        let mut head = Head {
            offset,
            ..Head::default()
        };
        // Not for elements inside of a segment or meta: its own still count.
        match element {
            Element::Segment => {
                self.entry = Entry {
                    offset,
                    ..Entry::default()
                }
            }
            Element::Meta => self.meta.clear(),
            _ => {}
        }
        for (count, attribute) in tag.attributes().enumerate() {
            let attribute = attribute.map_err(|e| self.malformed(e.to_string()))?;
            let key = attribute.key.into_inner();
            if count >= MAX_ATTRIBUTES || key.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(self.malformed(format!("bad attribute \"{}\"", shown(key))));
            }
            let value = entity::attribute(&attribute.value);
            match (element, key) {
                (Element::File, _) => file_attribute(&mut head, key, value),
                (Element::Segment, _) => segment_attribute(&mut self.entry, key, &value),
                (Element::Meta, "type") => self.meta = value.trim().to_owned(),
                _ => {}
            }
        }
        Ok((element == Element::File).then_some(Item::File(head)))
    }

    fn end(&mut self) -> Option<Item> {
        let element = self.stack.pop()?;
        if element.holds_text() {
            self.field.finish();
        }
        match element {
            Element::Meta => Some(Item::Meta(std::mem::take(&mut self.meta))),
            Element::Group => Some(Item::Group),
            Element::Segment => Some(Item::Segment(self.entry)),
            Element::File => Some(Item::FileEnd),
            _ => None,
        }
    }

    fn raw_text(&mut self, text: &str) -> Result<Option<Item>, Error> {
        if self.wants_text(text)? {
            self.field.push_raw(text);
            self.check_field()?;
        }
        Ok(None)
    }

    fn literal(&mut self, text: &str) -> Result<Option<Item>, Error> {
        if self.wants_text(text)? {
            self.field.push_literal(text);
            self.check_field()?;
        }
        Ok(None)
    }

    /// Unknown names stay as they stand: nothing declared is expanded.
    fn reference(&mut self, name: &str) -> Result<Option<Item>, Error> {
        if self.wants_text("&")? {
            match entity::resolve(name) {
                Some(c) => self.field.push_literal(c.encode_utf8(&mut [0; 4])),
                None => self.field.push_literal(&format!("&{name};")),
            }
            self.check_field()?;
        }
        Ok(None)
    }

    /// True if text counts here. Outside the root there must not be any.
    fn wants_text(&self, text: &str) -> Result<bool, Error> {
        match self.parent() {
            Some(element) => Ok(element.holds_text()),
            None if text.trim().is_empty() => Ok(false),
            None if self.root_seen => Err(self.malformed("text after the end of the NZB".into())),
            None => Err(self.not_nzb(text)),
        }
    }

    fn check_field(&self) -> Result<(), Error> {
        match self.field.text().len() > MAX_FIELD {
            true => Err(self.too_long()),
            false => Ok(()),
        }
    }

    /// An internal subset that declares entities is refused: the classic bomb
    /// is one, and no NZB has a use for it. External ones are never fetched.
    fn doctype(&self, text: &str) -> Result<Option<Item>, Error> {
        if text.contains("<!ENTITY") {
            return Err(Error::Entities { line: self.line() });
        }
        match text
            .get(..4)
            .is_some_and(|name| name.eq_ignore_ascii_case("html"))
        {
            true => Err(self.not_nzb(&format!("<!DOCTYPE {text}>"))),
            false => Ok(None),
        }
    }

    fn eof(&self) -> Result<Option<Item>, Error> {
        match self.parent() {
            Some(element) => Err(Error::Truncated {
                line: self.line(),
                inside: element.name().into(),
            }),
            None if self.root_seen => Ok(Some(Item::End)),
            None if self.blank => Err(Error::Empty),
            None => Err(Error::Truncated {
                line: self.line(),
                inside: PROLOG.into(),
            }),
        }
    }

    fn xml_error(&self, error: quick_xml::Error) -> Error {
        let line = self.line();
        match error {
            quick_xml::Error::Io(e) => Error::from_io(unshare(&e), line),
            quick_xml::Error::Syntax(_) if self.feed().is_at_end() => {
                let inside = self.parent().map_or(PROLOG, Element::name).into();
                Error::Truncated { line, inside }
            }
            other if !self.root_seen => self.not_nzb(&other.to_string()),
            other => self.malformed(other.to_string()),
        }
    }

    fn malformed(&self, reason: String) -> Error {
        Error::Malformed {
            line: self.line(),
            reason,
        }
    }

    fn not_nzb(&self, found: &str) -> Error {
        Error::NotNzb {
            line: self.line(),
            found: shown(found.trim()),
        }
    }

    fn too_long(&self) -> Error {
        Error::from_io(Fault::Field.into(), self.line())
    }
}

fn file_attribute(head: &mut Head, key: &str, value: Cow<'_, str>) {
    match key {
        "subject" => head.subject = value.into_owned(),
        "poster" => head.poster = value.into_owned(),
        "date" => head.date = value.trim().parse().ok().filter(|&date: &i64| date > 0),
        _ => {}
    }
}

fn segment_attribute(entry: &mut Entry, key: &str, value: &str) {
    match key {
        "number" => entry.number = positive(value, u64::MAX),
        "bytes" => {
            entry.bytes = positive(value, MAX_BYTES);
            entry.silly_bytes = entry.bytes.is_none();
        }
        _ => {}
    }
}

/// A number from 1 to `max`.
fn positive(text: &str, max: u64) -> Option<u64> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| (1..=max).contains(number))
}

/// The parser shares its I/O errors so that it can clone them; ours are not.
fn unshare(error: &io::Error) -> io::Error {
    match (Fault::of(error), error.raw_os_error()) {
        (Some(fault), _) => fault.into(),
        (None, Some(code)) => io::Error::from_raw_os_error(code),
        (None, None) => io::Error::new(error.kind(), error.to_string()),
    }
}
