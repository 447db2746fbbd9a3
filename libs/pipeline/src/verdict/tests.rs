//! Jobs in all states, and what is said and fetched of them.

use std::collections::BTreeSet;

use nzbpipe_store::par2::{Protected, Set};

use super::*;

mod written;

const SLICE: u64 = 1000;

fn digest(of: &str) -> Id {
    let mut id = [0; 16];
    for (at, byte) in of.bytes().enumerate() {
        id[at % 16] ^= byte.rotate_left(at as u32 / 16);
    }
    id
}

fn protected(name: &str, size: u64) -> Protected {
    Protected {
        id: digest(name),
        name: name.to_owned(),
        size,
        md5_16k: digest(name),
        md5: digest(name),
    }
}

fn set(id: u8, files: &[(&str, u64)]) -> Set {
    let files: Vec<_> = files.iter().map(|&(n, size)| protected(n, size)).collect();
    Set {
        id: [id; 16],
        slice: SLICE,
        members: files.iter().map(|file| file.id).collect(),
        files,
        recovery: BTreeSet::new(),
    }
}

fn with_blocks(set: &Set, blocks: std::ops::Range<u32>) -> Vec<Set> {
    let recovery = blocks.collect();
    vec![Set {
        recovery,
        ..set.clone()
    }]
}

fn complete(name: &str, size: u64) -> Fate {
    Fate {
        name: name.to_owned(),
        complete: true,
        size: Some(size),
        md5_16k: Some(digest(name)),
        holes: Vec::new(),
        located: true,
        unproven: false,
    }
}

fn holed(name: &str, size: u64, holes: &[(u64, u64)]) -> Fate {
    Fate {
        complete: false,
        holes: holes.to_vec(),
        ..complete(name, size)
    }
}

fn listed<'a>(name: &'a str, fate: Option<&'a Fate>) -> Listed<'a> {
    Listed {
        name,
        bytes: 0,
        chosen: true,
        fate,
    }
}

/// A file, and what is read of it.
type Row<'a> = (Listed<'a>, &'a [Set]);

fn data<'a>(name: &'a str, fate: Option<&'a Fate>) -> Row<'a> {
    (listed(name, fate), &[])
}

fn par2<'a>(name: &'a str, sets: &'a [Set]) -> Row<'a> {
    (listed(name, None), sets)
}

fn judge(rows: &[Row<'_>]) -> Verdict {
    let mut sets = Sets::default();
    for (index, row) in rows.iter().enumerate() {
        sets.add(index, row.1.to_vec());
    }
    let files: Vec<_> = rows.iter().map(|row| row.0).collect();
    super::judge(&files, &sets)
}

/// Size, holes, the blocks they hit, the bytes they have.
type Holes = (u64, &'static [(u64, u64)], u64, u64);

#[test]
fn holes_are_counted_in_blocks() {
    let cases: [Holes; 12] = [
        (10_000, &[], 0, 0),
        (10_000, &[(0, 1)], 1, 1),
        (10_000, &[(999, 1001)], 2, 2),
        (10_000, &[(1000, 2000)], 1, 1000),
        (10_000, &[(0, 10), (20, 30), (500, 1000)], 1, 520),
        (10_000, &[(20, 1500), (0, 30), (1400, 2500)], 3, 2500),
        (10_000, &[(0, u64::MAX)], 10, 10_000),
        // The last block is short.
        (10_001, &[(10_000, 10_001)], 1, 1),
        // Nothing lies behind the end, and a hole that has no bytes hits nothing.
        (10_000, &[(10_000, 20_000), (5, 5), (7, 6)], 0, 0),
        (1, &[(0, 1)], 1, 1),
        (0, &[(0, 1)], 0, 0),
        (u64::MAX, &[(0, u64::MAX)], u64::MAX / 1000 + 1, u64::MAX),
    ];
    for (size, holes, blocks, bytes) in cases {
        let fate = holed("a", size, holes);
        let hit = hits::blocks(&protected("a", size), SLICE, Some(&fate));
        assert_eq!(hit, blocks, "{size} {holes:?}");
        let missing = hits::missing(&listed("a", Some(&fate)), None);
        assert_eq!(missing, bytes, "{size} {holes:?}");
    }
}

#[test]
fn what_is_not_known_counts_as_hit() {
    let whole = protected("a", 10_000);
    let short = holed("a", 7_500, &[(0, 1)]);
    assert_eq!(hits::blocks(&whole, SLICE, Some(&short)), 4);
    assert_eq!(
        hits::missing(&listed("a", Some(&short)), Some(10_000)),
        2_501
    );
    let unlocated = Fate {
        located: false,
        ..holed("a", 10_000, &[(0, 1)])
    };
    assert_eq!(hits::blocks(&whole, SLICE, Some(&unlocated)), 10);
    assert_eq!(hits::blocks(&whole, SLICE, None), 10);
    assert_eq!(hits::blocks(&whole, 0, None), 0);
    let nothing = Listed {
        bytes: 77,
        ..listed("a", None)
    };
    assert_eq!(hits::missing(&nothing, None), 77);
    assert_eq!(hits::missing(&nothing, Some(10_000)), 10_000);
    // More than the set knows of is no harm.
    assert_eq!(hits::blocks(&whole, SLICE, Some(&complete("a", 11_000))), 0);
}

/// Which file of the job each protected file is.
fn assigned(of: &[Protected], files: &[Listed<'_>]) -> Vec<Option<usize>> {
    matching::assign(of, files, &(0..files.len()).collect::<Vec<_>>())
}

#[test]
fn files_are_found_by_name() {
    let other = Fate {
        md5_16k: None,
        ..complete("Other.bin", 5)
    };
    let files = [
        listed("A.RAR", None),
        listed("x", Some(&other)),
        listed("d_e.r00", None),
    ];
    let of = |name: &str| assigned(&[protected(name, 5)], &files)[0];
    assert_eq!(of("a.rar"), Some(0));
    assert_eq!(of("folder/a.rar"), Some(0));
    assert_eq!(of("folder\\a.rar"), Some(0));
    assert_eq!(of("other.BIN"), Some(1));
    // As our output would call it.
    assert_eq!(of("d/e.r00"), Some(2));
    let none = [protected("b.rar", 6), protected("", 6)];
    assert_eq!(assigned(&none, &files), [None, None]);
    // A size that the articles state wrongly is no other file.
    let stated = Fate {
        md5_16k: None,
        ..holed("c", 4, &[(0, 1)])
    };
    let of_c = [protected("c", 5)];
    assert_eq!(assigned(&of_c, &[listed("c", Some(&stated))]), [Some(0)]);
    // Each is only one file, and of two the better one.
    let good = complete("a", 5);
    let bad = holed("a", 5, &[(0, 1)]);
    let twice = [listed("a", Some(&bad)), listed("a", Some(&good))];
    let both = [protected("a", 5), protected("A", 5)];
    assert_eq!(assigned(&both[..1], &twice), [Some(1)]);
    assert_eq!(assigned(&both, &twice[..1]), [Some(0), None]);
}

#[test]
fn files_without_their_names_are_found_by_what_they_are() {
    let one = Fate {
        md5_16k: Some(digest("one")),
        ..complete("0a1b", 70_000)
    };
    // Its beginning is missing.
    let two = Fate {
        md5_16k: None,
        ..holed("2c3d", 80_000, &[(0, 10)])
    };
    let files = [listed("x1", Some(&two)), listed("x2", Some(&one))];
    let set = [protected("one", 70_000), protected("two", 80_000)];
    assert_eq!(assigned(&set, &files), [Some(1), Some(0)]);
    // Two of one size: nobody knows which.
    let three = [set[1].clone(), protected("three", 80_000)];
    assert_eq!(assigned(&three, &files), [None, None]);
    // Names that were swapped tell less than what is in the files.
    let swapped = [listed("two", Some(&one)), listed("one", Some(&two))];
    assert_eq!(assigned(&set, &swapped), [Some(0), Some(1)]);
    // UUencode: no checksum, no size.
    let unproven = Fate {
        complete: false,
        size: None,
        unproven: true,
        ..one.clone()
    };
    let uu = [listed("x", Some(&unproven))];
    assert_eq!(assigned(&set[..1], &uu), [Some(0)]);
    assert_eq!(hits::blocks(&set[0], SLICE, Some(&unproven)), 0);
    assert_eq!(hits::missing(&uu[0], None), 0);
    // A digest of bytes that are not sound contradicts nothing.
    let damaged = Fate {
        md5_16k: Some(digest("damage")),
        ..holed("one", 70_000, &[(0, 100)])
    };
    assert_eq!(
        assigned(&set[..1], &[listed("one", Some(&damaged))]),
        [Some(0)]
    );
    // Another file altogether, of that name.
    let foreign = Fate {
        md5_16k: Some(digest("foreign")),
        ..complete("one", 70_000)
    };
    assert_eq!(
        assigned(&set[..1], &[listed("one", Some(&foreign))]),
        [None]
    );
}

#[test]
fn a_job_is_judged() {
    let protects = set(1, &[("a", 10_000), ("b", 10_500)]);
    let index = [protects.clone()];
    let there = with_blocks(&protects, 0..4);
    let (a, b) = (holed("a", 10_000, &[(0, 2500)]), complete("b", 10_500));
    let mut files = [
        data("a", Some(&a)),
        data("b", Some(&b)),
        par2("X.par2", &index),
        par2("x.vol0+4.par2", &there),
        par2("x.VOL4+8.par2", &[]),
    ];
    let verdict = judge(&files);
    assert_eq!(verdict.missing_bytes, 2500);
    let judged = &verdict.sets[0];
    assert_eq!((judged.hit, judged.there, judged.carried), (3, 4, 12));
    assert_eq!(judged.volumes, [(3, 4), (4, 8)]);
    assert_eq!(verdict.repair(), Repair::Yes);
    let lines = [
        "2500 bytes are missing",
        "X: repairable with 3 of 12 blocks",
    ];
    assert_eq!(verdict.summary(), lines);

    files[1].0.fate = None;
    let verdict = judge(&files);
    assert_eq!(verdict.missing_bytes, 13_000);
    assert_eq!(verdict.sets[0].repair, Repair::No { lacking: 10 });
    let line = "X: not repairable with what is there: 14 blocks are hit, 4 of 12 are there";
    assert_eq!(verdict.summary()[1], line);
    let verdict = judge(&files[..4]);
    let line = "X: not repairable: 14 blocks are hit, 4 are there";
    assert_eq!(verdict.summary()[1], line);
    let json = verdict.json();
    assert_eq!(json["repair"], "no");
    assert_eq!(json["missing_bytes"], 13_000);
    assert_eq!(json["sets"][0]["lacking"], 10);
    assert_eq!(json["sets"][0]["carried"], 4);

    // Not even in the NZB.
    let verdict = judge(&files[2..]);
    assert_eq!(verdict.sets[0].unmatched, ["a", "b"]);
    assert_eq!((verdict.sets[0].hit, verdict.missing_bytes), (21, 0));
    assert!(verdict.summary()[0].ends_with("; nothing is there of a, b"));
}

#[test]
fn a_whole_job_needs_no_words() {
    let index = [set(1, &[("a", 10_000), ("empty", 0)])];
    let a = complete("a", 10_000);
    let verdict = judge(&[data("a", Some(&a)), par2("x.par2", &index)]);
    assert_eq!(verdict.summary(), [""; 0]);
    assert_eq!(verdict.repair(), Repair::Whole);
    assert!(!verdict.incomplete && verdict.sets[0].unmatched.is_empty());
}

#[test]
fn sets_are_judged_apart() {
    let (one, two) = (set(1, &[("a", 5000)]), set(2, &[("b", 5000)]));
    let (index_one, index_two) = ([one.clone()], with_blocks(&two, 0..2));
    let (a, b) = (holed("a", 5000, &[(0, 1)]), holed("b", 5000, &[(0, 1)]));
    let c = holed("c.nfo", 10, &[(0, 10)]);
    let verdict = judge(&[
        data("a", Some(&a)),
        data("b", Some(&b)),
        data("c.nfo", Some(&c)),
        par2("one.par2", &index_one),
        par2("two.par2", &index_two),
        par2("one.vol0+1.par2", &[]),
        par2("three.vol0+5.par2", &[]),
    ]);
    let repairs: Vec<_> = verdict.sets.iter().map(|set| set.repair).collect();
    assert_eq!(repairs, [Repair::No { lacking: 1 }, Repair::Yes]);
    assert_eq!(verdict.unprotected, ["c.nfo"]);
    assert_eq!(verdict.strays, [(6, 5)]);
    let last = verdict.summary().pop();
    assert_eq!(
        last.as_deref(),
        Some("not repairable, not in a par2 set: c.nfo")
    );
}

#[test]
fn too_little_is_known_to_judge() {
    let a = holed("a", 5000, &[(0, 1)]);
    let verdict = judge(&[data("a", Some(&a))]);
    assert_eq!(
        verdict.summary()[1],
        "not repairable: the job has no par2 files"
    );
    let verdict = judge(&[data("a", Some(&a)), par2("x.par2", &[])]);
    assert_eq!(verdict.repair(), Repair::Unknown);
    assert!(verdict.summary()[1].ends_with("no par2 file could be read"));
    // A file that is not described; then one too many of those that are.
    let mut protects = set(1, &[("a", 5000), ("b", 5000)]);
    protects.files.retain(|file| file.name == "a");
    let sets = [protects];
    let verdict = judge(&[data("a", Some(&a)), par2("x.vol0+1.par2", &sets)]);
    assert_eq!(verdict.sets[0].repair, Repair::Unknown);
    let verdict = judge(&[data("a", None), par2("x.vol0+1.par2", &sets)]);
    assert_eq!(verdict.sets[0].repair, Repair::No { lacking: 5 });
    // Blocks without the packet that tells their size.
    let sets = [Set {
        recovery: (0..9).collect(),
        ..Set::default()
    }];
    let verdict = judge(&[data("a", Some(&a)), par2("x.vol0+9.par2", &sets)]);
    assert_eq!(verdict.sets[0].repair, Repair::Unknown);
}

#[test]
fn what_the_user_left_out_is_not_missing() {
    let index = [set(1, &[("a", 5000), ("b", 5000)])];
    let a = complete("a", 5000);
    let left_out = Listed {
        chosen: false,
        ..listed("b", None)
    };
    let verdict = judge(&[data("a", Some(&a)), (left_out, &[]), par2("x.par2", &index)]);
    let judged = &verdict.sets[0];
    assert_eq!(
        (judged.hit, judged.left_out, judged.repair),
        (5, 5, Repair::Whole)
    );
    assert_eq!(verdict.summary(), [""; 0]);
    // To repair the other one, its blocks are needed all the same.
    let a = holed("a", 5000, &[(0, 1)]);
    let odd_name = Listed {
        name: "0a1b2c",
        ..left_out
    };
    for other in [left_out, odd_name] {
        let verdict = judge(&[data("a", Some(&a)), (other, &[]), par2("x.par2", &index)]);
        let judged = &verdict.sets[0];
        assert_eq!((judged.hit, judged.left_out), (6, 5));
        assert_eq!(judged.repair, Repair::No { lacking: 6 });
    }
}

#[test]
fn volumes_under_any_name_count() {
    let protects = set(1, &[("a", 50_000)]);
    let index = [protects.clone()];
    let blocks = with_blocks(&protects, 0..3);
    let a = holed("a", 50_000, &[(0, 2001)]);
    let verdict = judge(&[
        data("a", Some(&a)),
        par2("i.par2", &index),
        // No name at all; one of its own; one that comes twice.
        par2("0a1b2c", &blocks),
        par2("0d.vol3+4.par2", &[]),
        par2("i.vol7+8.par2", &[]),
        par2("I.vol7+8.PAR2", &[]),
    ]);
    let judged = &verdict.sets[0];
    assert_eq!(
        (judged.hit, judged.there, judged.carried),
        (3, 3, 3 + 4 + 8)
    );
    assert_eq!(judged.volumes, [(3, 4), (4, 8), (5, 8)]);
    assert!(verdict.unprotected.is_empty());
}

#[test]
fn names_are_escaped_for_people() {
    let index = [set(1, &[("a\x1b[2J\n", 5000)])];
    let verdict = judge(&[par2("x\u{202e}\n.par2", &index)]);
    let text = verdict.summary().join("");
    assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
}
