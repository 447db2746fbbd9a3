//! Streams that a program made up: records that claim too much, lie or end early. Whatever the
//! last program is given, it never calls a file complete that is not, and never grows one.

use crate::harness::Scene;

/// P10, P12–P14, P17, P19: what `seg-write` makes of one record between `stream` and `end`.
#[test]
fn records_that_lie() {
    const BIG: &str = "9223372036854775808";
    let part = |len: &str, fields: &str| {
        format!("{{\"len\":{len},\"type\":\"part\",\"name\":\"a.txt\",\"crc\":\"ok\",{fields}}}\n")
    };
    let place = "\"number\":1,\"of\":1,\"offset\":0";
    let rows: Vec<(&str, Vec<u8>, &[i32])> = vec![
        ("len=2^63", [part(BIG, place).as_bytes(), b"abc\n"].concat(), &[65]),
        ("len=2^64", [part("18446744073709551616", place).as_bytes(), b"abc\n"].concat(), &[65]),
        ("len=-1", [part("-1", place).as_bytes(), b"abc\n"].concat(), &[65]),
        ("len=1e3", [part("1e3", place).as_bytes(), b"abc\n"].concat(), &[65]),
        ("len is too small", [part("2", place).as_bytes(), b"abc\n"].concat(), &[65]),
        ("len is too large", [part("9", place).as_bytes(), b"abc\n"].concat(), &[65, 76]),
        ("of=2^63", [part("3", &format!("\"number\":1,\"of\":{BIG},\"offset\":0")).as_bytes(), b"abc\n"].concat(), &[1]),
        ("number=2^63", [part("3", &format!("\"number\":{BIG},\"of\":1,\"offset\":0")).as_bytes(), b"abc\n"].concat(), &[0, 1, 65]),
        ("offset=2^63", [part("3", &format!("\"number\":1,\"of\":1,\"offset\":{BIG}")).as_bytes(), b"abc\n"].concat(), &[1, 65]),
        ("size=2^63", [part("3", &format!("{place},\"size\":{BIG}")).as_bytes(), b"abc\n"].concat(), &[1, 65]),
        ("a wrong crc32", [part("3", &format!("{place},\"crc32\":\"00000000\"")).as_bytes(), b"abc\n"].concat(), &[1]),
        ("no payload at all", b"{\"type\":\"part\",\"name\":\"a.txt\",\"offset\":0,\"crc\":\"ok\"}\n".to_vec(), &[65]),
        ("malformed JSON", b"{\"type\":\"part\",\n".to_vec(), &[65]),
        ("NaN", b"{\"type\":\"part\",\"number\":NaN}\n".to_vec(), &[65]),
        ("a wrong type", b"{\"type\":7}\n".to_vec(), &[65]),
        ("deep nesting", ["[".repeat(10_000), "\n".to_owned()].concat().into_bytes(), &[65]),
        ("a lone surrogate", b"{\"type\":\"part\",\"name\":\"\\ud800\"}\n".to_vec(), &[65]),
        ("no UTF-8", b"{\"type\":\"part\",\"name\":\"\xff\"}\n".to_vec(), &[65]),
        ("an NZB", b"<?xml version=\"1.0\"?>\n".to_vec(), &[65]),
        ("a failed record of 2^63", format!("{{\"type\":\"failed\",\"class\":\"transport\",\"reason\":\"x\",\"name\":\"a.txt\",\"number\":{BIG},\"of\":{BIG}}}\n").into_bytes(), &[75, 65]),
    ];
    let t = Scene::alone();
    for (what, record, codes) in rows {
        let begin = b"{\"type\":\"stream\",\"v\":1}\n".as_slice();
        t.write("p.rec", [begin, &record, b"{\"type\":\"end\"}\n"].concat());
        let done = t.run("rm -rf out; seg-write -d out < p.rec");
        assert!(codes.contains(&done.code), "{what}\n{}", done.shown());
        assert_eq!(t.path("out/a.txt").exists(), done.code == 0, "{what}");
        let large = t.tree("out").values().any(|file| file.len() > 90);
        assert!(!large, "{what}\n{}", done.shown());
    }
}
