//! `seg-cat` looking into streams: their headers, their failures, whether they are right.

use crate::cat::{fetched, film};
use crate::corpus::Post;
use crate::records::{self, Record};
use crate::server::{Act, Script};
use crate::streams::recorded;

/// What failed goes back into a fetch; both streams together are the file.
#[test]
fn failures_fed_back() {
    let film = film();
    let acts = [
        (film.id(2), Act::missing()),
        (film.id(5), Act::Flip),
        (film.id(9), Act::Instead(b"not for you\r\n".to_vec())),
    ];
    let acts: Vec<(&str, Act)> = acts.iter().map(|(id, act)| (&**id, act.clone())).collect();
    let t = fetched(&[&film], &acts);
    let failed = t.run("seg-cat --failed < p.rec").code(1).silent();
    let records = failed.records();
    let kinds: Vec<&str> = records.iter().map(Record::kind).collect();
    assert_eq!(kinds, ["stream", "missing", "failed", "failed", "end"]);
    let rich = Script::of(&[&film]).start();
    let fetch = format!("nntp-fetch {} | yenc-decode", rich.flag());
    t.run(&format!(
        "seg-cat --failed < p.rec | {fetch} > more && cat more p.rec | seg-cat > got"
    ))
    .code(0)
    .silent();
    assert!(t.read("got") == film.data);
    let asked: Vec<usize> = (1..=film.parts())
        .filter(|n| rich.asked(&film.id(*n)) > 0)
        .collect();
    assert_eq!(asked, [2, 5, 9]);
    // In the other order the gap is reached before what fills it.
    t.run("cat p.rec more | seg-cat > got").code(1);
}

#[test]
fn headers() {
    let [film, other] = [film(), Post::new("other.bin", 3_000, 1_000)];
    let t = recorded(&[film, other]);
    let bare = |name: &str| {
        let mut records = records::parse(&t.read(name)).unwrap();
        for record in &mut records {
            record.payload = None;
            record.header.as_object_mut().unwrap().shift_remove("len");
        }
        records
    };
    for name in ["s.jsonl", "b.rec", "p.rec"] {
        let done = t
            .run(&format!("seg-cat --headers < {name}"))
            .code(0)
            .silent();
        assert!(done.records() == bare(name), "{name}");
    }
    // Segments are segments as before.
    let film = self::film();
    let server = Script::of(&[&film]).start();
    t.nzb(&[&film]);
    t.run(&format!(
        "nzb-split x.nzb | seg-cat --headers | nntp-fetch {} | yenc-decode | seg-cat > got",
        server.flag()
    ))
    .code(0)
    .silent();
    assert!(t.read("got") == film.data);
    // What is cut off stays cut off.
    t.run("head -c 3000 p.rec | seg-cat --headers > cut")
        .code(76);
    t.run("yenc-decode < cut > nothing").code_in(&[65, 76]);
}

#[test]
fn checking_a_stream() {
    let film = film();
    let t = fetched(&[&film], &[]);
    let whole = "film.mkv: 11 of 11 segments, 11000 bytes, each once";
    t.run("seg-cat --check < p.rec")
        .code(0)
        .says("all right: ")
        .says("11 part")
        .says(whole);
    t.run("seg-cat --check -q < p.rec").code(0).silent();
    t.run("cat p.rec p.rec | seg-cat --check")
        .code(0)
        .says("(11 came twice)");
    let stream = t.read("p.rec");
    let records = records::parse(&stream).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<Record>)| {
        let mut records = records.clone();
        change(&mut records);
        records::unparse(&records)
    };
    let part = |number: u64| {
        let is = |r: &Record| r.kind() == "part" && r.number("number") == Some(number);
        records.iter().position(is).unwrap()
    };
    let (third, end) = (part(3), records.len() - 1);
    let middle = stream.len() / 2;
    let mut broken = stream.clone();
    broken[middle..middle + 2].copy_from_slice(b"\n{");
    let table = [
        (broken, vec![65, 76], "seg-cat: "),
        (stream[..middle].to_vec(), vec![76], "not a whole stream: "),
        (vec![], vec![76], "not a whole stream: 0 records"),
        (
            changed(&|r| r[third].payload.as_mut().unwrap()[7] ^= 1),
            vec![65],
            "1 not the bytes that were decoded, nothing for bytes 2000-3000",
        ),
        (
            changed(&|r| drop(r.remove(third))),
            vec![1],
            "10 of 11 segments, 1 not in the stream, nothing for bytes 2000-3000",
        ),
        (
            changed(&|r| r[third].header["offset"] = 2_500.into()),
            vec![1],
            "1 over the bytes of others",
        ),
        (
            changed(&|r| r[third].header["offset"] = u64::MAX.into()),
            vec![1],
            "1 over the bytes of others",
        ),
        (
            changed(&|r| r[third].header["crc"] = "mismatch".into()),
            vec![1],
            "1 damaged",
        ),
        (
            changed(&|r| r[third].header["crc"] = "absent".into()),
            vec![1],
            "1 without any CRC",
        ),
        (
            changed(&|r| r[end].header["code"] = 78.into()),
            vec![78],
            "an earlier program failed",
        ),
        (
            changed(&|r| r.push(r[third].clone())),
            vec![76],
            "came twice",
        ),
    ];
    for (stream, codes, says) in table {
        t.write("in", stream);
        let done = t.run("seg-cat --check < in").code_in(&codes).says(says);
        assert!(done.stdout.is_empty());
        let quiet = t.run("seg-cat --check -q < in").code(done.code);
        assert_eq!(quiet.stderr.lines().count(), 1, "{}", quiet.shown());
    }
    let lost = fetched(&[&film], &[(&film.id(3), Act::missing())]);
    lost.run("seg-cat --check < p.rec")
        .code(1)
        .says("10 of 11 segments, 1 missing or failed, nothing for bytes 2000-3000");
}
