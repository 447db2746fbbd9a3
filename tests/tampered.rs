//! What an earlier run left is changed before the next one: data, journal, or both. The next
//! run ends with the right file under its name, and with nothing else.

use crate::corpus::{Nzb, Post};
use crate::harness::{Mode, Scene, each};
use crate::server::{Act, Script, Server};

fn posts() -> [Post; 2] {
    [
        Post::new("film.bin", 200_000, 10_000),
        Post::new("notes.txt", 5_000, 3_000),
    ]
}

/// A server that has all but one article of the film.
fn poor() -> Server {
    let [film, notes] = posts();
    let script = Script::of(&[&film, &notes]);
    script.always(&film.id(7), Act::missing()).start()
}

fn rich() -> Server {
    Script::of(&posts().each_ref()).start()
}

/// The download as a user types it who goes on with an earlier one.
fn command(t: &Scene, server: &Server, flags: &str) -> String {
    let fetch = server.flag();
    match t.mode {
        Mode::Piped => format!(
            "nzb-split --resume out x.nzb | nntp-fetch {fetch} | yenc-decode | \
             seg-write {flags} -d out --json"
        ),
        Mode::Fused => format!("nzbpipe {flags} -d out {fetch} --json x.nzb"),
    }
}

/// A run that leaves the film incomplete, `change`, a run on a server that has all.
fn rows(rows: &[(&str, &str)], flags: &str) {
    let [film, notes] = posts();
    each(|t| {
        let (poor, rich) = (poor(), rich());
        t.nzb(&[&film, &notes]);
        for (what, change) in rows {
            t.run(&command(t, &poor, "")).code(1);
            let change = format!(
                "set -e; part=$(echo out/x/film.bin.*.part); \
                 journal=$(echo out/x/.nzbpipe-*.journal); {change}"
            );
            t.run(&change).code(0);
            let mut done = t.run(&command(t, &rich, flags));
            // In a pipe, what only the last program finds out is asked for the next time.
            if t.mode == Mode::Piped && done.code == 1 {
                assert!(!t.path("out/x/film.bin").exists(), "{what}");
                done = t.run(&command(t, &rich, flags));
            }
            assert_eq!(done.code, 0, "{what}\n{}", done.shown());
            done.files(&[("x/film.bin", &film.data), ("x/notes.txt", &notes.data)]);
            t.run("rm -r out").code(0);
        }
    });
}

/// W22. Each line of a journal has a checksum; what follows one that is wrong counts for
/// nothing, and a journal that is not there is none.
#[test]
fn w22_a_journal_that_was_changed() {
    rows(
        &[
            ("untouched", ":"),
            ("the last line is torn", "truncate -s -5 $journal"),
            ("cut in the middle", "truncate -s 700 $journal"),
            ("cut in the first line", "truncate -s 3 $journal"),
            ("emptied", ": > $journal"),
            ("removed", "rm $journal"),
            ("zeros behind it", "truncate -s +4096 $journal"),
            ("garbage behind it", "head -c 5000 x.nzb >> $journal"),
            (
                "binary garbage behind it",
                "head -c 5000 out/x/notes.txt >> $journal",
            ),
            (
                "a bit flipped early",
                "printf Z | dd of=$journal bs=1 seek=40 conv=notrunc status=none",
            ),
            (
                "a bit flipped late",
                "printf Z | dd of=$journal bs=1 seek=1000 conv=notrunc status=none",
            ),
            ("twice", "cat $journal > j; cat j >> $journal"),
            (
                "the lines in another order",
                "sort -r $journal > j; cat j > $journal",
            ),
            ("each line twice", "sed p $journal > j; cat j > $journal"),
            ("a line is gone", "sed 4d $journal > j; cat j > $journal"),
            (
                "20 MB of one line",
                "head -c 20000000 /dev/zero | tr '\\0' x >> $journal",
            ),
            (
                "20 MB of short lines",
                "yes 'p 1 2 3' | head -c 20000000 >> $journal",
            ),
            ("another file", "cp x.nzb $journal"),
        ],
        "",
    );
}

/// W24, W25. What lies where the journal says is looked at before it counts.
#[test]
fn w24_data_that_were_changed() {
    rows(
        &[
            ("shorter", "truncate -s 150000 $part"),
            ("emptied", ": > $part"),
            ("longer", "truncate -s 300000 $part"),
            ("much longer", "truncate -s 20M $part"),
            (
                "another file of the same size",
                "head -c 200000 /dev/zero > z; cat z > $part",
            ),
            ("removed", "rm $part"),
            ("another complete file is removed", "rm out/x/notes.txt"),
            ("all of it", "rm out/x/*"),
            ("the folder", "rm -r out/x"),
        ],
        "",
    );
}

/// W24. `--verify` finds an edit that only a look at each byte can find: size and time of the
/// file are what they were.
#[test]
fn w24_an_edit_that_only_verify_finds() {
    rows(
        &[(
            "edited in secret",
            "touch -r $part stamp; \
             printf xyz | dd of=$part bs=1 seek=123456 conv=notrunc status=none; \
             touch -r stamp $part",
        )],
        "--verify",
    );
}

/// W23. A journal belongs to one NZB: under the name of another one's it says nothing.
#[test]
fn w23_a_journal_of_another_nzb() {
    let film = Post::new("film.bin", 50_000, 10_000);
    let other = Post::new("film.bin other", 50_000, 10_000);
    each(|t| {
        // The same name, size and parts; other bytes under other ids.
        let ids: Vec<_> = (1..=5).map(|n| (n, other.id(n))).collect();
        let nzb = Nzb::new().file("\"film.bin\" yEnc (1/5)", &ids);
        let script = (1..=5).fold(Script::of(&[&film]), |script, n| {
            let mut article = other.article(n);
            article.name = "film.bin";
            script.article(&other.id(n), article.body())
        });
        let server = script.always(&film.id(3), Act::missing()).start();
        t.nzb(&[&film]);
        t.run(&command(t, &server, "")).code(1);
        t.run("mv x.nzb a.nzb; mv out a").code(0);
        t.write("x.nzb", nzb.text());
        // Under the names that the second job will use.
        t.run(&format!("{} --timeout 1s", command(t, &server, "")))
            .code_in(&[0, 64]);
        t.run("rm -rf out").code(0);
        t.run(&command(t, &server, "")).code(0);
        t.run(
            "set -e; journal=$(echo out/x/.nzbpipe-*.journal); cp a/x/.nzbpipe-*.journal $journal; \
             mv a/x/film.bin.*.part out/x/; rm out/x/film.bin",
        )
        .code(0);
        t.run(&command(t, &server, "")).code(0);
        assert_eq!(t.read("out/x/film.bin"), other.data);
    });
}

/// W13, W15. The unfinished file was replaced by a link to one outside: that is not written.
#[test]
fn w13_the_unfinished_file_is_a_link() {
    let [film, notes] = posts();
    for link in [
        "ln -s ../../canary",
        "ln canary",
        "cp --attributes-only canary",
    ] {
        each(|t| {
            let (poor, rich) = (poor(), rich());
            t.nzb(&[&film, &notes]);
            t.run(&command(t, &poor, "")).code(1);
            t.run(&format!(
                "set -e; part=$(echo out/x/film.bin.*.part); cp $part canary; \
                 printf canary | dd of=canary conv=notrunc status=none; cp canary before; \
                 rm $part; {link} $part"
            ))
            .code(0);
            let done = t.run(&command(t, &rich, ""));
            let done = done.code_in(&[0, 73]);
            assert_eq!(
                t.read("canary"),
                t.read("before"),
                "{link}\n{}",
                done.shown()
            );
            let film_is_right = t.path("out/x/film.bin").exists();
            assert_eq!(film_is_right, done.code == 0, "{link}\n{}", done.shown());
            if film_is_right {
                assert_eq!(t.read("out/x/film.bin"), film.data, "{link}");
                assert!(!t.path("out/x/film.bin").is_symlink(), "{link}");
            }
        });
    }
}

/// W24. An edit of one synced segment among many, which changes the time of the file: every time
/// the default reads back only a few segments at random, and calls the wrong file complete and verified.
#[test]
fn w24_one_segment_of_many_was_edited() {
    rows(
        &[(
            "edited",
            "printf xyz | dd of=$part bs=1 seek=123456 conv=notrunc status=none",
        ); 10],
        "",
    );
}
