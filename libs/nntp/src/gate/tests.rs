//! The gate against a clock of its own.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn gate(most: u16) -> (Gate, Arc<Health>, Instant) {
    let start = Instant::now();
    let health = Arc::new(Health::new(start));
    (Gate::new(most, Arc::clone(&health)), health, start)
}

fn dial(gate: &mut Gate, now: Instant) -> bool {
    let may = gate.may_dial(now, 100);
    if may {
        gate.dial();
    }
    may
}

fn open(gate: &mut Gate, now: Instant, count: u16) {
    for _ in 0..count {
        assert!(dial(gate, now));
        gate.established();
    }
}

#[test]
fn the_ramp_doubles_while_all_is_well() {
    let (mut gate, _, now) = gate(50);
    let mut rounds = Vec::new();
    while gate.open < 50 {
        let dialled = (0..100).filter(|_| dial(&mut gate, now)).count();
        (0..dialled).for_each(|_| gate.established());
        rounds.push(dialled);
    }
    assert_eq!(rounds, [4, 8, 16, 22]);
}

#[test]
fn opened_only_for_work() {
    let (mut gate, _, now) = gate(6);
    assert!(!gate.may_dial(now, 0));
    assert!(gate.may_dial(now, 1));
    gate.dial();
    assert!(!gate.may_dial(now, 1));
}

#[test]
fn failures_back_off() {
    let (mut gate, health, start) = gate(6);
    gate.failed(start, start);
    assert!(!gate.may_dial(start + SECOND / 2, 9));
    let now = start + SECOND;
    assert!(gate.may_dial(now, 9));
    // Begun before the first failure: the same trouble.
    gate.failed(start - SECOND, now);
    assert_eq!(health.failures(), 1);
    gate.failed(now, now);
    assert_eq!(health.failures(), 2);
    assert!(!gate.may_dial(now + SECOND, 9));
    assert!(gate.may_dial(now + 2 * SECOND, 9));
    assert_eq!(gate.trouble(), Some(start));
}

#[test]
fn success_forgives() {
    let (mut gate, health, now) = gate(6);
    gate.failed(now, now);
    assert_eq!(gate.trouble(), Some(now));
    assert!(!gate.ready());
    gate.dial();
    gate.established();
    assert!(gate.ready());
    gate.answered();
    assert_eq!((health.failures(), gate.trouble()), (0, None));
    assert!(gate.may_dial(now, 9));
    // While a session works the server is in no trouble.
    gate.failed(now + SECOND, now + SECOND);
    assert_eq!(gate.trouble(), None);
    gate.closed(true);
    gate.failed(now + 2 * SECOND, now + 2 * SECOND);
    assert_eq!(gate.trouble(), Some(now + 2 * SECOND));
}

#[test]
fn the_limit_is_found_and_probed() {
    let (mut gate, _, start) = gate(20);
    let now = start + SECOND / 4;
    open(&mut gate, start, 8);
    gate.answered();
    // Both refused at once: one wait, not two.
    assert!(dial(&mut gate, start) && dial(&mut gate, start));
    for _ in 0..2 {
        gate.undial();
        gate.crowded(start, now);
    }
    assert_eq!(gate.limit(), 8);
    assert!(!gate.may_dial(now, 9));
    let later = now + FIRST_CROWDED;
    assert!(gate.wake_at(now).is_some_and(|at| at <= later));
    assert!(dial(&mut gate, later));
    assert!(!gate.may_dial(later, 9));
    gate.established();
    assert_eq!(gate.limit(), 9);
    assert!(gate.may_dial(later + FIRST_CROWDED, 9));
}

// Some servers let everybody log in and count at the first BODY: a session
// that is refused then was no success, and ends no trouble.
#[test]
fn crowded_out_it_waits_longer_and_longer() {
    for after_login in [false, true] {
        let (mut gate, _, start) = gate(20);
        let mut now = start;
        for tries in 1..=9 {
            assert!(dial(&mut gate, now));
            match after_login {
                true => {
                    gate.established();
                    gate.closed(false);
                }
                false => gate.undial(),
            }
            gate.crowded(now, now);
            assert_eq!((gate.limit(), gate.trouble()), (1, Some(start)), "{tries}");
            now = gate.wake_at(now).unwrap();
        }
        assert!(now - start > Duration::from_secs(60));
        // An answer ends it.
        open(&mut gate, now, 1);
        gate.answered();
        assert_eq!(gate.trouble(), None);
    }
}

#[test]
fn the_configured_number_may_change() {
    let (mut gate, _, now) = gate(4);
    open(&mut gate, now, 4);
    gate.resize(2);
    assert!(!gate.may_dial(now, 9));
    gate.resize(6);
    assert!(gate.may_dial(now, 9));
    gate.crowded(now, now);
    gate.resize(10);
    assert_eq!(gate.limit(), 4);
    gate.renew();
    assert_eq!(gate.limit(), 10);
}
