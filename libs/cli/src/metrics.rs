//! Counters in the text format of Prometheus (exposition format 0.0.4).
//!
//! A pure function from counters to text; the file is `report`'s.

use std::fmt::Write;

use nzbpipe_pipeline::Tally;
use nzbpipe_record::ServerProgress;

/// What is told: the servers' counters and the segments' fates, at one instant.
pub(crate) struct Snapshot<'a> {
    /// The servers; their `rate` is lately.
    pub servers: &'a [ServerProgress],
    /// The fates of segments.
    pub tally: &'a Tally,
    /// When the program began, in seconds since 1970.
    pub started: f64,
}

/// The metrics by name: their kind and what they mean.
pub(crate) const FAMILIES: [(&str, &str, &str); 12] = [
    (
        "nzbpipe_bytes_total",
        "counter",
        "Bytes taken from the sockets of a server.",
    ),
    (
        "nzbpipe_articles_total",
        "counter",
        "Answers of a server by result: body (damaged ones too), missing, damaged.",
    ),
    (
        "nzbpipe_errors_total",
        "counter",
        "What went wrong at a server by class: transport, capacity, login, damaged, missing.",
    ),
    (
        "nzbpipe_recycled_total",
        "counter",
        "Connections to a server given up because they were slow.",
    ),
    (
        "nzbpipe_hedged_bytes_total",
        "counter",
        "Bytes asked of a server for a second time near the end.",
    ),
    (
        "nzbpipe_connections",
        "gauge",
        "Connections open to a server.",
    ),
    (
        "nzbpipe_connections_allowed",
        "gauge",
        "Connections that may be open to a server.",
    ),
    (
        "nzbpipe_window",
        "gauge",
        "Requests that may be in flight on a connection to a server, on average.",
    ),
    (
        "nzbpipe_rtt_seconds",
        "gauge",
        "From a command to the first byte of the answer; 0 if not known.",
    ),
    (
        "nzbpipe_rate_bytes",
        "gauge",
        "Bytes a second from a server, lately.",
    ),
    (
        "nzbpipe_segments_total",
        "counter",
        "Segments that the fetch is done with, by fate.",
    ),
    (
        "nzbpipe_start_time_seconds",
        "gauge",
        "When the program began, in seconds since 1970.",
    ),
];

/// The whole file.
pub(crate) fn text(snapshot: &Snapshot<'_>) -> String {
    let mut out = String::new();
    for (name, kind, help) in FAMILIES {
        let _ = writeln!(out, "# HELP {name} {}", escaped(help, false));
        let _ = writeln!(out, "# TYPE {name} {kind}");
        for (labels, value) in samples(name, snapshot) {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    }
    out
}

/// The fates of segments by the names that files for programs use.
pub(crate) fn fates(tally: &Tally) -> [(&'static str, u64); 9] {
    [
        ("ok", tally.ok),
        ("missing", tally.missing),
        ("damaged", tally.damaged),
        ("unverified", tally.unverified),
        ("bad_input", tally.bad_input),
        ("login", tally.login),
        ("unreachable", tally.unreachable),
        ("transient", tally.transient),
        ("unheard", tally.unheard),
    ]
}

/// Labels and value of each sample of a family.
fn samples(name: &str, snapshot: &Snapshot<'_>) -> Vec<(String, f64)> {
    let servers = snapshot.servers;
    let each = |value: fn(&ServerProgress) -> f64| -> Vec<(String, f64)> {
        let one = |server: &ServerProgress| (labels(&[("server", &server.name)]), value(server));
        servers.iter().map(one).collect()
    };
    let sorted = |key: &str, values: fn(&ServerProgress) -> Vec<(&'static str, u64)>| {
        let one = |server: &ServerProgress| {
            let label = |word| labels(&[("server", &server.name), (key, word)]);
            let values = values(server).into_iter();
            values
                .map(|(word, n)| (label(word), n as f64))
                .collect::<Vec<_>>()
        };
        servers.iter().flat_map(one).collect::<Vec<_>>()
    };
    match name {
        "nzbpipe_bytes_total" => each(|s| s.bytes as f64),
        "nzbpipe_articles_total" => sorted("result", |s| {
            vec![
                ("body", s.bodies),
                ("missing", s.missing),
                ("damaged", s.damaged),
            ]
        }),
        "nzbpipe_errors_total" => sorted("class", |s| {
            vec![
                ("transport", s.errors.transport),
                ("capacity", s.errors.capacity),
                ("login", s.errors.login),
                ("damaged", s.errors.damaged),
                ("missing", s.errors.missing),
            ]
        }),
        "nzbpipe_recycled_total" => each(|s| s.recycled as f64),
        "nzbpipe_hedged_bytes_total" => each(|s| s.hedged as f64),
        "nzbpipe_connections" => each(|s| s.connections as f64),
        "nzbpipe_connections_allowed" => each(|s| s.allowed as f64),
        "nzbpipe_window" => each(|s| s.window),
        "nzbpipe_rtt_seconds" => each(|s| (s.rtt_ms * 1000.0).round() / 1e6),
        "nzbpipe_rate_bytes" => each(|s| s.rate as f64),
        "nzbpipe_segments_total" => fates(snapshot.tally)
            .map(|(fate, n)| (labels(&[("fate", fate)]), n as f64))
            .to_vec(),
        _ => vec![(String::new(), snapshot.started)],
    }
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{key}=\"{}\"", escaped(value, true)))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

/// Backslash and line end are escaped everywhere, quotes in label values.
fn escaped(text: &str, quoted: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    match quoted {
        true => text.replace('"', "\\\""),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use nzbpipe_record::ServerErrors;

    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let servers = [ServerProgress {
            name: "a\"b\\c\nd".to_owned(),
            bytes: 7,
            window: 2.5,
            rtt_ms: 20.0,
            errors: ServerErrors {
                login: 3,
                ..ServerErrors::default()
            },
            ..ServerProgress::default()
        }];
        let text = text(&Snapshot {
            servers: &servers,
            tally: &Tally {
                ok: 5,
                ..Tally::default()
            },
            started: 1_700_000_000.25,
        });
        let label = r#"server="a\"b\\c\nd""#;
        for line in [
            format!("nzbpipe_bytes_total{{{label}}} 7"),
            format!("nzbpipe_window{{{label}}} 2.5"),
            format!("nzbpipe_rtt_seconds{{{label}}} 0.02"),
            format!("nzbpipe_errors_total{{{label},class=\"login\"}} 3"),
            "nzbpipe_segments_total{fate=\"ok\"} 5".to_owned(),
            "nzbpipe_start_time_seconds 1700000000.25".to_owned(),
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn every_family_is_there_before_there_are_servers() {
        let text = text(&Snapshot {
            servers: &[],
            tally: &Tally::default(),
            started: 0.0,
        });
        for (name, kind, _) in FAMILIES {
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{text}");
        }
        assert!(text.ends_with('\n'));
    }
}
