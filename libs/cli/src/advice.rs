//! What a person can do about what `--check` found, in plain words.

use nzbpipe_nntp::config::Server;
use nzbpipe_nntp::{Check, Class, Phase, Problem, TlsTrouble};

/// A sentence or two for each thing that is wrong or could be better.
pub(crate) fn on(server: &Server, check: &Check) -> Vec<String> {
    match &check.problem {
        Some(problem) => vec![about(server, problem)],
        None => better(server, check),
    }
}

/// The server works, but not as it could.
fn better(server: &Server, check: &Check) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((class, said)) = &check.turned_away {
        let open = check.connections;
        lines.push(format!(
            "It let in {open} of {} connections and refused the next: {said}.",
            check.wanted
        ));
        lines.push(match class {
            Class::Capacity | Class::Login => format!(
                "Set connections = {open}, unless another program uses the account right now."
            ),
            _ => format!("If that happens again, set connections = {open}."),
        });
    }
    if check.pipelines == Some(false) {
        lines.push("It does not answer requests sent ahead: set pipeline = 1.".to_owned());
    }
    if server.compress && !check.compressed {
        lines.push("It does not compress: compress = true is of no use.".to_owned());
    }
    if check.login && check.tls.is_none() {
        lines.push("The password goes in the clear: set tls = true if the server can.".to_owned());
    }
    lines
}

fn about(server: &Server, problem: &Problem) -> String {
    if problem.class == Class::Capacity {
        return "The account's connections are in use, by this machine or another: end the \
                program that uses them, or wait some minutes until the server forgets them."
            .to_owned();
    }
    match problem.phase {
        Phase::LookUp | Phase::Connect if server.proxy.is_some() => {
            "The proxy cannot be reached, and the server was not asked. Check proxy in the server \
             file or ALL_PROXY, and whether the proxy runs."
                .to_owned()
        }
        Phase::LookUp => format!(
            "Check host = {:?} in the server file, and whether this machine is online.",
            server.host
        ),
        Phase::Connect => "Check host and port (563 with TLS, 119 without), whether this machine \
             is online, and whether a firewall is in between."
            .to_owned(),
        Phase::Proxy if problem.class == Class::Login => {
            "The proxy answers but does not accept us; the server was not asked. Check user and \
             password in proxy (socks5://user:password@host:1080)."
                .to_owned()
        }
        Phase::Proxy => "The proxy answers, but there is no way through it to the server. Check \
             host and port of the server, and whether the proxy allows them."
            .to_owned(),
        Phase::StartTls => "The server has no STARTTLS, or somebody in between takes it away. Use \
             tls = true with port 563 if it can."
            .to_owned(),
        Phase::Tls => tls(server, problem).to_owned(),
        Phase::Greeting => match problem.class {
            Class::Login => "The server does not serve this machine: the account may be bound to \
                 other addresses, or the server may be closed."
                .to_owned(),
            _ => "Somebody listens but does not greet like a news server: check port and tls."
                .to_owned(),
        },
        Phase::Login => match problem.class {
            Class::Login => "Check username and password. If they are right, the account may have \
                 expired or be used up: the provider's web page says."
                .to_owned(),
            _ => LATER.to_owned(),
        },
        Phase::Session if problem.class == Class::Login => match &server.username {
            None => "The server wants a login: set username and password.".to_owned(),
            Some(_) => "The login is right, but the server does not serve the account: it may \
                 have expired or be used up. The provider's web page says."
                .to_owned(),
        },
        _ => LATER.to_owned(),
    }
}

const LATER: &str = "The server was reached but broke off. Try again later; if it stays, tell the \
     provider.";

fn tls(server: &Server, problem: &Problem) -> &'static str {
    match problem.tls {
        Some(TlsTrouble::Name) => {
            "The certificate is for another name. Use the host name that the provider gives; if \
             the server is yours, set tls_name, or verify = \"chain\" to accept any name."
        }
        Some(TlsTrouble::Expired) => {
            "The server's certificate has expired, or the clock of this machine is wrong. Tell \
             the provider. Nothing was sent."
        }
        Some(TlsTrouble::NotYet) => {
            "The certificate is not valid yet: the clock of this machine is probably wrong."
        }
        Some(TlsTrouble::Issuer) => {
            "Install your system's ca-certificates; if the server is yours, name its authority with cacert. Otherwise \
             somebody may be in between. Nothing was sent."
        }
        Some(TlsTrouble::NoTls) if server.port == 119 => {
            "Port 119 begins in the clear: use port 563, or tls = \"starttls\"."
        }
        Some(TlsTrouble::NoTls) => {
            "Port 563 usually has TLS, 119 at best after tls = \"starttls\"."
        }
        Some(TlsTrouble::Version) => {
            "The server speaks only versions or ciphers of TLS that are not safe, or older ones \
             than tls_min. Tell the provider."
        }
        Some(_) => "TLS cannot be used with this server; the line above says why.",
        None => "The server broke off during the TLS handshake. Check port and tls; or try later.",
    }
}
