//! The bucket under a clock that the test sets, and under many threads.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use proptest::prelude::*;

use super::*;

const MILLI: u64 = SECOND / 1000;

fn grant(bucket: &Bucket, octets: u64, now: u64) -> Grant {
    bucket.reserve(octets, now).unwrap()
}

#[test]
fn without_a_limit_there_are_no_turns() {
    assert_eq!(Bucket::new(0).reserve(1, 0), None);
    assert!(!Rate::default().limited());
    assert_eq!(Rate::default().share(), None);
}

#[test]
fn a_turn_is_two_milliseconds_of_the_limit_within_bounds() {
    for (limit, octets) in [
        (1, 1 << 10),
        (100_000, 1 << 10),
        (10_000_000, 20_000),
        (100_000_000, 200_000),
        (10_000_000_000, 256 << 10),
    ] {
        let bucket = Bucket::new(limit);
        assert_eq!(grant(&bucket, u64::MAX, 0).octets, octets, "{limit}");
        assert_eq!(grant(&bucket, 7, 0).octets, 7);
    }
}

#[test]
fn turns_follow_each_other_at_the_rate() {
    let bucket = Bucket::new(1_000_000);
    let starts: Vec<u64> = (0..4).map(|_| grant(&bucket, 1000, 0).at).collect();
    assert_eq!(starts, [0, MILLI, 2 * MILLI, 3 * MILLI]);
}

#[test]
fn what_was_not_used_can_be_caught_up_with_up_to_the_burst() {
    let bucket = Bucket::new(1_000_000);
    assert_eq!(grant(&bucket, 1000, 0).at, 0);
    // 10 ms late: the turns that were missed are had at once.
    assert_eq!(grant(&bucket, 1000, 10 * MILLI).at, MILLI);
    assert_eq!(grant(&bucket, 1000, SECOND).at, SECOND - BURST);
}

#[test]
fn what_a_turn_did_not_use_goes_back() {
    let bucket = Bucket::new(1_000_000);
    let turn = grant(&bucket, 1000, 0);
    bucket.settle(&turn, 250);
    assert_eq!(grant(&bucket, 1000, 0).at, MILLI / 4);
    let all = grant(&bucket, 1000, 0);
    bucket.settle(&all, 1000);
    assert_eq!(grant(&bucket, 1000, 0).at, MILLI / 4 + 2 * MILLI);
}

#[test]
fn a_change_frees_what_waited_under_the_old_limit() {
    let bucket = Bucket::new(1);
    let old = grant(&bucket, 1000, 0);
    let waits = grant(&bucket, 1000, 0);
    assert_eq!(waits.at, 1000 * SECOND);
    bucket.set(1_000_000, SECOND);
    assert!(!bucket.holds(&waits));
    // Nothing of the old limit's time comes back under the new one.
    bucket.settle(&old, 0);
    assert_eq!(grant(&bucket, 1000, SECOND).at, SECOND);
    assert_eq!(grant(&bucket, 1000, SECOND).at, SECOND + MILLI);
    // The same limit again changes nothing.
    bucket.set(1_000_000, SECOND);
    assert_eq!(grant(&bucket, 1000, SECOND).at, SECOND + 2 * MILLI);
    bucket.set(0, SECOND);
    assert_eq!(bucket.reserve(1, SECOND), None);
}

#[test]
fn the_count_of_changes_may_run_over() {
    let bucket = Bucket::new(1_000_000);
    for limit in 1..=1000 {
        bucket.set(limit, SECOND);
        let turn = grant(&bucket, 1, SECOND);
        assert!(bucket.holds(&turn) && turn.at == SECOND, "{limit}");
    }
}

#[test]
fn a_share_is_the_limit_over_all_who_use_it() {
    let rate = Rate::new(1000);
    (0..4).for_each(|_| rate.join());
    assert_eq!(rate.share(), Some(250));
    (0..3).for_each(|_| rate.leave());
    assert_eq!(rate.share(), Some(1000));
}

/// A connection asks, or ends its turn with a part used.
#[derive(Debug, Clone)]
struct Step {
    connection: usize,
    wanted: u64,
    used_percent: u64,
    pause: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0usize..5, 1u64..600_000, 0u64..=100, 0u64..40 * MILLI).prop_map(
        |(connection, wanted, used_percent, pause)| Step {
            connection,
            wanted,
            used_percent,
            pause,
        },
    );
    prop::collection::vec(step, 1..300)
}

proptest! {
    /// Whatever the order of asking, using and giving back: by any time no more has
    /// been taken than the limit lets through by then, and one turn.
    #[test]
    fn never_more_than_the_limit(limit in 1_000u64..1_000_000_000, steps in steps()) {
        let bucket = Bucket::new(limit);
        let mut held: [Option<Grant>; 5] = [None; 5];
        let (mut now, mut taken) = (0, 0u128);
        for step in steps {
            now += step.pause;
            let held = &mut held[step.connection];
            let turn = *held.get_or_insert_with(|| grant(&bucket, step.wanted, now));
            if turn.at > now {
                continue;
            }
            let used = turn.octets as u64 * step.used_percent / 100;
            bucket.settle(&turn, used);
            *held = None;
            taken += u128::from(used);
            let most = u128::from(limit) * u128::from(now) / u128::from(SECOND);
            let turn = (limit / GRANTS_A_SECOND).clamp(MIN_GRANT, MAX_GRANT);
            prop_assert!(taken <= most + u128::from(turn), "{taken} of {most}");
        }
    }

    /// Who always wants more gets all the limit has, however late each turn is
    /// used, within the burst.
    #[test]
    fn no_less_than_the_limit(
        limit in 100_000u64..1_000_000_000,
        late in prop::collection::vec(0u64..20 * MILLI, 300),
    ) {
        let bucket = Bucket::new(limit);
        let (mut now, mut taken) = (0, 0u128);
        for late in late {
            // Several short turns may be over before a late one is noticed.
            let mut turn = grant(&bucket, u64::MAX, now);
            now = now.max(turn.at) + late;
            loop {
                taken += turn.octets as u128;
                turn = grant(&bucket, u64::MAX, now);
                if turn.at > now {
                    bucket.settle(&turn, 0);
                    break;
                }
            }
        }
        let least = u128::from(limit) * u128::from(now) / u128::from(SECOND);
        prop_assert!(taken * 1000 >= least * 998, "{taken} of {least}");
    }
}

#[test]
fn threads_that_hammer_it_share_it_exactly() {
    const LIMIT: u64 = 1_000_000_000;
    let rate = Arc::new(Rate::new(LIMIT));
    let stop = Arc::new(AtomicBool::new(false));
    let began = rate.began;
    let takers: Vec<_> = (0..4)
        .map(|_| {
            let (rate, stop) = (Arc::clone(&rate), Arc::clone(&stop));
            thread::spawn(move || {
                let mut taken = 0;
                while !stop.load(Relaxed) {
                    let Some(turn) = rate.reserve(1 << 20) else {
                        break;
                    };
                    while rate.due(&turn) != Some(Duration::ZERO) {
                        std::hint::spin_loop();
                    }
                    // Every turn is used in part.
                    let used = turn.octets / 3;
                    rate.settle(&turn, used);
                    taken += used as u64;
                }
                taken
            })
        })
        .collect();
    while began.elapsed() < Duration::from_millis(300) {
        thread::yield_now();
    }
    stop.store(true, Relaxed);
    let taken: u64 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
    let elapsed = began.elapsed().as_nanos() as u64;
    let most = LIMIT / 1000 * (elapsed / 1_000_000 + 1) + MAX_GRANT;
    assert!(taken <= most, "{taken} of {most}");
    // The machine may be busy; that the limit is reached is shown elsewhere.
    assert!(taken > most / 20, "{taken} of {most}");
}
