//! Runs the real programs in a fresh directory, bounded in time, and shows
//! everything about a run that did not go as a test expects.
//!
//! [`both`] is the heart: it runs a download as the pipe of four programs and as the
//! one program that fuses them, and insists that code, files and fates agree. What a
//! run left behind is read by `records` and [`Tree`].

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::corpus::{Nzb, Post};
use crate::records::{self, Record};
use crate::server::Server;

/// After this long a run counts as hanging. Far above what any takes, so that a
/// busy machine fails no test.
const PATIENCE: Duration = Duration::from_secs(90);

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
        let tree = scene.tree("out");
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
    /// Flags of `seg-write`.
    pub write: String,
    /// Flags of all.
    pub common: String,
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
            write,
            common,
        } = self;
        match mode {
            Mode::Piped => format!(
                "nzb-split {common} {split} {nzbs} | {before}nntp-fetch {common} {fetch} | \
                 {before}yenc-decode {common} | {before}seg-write {common} {write} -d out --json"
            ),
            Mode::Fused => {
                format!("{before}nzbpipe {common} {split} {fetch} {write} -d out --json {nzbs}")
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

    fn new(mode: Mode) -> Scene {
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
        Running {
            command: command.to_owned(),
            child: Some(child),
            work: self.path(""),
            log,
        }
    }

    /// What lies below a directory.
    pub fn tree(&self, name: &str) -> Tree {
        tree(&self.path(name))
    }
}

/// Files by path: their size and SHA-256. A journal shows its presence only: its
/// lines are in the order of arrival.
pub type Tree = BTreeMap<String, String>;

fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            let journal = entry.file_name().to_string_lossy().starts_with(".nzbpipe-");
            let content = match journal {
                true => "journal".to_owned(),
                false => fs::read(&path).map_or_else(|e| e.to_string(), |b| sha256(&b)),
            };
            found.insert(name, content);
        }
    }
    found
}

/// Size and digest of `bytes`, as [`Tree`] shows them.
pub fn sha256(bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("{} bytes, {digest}", bytes.len())
}

/// Waits until `happened`, which another process brings about.
#[track_caller]
pub fn until(what: &str, happened: impl Fn() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A command that has not ended.
pub struct Running {
    command: String,
    child: Option<Child>,
    work: PathBuf,
    log: PathBuf,
}

impl Running {
    /// Sends a signal to every program that the download noted, not to the shell.
    pub fn signal(&self, signal: Signal) {
        let pids = fs::read_to_string(self.work.join("pids")).unwrap_or_default();
        for pid in pids.lines().filter_map(|line| line.parse().ok()) {
            let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
        }
    }

    /// What was printed on standard error so far.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.log.with_extension("err")).unwrap_or_default()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn finish(mut self) -> Done {
        let started = Instant::now();
        let mut child = self.child.take().unwrap();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return self.done(status).sane();
            }
            if started.elapsed() > PATIENCE {
                end(&mut child);
                let done = self.done(ExitStatus::from_raw(0));
                panic!("hangs after {PATIENCE:?}\n{}", done.shown());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn done(&self, status: ExitStatus) -> Done {
        let read = |kind| fs::read(self.log.with_extension(kind)).unwrap_or_default();
        Done {
            command: self.command.clone(),
            // As the shell would say it.
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            stdout: read("out"),
            stderr: String::from_utf8_lossy(&read("err")).into_owned(),
            tree: tree(&self.work),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

/// Ends the process group that `child` leads.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let _ = kill_process_group(group.unwrap(), Signal::KILL);
    let _ = child.wait();
}

/// A command that has ended, and what it left. The checks return it, so that they
/// can be chained.
pub struct Done {
    /// Exit code, of the last program if it was a pipe.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error of all programs.
    pub stderr: String,
    command: String,
    tree: Tree,
}

impl Done {
    /// What standard output has, as records.
    #[track_caller]
    pub fn records(&self) -> Vec<Record> {
        records::parse(&self.stdout).unwrap_or_else(|e| panic!("{e}\n{}", self.shown()))
    }

    /// The fates of segments and files, and how the run ended; sorted.
    pub fn fates(&self) -> Vec<String> {
        records::fates(&self.records())
    }

    /// The run without its records, where one arrangement refuses to begin and has
    /// none while the other's last stage does.
    pub fn without_records(mut self) -> Done {
        self.stdout.clear();
        self
    }

    /// The program ended with `code`.
    #[track_caller]
    pub fn code(self, code: i32) -> Done {
        assert!(
            self.code == code,
            "exit code {code} wanted\n{}",
            self.shown()
        );
        self
    }

    /// The program ended with one of `codes`.
    #[track_caller]
    pub fn code_in(self, codes: &[i32]) -> Done {
        assert!(
            codes.contains(&self.code),
            "one of {codes:?} wanted\n{}",
            self.shown()
        );
        self
    }

    /// Standard error has `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Done {
        let found = self.stderr.contains(text);
        assert!(found, "{text:?} wanted on stderr\n{}", self.shown());
        self
    }

    /// Standard error is empty.
    #[track_caller]
    pub fn silent(self) -> Done {
        assert!(self.stderr.is_empty(), "silence wanted\n{}", self.shown());
        self
    }

    /// Some fate reads so; see [`records::fates`].
    #[track_caller]
    pub fn fate(self, wanted: &str) -> Done {
        let fates = self.fates();
        let found = fates.iter().any(|fate| fate.starts_with(wanted));
        assert!(found, "no fate {wanted:?} in {fates:#?}\n{}", self.shown());
        self
    }

    /// Below `out` lie these files and no others.
    #[track_caller]
    pub fn files(self, wanted: &[(&str, &[u8])]) -> Done {
        let wanted: Tree = wanted
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), sha256(bytes)))
            .collect();
        let found = self.below_out();
        assert!(found == wanted, "wanted {wanted:#?}\n{}", self.shown());
        self
    }

    /// Below `out` lies exactly this file.
    #[track_caller]
    pub fn file(self, name: &str, bytes: &[u8]) -> Done {
        self.files(&[(name, bytes)])
    }

    /// Below `out` lies `name`'s unfinished file, with these bytes, whatever else.
    #[track_caller]
    pub fn unfinished(self, name: &str, bytes: &[u8]) -> Done {
        let begins = format!("{name}.");
        let found = self.below_out().into_iter().any(|(path, content)| {
            path.starts_with(&begins) && path.ends_with(".part") && content == sha256(bytes)
        });
        let wanted = sha256(bytes);
        assert!(found, "{name}.….part wanted: {wanted}\n{}", self.shown());
        self
    }

    fn below_out(&self) -> Tree {
        let own = |(name, content): (&String, &String)| {
            name.strip_prefix("out/")
                .map(|name| (name.to_owned(), content.clone()))
        };
        self.tree.iter().filter_map(own).collect()
    }

    /// What holds of every run: no bug, and nothing on stderr that could steer a
    /// terminal, whatever a server or an NZB said.
    #[track_caller]
    fn sane(self) -> Done {
        let bug = self.stderr.contains("panicked") || matches!(self.code, 70 | 101);
        assert!(!bug, "a bug\n{}", self.shown());
        let steering = self.stderr.contains(['\u{1b}', '\r', '\u{7}']);
        assert!(!steering, "control characters on stderr\n{}", self.shown());
        self
    }

    /// The whole run for a person.
    pub fn shown(&self) -> String {
        let mut text = format!("$ {}\nexit code {}\n", self.command, self.code);
        text += "--- files\n";
        for (name, content) in &self.tree {
            text += &format!("{name}: {content}\n");
        }
        let stdout = String::from_utf8_lossy(&self.stdout);
        let shown: String = stdout.chars().take(8000).collect();
        text + "--- stdout\n" + &shown + "\n--- stderr\n" + &self.stderr
    }
}
