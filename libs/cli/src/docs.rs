//! The one list of programs, from which man pages and completions are made.

use clap::{Command, CommandFactory};

use crate::{nntp_fetch, nntp_serve, nzb_split, nzbpipe, seg_write, yenc_decode};

/// A program and what its man page says beyond its flags.
pub struct Page {
    /// The flags.
    pub command: Command,
    /// The EXAMPLES section: shell lines.
    pub examples: &'static str,
    /// The EXIT STATUS section: code and meaning, in the order to be shown.
    pub exit_status: Vec<(&'static str, &'static str)>,
    /// The ENVIRONMENT section: variable and meaning.
    pub environment: Vec<(&'static str, &'static str)>,
    /// The FILES section: path and meaning.
    pub files: Vec<(&'static str, &'static str)>,
    /// The SEE ALSO section.
    pub see_also: &'static str,
}

/// Every program of the toolkit.
pub fn catalogue() -> Vec<Page> {
    vec![
        Page {
            command: nzb_split::Args::command(),
            examples: nzb_split::EXAMPLES,
            exit_status: status(&["0", "1", "64", "65", "66", "74"]),
            environment: Vec::new(),
            files: Vec::new(),
            see_also: "nntp-fetch(1), nzbpipe-records(5), nzbpipe(7)",
        },
        Page {
            command: nntp_fetch::Args::command(),
            examples: nntp_fetch::EXAMPLES,
            exit_status: status(&["0", "1", "64", "65", "69", "74", "75", "76", "77", "78"]),
            environment: SERVER_ENVIRONMENT.to_vec(),
            files: SERVER_FILES.to_vec(),
            see_also: "nzb-split(1), yenc-decode(1), nzbpipe-servers(5), nzbpipe-records(5), \
                       nzbpipe(7)",
        },
        Page {
            command: yenc_decode::Args::command(),
            examples: yenc_decode::EXAMPLES,
            exit_status: status(&["0", "1", "64", "65", "66", "69", "74", "75", "76", "77"]),
            environment: Vec::new(),
            files: Vec::new(),
            see_also: "nntp-fetch(1), seg-write(1), nzbpipe-records(5), nzbpipe(7)",
        },
        Page {
            command: seg_write::Args::command(),
            examples: seg_write::EXAMPLES,
            exit_status: ALL.to_vec(),
            environment: Vec::new(),
            files: OUTPUT_FILES.to_vec(),
            see_also: "yenc-decode(1), nzbpipe(1), nzbpipe-records(5), nzbpipe(7)",
        },
        Page {
            command: nzbpipe::Args::command(),
            examples: nzbpipe::EXAMPLES,
            exit_status: ALL.to_vec(),
            environment: SERVER_ENVIRONMENT.to_vec(),
            files: [SERVER_FILES, OUTPUT_FILES].concat(),
            see_also: "nzb-split(1), nntp-fetch(1), yenc-decode(1), seg-write(1), \
                       nzbpipe-servers(5), nzbpipe(7)",
        },
        Page {
            command: nntp_serve::Args::command(),
            examples: nntp_serve::EXAMPLES,
            exit_status: status(&["64", "66", "73", "78"]),
            environment: Vec::new(),
            files: Vec::new(),
            see_also: "nntp-fetch(1), nzbpipe(1), nzbpipe-servers(5), nzbpipe(7)",
        },
    ]
}

/// The exit codes, as all programs use them. The last two stand in every page.
const ALL: &[(&str, &str)] = &[
    ("0", "All done, verified, on disk."),
    (
        "1",
        "Finished, but segments are missing, damaged or unverified; the records say which.",
    ),
    ("64", "The command line is wrong."),
    ("65", "The input is malformed."),
    ("66", "An input cannot be opened."),
    ("69", "No session with any server became usable."),
    ("70", "A bug in this program."),
    ("73", "An output cannot be created."),
    ("74", "Input/output error, or the disk is full."),
    (
        "75",
        "A temporary failure, or another process uses the output: run it again.",
    ),
    (
        "76",
        "The stream from the program before was empty or ended without its end record.",
    ),
    ("77", "Login or certificate refused by every server."),
    ("78", "Bad or absent configuration."),
    (
        "129, 130, 143",
        "Stopped by SIGHUP, SIGINT or SIGTERM, after a clean stop. A second signal ends the \
         program at once.",
    ),
    ("141", "The reader of standard output went away."),
];

/// The rows of [`ALL`] for `codes`, and those that every program can end with.
fn status(codes: &[&str]) -> Vec<(&'static str, &'static str)> {
    let always = |code: &str| matches!(code, "70" | "141") || code.starts_with("129");
    ALL.iter()
        .filter(|(code, _)| codes.contains(code) || always(code))
        .copied()
        .collect()
}

const SERVER_ENVIRONMENT: &[(&str, &str)] = &[
    (
        "NZBPIPE_PASSWORD",
        "The password of servers that have a user name but name no other source for it.",
    ),
    (
        "ALL_PROXY, NO_PROXY",
        "A SOCKS5 proxy for servers that name none, socks5://host:port, and a list of hosts \
         that it is not for. Lower case works, too.",
    ),
    (
        "XDG_CONFIG_HOME",
        "Where the server file is looked for, instead of ~/.config.",
    ),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "Where the system's certificate authorities are, instead of the usual places.",
    ),
];

const SERVER_FILES: &[(&str, &str)] = &[
    (
        "~/.config/nzbpipe/servers.toml",
        "The server file, see nzbpipe-servers(5).",
    ),
    (
        "/etc/nzbpipe/servers.toml",
        "The server file of the system, used if there is none of one's own.",
    ),
];

const OUTPUT_FILES: &[(&str, &str)] = &[
    (
        "DIR/JOB/NAME",
        "A complete file. JOB is the name of the NZB; with --flat that folder is left out.",
    ),
    (
        "DIR/JOB/NAME.ID.part",
        "A file that is not complete; holes are where segments are missing.",
    ),
    (
        "DIR/JOB/.nzbpipe-ID.journal",
        "Which pieces were written, so that a later run completes the files. Deleted when all \
         files are complete; may be deleted at any time, then everything is fetched again.",
    ),
];
