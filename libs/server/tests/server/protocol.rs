//! What is said: replies, blocks, login.

use tempfile::tempdir;

use crate::client::{decode, start};
use crate::three_articles;

#[test]
fn replies_follow_the_rfcs() {
    let (dir, _) = three_articles();
    let server = start(dir.path(), |_| ());
    let mut client = server.connect();
    assert!(client.greeting.starts_with("201 "));
    let long_id = format!("BODY <{}>", "a".repeat(249));
    let long_line = format!("BODY <{}>", "a".repeat(600));
    let cases = [
        ("BODY", "412 "),
        ("BODY 1", "412 "),
        ("NEXT", "412 "),
        ("LISTGROUP", "412 "),
        ("GROUP no.such", "411 "),
        ("GROUP alt.binaries.test", "211 3 1 3 alt.binaries.test"),
        ("STAT", "223 1 <1."),
        ("LAST", "422 "),
        ("NEXT", "223 2 <2."),
        ("STAT", "223 2 <2."),
        ("STAT 3", "223 3 <3."),
        ("NEXT", "421 "),
        ("LAST", "223 2 <2."),
        ("STAT 4", "423 "),
        ("STAT 0", "423 "),
        ("STAT", "223 2 <2."),
        ("BODY <no.such@id>", "430 "),
        ("BODY 1.000000000000@nntp-serve.invalid", "501 "),
        (&long_id, "501 "),
        (&long_line, "501 "),
        ("BODY <a@b> more", "501 "),
        ("XFEATURE COMPRESS GZIP", "500 "),
        ("POST", "440 "),
        ("MODE READER", "201 "),
        ("AUTHINFO USER anna", "502 "),
        ("LIST OVERVIEW.FMT", "503 "),
        ("NEWGROUPS 20261121 1", "501 "),
        ("date", "111 "),
        ("QUIT", "205 "),
    ];
    for (command, reply) in cases {
        let answer = client.ask(command);
        assert!(answer.starts_with(reply), "{command}: {answer}");
    }
    assert!(client.is_closed());
    // NEXT and LAST ask for no article.
    assert_eq!(server.stop().missing, 5);
}

#[test]
fn blocks_hold_what_they_should() {
    let (dir, content) = three_articles();
    let server = start(dir.path(), |_| ());
    let mut client = server.connect();
    let cases: [(&str, &str, &[&str]); 10] = [
        (
            "LISTGROUP alt.binaries.test",
            "211 3 1 3 alt.binaries.test",
            &["1", "2", "3"],
        ),
        (
            "LISTGROUP alt.binaries.test 2-",
            "211 3 1 3 alt.binaries.test",
            &["2", "3"],
        ),
        (
            "LISTGROUP alt.binaries.test 2-2",
            "211 3 1 3 alt.binaries.test",
            &["2"],
        ),
        (
            "LISTGROUP alt.binaries.test 3-2",
            "211 3 1 3 alt.binaries.test",
            &[],
        ),
        ("LISTGROUP", "211 3 1 3 alt.binaries.test", &["1", "2", "3"]),
        ("LIST", "215 list follows", &["alt.binaries.test 3 1 n"]),
        ("LIST ACTIVE comp.*", "215 list follows", &[]),
        (
            "LIST NEWSGROUPS alt.*",
            "215 list follows",
            &["alt.binaries.test\tfiles of this machine"],
        ),
        (
            "NEWGROUPS 19700101 000000 GMT",
            "231 new newsgroups follow",
            &["alt.binaries.test 3 1 n"],
        ),
        (
            "NEWGROUPS 99990101 000000",
            "231 new newsgroups follow",
            &[],
        ),
    ];
    for (command, line, block) in cases {
        assert_eq!(client.ask(command), line, "{command}");
        assert_eq!(client.text_block(), block, "{command}");
    }
    let capabilities = {
        client.ask("CAPABILITIES");
        client.text_block()
    };
    assert_eq!(capabilities[0], "VERSION 2");
    assert!(
        !capabilities
            .iter()
            .any(|line| line.contains("AUTHINFO") || line.contains("POST"))
    );

    let line = client.ask("HEAD 2");
    let head = client.text_block();
    assert!(head.contains(&"Subject: [1/1] \"a.bin\" yEnc (2/3) 2500".to_owned()));
    assert!(head.contains(&format!("Message-ID: {}", line.split(' ').nth(2).unwrap())));
    client.ask("ARTICLE");
    let article = client.block();
    let (header, body) = article.split_at(head.len() + 1);
    assert_eq!(header[head.len()], b"\r\n");
    assert_eq!(decode(body).data, content[1000..2000]);
}

#[test]
fn a_login_is_asked_for_and_checked() {
    let (dir, _) = three_articles();
    let server = start(dir.path(), |config| {
        config.credentials = Some(("anna".into(), "ge heim".into()));
    });
    let mut client = server.connect();
    client.send("CAPABILITIES\r\n");
    assert!(client.line().starts_with("101"));
    assert!(client.text_block().contains(&"AUTHINFO USER".to_owned()));
    let cases = [
        ("BODY <a@b>", "480"),
        ("STAT <a@b>", "480"),
        ("GROUP alt.binaries.test", "480"),
        ("LIST", "480"),
        ("DATE", "111"),
        ("MODE READER", "201"),
        ("AUTHINFO PASS ge heim", "482"),
        ("AUTHINFO USER anna", "381"),
        ("AUTHINFO PASS falsch", "481"),
        ("AUTHINFO USER otto", "381"),
        ("AUTHINFO PASS ge heim", "481"),
        ("STAT <a@b>", "480"),
        ("AUTHINFO USER anna", "381"),
        ("AUTHINFO PASS ge heim", "281"),
        ("AUTHINFO USER anna", "502"),
        ("STAT <a@b>", "430"),
        ("GROUP alt.binaries.test", "211"),
    ];
    for (command, code) in cases {
        let answer = client.ask(command);
        assert_eq!(answer.get(..3), Some(code), "{command}: {answer}");
    }
    client.send("CAPABILITIES\r\n");
    client.line();
    assert!(!client.text_block().contains(&"AUTHINFO USER".to_owned()));
    assert_eq!(server.stop().denied, 2);
}

#[test]
fn an_empty_directory_is_an_empty_group() {
    let dir = tempdir().unwrap();
    let server = start(dir.path(), |_| ());
    let mut client = server.connect();
    assert_eq!(
        client.ask("GROUP alt.binaries.test"),
        "211 0 1 0 alt.binaries.test"
    );
    assert!(client.ask("STAT").starts_with("420"));
    assert!(client.ask("NEXT").starts_with("420"));
    assert!(client.ask("STAT 1").starts_with("423"));
    assert!(client.ask("LISTGROUP").starts_with("211"));
    assert!(client.block().is_empty());
}
