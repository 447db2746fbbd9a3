//! NZBs: absent, empty, broken, hostile, several, compressed, selected from.

use crate::corpus::{Nzb, Post};
use crate::harness::{Job, Scene, both};
use crate::server::{Act, Script};

fn film() -> Post {
    Post::new("film.bin", 5_000, 3_000)
}

/// A job for NZBs that lie elsewhere than in `x.nzb`.
fn from(flag: &str, nzbs: &str) -> Job {
    Job {
        nzbs: nzbs.to_owned(),
        ..Job::with(flag)
    }
}

/// What is no NZB, or one with nothing in it: 65, and nothing is asked for or
/// written.
#[test]
fn useless_nzbs() {
    let whole = Nzb::of(&[&film()]).text();
    let bomb = whole.replace(
        "<!DOCTYPE nzb PUBLIC \"-//newzBin//DTD NZB 1.1//EN\" \
         \"http://www.newzbin.com/DTD/nzb/nzb-1.1.dtd\">",
        "<!DOCTYPE nzb [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>",
    );
    assert_ne!(bomb, whole);
    let rows: [(&str, &str); 6] = [
        ("zero bytes", ""),
        ("no files", &Nzb::new().text()),
        (
            "a web page",
            "<!DOCTYPE html><html><body>429 Too Many Requests</body></html>",
        ),
        ("an answer in JSON", "{\"error\": \"no such user\"}"),
        ("an entity bomb", &bomb),
        ("another root", "<rss><channel/></rss>"),
    ];
    for (what, text) in rows {
        both(|t| {
            let server = Script::of(&[]).start();
            t.write("x.nzb", text);
            let done = t
                .download(&Job::from(&server))
                .code(65)
                .says("x.nzb")
                .files(&[]);
            assert!(!server.log().contains("BODY"), "{what}");
            done.fate("end error code=65 segments=0")
        });
    }
}

/// An NZB cut off in the middle is not the whole job, whatever was in the first half.
#[test]
fn a_truncated_nzb() {
    let film = film();
    let text = Nzb::of(&[&film, &Post::new("other.bin", 5_000, 3_000)]).text();
    for cut in [text.len() / 3, text.len() * 4 / 5, text.len() - 8] {
        both(|t| {
            let server = Script::of(&[&film]).start();
            t.write("x.nzb", &text[..cut]);
            t.download(&Job::from(&server)).code(65).says("x.nzb")
        });
    }
}

#[test]
fn no_such_nzb() {
    both(|t| {
        let server = Script::of(&[]).start();
        t.download(&Job::from(&server)).code(66).says("x.nzb")
    });
}

#[test]
fn several_nzbs() {
    let (film, song) = (film(), Post::new("song.flac", 7_000, 3_000));
    both(|t| {
        let server = Script::of(&[&film, &song]).start();
        t.write("a.nzb", Nzb::of(&[&film]).text());
        t.write("b.nzb", Nzb::of(&[&song]).text());
        t.download(&from(&server.flag(), "a.nzb b.nzb"))
            .code(0)
            .files(&[("a/film.bin", &film.data), ("b/song.flac", &song.data)])
    });
}

/// A bad NZB does not keep the good ones from being downloaded, and is not forgotten.
#[test]
fn a_bad_nzb_among_good_ones() {
    let (film, song) = (film(), Post::new("song.flac", 7_000, 3_000));
    both(|t| {
        let server = Script::of(&[&film, &song]).start();
        t.write("a.nzb", Nzb::of(&[&film]).text());
        t.write("bad.nzb", "this is none");
        t.write("b.nzb", Nzb::of(&[&song]).text());
        t.download(&from(&server.flag(), "a.nzb bad.nzb b.nzb"))
            .code(65)
            .says("bad.nzb")
            .files(&[("a/film.bin", &film.data), ("b/song.flac", &song.data)])
    });
}

#[test]
fn an_nzb_on_standard_input() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        t.write("piped", Nzb::of(&[&film]).meta("name", "my job").text());
        t.download(&from(&server.flag(), "- < piped"))
            .code(0)
            .file("my job/film.bin", &film.data)
    });
}

/// Compressed, from a file and from a pipe; the content tells, not the name.
#[test]
fn compressed_nzbs() {
    let sample = crate::alone::posts();
    let bytes = include_bytes!("data/x.nzb.gz");
    for (name, nzbs) in [
        ("sample.nzb.gz", "sample.nzb.gz"),
        ("sample.nzb", "sample.nzb"),
        ("sample", "- < sample"),
    ] {
        both(|t| {
            let server = Script::of(&sample.each_ref()).start();
            t.write(name, bytes);
            let job = Job {
                write: "--flat".to_owned(),
                ..from(&server.flag(), nzbs)
            };
            t.download(&job).code(0).files(&[
                (&sample[0].name, &sample[0].data),
                (&sample[1].name, &sample[1].data),
            ])
        });
    }
}

#[test]
fn files_chosen_by_name() {
    let posts = ["film.mkv", "film.nfo", "sample.mkv"].map(|name| Post::new(name, 4_000, 3_000));
    let rows: [(&str, &[usize]); 4] = [
        ("--include '*.mkv'", &[0, 2]),
        ("--exclude '*.nfo'", &[0, 2]),
        ("--include '*.mkv' --exclude 'sample*'", &[0]),
        ("--include film.nfo --include 'sample.*'", &[1, 2]),
    ];
    for (flags, chosen) in rows {
        both(|t| {
            let server = Script::of(&posts.each_ref()).start();
            t.nzb(&posts.each_ref());
            let job = Job {
                split: flags.to_owned(),
                ..Job::from(&server)
            };
            let names = posts.each_ref().map(|post| format!("x/{}", post.name));
            let wanted: Vec<(&str, &[u8])> = chosen
                .iter()
                .map(|&i| (names[i].as_str(), posts[i].data.as_slice()))
                .collect();
            t.download(&job).code(0).files(&wanted)
        });
    }
}

/// Whatever stands in an NZB as a message-id: no byte of an illegal one reaches a
/// server, and its segment is accounted for.
#[test]
fn illegal_message_ids_never_reach_a_server() {
    let film = film();
    let long = format!("{}@corpus.example", "l".repeat(251));
    let rows = [
        "a@b&#13;&#10;HELP",
        "a@b&#xD;&#xA;QUIT&#10;",
        "a@b\nLIST\nx",
        "<![CDATA[a@b\r\nXCDATA]]>x",
        "a b@c",
        "a&#9;b@c",
        "a&gt;b@c",
        "a&lt;b@c",
        "&#127;@c",
        "&#233;@c",
        "&#x2028;@c",
        "",
        &long,
    ];
    both(|t| {
        let server = Script::of(&[&film]).start();
        let mut segments = vec![(1, film.id(1))];
        segments.extend(
            rows.iter()
                .enumerate()
                .map(|(i, id)| (i + 2, (*id).to_owned())),
        );
        t.write(
            "x.nzb",
            Nzb::new()
                .raw("&quot;film.bin&quot; (1/9)", &segments)
                .text(),
        );
        let done = t.download(&Job::from(&server)).code(1);
        let failed = |fate: &&String| fate.starts_with("failed bad-input film.bin");
        let fates = done.fates();
        assert_eq!(
            fates.iter().filter(failed).count(),
            rows.len(),
            "{}",
            done.shown()
        );
        only_commands(&server.log(), &film.id(1));
        done
    });
}

/// The fetch checks records made by hand just so.
#[test]
fn illegal_message_ids_in_records_by_hand() {
    let film = film();
    let server = Script::of(&[&film]).start();
    let t = Scene::alone();
    let ids = ["a@b\\r\\nHELP", "a@b\\nLIST", "a b@c", "a@b\\u0000"];
    let lines: String = ids
        .iter()
        .map(|id| format!("{{\"type\":\"segment\",\"name\":\"f\",\"id\":\"{id}\"}}\n"))
        .collect();
    t.write("s.jsonl", lines);
    let done = t
        .run(&format!("nntp-fetch {} < s.jsonl", server.flag()))
        .code(1);
    let failed = done
        .records()
        .iter()
        .filter(|r| r.kind() == "failed")
        .count();
    assert_eq!(failed, ids.len(), "{}", done.shown());
    // As an alternate it is no chance at all.
    t.write(
        "s.jsonl",
        format!(
            "{{\"type\":\"segment\",\"name\":\"f\",\"id\":\"{}\",\"alt\":[\"x\\r\\nHELP\"]}}\n",
            film.id(1)
        ),
    );
    let server = Script::of(&[&film])
        .always(&film.id(1), Act::missing())
        .start();
    t.run(&format!("nntp-fetch {} < s.jsonl", server.flag()))
        .code(1);
    only_commands(&server.log(), &film.id(1));
    // Without an id it is no segment at all.
    t.write(
        "s.jsonl",
        "{\"type\":\"segment\",\"name\":\"f\",\"id\":\"\"}\n",
    );
    t.run(&format!("nntp-fetch {} < s.jsonl", server.flag()))
        .code(65)
        .says("record 1");
}

/// All that was sent is requests for this one article, what measures the way to the
/// server, and good-bye.
#[track_caller]
fn only_commands(log: &str, id: &str) {
    let body = format!("BODY <{id}>\r\n");
    // DATE proves that no answer was left out.
    let own = ["QUIT\r\n", "DATE\r\n"];
    let rest = log.replace(&body, "");
    let rest = own.iter().fold(rest, |rest, own| rest.replace(own, ""));
    assert_eq!(rest, "", "the server was sent {log:?}");
}

/// The name's braces and the head's entry both give a password; it is handed down
/// and not part of the folder's name.
#[test]
fn passwords_and_titles() {
    let film = film();
    let t = Scene::alone();
    t.write("x{{sesame}}.nzb", Nzb::of(&[&film]).text());
    let done = t.run("nzb-split 'x{{sesame}}.nzb'").code(0).silent();
    let job = &done.records()[1];
    assert_eq!((job.text("password"), job.text("name")), ("sesame", "x"));
    t.write("x.nzb", Nzb::of(&[&film]).meta("password", "open").text());
    let done = t.run("nzb-split x.nzb").code(0).silent();
    assert_eq!(done.records()[1].text("password"), "open");
}

/// Latin-1 under a declaration of UTF-8 is what some indexers send.
#[test]
fn a_lying_encoding() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        let text = Nzb::of(&[&film])
            .text()
            .replace("tests &lt;", "J\u{fc}rgen &lt;");
        let bytes: Vec<u8> = text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        t.write("x.nzb", bytes);
        t.download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data)
    });
}
