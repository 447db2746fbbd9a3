//! par2: which recovery volumes are fetched, and what is said of a job that is not complete.
//!
//! `data/par2` was made by par2cmdline 0.8.1 for the film of these tests:
//! `par2 create -s1000 -c8 -n3 film.par2 film.bin`.

use crate::corpus::Post;
use crate::harness::{Job, Mode, Scene, both, each};
use crate::server::{Act, Script, Server};

/// A file of 20 articles, each of which is a par2 block.
fn film() -> Post {
    Post::new("film.bin", 20_000, 1_000)
}

/// Index, volumes of 2, 4 and 2 blocks.
fn par2() -> [Post; 4] {
    let files: [(&str, &[u8]); 4] = [
        ("film.par2", include_bytes!("data/par2/film.par2")),
        (
            "film.vol0+2.par2",
            include_bytes!("data/par2/film.vol0+2.par2"),
        ),
        (
            "film.vol2+4.par2",
            include_bytes!("data/par2/film.vol2+4.par2"),
        ),
        (
            "film.vol6+2.par2",
            include_bytes!("data/par2/film.vol6+2.par2"),
        ),
    ];
    files.map(|(name, data)| Post::with(name, data.to_vec(), 1_000))
}

/// A server that lacks these articles.
fn server(lost: &[(&Post, usize)]) -> Server {
    let (film, [a, b, c, d]) = (film(), par2());
    let mut script = Script::of(&[&film, &a, &b, &c, &d]);
    for (post, number) in lost {
        script = script.always(&post.id(*number), Act::missing());
    }
    script.start()
}

/// How many articles of index and volumes were asked for, as shares of all of them.
fn fetched(server: &Server) -> [bool; 4] {
    par2().map(|post| {
        let asked: usize = (1..=post.parts()).map(|n| server.asked(&post.id(n))).sum();
        assert!(asked == 0 || asked == post.parts(), "{} in part", post.name);
        asked > 0
    })
}

fn nzb(t: &Scene) {
    let (film, [a, b, c, d]) = (film(), par2());
    t.nzb(&[&film, &a, &b, &c, &d]);
}

#[test]
fn no_volume_for_a_file_that_is_whole() {
    let t = Scene::alone();
    let server = server(&[]);
    nzb(&t);
    t.run(&format!("nzbpipe -d out {} x.nzb", server.flag()))
        .code(0);
    assert_eq!(fetched(&server), [true, false, false, false]);
}

#[test]
fn as_many_blocks_as_are_hit() {
    let film = film();
    let t = Scene::alone();
    let server = server(&[(&film, 3), (&film, 7)]);
    nzb(&t);
    let done = t
        .run(&format!("nzbpipe -d out --json {} x.nzb", server.flag()))
        .code(1)
        .says("2000 bytes are missing")
        .says("film: repairable with 2 of 8 blocks");
    assert_eq!(fetched(&server), [true, true, false, false]);
    let end = done.records().pop().unwrap();
    assert_eq!(end.header["repair"][0]["repair"], "yes", "{}", done.shown());
    // What the summary promises, where there is a par2 to keep it.
    if t.run("command -v par2").code == 0 {
        t.run("cd out/x && par2 repair -q film.par2 *.part && cmp film.bin film.bin")
            .code(0);
        assert_eq!(t.read("out/x/film.bin"), film.data);
    }
}

/// A volume that came incomplete is made up for by another one.
#[test]
fn a_volume_is_damaged_too() {
    let film = film();
    let [_, first, ..] = par2();
    let t = Scene::alone();
    let server = server(&[(&film, 3), (&film, 7), (&first, 2), (&first, 3)]);
    nzb(&t);
    t.run(&format!("nzbpipe -d out {} x.nzb", server.flag()))
        .code(1)
        .says("film: repairable with 2 of 8 blocks");
    let [index, volumes @ ..] = fetched(&server);
    assert!(index && volumes.iter().filter(|asked| **asked).count() > 1);
}

#[test]
fn more_is_hit_than_there_are_blocks() {
    let film = film();
    let t = Scene::alone();
    let lost: Vec<_> = (1..=9).map(|n| (&film, n)).collect();
    let server = server(&lost);
    nzb(&t);
    t.run(&format!("nzbpipe -d out {} x.nzb", server.flag()))
        .code(1)
        .says("not repairable");
    assert_eq!(fetched(&server), [true, false, false, false]);
}

#[test]
fn all_or_none_on_request() {
    for (flag, wanted) in [("all", true), ("none", false)] {
        let t = Scene::alone();
        let server = server(&[]);
        nzb(&t);
        t.run(&format!(
            "nzbpipe -d out --par2 {flag} {} x.nzb",
            server.flag()
        ))
        .code(0);
        assert_eq!(fetched(&server), [wanted; 4]);
    }
}

/// With all volumes, both arrangements judge alike.
#[test]
fn the_pipe_judges_too() {
    let film = film();
    both(|t| {
        let server = server(&[(&film, 3)]);
        nzb(t);
        let mode = match t.mode == Mode::Fused {
            true => "--par2 all",
            false => "",
        };
        t.download(&Job::with(&format!("{mode} {}", server.flag())))
            .code(1)
            .says("film: repairable with 1 of 8 blocks")
    });
}

#[test]
fn a_job_without_par2() {
    let film = film();
    each(|t| {
        let server = server(&[(&film, 3)]);
        t.nzb(&[&film]);
        t.download(&Job::from(&server))
            .code(1)
            .says("not repairable: the job has no par2 files");
    });
}
