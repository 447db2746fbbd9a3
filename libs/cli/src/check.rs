//! `nntp-fetch --check`: a line for each server, and what to do about what is
//! wrong. This output goes to standard output: it is what was asked for.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use nzbpipe_nntp::config::Server;
use nzbpipe_nntp::{Check, Class, Line, Trace};
use nzbpipe_pipeline::{Code, Stop};
use serde_json::{Value, json};

use crate::advice;
use crate::exit::Refusal;
use crate::message::{count, printable};
use crate::ui::Ui;

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Busy,
    Refused,
    Down,
}

impl Verdict {
    fn of(check: &Check) -> Verdict {
        match check.problem.as_ref().map(|problem| problem.class) {
            None => Verdict::Fine,
            Some(Class::Capacity) => Verdict::Busy,
            Some(Class::Login) => Verdict::Refused,
            Some(_) => Verdict::Down,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Verdict::Fine => "ok",
            Verdict::Busy => "busy",
            Verdict::Refused => "refused",
            Verdict::Down => "down",
        }
    }
}

/// Looks at `servers` one after the other and writes what it finds.
pub(crate) fn run(servers: &[Server], json: bool, ui: &Ui, stop: &Stop) -> Result<Code, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Refusal::new(Code::IO, format!("no runtime: {e}")))?;
    let width = servers.iter().map(|s| s.name.chars().count()).max();
    let mut verdicts = Vec::new();
    for server in servers {
        let looking = nzbpipe_nntp::check(server, trace(ui), stop.clone().wait());
        let check = runtime.block_on(looking);
        if let Some(code) = stop.requested() {
            return Ok(code);
        }
        let text = match json {
            true => format!("{}\n", object(&check)),
            false => block(server, &check, width.unwrap_or(0), ui.is_verbose()),
        };
        match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Code::CLOSED),
            Err(e) => return Err(Refusal::new(Code::IO, format!("standard output: {e}"))),
        }
        verdicts.push((Verdict::of(&check), server.optional));
    }
    // A lookup that takes for ever must not keep the program.
    runtime.shutdown_timeout(Duration::ZERO);
    Ok(code(&verdicts))
}

/// The exit code for what became of the servers, each optional or not.
fn code(verdicts: &[(Verdict, bool)]) -> Code {
    let all = |wanted: &[Verdict]| verdicts.iter().all(|(verdict, _)| wanted.contains(verdict));
    let usable = verdicts.iter().any(|(v, _)| *v == Verdict::Fine);
    let needed = verdicts
        .iter()
        .any(|(v, optional)| *v != Verdict::Fine && !optional);
    match usable {
        true if needed => Code::TEMPORARY,
        true => Code::OK,
        false if all(&[Verdict::Refused]) => Code::LOGIN,
        false if all(&[Verdict::Busy, Verdict::Refused]) => Code::TEMPORARY,
        false => Code::UNREACHABLE,
    }
}

fn trace(ui: &Ui) -> Option<Trace> {
    if !ui.is_verbose() {
        return None;
    }
    let ui = ui.clone();
    let told = move |line: Line<'_>| {
        let way = if line.sent { '>' } else { '<' };
        ui.detail(&format!(
            "{} #{} {way} {}",
            line.server, line.connection, line.text
        ));
    };
    Some(Arc::new(told))
}

/// The line of a server, and the lines below it.
fn block(server: &Server, check: &Check, width: usize, verbose: bool) -> String {
    let mut text = format!(
        "{:width$}  {:7}  {}\n",
        printable(&check.server),
        Verdict::of(check).word(),
        match &check.problem {
            None => summary(check),
            Some(problem) => printable(&problem.text),
        }
    );
    let details = if verbose { details(check) } else { Vec::new() };
    let advice = advice::on(server, check);
    let advice = advice.iter().flat_map(|line| wrapped(line));
    for line in details.into_iter().chain(advice) {
        text.push_str(&format!("    {}\n", printable(&line)));
    }
    text
}

/// `text` in lines that fit most terminals.
fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 76;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// What a usable server is like.
fn summary(check: &Check) -> String {
    let mut words = Vec::new();
    words.extend(check.address.map(|address| address.to_string()));
    words.push(match &check.tls {
        Some(tls) if tls.not_after.is_empty() => tls.version.to_owned(),
        Some(tls) => format!("{}, certificate until {}", tls.version, tls.not_after),
        None => "no TLS".to_owned(),
    });
    words.push(match check.login {
        true => "logged in".to_owned(),
        false => "no login".to_owned(),
    });
    words.extend(check.rtt.map(|rtt| format!("{} there and back", time(rtt))));
    words.push(match check.connections == check.wanted {
        true => count(check.wanted.into(), "connection"),
        false => format!("{} of {} connections", check.connections, check.wanted),
    });
    words.join(", ")
}

fn time(span: Duration) -> String {
    match span.as_secs_f64() * 1000.0 {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.0} ms"),
    }
}

/// What `-v` tells.
fn details(check: &Check) -> Vec<String> {
    let mut lines = Vec::new();
    if !check.addresses.is_empty() {
        let all = check
            .addresses
            .iter()
            .map(|address| address.ip().to_string());
        let all: Vec<String> = all.collect();
        lines.push(format!("addresses: {}", all.join(" ")));
    }
    lines.extend(
        check
            .connect
            .map(|span| format!("connected in {}", time(span))),
    );
    if let Some(tls) = &check.tls {
        let resumes = match tls.resumes {
            Some(true) => ", later sessions are resumed",
            Some(false) => ", sessions are not resumed",
            None => "",
        };
        let took = time(tls.took);
        lines.push(format!(
            "TLS: {} {} {} in {took}{resumes}",
            tls.version, tls.cipher, tls.exchange
        ));
        lines.push(format!(
            "certificate: of {}, from {}, until {}",
            tls.subject, tls.issuer, tls.not_after
        ));
    }
    lines.extend(
        check
            .greeting
            .iter()
            .map(|line| format!("greeting: {line}")),
    );
    if check.problem.is_some() {
        return lines;
    }
    lines.push(match check.capabilities.is_empty() {
        true => "capabilities: it does not say".to_owned(),
        false => format!("capabilities: {}", check.capabilities.join("; ")),
    });
    if check.compressed {
        lines.push("compressed: yes".to_owned());
    }
    let yes = |value: Option<bool>| match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not known",
    };
    lines.push(format!("requests sent ahead: {}", yes(check.pipelines)));
    lines.push(format!(
        "names what it does not have: {}",
        yes(check.echoes)
    ));
    lines
}

/// The same for programs.
fn object(check: &Check) -> Value {
    let ms = |span: Duration| (span.as_secs_f64() * 1e6).round() / 1e3;
    json!({
        "server": check.server,
        "status": Verdict::of(check).word(),
        "addresses": check.addresses.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>(),
        "address": check.address.map(|address| address.to_string()),
        "connect_ms": check.connect.map(ms),
        "tls": check.tls.as_ref().map(|tls| json!({
            "version": tls.version,
            "cipher": tls.cipher,
            "exchange": tls.exchange,
            "subject": tls.subject,
            "issuer": tls.issuer,
            "not_after": tls.not_after,
            "resumes": tls.resumes,
            "ms": ms(tls.took),
        })),
        "greeting": check.greeting,
        "login": check.login,
        "capabilities": check.capabilities,
        "compressed": check.compressed,
        "rtt_ms": check.rtt.map(ms),
        "pipelines": check.pipelines,
        "echoes": check.echoes,
        "connections": check.connections,
        "wanted": check.wanted,
        "turned_away": check.turned_away.as_ref().map(|(_, text)| text),
        "problem": check.problem.as_ref().map(|problem| &problem.text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_advice_is_broken_at_words() {
        let text = "word ".repeat(40);
        let lines = wrapped(text.trim_end());
        assert_eq!(lines.join(" "), text.trim_end());
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() < 77));
    }

    #[test]
    fn exit_codes() {
        use Verdict::*;
        let table: [(&[(Verdict, bool)], u8); 10] = [
            (&[(Fine, false)], 0),
            (&[(Fine, false), (Fine, true)], 0),
            (&[(Fine, false), (Down, true)], 0),
            (&[(Fine, false), (Down, false)], 75),
            (&[(Fine, true), (Refused, false)], 75),
            (&[(Refused, false), (Refused, true)], 77),
            (&[(Refused, false), (Down, false)], 69),
            (&[(Down, false)], 69),
            (&[(Down, true)], 69),
            (&[(Busy, false)], 75),
        ];
        for (verdicts, number) in table {
            assert_eq!(code(verdicts).number(), number, "{verdicts:?}");
        }
    }
}
