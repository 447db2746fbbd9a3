//! What can stand in the way of files: directories that are none, names that are taken by
//! something else, folders that move or vanish meanwhile, file systems that cannot do all.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::corpus::Post;
use crate::harness::{Job, Mode, Scene, both, each, until};
use crate::server::{Act, Script, Server};

fn film() -> Post {
    Post::new("film.bin", 20_000, 3_000)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Both arrangements, with the directory.
fn command(t: &Scene, server: &Server, dir: &str, flags: &str) -> String {
    let fetch = server.flag();
    match t.mode {
        Mode::Piped => format!(
            "nzb-split x.nzb | nntp-fetch {fetch} | yenc-decode | seg-write {flags} -d {dir}"
        ),
        Mode::Fused => format!("nzbpipe {flags} -d {dir} {fetch} x.nzb"),
    }
}

/// W09. What is missing is made.
#[test]
fn w09_a_directory_that_is_missing() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        t.run(&command(t, &server, "out/a/b/c", "")).code(0);
        assert_eq!(t.read("out/a/b/c/x/film.bin"), film.data);
    });
}

/// W09, W16. It cannot be: 73 and its name, and in one process no article is asked for.
#[test]
fn w09_a_directory_that_cannot_be() {
    let film = film();
    let rows = [
        ("file", ": > file"),
        ("file/below", ": > file"),
        ("fifo", "mkfifo fifo"),
        ("/dev/stdout", ":"),
        ("/dev/null", ":"),
        ("/dev/null/below", ":"),
        ("/proc/nzbpipe", ":"),
        ("loop", "ln -s loop loop"),
        ("dangling/below", "ln -s nowhere/at/all dangling"),
        ("$(printf %0300d 1)", ":"),
    ];
    each(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        for (dir, before) in rows {
            t.run(&format!("rm -f file fifo; {before}")).code(0);
            let done = t.run(&command(t, &server, dir, ""));
            assert_eq!(done.code, 73, "{dir}\n{}", done.shown());
            if !dir.starts_with('$') {
                done.says(dir);
            }
        }
        if t.mode == Mode::Fused {
            assert!(!server.log().contains("BODY"), "{}", server.log());
        }
    });
}

/// W09. Nobody may write there. Root may, so root becomes somebody else.
#[test]
fn w09_a_directory_that_is_read_only() {
    let film = film();
    each(|t| {
        let other = match is_root() {
            true => "setpriv --reuid 65534 --regid 65534 --clear-groups ",
            false => "",
        };
        t.nzb(&[&film]);
        t.run("mkdir out; chmod 555 out; chmod 755 . ..").code(0);
        if t.run(&format!("{other} true")).code != 0
            || t.run(&format!("{other} nzbpipe --version")).code != 0
        {
            eprintln!("skipped: root cannot become another user who may run the programs");
            return;
        }
        let server = Script::of(&[&film]).start();
        let line = command(t, &server, "out", "")
            .replace("seg-write", &format!("{other}seg-write"))
            .replace("nzbpipe ", &format!("{other}nzbpipe "));
        t.run(&line).code(73).says("out");
        if t.mode == Mode::Fused {
            assert!(!server.log().contains("BODY"), "{}", server.log());
        }
    });
}

/// W11. A file of that name and these bytes is the file; one of other bytes is replaced only on
/// request.
#[test]
fn w11_the_name_is_taken() {
    let film = film();
    both(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        std::fs::create_dir_all(t.path("out/x")).unwrap();
        t.write("out/x/film.bin", &film.data);
        t.download(&Job::from(&server))
            .code(0)
            .file("x/film.bin", &film.data)
    });
    both(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        std::fs::create_dir_all(t.path("out/x")).unwrap();
        t.write("out/x/film.bin", "mine");
        let job = Job {
            write: "--overwrite".to_owned(),
            ..Job::from(&server)
        };
        t.download(&job).code(0).file("x/film.bin", &film.data)
    });
}

/// W12, W13. The name is that of something that is no file: it stays what it is, nobody waits
/// for it, and the file gets another name; `--overwrite` is about files.
#[test]
fn w12_the_name_is_of_something_else() {
    let film = film();
    let rows = [
        "mkdir out/x/film.bin",
        "mkdir out/x/film.bin; : > out/x/film.bin/mine",
        "mkfifo out/x/film.bin",
        "ln -s ../../canary out/x/film.bin",
        "ln -s nowhere out/x/film.bin",
        "ln -s film.bin out/x/film.bin",
        "ln -s . out/x/film.bin",
    ];
    for flags in ["", "--overwrite"] {
        for obstacle in rows {
            each(|t| {
                let server = Script::of(&[&film]).start();
                t.nzb(&[&film]);
                t.write("canary", "untouched");
                t.run(&format!("mkdir -p out/x; {obstacle}")).code(0);
                let kind = |t: &Scene| {
                    let meta = std::fs::symlink_metadata(t.path("out/x/film.bin")).unwrap();
                    (meta.ino(), meta.mode())
                };
                let before = kind(t);
                let done = t.run(&command(t, &server, "out", flags)).code_in(&[0, 73]);
                assert_eq!(t.read("canary"), b"untouched", "{obstacle}");
                assert_eq!(kind(t), before, "{obstacle} {flags}\n{}", done.shown());
                if done.code == 0 {
                    let other = t.path("out/x/film (2).bin");
                    assert_eq!(std::fs::read(other).unwrap(), film.data, "{obstacle}");
                }
            });
        }
    }
}

/// W26. It appears while the file is on its way.
#[test]
fn w26_the_name_is_taken_meanwhile() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).always(&film.id(4), Act::Hold).start();
        t.nzb(&[&film]);
        let running = t.begin(&Job::from(&server));
        until("parts are written", || {
            server.holds() && t.tree("out").keys().any(|name| name.ends_with(".part"))
        });
        t.write("out/x/film.bin", "mine");
        server.release();
        running
            .finish()
            .code(0)
            .files(&[("x/film.bin", b"mine"), ("x/film (2).bin", &film.data)]);
    });
}

/// W14. The job's folder is swapped for a link to the outside, and back, some hundred times
/// while parts are written: nothing comes out there.
#[test]
fn w14_a_folder_that_is_swapped() {
    let films: Vec<Post> = (0..20)
        .map(|n| Post::new(&format!("film{n}.bin"), 20_000, 1_000))
        .collect();
    let films: Vec<&Post> = films.iter().collect();
    each(|t| {
        let server = Script::of(&films).pace(Duration::from_millis(4)).start();
        t.nzb(&films);
        for folder in ["out", "outside", "out/x"] {
            std::fs::create_dir_all(t.path(folder)).unwrap();
        }
        t.write("outside/canary", "untouched");
        let over = AtomicBool::new(false);
        let swaps = std::thread::scope(|threads| {
            let swapping = threads.spawn(|| swap(t, &over));
            t.download(&Job::from(&server)).code_in(&[0, 1, 73, 74]);
            over.store(true, Ordering::Relaxed);
            swapping.join().unwrap()
        });
        // On a busy machine they are fewer.
        assert!(swaps >= 10, "{swaps} swaps");
        let outside: Vec<_> = t.tree("outside").into_keys().collect();
        assert_eq!(outside, ["canary"]);
        assert_eq!(t.read("outside/canary"), b"untouched");
    });
}

/// Swaps until it is over, and leaves all as it was.
fn swap(t: &Scene, over: &AtomicBool) -> usize {
    let [folder, away, link] = ["out/x", "away", "link"].map(|name| t.path(name));
    let mut swaps = 0;
    while !over.load(Ordering::Relaxed) {
        symlink(t.path("outside"), &link).unwrap();
        std::fs::rename(&folder, &away).unwrap();
        // Where it makes the folder anew, there is one.
        if std::fs::rename(&link, &folder).is_err() {
            let _ = std::fs::remove_file(&link);
        }
        std::thread::sleep(Duration::from_micros(200));
        if folder.is_symlink() {
            std::fs::remove_file(&folder).unwrap();
        }
        if std::fs::rename(&away, &folder).is_err() {
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::rename(&away, &folder).unwrap();
        }
        swaps += 1;
        std::thread::sleep(Duration::from_micros(200));
    }
    swaps
}

/// W35. The output is removed while it is written to.
#[test]
fn w35_the_directory_is_removed() {
    let film = film();
    each(|t| {
        let server = Script::of(&[&film]).always(&film.id(4), Act::Hold).start();
        t.nzb(&[&film]);
        let running = t.begin(&Job::from(&server));
        until("parts are written", || {
            server.holds() && t.tree("out").keys().any(|name| name.ends_with(".part"))
        });
        std::fs::remove_dir_all(t.path("out")).unwrap();
        server.release();
        // A file cannot be made there, or cannot be finished.
        running.finish().code_in(&[73, 74]);
        assert!(t.tree("out").is_empty());
    });
}

/// W34. The umask decides who may read, and nobody may execute.
#[test]
fn w34_the_umask() {
    let film = film();
    for (umask, mode) in [("077", 0o600), ("000", 0o666), ("027", 0o640)] {
        each(|t| {
            let server = Script::of(&[&film]).start();
            t.nzb(&[&film]);
            t.run(&format!(
                "umask {umask}; {}",
                command(t, &server, "out", "")
            ))
            .code(0);
            let file = std::fs::metadata(t.path("out/x/film.bin")).unwrap();
            assert_eq!(file.permissions().mode() & 0o7777, mode, "{umask}");
            let folder = std::fs::metadata(t.path("out/x")).unwrap();
            let search = (mode & 0o444) >> 2;
            assert_eq!(
                folder.permissions().mode() & 0o777,
                mode | search,
                "{umask}"
            );
        });
    }
}

/// W07. A file system in memory, with all ways to make room.
#[test]
fn w07_a_file_system_in_memory() {
    let film = film();
    if !Path::new("/dev/shm").is_dir() {
        eprintln!("skipped: there is no /dev/shm");
        return;
    }
    for preallocate in ["none", "sparse", "full"] {
        each(|t| {
            let shm = tempfile::Builder::new()
                .prefix("nzbpipe-test-")
                .tempdir_in("/dev/shm")
                .unwrap();
            let server = Script::of(&[&film]).start();
            t.nzb(&[&film]);
            let dir = shm.path().to_str().unwrap();
            let flags = format!("--preallocate {preallocate}");
            t.run(&command(t, &server, dir, &flags)).code(0);
            assert_eq!(
                std::fs::read(shm.path().join("x/film.bin")).unwrap(),
                film.data
            );
        });
    }
}
