//! Names that want to be elsewhere, to be something else, or not to be seen.

use proptest::prelude::*;

use super::*;

/// Rows carry the number of the fault they stand for.
const ROWS: &[(&str, &str, &str)] = &[
    ("plain", "movie.part01.rar", "movie.part01.rar"),
    ("plain", "Ünï cödé – 日本.mkv", "Ünï cödé – 日本.mkv"),
    ("plain", "❤\u{fe0f} 👍🏽.mkv", "❤\u{fe0f} 👍🏽.mkv"),
    ("plain", "..hidden", "_.hidden"),
    ("plain", ".profile", "_profile"),
    ("plain", "./.ssh/..x", "_ssh_..x"),
    ("N40", "../x", "x"),
    ("N40", "a/../../x", "a_x"),
    ("N40", "/etc/x", "etc_x"),
    ("N40", "//x", "x"),
    ("N40", "..\\x", "x"),
    ("N40", "C:x", "C_x"),
    ("N40", "\\\\host\\share\\x", "host_share_x"),
    ("N40", "\\\\?\\C:\\x", "?_C__x"),
    ("N40", "a:b", "a_b"),
    ("N41", "", "unnamed"),
    ("N41", ".", "unnamed"),
    ("N41", "..", "unnamed"),
    ("N41", "...", "unnamed"),
    ("N41", ". .. .", "unnamed"),
    ("N41", "./. /../", "unnamed"),
    ("N41", "\u{a0}..\u{3000}", "unnamed"),
    ("N43", "CON", "_CON"),
    ("N43", "aux.txt", "_aux.txt"),
    ("N43", "COM¹", "_COM¹"),
    ("N43", "lpt9.log", "_lpt9.log"),
    ("N43", "com10", "com10"),
    ("N43", "console.log", "console.log"),
    ("N43", "com²", "_com²"),
    ("N43", "LPT³ .txt", "_LPT³ .txt"),
    ("N43", "CONIN$", "_CONIN$"),
    ("N43", "conout$.log", "_conout$.log"),
    ("N43", "nul.tar.gz", "_nul.tar.gz"),
    ("N43", " prn ", "_prn"),
    ("N43", "x. . .", "x"),
    ("N43", "x.mkv\u{a0}.\u{2003}", "x.mkv"),
    ("N43", "  x ", "x"),
    ("N44", "a\0b\nc\td", "a_b_c_d"),
    ("N44", "\u{1b}]52;c;x\u{7}", "_]52;c;x_"),
    ("N44", "a\u{202e}gpj.exe", "a_gpj.exe"),
    ("N44", "a\u{200b}b\u{2028}c\u{feff}", "a_b_c_"),
    ("N44", "a\u{85}b\u{9b}c", "a_b_c"),
    ("N44", "a\u{2029}b\u{2066}c\u{2069}", "a_b_c_"),
    ("N44", "a\u{200d}b\u{2060}c\u{ad}d\u{61c}", "a_b_c_d_"),
    ("N44", "\u{3164}\u{2800}\u{e0041}", "___"),
    ("N44", "a\u{7f}\r\n", "a___"),
    ("N45", "--help", "_-help"),
    ("N45", "-rf", "_rf"),
    ("N45", "../-rf", "_rf"),
    ("N45", "@file", "_file"),
    ("N45", " -x", "_x"),
    ("N45", "\u{202e}-x", "_-x"),
    ("N45", "$(x) `y`", "$(x) `y`"),
    (
        "N49",
        ".nzbpipe-0123456789ab.journal",
        "_nzbpipe-0123456789ab.journal",
    ),
    ("N49", ".NZBpipe", "_NZBpipe"),
    ("N49", "x.0123456789ab.part", "x.0123456789ab_part"),
    ("N49", "x.0123456789ab.PART", "x.0123456789ab_PART"),
    ("N49", "x.part", "x.part"),
    ("N49", "x.0123456789 x.part", "x.0123456789 x.part"),
];

#[test]
fn table() {
    for (row, name, want) in ROWS {
        assert_eq!(safe_name(name), *want, "{row}: {name:?}");
        assert_eq!(safe_name(want), *want, "{row}: not stable");
    }
}

#[test]
fn n42_long_names_keep_extension_and_differ() {
    for unit in ["a", "é", "日", "😀"] {
        let long = unit.repeat(300);
        let one = safe_name(&format!("{long}1.mkv"));
        let two = safe_name(&format!("{long}2.mkv"));
        assert!(one.len() <= MAX && one.len() > MAX - 4, "{unit}");
        assert!(one.ends_with(".mkv"), "{unit}");
        assert_ne!(one, two);
    }
    assert_eq!(safe_name(&"a".repeat(255)), "a".repeat(255));
    assert_eq!(safe_name(&format!("x.{}", "e".repeat(400))).len(), MAX);
    // Cutting must not make a name of our own.
    let sly = format!("{}.{}", "a".repeat(240), "b".repeat(100));
    assert!(!safe_name(&sly).ends_with(".part"));
}

#[test]
fn numbers_go_before_the_extension() {
    assert_eq!(numbered("a.b.mkv", 2), "a.b (2).mkv");
    assert_eq!(numbered("README", 3), "README (3)");
    assert_eq!(numbered("_nfo", 2), "_nfo (2)");
    let long = numbered(&format!("{}.rar", "é".repeat(125)), 12);
    assert!(long.len() <= MAX && long.ends_with("é (12).rar"), "{long}");
}

#[test]
fn part_names_fit() {
    assert_eq!(
        part_name("a.rar", "0123456789ab"),
        "a.rar.0123456789ab.part"
    );
    assert_eq!(part_name(&"a".repeat(255), "0123456789ab").len(), MAX);
    assert_eq!(tag("0123456789abcdef"), "0123456789ab");
    // Ids made by hand have their difference at the end: two jobs must not share a
    // journal for that.
    assert_ne!(tag("LinuxDistribution1"), tag("LinuxDistribution2"));
    for odd in [
        "",
        "short",
        "LinuxDistribution1",
        "../../../etc/passwd",
        "ééééééééééééé",
    ] {
        let tag = tag(odd);
        assert!(tag.len() == TAG && tag.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}

/// Text with much of what makes a name unsafe in it.
fn nasty() -> impl Strategy<Value = String> {
    let bit = prop_oneof![
        r"[./\\ :@-]{1,3}",
        r"(con|AUX|com¹|Lpt9|conin\$|nul)",
        r"\.(part|PART|[0-9a-f]{12}|nzbpipe-)",
        r"[\u{0}-\u{ff}]{1,4}",
        r"[\u{300}-\u{370}\u{2000}-\u{2070}\u{3000}\u{fe0f}\u{feff}]",
        r"[a-c日é😀]{0,90}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(bit, 0..8).prop_map(|bits| bits.concat())
}

fn assert_safe(name: &str) {
    assert!(!name.is_empty() && name.len() <= MAX, "{name:?}");
    assert!(!name.contains(['/', '\\', ':']), "{name:?}");
    assert!(!name.chars().any(char::is_control), "{name:?}");
    assert!(!name.starts_with(['.', '-', '@']), "{name:?}");
    assert!(!name.ends_with('.') && name.trim() == name, "{name:?}");
    // What we make of it, too: it is read back from the journal and judged again.
    assert_eq!(safe_name(name), name);
}

proptest! {
    #[test]
    fn any_text_becomes_one_safe_component(text in nasty(), n in 2..u64::MAX) {
        let name = safe_name(&text);
        assert_safe(&name);
        // A numbered name was once taken for one of our own, `….12345678 (2).part`, and
        // its file was not found again.
        assert_safe(&numbered(&name, n));
        let part = part_name(&name, "0123456789ab");
        prop_assert!(part.len() <= MAX && part.ends_with(".0123456789ab.part"));
        prop_assert_ne!(safe_name(&part), part);
    }
}

#[test]
fn a_numbered_name_is_not_one_of_ours() {
    let name = numbered("x.12345678.part", 2);
    assert_eq!(name, "x.12345678 (2).part");
    assert_eq!(safe_name(&name), name);
}
