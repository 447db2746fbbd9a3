//! The kernel that `NZBPIPE_YENC_KERNEL` names: each makes the same of the same
//! articles, the programs tell which it is, and one that cannot be had is refused.

use std::cell::RefCell;

use nzbpipe_yenc::Kernel;
use rustix::process::Signal;

use crate::corpus::Post;
use crate::harness::{Job, Mode, Scene, both, each, until};
use crate::run::Done;
use crate::server::{Act, Script};

/// A whole download from `fetch`, with the variable set for all programs.
fn download(t: &Scene, kernel: &str, fetch: &str) -> Done {
    let programs = match t.mode {
        Mode::Piped => format!(
            "nzb-split x.nzb | nntp-fetch -v {fetch} | yenc-decode -v | seg-write -d out --json"
        ),
        Mode::Fused => format!("nzbpipe -v {fetch} -d out --json x.nzb"),
    };
    t.run(&format!(
        "export NZBPIPE_YENC_KERNEL='{kernel}'; {programs}"
    ))
}

/// Dots and escapes throughout; of random bytes one article is damaged, one missing.
#[test]
fn every_kernel_makes_the_same_files_and_is_named() {
    let film = Post::new("film.bin", 700_000, 100_000);
    let dots = Post::with("dots.bin", vec![4; 70_000], 30_000);
    let escapes = Post::with("escapes.bin", vec![0xd6; 70_000], 30_000);
    let posts = [&film, &dots, &escapes];
    let first = RefCell::new(None);
    for kernel in Kernel::available() {
        both(|t| {
            let server = Script::of(&posts)
                .always(&film.id(2), Act::Flip)
                .always(&film.id(5), Act::missing())
                .start();
            t.nzb(&posts);
            let done = download(t, kernel.name(), &server.flag())
                .code(1)
                .says(&format!("yEnc kernel: {kernel}\n"))
                .fate("missing film.bin")
                .unfinished("x/film.bin", &film.with_holes(&[2, 5]));
            if t.mode == Mode::Piped {
                assert!(done.stderr.contains(&format!("(kernel {kernel})")));
            }
            assert_eq!(t.read("out/x/dots.bin"), dots.data);
            assert_eq!(t.read("out/x/escapes.bin"), escapes.data);
            let fates = done.fates();
            assert_eq!(first.borrow_mut().get_or_insert(fates.clone()), &fates);
            done
        });
    }
}

/// What the embedded server encodes is proven by the CRCs that the client checks.
#[test]
fn every_kernel_serves_the_same_files() {
    let [film, dots] = [
        Post::new("film.bin", 300_000, 1),
        Post::with("dots.bin", [4, 0xd6, 0xdf, 1].repeat(20_000), 1),
    ];
    for kernel in Kernel::available() {
        let t = Scene::alone();
        std::fs::create_dir_all(t.path("files/x")).unwrap();
        for post in [&film, &dots] {
            t.write(&format!("files/x/{}", post.name), &post.data);
        }
        let server = t.start(&format!(
            "NZBPIPE_YENC_KERNEL={kernel} noted nntp-serve -v --files files --nzb-out nzb \
             --article-size 70000 --listen 127.0.0.1:0 --servers-out servers.toml"
        ));
        until("the server is ready", || t.path("servers.toml").exists());
        t.run("nzbpipe --servers servers.toml -d out nzb/x.nzb")
            .code(0)
            .files(&[("x/film.bin", &film.data), ("x/dots.bin", &dots.data)]);
        server.signal(Signal::INT);
        server
            .finish()
            .code(130)
            .says(&format!("yEnc kernel: {kernel}\n"));
    }
}

#[test]
fn without_a_name_it_is_the_fastest() {
    let film = Post::new("film.bin", 1000, 1000);
    let best = Kernel::best();
    both(|t| {
        let server = Script::of(&[&film]).start();
        t.nzb(&[&film]);
        download(t, "", &server.flag())
            .code(0)
            .says(&format!("yEnc kernel: {best}\n"))
    });
    // Not to be decoded, so no kernel is told of.
    let server = Script::of(&[&film]).start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    let fetch = format!("nzb-split x.nzb | nntp-fetch -v {}", server.flag());
    let checked = t.run(&fetch).code(0).stderr;
    let unchecked = t.run(&format!("{fetch} --no-verify")).code(0).stderr;
    assert!(checked.contains("kernel") && !unchecked.contains("kernel"));
}

/// Unknown, and known but of another kind of machine: 78, which reaches the end of the
/// pipe; nobody is asked for an article.
#[test]
fn a_kernel_that_cannot_be_had() {
    let foreign = match cfg!(target_arch = "x86_64") {
        true => "neon",
        false => "avx512",
    };
    let here: Vec<&str> = Kernel::available().map(Kernel::name).collect();
    let here = here.join(", ");
    let film = Post::new("film.bin", 1000, 1000);
    for (name, why) in [
        ("fast", "there is no such kernel"),
        ("AVX2", "there is no such kernel"),
        (foreign, "this machine cannot run that kernel"),
    ] {
        let message = format!("NZBPIPE_YENC_KERNEL={name}: {why}; this machine can run: {here}\n");
        each(|t| {
            let server = Script::of(&[&film]).start();
            t.nzb(&[&film]);
            download(t, name, &server.flag()).code(78).says(&message);
            assert_eq!(server.asked(&film.id(1)), 0);
            // Of the programs of a pipe, the decoder alone.
            let job = Job::from(&server);
            if t.mode == Mode::Piped {
                let fetch = format!("nzb-split x.nzb | nntp-fetch {}", job.fetch);
                t.run(&format!(
                    "{fetch} | NZBPIPE_YENC_KERNEL={name} yenc-decode | seg-write -d out"
                ))
                .code(78)
                .says(&message);
            }
        });
        let t = Scene::alone();
        t.write("article", film.article(1).body());
        for program in [
            "yenc-decode --raw article",
            "nntp-serve --files . --listen 127.0.0.1:0",
        ] {
            t.run(&format!("NZBPIPE_YENC_KERNEL={name} {program}"))
                .code(78)
                .says(&message);
        }
    }
}
