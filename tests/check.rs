//! `nntp-fetch --check`: a line for each server, and the exit code.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Done, Scene};
use crate::script::Script;
use crate::server::{Server, nobody};

fn good() -> Server {
    Script::of(&[]).start()
}

fn picky() -> Server {
    Script::of(&[]).login("me", "open sesame").start()
}

/// A server file of these, looked at. Nothing is read from standard input, which
/// stays open.
fn check(t: &Scene, tables: &[String], flags: &str) -> Done {
    t.write("secret", "open sesame\n");
    t.write("wrong", "wrong-secret-word\n");
    t.write("servers.toml", tables.concat());
    // Nobody writes to the pipe, and it has no end.
    t.run(&format!(
        "mkfifo open; {flags} nntp-fetch --servers servers.toml --check <>open; code=$?; rm open; \
         exit $code"
    ))
}

fn named(server: &Server, name: &str, lines: &str) -> String {
    server.table(&format!("name = \"{name}\"\n{lines}"))
}

fn lines(done: &Done) -> Vec<String> {
    let text = String::from_utf8(done.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

const LOGIN: &str = "username = \"me\"\npassword_file = \"secret\"";
const WRONG: &str = "username = \"me\"\npassword_file = \"wrong\"";

#[test]
fn a_line_for_each_server_and_advice() {
    let t = Scene::alone();
    let (good, picky) = (good(), picky());
    let tables = [
        named(&good, "good", ""),
        named(&picky, "login", LOGIN),
        named(&picky, "refuses", WRONG),
    ];
    let done = check(&t, &tables, "").code(75).silent();
    let lines = lines(&done);
    assert!(
        lines[0].starts_with("good     ok       127.0.0.1:"),
        "{}",
        done.shown()
    );
    assert!(lines[0].ends_with("2 connections"), "{}", done.shown());
    assert!(lines[1].starts_with("login    ok"), "{}", done.shown());
    assert!(lines[1].contains("logged in"), "{}", done.shown());
    assert!(lines[2].starts_with("    The password goes in the clear"));
    assert!(
        lines[3].starts_with("refuses  refused  48"),
        "{}",
        done.shown()
    );
    assert!(lines[4].starts_with("    Check username and password"));
    // Both connections of both, and the one that was refused a login.
    assert_eq!(good.log().matches("QUIT").count(), 2);
    assert_eq!(picky.log().matches("QUIT").count(), 2);
}

#[test]
fn exit_codes() {
    let t = Scene::alone();
    let (good, picky) = (good(), picky());
    let port = nobody();
    let port = port.split(':').nth(2).unwrap();
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    let gone = format!("[[server]]\nhost = \"127.0.0.1\"\nport = {port}\ntls = false\n");
    let fine = named(&good, "good", "");
    let refused = named(&picky, "picky", WRONG);
    let optional = format!("{gone}optional = true\n");
    for (tables, code) in [
        (vec![&fine], 0),
        (vec![&fine, &optional], 0),
        (vec![&fine, &gone], 75),
        (vec![&refused], 77),
        (vec![&refused, &gone], 69),
        (vec![&gone], 69),
    ] {
        let tables: Vec<String> = tables.into_iter().cloned().collect();
        check(&t, &tables, "").code(code);
    }
}

#[test]
fn for_programs() {
    let t = Scene::alone();
    let (good, picky) = (good(), picky());
    let tables = [named(&good, "good", ""), named(&picky, "picky", WRONG)];
    t.write("wrong", "wrong-secret-word\n");
    t.write("servers.toml", tables.concat());
    let done = t
        .run("nntp-fetch --servers servers.toml --check --json < /dev/null")
        .code(75);
    let objects: Vec<serde_json::Value> = lines(&done)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects[0]["status"], "ok");
    assert_eq!(objects[0]["connections"], 2);
    assert_eq!(objects[1]["status"], "refused");
    assert!(objects[1]["problem"].as_str().unwrap().starts_with("48"));
    t.run("nntp-fetch --json < /dev/null").code(64);
}

#[test]
fn the_conversation_without_the_password() {
    let t = Scene::alone();
    let picky = picky();
    t.write("secret", "open sesame\n");
    t.write("servers.toml", picky.table(LOGIN));
    let done = t
        .run("nntp-fetch --servers servers.toml --check -v < /dev/null")
        .code(0)
        .says("> AUTHINFO PASS ***");
    assert!(!done.shown().contains("open sesame"), "{}", done.shown());
}

// ALL_PROXY is for servers that say nothing else.
#[test]
fn the_proxy_of_the_environment() {
    let t = Scene::alone();
    let good = good();
    let dead = "socks5://me:hunter2@127.0.0.1:1";
    let tables = [good.table("")];
    let done = check(&t, &tables, &format!("ALL_PROXY={dead}")).code(69);
    assert!(lines(&done)[0].contains("proxy 127.0.0.1:1: no connection"));
    assert!(!done.shown().replace(dead, "").contains("hunter2"));
    check(
        &t,
        &tables,
        &format!("all_proxy={dead} no_proxy=localhost,127.0.0.1"),
    )
    .code(0);
    check(
        &t,
        &[good.table("proxy = \"none\"")],
        &format!("ALL_PROXY={dead}"),
    )
    .code(0);
    check(&t, &tables, "ALL_PROXY=http://127.0.0.1:1")
        .code(0)
        .says("ALL_PROXY");
    let refused = check(&t, &tables, "ALL_PROXY=socks4://u:hunter2@h").code(78);
    assert!(!refused.stderr.contains("hunter2"), "{}", refused.shown());
}

// A proxy's password is one, too.
#[test]
fn a_file_with_a_proxy_password_is_private() {
    let t = Scene::alone();
    let good = good();
    let proxy = "proxy = \"socks5://me:hunter2@127.0.0.1:1\"";
    t.write("servers.toml", good.table(proxy));
    let run = "nntp-fetch --servers servers.toml --check < /dev/null";
    let mode = |mode| {
        fs::set_permissions(t.path("servers.toml"), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o644);
    t.run(run).code(78).says("chmod 600");
    mode(0o600);
    t.run(run).code(69);
}
