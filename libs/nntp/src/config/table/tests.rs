//! The server file: what is read, what is refused, and what is never quoted.

use std::time::Duration;

use super::*;
use crate::config::Proxy;

fn one(text: &str) -> Entry {
    from_toml(text, "f").unwrap().remove(0)
}

fn refused(text: &str) -> String {
    from_toml(text, "servers.toml").unwrap_err().to_string()
}

#[test]
fn defaults() {
    let entry = one("[[server]]\nhost = \"h.example\"\n");
    assert!(entry.enabled());
    assert_eq!((entry.name(), entry.server.port), ("h.example", 563));
    assert!(entry.server.tls);
    assert_eq!(entry.server.pipeline, None);
    assert_eq!(entry.server.timeout, Duration::from_secs(60));
    let entry = one("[[server]]\nhost = \"::1\"\ntls = false\n");
    assert_eq!(entry.server.port, 119);
}

#[test]
fn all_keys() {
    let entry = one(
        "[[server]]\nname=\"n\"\nhost=\"h\"\nport=1\ntls=false\nverify=\"none\"\ncacert=\"c\"\n\
         ip=\"4\"\nbind=\"192.0.2.1\"\nproxy=\"socks5://p:x@q\"\ntls_name=\"t\"\ntls_min=\"1.3\"\n\
         compress=true\naccount=\"acc\"\nlimit_rate=\"10M\"\nquota=1\nquota_daily=\"2K\"\n\
         quota_monthly=\"3Ki\"\nquota_rolling=4\n\
         username=\"u\"\npassword_env=\"V\"\nconnections=3\npipeline=4\nlevel=5\noptional=true\n\
         group=6\nretention_days=7\nenabled=false\nconnect_timeout=\"500ms\"\ntimeout=9\n",
    );
    let server = &entry.server;
    assert_eq!(entry.password_source, PasswordSource::Env("V".to_owned()));
    assert_eq!(server.verify, Verify::None);
    assert_eq!(
        (server.port, server.connections, server.pipeline),
        (1, 3, Some(4))
    );
    assert_eq!(
        (server.level, server.group, server.retention_days),
        (5, 6, 7)
    );
    assert_eq!(server.connect_timeout, Duration::from_millis(500));
    assert_eq!(server.timeout, Duration::from_secs(9));
    assert!(server.optional && !entry.enabled());
    assert_eq!((server.ip, server.tls_min), (Ip::V4, TlsVersion::V13));
    assert_eq!(server.bind, "192.0.2.1".parse().ok());
    assert_eq!(server.proxy, Proxy::parse("socks5://p:x@q").ok());
    assert!(entry.holds_secret() && server.compress && !server.starttls);
    assert_eq!(server.tls_name.as_deref(), Some("t"));
    assert_eq!(server.account.as_deref(), Some("acc"));
    assert_eq!(server.limit_rate, 10_000_000);
    let quotas = Quotas {
        total: 1,
        daily: 2000,
        monthly: 3072,
        rolling: 4,
    };
    assert_eq!(server.quotas, quotas);
}

#[test]
fn starttls_begins_on_the_port_for_the_clear() {
    let entry = one("[[server]]\nhost = \"h\"\ntls = \"starttls\"\n");
    let server = &entry.server;
    assert_eq!(
        (server.tls, server.starttls, server.port),
        (true, true, 119)
    );
}

#[test]
fn short_forms_of_values() {
    let with = |line: &str| one(&format!("[[server]]\nhost = \"h\"\n{line}\n"));
    assert_eq!(with("ip = 6").server.ip, Ip::V6);
    assert_eq!(with("verify = \"chain\"").server.verify, Verify::Chain);
    let none = with("proxy = \"none\"");
    assert!(none.direct && none.server.proxy.is_none());
    let mut none = none;
    none.default_proxy(&Proxy::parse("socks5://p").unwrap());
    assert!(none.server.proxy.is_none());
    let mut open = with("");
    open.default_proxy(&Proxy::parse("socks5://p").unwrap());
    assert!(open.server.proxy.is_some());
}

#[test]
fn where_passwords_come_from() {
    let source = |line: &str| {
        one(&format!(
            "[[server]]\nhost = \"h\"\nusername = \"u\"\n{line}\n"
        ))
        .password_source
    };
    let words = |words: &[&str]| {
        PasswordSource::Command(words.iter().map(|&word| word.to_owned()).collect())
    };
    assert_eq!(
        source("password_command = \"pass show news\""),
        words(&["sh", "-c", "pass show news"])
    );
    assert_eq!(
        source("password_command = [\"pass\", \"show\"]"),
        words(&["pass", "show"])
    );
    assert_eq!(
        source("password_credential = \"news\""),
        PasswordSource::Credential("news".to_owned())
    );
    assert_eq!(source("netrc = true"), PasswordSource::Netrc(None));
    assert_eq!(source("netrc = false"), PasswordSource::None);
    let netrc = one("[[server]]\nhost = \"h\"\nnetrc = \"n\"\n");
    assert_eq!(
        netrc.password_source,
        PasswordSource::Netrc(Some("n".into()))
    );
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    let table = [
        (
            "[[server]]\nhost = \"h\"\ncolour = 1\n",
            "servers.toml:3",
            "colour",
        ),
        (
            "[[server]]\nhost = \"h\"\n\nlevel = 300\n",
            "servers.toml:4",
            "level",
        ),
        (
            "[[server]]\nhost = \"h\"\nconnections = 0\n",
            "servers.toml:3",
            "connections",
        ),
        (
            "[[server]]\nhost = \"h\"\nconnections = 501\n",
            "servers.toml:1",
            "connections",
        ),
        (
            "[[server]]\nhost = \"h\"\ntimeout = \"soon\"\n",
            "servers.toml:3",
            "timeout",
        ),
        (
            "[[server]]\nhost = \"h\"\ntls = \"sometimes\"\n",
            "servers.toml:3",
            "tls",
        ),
        (
            "[[server]]\nhost = \"h\"\nverify = \"name\"\n",
            "servers.toml:3",
            "verify",
        ),
        (
            "\n[[server]]\nlevel = 1\n",
            "servers.toml:2",
            "host is missing",
        ),
        ("[[server]]\nhost = \"a b\"\n", "servers.toml:1", "neither"),
        ("[[server]]\nhost = \"h\"\nip = 5\n", "servers.toml:3", "ip"),
        (
            "[[server]]\nhost = \"h\"\nbind = \"eth0\"\n",
            "servers.toml:3",
            "bind",
        ),
        (
            "[[server]]\nhost = \"h\"\nbind = \"::1\"\nip = 4\n",
            "servers.toml:1",
            "family",
        ),
        (
            "[[server]]\nhost = \"h\"\nproxy = \"http://p\"\n",
            "servers.toml:3",
            "proxy",
        ),
        (
            "[[server]]\nhost = \"h\"\ntls_min = \"1.1\"\n",
            "servers.toml:3",
            "tls_min",
        ),
        (
            "[[server]]\nhost = \"h\"\ntls_name = \"a b\"\n",
            "servers.toml:1",
            "tls_name",
        ),
        (
            "[[server]]\nhost = \"h\"\nlimit_rate = \"fast\"\n",
            "servers.toml:3",
            "limit_rate",
        ),
        (
            "[[server]]\nhost = \"h\"\nquota_daily = -1\n",
            "servers.toml:3",
            "quota_daily",
        ),
        (
            "[[server]]\nhost = \"h\"\naccount = \"\"\n",
            "servers.toml:1",
            "account",
        ),
        (
            "[[server]]\nhost = \"h\"\nnetrc = 1.5\n",
            "servers.toml:3",
            "netrc",
        ),
        (
            "[[server]]\nhost = \"h\"\nusername = \"u\"\npassword_command = []\n",
            "servers.toml:4",
            "password_command",
        ),
        (
            "[[server]]\nhost = \"h\"\nusername = \"u\"\npassword_credential = \"../x\"\n",
            "servers.toml:1",
            "password_credential",
        ),
        (
            "[[server]]\nhost = \"h\"\nusername = \"u\"\npassword_env = \"X\"\nnetrc = true\n",
            "servers.toml:1",
            "only one of",
        ),
        (
            "[[server]]\nhost = \"h\"\npassword=\"x\"\n",
            "servers.toml:1",
            "username",
        ),
        ("[defaults]\ndir = 1\n", "servers.toml:1", "defaults"),
        ("", "servers.toml:1", "no [[server]]"),
    ];
    for (text, place, word) in table {
        let shown = refused(text);
        assert!(
            shown.starts_with(place) && shown.contains(word),
            "{text:?} gave {shown:?}"
        );
    }
}

#[test]
fn a_password_is_never_quoted() {
    for text in [
        "[[server]]\nhost = \"h\"\nusername = \"u\"\npassword = 31337\n",
        "[[server]]\nhost = \"h\"\nusername = \"u\"\npassword = 31337x\n",
        "[[server]]\nhost = \"h\"\n\"password\" = 31337\n",
        "[[server]]\nhost = \"h\"\n'password' = [31337]\n",
        "server = [{ host = \"h\", password = 31337 }]\n",
        "server = [\"31337\"]\n",
        "[[server]]\nhost = \"h\"\nlevel = \"31337\"\n",
        "[[server]]\nhost = \"h\"\nverify = \"31337, expected x\"\n",
        "[[server]]\nhost = \"h\"\nproxy = \"http://u:31337@h\"\n",
        "[[server]]\nhost = \"h\"\nproxy = 31337\n",
        "[[server]]\nhost = \"h\"\nproxy = \"socks5://u:31337@h\"x\n",
        "[[server]]\nhost = \"h\"\npassword_command = 31337\n",
        "[[server]]\nhost = \"h\"\npassword = \"\"\"\n31337=1\n",
        "[[server]]\nhost = \"h\"\nusername = \"u\"\npassword = \"31337\"\npassword_env = \"X\"\n",
    ] {
        let error = from_toml(text, "f").unwrap_err();
        assert!(!error.to_string().contains("31337"), "{error}");
        assert!(!format!("{error:?}").contains("31337"), "{error:?}");
    }
}
