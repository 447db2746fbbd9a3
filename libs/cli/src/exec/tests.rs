//! Commands that work, fail, hang and do not listen.

use std::fs;
use std::time::{Duration, Instant};

use clap::Parser;
use nzbpipe_record::FileStatus;
use tempfile::TempDir;

use super::*;
use crate::ui::Common;

struct Scene {
    dir: TempDir,
    stop: Stop,
    exec: Exec,
}

impl Scene {
    /// A script that has the path as `$1`.
    fn new(script: &str, jobs: u16) -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let stop = Stop::new().unwrap();
        let quoted = script.replace('\'', r"'\''");
        let words = format!("sh -c '{quoted}' sh").parse().unwrap();
        let exec = Exec::start(words, jobs, &quiet(), &stop).unwrap_or_else(|e| panic!("{e:?}"));
        Scene { dir, stop, exec }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str) {
        self.file_of(name, &report(name));
    }

    fn file_of(&self, name: &str, report: &FileReport) {
        fs::write(self.path(name), name).unwrap();
        self.exec.file(report, &self.path(name));
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn wait_for(&self, name: &str) {
        let began = Instant::now();
        while !self.path(name).exists() {
            assert!(began.elapsed() < Duration::from_secs(30), "no {name}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn report(name: &str) -> FileReport {
    FileReport {
        job_name: "a/job\0".to_owned(),
        name: format!("<{name}>"),
        status: FileStatus::Complete,
        ..FileReport::default()
    }
}

#[test]
fn what_the_command_is_given() {
    let scene = Scene::new(
        r#"cat > record; printf '%s\n' "$#" "$1" "$NZBPIPE_FILE" "$NZBPIPE_NAME" \
           "$NZBPIPE_JOB" "$NZBPIPE_STATUS" "$(pwd -P)" > told"#,
        1,
    );
    // N45: no shell sees the name.
    let name = "$(touch pwned) `x` \"'\n.mkv";
    scene.file(name);
    let (dir, exec) = (scene.dir.path().canonicalize().unwrap(), scene.exec.clone());
    assert_eq!(exec.finish(), 0);
    let path = scene.path(name).display().to_string();
    let wanted = format!(
        "1\n{path}\n{path}\n{name}\na_job_\ncomplete\n{}\n",
        dir.display()
    );
    assert_eq!(scene.read("told"), wanted);
    assert!(!scene.path("pwned").exists());
    let record: serde_json::Value = serde_json::from_str(&scene.read("record")).unwrap();
    assert_eq!(record["type"], "file");
    assert_eq!(record["name"], format!("<{name}>"));
    assert!(scene.read("record").ends_with("}\n"));
}

#[test]
fn one_at_a_time_and_in_order() {
    let scene = Scene::new(
        r#"mkdir lock || exit 1; cat "$1" >> all; sleep 0.01; rmdir lock"#,
        1,
    );
    let names: Vec<_> = (0..20).map(|n| format!("{n} ")).collect();
    names.iter().for_each(|name| scene.file(name));
    assert_eq!(scene.exec.clone().finish(), 0);
    assert_eq!(scene.read("all"), names.concat());
}

// Each waits for the other: one at a time they would never end.
#[test]
fn several_at_once() {
    let scene = Scene::new(
        r#"touch "$1.here"; n=0
           until [ -e a.here ] && [ -e b.here ]; do
               n=$((n+1)); [ $n -lt 3000 ] || exit 1; sleep 0.01
           done"#,
        2,
    );
    scene.file("a");
    scene.file("b");
    assert_eq!(scene.exec.finish(), 0);
}

#[test]
fn failures_are_counted_and_keep_the_file() {
    let scene = Scene::new(r#"case "$1" in *3) exit 3;; *9) kill -9 $$;; esac"#, 1);
    for name in ["a", "b3", "c9", "d"] {
        scene.file(name);
    }
    // Its folder is not there: it cannot even begin.
    scene.exec.file(&report("e"), &scene.path("gone/e"));
    assert_eq!(scene.exec.clone().finish(), 3);
    assert_eq!(scene.read("c9"), "c9");
}

#[derive(clap::Parser)]
struct Typed {
    #[command(flatten)]
    flags: Flags,
}

fn typed(words: &[&str]) -> Result<Flags, clap::Error> {
    Typed::try_parse_from([&["test"], words].concat()).map(|typed| typed.flags)
}

fn quiet() -> Ui {
    let common = Common {
        quiet: true,
        verbose: false,
    };
    Ui::new("test", &common)
}

#[test]
fn flags() {
    let start = |words: &[&str]| {
        let flags = typed(words).unwrap_or_else(|e| panic!("{e}"));
        flags.start(&quiet(), &Stop::new().unwrap())
    };
    assert!(start(&[]).unwrap_or_else(|e| panic!("{e:?}")).is_none());
    let exec = start(&["--exec", "true -x", "--exec-jobs", "3"]);
    let exec = exec.unwrap_or_else(|e| panic!("{e:?}")).unwrap();
    assert_eq!(exec.finish(), 0);
    // It is known before the first byte is fetched.
    let refused = start(&["--exec", "no-such-program-here -x"]).err().unwrap();
    assert_eq!(refused.code, Code::USAGE);
    assert!(refused.error.to_string().contains("no-such-program-here"));
    for words in [
        &["--exec", ""][..],
        &["--exec", "a | b"],
        &["--exec-jobs", "2"],
        &["--exec", "true", "--exec-jobs", "0"],
        &["--exec", "true", "--exec-jobs", "65"],
    ] {
        assert!(typed(words).is_err(), "{words:?}");
    }
}

// Neither one that does not read its input nor one that leaves a process behind with the
// pipe open may keep us: the record is larger than a small pipe.
#[test]
fn a_command_that_does_not_listen() {
    for script in ["exec <&-; exit 0", "sleep 20 > /dev/null 2>&1 & exit 0"] {
        let scene = Scene::new(script, 1);
        let mut report = report("a");
        report.job_name = "x".repeat(60_000);
        let began = Instant::now();
        for _ in 0..3 {
            scene.file_of("a", &report);
        }
        assert_eq!(scene.exec.finish(), 0);
        assert!(began.elapsed() < Duration::from_secs(15), "{script}");
    }
}

#[test]
fn a_record_that_is_too_long_is_left_out() {
    let scene = Scene::new("cat > record", 1);
    let mut report = report("a");
    report.name = "x".repeat(nzbpipe_record::MAX_HEADER);
    scene.file_of("a", &report);
    assert_eq!(scene.exec.clone().finish(), 0);
    assert!(scene.path("record").exists() && scene.read("record").is_empty());
}

#[test]
fn a_stop_ends_what_waits_and_not_what_runs() {
    let scene = Scene::new(
        r#"touch "$1.began"; until [ -e go ]; do sleep 0.01; done; touch "$1.ended""#,
        1,
    );
    scene.file("a");
    scene.file("b");
    scene.wait_for("a.began");
    scene.stop.request(Code::signal(15));
    scene.file("c");
    fs::write(scene.path("go"), "").unwrap();
    assert_eq!(scene.exec.clone().finish(), 2);
    assert!(scene.path("a.ended").exists());
    assert!(!scene.path("b.began").exists() && !scene.path("c.began").exists());
}

// Rust ignores SIGPIPE. A command that inherits that and writes to a pager or to head
// goes on for ever. And our standard output belongs to records.
#[test]
#[cfg(target_os = "linux")]
fn signals_and_output_are_as_a_command_expects_them() {
    let scene = Scene::new(
        r#"grep SigIgn: /proc/self/status > ignored
           [ "$(readlink /proc/$$/fd/1)" = "$(readlink /proc/$$/fd/2)" ]"#,
        1,
    );
    scene.file("a");
    assert_eq!(scene.exec.clone().finish(), 0);
    let mask = scene.read("ignored");
    let mask = u64::from_str_radix(mask.trim_start_matches("SigIgn:").trim(), 16).unwrap();
    assert_eq!(mask >> 12 & 1, 0, "SIGPIPE is ignored");
}
