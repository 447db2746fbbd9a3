//! Several servers: levels, missing articles, sharing.

use nzbpipe_nntp::config::Server;
use nzbpipe_nntp::{Class, Outcome, Request};

use crate::peer::{Asked, Peer, id, say};
use crate::rig::{Keepers, fetch, ids, request, run};

/// Lacks every article whose number is not `keep` modulo `of`.
async fn partial(of: usize, keep: usize, line: &'static str) -> Peer {
    Peer::new(move |asked: &Asked<'_>| {
        let number: usize = id(asked.line)?
            .strip_prefix('a')?
            .strip_suffix("@x")?
            .parse()
            .ok()?;
        (number % of != keep).then(|| say(line))
    })
    .await
}

// S13, S14: whatever the code, the connection is fine.
#[tokio::test]
pub async fn missing_here_is_asked_for_there() {
    for line in [
        "430 No such article",
        "423 no",
        "420 no",
        "411 no",
        "412 no",
        "501 bad message-id",
        "451 0 <x@y> cancelled",
        "430",
    ] {
        let line = if line.starts_with("451") {
            "451 removed"
        } else {
            line
        };
        let (first, second) = (partial(3, 0, line).await, partial(3, 1, line).await);
        let servers = vec![
            first.server("a"),
            Server {
                level: 1,
                ..second.server("b")
            },
        ];
        let run = fetch(servers, &ids(30)).await;
        for (number, id) in ids(30).iter().enumerate() {
            let expected = ["body from a", "body from b", "missing"][number % 3];
            assert_eq!(run.word(id), expected, "{line} {id}");
        }
        assert_eq!(
            (first.connections(), second.connections()),
            (1, 1),
            "{line}"
        );
        assert_eq!((first.asked().len(), second.asked().len()), (30, 20));
        assert_eq!(run.told(), "");
    }
}

#[tokio::test]
pub async fn missing_says_who_was_asked() {
    let (a, b) = (
        partial(9, 10, "430 none").await,
        partial(9, 10, "451 removed").await,
    );
    let servers = vec![
        a.server("a"),
        Server {
            level: 1,
            ..b.server("b")
        },
    ];
    let run = fetch(servers, &ids(1)).await;
    match &run.outcomes["a0@x"] {
        Outcome::Missing { tried, .. } => {
            let seen: Vec<_> = tried
                .iter()
                .map(|t| (&*t.server, t.class, t.code, t.tries))
                .collect();
            assert_eq!(
                seen,
                [
                    ("a", Class::Missing, Some(430), 1),
                    ("b", Class::Missing, Some(451), 1),
                ]
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
pub async fn higher_levels_rest_while_lower_ones_have_it() {
    let (low, high) = (Peer::good().await, Peer::good().await);
    let servers = vec![
        Server {
            level: 3,
            ..high.server("high")
        },
        low.server("low"),
    ];
    let run = fetch(servers, &ids(50)).await;
    run.assert_all_good(50);
    assert_eq!(high.connections(), 0);
}

// S45: everything missing, everywhere: quick, and one connection each.
#[tokio::test]
pub async fn all_missing() {
    let (a, b) = (partial(1, 1, "430 no").await, partial(1, 1, "430 no").await);
    let run = fetch(vec![a.server("a"), b.server("b")], &ids(3000)).await;
    assert!(
        run.outcomes
            .values()
            .all(|o| matches!(o, Outcome::Missing { .. }))
    );
    assert_eq!(run.outcomes.len(), 3000);
    assert_eq!((a.connections(), b.connections()), (1, 1));
    assert_eq!(run.stats.missing(), 6000);
}

#[tokio::test]
pub async fn a_group_is_asked_once() {
    let (a, b) = (partial(1, 1, "430 no").await, Peer::good().await);
    let servers = vec![
        Server {
            group: 1,
            ..a.server("a")
        },
        Server {
            group: 1,
            level: 1,
            ..b.server("b")
        },
    ];
    let run = fetch(servers, &ids(5)).await;
    assert!(ids(5).iter().all(|id| run.word(id) == "missing"));
    assert_eq!(b.connections(), 0);
}

#[tokio::test]
pub async fn too_old_for_one_server() {
    let (young, old) = (Peer::good().await, Peer::good().await);
    let servers = vec![
        Server {
            retention_days: 1000,
            ..young.server("young")
        },
        Server {
            level: 1,
            ..old.server("old")
        },
    ];
    let mut ancient = request("a@x", &[]);
    ancient.date = Some(86_400);
    let run = run(
        servers,
        Keepers::default(),
        vec![ancient, request("b@x", &[])],
    )
    .await;
    assert_eq!(run.word("a@x"), "body from old");
    assert_eq!(run.word("b@x"), "body from young");
}

#[tokio::test]
pub async fn equal_servers_share() {
    let (a, b) = (Peer::good().await, Peer::good().await);
    let servers = vec![
        Server {
            connections: 2,
            pipeline: Some(2),
            ..a.server("a")
        },
        Server {
            connections: 2,
            pipeline: Some(2),
            ..b.server("b")
        },
    ];
    fetch(servers, &ids(600)).await.assert_all_good(600);
    assert!(
        a.asked().len() > 100 && b.asked().len() > 100,
        "{} {}",
        a.asked().len(),
        b.asked().len()
    );
}

/// A request for `id`, of which the copies of `avoid` were refused.
fn refused(id: &str, alternates: &[&str], avoid: &[&str]) -> Request<String> {
    Request {
        avoid: avoid.iter().map(|&name| name.into()).collect(),
        ..request(id, alternates)
    }
}

#[tokio::test]
pub async fn a_refused_copy_is_asked_of_others_only() {
    let (low, high) = (Peer::good().await, partial(2, 0, "430 no").await);
    let servers = vec![
        low.server("low"),
        Server {
            level: 1,
            ..high.server("high")
        },
    ];
    let requests = vec![
        refused("a1@x", &[], &["low", "nobody"]),
        refused("a2@x", &[], &["low"]),
        refused("a3@x", &[], &["high", "low"]),
        request("a4@x", &[]),
    ];
    let run = run(servers, Keepers::default(), requests).await;
    assert_eq!(run.word("a1@x"), "Damaged");
    assert_eq!(run.word("a2@x"), "body from high");
    assert_eq!(run.word("a3@x"), "Damaged");
    assert_eq!(run.word("a4@x"), "body from low");
    assert_eq!((low.asked(), high.asked().len()), (vec!["a4@x".into()], 2));
    let Outcome::Failed { tried, reason, .. } = &run.outcomes["a1@x"] else {
        panic!("{:?}", run.outcomes["a1@x"]);
    };
    assert!(reason.contains("refused"), "{reason}");
    let seen: Vec<_> = tried
        .iter()
        .map(|t| (&*t.server, t.class, t.tries))
        .collect();
    assert_eq!(
        seen,
        [("low", Class::Damaged, 0), ("high", Class::Missing, 1)]
    );
}

#[tokio::test]
pub async fn an_alternate_may_come_from_who_was_refused() {
    let only = Peer::good().await;
    let requests = vec![refused("a1@x", &["a2@x"], &["only"])];
    let run = run(vec![only.server("only")], Keepers::default(), requests).await;
    assert_eq!(run.word("a1@x"), "body from only");
    assert_eq!(only.asked(), ["a2@x"]);
}

// Nothing is left to ask, and no connection is opened to find that out.
#[tokio::test]
pub async fn a_group_is_refused_as_one() {
    let (a, b) = (Peer::good().await, Peer::good().await);
    let one = |peer: &Peer, name| Server {
        group: 1,
        ..peer.server(name)
    };
    let requests = vec![refused("a1@x", &[], &["b"])];
    let run = run(
        vec![one(&a, "a"), one(&b, "b")],
        Keepers::default(),
        requests,
    )
    .await;
    assert_eq!(run.word("a1@x"), "Damaged");
    assert_eq!((a.connections(), b.connections()), (0, 0));
}
