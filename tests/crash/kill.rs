//! kill -9 at random instants: the one program, or one program of the pipe, or all of
//! them. After every run a final name means right bytes; a last run completes the job.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use super::{Dice, all_there, nothing_false, setting, wanted};
use crate::corpus::Post;
use crate::harness::{Done, Job, Mode, Scene, until};
use crate::server::{Script, Server};

/// Kills in each arrangement; `tests/soak.sh` asks for more.
const KILLS: u64 = 100;

/// Segments of each file.
const PARTS: usize = 20;

/// Segments that are in flight when a run is killed, on average at most: 2 times 4 are
/// asked for, and what has arrived waits in pipes or for a writer.
const IN_FLIGHT: usize = 60;

/// Twelve files of twenty segments of 2 to 8 KB.
fn posts() -> Vec<Post> {
    let one = |n: usize| {
        let part = 2_000 + 540 * n;
        Post::new(&format!("f{n:02}.bin"), part * PARTS - 70 * n, part)
    };
    (0..12).map(one).collect()
}

/// Of all rounds.
#[derive(Default)]
struct Toll {
    /// Runs that were killed.
    kills: u64,
    /// Segments that were in flight then, and had to be asked for again.
    again: usize,
    /// The most of one kill.
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
    // Nothing is asked for twice to bring the end nearer.
    let mut job = Job::with(&format!("--hedge 0 {}", server.flag()));
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
        "{mode:?}: {kills} kills within {usual:?}, {again} segments asked for again, at most \
         {worst} after one"
    );
    let average = again as u64 / kills;
    assert!(average <= IN_FLIGHT as u64, "{average} in flight");
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

/// One job, killed up to three times and then run to its end. What a journal knows of is
/// never asked for again.
fn round(
    t: &Scene,
    server: &Server,
    posts: &[Post],
    (job, usual, seed): (&Job, Duration, u64),
    toll: &mut Toll,
) {
    let wanted = wanted(posts);
    let mut dice = Dice(seed);
    let _ = std::fs::remove_dir_all(t.path("out"));
    let what = format!("{:?}, seed {seed}", t.mode);
    let mut known = 0;
    for left in (0..=dice.below(3) + 1).rev() {
        let before = server.requests();
        let done = match left {
            0 => t.download(job),
            _ => killed(t, job, usual, &mut dice),
        };
        until("the server has answered all", || server.connections() == 0);
        nothing_false(t, &wanted, &what, &done);
        let (asked, unknown) = (server.requests() - before, PARTS * posts.len() - known);
        assert!(
            asked <= unknown,
            "{what}: {asked} segments asked for though only {unknown} were unknown\n{}",
            done.shown()
        );
        if done.code == 0 || left == 0 {
            return all_there(t, &wanted, &what, &done);
        }
        let before = std::mem::replace(&mut known, journalled(t));
        let again = (before + asked).saturating_sub(known);
        toll.kills += 1;
        toll.again += again;
        toll.worst = toll.worst.max(again);
    }
}

/// How many segments the journal knows.
fn journalled(t: &Scene) -> usize {
    let mut known = BTreeSet::new();
    let folder = std::fs::read_dir(t.path("out/x")).into_iter().flatten();
    for entry in folder.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".journal") {
            continue;
        }
        let text = String::from_utf8(t.read(&format!("out/x/{name}"))).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["part", file, number, ..] => {
                    known.insert((file.to_owned(), number.parse().unwrap()));
                }
                ["done", file, ..] => {
                    known.extend((1..=PARTS).map(|number| (file.to_owned(), number)));
                }
                _ => {}
            }
        }
    }
    known.len()
}
