//! PAR2 files of our own and of par2cmdline, whole, damaged and hostile.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use md5::{Digest, Md5};
use proptest::prelude::*;

use super::*;

const SET: Id = *b"the set's own id";

/// A packet with the right MD5.
fn packet(set: Id, kind: &[u8; 16], body: &[u8]) -> Vec<u8> {
    assert!(body.len().is_multiple_of(4));
    let hashed = [&set, kind.as_slice(), body].concat();
    let length = (64 + body.len() as u64).to_le_bytes();
    let md5 = Md5::digest(&hashed);
    [b"PAR2\0PKT", &length[..], &md5[..], &hashed].concat()
}

fn main_of(set: Id, slice: u64, members: &[Id], others: &[Id]) -> Vec<u8> {
    let count = members.len() as u32;
    let ids = [members, others].concat().concat();
    let body = [&slice.to_le_bytes()[..], &count.to_le_bytes(), &ids].concat();
    packet(set, b"PAR 2.0\0Main\0\0\0\0", &body)
}

fn described(set: Id, id: u8, name: &[u8], size: u64) -> Vec<u8> {
    let mut name = name.to_vec();
    name.resize(name.len().next_multiple_of(4), 0);
    let (id, md5, md5_16k) = ([id; 16], [id + 100; 16], [id + 50; 16]);
    let body = [&id[..], &md5, &md5_16k, &size.to_le_bytes(), &name].concat();
    packet(set, b"PAR 2.0\0FileDesc", &body)
}

fn unicode(set: Id, id: u8, name: &str) -> Vec<u8> {
    let mut body = [id; 16].to_vec();
    body.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
    body.resize(body.len().next_multiple_of(4), 0);
    packet(set, b"PAR 2.0\0UniFileN", &body)
}

fn block(set: Id, exponent: u32, slice: usize) -> Vec<u8> {
    let body = [&exponent.to_le_bytes()[..], &vec![exponent as u8; slice]].concat();
    packet(set, b"PAR 2.0\0RecvSlic", &body)
}

fn creator(set: Id) -> Vec<u8> {
    packet(set, b"PAR 2.0\0Creator\0", b"a test  ")
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn sets(bytes: &[u8]) -> Vec<Set> {
    let file = file_of(bytes);
    let quick = read(&file, false).unwrap();
    let slow = read(&file, true).unwrap();
    assert_eq!(quick, slow, "the two ways to read differ");
    slow
}

fn exponents(set: &Set) -> Vec<u32> {
    set.recovery.iter().copied().collect()
}

/// Two files of 3 and 1 slices of 8 bytes, and the blocks 5 and 6.
fn volume() -> Vec<Vec<u8>> {
    vec![
        creator(SET),
        block(SET, 5, 8),
        main_of(SET, 8, &[[1; 16], [2; 16]], &[[3; 16]]),
        described(SET, 2, b"b", 8),
        block(SET, 6, 8),
        described(SET, 1, b"a.rar", 17),
        described(SET, 3, b"not protected", 1000),
        main_of(SET, 8, &[[1; 16], [2; 16]], &[[3; 16]]),
    ]
}

#[test]
fn a_volume_is_read() {
    let found = sets(&volume().concat());
    let [set] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!((set.id, set.slice), (SET, 8));
    assert!(set.is_known());
    assert_eq!(exponents(set), [5, 6]);
    let files: Vec<_> = set
        .files
        .iter()
        .map(|f| (f.name.as_str(), f.size))
        .collect();
    assert_eq!(files, [("a.rar", 17), ("b", 8)]);
    assert_eq!(
        (set.files[0].md5_16k, set.files[0].md5),
        ([51; 16], [101; 16])
    );
    let slices: Vec<_> = set.files.iter().map(|f| f.slices(8)).collect();
    assert_eq!(slices, [3, 1]);
}

/// Of par2cmdline, with the digests md5sum gives for the files.
#[test]
fn what_par2cmdline_made_is_read() {
    let open = |name| File::open(Path::new("testdata").join(name)).unwrap();
    let hex = |id: &Id| id.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let index = open("small.par2");
    assert!(is_par2(&index).unwrap());
    let mut found = read(&index, true).unwrap();
    assert_eq!(found.len(), 1);
    let mut set = found.remove(0);
    let mut files: Vec<_> = set.files.iter().collect();
    files.sort_by_key(|file| &file.name);
    let seen: Vec<_> = files
        .iter()
        .map(|f| (f.name.as_str(), f.size, f.slices(set.slice), hex(&f.md5)))
        .collect();
    let md5 = [
        "ab76f0afb880685292f2e739babe85c6",
        "b29457ea8353e04b5af975dc90c6af31",
        "d15dbfcb847653913855e21370d83af1",
    ];
    let expected = [
        ("alpha.bin", 5000, 10, md5[0].to_owned()),
        ("beta.bin", 1024, 2, md5[1].to_owned()),
        ("gamma.txt", 6, 1, md5[2].to_owned()),
    ];
    assert_eq!(seen, expected);
    assert!(files.iter().all(|file| file.md5 == file.md5_16k));
    assert!(set.recovery.is_empty() && set.is_known());
    for check in [false, true] {
        let volume = read(&open("small.vol1+2.par2"), check).unwrap().remove(0);
        assert_eq!((volume.slice, exponents(&volume)), (512, vec![1, 2]));
        assert!(set.merge(volume));
    }
    assert_eq!((set.files.len(), exponents(&set)), (3, vec![1, 2]));
}

#[test]
fn names_are_read_as_they_are_meant() {
    let bytes = [
        main_of(SET, 8, &[[1; 16], [2; 16], [4; 16], [5; 16]], &[]),
        described(SET, 1, "Größe".as_bytes(), 1),
        described(SET, 2, b"Gr\xf6\xdfe", 1),
        unicode(SET, 4, "Größe \u{1f600}"),
        described(SET, 4, b"Gr??e", 1),
        described(SET, 5, b"../../etc/passwd\0hidden", 1),
    ];
    let names: Vec<_> = sets(&bytes.concat())[0]
        .files
        .iter()
        .map(|file| file.name.clone())
        .collect();
    let expected = ["Größe", "Größe", "Größe \u{1f600}", "../../etc/passwd"];
    assert_eq!(names, expected);
}

#[test]
fn a_bad_packet_costs_only_itself() {
    let whole = volume();
    let at = |index: usize| whole[..index].concat().len();
    for (damaged, lost_blocks, lost_files) in [(0, 0, 0), (1, 1, 0), (3, 0, 1), (4, 1, 0)] {
        let mut bytes = whole.concat();
        // The MD5 itself; then the body, then the length, as far as no header.
        for offset in [20, 67, 9] {
            bytes.clone_from(&whole.concat());
            bytes[at(damaged) + offset] ^= 1;
            let set = read(&file_of(&bytes), true).unwrap().remove(0);
            assert_eq!(set.recovery.len(), 2 - lost_blocks, "{damaged} {offset}");
            assert_eq!(set.undescribed(), lost_files, "{damaged} {offset}");
        }
    }
}

#[test]
fn rubbish_between_packets_is_passed_over() {
    let mut bytes = b"rubbish PAR2\0PK".to_vec();
    for packet in volume() {
        bytes.extend(packet);
        bytes.extend(b"PAR2\0PKT and PAR2");
    }
    let set = read(&file_of(&bytes), true).unwrap().remove(0);
    assert!(set.is_known() && set.recovery.len() == 2);
}

/// The file is read in windows of 64 KiB.
#[test]
fn a_magic_across_two_windows_is_found() {
    for before in (64 << 10) - 8..=64 << 10 {
        let bytes = [vec![0; before], block(SET, 1, 8)].concat();
        assert_eq!(exponents(&sets(&bytes)[0]), [1], "{before}");
    }
}

#[test]
fn without_a_check_a_block_has_a_frame_at_least() {
    let mut bytes = volume().concat();
    // The second block claims to be longer than it is: into the only description of a file.
    let block = volume()[..4].concat().len();
    bytes[block + 8] += 4;
    let set = read(&file_of(&bytes), false).unwrap().remove(0);
    assert!(set.is_known());
    assert_eq!(exponents(&set), [5]);
}

#[test]
fn a_truncated_or_holed_volume_has_fewer_blocks() {
    let whole = volume().concat();
    for end in 0..whole.len() {
        for check in [false, true] {
            for set in read(&file_of(&whole[..end]), check).unwrap() {
                assert!(
                    set.files
                        .iter()
                        .all(|f| f.size == 17 || f.size == 8 || set.slice == 0)
                );
                assert!(set.recovery.iter().all(|e| [5, 6].contains(e)));
            }
        }
    }
    let hole = creator(SET).len() + 70;
    let mut holed = whole;
    holed[hole..hole + 4].fill(0);
    assert_eq!(exponents(&read(&file_of(&holed), true).unwrap()[0]), [6]);
    // Without a check only the frame is looked at.
    assert_eq!(
        exponents(&read(&file_of(&holed), false).unwrap()[0]),
        [5, 6]
    );
}

#[test]
fn volumes_of_a_set_add_up() {
    let index = [
        main_of(SET, 8, &[[1; 16], [2; 16]], &[]),
        described(SET, 1, b"a", 9),
    ];
    let rest = [
        described(SET, 2, b"b", 8),
        described(SET, 3, b"c", 8),
        block(SET, 1, 8),
    ];
    let (mut one, mut two) = (sets(&index.concat()), sets(&rest.concat()));
    let (one, two) = (one.remove(0), two.remove(0));
    assert_eq!((one.undescribed(), two.slice, two.files.len()), (1, 0, 2));
    for (mut set, other) in [(one.clone(), two.clone()), (two, one)] {
        assert!(set.merge(other));
        assert!(set.is_known());
        assert_eq!((set.files.len(), exponents(&set)), (2, vec![1]));
        assert!(!set.merge(Set::default()));
    }
}

#[test]
fn sets_in_one_file_are_kept_apart() {
    let other = [7; 16];
    let bytes = [
        volume().concat(),
        main_of(other, 16, &[[9; 16]], &[]),
        block(other, 5, 16),
        // No block of either: not of their slices' size.
        block(other, 6, 8),
        block(SET, 7, 16),
        block(SET, 65_536, 8),
    ];
    let found = sets(&bytes.concat());
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].slice, exponents(&found[0])), (8, vec![5, 6]));
    assert_eq!((found[1].slice, exponents(&found[1])), (16, vec![5]));
    assert_eq!(found[1].undescribed(), 1);
}

#[test]
fn claims_that_cannot_be_true_mean_nothing() {
    let main = |slice: u64, count: u32| {
        let body = [&slice.to_le_bytes()[..], &count.to_le_bytes(), &[1; 16]].concat();
        packet(SET, b"PAR 2.0\0Main\0\0\0\0", &body)
    };
    for bad in [main(0, 1), main(6, 1), main(8, 2), main(8, 1_000_000_000)] {
        let bytes = [bad, described(SET, 1, b"a", 1)].concat();
        let set = sets(&bytes).remove(0);
        assert_eq!((set.slice, set.members.len()), (0, 0));
    }
    for length in [0, 4, 63, 60, 66, 1 << 40, u64::MAX, u64::MAX - 3] {
        let mut bytes = creator(SET);
        bytes[8..16].copy_from_slice(&length.to_le_bytes());
        bytes.extend(volume().concat());
        assert_eq!(exponents(&sets(&bytes)[0]), [5, 6], "{length}");
    }
    let huge = described(SET, 1, b"a", u64::MAX);
    let set = sets(&[main(4, 1), huge].concat()).remove(0);
    assert_eq!(set.files[0].slices(4), 1 << 62);
    assert_eq!(set.files[0].slices(0), 0);
    // Longer than any name.
    let long = described(SET, 1, &vec![b'a'; 1 << 17], 1);
    assert_eq!(sets(&[main(4, 1), long].concat())[0].undescribed(), 1);
}

#[test]
fn what_is_kept_has_a_cap() {
    let many: Vec<u8> = (0..200u8).flat_map(|id| block([id; 16], 1, 8)).collect();
    assert_eq!(sets(&many).len(), 64);
    let ids: Vec<Id> = (0..60_000u32)
        .map(|n| u128::from(n).to_le_bytes())
        .collect();
    let mains: Vec<u8> = (0..10)
        .flat_map(|n| main_of([n; 16], 4, &ids, &[]))
        .collect();
    let kept: usize = sets(&mains).iter().map(|set| set.members.len()).sum();
    assert_eq!(kept, 4 * 60_000);
}

/// Every one of these packets claims the rest of the file: without a limit on what is
/// hashed in vain this takes 30 GB of hashing.
#[test]
fn overlapping_claims_end_in_time() {
    let mut bytes = Vec::new();
    let total = 2u64 << 20;
    while (bytes.len() as u64) < total {
        let mut packet = creator(SET);
        let rest = (total - bytes.len() as u64).next_multiple_of(4);
        packet[8..16].copy_from_slice(&rest.to_le_bytes());
        bytes.extend(packet);
    }
    assert_eq!(sets(&bytes), []);
}

#[test]
fn what_is_no_par2_file_has_no_sets() {
    let empty = packet(SET, b"PAR 2.0\0RecvSlic", b"");
    for bytes in [
        b"",
        &b"PAR2\0PK"[..],
        b"PAR2\0PKT",
        &[0; 1000],
        &creator(SET),
        &empty,
    ] {
        assert_eq!(sets(bytes), []);
    }
    assert!(!is_par2(&file_of(b"PAR2\0PK")).unwrap());
    assert!(is_par2(&file_of(&creator(SET))).unwrap());
}

proptest! {
    /// Whatever is changed, nothing is read that was not there.
    #[test]
    fn changed_bytes_invent_nothing(
        changes in prop::collection::vec((0usize..4000, any::<u8>()), 0..12),
        cut in 0usize..4000,
        check: bool,
    ) {
        let mut bytes = volume().concat();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(cut.max(500));
        let whole = sets(&volume().concat()).remove(0);
        for set in read(&file_of(&bytes), check).unwrap() {
            if set.slice > 0 {
                prop_assert_eq!(&set.members, &whole.members);
                prop_assert!(set.files.iter().all(|file| whole.files.contains(file)));
            }
            if check {
                prop_assert!(set.recovery.is_subset(&whole.recovery));
            }
        }
    }

    #[test]
    fn any_bytes_behind_a_header_do_no_harm(
        kind in 0usize..4,
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let kinds = [
            b"PAR 2.0\0Main\0\0\0\0",
            b"PAR 2.0\0FileDesc",
            b"PAR 2.0\0UniFileN",
            b"PAR 2.0\0RecvSlic",
        ];
        let body = &body[..body.len() / 4 * 4];
        let bytes = packet(SET, kinds[kind], body);
        for set in sets(&bytes) {
            prop_assert!(set.files.len() + set.recovery.len() <= 1);
            prop_assert!(set.members.len() < 300 / 16);
        }
    }
}
