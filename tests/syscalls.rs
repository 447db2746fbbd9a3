//! What the writer asks of the system: each file is opened once and gets its size once, and
//! nothing is asked per segment but to write it. And that no article waits for the disk.

use crate::corpus::Post;
use crate::harness::Scene;
use crate::server::Script;

#[test]
fn per_file_once_and_per_segment_a_write() {
    const SEGMENTS: usize = 40;
    let posts =
        ["one.bin", "two.bin", "three.bin"].map(|name| Post::new(name, SEGMENTS * 1_000, 1_000));
    let t = Scene::alone();
    let server = Script::of(&posts.iter().collect::<Vec<_>>()).start();
    // The sizes that NZBs state are those of articles, which are larger than the parts.
    let nzb = crate::corpus::Nzb::of(&posts.iter().collect::<Vec<_>>()).text();
    t.write("x.nzb", nzb.replace("bytes=\"1000\"", "bytes=\"1040\""));
    t.run(&format!(
        "nzb-split x.nzb | nntp-fetch {} | yenc-decode > p.rec",
        server.flag()
    ))
    .code(0);
    if t.run("command -v strace").code != 0 {
        eprintln!("strace is not installed: what is asked of the system is not looked at");
        return;
    }
    t.run("strace -f -qq -yy -o trace -e trace=file,desc seg-write -d out < p.rec")
        .code(0);
    let log = String::from_utf8(t.read("trace")).unwrap();
    for post in &posts {
        let name = format!("{}.", post.name);
        let about = |calls: &[&str]| {
            let named = log.lines().filter(|line| line.contains(&name));
            let asked = named.filter(|line| {
                let call = line.split_whitespace().nth(1).unwrap_or("");
                calls.iter().any(|c| call.starts_with(&format!("{c}(")))
            });
            asked.filter(|line| line.contains(".part")).count()
        };
        assert_eq!(about(&["open", "openat", "openat2"]), 1, "{log}");
        assert_eq!(about(&["ftruncate", "fallocate"]), 1, "{log}");
        assert_eq!(about(&["dup", "dup2", "dup3", "fcntl"]), 0, "{log}");
        // When it is opened, and before it gets its name.
        assert!(about(&["fstat", "newfstatat", "statx"]) <= 4, "{log}");
        let writes = about(&["pwrite64", "pwritev", "pwritev2"]);
        assert!((1..=SEGMENTS).contains(&writes), "{writes} writes\n{log}");
    }
}

/// A disk that is busy takes a second to sync anything; a job that just begins has nothing to
/// lose yet. In the end its folder is as safe as its files.
#[test]
fn nothing_is_synced_before_the_first_request() {
    let post = Post::new("one.bin", 4_000, 1_000);
    let t = Scene::alone();
    let server = Script::of(&[&post]).start();
    t.write("x.nzb", crate::corpus::Nzb::of(&[&post]).text());
    if t.run("command -v strace").code != 0 {
        eprintln!("strace is not installed: what is asked of the system is not looked at");
        return;
    }
    t.run(&format!(
        "strace -f -qq -y -o trace -e trace=fsync,fdatasync,sendto,write nzbpipe {} -d out x.nzb",
        server.flag()
    ))
    .code(0);
    let log = String::from_utf8(t.read("trace")).unwrap();
    let first = |what: &str| log.lines().position(|line| line.contains(what));
    let asked = first("\"BODY <").expect("a request");
    let synced = first("sync(").expect("something synced");
    assert!(asked < synced, "{log}");
    let above = |line: &str| line.contains("fsync(") && line.contains("/out>");
    assert!(log.lines().any(above), "{log}");
}
