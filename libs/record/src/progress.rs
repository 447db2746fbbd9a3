//! `progress`: how the fetch is getting on, in all and server by server.

use crate::keys;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `progress`: telemetry for the program that shows it, twice a second at most,
/// and once at the end. Never needed for the result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The program that reports.
    pub stage: String,
    /// Bytes received since the start.
    pub bytes: u64,
    /// Segments finished since the start.
    pub segments: u64,
    /// Connections that are open.
    pub connections: u64,
    /// Bytes per second, lately.
    pub rate: u64,
    /// Milliseconds since the start.
    pub ms: u64,
    /// The same of each server, in the order of the configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerProgress>,
    /// Keys that this version does not know.
    #[serde(flatten, deserialize_with = "keys::rest")]
    pub extra: Map<String, Value>,
}

/// What one server did since the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerProgress {
    /// Its name; a second server of the same name has ` (2)` behind it.
    pub name: String,
    /// Bytes taken from its sockets.
    pub bytes: u64,
    /// Bytes per second, lately.
    pub rate: u64,
    /// Connections that are open.
    pub connections: u64,
    /// Connections that may be open.
    pub allowed: u64,
    /// Requests that may be in flight on a connection, on average.
    pub window: f64,
    /// Milliseconds from a command to the first byte of its answer; 0 if that is
    /// not known.
    pub rtt_ms: f64,
    /// Articles that arrived whole, damaged ones too.
    pub bodies: u64,
    /// Answers that an article is not there.
    pub missing: u64,
    /// Articles that arrived damaged.
    pub damaged: u64,
    /// What went wrong, by class.
    pub errors: ServerErrors,
    /// Bytes asked of it though another server had been asked.
    pub hedged: u64,
    /// Connections given up because they were slow.
    pub recycled: u64,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What went wrong at a server, counted by class ([`Class`](crate::Class)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerErrors {
    /// Connections lost in mid-work, or that could not be opened.
    pub transport: u64,
    /// Connections refused because there were too many.
    pub capacity: u64,
    /// Connections refused for the login, the account or the certificate.
    pub login: u64,
    /// Articles that arrived damaged.
    pub damaged: u64,
    /// Answers that an article is not there.
    pub missing: u64,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_servers_reads_and_writes_as_ever() {
        let old =
            r#"{"stage":"nntp-fetch","bytes":1,"segments":2,"connections":3,"rate":4,"ms":5}"#;
        let progress: Progress = serde_json::from_str(old).unwrap();
        assert!(progress.servers.is_empty());
        assert_eq!(serde_json::to_string(&progress).unwrap(), old);
    }

    #[test]
    fn unknown_keys_of_a_server_are_kept() {
        let line = r#"{"servers":[{"name":"a","rtt_ms":20,"errors":{"login":1,"y":2},"x":[]}]}"#;
        let progress: Progress = serde_json::from_str(line).unwrap();
        let server = &progress.servers[0];
        assert_eq!((server.rtt_ms, server.errors.login), (20.0, 1));
        let text = serde_json::to_string(&progress).unwrap();
        assert!(
            text.contains(r#""y":2"#) && text.contains(r#""x":[]"#),
            "{text}"
        );
    }
}
