//! The way to a server through a SOCKS5 proxy, and whose fault it is when there is
//! none.

use crate::bad::{closed, table};
use crate::corpus::Post;
use crate::download::film;
use crate::harness::{Job, Scene, both, each};
use crate::server::{Script, Server};
use crate::socks::Socks;

/// A host that no name service knows.
const HOST: &str = "news.nzbpipe.invalid";

/// The server file names `HOST`, at a port where this machine has nothing.
fn configure(t: &Scene, film: &Post, lines: &str) -> Job {
    t.nzb(&[film]);
    let one = table(
        "far",
        119,
        &format!("tls = false\nconnections = 2\n{lines}"),
    );
    t.write(
        "servers.toml",
        one.replace("host = \"127.0.0.1\"", &format!("host = \"{HOST}\"")),
    );
    std::fs::set_permissions(
        t.path("servers.toml"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    Job::with("--servers servers.toml --max-down 1s --retries 0")
}

fn serving(film: &Post) -> (Server, Socks, Socks) {
    let server = Script::of(&[film]).start();
    let open = Socks::to(HOST, server.port(), None);
    let login = Some(("me", "a:b c"));
    let locked = Socks::to(HOST, server.port(), login);
    (server, open, locked)
}

/// The proxy is told the name of the host, which only it can look up.
#[test]
fn the_name_goes_to_the_proxy() {
    let film = film();
    both(|t| {
        let (_server, open, locked) = serving(&film);
        let key = format!("proxy = \"socks5://127.0.0.1:{}\"", open.port);
        let done = t.download(&configure(t, &film, &key)).code(0);
        assert_eq!(open.asked(), [format!("{HOST}:119")]);
        std::fs::remove_dir_all(t.path("out")).unwrap();
        let key = format!(
            "proxy = \"socks5://me:a%3Ab%20c@127.0.0.1:{}\"",
            locked.port
        );
        t.download(&configure(t, &film, &key)).code(0);
        assert_eq!(locked.asked(), [format!("{HOST}:119")]);
        done.file("x/film.bin", &film.data)
    });
}

/// The environment's proxy is for all servers but those that say otherwise.
#[test]
fn of_the_environment() {
    let film = film();
    let (server, open, _locked) = serving(&film);
    let all = format!("ALL_PROXY=socks5h://127.0.0.1:{}", open.port);
    each(|t| {
        let mut job = configure(t, &film, "");
        job.variables = all.clone();
        t.download(&job).code(0).file("x/film.bin", &film.data);
        assert_eq!(open.asked().len(), 1);
    });
    // Excepted by name, by the server file, or overruled by its own.
    let dead = format!("ALL_PROXY=socks5://127.0.0.1:{}", closed());
    let near = server.table("");
    let own = format!("{near}proxy = \"socks5://127.0.0.1:{}\"\n", open.port);
    let own = own.replace("host = \"127.0.0.1\"", &format!("host = \"{HOST}\""));
    for (variables, tables) in [
        (
            format!("{dead} NO_PROXY=example.net,127.0.0.1"),
            near.clone(),
        ),
        (format!("{dead} no_proxy='*'"), near.clone()),
        (dead.clone(), format!("{near}proxy = \"none\"\n")),
        (dead.clone(), own),
    ] {
        each(|t| {
            t.nzb(&[&film]);
            t.write("servers.toml", &tables);
            let mut job = Job::with("--servers servers.toml");
            job.variables = variables.clone();
            t.download(&job).code(0).file("x/film.bin", &film.data);
        });
    }
    // Of another kind: said, and not used. Broken: not gone without.
    each(|t| {
        t.nzb(&[&film]);
        let mut job = Job::from(&server);
        job.variables = "ALL_PROXY=http://me:sesame@127.0.0.1:1".to_owned();
        let done = t
            .download(&job)
            .code(0)
            .says("ALL_PROXY is no SOCKS5 proxy");
        assert!(!done.stderr.contains("sesame"), "{}", done.shown());
        job.variables = "ALL_PROXY=socks5://me:sesame@".to_owned();
        let done = t.download(&job).code(78).says("ALL_PROXY: ");
        assert!(!done.stderr.contains("sesame"), "{}", done.shown());
    });
}

/// Whose fault it is: the proxy's, its way's, or the server's.
#[test]
fn whose_fault_it_is() {
    let film = film();
    let (_server, _open, locked) = serving(&film);
    let elsewhere = Socks::to("other.invalid", 1, None);
    let nowhere = Socks::to(HOST, closed(), None);
    let closed_proxy = closed();
    let refusing = Script::of(&[&film]).greeting("502 not for you").start();
    let through = Socks::to(HOST, refusing.port(), None);
    let no_proxy = Script::of(&[&film]).start();
    let at = |port: u16| format!("proxy = \"socks5://127.0.0.1:{port}\"");
    let wrong = format!("proxy = \"socks5://me:sesame@127.0.0.1:{}\"", locked.port);
    let proxy = |port: u16, text: &str| format!("proxy 127.0.0.1:{port}: {text}");
    let rows = [
        (
            at(closed_proxy),
            69,
            proxy(closed_proxy, "no connection to"),
        ),
        (
            wrong,
            77,
            proxy(locked.port, "it wants a user and a password, or others"),
        ),
        (
            at(locked.port),
            77,
            proxy(locked.port, "it wants a user and a password"),
        ),
        (
            at(elsewhere.port),
            69,
            proxy(elsewhere.port, "it says: host unreachable"),
        ),
        (
            at(nowhere.port),
            69,
            proxy(nowhere.port, "it says: connection refused"),
        ),
        (
            at(no_proxy.port()),
            69,
            proxy(no_proxy.port(), "it does not speak SOCKS5"),
        ),
        (
            at(through.port),
            77,
            "login refused (502 not for you)".to_owned(),
        ),
    ];
    for (key, code, says) in rows {
        both(|t| {
            let job = configure(t, &film, &key);
            let done = t.download(&job).code(code).says("server far: ").says(&says);
            assert!(!done.stderr.contains("sesame"), "{}", done.shown());
            // A refusal by the proxy is not the server's.
            let servers = done.stderr.contains("login refused");
            assert_eq!(servers, says.contains("login"), "{}", done.shown());
            done
        });
    }
}
