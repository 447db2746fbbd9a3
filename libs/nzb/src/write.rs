//! Writing an NZB: head first, then file by file, segment by segment, nothing
//! kept in memory.

use std::borrow::Cow;
use std::io::Write;

use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::{Error, message_id};

const DOCTYPE: &str =
    r#"nzb PUBLIC "-//newzBin//DTD NZB 1.1//EN" "http://www.newzbin.com/DTD/nzb/nzb-1.1.dtd""#;
const NAMESPACE: &str = "http://www.newzbin.com/DTD/2003/nzb";

/// What is said of a file before its segments.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head<'a> {
    /// Subject of the posts; readers look for the file's name in quotes.
    pub subject: &'a str,
    /// Poster, mostly `name <address>`.
    pub poster: &'a str,
    /// Seconds since 1970; 0 is written for `None`, readers expect a number.
    pub date: Option<i64>,
    /// Newsgroups posted to.
    pub groups: &'a [String],
}

/// Writes an NZB. Text is escaped; characters that XML cannot hold become
/// U+FFFD. Without [`Writer::finish`] the document is not complete.
pub struct Writer<W: Write> {
    xml: quick_xml::Writer<W>,
    open: Open,
}

/// The element that is open inside of `<nzb>`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Head,
    File,
    /// Nothing, but files were written.
    Closed,
}

impl<W: Write> Writer<W> {
    /// Begins a document.
    pub fn new(inner: W) -> Result<Writer<W>, Error> {
        let mut xml = quick_xml::Writer::new_with_indent(inner, b' ', 1);
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.write_event(Event::DocType(BytesText::from_escaped(DOCTYPE)))?;
        xml.write_event(Event::Start(
            BytesStart::new("nzb").with_attributes([("xmlns", NAMESPACE)]),
        ))?;
        Ok(Writer {
            xml,
            open: Open::Nothing,
        })
    }

    /// Writes one `<meta type="kind">text</meta>`. Only before the files.
    pub fn meta(&mut self, kind: &str, text: &str) -> Result<(), Error> {
        match self.open {
            Open::Nothing => self
                .xml
                .write_event(Event::Start(BytesStart::new("head")))?,
            Open::Head => {}
            Open::File | Open::Closed => return Err(Error::Order("meta after a file")),
        }
        self.open = Open::Head;
        self.element("meta", &[("type", &clean(kind))], text)
    }

    /// Begins a file; what was open before is ended.
    pub fn file(&mut self, head: &Head<'_>) -> Result<(), Error> {
        self.close()?;
        let date = head.date.unwrap_or(0).to_string();
        let (poster, subject) = (clean(head.poster), clean(head.subject));
        let attributes = [("poster", &*poster), ("date", &date), ("subject", &subject)];
        self.xml.write_event(Event::Start(
            BytesStart::new("file").with_attributes(attributes),
        ))?;
        self.xml
            .write_event(Event::Start(BytesStart::new("groups")))?;
        for group in head.groups {
            self.element("group", &[], group)?;
        }
        self.xml.write_event(Event::End(BytesEnd::new("groups")))?;
        self.xml
            .write_event(Event::Start(BytesStart::new("segments")))?;
        self.open = Open::File;
        Ok(())
    }

    /// Writes a segment of the file begun last. `bytes` is the article's
    /// encoded size, `id` its message-id, with or without angle brackets.
    pub fn segment(&mut self, number: u64, bytes: Option<u64>, id: &str) -> Result<(), Error> {
        if self.open != Open::File {
            return Err(Error::Order("a segment outside of a file"));
        }
        let id = message_id(id)?;
        let (bytes, number) = (bytes.map(|bytes| bytes.to_string()), number.to_string());
        match &bytes {
            Some(bytes) => self.element("segment", &[("bytes", bytes), ("number", &number)], id),
            None => self.element("segment", &[("number", &number)], id),
        }
    }

    /// Ends the document and gives the inner writer back, flushed.
    pub fn finish(mut self) -> Result<W, Error> {
        self.close()?;
        self.xml.write_event(Event::End(BytesEnd::new("nzb")))?;
        let mut inner = self.xml.into_inner();
        inner.write_all(b"\n")?;
        inner.flush()?;
        Ok(inner)
    }

    fn close(&mut self) -> Result<(), Error> {
        let names: &[&str] = match self.open {
            Open::Nothing | Open::Closed => &[],
            Open::Head => &["head"],
            Open::File => &["segments", "file"],
        };
        for name in names {
            self.xml.write_event(Event::End(BytesEnd::new(*name)))?;
        }
        self.open = Open::Closed;
        Ok(())
    }

    fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        text: &str,
    ) -> Result<(), Error> {
        let element = self
            .xml
            .create_element(name)
            .with_attributes(attributes.iter().copied());
        element.write_text_content(BytesText::new(&clean(text)))?;
        Ok(())
    }
}

/// Text without what XML 1.0 §2.2 forbids. Line ends and tabs would not
/// survive in an attribute and become spaces.
fn clean(text: &str) -> Cow<'_, str> {
    let bad = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    if !text.contains(bad) {
        return Cow::Borrowed(text);
    }
    let mend = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        c if bad(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    Cow::Owned(text.chars().map(mend).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Input, Limits, Nzb};

    fn read(bytes: Vec<u8>) -> Nzb {
        Nzb::open(
            Input::Stream(Box::new(std::io::Cursor::new(bytes))),
            None,
            Limits::default(),
        )
        .unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let groups = ["alt.binaries.test".to_string(), "a.b".into()];
        let subject = "a & b <\"x' ü.bin\"> yEnc (1/2)";
        let head = Head {
            subject,
            poster: "p <p@x>",
            date: Some(1_700_000_000),
            groups: &groups,
        };
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer.meta("title", "T & T").unwrap();
        writer.meta("password", "<&\"'>").unwrap();
        writer.file(&head).unwrap();
        writer.segment(1, Some(1000), "a&b@x").unwrap();
        writer.segment(2, None, "<c@x>").unwrap();
        writer
            .file(&Head {
                subject: "bad\0\n\u{1b}",
                ..Head::default()
            })
            .unwrap();
        let mut nzb = read(writer.finish().unwrap());

        assert_eq!((nzb.name(), nzb.password()), ("T & T", Some("<&\"'>")));
        let file = &nzb.files()[0];
        assert_eq!(
            (&*file.subject, &*file.poster, file.date),
            (subject, "p <p@x>", Some(1_700_000_000))
        );
        assert_eq!(
            (&file.groups[..], file.segments, file.bytes),
            (&groups[..], 2, Some(1000))
        );
        assert_eq!(nzb.files()[1].subject, "bad\u{fffd} \u{fffd}");
        let ids: Vec<_> = nzb
            .segments(0)
            .unwrap()
            .map(|s| s.unwrap().id.unwrap())
            .collect();
        assert_eq!(ids, ["a&b@x", "c@x"]);
    }

    #[test]
    fn an_empty_document_is_complete() {
        let nzb = read(Writer::new(Vec::new()).unwrap().finish().unwrap());
        assert!(nzb.files().is_empty());
        assert_eq!(nzb.warnings(), [""; 0]);
    }

    #[test]
    fn misuse_is_refused() {
        let mut writer = Writer::new(Vec::new()).unwrap();
        assert!(matches!(
            writer.segment(1, None, "a@b"),
            Err(Error::Order(_))
        ));
        writer.file(&Head::default()).unwrap();
        assert!(matches!(writer.meta("a", "b"), Err(Error::Order(_))));
        assert!(matches!(writer.segment(1, None, "a b"), Err(Error::Id(_))));
    }
}
