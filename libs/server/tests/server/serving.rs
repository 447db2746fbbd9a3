//! What is served: the files, whole, as long as they are the same.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use tempfile::tempdir;

use crate::client::{Client, bytes, crc32, decode, field, nzb, start};
use crate::three_articles;

#[test]
fn a_pipelined_download_of_each_nzb_gives_the_files() {
    let dir = tempdir().unwrap();
    let (files, out) = (dir.path().join("files"), dir.path().join("nzb"));
    fs::create_dir_all(files.join("show/deep")).unwrap();
    let mut contents = BTreeMap::new();
    let sizes = [
        ("a.bin", 1),
        ("exact", 3000),
        ("show/nothing", 0),
        ("show/ü \"x\" & <y>", 999),
        ("show/deep/long.mkv", 50_001),
    ];
    for (seed, (name, size)) in sizes.into_iter().enumerate() {
        let content = bytes(size, seed as u64 + 1);
        fs::write(files.join(name), &content).unwrap();
        let name = Path::new(name)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        contents.insert(name, content);
    }
    let server = start(&files, |config| config.nzb_out = Some(out.clone()));
    let mut got: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, subjects) in [("a.bin", 1), ("exact", 1), ("show", 3)] {
        let (ids, found) = nzb(&out.join(format!("{name}.nzb")));
        assert_eq!(found.len(), subjects);
        let mut client = server.connect();
        let commands: Vec<String> = ids.iter().map(|id| format!("BODY <{id}>\r\n")).collect();
        client.send(commands.concat());
        for id in &ids {
            assert_eq!(client.line(), format!("222 0 <{id}>"));
            let part = decode(&client.block());
            let crc = if part.begin.contains(" part=") {
                "pcrc32"
            } else {
                "crc32"
            };
            let crc = u32::from_str_radix(&field(&part.end, crc), 16).unwrap();
            assert_eq!(crc, crc32(&part.data));
            let file = got
                .entry(part.begin.split_once(" name=").unwrap().1.to_owned())
                .or_default();
            assert_eq!(part.offset, file.len());
            file.extend(part.data);
        }
    }
    assert_eq!(got, contents);
    assert_eq!(server.stop().bodies, server_articles(&contents));
}

fn server_articles(contents: &BTreeMap<String, Vec<u8>>) -> u64 {
    let parts = contents
        .values()
        .map(|content| content.len().div_ceil(1000).max(1));
    parts.sum::<usize>() as u64
}

#[test]
fn a_file_that_changes_is_gone() {
    let (dir, _) = three_articles();
    let server = start(dir.path(), |_| ());
    let mut client = server.connect();
    let ids = ids(&mut client, 3);
    let body = format!("BODY <{}>", ids[0]);
    assert!(client.ask(&body).starts_with("222"));
    client.block();
    fs::write(dir.path().join("a.bin"), bytes(2400, 2)).unwrap();
    // For so long a file counts as unchanged.
    std::thread::sleep(Duration::from_millis(110));
    // The first body was kept, the second was not.
    for (command, code) in [
        (body, "430"),
        (format!("ARTICLE <{}>", ids[1]), "430"),
        (format!("STAT <{}>", ids[0]), "430"),
        ("BODY 2".into(), "423"),
        ("HEAD".into(), "420"),
    ] {
        let answer = client.ask(&command);
        assert!(
            answer.starts_with(code) && answer.contains("changed"),
            "{command}: {answer}"
        );
    }
}

#[test]
fn files_are_looked_at_anew_while_sessions_go_on() {
    let (dir, content) = three_articles();
    let (files, out) = (dir.path().to_owned(), tempdir().unwrap());
    let server = start(&files, |config| {
        config.nzb_out = Some(out.path().to_owned());
        config.credentials = Some(("anna".into(), "old".into()));
    });
    let mut client = server.connect();
    client.log_in("anna", "old");
    client.ask("GROUP alt.binaries.test");
    let added = bytes(1500, 7);
    fs::write(files.join("A.bin"), &added).unwrap();
    let reloaded = server.reload(("anna", "new")).unwrap();
    assert_eq!((reloaded.files, reloaded.articles), (2, 5));
    assert_eq!(reloaded.nzbs.len(), 2);
    // Ids mean the new files, numbers those of the group as it was looked at.
    let (ids, _) = nzb(&out.path().join("A.bin.nzb"));
    assert!(client.ask(&format!("BODY <{}>", ids[0])).starts_with("222"));
    assert_eq!(decode(&client.block()).data, added[..1000]);
    assert!(client.ask("BODY 1").starts_with("222"));
    assert_eq!(decode(&client.block()).data, content[..1000]);
    assert!(client.ask("STAT 5").starts_with("423"));
    assert_eq!(
        client.ask("GROUP alt.binaries.test"),
        "211 5 1 5 alt.binaries.test"
    );
    assert!(client.ask("BODY 1").starts_with("222"));
    assert_eq!(decode(&client.block()).data, added[..1000]);
    // Who comes now needs the new password.
    let mut later = server.connect();
    later.ask("AUTHINFO USER anna");
    assert!(later.ask("AUTHINFO PASS old").starts_with("481"));
    later.log_in("anna", "new");
    // What cannot be done changes nothing.
    assert!(server.reload(("anna", "")).unwrap_err().is_config());
    fs::remove_file(files.join("A.bin")).unwrap();
    server.reload(("anna", "new")).unwrap();
    let answer = client.ask(&format!("STAT <{}>", ids[0]));
    assert_eq!(answer, "430 no such article");
}

#[test]
fn the_same_articles_are_missing_on_every_run() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("a.bin"), bytes(100_000, 1)).unwrap();
    let whole = start(dir.path(), |_| ());
    let ids = ids(&mut whole.connect(), whole.articles);
    let run = |command: &str| -> Vec<bool> {
        let server = start(dir.path(), |config| config.missing_percent = 50.0);
        let mut client = server.connect();
        ids.iter()
            .map(|id| {
                let answer = client.ask(&format!("{command} <{id}>"));
                if answer.starts_with("222") {
                    client.block();
                }
                !answer.starts_with("430")
            })
            .collect()
    };
    let there = run("STAT");
    assert!((30..70).contains(&there.iter().filter(|there| **there).count()));
    assert_eq!(run("BODY"), there);
}

fn ids(client: &mut Client<TcpStream>, articles: u64) -> Vec<String> {
    client.ask("GROUP alt.binaries.test");
    (1..=articles)
        .map(|number| {
            let reply = client.ask(&format!("STAT {number}"));
            reply
                .split_once('<')
                .unwrap()
                .1
                .trim_end_matches('>')
                .to_owned()
        })
        .collect()
}
