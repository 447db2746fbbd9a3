//! A command that runs, bounded in time, and a command that has ended: what it left
//! behind, the checks of that, and all of it in print when a check fails.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use sha2::{Digest, Sha256};

use crate::records::{self, Record};

/// After this long a run counts as hanging. Far above what any takes, so that a
/// busy machine fails no test.
const PATIENCE: Duration = Duration::from_secs(90);

/// A command that has not ended.
pub struct Running {
    command: String,
    child: Option<Child>,
    work: PathBuf,
    log: PathBuf,
}

impl Running {
    /// `child` runs `command` in `work`; its output goes to `log` with two endings.
    pub fn new(command: &str, child: Child, work: PathBuf, log: PathBuf) -> Running {
        Running {
            command: command.to_owned(),
            child: Some(child),
            work,
            log,
        }
    }

    /// Sends a signal to every program that the download noted, not to the shell.
    pub fn signal(&self, signal: Signal) {
        for pid in self.pids() {
            let _ = kill_process(pid, signal);
        }
    }

    /// The programs that the download noted so far.
    pub fn pids(&self) -> Vec<Pid> {
        let pids = fs::read_to_string(self.work.join("pids")).unwrap_or_default();
        let numbers = pids.lines().filter_map(|line| line.parse().ok());
        numbers.filter_map(Pid::from_raw).collect()
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

    /// Below `out` lie these files and no others, but for journals.
    #[track_caller]
    pub fn files(self, wanted: &[(&str, &[u8])]) -> Done {
        let wanted: Tree = wanted
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), sha256(bytes)))
            .collect();
        let mut found = self.below_out();
        found.retain(|_, content| content != JOURNAL);
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

/// Files by path: their size and SHA-256. A journal shows its presence only: its
/// lines are in the order of arrival.
pub type Tree = BTreeMap<String, String>;

/// What a journal shows in a [`Tree`].
pub const JOURNAL: &str = "journal";

/// What lies below `root`.
pub fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
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
                true => JOURNAL.to_owned(),
                // A FIFO is not read: nobody may ever write there.
                false if !kind.is_file() && !kind.is_symlink() => format!("{kind:?}"),
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
