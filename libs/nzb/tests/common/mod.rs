//! What the tests share: NZBs from short text, and their contents as text.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::io::Cursor;

use nzbpipe_nzb::{BadId, Error, Input, Limits, Nzb, Segment};

/// Reads bytes as a stream.
pub fn open(bytes: impl Into<Vec<u8>>) -> Result<Nzb, Error> {
    open_with(bytes, Limits::default())
}

pub fn open_with(bytes: impl Into<Vec<u8>>, limits: Limits) -> Result<Nzb, Error> {
    Nzb::open(
        Input::Stream(Box::new(Cursor::new(bytes.into()))),
        None,
        limits,
    )
}

/// A document with one file of these segments.
pub fn with_segments(segments: &str) -> String {
    format!(r#"<nzb><file subject="&quot;f&quot;"><segments>{segments}</segments></file></nzb>"#)
}

/// A document with one file of this subject, as it stands in the attribute.
pub fn with_subject(subject: &str) -> String {
    format!(r#"<nzb><file subject="{subject}"><segments/></file></nzb>"#)
}

pub fn segments(nzb: &mut Nzb, file: usize) -> Vec<Segment> {
    nzb.segments(file).unwrap().map(Result::unwrap).collect()
}

/// One word for each segment: `number:bytes:id`, `+alternate` behind it; the
/// reason in place of a bad id.
pub fn show(segments: &[Segment]) -> String {
    let word = |s: &Segment| {
        let bytes = s.bytes.map_or("-".into(), |bytes| bytes.to_string());
        let id =
            s.id.clone()
                .unwrap_or_else(|bad: BadId| format!("!{}", bad.reason()));
        let alternates: String = s.alternates.iter().map(|id| format!("+{id}")).collect();
        format!("{}:{bytes}:{id}{alternates}", s.number)
    };
    segments.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// All files of a document as [`show`] has them.
pub fn show_all(nzb: &mut Nzb) -> Vec<String> {
    (0..nzb.files().len())
        .map(|file| show(&segments(nzb, file)))
        .collect()
}
