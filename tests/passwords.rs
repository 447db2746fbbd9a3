//! Every source of a password, piped and fused: it reaches the server and nobody else.
//!
//! What servers answer to a login is `login`'s.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::corpus::Post;
use crate::harness::{Done, Job, Scene, both, each, until};
use crate::server::{Act, Script, Server};

fn film() -> Post {
    Post::new("film.bin", 5_000, 3_000)
}

/// A login of the server file, with what its source of the password needs: files
/// with their modes, and variables.
struct Source {
    keys: &'static str,
    files: &'static [(&'static str, &'static str, u32)],
    variables: &'static str,
}

/// Every source but the terminal, all with the same password.
const SOURCES: [Source; 12] = [
    Source {
        keys: "username = \"me\"\npassword_file = \"secret\"",
        files: &[("secret", "open sesame\nmore\n", 0o644)],
        variables: "",
    },
    Source {
        keys: "username = \"me\"\npassword_env = \"NEWS_WORD\"",
        files: &[],
        variables: "NEWS_WORD='open sesame'",
    },
    Source {
        keys: "username = \"me\"",
        files: &[],
        variables: "NZBPIPE_PASSWORD='open sesame'",
    },
    Source {
        keys: "username = \"me\"\npassword = \"open sesame\"",
        files: &[],
        variables: "",
    },
    Source {
        keys: "username = \"me\"\npassword_command = [\"cat\", \"secret\"]",
        files: &[("secret", "open sesame\r\nuser: me\n", 0o600)],
        variables: "",
    },
    Source {
        keys: "username = \"me\"\npassword_command = \"cat; printf 'open %s' sesame\"",
        files: &[],
        variables: "",
    },
    Source {
        keys: "username = \"me\"\npassword_credential = \"news\"",
        files: &[("news", "open sesame", 0o400)],
        variables: "CREDENTIALS_DIRECTORY=\"$PWD\"",
    },
    Source {
        keys: "username = \"me\"\nnetrc = \"own.netrc\"",
        files: &[(
            "own.netrc",
            "machine 127.0.0.1 login you password no\n\
             machine 127.0.0.1 login me password \"open sesame\"\n",
            0o600,
        )],
        variables: "",
    },
    Source {
        keys: "netrc = \"own.netrc\"",
        files: &[(
            "own.netrc",
            "machine elsewhere login you password no\n\
             default login me password \"open\\ sesame\"\n",
            0o600,
        )],
        variables: "",
    },
    Source {
        keys: "netrc = true",
        files: &[(
            "own.netrc",
            "# ours\nmachine 127.0.0.1\n  login me\n  password \"open sesame\"\n",
            0o600,
        )],
        variables: "NETRC=own.netrc",
    },
    Source {
        keys: "netrc = true",
        files: &[(
            "../home/.netrc",
            "machine 127.0.0.1 password \"open sesame\" login me",
            0o600,
        )],
        variables: "",
    },
    Source {
        keys: "username = \"me\"\nnetrc = false\npassword_file = \"secret\"",
        files: &[("secret", "open sesame", 0o600)],
        variables: "",
    },
];

/// Writes a file with its mode, whatever the umask.
fn file(t: &Scene, name: &str, text: &str, mode: u32) {
    t.write(name, text);
    let mode = fs::Permissions::from_mode(mode);
    fs::set_permissions(t.path(name), mode).unwrap();
}

fn arrange(t: &Scene, source: &Source, server: &Server) -> Job {
    for (name, text, mode) in source.files {
        file(t, name, text, *mode);
    }
    file(t, "servers.toml", &server.table(source.keys), 0o600);
    Job::with("--servers servers.toml")
}

/// Nothing that was printed has the password.
#[track_caller]
fn discreet(done: &Done) {
    let printed = String::from_utf8_lossy(&done.stdout) + &*done.stderr;
    assert!(!printed.contains("sesame"), "{}", done.shown());
}

/// Whatever the source, the password reaches the server, and nothing else: no
/// message, no record, and no command line that others could read while it runs.
#[test]
fn every_source_of_a_password() {
    let film = film();
    for source in &SOURCES {
        for accepted in ["open sesame", "another"] {
            both(|t| {
                let server = Script::of(&[&film]).login("me", accepted).start();
                t.nzb(&[&film]);
                let mut job = arrange(t, source, &server);
                job.common = "-v".to_owned();
                job.variables = source.variables.to_owned();
                let done = t.download(&job);
                let sent = server.log().contains("AUTHINFO PASS open sesame\r\n");
                assert!(sent, "{}\n{}\n{}", source.keys, server.log(), done.shown());
                discreet(&done);
                match accepted {
                    "another" => done.code(77),
                    _ => done.code(0).file("x/film.bin", &film.data),
                }
            });
        }
    }
}

/// The same where the record stream can be seen between the programs.
#[test]
fn no_password_in_records() {
    let film = film();
    for source in &SOURCES {
        for (accepted, code) in [("open sesame", 0), ("another", 77)] {
            let t = Scene::alone();
            let server = Script::of(&[&film]).login("me", accepted).start();
            t.nzb(&[&film]);
            let job = arrange(&t, source, &server);
            let (variables, flags) = (source.variables, job.fetch);
            let line = format!("nzb-split x.nzb | {variables} nntp-fetch -v {flags}");
            let done = t.run(&line).code(code);
            discreet(&done);
        }
    }
}

/// While a program is asked for a password and while the download runs, the list of
/// processes tells it to nobody.
#[test]
fn no_password_on_a_command_line() {
    let film = film();
    let server = Script::of(&[&film])
        .login("me", "open sesame")
        .once(&film.id(2), Act::Hold)
        .start();
    let t = Scene::alone();
    t.nzb(&[&film]);
    let job = arrange(&t, &SOURCES[4], &server);
    let running = t.begin(&job);
    until("a request that is held", || server.holds());
    let mut seen = 0;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let bytes = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&bytes).into_owned();
        seen += usize::from(words.contains("servers.toml"));
        assert!(!words.contains("sesame"), "{words}");
    }
    assert!(seen > 0 || !cfg!(target_os = "linux"));
    server.release();
    running.finish().code(0);
}

/// Sources that cannot be used: code 78, a word that helps, and never the secret.
#[test]
fn unusable_sources() {
    let film = film();
    let server = Script::of(&[&film]).login("me", "open sesame").start();
    let netrc = "machine 127.0.0.1 login me password \"open sesame\"\n";
    let user = "username = \"me\"\n";
    let rows: [(String, &str, u32, &str, &str); 16] = [
        (
            format!("{user}netrc = \"f\""),
            netrc,
            0o644,
            "",
            "chmod 600",
        ),
        (format!("{user}netrc = \"g\""), netrc, 0o600, "", "g: "),
        (
            "username = \"you\"\nnetrc = \"f\"".to_owned(),
            netrc,
            0o600,
            "",
            "no password of you",
        ),
        (
            "netrc = \"f\"".to_owned(),
            "machine 127.0.0.1 password sesame",
            0o600,
            "",
            "no login",
        ),
        (
            "netrc = \"f\"".to_owned(),
            "machine x\nlogin \"sesame",
            0o600,
            "",
            "line 2",
        ),
        ("netrc = true".to_owned(), "", 0o600, "", ".netrc: "),
        (
            format!("{user}password_command = [\"no-such-program\", \"sesame\"]"),
            "",
            0o600,
            "",
            "no-such-program: ",
        ),
        (
            format!("{user}password_command = \"echo sesame; exit 3\""),
            "",
            0o600,
            "",
            "exit status: 3",
        ),
        (
            format!("{user}password_command = [\"true\"]"),
            "",
            0o600,
            "",
            "password_command prints is empty",
        ),
        (
            format!("{user}password_command = \"printf 'a\\\\rsesame\\\\n'\""),
            "",
            0o600,
            "",
            "line end",
        ),
        (
            format!("{user}password_command = \"printf 'a\\\\0sesame\\\\n'\""),
            "",
            0o600,
            "",
            "NUL",
        ),
        (
            format!("{user}password_credential = \"f\""),
            "sesame",
            0o600,
            "",
            "LoadCredential=f",
        ),
        (
            format!("{user}password_credential = \"g\""),
            "sesame",
            0o600,
            "CREDENTIALS_DIRECTORY=\"$PWD\"",
            "password_credential",
        ),
        (
            format!("{user}password_credential = \"../f\""),
            "sesame",
            0o600,
            "CREDENTIALS_DIRECTORY=\"$PWD\"",
            "password_credential",
        ),
        (
            format!("{user}password_file = \"f\""),
            "\nsesame\n",
            0o600,
            "",
            "password_file is empty",
        ),
        (
            format!("{user}password_env = \"NEWS_WORD\""),
            "",
            0o600,
            "NEWS_WORD=\"$(printf '\\377sesame')\"",
            "no UTF-8",
        ),
    ];
    for (keys, text, mode, variables, names) in rows {
        both(|t| {
            t.nzb(&[&film]);
            file(t, "f", text, mode);
            file(t, "servers.toml", &server.table(&keys), 0o600);
            let mut job = Job::with("--servers servers.toml");
            job.variables = variables.to_owned();
            let done = t.download(&job).code(78).says(names);
            discreet(&done);
            done
        });
    }
    assert_eq!(server.log(), "");
}

/// A signal ends the wait for a program that never answers.
#[test]
fn a_program_that_says_nothing_is_interrupted() {
    each(|t| {
        t.nzb(&[&film()]);
        let keys = "username = \"me\"\npassword_command = \"echo >begun; exec sleep 600\"";
        let table = format!("[[server]]\nhost = \"127.0.0.1\"\n{keys}\n");
        file(t, "servers.toml", &table, 0o600);
        let running = t.begin(&Job::with("--servers servers.toml"));
        until("the program runs", || t.path("begun").exists());
        // Nobody tells when the others have come to listen to signals.
        std::thread::sleep(std::time::Duration::from_millis(300));
        running.signal(Signal::INT);
        running.finish().code(130);
    });
}
