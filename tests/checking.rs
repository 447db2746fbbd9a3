//! `nntp-fetch --check`: what it says of each kind of trouble, word for word, and its
//! exit codes. Ports and times are masked.

use serde_json::Value;

use crate::bad::{closed, table};
use crate::corpus::Post;
use crate::harness::{Done, Scene};
use crate::hole::{Hole, Mute};
use crate::sealed::Sealed;
use crate::server::{Script, When};
use crate::socks::Socks;

const LOGIN: &str = "username = \"me\"\npassword_file = \"secret\"\n";

fn script() -> Script {
    Script::of(&[&Post::new("film.bin", 3_000, 3_000)])
}

/// Looks at the servers of these tables.
fn check(t: &Scene, tables: &str, flags: &str) -> Done {
    t.write("secret", "sesame\n");
    t.write("servers.toml", tables);
    let done = t.run(&format!(
        "chmod 600 servers.toml; nntp-fetch --check --servers servers.toml --connect-timeout 1s \
         {flags}"
    ));
    let told = String::from_utf8_lossy(&done.stdout).contains("sesame");
    assert!(!told && !done.stderr.contains("sesame"), "{}", done.shown());
    done
}

/// `text` without what differs from run to run: ports, times, dates.
fn masked(text: &[u8]) -> String {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, after) = rest.split_at(at);
        let number: String = after.chars().take_while(|c| digits(*c)).collect();
        out.push_str(before);
        rest = &after[number.len()..];
        match (out.ends_with("127.0.0.1:"), rest.starts_with(" ms")) {
            (true, _) => out.push('P'),
            (_, true) => out.push('T'),
            _ => out.push_str(&number),
        }
    }
    out + rest
}

#[track_caller]
fn golden(what: &str, tables: &str, code: i32, wanted: &str) {
    let t = Scene::alone();
    let done = check(&t, tables, "").code(code);
    let found = masked(&done.stdout);
    assert_eq!(found.trim_end(), wanted, "{what}\n{}", done.shown());
    assert_eq!(done.stderr, "", "{what}");
}

#[test]
fn servers_that_work() {
    let open = script().start();
    golden(
        "all is well",
        &open.table("name = \"a\""),
        0,
        "a  ok       127.0.0.1:P, no TLS, no login, T ms there and back, 2 connections",
    );
    let locked = script().login("me", "sesame").start();
    golden(
        "in the clear",
        &locked.table(&format!("name = \"a\"\n{LOGIN}")),
        0,
        "a  ok       127.0.0.1:P, no TLS, logged in, T ms there and back, 2 connections\n    \
         The password goes in the clear: set tls = true if the server can.",
    );
    let through = Socks::to("news.invalid", open.port(), None);
    let proxied = open
        .table(&format!(
            "name = \"a\"\nproxy = \"socks5://127.0.0.1:{}\"",
            through.port
        ))
        .replace("host = \"127.0.0.1\"", "host = \"news.invalid\"");
    golden(
        "through a proxy",
        &proxied,
        0,
        "a  ok       127.0.0.1:P, no TLS, no login, T ms there and back, 2 connections",
    );
}

/// However a server says that there are too many, and whenever.
#[test]
fn fewer_connections_than_wanted() {
    for (when, line) in [
        (When::Greeting, "502 too many connections"),
        (When::Login, "482 too many connections"),
        (When::Body, "400 too many connections"),
    ] {
        let server = script().login("me", "sesame").sessions(1).full(when, line);
        let server = server.start();
        let wanted = format!(
            "a  ok       127.0.0.1:P, no TLS, logged in, T ms there and back, 1 of 2 connections\n    \
             It let in 1 of 2 connections and refused the next: {line}.\n    \
             Set connections = 1, unless another program uses the account right now.\n    \
             The password goes in the clear: set tls = true if the server can."
        );
        let tables = server.table(&format!("name = \"a\"\n{LOGIN}"));
        golden(line, &tables, 0, &wanted);
        server.allow(0);
        let wanted = format!(
            "a  busy     {line}\n    \
             The account's connections are in use, by this machine or another: end the\n    \
             program that uses them, or wait some minutes until the server forgets them."
        );
        golden(line, &tables, 75, &wanted);
    }
}

#[test]
fn logins_that_are_refused() {
    let locked = script().login("me", "other").start();
    golden(
        "wrong password",
        &locked.table(&format!("name = \"a\"\n{LOGIN}")),
        77,
        "a  refused  481 wrong user name or password\n    \
         Check username and password. If they are right, the account may have expired\n    \
         or be used up: the provider's web page says.",
    );
    golden(
        "no login at all",
        &locked.table("name = \"a\""),
        77,
        "a  refused  480 log in first\n    \
         The server wants a login: set username and password.",
    );
    let closed = script().greeting("502 not for you").start();
    golden(
        "refused at the greeting",
        &closed.table("name = \"a\""),
        77,
        "a  refused  502 not for you\n    \
         The server does not serve this machine: the account may be bound to other\n    \
         addresses, or the server may be closed.",
    );
}

#[test]
fn servers_out_of_reach() {
    let plain = |port| table("a", port, "tls = false");
    golden(
        "nobody listens",
        &plain(closed()),
        69,
        "a  down     no connection to 127.0.0.1:P: Connection refused\n    \
         Check host and port (563 with TLS, 119 without), whether this machine is\n    \
         online, and whether a firewall is in between.",
    );
    let hole = Hole::new();
    golden(
        "a firewall",
        &plain(hole.port),
        69,
        "a  down     no connection to 127.0.0.1:P: no answer\n    \
         Check host and port (563 with TLS, 119 without), whether this machine is\n    \
         online, and whether a firewall is in between.",
    );
    let mute = Mute::new();
    golden(
        "no greeting",
        &plain(mute.port),
        69,
        "a  down     no greeting; is it a TLS port?\n    \
         Somebody listens but does not greet like a news server: check port and tls.",
    );
    let strange = script().greeting("SSH-2.0-OpenSSH_9.2").start();
    golden(
        "another kind of server",
        &strange.table("name = \"a\""),
        69,
        "a  down     a status line without a code\n    \
         Somebody listens but does not greet like a news server: check port and tls.",
    );
    let t = Scene::alone();
    let unknown = plain(119).replace("127.0.0.1", "news.nzbpipe.invalid");
    let done = check(&t, &unknown, "").code(69);
    let found = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(found.contains("the host cannot be found: "), "{found}");
    assert!(
        found.contains("Check host = \"news.nzbpipe.invalid\""),
        "{found}"
    );
}

#[test]
fn certificates_and_tls() {
    let good = Sealed::new("127.0.0.1", 2100);
    let expired = Sealed::new("127.0.0.1", 2020);
    let other = Sealed::new("news.example", 2100);
    let plain = script().start();
    let t = Scene::alone();
    for (file, one) in [("good", &good), ("expired", &expired), ("other", &other)] {
        t.write(file, &one.authority);
    }
    let rows = [
        (
            table("a", expired.port, "cacert = \"expired\""),
            "a  refused  TLS: the certificate has expired\n    \
             The server's certificate has expired, or the clock of this machine is wrong.\n    \
             Tell the provider. Nothing was sent.\n",
        ),
        (
            table("a", other.port, "cacert = \"other\""),
            "a  refused  TLS: the certificate is for news.example\n    \
             The certificate is for another name. Use the host name that the provider\n    \
             gives; if the server is yours, set tls_name, or verify = \"chain\" to accept\n    \
             any name.\n",
        ),
        (
            // Not the system's authorities: a small system has none.
            table("a", good.port, "cacert = \"other\""),
            "a  refused  TLS: nobody whom this machine trusts vouches for the certificate\n    \
             Install your system's ca-certificates; if the server is yours, name its\n    \
             authority with cacert. Otherwise somebody may be in between. Nothing was\n    \
             sent.\n",
        ),
        (
            table("a", plain.port(), "cacert = \"other\""),
            "a  refused  TLS: the server does not speak TLS at this port\n    \
             Port 563 usually has TLS, 119 at best after tls = \"starttls\".\n",
        ),
        (
            table("a", plain.port(), "cacert = \"other\"\ntls = \"starttls\""),
            "a  refused  the server does not begin TLS: 500 what?\n    \
             The server has no STARTTLS, or somebody in between takes it away. Use tls =\n    \
             true with port 563 if it can.\n",
        ),
    ];
    for (tables, wanted) in rows {
        let done = check(&t, &tables, "").code(77);
        assert_eq!(masked(&done.stdout), wanted, "{}", done.shown());
    }
}

#[test]
fn proxies() {
    let server = script().start();
    let locked = Socks::to("127.0.0.1", server.port(), Some(("me", "other")));
    let astray = Socks::to("news.example", server.port(), None);
    let to = |proxy: &str| server.table(&format!("name = \"a\"\nproxy = \"socks5://{proxy}\""));
    golden(
        "the proxy is down",
        &to(&format!("127.0.0.1:{}", closed())),
        69,
        "a  down     proxy 127.0.0.1:P: no connection to 127.0.0.1:P: Connection refused\n    \
         The proxy cannot be reached, and the server was not asked. Check proxy in\n    \
         the server file or ALL_PROXY, and whether the proxy runs.",
    );
    golden(
        "a wrong password of the proxy",
        &to(&format!("me:sesame@127.0.0.1:{}", locked.port)),
        77,
        "a  refused  proxy 127.0.0.1:P: it wants a user and a password, or others than it was given\n    \
         The proxy answers but does not accept us; the server was not asked. Check\n    \
         user and password in proxy (socks5://user:password@host:1080).",
    );
    golden(
        "the proxy knows no way",
        &to(&format!("127.0.0.1:{}", astray.port)),
        69,
        "a  down     proxy 127.0.0.1:P: it says: host unreachable\n    \
         The proxy answers, but there is no way through it to the server. Check host\n    \
         and port of the server, and whether the proxy allows them.",
    );
}

/// What several servers come to.
#[test]
fn codes_of_several() {
    let good = script().start();
    let locked = script().login("me", "other").start();
    let good = good_table(&good.table("name = \"good\""));
    let refused = locked.table("name = \"refused\"");
    let down = table("down", closed(), "tls = false");
    let optional = table("down", closed(), "tls = false\noptional = true");
    let t = Scene::alone();
    for (tables, code, words) in [
        (vec![&good], 0, "ok"),
        (vec![&good, &optional], 0, "ok down"),
        (vec![&down, &good], 75, "down ok"),
        (vec![&refused, &good], 75, "refused ok"),
        (vec![&refused], 77, "refused"),
        (vec![&refused, &down], 69, "refused down"),
        (vec![&optional], 69, "down"),
    ] {
        let tables: String = tables.into_iter().map(String::as_str).collect();
        let done = check(&t, &tables, "--json").code(code);
        let found: Vec<String> = done
            .stdout
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice::<Value>(line).unwrap())
            .map(|one| one["status"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(found.join(" "), words, "{}", done.shown());
    }
    for tables in ["", "[[server]]\nhost = 1\n", "not toml"] {
        check(&t, tables, "").code(78).says("servers.toml");
    }
    t.run("nntp-fetch --check")
        .code(78)
        .says("--example-servers");
}

/// One connection is enough to see that it is fine.
fn good_table(table: &str) -> String {
    table.replace("connections = 2", "connections = 1")
}

/// `-v` has more, and the conversation.
#[test]
fn in_detail() {
    let server = script().login("me", "sesame").start();
    let t = Scene::alone();
    let tables = server.table(&format!("name = \"a\"\n{LOGIN}"));
    let done = check(&t, &tables, "-v")
        .code(0)
        .says("a #0 > AUTHINFO PASS ***")
        .says("a #1 < 281 welcome");
    let found = masked(&done.stdout);
    for line in [
        "    addresses: 127.0.0.1\n",
        "    connected in T ms\n",
        "    greeting: 200 scripted server ready\n",
        "    capabilities: VERSION 2; READER\n",
        "    requests sent ahead: yes\n",
        "    names what it does not have: yes\n",
    ] {
        assert!(found.contains(line), "{line:?}\n{found}");
    }
    // Every session is ended politely.
    until_gone(&server);
    assert_eq!(server.log().matches("QUIT\r\n").count(), 2);
}

fn until_gone(server: &crate::server::Server) {
    crate::harness::until("the sessions have ended", || server.seated() == 0);
}
