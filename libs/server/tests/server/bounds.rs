//! Where sessions begin and end: too many, stopped, pipelines that run far ahead.

use std::fs;
use std::time::{Duration, Instant};

use nzbpipe_server::{Config, Server, Stage};

use crate::client::{bytes, decode, local, start};
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
fn ten_thousand_commands_over_buffers_of_4_kib() {
    let (dir, _) = three_articles();
    let server = start(dir.path(), |_| ());
    let mut client = server.connect_narrow();
    // Long ids: the replies alone are more than both kernels' buffers hold.
    let id = format!("{}@x", "a".repeat(240));
    let mut commands = format!("STAT <{id}>\r\nHELP\r\n").repeat(5_000);
    commands += "DATE\r\nCAPABILITIES\r\nSTAT <a@b>\r\nQUIT\r\n";
    client.send(commands);
    for _ in 0..5_000 {
        assert!(client.line().starts_with("430"));
        assert!(client.line().starts_with("100"));
        client.block();
    }
    assert!(client.line().starts_with("111"));
    assert!(client.line().starts_with("101"));
    client.block();
    assert!(client.line().starts_with("430"));
    assert!(client.line().starts_with("205"));
    assert!(client.is_closed());
}

#[test]
fn who_asks_far_more_than_it_reads_is_dropped() {
    let (dir, _) = three_articles();
    let server = start(dir.path(), |_| ());
    let mut client = server.connect_narrow();
    client.ask("GROUP alt.binaries.test");
    let commands = "HELP\r\n".repeat(1000);
    // Replies fill the buffers on the way; then 16,384 commands are kept.
    let taken = (0..1000).take_while(|_| client.try_send(&commands)).count();
    assert!((16..1000).contains(&taken), "{taken}");
    // Others do not notice.
    assert!(server.connect().ask("DATE").starts_with("111"));
}

#[test]
fn one_too_many_is_told_so_where_the_settings_say() {
    let (dir, _) = three_articles();
    let text = "400 your other 8 connections are in use";
    let cases: [(Stage, bool, &[&str], &str); 5] = [
        (
            Stage::Login,
            true,
            &["AUTHINFO USER anna"],
            "AUTHINFO PASS ok",
        ),
        (
            Stage::Login,
            false,
            &["DATE", "MODE READER"],
            "GROUP alt.binaries.test",
        ),
        (
            Stage::Body,
            true,
            &[
                "AUTHINFO USER anna",
                "AUTHINFO PASS ok",
                "GROUP alt.binaries.test",
            ],
            "BODY 1",
        ),
        (Stage::Body, false, &["LIST ACTIVE comp.*"], "STAT <a@b>"),
        (Stage::Body, false, &[], "ARTICLE <a@b>"),
    ];
    for (stage, login, before, last) in cases {
        let server = start(dir.path(), |config| {
            config.max_connections = Some(1);
            config.too_many = text.into();
            config.too_many_at = stage;
            config.credentials = login.then(|| ("anna".into(), "ok".into()));
        });
        let mut first = server.connect();
        if login {
            first.log_in("anna", "ok");
        }
        assert!(first.ask("STAT <a@b>").starts_with("430"));
        let mut second = server.connect();
        assert!(second.greeting.starts_with("201"));
        for command in before {
            let answer = second.ask(command);
            assert!(answer.starts_with(['1', '2', '3']), "{command}: {answer}");
            if answer.starts_with("215") {
                second.block();
            }
        }
        assert_eq!(second.ask(last), text, "{stage:?}");
        assert!(second.is_closed());
        assert!(first.ask("DATE").starts_with("111"));
        assert_eq!(server.stop().refused, 1);
    }
}

#[test]
fn articles_leave_no_faster_than_allowed() {
    let (dir, _) = three_articles();
    fs::write(dir.path().join("b.bin"), bytes(300_000, 1)).unwrap();
    for (each, total) in [(500_000, 0), (0, 500_000)] {
        let server = start(dir.path(), |config| {
            config.article_size = 400_000;
            config.limit_rate = each;
            config.total_rate = total;
        });
        let mut client = server.connect();
        let began = Instant::now();
        client.ask("GROUP alt.binaries.test");
        assert!(client.ask("BODY 2").starts_with("222"));
        client.block();
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(550), "{took:?}");
        assert!(took < Duration::from_secs(10), "{took:?}");
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
