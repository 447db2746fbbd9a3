//! Lines written and read again.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_text_survives_a_field(text in any::<String>()) {
        let escaped = Escaped(&text).to_string();
        prop_assert!(escaped.bytes().all(|b| b.is_ascii_graphic()));
        prop_assert_eq!(unescape(&escaped), Some(text));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse(&bytes);
        let body = String::from_utf8_lossy(&bytes).into_owned();
        let _ = parse(format!("part {body} {:08x}", crc32fast::hash(body.as_bytes())).as_bytes());
        let _ = unescape(&body);
    }
}

#[test]
fn what_was_agreed_on_survives() {
    let crcs = [Agreed::Nothing, Agreed::Split, Agreed::On(0xabc)];
    for crc32 in crcs {
        let hints = Hints {
            size: Agreed::On(7),
            name: Agreed::Split,
            crc32,
        };
        let line = Line::Hint {
            file: "f",
            hints: &hints,
        }
        .to_string();
        let whole = format!("{line} {:08x}", crc32fast::hash(line.as_bytes()));
        let file = "f".to_owned();
        assert_eq!(parse(whole.as_bytes()), Some(Owned::Hint { file, hints }));
    }
}

#[test]
fn every_state_of_a_piece_survives() {
    let uu = |ends| Some(Order::Uu { ends });
    let print = Print {
        family: Family {
            name: Some(0xab),
            size: Some(7),
        },
        fits: true,
        crc32: Some(9),
    };
    let prints = [Print::default(), print];
    let states = [None, uu(false), uu(true), Some(Order::Raw)];
    for (verified, order) in states
        .map(|order| (false, order))
        .into_iter()
        .chain([(true, None)])
    {
        let entry = Entry {
            offset: 1,
            len: 2,
            crc32: 3,
            verified,
            order,
            print: 0,
        };
        let print = prints[usize::from(verified)];
        let line = Line::Part {
            file: "f",
            number: 4,
            entry,
            print,
        }
        .to_string();
        let whole = format!("{line} {:08x}", crc32fast::hash(line.as_bytes()));
        let want = Owned::Part {
            file: "f".to_owned(),
            number: 4,
            entry,
            print,
        };
        assert_eq!(parse(whole.as_bytes()), Some(want), "{line}");
    }
}

#[test]
fn an_empty_file_id_is_a_field_too() {
    let line = Line::Gone {
        file: "",
        number: Some(4),
    }
    .to_string();
    let whole = format!("{line} {:08x}\n", crc32fast::hash(line.as_bytes()));
    let want = Owned::Gone {
        file: String::new(),
        number: Some(4),
    };
    assert_eq!(parse(whole.as_bytes()), Some(want));
}
