//! Signals: the first stops cleanly, and a later run goes on.

use rustix::process::Signal;

use crate::corpus::Post;
use crate::harness::{Job, each, until};
use crate::server::{Act, Script};

/// A stop in mid-job ends with the signal's code and an `end` that says so; what
/// was written stays, and a second run completes it.
#[test]
fn stopped_and_run_again() {
    let film = Post::new("film.bin", 20_000, 3_000);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        each(|t| {
            let server = Script::of(&[&film]).always(&film.id(4), Act::Hold).start();
            t.nzb(&[&film]);
            let flags = server.flag_with("connections=1&pipeline=1");
            let running = t.begin(&Job::with(&flags));
            until("a part is written", || {
                server.holds() && !t.tree("out").is_empty()
            });
            running.signal(signal);
            let done = running.finish();
            server.release();
            let done = done.code(code);
            done.fate(&format!("end interrupted code={code}"));
            t.download(&Job::from(&server))
                .code(0)
                .file("x/film.bin", &film.data);
        });
    }
}

/// Segments that nobody asked for yet are not "missing".
#[test]
fn a_stop_is_not_called_missing() {
    let film = Post::new("film.bin", 20_000, 3_000);
    each(|t| {
        let server = Script::of(&[&film]).always(&film.id(2), Act::Hold).start();
        t.nzb(&[&film]);
        let running = t.begin(&Job::with(&server.flag_with("connections=1&pipeline=1")));
        until("a part is written", || {
            server.holds() && !t.tree("out").is_empty()
        });
        running.signal(Signal::INT);
        let done = running.finish().code(130).says("not received; interrupted");
        assert!(!done.stderr.contains("missing"), "{}", done.shown());
        server.release();
    });
}

/// SIGUSR1 prints one line and changes nothing.
#[test]
fn a_status_line() {
    let film = Post::new("film.bin", 20_000, 3_000);
    each(|t| {
        let server = Script::of(&[&film]).always(&film.id(4), Act::Hold).start();
        t.nzb(&[&film]);
        let running = t.begin(&Job::with(&server.flag_with("connections=1&pipeline=1")));
        until("a part is written", || {
            server.holds() && !t.tree("out").is_empty()
        });
        running.signal(Signal::USR1);
        until("a line is printed", || {
            running.stderr().contains("complete files")
        });
        server.release();
        running.finish().code(0).file("x/film.bin", &film.data);
    });
}
