//! `--exec`: a command for each file that is complete, piped and fused.

use crate::corpus::Post;
use crate::harness::{Job, Scene, each};
use crate::run::until;
use crate::server::{Act, Script};

fn posts() -> [Post; 2] {
    [
        Post::new("a film.bin", 9_000, 3_000),
        Post::new("late.bin", 9_000, 3_000),
    ]
}

/// Both arrangements, with these flags of the stage that writes.
fn commands(fetch: &str, write: &str) -> [String; 2] {
    [
        format!("nzb-split x.nzb | nntp-fetch {fetch} | yenc-decode | seg-write -d out {write}"),
        format!("nzbpipe -d out {fetch} {write} x.nzb"),
    ]
}

/// The command sees a whole file while another is still on its way.
#[test]
fn while_the_rest_arrives() {
    let [film, late] = posts();
    for way in 0..2 {
        let t = Scene::alone();
        let server = Script::of(&[&film, &late])
            .always(&late.id(3), Act::Hold)
            .start();
        t.nzb(&[&film, &late]);
        t.write(
            "note",
            "#!/bin/sh\ncat >> \"$NOTES/records\"\nwc -c < \"$2\" >> \"$NOTES/$1\"\n\
             echo \"$NZBPIPE_JOB $NZBPIPE_NAME $NZBPIPE_STATUS\" >> \"$NOTES/env\"\n",
        );
        let write = "--exec 'sh ../../note sizes'";
        let running = t.start(&format!(
            "export NOTES=\"$PWD\"; {}",
            commands(&server.flag(), write)[way]
        ));
        until("the first file is noted", || t.path("env").exists());
        assert!(server.holds());
        server.release();
        running
            .finish()
            .code(0)
            .files(&[("x/a film.bin", &film.data), ("x/late.bin", &late.data)]);
        let text = |name: &str| String::from_utf8(t.read(name)).unwrap();
        assert_eq!(
            text("sizes").split_whitespace().collect::<Vec<_>>(),
            ["9000"; 2]
        );
        assert_eq!(text("env"), "x a film.bin complete\nx late.bin complete\n");
        assert_eq!(text("records").lines().count(), 2);
        assert!(text("records").starts_with("{\"type\":\"file\""));
    }
}

/// That the command fails is told, and the file stays.
#[test]
fn a_command_that_fails() {
    let [film, _] = posts();
    for way in 0..2 {
        let t = Scene::alone();
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        t.run(&commands(&server.flag(), "--exec 'sh -c \"exit 3\"'")[way])
            .code(1)
            .says("exit")
            .file("x/a film.bin", &film.data);
        t.run(&commands(&server.flag(), "--exec /no/such/program")[way])
            .code(64)
            .says("/no/such/program");
    }
}

/// What an earlier run completed is not handed to the command again.
#[test]
fn only_what_this_run_completed() {
    let [film, late] = posts();
    each(|t| {
        let server = Script::of(&[&film, &late])
            .once(&late.id(2), Act::missing())
            .start();
        t.nzb(&[&film, &late]);
        t.download(&Job::from(&server)).code(1);
        t.write("say", "echo \"$1\"");
        let write = "--exec 'sh ../../say'";
        let done = t.run(&commands(&server.flag(), write)[1]).code(0);
        assert!(!done.stderr.contains("a film.bin"), "{}", done.shown());
        assert!(done.stderr.contains("late.bin"), "{}", done.shown());
    });
}
