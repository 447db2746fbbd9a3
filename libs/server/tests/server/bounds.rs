//! Where sessions begin and end: too many, stopped, pipelines that run far ahead.

use std::time::Duration;

use nzbpipe_server::{Config, Server};

use crate::client::{decode, local, start};
use crate::three_articles;

#[test]
fn one_connection_too_many_is_told_so() {
    let (dir, _) = three_articles();
    let server = start(dir.path(), |config| config.max_connections = Some(1));
    let mut first = server.connect();
    let mut second = server.connect();
    assert_eq!(second.greeting, "502 too many connections");
    assert!(second.is_closed());
    assert!(first.ask("QUIT").starts_with("205"));
    assert!(first.is_closed());
    // The seat is free a moment after the stream has ended.
    let mut greetings = std::iter::repeat_with(|| server.connect().greeting);
    assert!(greetings.any(|greeting| greeting.starts_with("201")));
    assert!(server.stop().refused >= 1);
}

#[test]
fn a_client_that_ends_sending_still_gets_its_replies() {
    let (dir, content) = three_articles();
    let server = start(dir.path(), |_| ());
    let mut client = server.connect();
    client.send("GROUP alt.binaries.test\r\nBODY 3\r\nSTAT 1\r\n");
    client.end_sending();
    assert!(client.line().starts_with("211"));
    assert!(client.line().starts_with("222 3"));
    assert_eq!(decode(&client.block()).data, content[2000..]);
    assert!(client.line().starts_with("223 1"));
    assert!(client.is_closed());
}

#[test]
fn ten_thousand_commands_before_the_first_reply_is_read() {
    let (dir, _) = three_articles();
    let server = start(dir.path(), |_| ());
    let mut client = server.connect();
    let mut commands = "GROUP alt.binaries.test\r\n".to_owned();
    (0..10_000).for_each(|index| commands += &format!("STAT {}\r\n", index % 5));
    client.send(commands);
    assert!(client.line().starts_with("211"));
    for index in 0..10_000 {
        let (number, answer) = (index % 5, client.line());
        let expected = match number {
            0 | 4 => "423".to_owned(),
            number => format!("223 {number} <{number}."),
        };
        assert!(answer.starts_with(&expected), "{index}: {answer}");
    }
}

#[test]
fn stopping_says_so_and_counts() {
    let (dir, _) = three_articles();
    let server = start(dir.path(), |config| {
        config.latency = Duration::from_millis(1)
    });
    let mut client = server.connect();
    client.ask("GROUP alt.binaries.test");
    client.ask("BODY 1");
    let received: usize = client.block().iter().map(Vec::len).sum();
    client.ask("BODY 9");
    let stats = server.stop();
    assert!(client.line().starts_with("400"));
    assert!(client.is_closed());
    assert_eq!((stats.connections, stats.commands), (1, 3));
    assert_eq!((stats.bodies, stats.missing, stats.refused), (1, 1, 0));
    assert!(stats.bytes > received as u64);
}

#[test]
fn bind_says_what_is_wrong() {
    let (dir, _) = three_articles();
    let server = start(dir.path(), |_| ());
    let taken = server.plain[0];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bind = |change: &dyn Fn(&mut Config)| {
        let mut config = Config::new(dir.path());
        config.listen.push(local());
        change(&mut config);
        runtime.block_on(Server::bind(config)).err().unwrap()
    };
    assert!(bind(&|config| config.listen[0] = taken).is_listen());
    assert!(bind(&|config| config.listen.clear()).is_config());
    assert!(bind(&|config| config.files = "/no/such".into()).is_input());
    assert!(bind(&|config| config.nzb_out = Some("/dev/null/x".into())).is_output());
}
