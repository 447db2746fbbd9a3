//! The flags that say how files are written: the same bytes under the same names, whatever
//! they say, and what each of them is for.

use sha2::{Digest, Sha256};

use crate::corpus::Post;
use crate::harness::{Job, Scene, both, each, sha256, until};
use crate::server::{Act, Script, Server};

fn film() -> Post {
    Post::new("film.bin", 40_000, 3_000)
}

fn writing(server: &Server, flags: &str) -> Job {
    Job {
        write: flags.to_owned(),
        ..Job::from(server)
    }
}

fn poor(film: &Post) -> Server {
    Script::of(&[film])
        .always(&film.id(3), Act::missing())
        .start()
}

/// However room is made and data are synced, the file is the same.
#[test]
fn ways_to_write() {
    let film = film();
    for flags in [
        "--sync never",
        "--sync file",
        "--sync segment",
        "--preallocate none",
        "--preallocate sparse",
        "--preallocate full",
        "--preallocate full --sync segment --journal never",
        "--no-space-check",
    ] {
        both(|t| {
            let server = Script::of(&[&film]).start();
            t.nzb(&[&film]);
            t.download(&writing(&server, flags))
                .code(0)
                .file("x/film.bin", &film.data)
        });
    }
}

/// What becomes of an incomplete file, and that a later run makes it whole all the same.
#[test]
fn incomplete_files() {
    let film = film();
    for (what, left) in [("keep", ".part"), ("rename", ".incomplete"), ("delete", "")] {
        each(|t| {
            t.nzb(&[&film]);
            let flags = format!("--on-incomplete {what}");
            t.download(&writing(&poor(&film), &flags)).code(1);
            let found: Vec<String> = t
                .tree("out")
                .into_keys()
                .filter(|n| n.contains("film"))
                .collect();
            match left {
                "" => assert_eq!(found, [""; 0]),
                left => assert!(found.len() == 1 && found[0].ends_with(left), "{found:?}"),
            }
            let rich = Script::of(&[&film]).start();
            t.download(&writing(&rich, &flags))
                .code(0)
                .file("x/film.bin", &film.data);
        });
    }
}

/// How long the journal stays; without one, two at once still do not mix.
#[test]
fn journals() {
    let film = film();
    for (how, while_incomplete, at_last) in [("keep", 1, 1), ("remove", 1, 0), ("never", 0, 0)] {
        each(|t| {
            let count = || t.run("ls -A out/x | grep -c '[.]journal$' || :").stdout[0] - b'0';
            t.nzb(&[&film]);
            let flags = format!("--journal {how}");
            t.download(&writing(&poor(&film), &flags)).code(1);
            assert_eq!(count(), while_incomplete, "{how}");
            let rich = Script::of(&[&film]).start();
            t.download(&writing(&rich, &flags)).code(0);
            assert_eq!(count(), at_last, "{how}");
            assert_eq!(sha256(&t.read("out/x/film.bin")), sha256(&film.data));
        });
    }
    each(|t| {
        let server = Script::of(&[&film]).always(&film.id(4), Act::Hold).start();
        let other = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let first = t.begin(&writing(&server, "--journal never"));
        until("the first run writes", || {
            server.holds() && t.tree("out").keys().any(|name| name.ends_with(".part"))
        });
        t.download(&writing(&other, "--journal never")).code(75);
        server.release();
        first.finish().code(0).file("x/film.bin", &film.data);
    });
}

/// Digests of whole files are those of other programs.
#[test]
fn digests() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        let done = t
            .download(&writing(&server, "--hash sha256,blake3"))
            .code(0);
        let records = done.records();
        let file = records.iter().find(|r| r.kind() == "file").unwrap();
        let hex: String = Sha256::digest(&film.data)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(file.text("sha256"), hex, "{}", done.shown());
        assert_eq!(file.text("blake3").len(), 64, "{}", done.shown());
        let md5 = t.run("head -c 16384 out/x/film.bin | md5sum").stdout;
        assert_eq!(file.text("md5_16k").as_bytes(), &md5[..32]);
    });
}

/// A job that claims more than is free is refused before the first article is written; one that
/// claims what nobody has is not believed.
#[test]
fn room_for_the_job() {
    let t = Scene::alone();
    for (bytes, flags, code) in [
        (1_u64 << 49, "", 74),
        (1 << 49, "--no-space-check", 0),
        (1 << 60, "", 0),
        (u64::MAX, "", 0),
    ] {
        let part = "{\"len\":3,\"type\":\"part\",\"name\":\"a.txt\",\"job\":\"aa\",\"job_name\":\"x\",\
                    \"number\":1,\"of\":1,\"offset\":0,\"crc\":\"ok\"}\nabc\n";
        let job = format!(
            "{{\"type\":\"job\",\"job\":\"aa\",\"name\":\"x\",\"files\":1,\"segments\":1,\"bytes\":{bytes}}}\n"
        );
        let begin = "{\"type\":\"stream\",\"v\":1}\n";
        t.write("p.rec", format!("{begin}{job}{part}{{\"type\":\"end\"}}\n"));
        let done = t.run(&format!("rm -rf out; seg-write {flags} -d out < p.rec"));
        let there = t.path("out/x/a.txt").exists();
        assert!(
            done.code == code && there == (code == 0),
            "{bytes}\n{}",
            done.shown()
        );
    }
}

/// Final names, by whom and by which pattern.
#[test]
fn names() {
    let film = film();
    for (flags, name) in [
        ("--name-from yenc", "x/film.bin"),
        ("--name-from subject", "x/film.bin"),
        ("--name '{job}-{index:03}{ext}'", "x/x-001.bin"),
        ("--name '{stem}.new{ext}'", "x/film.new.bin"),
    ] {
        both(|t| {
            let server = Script::of(&[&film]).start();
            t.nzb(&[&film]);
            t.download(&writing(&server, flags))
                .code(0)
                .file(name, &film.data)
        });
    }
    let t = Scene::alone();
    for bad in [
        "{nonsense}",
        "{",
        "}",
        "",
        "{index:x}",
        "{index:99999999999}",
    ] {
        t.run(&format!("seg-write --name '{bad}' < /dev/null"))
            .code(64);
    }
}
