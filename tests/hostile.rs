//! The hostile set over the real programs: for each row of a table the expected exit code and
//! fate, and for all of them the same oracles.
//!
//! What a yEnc article is worth by itself is tested in `yenc`, what parts are to each other in
//! `store`; here only what comes out at the end counts: files, sizes, codes, and that nothing
//! around the output changes.

mod case;
mod rows;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::download::second;
use crate::harness::{Mode, Scene, Tree, sha256};
use crate::script::Script;
use crate::server::Server;
use case::Case;
use rows::{ROWS, Row, Want};

fn tag(row: usize) -> String {
    format!("r{row:03}")
}

fn cases(at: usize) -> Vec<Case> {
    let make = |(nth, (_, _, lie)): (usize, &Row)| {
        let mut case = Case::new(&tag(nth), at);
        lie(&mut case);
        case
    };
    ROWS.iter().enumerate().map(make).collect()
}

/// All files around `out`, but not those of the harness and the runs' own reports.
fn elsewhere(t: &Scene) -> Tree {
    let mut tree = t.tree("..");
    let own = ["work/out", "work/told", "log/"];
    tree.retain(|name, _| !own.iter().any(|own| name.starts_with(own)));
    tree
}

/// A line for sh that downloads `$n.nzb` alone, into `out/$n`, and keeps code and records.
fn alone(mode: Mode, flags: &str) -> String {
    let line = match mode {
        Mode::Piped => format!(
            "nzb-split $n.nzb | nntp-fetch {flags} | yenc-decode | seg-write -d out/$n --json"
        ),
        Mode::Fused => format!("nzbpipe {flags} -d out/$n --json $n.nzb"),
    };
    format!(
        "mkdir out told; for n in r???.nzb; do n=${{n%.nzb}}; \
         {line} > told/$n.rec 2> told/$n.err; echo $? > told/$n.code; done"
    )
}

/// All files and folders below `folder`.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

/// What holds of every job, whatever was sent: a file under its own name is right, and none is
/// larger than what the NZB accounts for. Returns how many are there under their names.
fn sound(case: &Case, folder: &Path, label: &str, wrong: &mut Vec<String>) -> usize {
    let posts = case.others.iter().chain([&case.film]);
    let right: Vec<String> = posts.map(|post| sha256(&post.data)).collect();
    let mut finals = 0;
    for path in below(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(".nzbpipe-") {
            continue;
        }
        let meta = fs::symlink_metadata(&path).unwrap();
        let (longest, most) = case.account();
        assert!(meta.is_file(), "{label}: {name} is no file");
        // Two blocks more for where it begins and ends.
        let there = (meta.blocks() * 512).saturating_sub(8192);
        if meta.len() > longest || there > most {
            wrong.push(format!(
                "{label}: {name} has {} bytes, {there} on disk",
                meta.len()
            ));
        }
        if name.ends_with(".part") {
            continue;
        }
        finals += 1;
        let content = sha256(&fs::read(&path).unwrap());
        if !right.contains(&content) {
            wrong.push(format!("{label}: {name} is {content}"));
        }
    }
    finals
}

struct Told {
    code: i32,
    fates: Vec<String>,
    text: String,
}

fn told(t: &Scene, tag: &str) -> Told {
    let read =
        |ending| String::from_utf8_lossy(&t.read(&format!("told/{tag}.{ending}"))).into_owned();
    let records = crate::records::parse(&t.read(&format!("told/{tag}.rec"))).unwrap();
    let fates = crate::records::fates(&records);
    Told {
        code: read("code").trim().parse().unwrap(),
        text: format!("{}\n{}", fates.join("\n"), read("err")),
        fates,
    }
}

/// The code, and the beginnings of fates that have to be among those told.
fn expected(want: Want, mode: Mode) -> (i32, Vec<String>) {
    let (code, fates) = match want {
        Want::Right => (0, vec!["file complete "]),
        Want::Damaged => (1, vec!["failed damaged film.bin", "file damaged film.bin"]),
        Want::Refused(_) => (
            1,
            vec!["failed damaged film.bin", "file incomplete film.bin"],
        ),
        Want::Unverified => (1, vec!["file unverified film.bin"]),
        Want::Hole => (1, vec!["file incomplete film.bin"]),
        Want::Unasked => (1, vec!["failed bad-input film.bin"]),
        Want::Later => (75, vec!["failed transport film.bin"]),
        Want::RightIfFused if mode == Mode::Fused => return expected(Want::Right, mode),
        Want::RightIfFused => return expected(Want::Refused("overlap"), mode),
    };
    (code, fates.into_iter().map(str::to_owned).collect())
}

impl Told {
    fn is(&self, want: Want, mode: Mode) -> bool {
        let (code, fates) = expected(want, mode);
        let has = |begin: &String| self.fates.iter().any(|fate| fate.starts_with(begin));
        let reason = match want {
            Want::Refused(reason) => self.fates.iter().any(|fate| fate.contains(reason)),
            _ => true,
        };
        self.code == code && reason && fates.iter().all(has)
    }
}

/// Each row alone, with the lie in the article `at`. What is wanted is written for the second;
/// the oracles hold wherever it is.
fn rows(at: usize) {
    let cases = cases(at);
    let server = cases.iter().fold(Script::of(&[]), |s, c| c.poor(s)).start();
    let mut wrong = Vec::new();
    let scenes = crate::harness::pair(|t| {
        for (nth, case) in cases.iter().enumerate() {
            t.write(&format!("{}.nzb", tag(nth)), case.nzb());
        }
        let before = elsewhere(t);
        let flags = server.flag_with("connections=1&pipeline=1");
        let began = std::time::Instant::now();
        t.run(&alone(t.mode, &format!("--retries 0 {flags}")))
            .code(0);
        eprintln!("{:?} {:?}", t.mode, began.elapsed());
        assert_eq!(elsewhere(t), before);
    });
    for (nth, (row, want, _)) in ROWS.iter().enumerate() {
        let case = &cases[nth];
        let both = scenes.each_ref().map(|t| {
            let label = format!("{row} ({:?}, article {at})", t.mode);
            let finals = sound(case, &t.path("out").join(tag(nth)), &label, &mut wrong);
            let told = told(t, &tag(nth));
            let all = finals == 1 + case.others.len();
            if (told.code == 0) != all {
                wrong.push(format!("{label}: {finals} finals\n{}", told.text));
            }
            if at == 2 && !told.is(*want, t.mode) {
                wrong.push(format!(
                    "{label}: {want:?} wanted, {}\n{}",
                    told.code, told.text
                ));
            }
            told
        });
        let [a, b] = &both;
        let agree = (a.code, &a.fates) == (b.code, &b.fates);
        if !agree && *want != Want::RightIfFused {
            wrong.push(format!("{row}: piped\n{}\nfused\n{}", a.text, b.text));
        }
    }
    assert!(!server.log().contains("LIST"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What no other server makes good.
const LOST: [&str; 4] = [
    // The first proven part stays, and it is the next one, the true one, that is in its way.
    "Y12 counted from 0 throughout",
    "Y12 off by one, up",
    // The articles that are taken agree on it.
    "Y14 1 TiB, all sizes fit",
    // It is the NZB that lies.
    "Y18 one id for two numbers",
];

/// Whether a server that has the true articles makes good what the first one lies about. The
/// others are well by themselves and in their place, as far as can be told.
fn is_made_good(row: usize) -> bool {
    let (name, want, _) = ROWS[row];
    match want {
        _ if LOST.contains(&name) => false,
        Want::Right | Want::Damaged | Want::Refused(_) | Want::Later | Want::RightIfFused => true,
        Want::Unverified => ["file", "decoy"].iter().any(|word| name.contains(word)),
        Want::Hole => name == "430",
        Want::Unasked => false,
    }
}

/// A line for sh that downloads all with the way on which more servers are asked: in a pipe
/// what failed is fed back once.
fn all(mode: Mode, flags: &str) -> String {
    let write = format!("nntp-fetch {flags} | yenc-decode | seg-write -d out --json");
    match mode {
        Mode::Fused => format!("nzbpipe {flags} -d out --json r???.nzb > told/all"),
        Mode::Piped => format!(
            "nzb-split r???.nzb | {write} > told/left; \
             grep -E '\"type\":\"(missing|failed)\"' told/left | {write} > told/all"
        ),
    }
}

/// The names of the jobs all of whose files are there.
fn whole<'a>(t: &Scene, cases: &'a [Case], wrong: &mut Vec<String>) -> Vec<&'a str> {
    let rows = cases.iter().enumerate().filter(|(nth, case)| {
        let label = format!("{} ({:?}, two servers)", ROWS[*nth].0, t.mode);
        let folder = t.path("out").join(tag(*nth));
        sound(case, &folder, &label, wrong) == 1 + case.others.len()
    });
    rows.map(|(nth, _)| ROWS[nth].0).collect()
}

/// Beside a server that lies about each job, one that has all as it was posted.
#[test]
fn another_server_has_the_truth() {
    let cases = cases(2);
    let serve = |serve: fn(&Case, Script) -> Script| -> Server {
        cases
            .iter()
            .fold(Script::of(&[]), |s, c| serve(c, s))
            .start()
    };
    let (poor, rich) = (serve(Case::poor), serve(Case::rich));
    let flags = format!(
        "{} {}",
        poor.flag_with("connections=1&pipeline=1"),
        second(&rich)
    );
    let scenes = crate::harness::pair(|t| {
        for (nth, case) in cases.iter().enumerate() {
            t.write(&format!("{}.nzb", tag(nth)), case.nzb());
        }
        let line = all(t.mode, &format!("--retries 0 {flags}"));
        t.run(&format!("mkdir told; {line}")).code(1);
    });
    let mut wrong = Vec::new();
    for t in &scenes {
        let whole = whole(t, &cases, &mut wrong);
        let wanted = (0..ROWS.len()).filter(|&row| is_made_good(row));
        for row in wanted
            .map(|row| ROWS[row].0)
            .filter(|row| !whole.contains(row))
        {
            wrong.push(format!("{row} ({:?}): not made good", t.mode));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_lie_is_in_the_first_article() {
    rows(1);
}

#[test]
fn the_lie_is_in_the_second_article() {
    rows(2);
}

#[test]
fn the_lie_is_in_the_last_article() {
    rows(3);
}
