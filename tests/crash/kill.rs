//! kill -9 at random instants: the one program, or one program of the pipe, or all of
//! them. After every run a final name means right bytes; a last run completes the job.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use super::{Dice, all_there, nothing_false, setting, wanted};
use crate::corpus::Post;
use crate::harness::{Done, Job, Mode, Scene};
use crate::server::{Script, Server};

/// Kills in each arrangement; `tests/soak.sh` asks for more.
const KILLS: u64 = 100;

/// Whether a resumed run asks only for what is not there.
const COUNTED: bool = false;

/// Connections and requests in flight on each.
const CONNECTIONS: usize = 2;
const WINDOW: usize = 4;

/// Segments that may have arrived and not be in the journal when a run is killed: those
/// that wait for the writers, and in the pipe those in three pipes of 64 KiB.
const UNDER_WAY: usize = 24;

/// Twelve files of twenty segments of 2 to 8 KB.
fn posts() -> Vec<Post> {
    let one = |n: usize| {
        let part = 2_000 + 540 * n;
        Post::new(&format!("f{n:02}.bin"), part * 20 - 70 * n, part)
    };
    (0..12).map(one).collect()
}

/// Kills that met a program, and segments asked for again, of all rounds.
#[derive(Default)]
struct Toll {
    kills: u64,
    again: usize,
    worst: usize,
}

#[test]
fn one_program() {
    at_random_instants(Mode::Fused);
}

#[test]
fn programs_of_the_pipe() {
    at_random_instants(Mode::Piped);
}

fn at_random_instants(mode: Mode) {
    let t = Scene::new(mode);
    let posts = posts();
    let refs: Vec<&Post> = posts.iter().collect();
    let server = Script::of(&refs).pace(Duration::from_micros(300)).start();
    t.nzb(&refs);
    let mut job = Job::from(&server);
    if mode == Mode::Piped {
        job.split = "--resume out".to_owned();
    }
    let kills = setting("NZBPIPE_KILLS").unwrap_or(KILLS);
    let usual = (0..3).map(|_| whole(&t, &job)).min().unwrap();
    let mut toll = Toll::default();
    for seed in 0.. {
        round(&t, &server, &posts, (&job, usual, seed), &mut toll);
        if toll.kills >= kills {
            break;
        }
        assert!(seed < 20 + 10 * kills, "the kills come too late");
    }
    let Toll {
        kills,
        again,
        worst,
    } = toll;
    eprintln!(
        "{mode:?}: {kills} kills within {usual:?}, {again} segments asked for again, {worst} in \
         the worst round"
    );
}

/// How long an undisturbed run takes.
fn whole(t: &Scene, job: &Job) -> Duration {
    let _ = std::fs::remove_dir_all(t.path("out"));
    let began = Instant::now();
    t.download(job).code(0);
    began.elapsed()
}

/// A run that is killed at some instant, if it takes that long.
fn killed(t: &Scene, job: &Job, usual: Duration, dice: &mut Dice) -> Done {
    let running = t.begin(job);
    sleep(usual.mul_f64(dice.below(1000) as f64 / 1000.0));
    let pids = running.pids();
    // Half of the time all of them.
    match pids.get(dice.below(2 * pids.len() as u64) as usize) {
        Some(&pid) => drop(kill_process(pid, Signal::KILL)),
        None => running.signal(Signal::KILL),
    }
    running.finish()
}

/// One job, killed up to three times and then run to its end.
fn round(
    t: &Scene,
    server: &Server,
    posts: &[Post],
    (job, usual, seed): (&Job, Duration, u64),
    toll: &mut Toll,
) {
    let wanted = wanted(posts);
    let mut dice = Dice(seed);
    let before = server.requests();
    let _ = std::fs::remove_dir_all(t.path("out"));
    let what = format!("{:?}, seed {seed}", t.mode);
    let mut kills = 0;
    for _ in 0..=dice.below(3) {
        let done = killed(t, job, usual, &mut dice);
        nothing_false(t, &wanted, &what, &done);
        kills += usize::from(done.code != 0);
        // The journal of a job that is whole is gone: another run would know nothing.
        if t.tree("out") == wanted {
            break;
        }
    }
    if t.tree("out") != wanted {
        all_there(t, &wanted, &what, &t.download(job));
    }
    let all: usize = posts.iter().map(Post::parts).sum();
    let again = server.requests() - before - all;
    toll.kills += kills as u64;
    toll.again += again;
    toll.worst = toll.worst.max(again);
    let most = kills * (CONNECTIONS * WINDOW + UNDER_WAY);
    assert!(
        !COUNTED || again <= most,
        "{what}: {again} segments asked for again after {kills} kills"
    );
}
