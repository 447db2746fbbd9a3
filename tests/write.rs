//! What becomes of pieces: unproven, damaged, contradictory; and of the directory
//! they are written to.

use crate::corpus::Post;
use crate::harness::{Job, Scene, both, until};
use crate::server::{Act, Script};

fn film() -> Post {
    Post::new("film.bin", 11_000, 3_000)
}

fn writing(flags: &str, fetch: &str) -> Job {
    Job {
        write: flags.to_owned(),
        ..Job::with(fetch)
    }
}

/// Without a CRC nothing proves a piece: all bytes are there, but not under the
/// file's name, unless the user says so.
#[test]
fn articles_without_crc() {
    let film = film();
    let mut bare = film.article(2);
    bare.crc = None;
    let bare = bare.body();
    both(|t| {
        let server = Script::of(&[&film])
            .article(&film.id(2), bare.clone())
            .start();
        t.nzb(&[&film]);
        t.download(&Job::from(&server))
            .code(1)
            .fate("file unverified film.bin")
            .unfinished("x/film.bin", &film.data)
    });
    both(|t| {
        let server = Script::of(&[&film])
            .article(&film.id(2), bare.clone())
            .start();
        t.nzb(&[&film]);
        let done = t
            .download(&writing("--accept-unverified", &server.flag()))
            .code(0)
            .says("complete in out; nothing proves that right")
            .file("x/film.bin", &film.data);
        assert!(!done.stderr.contains("verified in"), "{}", done.stderr);
        done
    });
}

/// The whole file's CRC stands in the articles, too. Posters write anything there: it
/// is compared, but the parts' own decide.
#[test]
fn the_crc_of_the_whole_file() {
    let film = film();
    let right = crc32fast::hash(&film.data);
    let wrong = right ^ 1;
    let rows = [
        (
            [None, None, None, Some(right)],
            "crc32_declared=R crc32_matches=true",
        ),
        ([Some(right); 4], "crc32_declared=R crc32_matches=true"),
        (
            [None, None, None, Some(wrong)],
            "crc32_declared=W crc32_matches=false",
        ),
        ([Some(wrong); 4], "crc32_declared=W crc32_matches=false"),
        (
            [Some(wrong), None, None, Some(right)],
            "crc32_declared=null crc32_matches=null",
        ),
        ([None; 4], "crc32_declared=null crc32_matches=null"),
    ];
    for (declared, verdict) in rows {
        let verdict = verdict
            .replace('R', &format!("\"{right:08x}\""))
            .replace('W', &format!("\"{wrong:08x}\""));
        both(|t| {
            let script = (1..=4).fold(Script::of(&[&film]), |script, number| {
                let mut article = film.article(number);
                article.whole = declared[number - 1];
                script.article(&film.id(number), article.body())
            });
            let server = script.start();
            t.nzb(&[&film]);
            let done = t.download(&Job::from(&server)).code(0);
            let done = done.file("x/film.bin", &film.data);
            let told = done.fates().iter().any(|fate| fate.ends_with(&verdict));
            assert!(told, "{verdict}\n{}", done.shown());
            let warned = done.stderr.contains("the whole has");
            assert_eq!(warned, verdict.ends_with("false"), "{}", done.shown());
            done
        });
    }
}

/// A later run that finds the file complete still knows what was declared.
#[test]
fn the_crc_of_the_whole_file_and_a_second_run() {
    let film = film();
    both(|t| {
        let mut article = film.article(1);
        article.whole = Some(7);
        let late = Script::of(&[&film]).article(&film.id(1), article.body());
        let server = late.always(&film.id(4), Act::missing()).start();
        t.nzb(&[&film]);
        let done = t.download(&Job::from(&server)).code(1);
        let lacking = "crc32=null crc32_declared=\"00000007\" crc32_matches=null";
        assert!(done.fates().iter().any(|fate| fate.ends_with(lacking)));
        let server = Script::of(&[&film]).start();
        let done = t.download(&Job::from(&server)).code(0);
        done.says("articles declare 00000007")
    });
}

/// par2 can make use of damaged bytes; the file is no less incomplete for it.
#[test]
fn salvaged_damage() {
    let film = film();
    let mut wrong = film.data.clone();
    wrong[4_000] ^= 1;
    let mut article = film.article(2);
    article.data = &wrong[film.range(2)];
    let body = article.body();
    both(|t| {
        let server = Script::of(&[&film])
            .article(&film.id(2), body.clone())
            .start();
        t.nzb(&[&film]);
        t.download(&writing("--salvage", &server.flag()))
            .code(1)
            .unfinished("x/film.bin", &wrong)
    });
}

#[test]
fn flat_output() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        t.download(&writing("--flat", &server.flag()))
            .code(0)
            .file("film.bin", &film.data)
    });
}

#[test]
fn an_empty_file() {
    let (empty, film) = (Post::with("empty.txt", Vec::new(), 3_000), film());
    both(|t| {
        let server = Script::of(&[&empty, &film]).start();
        t.nzb(&[&empty, &film]);
        t.download(&Job::from(&server))
            .code(0)
            .files(&[("x/empty.txt", b""), ("x/film.bin", &film.data)])
    });
}

/// A piece that claims to begin at 1 TiB, one that overlaps another, one beyond the
/// size its own header states: no file grows by them and none is complete.
#[test]
fn offsets_that_lie() {
    let film = film();
    let rows = [1 << 40..(1 << 40) + 3_000, 2_900..5_900, 10_000..13_000];
    for range in rows {
        let mut article = film.article(2);
        article.range = range.clone();
        if range.end > 1 << 40 {
            article.size = range.end;
        }
        let body = article.body();
        both(|t| {
            let server = Script::of(&[&film])
                .article(&film.id(2), body.clone())
                .start();
            t.nzb(&[&film]);
            let job = Job::with(&server.flag_with("connections=1&pipeline=1"));
            let done = t.download(&job).code(1);
            assert!(!t.path("out/x/film.bin").exists(), "{}", done.shown());
            for entry in std::fs::read_dir(t.path("out/x")).unwrap() {
                let size = entry.unwrap().metadata().unwrap().len();
                assert!(size <= 20_000, "{range:?}\n{}", done.shown());
            }
            done
        });
    }
}

/// `total=` and the NZB's `bytes` are hints, and decoys are real.
#[test]
fn decoys_in_headers() {
    let film = film();
    both(|t| {
        let mut script = Script::of(&[]);
        for number in 1..=4 {
            let mut article = film.article(number);
            article.total = 77;
            script = script.article(&film.id(number), article.body());
        }
        let server = script.start();
        t.nzb(&[&film]);
        t.download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data)
    });
}

/// The NZB lists fewer segments than the file has: the articles know better.
#[test]
fn an_nzb_that_is_short() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        let segments: Vec<_> = (1..=3).map(|n| (n, film.id(n))).collect();
        let nzb = crate::corpus::Nzb::new().file("\"film.bin\" yEnc (1/3)", &segments);
        t.write("x.nzb", nzb.text());
        let done = t
            .download(&Job::from(&server))
            .code(1)
            .fate("file incomplete film.bin");
        let records = done.records();
        let file = records.iter().find(|r| r.kind() == "file").unwrap();
        assert_eq!(file.header["missing_ranges"].to_string(), "[[9000,11000]]");
        done
    });
}

/// A file of that name is there, and it is another one: it stays.
#[test]
fn a_name_that_is_taken() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        std::fs::create_dir_all(t.path("out/x")).unwrap();
        t.write("out/x/film.bin", "mine");
        t.download(&Job::from(&server))
            .code(0)
            .files(&[("x/film.bin", b"mine"), ("x/film (2).bin", &film.data)])
    });
}

#[test]
fn an_output_that_cannot_be() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        t.write("out", "a file");
        t.download(&Job::from(&server)).code(73).says("out")
    });
}

/// A second run into the same job while the first one writes: temporary, and the
/// first is not disturbed.
#[test]
fn an_output_in_use() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).always(&film.id(4), Act::Hold).start();
        let other = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let first = t.begin(&Job::from(&server));
        until("the first run writes", || {
            server.holds() && !t.tree("out").is_empty()
        });
        t.download(&Job::from(&other)).code(75);
        server.release();
        first.finish().code(0).file("x/film.bin", &film.data)
    });
}

/// The same with the writing stage alone.
#[test]
fn seg_write_twice_at_once() {
    let film = film();
    let t = Scene::alone();
    let server = Script::of(&[&film]).start();
    t.nzb(&[&film]);
    let flag = server.flag();
    t.run(&format!(
        "nzb-split x.nzb | nntp-fetch {flag} | yenc-decode > p.rec"
    ))
    .code(0);
    let first = t.start(
        "{ head -c 7000 p.rec; until [ -e go ]; do sleep 0.02; done; tail -c +7001 p.rec; } \
         | seg-write -d out",
    );
    until("the first seg-write has the job", || {
        !t.tree("out").is_empty()
    });
    t.run("seg-write -d out < p.rec").code(75);
    t.write("go", "");
    first.finish().code(0).file("x/film.bin", &film.data);
}
