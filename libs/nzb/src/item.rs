//! The elements of an NZB and what is read of them.

/// What the scanner found.
#[derive(Debug)]
pub enum Item {
    /// A `<meta>`; [`crate::scan::Scanner::text`] is its text.
    Meta(String),
    /// `<file …>` was read.
    File(Head),
    /// A `<group>`; [`crate::scan::Scanner::text`] is its name.
    Group,
    /// A `<segment>`; [`crate::scan::Scanner::text`] is its message-id.
    Segment(Entry),
    /// `</file>` was read.
    FileEnd,
    /// The document is complete.
    End,
}

/// The attributes of a `<file>`.
#[derive(Debug, Default)]
pub struct Head {
    /// Offset of the `<`.
    pub offset: u64,
    /// As in [`crate::File`].
    pub subject: String,
    /// As in [`crate::File`].
    pub poster: String,
    /// As in [`crate::File`].
    pub date: Option<i64>,
}

/// The attributes of a `<segment>`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// Offset of the `<`.
    pub offset: u64,
    /// `None` if absent or unusable.
    pub number: Option<u64>,
    /// `None` if absent or unusable.
    pub bytes: Option<u64>,
    /// True if there is a size and it is unusable.
    pub silly_bytes: bool,
}

/// Elements that mean something, by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    Nzb,
    Head,
    Meta,
    File,
    Groups,
    Group,
    Segments,
    Segment,
    /// Anything else, and all that is in it.
    Foreign,
}

impl Element {
    /// How messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Element::Nzb => "<nzb>",
            Element::Head => "<head>",
            Element::Meta => "<meta>",
            Element::File => "<file>",
            Element::Groups => "<groups>",
            Element::Group => "<group>",
            Element::Segments => "<segments>",
            Element::Segment => "<segment>",
            Element::Foreign => "an unknown element",
        }
    }

    /// Which element `name` is inside of `self`. Elements with a prefix
    /// (`x:file`) and what they contain are foreign, wherever they stand.
    pub fn child(self, name: &str) -> Result<Element, String> {
        use Element::*;
        match (self, name) {
            (Foreign, _) => Ok(Foreign),
            (Nzb, "head") => Ok(Head),
            (Nzb, "file") => Ok(File),
            (Head, "meta") => Ok(Meta),
            (File, "groups") => Ok(Groups),
            (File, "segments") => Ok(Segments),
            (Groups, "group") => Ok(Group),
            (Segments, "segment") => Ok(Segment),
            (_, "nzb" | "file" | "segments" | "segment") => {
                Err(format!("<{name}> inside {}", self.name()))
            }
            _ => Ok(Foreign),
        }
    }

    /// True if text directly inside means something.
    pub fn holds_text(self) -> bool {
        matches!(self, Element::Meta | Element::Group | Element::Segment)
    }
}
