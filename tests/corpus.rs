//! What the tests download: files made from seeds, cut into yEnc articles, and the
//! NZBs that list them.
//!
//! The encoder is written from the yEnc draft and shares no code with the programs,
//! so that a mistake common to their encoder and decoder shows. Serving articles is
//! left to `server`.

use std::fmt::Write as _;
use std::ops::Range;

/// A file as it was posted.
pub struct Post {
    /// The name in the subject and in the articles.
    pub name: String,
    /// The file's bytes.
    pub data: Vec<u8>,
    part: usize,
}

impl Post {
    /// A file of `size` bytes that look random and follow from `name`, in articles
    /// of `part` bytes.
    pub fn new(name: &str, size: usize, part: usize) -> Post {
        let mut state = u64::from(crc32fast::hash(name.as_bytes()));
        let mut data = Vec::with_capacity(size + 8);
        while data.len() < size {
            data.extend_from_slice(&splitmix(&mut state).to_le_bytes());
        }
        data.truncate(size);
        Post::with(name, data, part)
    }

    /// A file with these bytes.
    pub fn with(name: &str, data: Vec<u8>, part: usize) -> Post {
        Post {
            name: name.to_owned(),
            data,
            part,
        }
    }

    /// The number of articles.
    pub fn parts(&self) -> usize {
        self.data.len().div_ceil(self.part).max(1)
    }

    /// The message-id of article `number`, from 1.
    pub fn id(&self, number: usize) -> String {
        let tag = crc32fast::hash(self.name.as_bytes());
        format!("{number}.{tag:08x}@corpus.example")
    }

    /// The bytes of the file that article `number` carries.
    pub fn range(&self, number: usize) -> Range<usize> {
        let start = (number - 1) * self.part;
        start..self.data.len().min(start + self.part)
    }

    /// What the trailer and headers of article `number` say, and its data.
    pub fn article(&self, number: usize) -> Article<'_> {
        let range = self.range(number);
        let data = &self.data[range.clone()];
        Article {
            name: &self.name,
            size: self.data.len(),
            number,
            total: self.parts(),
            range,
            data,
            crc: Some(crc32fast::hash(data)),
            whole: None,
        }
    }

    /// The file with zeros where the articles `numbers` would have been.
    pub fn with_holes(&self, numbers: &[usize]) -> Vec<u8> {
        let mut data = self.data.clone();
        for &number in numbers {
            data[self.range(number)].fill(0);
        }
        data
    }
}

pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One article; every field can be made a lie before it is encoded.
#[derive(Clone)]
pub struct Article<'a> {
    /// `=ybegin name=`.
    pub name: &'a str,
    /// `=ybegin size=`: that of the whole file.
    pub size: usize,
    /// `=ybegin part=`.
    pub number: usize,
    /// `=ybegin total=`; 1 makes a single-part article, without `=ypart`.
    pub total: usize,
    /// `=ypart`, but counted from 0 with an exclusive end.
    pub range: Range<usize>,
    /// The bytes.
    pub data: &'a [u8],
    /// `pcrc32=`, or `crc32=` of a single part.
    pub crc: Option<u32>,
    /// `crc32=` of a part: that of the whole file.
    pub whole: Option<u32>,
}

impl Article<'_> {
    /// The body: dot-stuffed lines with CR LF, without the line that ends it.
    pub fn body(&self) -> Vec<u8> {
        let mut out = self.head().into_bytes();
        lines(self.data, &mut out);
        out.extend_from_slice(self.trailer().as_bytes());
        out
    }

    fn head(&self) -> String {
        let Article {
            name,
            size,
            number,
            total,
            range,
            ..
        } = self;
        if *total == 1 {
            return format!("=ybegin line=128 size={size} name={name}\r\n");
        }
        format!(
            "=ybegin part={number} total={total} line=128 size={size} name={name}\r\n\
             =ypart begin={} end={}\r\n",
            range.start + 1,
            range.end
        )
    }

    fn trailer(&self) -> String {
        let mut text = format!("=yend size={}", self.data.len());
        let key = if self.total == 1 { "crc32" } else { "pcrc32" };
        if self.total != 1 {
            let _ = write!(text, " part={}", self.number);
        }
        if let Some(crc) = self.crc {
            let _ = write!(text, " {key}={crc:08x}");
        }
        if let Some(whole) = self.whole {
            let _ = write!(text, " crc32={whole:08x}");
        }
        text + "\r\n"
    }
}

/// yEnc draft 1.3: add 42, escape NUL, LF, CR and `=`; lines of 128 characters.
fn lines(data: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    for &byte in data {
        let code = byte.wrapping_add(42);
        match code {
            0 | b'\n' | b'\r' | b'=' => {
                out.extend_from_slice(&[b'=', code.wrapping_add(64)]);
                column += 2;
            }
            // RFC 3977 section 3.1.1: a line that begins with a dot gets a second.
            b'.' if column == 0 => {
                out.extend_from_slice(b"..");
                column += 1;
            }
            _ => {
                out.push(code);
                column += 1;
            }
        }
        if column >= 128 {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
    }
    if column > 0 {
        out.extend_from_slice(b"\r\n");
    }
}

/// `body` with one bit of its data changed on the wire, so that still every byte
/// is an ordinary one.
pub fn flipped(body: &[u8]) -> Vec<u8> {
    let ordinary = |byte: u8| !matches!(byte, 0 | b'\n' | b'\r' | b'=' | b'.' | b'y');
    let at = (body.len() / 2..body.len())
        .find(|&i| ordinary(body[i]) && ordinary(body[i] ^ 1) && ordinary(body[i - 1]))
        .unwrap();
    let mut body = body.to_vec();
    body[at] ^= 1;
    body
}

/// An NZB under construction.
pub struct Nzb {
    head: String,
    files: String,
}

impl Nzb {
    /// An NZB without files.
    pub fn new() -> Nzb {
        Nzb {
            head: String::new(),
            files: String::new(),
        }
    }

    /// An NZB that lists `posts`.
    pub fn of(posts: &[&Post]) -> Nzb {
        posts.iter().fold(Nzb::new(), |nzb, post| nzb.post(post))
    }

    /// Adds all articles of `post`.
    pub fn post(self, post: &Post) -> Nzb {
        let segments: Vec<_> = (1..=post.parts())
            .map(|number| (number, post.id(number)))
            .collect();
        let subject = format!("[1/1] - \"{}\" yEnc (1/{})", post.name, post.parts());
        self.file(&subject, &segments)
    }

    /// Adds a file with these numbers and message-ids.
    pub fn file(self, subject: &str, segments: &[(usize, String)]) -> Nzb {
        let escaped: Vec<_> = segments
            .iter()
            .map(|(number, id)| (*number, escape(id)))
            .collect();
        self.raw(&escape(subject), &escaped)
    }

    /// Adds a file whose subject and message-ids are XML already.
    pub fn raw(mut self, subject: &str, segments: &[(usize, String)]) -> Nzb {
        let _ = write!(
            self.files,
            "  <file poster=\"tests &lt;t@corpus.example&gt;\" date=\"1750000000\" \
             subject=\"{subject}\">\n    <groups><group>alt.binaries.test</group></groups>\n    \
             <segments>\n"
        );
        for (number, id) in segments {
            let _ = writeln!(
                self.files,
                "      <segment bytes=\"1000\" number=\"{number}\">{id}</segment>"
            );
        }
        self.files += "    </segments>\n  </file>\n";
        self
    }

    /// Adds a `<meta>` to the head.
    pub fn meta(mut self, kind: &str, value: &str) -> Nzb {
        let _ = writeln!(
            self.head,
            "    <meta type=\"{kind}\">{}</meta>",
            escape(value)
        );
        self
    }

    /// The document.
    pub fn text(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE nzb PUBLIC \"-//newzBin//DTD NZB 1.1//EN\" \
             \"http://www.newzbin.com/DTD/nzb/nzb-1.1.dtd\">\n\
             <nzb xmlns=\"http://www.newzbin.com/DTD/2003/nzb\">\n  <head>\n{}  </head>\n{}</nzb>\n",
            self.head, self.files
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
