//! The hostile inputs, each with its number in the catalogue and what is to become of it. The
//! lie is in one article of three unless the row says otherwise.

use super::case::{Body, Case};
use crate::corpus::Post;
use crate::script::Act;

/// What becomes of the film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// It is whole: 0.
    Right,
    /// An article is damaged by its own headers and checksum: 1.
    Damaged,
    /// An article is well by itself, but does not fit among the others: 1.
    Refused(&'static str),
    /// All of it is there, but nothing proves it: 1.
    Unverified,
    /// There is a hole: 1.
    Hole,
    /// An id that is never asked for: 1.
    Unasked,
    /// Another time it may come: 75.
    Later,
    /// All in one process the other id is asked for, 0; a pipe has no way back, 1.
    RightIfFused,
}

pub type Row = (&'static str, Want, fn(&mut Case));

use Want::{Damaged, Hole, Later, Refused, Right, RightIfFused, Unasked, Unverified};

const OVERLAP: Want = Refused("overlap");
const BEYOND: Want = Refused("out-of-range");

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    ("all is well", Right, |_| {}),
    // Around the block.
    ("Y01 prose before the block", Right, |c| c.lie().before = b"Hi all\r\n\r\n".to_vec()),
    ("Y01 headers without a blank line", Right, |c| c.lie().before = b"Subject: =ybegin \r\n".to_vec()),
    ("Y02 byte order mark", Right, |c| c.lie().before = b"\xef\xbb\xbf".to_vec()),
    ("Y02 tabs", Right, |c| c.all(|b| b.begin = b.begin.replace(' ', "\t"))),
    ("Y03 plain text", Damaged, |c| *c.lie() = Body::only(b"Removed by request.\r\n")),
    ("Y03 HTML", Damaged, |c| *c.lie() = Body::only(b"<html>=ybegin</html>\r\n")),
    ("Y03 nothing", Damaged, |c| *c.lie() = Body::only(b"")),
    ("Y04 UUencode among yEnc", Damaged, |c| *c.lie() = Body::only(b"begin 644 film.bin\r\n#0V%T\r\n`\r\nend\r\n")),
    ("Y04 base64", Damaged, |c| *c.lie() = Body::only(b"Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n")),
    ("Y05 no =yend", Damaged, |c| c.lie().end.clear()),
    ("Y06 a byte short", Damaged, |c| { c.lie().data.remove(100); }),
    ("Y06 cut within =yend", Damaged, |c| c.lie().end = b"=yen\r\n".to_vec()),
    ("Y06 cut within the checksum", Unverified, |c| { let b = c.lie(); let n = b.end.len() - 3; b.end.truncate(n); b.end.extend(b"\r\n"); b.flip(); }),
    // Where it says it lies.
    ("Y07 part without =ypart", Damaged, |c| c.lie().part.clear()),
    ("Y08 =ypart without part=", Right, |c| c.lie().header("part", "-")),
    ("Y09 =ypart before =ybegin", Right, |c| { let b = c.lie(); std::mem::swap(&mut b.begin, &mut b.part); }),
    ("Y10 =ypart without end=", Damaged, |c| c.lie().part = "=ypart begin=3001\r\n".to_owned()),
    ("Y11 begin behind end", Damaged, |c| c.lie().range(6000, 3001)),
    ("Y12 begin=0", Damaged, |c| c.lie().range(0, 2999)),
    // A guess that all is shifted would move bytes to wrong places: `=ypart` decides.
    ("Y12 counted from 0 throughout", Damaged, |c| for n in 0..3 { c.bodies[n].range(n * 3000, n * 3000 + 2999); }),
    ("Y12 off by one, down", OVERLAP, |c| c.lie().range(3000, 5999)),
    ("Y12 off by one, up", OVERLAP, |c| c.lie().range(3002, 6001)),
    ("Y13 range shorter than the data", Damaged, |c| c.lie().range(3001, 5999)),
    ("Y13 range longer than the data", Damaged, |c| c.lie().range(3001, 6001)),
    ("Y14 1 TiB", BEYOND, |c| c.lie().range((1_u64 << 40) + 1, (1_u64 << 40) + 3000)),
    ("Y14 1 TiB, size fits", BEYOND, |c| { c.lie().range((1_u64 << 40) + 1, (1_u64 << 40) + 3000); c.lie().header("size", "1099511630776"); }),
    ("Y14 1 TiB, all sizes fit", BEYOND, |c| { c.lie().range((1_u64 << 40) + 1, (1_u64 << 40) + 3000); c.all(|b| b.header("size", "1099511630776")); }),
    ("Y14 2^63-1", BEYOND, |c| c.lie().range((1_u64 << 63) - 3000, (1_u64 << 63) - 1)),
    ("Y14 2^63", Damaged, |c| c.lie().range((1_u64 << 63) - 2999, 1_u64 << 63)),
    ("Y14 2^64-1", Damaged, |c| c.lie().range(u64::MAX - 2999, u64::MAX)),
    ("Y14 20 digits", Damaged, |c| c.lie().range("99999999999999999999", "99999999999999999999")),
    ("Y14 16 MiB", Hole, |c| c.lie().range((16 << 20) + 1, (16 << 20) + 3000)),
    ("Y14 right behind the end", Hole, |c| c.lie().range(9001, 12000)),
    ("Y15 size= smaller than the range", Right, |c| c.lie().header("size", "4000")),
    ("Y15 size= smaller, all", Right, |c| c.all(|b| b.header("size", "4000"))),
    ("Y16 overlap, other bytes", OVERLAP, |c| c.lie().range(1501, 4500)),
    // The parts have to tile the file; one that reaches into its neighbour does not.
    ("Y16 overlap, the same bytes", OVERLAP, |c| { let data = c.film.data[2500..5500].to_vec(); overlap(c, 2500, &data); }),
    ("Y16 all of it in one part", OVERLAP, |c| { let data = c.film.data.clone(); overlap(c, 0, &data); }),
    ("Y17 a gap", Hole, |c| { let data = c.film.data[3000..5000].to_vec(); overlap(c, 3000, &data); }),
    // Which part of which file it is.
    ("another part than asked for", OVERLAP, |c| { let next = c.at % 3; *c.lie() = c.bodies[next].clone(); }),
    // Number and offset say which it is, not what it calls itself.
    ("another part's number, own range", Right, |c| { let n = (c.at % 3 + 1).to_string(); c.lie().header("part", &n); c.lie().trailer("part", &n); }),
    // Their headers are as consistent as those of the film: they are in doubt, and unproven.
    ("another file of the job, same geometry", Unverified, |c| { other(c); let post = &c.others[0]; *c.lie() = Body::of(&post.article(c.at)); }),
    ("a file outside the job, same geometry", Unverified, |c| { let post = Post::new("stranger.bin", 9_000, 3_000); *c.lie() = Body::of(&post.article(c.at)); }),
    ("a larger file outside the job", Unverified, |c| { let post = Post::new("stranger.bin", 90_000, 3_000); *c.lie() = Body::of(&post.article(c.at)); }),
    ("a file of one part outside the job", OVERLAP, |c| { let post = Post::new("stranger.bin", 3_000, 3_000); *c.lie() = Body::of(&post.article(1)); }),
    ("Y18 one id for two numbers", OVERLAP, |c| { let next = c.at % 3; c.segments[next].1 = c.id(c.at); }),
    ("Y18 two ids, both right", Right, |c| { let body = c.lie().bytes(); c.alternate(body); }),
    ("Y18 two ids, the first is missing", Right, |c| { let body = c.lie().bytes(); c.alternate(body); c.act(Act::missing()); }),
    ("Y18 two ids, the first is damaged", Right, |c| { let body = c.lie().bytes(); c.alternate(body); c.lie().flip(); }),
    ("Y18 two ids, the first lies elsewhere", RightIfFused, |c| { let body = c.lie().bytes(); c.alternate(body); c.lie().range(1501, 4500); }),
    ("Y18 two ids, the second is another file's", Right, |c| { let post = Post::new("stranger.bin", 9_000, 3_000); let body = post.article(c.at).body(); c.alternate(body); }),
    ("Y18 two ids, both are damaged", Damaged, |c| { c.lie().flip(); let body = c.lie().bytes(); c.alternate(body); }),
    // Sizes.
    ("Y19 =yend size wrong, checksum right", Right, |c| c.lie().trailer("size", "3001")),
    ("Y19 =yend size wrong, no checksum", Damaged, |c| c.lie().end("=yend size=3001 part=2")),
    ("Y20 =yend size of the file", Right, |c| c.lie().trailer("size", "9000")),
    // Where all parts agree, and be it one, that there is more, the file is incomplete.
    ("Y21 single part, size wrong, checksum right", Hole, |c| c.posted(vec![7; 3_000], 3_000).header("size", "3001")),
    ("Y21 single part, size wrong, no checksum", Damaged, |c| { let b = c.posted(vec![7; 3_000], 3_000); b.header("size", "3001"); b.trailer("crc32", "-"); }),
    ("Y22 no size", Right, |c| c.all(|b| b.header("size", "-"))),
    ("Y22 size=0", Right, |c| c.all(|b| b.header("size", "0"))),
    ("Y22 size=-1", Right, |c| c.all(|b| b.header("size", "-1"))),
    ("Y22 size of 21 digits", Right, |c| c.all(|b| b.header("size", "999999999999999999999"))),
    ("Y22 size=2^64", Right, |c| c.all(|b| b.header("size", "18446744073709551616"))),
    ("Y22 size=2^63-1 in one", Right, |c| c.lie().header("size", "9223372036854775807")),
    // All parts agree that the NZB is short.
    ("Y22 size=2^63-1 in all", Hole, |c| c.all(|b| b.header("size", "9223372036854775807"))),
    ("Y22 size=20 MB in one", Right, |c| c.lie().header("size", "20000000")),
    ("Y22 a byte more in all", Hole, |c| c.all(|b| b.header("size", "9001"))),
    // Checksums.
    ("Y23 pcrc32 wrong", Damaged, |c| c.lie().trailer("pcrc32", "00000000")),
    ("Y23 a bit flipped", Damaged, |c| c.lie().flip()),
    ("Y24 only crc32, equal", Right, |c| crc_only(c, |crc| crc)),
    ("Y24 only crc32, another", Unverified, |c| crc_only(c, |crc| crc ^ 1)),
    ("Y25 crc32 of the whole is wrong, one", Right, |c| c.article(|a| a.whole = Some(7))),
    ("Y25 crc32 of the whole is wrong, all", Right, |c| c.articles(|a| a.whole = Some(7))),
    ("Y26 no checksum", Unverified, |c| c.lie().trailer("pcrc32", "-")),
    ("Y26 no checksum, a bit flipped", Unverified, |c| { c.lie().trailer("pcrc32", "-"); c.lie().flip(); }),
    ("Y27 pcrc32 empty, a bit flipped", Unverified, |c| { c.lie().trailer("pcrc32", ""); c.lie().flip(); }),
    ("Y27 pcrc32 is no hex", Unverified, |c| c.lie().trailer("pcrc32", "0123456g")),
    ("Y27 pcrc32 of three digits", Unverified, |c| c.lie().trailer("pcrc32", "084")),
    ("Y27 pcrc32=0", Unverified, |c| c.lie().trailer("pcrc32", "0")),
    ("Y28 64 bits", Right, |c| crc_as(c, |crc| format!("ffffffff{crc:08x} "))),
    ("Y28 64 bits, wrong", Damaged, |c| crc_as(c, |crc| format!("ffffffff{:08x}", crc ^ 1))),
    ("Y28 0x and upper case", Right, |c| crc_as(c, |crc| format!("0X{crc:08X}"))),
    ("Y28 17 digits", Unverified, |c| crc_as(c, |crc| format!("000000000{crc:08x}"))),
    ("Y29 pcrc32 wrong, crc32 right", Damaged, |c| crc_as(c, |crc| format!("{:08x} crc32={crc:08x}", crc ^ 1))),
    // Contradictions and decoys.
    ("Y30 part of =ybegin and of =yend differ", Damaged, |c| c.lie().trailer("part", "17")),
    ("Y31 part=0", Right, |c| { c.lie().header("part", "0"); c.lie().trailer("part", "0"); }),
    ("Y31 part above total", Right, |c| c.lie().header("total", "1")),
    ("Y31 total=0", Right, |c| c.lie().header("total", "0")),
    ("Y31 no total", Right, |c| c.all(|b| b.header("total", "-"))),
    ("Y31 decoy total in one", Right, |c| c.lie().header("total", "77")),
    ("Y31 decoy total in all", Right, |c| c.all(|b| b.header("total", "77"))),
    // Nothing tells it from an article of another file.
    ("decoy name in one", Unverified, |c| c.article(|a| a.name = "decoy.bin")),
    ("decoy name, size and total in one", Right, |c| { c.article(|a| a.name = "decoy.bin"); c.lie().header("size", "4711"); c.lie().header("total", "77"); }),
    ("decoy names, all different", Right, |c| for n in 0..3 { let b = &mut c.bodies[n]; b.begin = b.begin.replace("film", &format!("decoy{n}")); }),
    ("Y32 two =ybegin", Damaged, |c| { let b = c.lie(); b.begin = b.begin.repeat(2); }),
    ("Y32 two =ypart", Damaged, |c| { let b = c.lie(); b.part = format!("=ypart begin=1 end=3000\r\n{}", b.part); }),
    ("Y33 two blocks", Right, |c| { let more = c.bodies[c.at % 3].bytes(); c.lie().end.extend(more); }),
    ("Y34 a signature", Right, |c| c.lie().end.extend(b"-- \r\nme\r\n=yend size=1 crc32=0\r\n")),
    // It can only be the answer to what was not asked: that connection is never trusted again.
    ("Y34 junk behind the dot", Later, |c| c.lie().end.extend(b".\r\njunk\r\n222 0 <x@y>\r\n")),
    ("Y35 an early =yend", Damaged, |c| { let b = c.lie(); let at = b.data.iter().position(|&b| b == b'\n').unwrap(); b.data.splice(at + 1..at + 1, *b"=yend size=0\r\n"); }),
    // Names.
    ("Y36 a name with fields", Right, |c| c.articles(|a| a.name = "a size=1 part=9 \"x\" = .bin")),
    ("Y36 a name with blanks", Right, |c| c.all(|b| b.begin = b.begin.replace("film", "fi lm "))),
    ("Y37 a name that is a way up", Right, |c| c.articles(|a| a.name = "../../../film.bin")),
    ("Y37 a name with NUL and ESC", Right, |c| c.articles(|a| a.name = "fi\0lm\u{1b}[2J.bin")),
    ("Y38 no name", Right, |c| c.all(|b| { let at = b.begin.find(" name=").unwrap(); b.begin.truncate(at); b.begin += "\r\n"; })),
    ("Y39 a header of 1 MiB", Damaged, |c| { let b = c.lie(); b.begin = b.begin.replace("\r\n", &("n".repeat(1 << 20) + "\r\n")); }),
    // Lines and bytes.
    ("Y40 line=0", Right, |c| c.lie().header("line", "0")),
    ("Y40 line=2^64", Right, |c| c.lie().header("line", "18446744073709551616")),
    ("Y40 lines of other lengths", Right, |c| { let b = c.lie(); let at = b.data.windows(2).position(|w| w.iter().all(|b| b.is_ascii_alphanumeric())).unwrap(); b.data.splice(at + 1..at + 1, *b"\r\n"); }),
    ("Y41 a lone = at the end of a line", Right, |c| { let b = c.lie(); let at = b.data.windows(3).position(|w| w[0].is_ascii_alphanumeric() && w[1] == b'\r').unwrap(); b.data.insert(at + 1, b'='); }),
    ("Y43 dots at the start of each line", Right, |c| { c.posted(vec![4; 9_000], 3_000); }),
    ("Y44 =y that is data", Right, |c| { let b = c.posted(vec![15; 9_000], 3_000); b.data.splice(..1, *b"=y"); }),
    ("Y45 all bytes", Right, |c| { c.posted((0..=255).cycle().take(9_000).collect(), 3_000); }),
    ("Y45 all is escaped", Right, |c| { c.posted([0xd6, 0xe0, 0xe3, 0x13].into_iter().cycle().take(9_000).collect(), 3_000); }),
    ("Y46 a stray CR", Right, |c| { let b = c.lie(); let at = b.data.windows(2).position(|w| w.iter().all(|b| b.is_ascii_alphanumeric())).unwrap(); b.data.insert(at + 1, b'\r'); }),
    ("Y47 parts of one byte", Right, |c| { c.posted(b"abc".to_vec(), 1); }),
    ("Y48 an empty file", Right, |c| { c.posted(Vec::new(), 3_000); }),
    ("Y48 an empty part", Damaged, |c| { overlap(c, 3000, &[]); }),
    // As Y21: its own size is what all parts agree on.
    ("Y49 20 MB of nine bytes", Hole, |c| c.posted(b"nine byte".to_vec(), 9).header("size", "20000000")),
    // The server.
    ("430", Hole, |c| c.act(Act::missing())),
    ("cut in mid-body, always", Later, |c| c.act(Act::Cut(1_500))),
    ("211, then the body", Later, |c| { let body = String::from_utf8_lossy(&c.lie().bytes()).into_owned(); c.act(Act::Reply(format!("211 0 <x>\r\n{body}."))); }),
    ("222 for another id, own body", Damaged, |c| c.act(Act::Named("other@hostile.example".to_owned()))),
    // Ids that are commands. They never reach the server.
    ("an id with CR LF as character references", Unasked, |c| inject(c, "x@y&gt;&#13;&#10;LIST&#13;&#10;BODY &lt;z@y")),
    ("an id with a raw line end", Unasked, |c| inject(c, "x@y&gt;\nLIST\nBODY &lt;z@y")),
    ("an id with a line end in CDATA", Unasked, |c| inject(c, "<![CDATA[x@y>\nLIST\nBODY <z@y]]>")),
];

fn overlap(c: &mut Case, offset: usize, data: &[u8]) {
    let (number, total) = (c.at, 3);
    let post = Post::with("film.bin", data.to_vec(), data.len().max(1));
    let mut article = post.article(1);
    (article.number, article.total, article.size) = (number, total, 9_000);
    article.range = offset..offset + data.len();
    *c.lie() = Body::of(&article);
}

fn other(c: &mut Case) {
    c.others.push(Post::new("other.bin", 9_000, 3_000));
}

fn crc(c: &Case) -> u32 {
    crc32fast::hash(&c.film.data[c.film.range(c.at)])
}

fn crc_as(c: &mut Case, text: impl Fn(u32) -> String) {
    let text = text(crc(c));
    c.lie().trailer("pcrc32", &text);
}

fn crc_only(c: &mut Case, value: impl Fn(u32) -> u32) {
    let value = value(crc(c));
    let at = c.at;
    c.lie()
        .end(&format!("=yend size=3000 part={at} crc32={value:08x}"));
}

fn inject(c: &mut Case, id: &str) {
    c.raw = true;
    let at = c.at;
    c.segments[at - 1].1 = id.to_owned();
}
