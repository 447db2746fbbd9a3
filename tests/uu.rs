//! Posts in UUencode: no checksum, no offsets, and their order in the numbers alone.

use crate::corpus::{Nzb, Post};
use crate::harness::{Job, Scene, both, each};
use crate::run::Done;
use crate::server::{Act, Script, Server};

/// The name in the post, which is not that of the NZB.
const NAME: &str = "x/old film.bin";

/// The articles of a file posted in parts of `lines` lines.
fn articles(data: &[u8], lines: usize) -> Vec<Vec<u8>> {
    let encoded: Vec<String> = data.chunks(45).map(line).collect();
    let chunks: Vec<&[String]> = encoded.chunks(lines).collect();
    let last = chunks.len() - 1;
    let article = |(at, lines): (usize, &&[String])| {
        let mut text = match at {
            0 => "begin 644 old film.bin\r\n".to_owned(),
            _ => format!("[part {} of {}]\r\n\r\n", at + 1, last + 1),
        };
        for line in *lines {
            let stuffing = if line.starts_with('.') { "." } else { "" };
            text += &format!("{stuffing}{line}\r\n");
        }
        if at == last {
            text += "`\r\nend\r\n";
        }
        text.into_bytes()
    };
    chunks.iter().enumerate().map(article).collect()
}

/// POSIX `uuencode`, zeros as graves.
fn line(bytes: &[u8]) -> String {
    let char = |bits: u8| char::from(if bits == 0 { b'`' } else { bits + b' ' });
    let mut text = String::from(char(bytes.len() as u8));
    for three in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|at| three.get(at).copied().unwrap_or(0));
        let bits = [
            a >> 2,
            (a & 3) << 4 | b >> 4,
            (b & 15) << 2 | c >> 6,
            c & 63,
        ];
        text.extend(bits.map(char));
    }
    text
}

fn id(number: usize) -> String {
    format!("{number}.uu@corpus.example")
}

/// Lists `parts` articles, in this order.
fn nzb(t: &Scene, numbers: &[usize]) {
    let segments: Vec<_> = numbers.iter().map(|n| (*n, id(*n))).collect();
    t.write(
        "x.nzb",
        Nzb::new().file("\"film.bin\" (1/3)", &segments).text(),
    );
}

fn script(articles: &[Vec<u8>]) -> Script {
    let numbered = articles.iter().enumerate();
    numbered.fold(Script::of(&[]), |script, (at, body)| {
        script.article(&id(at + 1), body.clone())
    })
}

fn accepting(server: &Server) -> Job {
    Job {
        write: "--accept-unverified".to_owned(),
        ..Job::from(server)
    }
}

/// What is parked in an incomplete file depends on the order of arrival: with one request at a
/// time that is the order of the numbers.
fn one_by_one(server: &Server) -> Job {
    Job {
        fetch: server.flag_with("connections=1&pipeline=1"),
        ..accepting(server)
    }
}

fn film() -> Post {
    Post::new("film.bin", 45 * 25 + 7, 3_000)
}

#[test]
fn a_file_in_one_article() {
    let data = film().data;
    let one = articles(&data, 100);
    both(|t| {
        let server = script(&one).start();
        nzb(t, &[1]);
        let done = t
            .download(&Job::from(&server))
            .code(1)
            .fate("file unverified old film.bin")
            .unfinished("x/film.bin", &data)
            .says("--accept-unverified");
        assert_eq!(server.asked(&id(1)), 1, "no server has a better copy");
        // What is there is not fetched twice.
        t.download(&accepting(&server)).code(0).file(NAME, &data);
        done
    });
    both(|t| {
        let server = script(&one).start();
        nzb(t, &[1]);
        t.download(&accepting(&server)).code(0).file(NAME, &data)
    });
}

#[test]
fn three_articles_in_any_order() {
    let data = film().data;
    let three = articles(&data, 10);
    assert_eq!(three.len(), 3);
    for order in [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ] {
        let t = &Scene::alone();
        let server = script(&three).start();
        nzb(t, &[1, 2, 3]);
        // One connection and one request at a time keep to the order of the segments.
        let flag = server.flag_with("connections=1&pipeline=1");
        let list = t.run("nzb-split x.nzb > all");
        drop(list.code(0));
        let all = String::from_utf8(t.read("all")).unwrap();
        let line = |n: usize| {
            let own = format!("\"id\":\"{}\"", id(n));
            all.lines().find(|line| line.contains(&own)).unwrap()
        };
        let rest = all
            .lines()
            .filter(|line| !line.contains("\"type\":\"segment\""));
        let (head, end): (Vec<_>, Vec<_>) = rest.partition(|l| !l.contains("\"type\":\"end\""));
        let lines = [&head[..], &order.map(line), &end].concat();
        t.write("ordered", lines.join("\n") + "\n");
        t.run(&format!(
            "nntp-fetch {flag} < ordered | yenc-decode | \
                 seg-write --accept-unverified -d out"
        ))
        .code(0)
        .file(NAME, &data);
    }
    both(|t| {
        let server = script(&three).start();
        nzb(t, &[3, 1, 2]);
        t.download(&accepting(&server)).code(0).file(NAME, &data)
    });
    both(|t| {
        let server = script(&three).start();
        nzb(t, &[2, 3, 1]);
        t.download(&Job::from(&server))
            .code(1)
            .fate("file unverified old film.bin")
            .unfinished("x/film.bin", &data)
    });
}

/// The first part is in its place, the third is known and nowhere in its way; with the
/// second, a later run needs nothing else.
#[test]
fn the_middle_is_missing() {
    let data = film().data;
    let three = articles(&data, 10);
    both(|t| {
        let server = script(&three).always(&id(2), Act::missing()).start();
        nzb(t, &[1, 2, 3]);
        let done = t
            .download(&accepting(&server))
            .code(1)
            .fate(&format!("missing film.bin {}", id(2)))
            .fate("file incomplete old film.bin");
        let part = std::fs::read_dir(t.path("out/x"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|end| end == "part"))
            .unwrap();
        let bytes = std::fs::read(part).unwrap();
        assert_eq!(bytes[..450], data[..450]);
        assert!(bytes[450..900].iter().all(|byte| *byte == 0));
        assert_eq!(bytes[900..], data[900..]);
        done
    });
    each(|t| {
        let server = script(&three).always(&id(2), Act::missing()).start();
        nzb(t, &[1, 2, 3]);
        t.download(&accepting(&server)).code(1);
        let again = script(&three).start();
        t.download(&accepting(&again)).code(0).file(NAME, &data);
    });
}

/// Every way in which a UUencoded article shows that it is not whole.
#[test]
fn damage_is_asked_of_the_next_server() {
    let data = film().data;
    let three = articles(&data, 10);
    let change = |number: usize, change: fn(&str) -> String| {
        let text = String::from_utf8(three[number - 1].clone()).unwrap();
        (number, change(&text).into_bytes())
    };
    let bad = [
        change(1, |text| text.replacen("begin", "bogus", 1)),
        change(2, |text| text.replacen("\r\nM", "\r\nMa", 1)),
        change(3, |text| text.replace("`\r\nend\r\n", "")),
        change(3, |text| text[..text.len() / 2].to_owned() + "\r\n"),
    ];
    for (number, body) in bad {
        // Digesting the sparse file that a hole leaves takes longer than all the rest.
        if number == 3 {
            both(|t| {
                let server = script(&three).article(&id(number), body.clone()).start();
                nzb(t, &[1, 2, 3]);
                t.download(&one_by_one(&server))
                    .code(1)
                    .fate("file damaged")
            });
        }
        both(|t| {
            let first = script(&three).article(&id(number), body.clone()).start();
            let second = script(&three).start();
            nzb(t, &[1, 2, 3]);
            t.write(
                "both.toml",
                first.table("name = \"first\"") + &second.table("name = \"second\"\nlevel = 1"),
            );
            let job = Job {
                write: "--accept-unverified".to_owned(),
                ..Job::with("--servers both.toml")
            };
            t.download(&job).code(0).file(NAME, &data)
        });
    }
}

/// An NZB may list less than there is: what is there is not the file.
#[test]
fn an_nzb_without_the_last_article() {
    let data = film().data;
    let three = articles(&data, 10);
    let run = |t: &Scene| -> Done {
        let server = script(&three).start();
        nzb(t, &[1, 2]);
        t.download(&accepting(&server)).code(1).fate("file damaged")
    };
    both(run);
}

/// Zeros as blanks, and the blanks cut off: much more comes out than went in.
#[test]
fn a_file_larger_than_its_article() {
    let data = vec![0; 45 * 20_000];
    let body = format!(
        "begin 644 old film.bin\r\n{}\r\nend\r\n",
        "M\r\n".repeat(20_000)
    );
    both(|t| {
        let server = Script::of(&[])
            .article(&id(1), body.clone().into_bytes())
            .start();
        nzb(t, &[1]);
        t.download(&accepting(&server)).code(0).file(NAME, &data)
    });
}

/// A saved article, with the stuffing of the wire or without it.
#[test]
fn one_article_in_a_file() {
    // Lines of 14 bytes begin with a dot.
    let data = b"fourteen bytes".repeat(3);
    let lines: String = data.chunks(14).map(|chunk| line(chunk) + "\n").collect();
    assert!(lines.starts_with('.'));
    let text = |lines: &str| format!("begin 644 x\n{lines}`\nend\n");
    let stuffed = lines.replace("\n.", "\n..");
    for text in [text(&lines), text(&format!(".{stuffed}"))] {
        let t = &Scene::alone();
        t.write("article", &text);
        t.run("yenc-decode --raw article > part.bin")
            .code(1)
            .says("nothing proves these bytes right");
        assert_eq!(t.read("part.bin"), data);
    }
}

/// Counts, numbers and sizes are only a record's word: none ends the run, or makes a file that
/// no disk takes.
#[test]
fn records_with_impossible_numbers() {
    let t = &Scene::alone();
    let most = u64::MAX;
    let mut stream = b"{\"type\":\"stream\",\"v\":1,\"by\":\"hand\"}\n".to_vec();
    let job = format!("{{\"type\":\"job\",\"job\":\"j\",\"files\":{most},\"bytes\":{most}}}\n");
    stream.extend_from_slice(job.repeat(2).as_bytes());
    let place = |file: usize, number: u64| {
        format!(
            "\"job\":\"j\",\"job_name\":\"x\",\"file\":{file},\"name\":\"{file}.bin\",\
             \"number\":{number},\"of\":{most},\"bytes\":{most}"
        )
    };
    for (file, number) in [(0, 1), (0, 1 << 32), (1, 1 << 40), (1, 1 << 63), (1, most)] {
        let place = place(file, number);
        let header = format!(
            "{{\"len\":3,\"type\":\"part\",\"encoding\":\"uu\",\"crc\":\"absent\",{place}}}"
        );
        stream.extend_from_slice(format!("{header}\nabc\n").as_bytes());
    }
    let lost = format!("{{\"type\":\"missing\",\"id\":\"a@b\",{}}}\n", place(2, 7));
    stream.extend_from_slice(lost.as_bytes());
    stream.extend_from_slice(b"{\"type\":\"end\",\"status\":\"ok\",\"code\":0}\n");
    t.write("stream", stream);
    for progress in ["never", "line", "bar", "json"] {
        t.run(&format!(
            "seg-write --accept-unverified --salvage --progress={progress} -d out < stream"
        ))
        .code(1)
        .says("0 of 3 files complete");
    }
    for entry in std::fs::read_dir(t.path("out/x")).unwrap() {
        let size = entry.unwrap().metadata().unwrap().len();
        assert!(size < 1 << 20, "{size}");
    }
}
