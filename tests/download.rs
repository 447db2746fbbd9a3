//! Downloads from servers that have everything, not everything, or lie about it.

use crate::corpus::{Nzb, Post};
use crate::harness::{Job, Scene, both, each};
use crate::server::{Act, Script, Server, nobody};

/// Four articles, the last one short.
fn film() -> Post {
    Post::new("film.bin", 11_000, 3_000)
}

/// A server of the second level.
fn second(server: &Server) -> String {
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
fn cut_in_mid_body_once() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film])
            .once(&film.id(2), Act::Cut(1_500))
            .once(&film.id(3), Act::Cut(0))
            .start();
        t.nzb(&[&film]);
        let done = t
            .download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!(server.faults(), 2);
        done
    });
}

/// A connection that is always cut there is given up after the retries: temporary.
#[test]
fn cut_in_mid_body_always() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film])
            .always(&film.id(2), Act::Cut(1_500))
            .start();
        t.nzb(&[&film]);
        let job = Job {
            common: "-v".to_owned(),
            ..Job::with(&format!("--retries 1 {}", server.flag()))
        };
        let done = t
            .download(&job)
            .code(75)
            .fate(&format!("failed transport film.bin {}", film.id(2)))
            .unfinished("x/film.bin", &film.with_holes(&[2]));
        assert_eq!(server.asked(&film.id(2)), 2);
        done
    });
}

#[test]
fn cut_in_mid_body_but_whole_on_the_second_server() {
    let film = film();
    both(|t| {
        let first = Script::of(&[&film])
            .always(&film.id(4), Act::Cut(700))
            .start();
        let fill = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = format!("--retries 1 {} {}", first.flag(), second(&fill));
        let done = t
            .download(&Job::with(&flags))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!(fill.asked(&film.id(4)), 1);
        done
    });
}

#[test]
fn corrupted_but_whole_on_the_second_server() {
    let film = film();
    both(|t| {
        let first = Script::of(&[&film]).always(&film.id(2), Act::Flip).start();
        let fill = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = format!("{} {}", first.flag(), second(&fill));
        let done = t
            .download(&Job::with(&flags))
            .code(0)
            .file("x/film.bin", &film.data);
        assert!(first.faults() >= 1);
        assert_eq!(fill.asked(&film.id(2)), 1);
        done
    });
}

/// A single server gets a second chance, then the piece counts as damaged: its bytes
/// are not written.
#[test]
fn corrupted_on_the_only_server() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).always(&film.id(2), Act::Flip).start();
        t.nzb(&[&film]);
        let done = t
            .download(&Job::from(&server))
            .code(1)
            .fate(&format!("failed damaged film.bin {}", film.id(2)))
            .fate("end partial code=1 segments=4 ok=3 missing=0 failed=0 damaged=1")
            .unfinished("x/film.bin", &film.with_holes(&[2]));
        assert_eq!(server.asked(&film.id(2)), 2);
        done
    });
}

#[test]
fn corrupted_once_on_the_only_server() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).once(&film.id(2), Act::Flip).start();
        t.nzb(&[&film]);
        let done = t
            .download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!(server.faults(), 1);
        done
    });
}

/// With `--no-verify` the fetch asks nobody again; the decoder finds the damage all
/// the same. Only the pipe has that flag.
#[test]
fn unverified_bodies_are_checked_by_the_decoder() {
    let film = film();
    let t = Scene::alone();
    let server = Script::of(&[&film]).always(&film.id(2), Act::Flip).start();
    t.nzb(&[&film]);
    t.download(&Job::with(&format!("--no-verify {}", server.flag())))
        .code(1)
        .fate("failed damaged film.bin")
        .unfinished("x/film.bin", &film.with_holes(&[2]));
    assert_eq!(server.asked(&film.id(2)), 1);
}

/// An answer that names another article says that answers and requests have lost
/// step: nothing on that connection can be trusted.
#[test]
fn a_reply_for_another_message_id_once() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film])
            .once(&film.id(2), Act::Named(film.id(3)))
            .start();
        t.nzb(&[&film]);
        let done = t
            .download(&Job::with(&server.flag_with("connections=1&pipeline=4")))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!(server.faults(), 1);
        done
    });
}

#[test]
fn a_reply_for_another_message_id_always() {
    let film = film();
    let other = film.article(3).body();
    both(|t| {
        let first = Script::of(&[&film])
            .article(&film.id(2), other.clone())
            .always(&film.id(2), Act::Named(film.id(3)))
            .start();
        t.nzb(&[&film]);
        let alone = t.download(&Job::from(&first));
        assert_ne!(alone.code, 0, "{}", alone.shown());
        let asked = first.asked(&film.id(2));
        assert!((2..=4).contains(&asked), "asked {asked} times");
        alone.unfinished("x/film.bin", &film.with_holes(&[2]))
    });
    both(|t| {
        let first = Script::of(&[&film])
            .article(&film.id(2), other.clone())
            .always(&film.id(2), Act::Named(film.id(3)))
            .start();
        let fill = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let flags = format!("{} {}", first.flag(), second(&fill));
        t.download(&Job::with(&flags))
            .code(0)
            .file("x/film.bin", &film.data)
    });
}

/// The right message-id but another piece of the file: only the writer can see it.
#[test]
fn a_reply_with_another_piece() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film])
            .always(&film.id(2), Act::Instead(film.article(3).body()))
            .start();
        t.nzb(&[&film]);
        let job = Job::with(&server.flag_with("connections=1&pipeline=1"));
        let done = t.download(&job).code(1);
        assert!(!t.path("out/x/film.bin").exists(), "{}", done.shown());
        done
    });
}

#[test]
fn a_connection_that_stalls() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).once(&film.id(2), Act::Stall).start();
        t.nzb(&[&film]);
        let done = t
            .download(&Job::with(&format!("--timeout 1s {}", server.flag())))
            .code(0)
            .file("x/film.bin", &film.data);
        assert_eq!(server.faults(), 1);
        done
    });
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
        t.download(&Job::with(&format!("--retries 0 {nobody}")))
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
        let done = t.download(&Job::with(&format!("--retries 0 {}", server.flag())));
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
