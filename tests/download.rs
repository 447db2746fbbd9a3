//! Downloads from servers that have everything, not everything, or cannot be had.

use crate::corpus::{Nzb, Post};
use crate::harness::{Job, Scene, both, each};
use crate::server::{Act, Script, Server, nobody};

/// Four articles, the last one short.
pub fn film() -> Post {
    Post::new("film.bin", 11_000, 3_000)
}

/// A server of the second level.
pub fn second(server: &Server) -> String {
    server.flag_with("name=second&level=1")
}

#[test]
fn complete() {
    let (film, text) = (film(), Post::new("film.nfo", 300, 3_000));
    both(|t| {
        let server = Script::of(&[&film, &text]).start();
        t.nzb(&[&film, &text]);
        let done = t
            .download(&Job::from(&server))
            .code(0)
            .files(&[("x/film.bin", &film.data), ("x/film.nfo", &text.data)])
            .fate("file complete film.bin path=\"x/film.bin\" size=11000 segments=4 ok=4")
            .fate("end ok code=0 segments=5 ok=5 missing=0 failed=0 damaged=0")
            .says("complete and verified");
        assert_eq!(server.asked(&film.id(1)), 1, "asked once is enough");
        done
    });
}

/// The lines of the manual, without a flag.
#[test]
fn the_literal_lines_need_no_flag() {
    let film = film();
    let server = Script::of(&[&film]).start();
    for line in [
        "nzb-split x.nzb | nntp-fetch | yenc-decode | seg-write",
        "nzbpipe x.nzb",
    ] {
        let t = Scene::alone();
        t.nzb(&[&film]);
        t.servers(&server.table(""));
        t.run(line).code(0);
        assert_eq!(t.read("x/film.bin"), film.data);
    }
}

#[test]
fn many_articles_over_several_connections() {
    let large = Post::new("large.bin", 2_000_000, 20_000);
    both(|t| {
        let server = Script::of(&[&large]).bodies_a_connection(30).start();
        t.nzb(&[&large]);
        t.download(&Job::with(&server.flag_with("connections=4&pipeline=8")))
            .code(0)
            .file("x/large.bin", &large.data)
    });
}

#[test]
fn missing_on_one_server_and_present_on_the_second() {
    let film = film();
    both(|t| {
        let first = Script::of(&[&film])
            .always(&film.id(2), Act::missing())
            .start();
        let fill = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = format!("{} {}", first.flag(), second(&fill));
        let done = t
            .download(&Job::with(&flags))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!((first.faults(), fill.asked(&film.id(2))), (1, 1));
        assert_eq!(
            fill.asked(&film.id(1)),
            0,
            "the second level has only the rest"
        );
        done
    });
}

#[test]
fn missing_everywhere() {
    let film = film();
    both(|t| {
        let [first, fill] = [(); 2].map(|()| {
            Script::of(&[&film])
                .always(&film.id(2), Act::missing())
                .start()
        });
        t.nzb(&[&film]);
        let flags = format!("{} {}", first.flag(), second(&fill));
        let done = t
            .download(&Job::with(&flags))
            .code(1)
            .says(&film.id(2))
            .fate(&format!("missing film.bin {}", film.id(2)))
            .fate("file incomplete film.bin")
            .fate("end partial code=1 segments=4 ok=3 missing=1")
            .unfinished("x/film.bin", &film.with_holes(&[2]));
        assert_eq!((first.asked(&film.id(2)), fill.asked(&film.id(2))), (1, 1));
        let records = done.records();
        let file = records.iter().find(|r| r.kind() == "file").unwrap();
        assert_eq!(file.header["missing_ranges"].to_string(), "[[3000,6000]]");
        let missing = records.iter().find(|r| r.kind() == "missing").unwrap();
        assert_eq!(missing.header["tried"].as_array().unwrap().len(), 2);
        done
    });
}

/// Every code and text by which servers say that they do not have an article.
#[test]
fn all_words_for_missing() {
    let film = film();
    for line in ["430 no", "423 no", "420 no", "451 taken down"] {
        both(|t| {
            let server = Script::of(&[&film])
                .always(&film.id(3), Act::Reply(line.to_owned()))
                .start();
            t.nzb(&[&film]);
            t.download(&Job::from(&server))
                .code(1)
                .fate(&format!("missing film.bin {}", film.id(3)))
                .unfinished("x/film.bin", &film.with_holes(&[3]))
        });
    }
}

#[test]
fn connections_that_close_after_a_few_bodies() {
    let film = Post::new("film.bin", 30_000, 1_000);
    both(|t| {
        let server = Script::of(&[&film]).bodies_a_connection(4).start();
        t.nzb(&[&film]);
        t.download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data)
    });
}

#[test]
fn fewer_connections_than_asked_for() {
    let film = Post::new("film.bin", 30_000, 1_000);
    both(|t| {
        let server = Script::of(&[&film]).sessions(1).start();
        t.nzb(&[&film]);
        t.download(&Job::with(&server.flag_with("connections=4")))
            .code(0)
            .file("x/film.bin", &film.data)
    });
}

#[test]
fn no_server() {
    let film = film();
    let nobody = nobody();
    both(|t| {
        t.nzb(&[&film]);
        t.download(&Job::with(&format!("--retries 0 --max-down 1s {nobody}")))
            .code(69)
            .fate("failed unreachable film.bin")
            .fate("end partial code=69 segments=4 ok=0")
    });
}

#[test]
fn a_server_that_will_not_serve() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film])
            .greeting("400 closed for today")
            .start();
        t.nzb(&[&film]);
        let flags = format!("--retries 0 --max-down 1s {}", server.flag());
        let done = t.download(&Job::with(&flags));
        assert!(matches!(done.code, 69 | 75), "{}", done.shown());
        assert!(!server.log().contains("BODY"));
        done
    });
}

/// One server of two cannot be reached: the other one does it.
#[test]
fn one_server_down() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = format!("--retries 0 {} {}", nobody(), second(&server));
        t.download(&Job::with(&flags))
            .code(0)
            .file("x/film.bin", &film.data)
    });
}

/// Two message-ids for one number are two chances for one piece.
#[test]
fn alternates_of_a_segment() {
    let film = film();
    let copy = "copy-of-2@corpus.example".to_owned();
    both(|t| {
        let server = Script::of(&[&film])
            .always(&film.id(2), Act::missing())
            .article(&copy, film.article(2).body())
            .start();
        let segments: Vec<_> = (1..=4).map(|n| (n, film.id(n))).collect();
        let segments = [&segments[..], &[(2, copy.clone()), (2, film.id(2))]].concat();
        t.write(
            "x.nzb",
            Nzb::new().file("\"film.bin\" yEnc (1/4)", &segments).text(),
        );
        let done = t
            .download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!((server.asked(&film.id(2)), server.asked(&copy)), (1, 1));
        done
    });
}

/// What is there already stays when a second run brings only the rest.
#[test]
fn a_second_run_completes() {
    let film = film();
    each(|t| {
        let poor = Script::of(&[&film])
            .always(&film.id(3), Act::missing())
            .start();
        let rich = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        t.download(&Job::from(&poor)).code(1);
        t.download(&Job::from(&rich))
            .code(0)
            .file("x/film.bin", &film.data);
        t.download(&Job::from(&rich))
            .code(0)
            .file("x/film.bin", &film.data);
    });
}
