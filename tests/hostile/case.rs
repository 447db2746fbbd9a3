//! One hostile input under construction: a job of a few small files, what its articles say,
//! and what the server answers instead.

use crate::corpus::{Article, Nzb, Post, flipped};
use crate::script::{Act, Script};

/// An article taken apart; each field is whole lines.
#[derive(Clone)]
pub struct Body {
    /// What stands before the block.
    pub before: Vec<u8>,
    /// `=ybegin`.
    pub begin: String,
    /// `=ypart`; empty in a single-part article.
    pub part: String,
    /// The encoded lines.
    pub data: Vec<u8>,
    /// `=yend`, and what stands behind it.
    pub end: Vec<u8>,
}

impl Body {
    pub fn of(article: &Article<'_>) -> Body {
        let body = article.body();
        let line = |from: usize| {
            let end = body[from..].iter().position(|&b| b == b'\n').unwrap();
            from + end + 1
        };
        let text = |range| String::from_utf8(Vec::from(&body[range])).unwrap();
        let begin = line(0);
        let part = match body[begin..].starts_with(b"=ypart") {
            true => line(begin),
            false => begin,
        };
        let end = body.windows(6).rposition(|w| w == b"=yend ").unwrap();
        Body {
            before: Vec::new(),
            begin: text(0..begin),
            part: text(begin..part),
            data: body[part..end].to_vec(),
            end: body[end..].to_vec(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let (begin, part) = (self.begin.as_bytes(), self.part.as_bytes());
        [&self.before[..], begin, part, &self.data, &self.end].concat()
    }

    /// Nothing but this.
    pub fn only(text: &[u8]) -> Body {
        Body {
            before: text.to_vec(),
            begin: String::new(),
            part: String::new(),
            data: Vec::new(),
            end: Vec::new(),
        }
    }

    /// `=ypart`, as it stands there.
    pub fn range(&mut self, begin: impl ToString, end: impl ToString) {
        let (begin, end) = (begin.to_string(), end.to_string());
        self.part = format!("=ypart begin={begin} end={end}\r\n");
    }

    /// What the header says of `key`, which has a number.
    pub fn header(&mut self, key: &str, value: &str) {
        self.begin = with(&self.begin, key, value);
    }

    /// What the trailer says of `key`.
    pub fn trailer(&mut self, key: &str, value: &str) {
        let end = String::from_utf8(std::mem::take(&mut self.end)).unwrap();
        self.end = with(&end, key, value).into_bytes();
    }

    /// The trailer, as it stands there.
    pub fn end(&mut self, line: &str) {
        self.end = format!("{line}\r\n").into_bytes();
    }

    /// One bit of the data is another one.
    pub fn flip(&mut self) {
        self.data = flipped(&self.data);
    }
}

/// `line` with another value of `key`; ` key=…` is left out if the value is `-`.
fn with(line: &str, key: &str, value: &str) -> String {
    let at = line.find(&format!(" {key}=")).unwrap();
    let rest = &line[at + 1..];
    let len = rest.find([' ', '\r']).unwrap();
    let field = match value {
        "-" => String::new(),
        value => format!(" {key}={value}"),
    };
    format!("{}{field}{}", &line[..at], &rest[len..])
}

/// A job with a lie in it.
pub struct Case {
    /// The file that is lied about.
    pub film: Post,
    /// The article that lies.
    pub at: usize,
    /// What the articles of the film are, from number 1.
    pub bodies: Vec<Body>,
    /// Which ids the NZB has for the film.
    pub segments: Vec<(usize, String)>,
    /// More files of the job.
    pub others: Vec<Post>,
    /// The ids of the NZB are XML already.
    pub raw: bool,
    tag: String,
    acts: Vec<(String, Act)>,
    extra: Vec<(String, Vec<u8>)>,
}

impl Case {
    /// A film of three parts; all is well. `tag` makes its ids the only ones.
    pub fn new(tag: &str, at: usize) -> Case {
        Case::of(tag, at, Post::new("film.bin", 9_000, 3_000))
    }

    fn of(tag: &str, at: usize, film: Post) -> Case {
        let numbers = 1..=film.parts();
        Case {
            at,
            bodies: numbers
                .clone()
                .map(|n| Body::of(&film.article(n)))
                .collect(),
            segments: numbers.map(|n| (n, id(tag, n))).collect(),
            others: Vec::new(),
            raw: false,
            tag: tag.to_owned(),
            acts: Vec::new(),
            extra: Vec::new(),
            film,
        }
    }

    /// The same with a film of other bytes.
    pub fn posted(&mut self, data: Vec<u8>, part: usize) -> &mut Body {
        let film = Post::with("film.bin", data, part);
        *self = Case::of(&self.tag, self.at.min(film.parts()), film);
        self.lie()
    }

    /// The article that lies.
    pub fn lie(&mut self) -> &mut Body {
        &mut self.bodies[self.at - 1]
    }

    /// The lying article is made anew, of what `change` makes of the true one.
    pub fn article(&mut self, change: impl FnOnce(&mut Article<'_>)) {
        let mut article = self.film.article(self.at);
        change(&mut article);
        self.bodies[self.at - 1] = Body::of(&article);
    }

    /// All articles are made anew.
    pub fn articles(&mut self, change: impl Fn(&mut Article<'_>)) {
        for number in 1..=self.film.parts() {
            let mut article = self.film.article(number);
            change(&mut article);
            self.bodies[number - 1] = Body::of(&article);
        }
    }

    /// `change` in all articles.
    pub fn all(&mut self, change: impl Fn(&mut Body)) {
        self.bodies.iter_mut().for_each(change);
    }

    /// The id of article `number`.
    pub fn id(&self, number: usize) -> String {
        id(&self.tag, number)
    }

    /// Every request for the lying article is answered so.
    pub fn act(&mut self, act: Act) {
        self.acts.push((self.id(self.at), act));
    }

    /// The NZB has a second id for the lying number, behind the first one; there is this.
    pub fn alternate(&mut self, body: Vec<u8>) {
        let id = format!("alternate.{}", self.id(self.at));
        self.segments.insert(self.at, (self.at, id.clone()));
        self.extra.push((id, body));
    }

    /// Sizes in the NZB are what the largest article has.
    pub fn nzb(&self) -> String {
        let subject = "\"film.bin\" yEnc (1/3)";
        let nzb = match self.raw {
            true => Nzb::new().raw("&quot;film.bin&quot; yEnc (1/3)", &self.segments),
            false => Nzb::new().file(subject, &self.segments),
        };
        let other = |nzb: Nzb, (at, post): (usize, &Post)| {
            let ids = (1..=post.parts()).map(|n| (n, self.other(at, n)));
            nzb.file(&format!("\"{}\"", post.name), &ids.collect::<Vec<_>>())
        };
        let nzb = self.others.iter().enumerate().fold(nzb, other);
        nzb.text().replace("bytes=\"1000\"", "bytes=\"3200\"")
    }

    fn other(&self, at: usize, number: usize) -> String {
        format!("other{at}.{}", self.id(number))
    }

    /// The server with the lies.
    pub fn poor(&self, mut script: Script) -> Script {
        for (number, body) in self.bodies.iter().enumerate() {
            script = script.article(&self.id(number + 1), body.bytes());
        }
        for (id, body) in &self.extra {
            script = script.article(id, body.clone());
        }
        for (id, act) in &self.acts {
            script = script.always(id, act.clone());
        }
        self.beside(script)
    }

    /// A server on which all is as it was posted.
    pub fn rich(&self, mut script: Script) -> Script {
        for number in 1..=self.film.parts() {
            script = script.article(&self.id(number), self.film.article(number).body());
        }
        self.beside(script)
    }

    fn beside(&self, mut script: Script) -> Script {
        for (at, post) in self.others.iter().enumerate() {
            for number in 1..=post.parts() {
                let body = post.article(number).body();
                script = script.article(&self.other(at, number), body);
            }
        }
        script
    }

    /// How large a file of the job may be, and how much of it there may be on disk. An article
    /// has 16 MiB at most, and the sizes in an NZB are a hint: a hole may be as large as so
    /// many articles, what is not a hole only as large as these.
    pub fn account(&self) -> (u64, u64) {
        let largest = self.others.iter().map(Post::parts).max();
        let most = self.segments.len().max(largest.unwrap_or(0)) as u64;
        (most << 24, most * 3_200)
    }
}

fn id(tag: &str, number: usize) -> String {
    format!("{tag}.{number}@hostile.example")
}
