//! Routing, as tables of who is asked after what.

use super::*;
use crate::config::Server;

/// Level, group, retention in days, optional.
type Spec = (u8, u32, u32, bool);

const NOW: i64 = 1_000 * 86_400;

fn routes(specs: &[Spec]) -> Routes {
    let place = |(at, &(level, group, retention_days, optional)): (usize, &Spec)| {
        let server = Server {
            level,
            group,
            retention_days,
            optional,
            ..Server::new("h", false)
        };
        Place::new(&server, format!("s{at}").into())
    };
    Routes::new(specs.iter().enumerate().map(place).collect(), NOW)
}

fn plain(levels: &[u8]) -> Routes {
    let specs: Vec<Spec> = levels.iter().map(|&level| (level, 0, 0, false)).collect();
    routes(&specs)
}

fn missing() -> Answer {
    Answer::Missing(Cause::said(Class::Missing, 430, "430 no".into()))
}

fn transport() -> Answer {
    Answer::Transport(Cause::new(Class::Transport, "reset"))
}

fn damaged() -> Answer {
    Answer::Damaged("crc".into())
}

/// Who is asked; empty when exhausted.
fn asked(routes: &Routes, trail: &Trail) -> Vec<usize> {
    match routes.next(trail, None) {
        Next::Ask(servers) => servers.iter().collect(),
        Next::Exhausted => Vec::new(),
    }
}

fn out(routes: &mut Routes, server: usize, class: Class) {
    routes.places[server].out = Some(Cause::new(class, "out"));
}

fn class(end: End) -> (Class, bool) {
    match end {
        End::Missing => (Class::Missing, false),
        End::Failed { cause, retryable } => (cause.class, retryable),
    }
}

#[test]
fn levels_in_order_and_nobody_twice() {
    let routes = plain(&[1, 0, 0, 2]);
    let mut trail = Trail::default();
    for (expected, server) in [(vec![1, 2], 2), (vec![1], 1), (vec![0], 0), (vec![3], 3)] {
        assert_eq!(asked(&routes, &trail), expected);
        trail.note(server, missing(), 3);
    }
    assert_eq!(asked(&routes, &trail), []);
    assert_eq!(routes.end(&trail, None), End::Missing);
    assert_eq!(trail.asked(), 4);
}

#[test]
fn a_level_that_is_out_lets_the_next_one_in() {
    let mut routes = plain(&[0, 0, 1]);
    let trail = Trail::default();
    out(&mut routes, 0, Class::Login);
    assert_eq!(asked(&routes, &trail), [1]);
    out(&mut routes, 1, Class::Unreachable);
    assert_eq!(asked(&routes, &trail), [2]);
}

#[test]
fn a_group_has_the_same_articles() {
    let routes = routes(&[
        (0, 7, 0, false),
        (0, 7, 0, false),
        (1, 7, 0, false),
        (1, 0, 0, false),
    ]);
    let mut trail = Trail::default();
    trail.note(1, missing(), 3);
    assert_eq!(asked(&routes, &trail), [3]);
    trail.note(3, missing(), 3);
    assert_eq!(routes.end(&trail, None), End::Missing);
    let tried = routes.tried(&trail, None);
    assert_eq!((tried[0].class, tried[0].tries), (Class::Missing, 0));
    assert_eq!(tried[0].text.as_deref(), Some("same articles as s1"));
    // A transport failure says nothing of the articles of the others.
    let mut trail = Trail::default();
    (0..3).for_each(|_| trail.note(1, transport(), 3));
    assert_eq!(asked(&routes, &trail), [0]);
}

#[test]
fn retention_against_the_date() {
    let routes = routes(&[(0, 0, 100, false), (1, 0, 0, false)]);
    let trail = Trail::default();
    let first = |date| match routes.next(&trail, date) {
        Next::Ask(servers) => servers.iter().next(),
        Next::Exhausted => None,
    };
    assert_eq!(first(None), Some(0));
    assert_eq!(first(Some(NOW - 100 * 86_400)), Some(0));
    assert_eq!(first(Some(NOW - 101 * 86_400)), Some(1));
    assert_eq!(first(Some(NOW + 86_400)), Some(0));
    assert_eq!(first(Some(i64::MIN)), Some(1));
}

#[test]
fn transport_failures_are_bounded_per_server() {
    let routes = plain(&[0, 1]);
    let mut trail = Trail::default();
    for _ in 0..3 {
        assert_eq!(asked(&routes, &trail), [0]);
        trail.note(0, transport(), 3);
    }
    assert_eq!(asked(&routes, &trail), [1]);
    trail.note(1, missing(), 3);
    assert_eq!(asked(&routes, &trail), []);
    let mut routes = routes;
    routes.places[0].proven = true;
    assert_eq!(class(routes.end(&trail, None)), (Class::Transport, true));
    assert_eq!(routes.tried(&trail, None)[0].tries, 3);
}

#[test]
fn another_article_twice_is_damage_there() {
    let routes = plain(&[0, 1]);
    let mut trail = Trail::default();
    trail.note(0, Answer::Strange, 3);
    assert_eq!(asked(&routes, &trail), [0]);
    trail.note(0, Answer::Strange, 3);
    assert_eq!(asked(&routes, &trail), [1]);
    trail.note(1, missing(), 3);
    assert_eq!(class(routes.end(&trail, None)), (Class::Damaged, false));
}

// S47, S48
#[test]
fn damaged_is_asked_of_each_other_once_or_of_the_only_one_again() {
    let mut routes = plain(&[0, 0, 1]);
    let mut trail = Trail::default();
    trail.note(0, damaged(), 3);
    assert_eq!(asked(&routes, &trail), [1]);
    trail.note(1, damaged(), 3);
    assert_eq!(asked(&routes, &trail), [2]);
    trail.note(2, missing(), 3);
    assert_eq!(asked(&routes, &trail), []);

    out(&mut routes, 1, Class::Login);
    out(&mut routes, 2, Class::Login);
    let mut trail = Trail::default();
    trail.note(0, damaged(), 3);
    assert_eq!(asked(&routes, &trail), [0]);
    trail.note(0, damaged(), 3);
    assert_eq!(asked(&routes, &trail), []);
}

#[test]
fn an_alternate_is_another_article() {
    let routes = plain(&[0, 1]);
    let mut trail = Trail::default();
    trail.note(0, missing(), 3);
    (0..3).for_each(|_| trail.note(1, transport(), 3));
    assert_eq!(asked(&routes, &trail), []);
    trail.next_id();
    assert_eq!(asked(&routes, &trail), [0]);
    trail.note(0, missing(), 3);
    assert_eq!(asked(&routes, &trail), []);
    assert_eq!(trail.asked(), 5);
}

/// A trail of what the caller refused from `names`.
fn avoiding(routes: &Routes, names: &[&str]) -> Trail {
    let names: Vec<Arc<str>> = names.iter().map(|&name| name.into()).collect();
    routes.trail(&names)
}

#[test]
fn a_refused_copy_is_not_asked_for_again() {
    let routes = plain(&[0, 0, 1]);
    let mut trail = avoiding(&routes, &["s0", "s7"]);
    assert_eq!(asked(&routes, &trail), [1]);
    trail.note(1, missing(), 3);
    assert_eq!(asked(&routes, &trail), [2]);
    trail.note(2, missing(), 3);
    assert_eq!(asked(&routes, &trail), []);
    assert_eq!(class(routes.end(&trail, None)), (Class::Damaged, false));
    let tried = routes.tried(&trail, None);
    assert_eq!((tried[0].class, tried[0].tries), (Class::Damaged, 0));
    assert_eq!(trail.asked(), 2);
    // Not even the only server there is gets a second chance.
    let routes = plain(&[0]);
    let trail = avoiding(&routes, &["s0"]);
    assert_eq!(asked(&routes, &trail), []);
    assert_eq!(class(routes.end(&trail, None)), (Class::Damaged, false));
}

#[test]
fn a_refused_copy_says_nothing_of_alternates() {
    let routes = plain(&[0, 1]);
    let mut trail = avoiding(&routes, &["s0"]);
    trail.note(1, missing(), 3);
    trail.next_id();
    assert_eq!(asked(&routes, &trail), [0]);
    trail.note(0, missing(), 3);
    trail.note(1, missing(), 3);
    assert_eq!(asked(&routes, &trail), []);
    assert_eq!(class(routes.end(&trail, None)), (Class::Damaged, false));
    assert_eq!(routes.tried(&trail, None)[0].class, Class::Damaged);
}

#[test]
fn a_group_is_refused_as_one() {
    let routes = routes(&[(0, 7, 0, false), (1, 7, 0, false), (2, 0, 0, false)]);
    let mut trail = avoiding(&routes, &["s1"]);
    assert_eq!(asked(&routes, &trail), [2]);
    trail.note(2, missing(), 3);
    assert_eq!(asked(&routes, &trail), []);
    let tried = routes.tried(&trail, None);
    assert_eq!(tried[0].text.as_deref(), Some("same articles as s1"));
    assert_eq!(tried[0].class, Class::Damaged);
}

// A server that cannot be reached may have a better copy later.
#[test]
fn a_refusal_is_not_the_end_while_others_are_out_of_reach() {
    let mut routes = plain(&[0, 1]);
    let trail = avoiding(&routes, &["s0"]);
    routes.places[0].proven = true;
    out(&mut routes, 1, Class::Transport);
    assert_eq!(asked(&routes, &trail), []);
    assert_eq!(class(routes.end(&trail, None)), (Class::Transport, true));
}

#[test]
fn a_lost_copy_is_fetched_from_where_it_was() {
    let mut routes = plain(&[0, 1]);
    let mut trail = Trail::default();
    trail.note(0, damaged(), 3);
    trail.next_id();
    trail.note(0, missing(), 3);
    trail.note(1, missing(), 3);
    trail.settle();
    assert_eq!((trail.id, asked(&routes, &trail)), (0, vec![0]));
    trail.note(0, missing(), 3);
    assert_eq!(asked(&routes, &trail), []);
    trail.settle();
    out(&mut routes, 0, Class::Transport);
    assert_eq!(asked(&routes, &trail), []);
}

/// What each server came to: `M`issing, `D`amaged, `T`ransport (tried up), or
/// out because of `L`ogin, `U`nreachable, `X` transport, `C`apacity.
fn verdict(fates: &str, proven: bool, optional: &str) -> (Class, bool) {
    let specs: Vec<Spec> = optional.chars().map(|c| (0, 0, 0, c == 'o')).collect();
    let mut routes = routes(&specs);
    let mut trail = Trail::default();
    for (server, fate) in fates.chars().enumerate() {
        match fate {
            'M' => trail.note(server, missing(), 1),
            'D' => trail.note(server, Answer::TooLarge, 1),
            'T' => trail.note(server, transport(), 1),
            'L' => out(&mut routes, server, Class::Login),
            'U' => out(&mut routes, server, Class::Unreachable),
            'X' => out(&mut routes, server, Class::Transport),
            'C' => out(&mut routes, server, Class::Capacity),
            _ => unreachable!(),
        }
        routes.places[server].proven |= proven && !"LUC".contains(fate);
    }
    class(routes.end(&trail, None))
}

#[test]
fn the_gravest_is_said() {
    use Class::*;
    let table = [
        ("MM", (Missing, false)),
        ("ML", (Missing, false)),
        ("LL", (Login, false)),
        ("L", (Login, false)),
        ("UU", (Unreachable, true)),
        ("LU", (Unreachable, true)),
        ("MU", (Transport, true)),
        ("MT", (Transport, true)),
        ("LT", (Transport, true)),
        ("TU", (Transport, true)),
        ("MX", (Transport, true)),
        ("CC", (Capacity, true)),
        ("MC", (Capacity, true)),
        ("LC", (Unreachable, true)),
        ("MD", (Damaged, false)),
        ("DL", (Damaged, false)),
        ("DT", (Transport, true)),
        ("", (Login, false)),
    ];
    for (fates, expected) in table {
        let required = "r".repeat(fates.len());
        assert_eq!(verdict(fates, true, &required), expected, "{fates}");
    }
    // Logged in, but nothing ever came of it.
    assert_eq!(verdict("T", false, "r"), (Unreachable, true));
}

#[test]
fn an_optional_server_that_is_out_does_not_count() {
    assert_eq!(verdict("MU", true, "ro"), (Class::Missing, false));
    assert_eq!(verdict("MU", true, "or"), (Class::Transport, true));
    assert_eq!(verdict("U", true, "o"), (Class::Unreachable, true));
    assert_eq!(verdict("MT", true, "ro"), (Class::Transport, true));
}
