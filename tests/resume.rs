//! A second run asks only for what is missing, piped and fused.

use crate::corpus::Post;
use crate::harness::{Scene, each};
use crate::server::{Act, Script, Server};

fn posts() -> [Post; 2] {
    [
        Post::new("film.bin", 20_000, 3_000),
        Post::new("notes.txt", 5_000, 3_000),
    ]
}

/// Both arrangements as a user types them for a run that goes on.
fn commands(server: &Server) -> [String; 2] {
    let flag = server.flag();
    [
        format!(
            "nzb-split --resume out x.nzb | nntp-fetch {flag} | yenc-decode | \
             seg-write -d out --json"
        ),
        format!("nzbpipe -d out {flag} --json x.nzb"),
    ]
}

fn asked(server: &Server, post: &Post) -> Vec<usize> {
    (1..=post.parts())
        .map(|n| server.asked(&post.id(n)))
        .collect()
}

#[test]
fn only_what_is_missing_is_asked_for() {
    let [film, notes] = posts();
    for way in 0..2 {
        let t = Scene::alone();
        t.nzb(&[&film, &notes]);
        let poor = Script::of(&[&film, &notes])
            .always(&film.id(3), Act::missing())
            .start();
        t.run(&commands(&poor)[way])
            .code(1)
            .fate("file complete notes.txt");
        let rich = Script::of(&[&film, &notes]).start();
        t.run(&commands(&rich)[way])
            .code(0)
            .files(&[("x/film.bin", &film.data), ("x/notes.txt", &notes.data)]);
        assert_eq!(asked(&rich, &film), [0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(asked(&rich, &notes), [0, 0]);
    }
}

#[test]
fn a_complete_job_asks_for_nothing() {
    let [film, notes] = posts();
    for way in 0..2 {
        let t = Scene::alone();
        t.nzb(&[&film, &notes]);
        let server = Script::of(&[&film, &notes]).start();
        for _ in 0..2 {
            t.run(&commands(&server)[way])
                .code(0)
                .fate("file complete film.bin")
                .fate("file complete notes.txt")
                .files(&[("x/film.bin", &film.data), ("x/notes.txt", &notes.data)]);
        }
        assert_eq!(asked(&server, &film), [1; 7]);
        assert_eq!(asked(&server, &notes), [1; 2]);
    }
}

/// The journal may be thrown away: then nothing is known of the data, and all is asked for.
#[test]
fn without_the_journal_all_is_asked_for_again() {
    let [film, notes] = posts();
    for way in 0..2 {
        let t = Scene::alone();
        t.nzb(&[&film, &notes]);
        let server = Script::of(&[&film, &notes])
            .once(&film.id(3), Act::missing())
            .start();
        t.run(&commands(&server)[way]).code(1);
        t.run("rm out/x/.nzbpipe-*.journal").code(0);
        t.run(&commands(&server)[way])
            .code(0)
            .files(&[("x/film.bin", &film.data), ("x/notes.txt", &notes.data)]);
        assert_eq!(asked(&server, &film), [2; 7]);
    }
}

/// Data that were changed behind the journal's back are asked for again.
#[test]
fn changed_data_are_not_believed() {
    let [film, notes] = posts();
    for way in 0..2 {
        let t = Scene::alone();
        t.nzb(&[&film, &notes]);
        let server = Script::of(&[&film, &notes])
            .once(&film.id(3), Act::missing())
            .start();
        t.run(&commands(&server)[way]).code(1);
        t.run("printf x | dd of=$(echo out/x/film.bin.*.part) bs=1 seek=10000 conv=notrunc")
            .code(0);
        t.run("rm out/x/notes.txt").code(0);
        t.run(&commands(&server)[way])
            .code(0)
            .files(&[("x/film.bin", &film.data), ("x/notes.txt", &notes.data)]);
    }
}

/// Two programs that write to one place: the second says so and ends with 75.
#[test]
fn an_output_in_use() {
    let [film, notes] = posts();
    each(|t| {
        let server = Script::of(&[&film, &notes])
            .always(&film.id(3), Act::Hold)
            .start();
        t.nzb(&[&film, &notes]);
        let first = t.begin(&crate::harness::Job::from(&server));
        crate::run::until("it is held", || server.holds());
        t.run(&commands(&server)[1]).code(75).says("in use");
        server.release();
        first
            .finish()
            .code(0)
            .files(&[("x/film.bin", &film.data), ("x/notes.txt", &notes.data)]);
    });
}
