//! Runs the real programs in a fresh directory, as a test arranges it.
//!
//! [`both`] is the heart: it runs a download as the pipe of four programs and as the
//! one program that fuses them, and insists that code, files and fates agree. How a
//! run ends and what it leaves behind is `run`'s.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::corpus::{Nzb, Post};
use crate::run::JOURNAL;
pub use crate::run::{Done, Running, Tree, sha256, until};
use crate::server::Server;

/// The two arrangements that must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Four programs and three pipes.
    Piped,
    /// `nzbpipe`.
    Fused,
}

/// Runs `test` in both arrangements, each with a directory of its own. The run it
/// returns is the one that must agree: code, files below `out`, fates of segments
/// and files. Order, servers and times may differ.
#[track_caller]
pub fn both(test: impl Fn(&Scene) -> Done) {
    let [piped, fused] = [Mode::Piped, Mode::Fused].map(|mode| {
        let scene = Scene::new(mode);
        let done = test(&scene);
        // A journal bears the name of its job, and an NZB made by the test has its date.
        let mut tree = scene.tree("out");
        tree.retain(|_, content| content != JOURNAL);
        (done, tree)
    });
    let verdict = |(done, tree): &(Done, Tree)| (done.code, done.fates(), tree.clone());
    assert!(
        verdict(&piped) == verdict(&fused),
        "piped and fused disagree\n{}\nfates {:#?}\nfiles {:#?}\n{}\nfates {:#?}\nfiles {:#?}",
        piped.0.shown(),
        piped.0.fates(),
        piped.1,
        fused.0.shown(),
        fused.0.fates(),
        fused.1,
    );
}

/// Runs `test` in both arrangements without comparing more than it does itself.
pub fn each(test: impl Fn(&Scene)) {
    for mode in [Mode::Piped, Mode::Fused] {
        test(&Scene::new(mode));
    }
}

/// A scene for each arrangement, after `test` ran in both at the same time.
pub fn pair(test: impl Fn(&Scene) + Sync) -> [Scene; 2] {
    let scenes = [Mode::Piped, Mode::Fused].map(Scene::new);
    std::thread::scope(|threads| {
        for scene in &scenes {
            threads.spawn(|| test(scene));
        }
    });
    scenes
}

/// A download, before it is known in which arrangement it runs. The fields are
/// words for sh.
#[derive(Clone, Default)]
pub struct Job {
    /// The NZBs.
    pub nzbs: String,
    /// Flags of `nzb-split`.
    pub split: String,
    /// Flags of `nntp-fetch`.
    pub fetch: String,
    /// Flags of `yenc-decode`.
    pub decode: String,
    /// Flags of `seg-write`.
    pub write: String,
    /// Flags of all.
    pub common: String,
    /// Variables of the program that fetches: `NAME=value`.
    pub variables: String,
}

impl Job {
    /// `x.nzb` from `server`.
    pub fn from(server: &Server) -> Job {
        Job::with(&server.flag())
    }

    /// `x.nzb` with these flags of `nntp-fetch`.
    pub fn with(fetch: &str) -> Job {
        Job {
            nzbs: "x.nzb".to_owned(),
            fetch: fetch.to_owned(),
            ..Job::default()
        }
    }

    /// The command line; `before` stands in front of every program that waits.
    fn command(&self, mode: Mode, before: &str) -> String {
        let Job {
            nzbs,
            split,
            fetch,
            decode,
            write,
            common,
            variables,
        } = self;
        match mode {
            Mode::Piped => format!(
                "nzb-split {common} {split} {nzbs} | {variables} {before}nntp-fetch {common} {fetch} | \
                 {before}yenc-decode {common} {decode} | {before}seg-write {common} {write} -d out --json"
            ),
            Mode::Fused => {
                format!(
                    "{variables} {before}nzbpipe {common} {split} {fetch} {decode} {write} -d out --json {nzbs}"
                )
            }
        }
    }
}

/// A fresh directory in which commands run.
pub struct Scene {
    /// The arrangement under test.
    pub mode: Mode,
    root: TempDir,
    runs: AtomicUsize,
}

impl Scene {
    /// An empty directory, for tests that have no two arrangements.
    pub fn alone() -> Scene {
        Scene::new(Mode::Piped)
    }

    /// An empty directory for one arrangement.
    pub fn new(mode: Mode) -> Scene {
        let root = tempfile::Builder::new()
            .prefix("nzbpipe-test-")
            .tempdir()
            .unwrap();
        for folder in ["work", "home", "bin", "log"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let scene = Scene {
            mode,
            root,
            runs: AtomicUsize::new(0),
        };
        // Notes the process a signal is meant for: the shell must not get it, or it
        // would end before it can tell the exit code.
        let noted = scene.root.path().join("bin/noted");
        fs::write(&noted, "#!/bin/sh\necho $$ >>pids\nexec \"$@\"\n").unwrap();
        fs::set_permissions(&noted, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        scene
    }

    /// A path below the directory commands run in.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("work").join(name)
    }

    /// The user's home directory.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// The search path: the programs under test, then the system's.
    pub fn search_path(&self) -> String {
        let programs = Path::new(env!("CARGO_BIN_EXE_nzbpipe")).parent().unwrap();
        let system = std::env::var("PATH").unwrap();
        let own = self.root.path().join("bin");
        format!("{}:{}:{system}", programs.display(), own.display())
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes the server file where the programs look for it.
    pub fn servers(&self, tables: &str) {
        let folder = self.home().join(".config/nzbpipe");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("servers.toml"), tables).unwrap();
    }

    /// Writes `x.nzb` that lists `posts`.
    pub fn nzb(&self, posts: &[&Post]) {
        self.write("x.nzb", Nzb::of(posts).text());
    }

    /// Reads a file.
    #[track_caller]
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Runs the download to its end.
    #[track_caller]
    pub fn download(&self, job: &Job) -> Done {
        self.run(&job.command(self.mode, ""))
    }

    /// Starts the download so that [`Running::signal`] reaches its programs.
    pub fn begin(&self, job: &Job) -> Running {
        let _ = fs::remove_file(self.path("pids"));
        self.start(&job.command(self.mode, "noted "))
    }

    /// Runs a command with sh to its end.
    #[track_caller]
    pub fn run(&self, command: &str) -> Done {
        self.start(command).finish()
    }

    /// Starts a command with sh.
    pub fn start(&self, command: &str) -> Running {
        let turn = self.runs.fetch_add(1, Ordering::SeqCst);
        let log = self.root.path().join(format!("log/{turn}"));
        let child = Command::new("sh")
            .args(["-c", command])
            .current_dir(self.path(""))
            .env_clear()
            .env("PATH", self.search_path())
            .env("HOME", self.home())
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .stdout(File::create(log.with_extension("out")).unwrap())
            .stderr(File::create(log.with_extension("err")).unwrap())
            // A group of its own, so that all of it can be ended if it hangs.
            .process_group(0)
            .spawn()
            .unwrap();
        Running::new(command, child, self.path(""), log)
    }

    /// What lies below a directory.
    pub fn tree(&self, name: &str) -> Tree {
        crate::run::tree(&self.path(name))
    }
}
