//! S01 to S12: names, connections, greetings, logins.

use std::time::Duration;

use nzbpipe_nntp::Class;
use nzbpipe_nntp::config::{Secret, Server, from_url};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::Shown::{By, Case, Own};
use super::{ALONE, BEFORE, Row, all_good};
use crate::login;
use crate::peer::{Act, Peer, id, say};
use crate::rig::{fetch, ids};

fn nowhere(server: &mut Server) {
    server.host = "nowhere.invalid".to_owned();
}

fn user(server: &mut Server) {
    server.username = Some("me".to_owned());
    server.password = Some(Secret::new("hunter2"));
}

pub(super) const ROWS: &[Row] = &[
    Row(
        "S01 a name that does not exist: the others go on",
        Case(super::Case {
            with: nowhere,
            then: |seen| {
                all_good(seen);
                assert!(seen.run.told().contains("out of reach"));
            },
            ..BEFORE
        }),
    ),
    Row(
        "S01 and no other server: temporary",
        Case(super::Case {
            with: nowhere,
            then: |seen| seen.all("Unreachable, retryable"),
            ..ALONE
        }),
    ),
    Row(
        "S02 of two addresses one is dead",
        Case(super::Case {
            with: |server| server.host = "localhost".to_owned(),
            then: |seen| {
                all_good(seen);
                assert!(seen.run.took < Duration::from_secs(8));
            },
            ..ALONE
        }),
    ),
    Row("S03 refused", By(&[login::nobody_there])),
    Row("S03 a SYN that is not answered", Own(black_hole)),
    Row(
        "S04 no greeting, ever",
        Case(super::Case {
            script: |asked| asked.line.is_empty().then(|| Act::Stall(Vec::new())),
            then: |seen| {
                seen.all("Unreachable, retryable");
                assert!(seen.bad.connections() < 10);
            },
            ..ALONE
        }),
    ),
    Row("S04 the others go on", By(&[login::no_greeting])),
    Row(
        "S05 too many connections, as greeting",
        By(&[
            login::too_many_connections,
            login::crowded_out_at_first,
            login::kicked_in_mid_session,
        ]),
    ),
    Row("S06 odd greetings", By(&[login::logins_that_work])),
    Row(
        "S06 a greeting of 1 MiB",
        Case(super::Case {
            script: |asked| asked.line.is_empty().then(|| Act::Say(vec![b'2'; 1 << 20])),
            then: |seen| {
                all_good(seen);
                assert!(seen.run.told().contains("without end"));
            },
            ..BEFORE
        }),
    ),
    Row("S07 closed before a greeting", By(&[login::no_greeting])),
    Row(
        "S07 reset before a greeting, three times",
        Case(super::Case {
            script: |asked| {
                let early = asked.line.is_empty() && asked.connection < 3;
                early.then(|| Act::Reset(Vec::new()))
            },
            ..ALONE
        }),
    ),
    Row(
        "S08 a login in one step, in two, and one that goes on and on",
        By(&[login::logins_that_work, login::a_wrong_password]),
    ),
    Row(
        "S08 a login is wanted to log in",
        Case(super::Case {
            script: |asked| {
                let login = asked.line.starts_with("AUTHINFO");
                login.then(|| say("480 log in first"))
            },
            with: user,
            then: |seen| {
                seen.all("Login");
                assert_eq!(seen.bad.connections(), 1);
            },
            ..ALONE
        }),
    ),
    Row(
        "S08 a login is wanted after each login",
        Case(super::Case {
            script: |asked| id(asked.line).map(|_| say("480 log in first")),
            with: user,
            then: |seen| {
                seen.all("Login");
                assert!(seen.bad.connections() <= 2);
            },
            ..ALONE
        }),
    ),
    Row(
        "S09 a wrong password",
        By(&[
            login::a_wrong_password,
            login::missing_there_and_refused_here_is_missing,
        ]),
    ),
    Row(
        "S10 a login refused for too many connections",
        By(&[
            login::too_many_connections,
            login::a_login_refused_beside_sessions_that_work,
        ]),
    ),
    Row(
        "S11 a login that expires is repeated, once",
        Case(super::Case {
            script: |asked| {
                let expired = asked.connection == 0 && asked.nth == 3;
                (expired && id(asked.line).is_some()).then(|| say("480 log in first"))
            },
            with: user,
            then: |seen| {
                all_good(seen);
                let log = seen.bad.log();
                let logins = log.iter().filter(|line| line.starts_with("AUTHINFO PASS"));
                assert_eq!(logins.count(), 2);
            },
            ..ALONE
        }),
    ),
    Row("S11 and no more", By(&[login::a_480_in_mid_session])),
    Row(
        "S12 a line end in a credential",
        Own(|| {
            for password in ["a\r\nQUIT", "a\nb", "a\0b"] {
                let entry = from_url("nntp://user@host").unwrap();
                let resolved = entry.resolve(Some(Secret::new(password)), None);
                assert!(resolved.is_err());
            }
        }),
    ),
];

#[tokio::main(flavor = "current_thread")]
async fn black_hole() {
    // The queue of the listener is full: it takes nobody and refuses nobody.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(tcp) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        filling.push(tcp.unwrap());
    }
    let hole = Server {
        port: address.port(),
        connect_timeout: Duration::from_millis(150),
        ..Server::new("127.0.0.1", false)
    };
    let good = Peer::good().await;
    let fill = Server {
        level: 1,
        ..good.server("b")
    };
    fetch(vec![hole.clone(), fill], &ids(10))
        .await
        .assert_all_good(10);
    let run = fetch(vec![hole], &ids(3)).await;
    assert!(
        ids(3)
            .iter()
            .all(|id| run.word(id) == "Unreachable, retryable")
    );
    let (class, why) = run.summary.servers[0].out.clone().unwrap();
    assert_eq!(class, Class::Unreachable, "{why}");
}
