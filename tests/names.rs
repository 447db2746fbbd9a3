//! File names and folders that want to be elsewhere.

use std::os::unix::fs::symlink;

use crate::corpus::{Nzb, Post};
use crate::harness::{Done, Job, Scene, Tree, both, each, sha256};
use crate::run::JOURNAL;
use crate::server::Script;

/// Downloads a file of this name and insists that its bytes lie below `out` and
/// nothing else changed.
fn lands_inside(t: &Scene, name: &str) -> Done {
    let post = Post::with(name, Post::new("seed", 5_000, 1).data, 3_000);
    let server = Script::of(&[&post]).start();
    t.nzb(&[&post]);
    t.write("canary", "untouched");
    let before = elsewhere(t);
    let done = t.download(&Job::from(&server)).code(0);
    assert_eq!(elsewhere(t), before, "{}", done.shown());
    let mut inside = t.tree("out");
    inside.retain(|_, content| content != JOURNAL);
    let wanted = sha256(&post.data);
    assert_eq!(
        inside.values().collect::<Vec<_>>(),
        [&wanted],
        "{}",
        done.shown()
    );
    done
}

/// All files around `out`, but not those of the harness.
fn elsewhere(t: &Scene) -> Tree {
    let mut tree = t.tree("..");
    tree.retain(|name, _| !name.starts_with("work/out/") && !name.starts_with("log/"));
    tree
}

#[test]
fn names_with_a_way_up() {
    for name in [
        "../up.bin",
        "../../../up.bin",
        "a/../../up.bin",
        "..\\up.bin",
        "..",
        "x/..",
    ] {
        both(|t| lands_inside(t, name));
    }
}

#[test]
fn absolute_names() {
    for name in [
        "/etc/nzbpipe-canary",
        "//server/share.bin",
        "C:\\up.bin",
        "/",
    ] {
        both(|t| lands_inside(t, name));
    }
    // This name differs between the two runs, so they cannot be compared.
    each(|t| {
        let target = t.path("target.bin");
        t.write("target.bin", "mine");
        lands_inside(t, target.to_str().unwrap());
        assert_eq!(t.read("target.bin"), b"mine");
    });
}

/// Ordinary names stay what they are.
#[test]
fn names_with_spaces_and_utf8() {
    for name in [
        "a film with spaces.bin",
        "Motörhead – ночь ☃.flac",
        "50% [off] (1).bin",
    ] {
        both(|t| {
            let done = lands_inside(t, name);
            assert!(t.path("out/x").join(name).exists(), "{}", done.shown());
            done
        });
    }
}

/// Names that a shell, a terminal or an option parser would act on.
#[test]
fn names_that_do_things() {
    for name in [
        "$(touch pwned).bin",
        "`touch pwned`",
        "-rf",
        "a\u{1b}]0;owned\u{7}.bin",
        "\u{202e}nib.exe",
        ".nzbpipe-0123456789ab.journal",
        "film.bin.0123456789ab.part",
    ] {
        both(|t| lands_inside(t, name));
    }
}

#[test]
fn long_names() {
    let long = format!("{}.mkv", "ü".repeat(400));
    both(|t| {
        let done = lands_inside(t, &long);
        let tree = t.tree("out");
        let name = tree.keys().next().unwrap();
        assert!(
            name.ends_with(".mkv") && name.len() < 260,
            "{}",
            done.shown()
        );
        done
    });
}

/// A job's name becomes a folder.
#[test]
fn a_job_with_a_way_up() {
    let post = Post::new("film.bin", 5_000, 3_000);
    for name in ["../../up", "/tmp/up", ".."] {
        both(|t| {
            let server = Script::of(&[&post]).start();
            t.write("x.nzb", Nzb::of(&[&post]).meta("name", name).text());
            let before = elsewhere(t);
            let done = t.download(&Job::from(&server)).code(0);
            let outside = elsewhere(t).keys().any(|name| !before.contains_key(name));
            // The file and its journal.
            assert!(!outside && t.tree("out").len() == 2, "{}", done.shown());
            done
        });
    }
}

/// A link below the output directory leads nowhere. One connection, so that the same
/// article comes first.
#[test]
fn a_link_out_of_the_output_directory() {
    let post = Post::new("film.bin", 5_000, 3_000);
    both(|t| {
        let server = Script::of(&[&post]).start();
        t.nzb(&[&post]);
        for folder in ["out", "outside"] {
            std::fs::create_dir(t.path(folder)).unwrap();
        }
        symlink(t.path("outside"), t.path("out/x")).unwrap();
        let done = t.download(&Job::with(&server.flag_with("connections=1&pipeline=1")));
        assert!(t.tree("outside").is_empty(), "{}", done.shown());
        done.code(73)
    });
}

/// Equal names in one job never share a file. One connection, so that the order of
/// arrival is that of the NZB.
#[test]
fn equal_names() {
    let data = ["one", "two", "three"].map(|seed| Post::new(seed, 5_000, 3_000));
    let same = Post::with("same.bin", Vec::new(), 1);
    both(|t| {
        let mut script = Script::of(&[]);
        let mut nzb = Nzb::new();
        for post in &data {
            for number in 1..=2 {
                let mut article = post.article(number);
                article.name = &same.name;
                script = script.article(&post.id(number), article.body());
            }
            let segments = [(1, post.id(1)), (2, post.id(2))];
            nzb = nzb.file("\"same.bin\" yEnc (1/2)", &segments);
        }
        let server = script.start();
        t.write("x.nzb", nzb.text());
        t.download(&Job::with(&server.flag_with("connections=1&pipeline=1")))
            .code(0)
            .files(&[
                ("x/same.bin", &data[0].data),
                ("x/same (2).bin", &data[1].data),
                ("x/same (3).bin", &data[2].data),
            ])
    });
}
