//! Which volumes are chosen, and jobs played to their end.

use std::collections::BTreeSet;

use nzbpipe_store::par2::{Protected, Set};

use super::*;
use crate::verdict::{Fate, Listed, Sets, judge};

#[test]
fn the_fewest_blocks_that_are_enough_are_chosen() {
    let usual: Vec<(usize, u64)> = (0..7).map(|n| (n as usize, 1 << n)).collect();
    let cases: [(u64, &[usize]); 8] = [
        (0, &[]),
        (1, &[0]),
        (4, &[2]),
        (12, &[3, 2]),
        (63, &[5, 4, 3, 2, 1, 0]),
        (64, &[6]),
        (127, &[6, 5, 4, 3, 2, 1, 0]),
        (128, &[]),
    ];
    for (needed, expected) in cases {
        assert_eq!(choose(&usual, needed), expected, "{needed}");
    }
    // One rather than two, and nothing of what has nothing.
    assert_eq!(choose(&[(3, 5), (4, 0), (5, 5), (6, 10)], 10), [6]);
    assert_eq!(choose(&[(3, 100), (4, 60), (5, 50)], 101), [4, 5]);
    assert_eq!(choose(&[], 1), [0; 0]);
    assert_eq!(choose(&[(0, u64::MAX), (1, u64::MAX)], u64::MAX), [0]);
}

/// Against all choices there are.
#[test]
fn no_choice_is_better() {
    let volumes = [(0, 3), (1, 3), (2, 7), (3, 12), (4, 1), (5, 9)];
    for needed in 1..=35 {
        let sums = (0..1u32 << volumes.len()).map(|choice| {
            let chosen = volumes.iter().filter(|v| choice >> v.0 & 1 == 1);
            chosen.map(|v| v.1).sum::<u64>()
        });
        let best = sums.filter(|&sum| sum >= needed).min();
        let chosen = choose(&volumes, needed);
        let sum: u64 = chosen.iter().map(|&index| volumes[index].1).sum();
        assert_eq!(Some(sum), best, "{needed}: {chosen:?}");
        assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), chosen.len());
    }
}

#[test]
fn a_huge_choice_is_quick_and_enough() {
    let volumes: Vec<(usize, u64)> = (0..20_000).map(|n| (n, 50_000 + n as u64)).collect();
    for needed in [1, 60_000, 1 << 29] {
        let chosen = choose(&volumes, needed);
        let sum: u64 = chosen.iter().map(|&index| volumes[index].1).sum();
        assert!((needed..needed + 70_000).contains(&sum), "{needed} {sum}");
    }
}

/// A job of one file of 100 blocks, the first of which are missing, and par2 files.
struct Play {
    names: Vec<&'static str>,
    missing: u64,
    /// Volumes of which nothing comes.
    lost: &'static [&'static str],
}

impl Play {
    /// The batches, and whether it can be repaired in the end.
    fn play(&self, mode: Par2) -> (Vec<Vec<&'static str>>, Repair) {
        let files = self.names.iter().map(|&name| (name, 0, true));
        let mut plan = Plan::new(mode, files);
        let mut batches = vec![plan.first()];
        loop {
            let came: BTreeSet<usize> = batches.iter().flatten().copied().collect();
            let count: usize = batches.iter().map(Vec::len).sum();
            assert_eq!(came.len(), count, "a file is asked for twice: {batches:?}");
            let verdict = self.judge(&came);
            let batch = plan.next(&verdict);
            if batch.is_empty() {
                let name = |&index: &usize| self.names[index];
                let named = |batch: &Vec<usize>| batch.iter().map(name).collect();
                return (batches.iter().map(named).collect(), verdict.repair());
            }
            batches.push(batch);
        }
    }

    fn judge(&self, came: &BTreeSet<usize>) -> Verdict {
        let fate = Fate {
            name: "a".to_owned(),
            complete: self.missing == 0,
            size: Some(100_000),
            holes: vec![(0, self.missing * 1000)],
            located: true,
            ..Fate::default()
        };
        let read = |index: usize| {
            let name = self.names[index];
            let there = came.contains(&index) && !self.lost.contains(&name);
            Volume::of(name)
                .filter(|_| there)
                .map(|name| contents(&name))
        };
        let mut sets = Sets::default();
        for index in 0..self.names.len() {
            sets.add(index, read(index).into_iter().collect());
        }
        let listed = |&name: &&'static str| Listed {
            name,
            chosen: true,
            fate: (name == "a").then_some(&fate),
            ..Listed::default()
        };
        let files: Vec<Listed<'_>> = self.names.iter().map(listed).collect();
        judge(&files, &sets)
    }
}

/// What is in a par2 file of this name. Bases that begin alike are of one set, and only
/// set `x` protects the file.
fn contents(volume: &Volume) -> Set {
    let id = [volume.base.as_bytes()[0]; 16];
    let name = if volume.base.starts_with('x') {
        "a"
    } else {
        ""
    };
    let first = volume.first.unwrap_or(0);
    Set {
        id,
        slice: 1000,
        members: vec![id],
        files: vec![Protected {
            id,
            name: name.to_owned(),
            size: if name.is_empty() { 0 } else { 100_000 },
            ..Protected::default()
        }],
        recovery: (first..first + volume.blocks.unwrap_or(0)).collect(),
    }
}

const USUAL: [&str; 6] = [
    "x.vol0+1.par2",
    "x.par2",
    "x.vol1+2.par2",
    "a",
    "x.vol3+4.par2",
    "x.vol7+8.par2",
];

#[test]
fn only_what_a_repair_needs_is_fetched() {
    let play = |missing, lost| {
        let names = USUAL.to_vec();
        Play {
            names,
            missing,
            lost,
        }
        .play(Par2::Auto)
    };
    let first = vec!["a", "x.par2"];
    assert_eq!(play(0, &[]), (vec![first.clone()], Repair::Whole));
    let batch = vec!["x.vol3+4.par2", "x.vol0+1.par2"];
    assert_eq!(play(5, &[]), (vec![first.clone(), batch], Repair::Yes));
    // More than there is: nothing is fetched in vain.
    let no = Repair::No { lacking: 16 };
    assert_eq!(play(16, &[]), (vec![first.clone()], no));
    // A volume is lost: the next ones are asked for, until there are none.
    let (batches, repair) = play(4, &["x.vol3+4.par2"]);
    assert_eq!(batches[1..], [["x.vol3+4.par2"], ["x.vol7+8.par2"]]);
    assert_eq!(repair, Repair::Yes);
    let (batches, repair) = play(4, &["x.vol3+4.par2", "x.vol7+8.par2"]);
    assert_eq!(batches.len(), 3);
    assert_eq!(repair, Repair::No { lacking: 4 });
    // The index is lost: the smallest volume tells the same.
    let (batches, repair) = play(4, &["x.par2"]);
    assert_eq!(
        batches[1..],
        [["x.vol0+1.par2"].as_slice(), &["x.vol3+4.par2"]]
    );
    assert_eq!(repair, Repair::Yes);
}

#[test]
fn all_and_none_ask_once() {
    let names = USUAL.to_vec();
    let play = Play {
        names,
        missing: 5,
        lost: &[],
    };
    let (batches, repair) = play.play(Par2::All);
    assert_eq!((batches.len(), batches[0].len()), (1, 6));
    assert_eq!(
        (batches[0][0], batches[0][1], repair),
        ("a", "x.par2", Repair::Yes)
    );
    let (batches, repair) = play.play(Par2::None);
    assert_eq!((batches, repair), (vec![vec!["a"]], Repair::Unknown));
}

#[test]
fn a_set_without_an_index_is_known_by_its_smallest_volume() {
    let names = vec![
        "a",
        "x.vol1+2.par2",
        "x.vol0+1.par2",
        "y.par2",
        "y.vol0+9.par2",
    ];
    let play = |missing| {
        let names = names.clone();
        let lost = &[];
        Play {
            names,
            missing,
            lost,
        }
        .play(Par2::Auto)
    };
    let first = vec!["a", "y.par2", "x.vol0+1.par2"];
    assert_eq!(play(1), (vec![first.clone()], Repair::Yes));
    let (batches, repair) = play(3);
    assert_eq!(
        (batches, repair),
        (vec![first, vec!["x.vol1+2.par2"]], Repair::Yes)
    );
}

#[test]
fn volumes_with_names_of_their_own_are_not_all_fetched() {
    let names = vec![
        "a",
        "x1.vol0+1.par2",
        "x2.vol1+2.par2",
        "x3.vol3+4.par2",
        "x4.vol7+8.par2",
        "x5.vol15+16.par2",
    ];
    let play = |missing| {
        let names = names.clone();
        let lost = &[];
        Play {
            names,
            missing,
            lost,
        }
        .play(Par2::Auto)
    };
    let (batches, repair) = play(0);
    assert_eq!(
        (batches, repair),
        (vec![vec!["a", "x1.vol0+1.par2"]], Repair::Whole)
    );
    let (batches, repair) = play(5);
    assert_eq!(batches[1..], [["x3.vol3+4.par2"]]);
    assert_eq!(repair, Repair::Yes);
    let (batches, _) = play(40);
    assert_eq!(batches.len(), 1);
}

#[test]
fn a_set_that_hides_is_looked_for() {
    let mut names = vec!["a", "y.par2", "x.par2", "x.vol0+1.par2", "x.vol1+2.par2"];
    let lost: &'static [&'static str] = &["x.par2"];
    let play = |names: &[&'static str], missing| {
        let names = names.to_vec();
        Play {
            names,
            missing,
            lost,
        }
        .play(Par2::Auto)
    };
    let (batches, repair) = play(&names, 2);
    assert_eq!(batches[1..], [["x.vol0+1.par2"], ["x.vol1+2.par2"]]);
    assert_eq!(repair, Repair::Yes);
    assert_eq!(play(&names, 0).0.len(), 1);
    // Not for ever: sets of others.
    names.truncate(2);
    let others = [
        "b.vol0+1.par2",
        "c.vol0+1.par2",
        "d.vol0+1.par2",
        "e.vol0+1.par2",
        "f.vol0+1.par2",
        "g.vol0+1.par2",
        "h.vol0+1.par2",
        "i.vol0+1.par2",
        "j.vol0+1.par2",
        "k.vol0+1.par2",
        "l.vol0+1.par2",
        "m.vol0+1.par2",
        "n.vol0+1.par2",
    ];
    names.extend(others);
    let (batches, repair) = play(&names, 2);
    assert_eq!(batches.len(), 1 + PROBES);
    assert!(matches!(repair, Repair::No { .. }));
}

#[test]
fn what_the_user_left_out_is_not_asked_for() {
    let files = [
        ("a", 0, true),
        ("x.par2", 0, true),
        ("x.vol0+9.par2", 0, false),
    ];
    for mode in [Par2::Auto, Par2::All] {
        let mut plan = Plan::new(mode, files);
        assert_eq!(plan.first(), [0, 1]);
        let verdict = Play {
            names: vec!["a", "x.par2", "x.vol0+9.par2"],
            missing: 1,
            lost: &[],
        };
        let verdict = verdict.judge(&[0, 1].into());
        assert_eq!(plan.next(&verdict), [0; 0]);
    }
}
