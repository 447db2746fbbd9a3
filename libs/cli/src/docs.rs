//! The one list of programs, from which man pages and completions are made.

use clap::{Command, CommandFactory};

use crate::{
    kernel, metrics, nntp_fetch, nntp_serve, nzb_split, nzbpipe, seg_cat, seg_write, yenc_decode,
};

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
    /// Sections of its own: heading, then term and meaning.
    pub sections: Vec<Section>,
    /// The SEE ALSO section.
    pub see_also: &'static str,
}

/// A section of a man page: its heading, and rows of term and meaning.
pub type Section = (&'static str, Vec<(String, String)>);

/// Every program of the toolkit.
pub fn catalogue() -> Vec<Page> {
    vec![
        Page {
            command: nzb_split::Args::command(),
            examples: nzb_split::EXAMPLES,
            exit_status: status(&["0", "1", "64", "65", "66", "74"]),
            environment: Vec::new(),
            files: Vec::new(),
            sections: Vec::new(),
            see_also: "nntp-fetch(1), nzbpipe-records(5), nzbpipe(7)",
        },
        Page {
            command: nntp_fetch::Args::command(),
            examples: nntp_fetch::EXAMPLES,
            exit_status: status(&[
                "0", "1", "64", "65", "69", "73", "74", "75", "76", "77", "78",
            ]),
            environment: SERVER_ENVIRONMENT.to_vec(),
            files: SERVER_FILES.to_vec(),
            sections: fetching(),
            see_also: "nzb-split(1), yenc-decode(1), nzbpipe-servers(5), nzbpipe-records(5), \
                       nzbpipe(7)",
        },
        Page {
            command: yenc_decode::Args::command(),
            examples: yenc_decode::EXAMPLES,
            exit_status: status(&[
                "0", "1", "64", "65", "66", "69", "74", "75", "76", "77", "78",
            ]),
            environment: vec![kernel::ENVIRONMENT],
            files: Vec::new(),
            sections: Vec::new(),
            see_also: "nntp-fetch(1), seg-write(1), nzbpipe-records(5), nzbpipe(7)",
        },
        Page {
            command: seg_write::Args::command(),
            examples: seg_write::EXAMPLES,
            exit_status: ALL.to_vec(),
            environment: Vec::new(),
            files: OUTPUT_FILES.to_vec(),
            sections: Vec::new(),
            see_also: "yenc-decode(1), nzbpipe(1), nzbpipe-records(5), nzbpipe(7)",
        },
        Page {
            command: seg_cat::Args::command(),
            examples: seg_cat::EXAMPLES,
            exit_status: seg_cat::EXIT_STATUS
                .iter()
                .copied()
                .chain(status(&["64", "69", "74", "75", "76", "77", "78"]))
                .collect(),
            environment: vec![(
                "TMPDIR",
                "Where parts go that --window has no room for, instead of /tmp.",
            )],
            files: Vec::new(),
            sections: Vec::new(),
            see_also: "yenc-decode(1), seg-write(1), nzbpipe-records(5), nzbpipe(7)",
        },
        Page {
            command: nzbpipe::Args::command(),
            examples: nzbpipe::EXAMPLES,
            exit_status: ALL.to_vec(),
            environment: SERVER_ENVIRONMENT.to_vec(),
            files: [SERVER_FILES, OUTPUT_FILES].concat(),
            sections: fetching(),
            see_also: "nzb-split(1), nntp-fetch(1), yenc-decode(1), seg-write(1), \
                       nzbpipe-servers(5), nzbpipe(7)",
        },
        Page {
            command: nntp_serve::Args::command(),
            examples: nntp_serve::EXAMPLES,
            exit_status: status(&["64", "66", "73", "78"]),
            environment: vec![kernel::ENVIRONMENT],
            files: Vec::new(),
            sections: Vec::new(),
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
        "A temporary failure, the --deadline, a quota that is used up, or another process uses \
         the output: run it again.",
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
    kernel::ENVIRONMENT,
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
        "Which pieces were written, so that a later run completes the files, and one of a complete \
         job fetches nothing. May be deleted at any time, then everything is fetched again; see \
         --journal.",
    ),
];

/// What the programs that fetch have besides.
fn fetching() -> Vec<Section> {
    let owned = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
        let rows = rows.iter();
        rows.map(|(term, meaning)| ((*term).to_owned(), (*meaning).to_owned()))
            .collect()
    };
    let metrics = metrics::FAMILIES
        .map(|(name, kind, help)| (format!("{name} ({kind})"), help.to_owned()))
        .to_vec();
    vec![
        ("SIGNALS", owned(SIGNALS)),
        ("STATISTICS", owned(STATISTICS)),
        ("METRICS", metrics),
    ]
}

const SIGNALS: &[(&str, &str)] = &[
    ("SIGUSR1", "Print one line about how far the work is."),
    (
        "SIGUSR2",
        "Read the server file again, and the files and commands it takes passwords from. The flags hold as they were; nobody is asked for a password, one that was typed \
         before is used again. If anything is wrong, a message says so and the old servers stay.",
    ),
    (
        "SIGINT, SIGTERM, SIGHUP",
        "Stop cleanly; a second one ends the program at once.",
    ),
];

/// The keys of `--stats`.
const STATISTICS: &[(&str, &str)] = &[
    ("by, stage", "The program and its version; the program."),
    (
        "started, ms",
        "When it began, in seconds since 1970; how many milliseconds it took.",
    ),
    (
        "status, code",
        "How it ended, in the words of an end record, see nzbpipe-records(5); the exit code.",
    ),
    (
        "fates",
        "Object: segments by what became of them. ok; missing: no server has it; damaged; \
         unverified: without any CRC; bad_input: cannot be asked for; login: every server refused \
         the login; unreachable: no session became usable; transient: failed for now; unheard: \
         the run ended before it was known. segments is their sum.",
    ),
    ("payload_bytes", "Bytes of all segments that arrived."),
    (
        "options",
        "Object: retries, limit_rate (bytes a second, 0 is none), max_down_ms, deadline_ms (or \
         null), hedge (bytes), as the flags gave them.",
    ),
    (
        "bytes, segments, connections, rate, servers",
        "As in a progress record, see nzbpipe-records(5), but rate is the mean of the whole run, \
         and so is the rate of each server.",
    ),
];
